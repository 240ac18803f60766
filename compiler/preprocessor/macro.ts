/** Macro definitions: reading `#define`, and the table of what is defined now and what was defined at any earlier moment. */
import type { Loc } from '../../base/source.js'
import { CharClass, classOf, decodeUtf8, unicodeSpace } from './characters.js'
import { type Names, Punct } from './names.js'
import { BodyTrait, Scanner } from './scanner.js'
import { TOKEN_STRIDE, TokenList } from './token-list.js'
import { type Atom, TokenFlag, TokenKind } from './tokens.js'

/** Macros whose expansion is computed. */
export type BuiltinMacro =
  | 'line'
  | 'file'
  | 'file_name'
  | 'base_file'
  | 'include_level'
  | 'counter'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'flt_eval_method'
  | 'pragma'
  | 'has_include'
  | 'has_include_next'
  | 'has_embed'
  | 'has_attribute'
  | 'has_c_attribute'
  | 'has_declspec_attribute'
  | 'has_builtin'
  | 'has_feature'
  | 'has_extension'
  | 'has_warning'
  | 'is_identifier'
  | 'is_target'
  | 'building_module'

/** A step of building the expansion of a function-like macro, or of one with `##`. */
export interface MacroOp {
  readonly kind: 'token' | 'param' | 'stringify' | 'va_opt' | 'stringify_va_opt'
  /** Token of the body: itself, the parameter, or the `#`; gives place and white space. */
  readonly token: number
  /** Parameter number of `param` and `stringify`. */
  readonly param: number
  /** Joined by `##` to what stands before, after. */
  readonly pasteBefore: boolean
  pasteAfter: boolean
  /** What stands in the parentheses of `__VA_OPT__`. */
  readonly inner: readonly MacroOp[]
}

const FOREVER = 0x7fff_ffff

/** Where the body of a definition stands, for reading it when it is needed, which it is for few. */
interface BodyText {
  readonly scanner: Scanner
  readonly start: number
  readonly end: number
}

export class Macro {
  /** Being expanded: not expanded again inside (6.10.3.4). */
  disabled = false
  /** Moments of the table's clock: defined from `since` on, until before `until`. */
  since = 0
  until = FOREVER
  /** Made when first needed, by `macroOps`. */
  ops: readonly MacroOp[] | undefined = undefined

  constructor(
    readonly name: Atom,
    /** Place of the name in the definition. */
    readonly loc: Loc,
    readonly functionLike: boolean,
    /** Parameter names; the variadic one comes last. */
    readonly params: readonly Atom[],
    readonly variadic: boolean,
    /** The body has `#` or `##` or parameters: it is built from `macroOps`, not copied. */
    readonly built: boolean,
    /** The body has braces, or brackets that do not match. */
    readonly bracketed: boolean,
    readonly builtin: BuiltinMacro | undefined,
    private tokens: TokenList | undefined,
    private readonly text: BodyText | undefined,
  ) {}

  get body(): TokenList {
    return (this.tokens ??= readBody(this.text!))
  }

  /** The same definition, to be entered once more. */
  again(): Macro {
    const { name, loc, functionLike, params, variadic, built, bracketed, builtin, tokens, text } = this
    return new Macro(name, loc, functionLike, params, variadic, built, bracketed, builtin, tokens, text)
  }
}

function readBody({ scanner, start, end }: BodyText): TokenList {
  const inner = new Scanner(scanner.bytes, scanner.names, scanner.base, () => {}, start, end)
  const body = new TokenList(4)
  while (inner.next() !== TokenKind.End)
    body.push(
      inner.kind,
      body.count === 0 ? 0 : inner.flags & TokenFlag.space,
      inner.loc,
      inner.stop - inner.start,
      inner.atom,
      0,
    )
  return body
}

export class MacroTable {
  /** By atom. */
  readonly current: (Macro | undefined)[] = []
  /** Goes on at each definition and undefinition. */
  clock = 0
  private readonly retired = new Map<Atom, Macro[]>()

  get(name: Atom): Macro | undefined {
    return name < this.current.length ? this.current[name] : undefined
  }

  /** The definition in force at a moment. */
  at(name: Atom, moment: number): Macro | undefined {
    const now = this.get(name)
    if (now && now.since <= moment) return now
    return this.retired.get(name)?.find(macro => macro.since <= moment && moment < macro.until)
  }

  define(macro: Macro): void {
    this.retire(macro.name)
    macro.since = this.clock
    macro.until = FOREVER
    while (this.current.length <= macro.name) this.current.push(undefined)
    this.current[macro.name] = macro
  }

  undefine(name: Atom): void {
    if (!this.get(name)) return
    this.retire(name)
    this.current[name] = undefined
  }

  private retire(name: Atom): void {
    this.clock++
    const old = this.get(name)
    if (!old) return
    old.until = this.clock
    const list = this.retired.get(name)
    if (list) list.push(old)
    else this.retired.set(name, [old])
  }

