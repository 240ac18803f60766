/**
 * What all rules of the grammar stand on: an engine reading a `TokenWindow`, errors as faults that
 * are caught where parsing can go on, and bookkeeping of names and depth.
 */
import type { TokenType } from 'chevrotain'
import type { DiagnosticExtras, DiagnosticNote } from '../../base/diagnostics.js'
import type { Names } from '../preprocessor/names.js'
import { type Atom, type TokenBuffer, TokenFlag, type TokenIndex, TokenKind } from '../preprocessor/tokens.js'
import type { Attribute, Node } from './ast.js'
import { Engine } from './engine.js'
import type { NameScopes } from './name-scopes.js'
import type { PragmaState } from './pragma-state.js'
import type { SyntaxReport } from './syntax-report.js'
import { endNumber, isCategory, startsDeclaration, startsType, T, typeCount, typeNumber, typeSet } from './token-types.js'
import type { TokenWindow } from './token-window.js'

/** What a parse works on; one parser serves many of them, one after the other. */
export interface ParseState {
  readonly names: Names
  readonly window: TokenWindow
  readonly scopes: NameScopes
  readonly pragmas: PragmaState
  readonly report: SyntaxReport
}

/** A syntax error on its way to where parsing can go on. `message` is undefined for one that was reported already. */
export class SyntaxFault {
  constructor(
    readonly code: string,
    readonly token: TokenIndex,
    /** The error belongs right behind `token`, not on it. */
    readonly behind: boolean,
    readonly message: string | undefined,
    readonly extras: DiagnosticExtras = {},
  ) {}
}

/** Thrown when the end of the input or the error limit of a construct makes going on useless. */
const reported = (token: TokenIndex): SyntaxFault => new SyntaxFault('S0001', token, false, undefined)

/**
 * So deep may statements, expressions, declarators and records nest (clang's default for brackets, -fbracket-depth). It keeps us and all
 * stages behind us from running out of stack.
 */
export const nestingLimit = 256

/** The one empty list, for nodes that have many. */
export const none: readonly never[] = []

const identifier = typeNumber(T.Identifier)
const typedefName = typeNumber(T.TypedefName)
const semicolon = typeNumber(T.Semicolon)
const leftBrace = typeNumber(T.LBrace)
const rightBrace = typeNumber(T.RBrace)
const opens = typeSet(T.LParen, T.LSquare)
/** What is missing between two things is missed behind the first. */
const separators = typeSet(T.Comma, T.Colon, T.Semicolon)
const closes = typeSet(T.RParen, T.RSquare)
const startsStatement = typeSet(T.If, T.For, T.While, T.Do, T.Switch, T.Return, T.Goto, T.Break, T.Continue, T.Case, T.Default)

/** Members of each category, by the category's number. */
const members: (Uint8Array | undefined)[] = new Array(typeCount).fill(undefined)
for (const type of Object.values(T)) if (isCategory(type)) members[typeNumber(type)] = typeSet(type)

/** How a terminal is called in "expected …". */
const spelledOut: Readonly<Record<string, string>> = {
  Name: 'identifier',
  Identifier: 'identifier',
  TypedefName: 'a type name',
  LSquare: "'['",
  RSquare: "']'",
  LParen: "'('",
  RParen: "')'",
  LBrace: "'{'",
  RBrace: "'}'",
  Comma: "','",
  Colon: "':'",
  Semicolon: "';'",
  Equal: "'='",
  String: 'string literal',
  While: "'while'",
}

/** While chevrotain records the grammar, rules run without tokens: names are empty then, and scopes take anything. */
const recording = {
  names: { text: () => '' } as unknown as Names,
  scopes: { isType: () => false, declare() {}, enter() {}, leave() {} } as unknown as NameScopes,
}

