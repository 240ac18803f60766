/**
 * `-Wuninitialized` and `-Wsometimes-uninitialized`: reads of automatic scalars before anything was stored. A walk over the body keeps, for
 * each variable whose address is never taken, whether it is surely unset, surely set, or neither; loops are walked once and labels that
 * are jumped to forget what was known, so that what is said is sure.
 */
import { evaluate } from './constants.js'
import type { Context } from './context.js'
import { isScalar } from './type-facts.js'
import type { Expr, FunctionDecl, LoopStmt, Stmt, SwitchStmt, VarDecl } from './typed-ast.js'

/** Variables surely without a value; everything else has one, or may have. Undefined: not reached. */
type Unset = Set<VarDecl> | undefined

/** Merges two ways: a variable is surely unset only where both agree. */
function merge(a: Unset, b: Unset): Unset {
  if (!a) return b
  if (!b) return a
  return new Set([...a].filter(decl => b.has(decl)))
}

const copy = (state: Unset): Unset => state && new Set(state)

class Walk {
  private readonly breaks = new Map<LoopStmt | SwitchStmt, Unset[]>()
  private readonly told = new Set<VarDecl>()

  constructor(
    private readonly c: Context,
    private readonly hasLabels: boolean,
  ) {}

  stmts(body: readonly Stmt[], state: Unset): Unset {
    let at = state
    for (const stmt of body) at = this.stmt(stmt, at)
    return at
  }

  stmt(stmt: Stmt, state: Unset): Unset {
    switch (stmt.kind) {
      case 'compound':
        return this.stmts(stmt.body, state)
      case 'var': {
        const { decl } = stmt
        for (const item of decl.init?.items ?? []) this.expr(item.value, state)
        if (decl.init) state?.delete(decl)
        else if (isScalar(decl.type) && !decl.addressTaken && !decl.unused && decl.storage === 'automatic') state?.add(decl)
        return state
      }
      case 'expr':
        this.expr(stmt.expr, state)
        return noReturn(stmt.expr) ? undefined : state
      case 'if': {
        this.expr(stmt.condition, state)
        const known = evaluate(stmt.condition)
        const truth = known?.kind === 'int' ? known.value !== 0n : undefined
        const then = this.stmt(stmt.then, truth === false ? undefined : copy(state))
        const otherwise = truth === true ? undefined : stmt.otherwise ? this.stmt(stmt.otherwise, copy(state)) : copy(state)
        return merge(then, otherwise)
      }
      case 'loop':
        return this.loop(stmt, state)
      case 'switch': {
        this.expr(stmt.value, state)
        this.breaks.set(stmt, [])
        const before = copy(state)
        this.switchEntry.push(before)
        const falls = this.stmt(stmt.body, undefined)
        this.switchEntry.pop()
        let after = merge(falls, stmt.cases.some(each => each.low === undefined) ? undefined : before)
        for (const way of this.breaks.get(stmt)!) after = merge(after, way)
        return after
      }
      case 'case':
        return this.stmt(stmt.body, merge(state, copy(this.switchEntry.at(-1))))
      case 'label':
        // Jumps may come from anywhere: nothing is sure any more.
        return this.stmt(stmt.body, this.hasLabels ? new Set() : state)
      case 'goto':
      case 'continue':
        return undefined
      case 'break':
        this.breaks.get(stmt.target)?.push(copy(state))
        return undefined
      case 'return':
        if (stmt.value) this.expr(stmt.value, state)
        return undefined
      case 'asm':
        for (const operand of stmt.inputs) this.expr(operand.value, state)
        for (const operand of stmt.outputs) if (operand.value.kind === 'var') state?.delete(operand.value.decl)
        return state
      case 'null':
        return state
    }
  }

  private readonly switchEntry: Unset[] = []

