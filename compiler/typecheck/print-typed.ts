/**
 * The text form of a typed unit: every type, conversion and load written out, one node a parenthesis. For golden tests and
 * `--emit=ast`; nothing reads it back.
 */
import type { Atom } from '../preprocessor/tokens.js'
import { typeText } from './type-text.js'
import type { Expr, FunctionDecl, InitValue, Stmt, TypedUnit, VarDecl } from './typed-ast.js'
import type { CType } from './types.js'

class Printer {
  readonly lines: string[] = []

  constructor(private readonly spell: (atom: Atom) => string) {}

  type(type: CType): string {
    return typeText(type, this.spell)
  }

  line(depth: number, text: string): void {
    this.lines.push('  '.repeat(depth) + text)
  }

  variable(decl: VarDecl, depth: number): void {
    const words: string[] = []
    if (decl.linkage === 'internal') words.push('static')
    if (decl.isExtern) words.push('extern')
    if (decl.storage === 'static' && decl.linkage === 'none') words.push('static')
    if (decl.weak) words.push('weak')
    if (decl.hidden) words.push('hidden')
    if (decl.section !== undefined) words.push(`section("${decl.section}")`)
    if (decl.align) words.push(`aligned(${decl.align})`)
    for (const tag of decl.declTags) words.push(`tag("${tag}")`)
    if (decl.cleanup) words.push(`cleanup(${decl.cleanup.name})`)
    const head = `var ${decl.name || '_'}: ${this.type(decl.type)}${words.length ? ` ${words.join(' ')}` : ''}`
    this.line(depth, decl.init ? `${head} = ${this.init(decl.init)}` : head)
  }

  init(init: InitValue): string {
    if (init.whole) return this.expr(init.items[0]!.value)
    const items = init.items.map(item => {
      const place = item.bitField
        ? `${item.bitField.recordOffset}.${item.bitField.field.bitOffset}:${item.bitField.field.bits}`
        : `${item.offset}`
      return `${place}: ${this.expr(item.value)}`
    })
    return `{${items.join(', ')}}`
  }

  function(decl: FunctionDecl): void {
    const words: string[] = [decl.linkage === 'internal' ? 'static' : 'extern']
    for (const [name, on] of [
      ['inline', decl.inline],
      ['always_inline', decl.alwaysInline],
      ['noinline', decl.noInline],
      ['naked', decl.naked],
      ['noreturn', decl.noReturn],
      ['weak', decl.weak],
      ['hidden', decl.hidden],
      ['optnone', decl.optnone],
    ] as const)
      if (on) words.push(name)
    if (decl.section !== undefined) words.push(`section("${decl.section}")`)
    if (decl.asmLabel !== undefined) words.push(`asm("${decl.asmLabel}")`)
    for (const tag of decl.declTags) words.push(`tag("${tag}")`)
    this.line(0, `function ${decl.name}: ${this.type(decl.type)} ${words.join(' ')}`)
    if (!decl.body) return
    for (const param of decl.params) this.line(1, `param ${param.name || '_'}: ${this.type(param.type)}`)
    for (const stmt of decl.body.body) this.stmt(stmt, 1)
  }

  stmt(stmt: Stmt, depth: number): void {
    switch (stmt.kind) {
      case 'compound':
        this.line(depth, '{')
        for (const each of stmt.body) this.stmt(each, depth + 1)
        this.line(depth, '}')
        return
      case 'var':
        this.variable(stmt.decl, depth)
        return
      case 'expr':
        this.line(depth, this.expr(stmt.expr))
        return
      case 'if':
        this.line(depth, `if ${this.expr(stmt.condition)}`)
        this.stmt(stmt.then, depth + 1)
        if (stmt.otherwise) {
          this.line(depth, 'else')
          this.stmt(stmt.otherwise, depth + 1)
        }
        return
      case 'loop':
        this.line(depth, `loop${stmt.testLast ? ' test-last' : ''}${stmt.unroll === undefined ? '' : ` unroll=${stmt.unroll}`}`)
        for (const each of stmt.init) {
          this.line(depth + 1, 'init')
          this.stmt(each, depth + 2)
        }
        if (stmt.condition) this.line(depth + 1, `while ${this.expr(stmt.condition)}`)
        if (stmt.step) this.line(depth + 1, `step ${this.expr(stmt.step)}`)
        this.stmt(stmt.body, depth + 1)
        return
      case 'switch':
        this.line(depth, `switch ${this.expr(stmt.value)}`)
        this.stmt(stmt.body, depth + 1)
        return
      case 'case': {
        const range = stmt.low === stmt.high ? `${stmt.low}` : `${stmt.low} ... ${stmt.high}`
        this.line(depth, stmt.low === undefined ? 'default:' : `case ${range}:`)
        this.stmt(stmt.body, depth + 1)
        return
      }
      case 'label':
        this.line(depth, `label ${stmt.label.name}:`)
        this.stmt(stmt.body, depth)
        return
      case 'goto':
        this.line(depth, `goto ${stmt.label.name}`)
        return
      case 'break':
      case 'continue':
      case 'null':
        this.line(depth, stmt.kind)
        return
      case 'return':
        this.line(depth, stmt.value ? `return ${this.expr(stmt.value)}` : 'return')
        return
      case 'asm': {
        const operands = (list: typeof stmt.outputs): string =>
          list.map(each => `${each.name ? `[${each.name}] ` : ''}"${each.constraint}" ${this.expr(each.value)}`).join(', ')
        this.line(
          depth,
          `asm${stmt.volatile ? ' volatile' : ''} ${JSON.stringify(stmt.template)} : ${operands(stmt.outputs)} : ${operands(stmt.inputs)} : ${stmt.clobbers.join(', ')} : ${stmt.labels.map(label => label.name).join(', ')}`,
        )
        return
      }
    }
  }