  /** All that are defined now, in order of definition. */
  all(): Macro[] {
    return this.current.filter(macro => macro !== undefined).sort((a, b) => a.since - b.since)
  }
}

/** What a definition says wrong; `start` and `end` are places. */
export type DefinitionProblem = (code: string, start: Loc, end: Loc, message: string) => void

/** Atoms that definitions look for. */
export interface DefinitionNames {
  readonly vaArgs: Atom
  readonly vaOpt: Atom
}

export const builtinMacro = (name: Atom, builtin: BuiltinMacro): Macro =>
  new Macro(name, 0, false, [], false, false, false, builtin, new TokenList(1), undefined)

/**
 * Reads a definition from behind the macro's name to the end of the directive's line, which stays unread. The scanner's last
 * token must be the name. Undefined when it is wrong (and reported).
 */
export function readDefinition(
  scanner: Scanner,
  names: Names,
  special: DefinitionNames,
  problem: DefinitionProblem,
): Macro | undefined {
  const name = scanner.atom
  const loc = scanner.loc
  const fault = (code: string, message: string): undefined => {
    problem(code, scanner.base + scanner.start, scanner.base + Math.max(scanner.stop, scanner.start + 1), message)
    return undefined
  }
  const params: Atom[] = []
  let functionLike = false
  let variadic = false
  const after = scanner.bytes[scanner.at]
  let kind: number = TokenKind.Identifier
  if (after === 40 || after === 92) {
    kind = scanner.next()
    functionLike = scanner.isPunct(Punct['(']) && !(scanner.flags & TokenFlag.space)
    if (!functionLike) scanner.at = scanner.start
  }
  if (functionLike) {
    kind = scanner.next()
    if (!scanner.isPunct(Punct[')']))
      for (;;) {
        if (scanner.isPunct(Punct['...'])) {
          variadic = true
          params.push(special.vaArgs)
          kind = scanner.next()
        } else if (kind === TokenKind.Identifier) {
          if (scanner.atom === special.vaArgs)
            return fault('P0011', '__VA_ARGS__ can only appear in the expansion of a variadic macro')
          if (params.includes(scanner.atom)) return fault('P0012', `duplicate macro parameter name '${names.text(scanner.atom)}'`)
          params.push(scanner.atom)
          kind = scanner.next()
          if (scanner.isPunct(Punct['...'])) {
            variadic = true
            kind = scanner.next()
          }
        } else
          return fault(
            'P0013',
            kind === TokenKind.End ? "missing ')' in macro parameter list" : 'invalid token in macro parameter list',
          )
        if (scanner.isPunct(Punct[')'])) break
        if (variadic || kind === TokenKind.End) return fault('P0013', "missing ')' in macro parameter list")
        if (!scanner.isPunct(Punct[','])) return fault('P0013', 'expected comma in macro parameter list')
        kind = scanner.next()
      }
  } else if (
    after !== undefined &&
    after !== 92 &&
    after !== 47 &&
    classOf[after] !== CharClass.space &&
    classOf[after] !== CharClass.newline &&
    !(classOf[after] === CharClass.high && unicodeSpace(decodeUtf8(scanner.bytes, scanner.at).point))
  )
    problem('P0014', scanner.base + scanner.at, scanner.base + scanner.at + 1, 'whitespace required after macro name')

  const start = scanner.at
  const found = scanner.skipBody()
  const bracketed = (found & BodyTrait.brackets) !== 0
  // A body without `#` and `__VA_…` can have nothing wrong in it.
  if (!(found & BodyTrait.special))
    return new Macro(name, loc, functionLike, params, variadic, params.length > 0, bracketed, undefined, undefined, {
      scanner,
      start,
      end: scanner.at,
    })

  scanner.at = start
  kind = scanner.next()
  const body = new TokenList(4)
  let pastes = false
  /** A `#`, or `__VA_OPT__`. */
  let hashes = false
  let first = true
  for (; kind !== TokenKind.End; kind = scanner.next()) {
    let flags = scanner.flags & TokenFlag.space
    if (first) flags = 0
    first = false
    if (kind === TokenKind.Punctuator) {
      if (scanner.atom === Punct['##']) pastes = true
      else if (scanner.atom === Punct['#']) hashes = true
    } else if (kind === TokenKind.Identifier && scanner.atom === special.vaOpt) hashes = true
    if (kind === TokenKind.Identifier && scanner.atom === special.vaArgs && !(variadic && params.at(-1) === special.vaArgs))
      problem(
        'P0011',
        scanner.loc,
        scanner.base + scanner.stop,
        '__VA_ARGS__ can only appear in the expansion of a variadic macro',
      )
    body.push(kind, flags, scanner.loc, scanner.stop - scanner.start, scanner.atom, 0)
  }
  if (pastes && (isPaste(body, 0) || isPaste(body, body.count - 1))) {
    const at = isPaste(body, 0) ? 0 : body.count - 1
    problem(
      'P0015',
      body.loc(at),
      body.loc(at) + body.length(at),
      `'##' cannot appear at ${at === 0 ? 'start' : 'end'} of macro expansion`,
    )
    return undefined
  }
  const built = pastes || (functionLike && (params.length > 0 || hashes))
  const macro = new Macro(name, loc, functionLike, params, variadic, built, bracketed, undefined, body, undefined)
  // What can be wrong in a body is found now; the steps of others are made when they are used, which most never are.
  if (built && hashes) {
    const reader = new OpReader(macro, special, problem)
    macro.ops = reader.read(body.count)
    if (reader.failed) return undefined
  }
  return macro
}