  private loop(loop: LoopStmt, state: Unset): Unset {
    this.breaks.set(loop, [])
    let at = this.stmts(loop.init, state)
    if (!loop.testLast && loop.condition) this.expr(loop.condition, at)
    const known = loop.condition ? evaluate(loop.condition) : undefined
    const forever = !loop.condition || (known?.kind === 'int' && known.value !== 0n)
    const before = copy(at)
    at = this.stmt(loop.body, at)
    if (loop.testLast && loop.condition) this.expr(loop.condition, at)
    if (loop.step) this.expr(loop.step, at)
    let after: Unset = forever ? undefined : loop.testLast ? at : before
    for (const way of this.breaks.get(loop)!) after = merge(after, way)
    return after
  }

  /** Looks at reads and stores in the order of evaluation, as far as C has one. */
  private expr(expr: Expr, state: Unset): void {
    if (!state) return
    switch (expr.kind) {
      case 'load':
        if (expr.object.kind === 'var') this.read(expr.object.decl, expr, state)
        else this.expr(expr.object, state)
        return
      case 'assign':
        this.expr(expr.value, state)
        if (expr.target.kind === 'var') state.delete(expr.target.decl)
        else this.expr(expr.target, state)
        return
      case 'compound_assign':
        this.expr(expr.value, state)
        if (expr.target.kind === 'var') this.read(expr.target.decl, expr, state)
        else this.expr(expr.target, state)
        return
      case 'incdec':
        if (expr.target.kind === 'var') this.read(expr.target.decl, expr, state)
        else this.expr(expr.target, state)
        return
      case 'logical':
        this.expr(expr.left, state)
        this.maybe(expr.right, state)
        return
      case 'conditional':
        this.expr(expr.condition, state)
        if (expr.then) this.maybe(expr.then, state)
        this.maybe(expr.otherwise, state)
        return
      case 'statement_expr': {
        const after = this.stmts(expr.body.body, state)
        if (after && after !== state) {
          for (const decl of [...state]) if (!after.has(decl)) state.delete(decl)
          for (const decl of after) state.add(decl)
        }
        if (after && expr.result) this.expr(expr.result, state)
        return
      }
      default:
        for (const part of partsOf(expr)) this.expr(part, state)
    }
  }

  /** A part that may not be evaluated: what it stores is not sure, but no longer surely missing either. */
  private maybe(expr: Expr, state: Set<VarDecl>): void {
    const own = new Set(state)
    this.expr(expr, own)
    for (const decl of [...state]) if (!own.has(decl)) state.delete(decl)
  }

  private read(decl: VarDecl, place: Expr, state: Set<VarDecl>): void {
    if (!state.has(decl) || this.told.has(decl)) return
    this.told.add(decl)
    this.c.warn('T0603', place, `variable '${decl.name}' is uninitialized when used here`, 'uninitialized', {
      notes: [this.c.reporter.note(`initialize the variable '${decl.name}' to silence this warning`, decl.token)],
    })
  }
}

const noReturn = (expr: Expr): boolean =>
  (expr.kind === 'call' && expr.callee.kind === 'function' && expr.callee.decl.noReturn) ||
  (expr.kind === 'builtin' && expr.name === 'unreachable')

/** Operands that are always evaluated. */
function partsOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'deref':
      return [expr.pointer]
    case 'member':
      return [expr.base]
    case 'index':
      return [expr.base, expr.index]
    case 'address':
      return expr.object.kind === 'var' ? [] : [expr.object]
    case 'convert':
    case 'negate':
    case 'complement':
    case 'not':
    case 'preserve_access':
      return [expr.operand]
    case 'arithmetic':
    case 'compare':
    case 'comma':
    case 'pointer_diff':
      return [expr.left, expr.right]
    case 'pointer_add':
      return [expr.pointer, expr.offset]
    case 'call':
      return expr.callee.kind === 'function' ? expr.args : [expr.callee, ...expr.args]
    case 'builtin':
      return expr.name === 'constant_p' ? [] : expr.args
    case 'atomic':
      return [expr.pointer, ...(expr.value ? [expr.value] : []), ...(expr.expected ? [expr.expected] : [])]
    default:
      return []
  }
}

export function checkUninitialized(c: Context, decl: FunctionDecl): void {
  if (!decl.body || decl.naked) return
  new Walk(c, decl.labels.size > 0).stmts(decl.body.body, new Set())
}