export abstract class ParserCore extends Engine {
  protected names: Names = recording.names
  protected scopes: NameScopes = recording.scopes
  protected pragmas!: PragmaState
  protected report!: SyntaxReport
  protected buffer!: TokenBuffer
  private types: Uint8Array = new Uint8Array(16)
  private order: Int32Array = new Int32Array(16)
  private atoms: Int32Array = new Int32Array(16)
  protected depth = 0
  /** Where the last syntax error was reported: a second one at the same place is a consequence. */
  private lastFault = -1

  /** Turns to another range of tokens. */
  bind(state: ParseState): void {
    const { window } = state
    this.names = state.names
    this.scopes = state.scopes
    this.pragmas = state.pragmas
    this.report = state.report
    this.buffer = window.buffer
    this.types = window.types
    this.order = window.order
    this.atoms = window.buffer.atom
    this.depth = 0
    this.lastFault = -1
    this.pos = 0
  }

  // --- the engine's view of the tokens ---

  /** Number of the next token's terminal; an identifier counts as a type's name where it names one. */
  peekType(): number {
    const type = this.types[this.pos]!
    return type === identifier && this.scopes.isType(this.atoms[this.order[this.pos]!]!) ? typedefName : type
  }

  /** The same, `ahead` tokens further on. */
  protected peekTypeAt(ahead: number): number {
    const at = this.pos + ahead
    const type = this.types[at]!
    return type === identifier && this.scopes.isType(this.atoms[this.order[at]!]!) ? typedefName : type
  }

  protected consumeType(type: TokenType, message?: string): void {
    const next = this.peekType()
    const number = typeNumber(type)
    if (next === number || members[number]?.[next] === 1) {
      this.pos++
      return
    }
    const text = message ?? `expected ${spelledOut[type.name] ?? type.name}`
    throw separators[number] ? this.faultBehind(text) : this.fault(text)
  }

  protected noAlternative(message: string | undefined): never {
    const next = this.peekType()
    if (message === 'expected expression' && next === typedefName)
      throw this.fault(`unexpected type name '${this.names.text(this.atoms[this.next]!)}': expected expression`)
    if (message === 'expected statement' && next === typeNumber(T.Else)) throw this.fault("'else' without an 'if' before it")
    throw this.fault(message ?? 'unexpected token')
  }

  // --- for the rules ---

  /** The next token. */
  protected get next(): TokenIndex {
    return this.order[this.pos]!
  }

  /** The token just consumed. */
  protected get last(): TokenIndex {
    return this.order[this.pos > 0 ? this.pos - 1 : 0]!
  }

  protected tokenAt(ahead: number): TokenIndex {
    return this.order[this.pos + ahead]!
  }

  protected atomOf(token: TokenIndex): Atom {
    return this.atoms[token]!
  }

  /** Consumes a terminal and gives its token; `index` tells apart uses of one terminal in one rule. */
  protected take(type: TokenType, index = 0, message?: string): TokenIndex {
    if (this.RECORDING_PHASE) this.consume(index, type)
    else this.consumeType(type, message)
    return this.last
  }

  protected isNext(type: TokenType): boolean {
    return this.peekType() === typeNumber(type)
  }

  protected isAt(ahead: number, type: TokenType): boolean {
    return this.peekTypeAt(ahead) === typeNumber(type)
  }

  /** A type name begins `ahead` tokens on. */
  protected typeStartsAt(ahead: number): boolean {
    return startsType[this.peekTypeAt(ahead)] === 1
  }

  protected declarationStartsAt(ahead: number): boolean {
    return startsDeclaration[this.peekTypeAt(ahead)] === 1
  }

  /**
   * A list of attributes with more behind it. Both are the caller's own and may be changed or given back. (Subrules give no lists while
   * the grammar is recorded.)
   */
  protected joined(list: readonly Attribute[], more: readonly Attribute[]): readonly Attribute[] {
    if (this.RECORDING_PHASE || !more.length) return list
    if (!list.length) return more
    const grown = list as Attribute[]
    for (const attribute of more) grown.push(attribute)
    return grown
  }

