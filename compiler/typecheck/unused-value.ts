/** `-Wunused-value`: an expression statement whose value nobody takes and that does nothing. */
import type { Context } from './context.js'
import { isVoid } from './type-facts.js'
import type { Expr } from './typed-ast.js'

/** Whether evaluating the expression changes anything. */
export function hasEffect(expr: Expr): boolean {
  switch (expr.kind) {
    case 'assign':
    case 'compound_assign':
    case 'incdec':
    case 'call':
    case 'builtin':
    case 'atomic':
    case 'statement_expr':
      return true
    case 'convert':
      return expr.conversion === 'to_void' || hasEffect(expr.operand)
    case 'comma':
      return hasEffect(expr.right)
    case 'conditional':
      return hasEffect(expr.otherwise) || (expr.then !== undefined && hasEffect(expr.then)) || isVoid(expr.type)
    case 'logical':
      return hasEffect(expr.right)
    case 'load':
      return hasEffect(expr.object)
    case 'deref':
      return hasEffect(expr.pointer)
    case 'preserve_access':
      return true
    default:
      return false
  }
}

export function warnUnusedValue(c: Context, expr: Expr): void {
  // As clang: what a macro's body computes may serve others of its uses.
  if (c.tokens.inMacroBody(expr.token)) return
  if (expr.type.kind === 'error' || isVoid(expr.type) || c.unevaluated > 0 || hasEffect(expr)) return
  if (expr.kind === 'compare' || (expr.kind === 'int' && /[<>=!]=?/.test(c.text(c.tokens.atom[expr.token]!)))) {
    const word =
      expr.kind === 'compare' && expr.op === '=='
        ? 'equality'
        : expr.kind === 'compare' && expr.op === '!='
          ? 'inequality'
          : 'relational'
    c.warn('T0602', expr, `${word} comparison result unused`, 'unused-comparison')
  } else c.warn('T0602', expr, 'expression result unused', 'unused-value')
}