  /** `(kind parts): type`. */
  expr(expr: Expr): string {
    return `${this.bare(expr)}`
  }

  private node(expr: Expr, head: string, ...parts: (Expr | string | undefined)[]): string {
    const inner = parts.filter(part => part !== undefined).map(part => (typeof part === 'string' ? part : this.expr(part)))
    return `(${[head, ...inner].join(' ')}):${this.short(expr.type)}`
  }

  private short(type: CType): string {
    const text = this.type(type)
    return text.includes(' ') ? `<${text}>` : text
  }

  private bare(expr: Expr): string {
    switch (expr.kind) {
      case 'int':
        return `${expr.value}:${this.short(expr.type)}`
      case 'var':
        return expr.decl.name
      case 'function':
        return expr.decl.name
      case 'string':
        return JSON.stringify(new TextDecoder().decode(expr.bytes.subarray(0, Math.max(0, expr.bytes.length - expr.elementSize))))
      case 'compound_literal':
        return this.node(expr, 'literal', expr.decl.init ? this.init(expr.decl.init) : '{}')
      case 'deref':
        return this.node(expr, 'deref', expr.pointer)
      case 'member':
        return this.node(
          expr,
          `member ${expr.field.name === undefined ? `#${expr.field.index}` : this.spell(expr.field.name)}`,
          expr.base,
        )
      case 'index':
        return this.node(expr, expr.baseIsArray ? 'index' : 'index-pointer', expr.base, expr.index)
      case 'load':
        return this.node(expr, 'load', expr.object)
      case 'address':
        return this.node(expr, 'address', expr.object)
      case 'decay':
        return this.node(expr, 'decay', expr.array)
      case 'convert':
        return this.node(expr, `${expr.conversion}${expr.explicit ? '!' : ''}`, expr.operand)
      case 'negate':
      case 'complement':
      case 'not':
        return this.node(expr, expr.kind, expr.operand)
      case 'arithmetic':
      case 'compare':
      case 'logical':
        return this.node(expr, expr.op, expr.left, expr.right)
      case 'pointer_add':
        return this.node(expr, `${expr.subtract ? 'pointer-' : 'pointer+'}*${expr.elementSize}`, expr.pointer, expr.offset)
      case 'pointer_diff':
        return this.node(expr, `pointer_diff/${expr.elementSize}`, expr.left, expr.right)
      case 'conditional':
        return this.node(expr, '?', expr.condition, expr.then, ':', expr.otherwise)
      case 'comma':
        return this.node(expr, ',', expr.left, expr.right)
      case 'assign':
        return this.node(expr, '=', expr.target, expr.value)
      case 'compound_assign':
        return this.node(
          expr,
          `${expr.op}=${expr.elementSize ? `*${expr.elementSize}` : ''} in ${this.short(expr.computation)}`,
          expr.target,
          expr.value,
        )
      case 'incdec':
        return this.node(
          expr,
          `${expr.prefix ? 'pre' : 'post'}${expr.increment ? '++' : '--'}${expr.elementSize ? `*${expr.elementSize}` : ''}`,
          expr.target,
        )
      case 'call':
        return this.node(expr, 'call', expr.callee, ...expr.args)
      case 'statement_expr': {
        const inner = new Printer(this.spell)
        for (const stmt of expr.body.body) inner.stmt(stmt, 0)
        return this.node(expr, 'block', `{ ${inner.lines.map(text => text.trim()).join('; ')} }`, expr.result)
      }
      case 'builtin':
        return this.node(expr, `builtin ${expr.name}`, ...expr.args)
      case 'atomic':
        return this.node(
          expr,
          `atomic ${expr.op} ${expr.result} order=${expr.order}${expr.expectedIsPointer ? ' expected-pointer' : ''}`,
          expr.pointer,
          expr.expected,
          expr.value,
        )
      case 'core_field':
        return this.node(expr, `core_field ${expr.info}`, expr.object)
      case 'core_type':
        return this.node(expr, `core_type ${expr.info}`, `<${this.type(expr.of)}>`)
      case 'core_enum':
        return this.node(expr, `core_enum ${expr.info}`, `<${this.type(expr.of)}>`, `${expr.constant}=${expr.value}`)
      case 'preserve_access':
        return this.node(expr, 'preserve_access', expr.operand)
    }
  }
}

/** The whole unit, one declaration after the other. */
export function printTypedUnit(unit: TypedUnit): string {
  const printer = new Printer(unit.text)
  for (const decl of unit.variables) printer.variable(decl, 0)
  for (const decl of unit.functions) printer.function(decl)
  for (const text of unit.fileAsm) printer.line(0, `asm ${JSON.stringify(text)}`)
  return `${printer.lines.join('\n')}\n`
}