  /** The end of what a node covers. */
  protected node(first: TokenIndex, token: TokenIndex): Node {
    return { first, last: this.last, token }
  }

  /** Consumes a closing bracket. */
  protected close(type: TokenType, opener: TokenIndex, index = 0): TokenIndex {
    if (!this.RECORDING_PHASE && !this.isNext(type)) throw this.unclosed(type, opener)
    return this.take(type, index)
  }

  private unclosed(type: TokenType, opener: TokenIndex): SyntaxFault {
    return this.fault(`expected ${spelledOut[type.name]}`, { notes: [this.matchNote(opener)] })
  }

  protected matchNote(opener: TokenIndex): DiagnosticNote {
    return this.report.note(`to match this '${this.names.text(this.atoms[opener]!)}'`, opener)
  }

  /** Consumes a semicolon; where it is missing at the end of a line, says so and goes on as if it were there. */
  protected semicolon(after: string, index = 0): void {
    if (this.RECORDING_PHASE || this.peekType() === semicolon) {
      this.take(T.Semicolon, index)
      return
    }
    this.missingSemicolon(after)
  }

  protected missingSemicolon(after: string): void {
    const { next } = this
    const token = this.last
    if (this.buffer.kind[next] === TokenKind.Stray) throw this.fault('')
    if (this.pos !== this.lastFault) {
      this.report.errorAt('S0001', this.report.after(token), token, `expected ';' ${after}`, { hint: "insert ';' here" })
      this.lastFault = this.pos
    }
    const type = this.types[this.pos]!
    if (type !== rightBrace && type !== endNumber && !this.startsLine()) throw reported(next)
  }

  /** The next token is the first of its line. */
  protected startsLine(): boolean {
    return (this.buffer.flags[this.next]! & TokenFlag.lineStart) !== 0
  }

  protected get atEnd(): boolean {
    return this.types[this.pos] === endNumber
  }

  /** Nothing more of a statement stands here: its `;` does, or is missing. */
  protected endsHere(): boolean {
    const type = this.types[this.pos]!
    return type === semicolon || type === rightBrace || type === endNumber || this.startsLine()
  }

  /** An error at the next token. */
  protected fault(message: string, extras: DiagnosticExtras = {}, code = 'S0002'): SyntaxFault {
    const { next } = this
    if (this.types[this.pos] === endNumber) return new SyntaxFault('S0003', this.last, true, message, extras)
    if (this.buffer.kind[next] === TokenKind.Stray)
      return new SyntaxFault('S0004', next, false, `stray '${this.names.text(this.atoms[next]!)}' in program`)
    return new SyntaxFault(code, next, false, message, extras)
  }

  /** An error right behind the token just consumed. */
  protected faultBehind(message: string, extras: DiagnosticExtras = {}, code = 'S0002'): SyntaxFault {
    if (this.buffer.kind[this.next] === TokenKind.Stray) return this.fault(message)
    return new SyntaxFault(code, this.last, true, message, extras)
  }

  /** One level deeper; a fault if that is too deep. Every `enter` has its `depth--`, or an `attempt` around it that restores it. */
  protected enter(): void {
    if (++this.depth > nestingLimit && !this.RECORDING_PHASE)
      throw this.fault(
        `nesting level exceeded maximum of ${nestingLimit}`,
        { hint: 'split it into several statements or functions' },
        'S0005',
      )
  }

  /** State that a fault leaves behind in disorder and `attempt` puts back; rules with such fields extend it. */
  protected saveState(): () => void {
    return () => undefined
  }