/** The steps that build a macro's expansion. */
export function macroOps(macro: Macro, special: DefinitionNames): readonly MacroOp[] {
  return (macro.ops ??= new OpReader(macro, special, () => {}).read(macro.body.count))
}

const isPaste = (body: TokenList, at: number): boolean => body.kind(at) === TokenKind.Punctuator && body.atom(at) === Punct['##']

class OpReader {
  failed = false
  private at = 0

  private readonly body: TokenList
  private readonly params: readonly Atom[]
  private readonly functionLike: boolean
  private readonly variadic: boolean

  constructor(
    macro: Macro,
    private readonly special: DefinitionNames,
    private readonly problem: DefinitionProblem,
  ) {
    this.body = macro.body
    this.params = macro.params
    this.functionLike = macro.functionLike
    this.variadic = macro.variadic
  }

  private fault(at: number, code: string, message: string): void {
    this.failed = true
    this.problem(code, this.body.loc(at), this.body.loc(at) + this.body.length(at), message)
  }

  private isPunct(at: number, atom: Atom): boolean {
    return at < this.body.count && this.body.kind(at) === TokenKind.Punctuator && this.body.atom(at) === atom
  }

  private isVaOpt(at: number): boolean {
    return (
      this.variadic &&
      at + 1 < this.body.count &&
      this.body.kind(at) === TokenKind.Identifier &&
      this.body.atom(at) === this.special.vaOpt &&
      this.isPunct(at + 1, Punct['('])
    )
  }

  /** Index of the parenthesis that closes the one at `open`; -1 when there is none. */
  private closing(open: number): number {
    let depth = 0
    for (let at = open; at < this.body.count; at++)
      if (this.isPunct(at, Punct['('])) depth++
      else if (this.isPunct(at, Punct[')']) && --depth === 0) return at
    return -1
  }

  read(end: number): MacroOp[] {
    const ops: MacroOp[] = []
    let paste = false
    while (this.at < end && !this.failed) {
      const at = this.at
      if (this.isPunct(at, Punct['##'])) {
        paste = true
        const before = ops.at(-1)
        if (before) before.pasteAfter = true
        this.at++
        continue
      }
      ops.push(this.one(at, paste))
      paste = false
    }
    return ops
  }

  private one(at: number, pasteBefore: boolean): MacroOp {
    const hash = this.functionLike && this.isPunct(at, Punct['#'])
    const operand = hash ? at + 1 : at
    if (this.isVaOpt(operand)) {
      const close = this.closing(operand + 1)
      if (close < 0) {
        this.fault(operand, 'P0016', 'unterminated __VA_OPT__ argument list')
        return op('token', at, -1, pasteBefore)
      }
      this.at = operand + 2
      const inner = this.read(close)
      this.at = close + 1
      return op(hash ? 'stringify_va_opt' : 'va_opt', at, -1, pasteBefore, inner)
    }
    const param =
      operand < this.body.count && this.body.kind(operand) === TokenKind.Identifier
        ? this.params.indexOf(this.body.atom(operand))
        : -1
    this.at = operand + 1
    if (hash && param < 0) this.fault(at, 'P0017', "'#' is not followed by a macro parameter")
    return op(hash && param >= 0 ? 'stringify' : param >= 0 ? 'param' : 'token', at, param, pasteBefore)
  }
}

const none: readonly MacroOp[] = []

const op = (kind: MacroOp['kind'], token: number, param: number, pasteBefore: boolean, inner = none): MacroOp => ({
  kind,
  token,
  param,
  pasteBefore,
  pasteAfter: false,
  inner,
})

/** Whether two definitions are the same, white space included (6.10.3p2): then a redefinition is no fault. */
export function sameDefinition(a: Macro, b: Macro): boolean {
  if (a.functionLike !== b.functionLike || a.variadic !== b.variadic || a.params.length !== b.params.length) return false
  if (a.builtin || b.builtin || a.body.count !== b.body.count || a.params.some((param, i) => param !== b.params[i])) return false
  for (let i = 0; i < a.body.count; i++)
    if (a.body.data[i * TOKEN_STRIDE] !== b.body.data[i * TOKEN_STRIDE] || a.body.atom(i) !== b.body.atom(i)) return false
  return true
}