  /**
   * Runs a piece of grammar; on a syntax error reports it, skips to where `resume` finds a fresh start, and returns undefined. The
   * caller is a loop over items (declarations, statements, members).
   */
  protected attempt<R>(item: () => R, resume: 'file' | 'block' | 'members'): R | undefined {
    if (this.RECORDING_PHASE) return item()
    const { depth, pos, rule } = this
    const scopes = this.scopes.depth
    const restore = this.saveState()
    try {
      return item()
    } catch (error) {
      const fault = this.asFault(error, depth)
      this.depth = depth
      this.scopes.unwind(scopes)
      restore()
      this.rule = rule
      // a construct cut off by the end of the file is reported once, by the innermost
      if (fault.message !== undefined && this.pos !== this.lastFault) {
        const span = fault.behind ? this.report.after(fault.token) : this.report.span(fault.token)
        this.report.errorAt(fault.code, span, fault.token, fault.message, fault.extras)
      }
      this.lastFault = this.pos
      this.skip(pos, resume, fault)
      // the `else` of a broken `if`: what follows is a statement of its own
      if (resume === 'block' && this.types[this.pos] === typeNumber(T.Else)) this.pos++
      else if (this.pos === pos && this.types[pos] !== rightBrace && this.types[pos] !== endNumber) this.pos++
      return undefined
    }
  }

  /** Running out of stack is one more way of being too deep, where the host left us little of it. */
  private asFault(error: unknown, depth: number): SyntaxFault {
    if (error instanceof SyntaxFault) return error
    if (error instanceof RangeError && /call stack/i.test(error.message) && depth < 8)
      return this.fault('nesting too deep', {}, 'S0005')
    throw error
  }

  /** Skips to the end of the broken item: behind its `;` or `}`, or before the `}` that closes what the item is in. */
  private skip(start: number, resume: 'file' | 'block' | 'members', fault: SyntaxFault): void {
    const { types } = this
    if (fault.code === 'S0005') this.pos = start
    this.closeParentheses(start)
    let braces = this.openedSince(start)
    let brackets = 0
    for (;;) {
      const type = types[this.pos]!
      if (type === endNumber) return
      if (braces === 0) {
        if (type === rightBrace && resume !== 'file') return
        if (type === semicolon && brackets === 0) {
          this.pos++
          return
        }
        if (this.pos > start && this.startsLine() && this.startsAfresh(resume)) return
      }
      this.pos++
      if (type === leftBrace) braces++
      else if (type === rightBrace) {
        braces = Math.max(0, braces - 1)
        brackets = 0
        if (braces > 0) continue
        // `}` of a body, of a record (`} name;`) or of an initialiser
        if (resume === 'file' && types[this.pos] === semicolon) this.pos++
        if (resume === 'file' || types[this.pos] !== semicolon) return
      } else if (opens[type]) brackets++
      else if (closes[type] && brackets > 0) brackets--
    }
  }

  /** Goes behind the `)` of parentheses the fault stands in, where that is near: on this side of `;` and braces. */
  private closeParentheses(start: number): void {
    const { types } = this
    const open = typeNumber(T.LParen)
    const close = typeNumber(T.RParen)
    let depth = 0
    let loop = -1
    for (let at = start; at < this.pos; at++) {
      if (types[at] === open && ++depth === 1) loop = at > start && types[at - 1] === typeNumber(T.For) ? 1 : 0
      else if (types[at] === close && depth > 0) depth--
      else if (types[at] === leftBrace || types[at] === rightBrace) depth = 0
    }
    for (let at = this.pos; depth > 0; at++) {
      const type = types[at]!
      if (type === endNumber || type === leftBrace || type === rightBrace || (type === semicolon && loop !== 1)) return
      if (type === open) depth++
      else if (type === close && --depth === 0) this.pos = at + 1
    }
  }

  /** Braces of the broken item still open where it broke; round and square brackets are forgiven. */
  private openedSince(start: number): number {
    let nesting = 0
    for (let at = start; at < this.pos; at++) {
      if (this.types[at] === leftBrace) nesting++
      else if (this.types[at] === rightBrace && nesting > 0) nesting--
    }
    return nesting
  }

  private startsAfresh(resume: 'file' | 'block' | 'members'): boolean {
    const type = this.peekType()
    if (resume === 'block' && startsStatement[type]) return true
    return startsDeclaration[type] === 1 && type !== typeNumber(T.Qualifier)
  }
}
