/**
 * chevrotain's parser over a `TokenBuffer`: no token vector is made; tokens become objects when they are looked at. Errors are our own
 * (`SyntaxFault`), so that messages can be clang's and recovery ours.
 */
import { EmbeddedActionsParser, EOF, type IToken, type TokenType } from 'chevrotain'
import { type Atom, type TokenBuffer, type TokenIndex, TokenKind } from '../preprocessor/tokens.js'
import type { Node } from './ast.js'
import type { PragmaEvents } from './pragmas.js'
import { allTokenTypes, T, terminalOf } from './token-types.js'
import type { TypeNames } from './type-names.js'

/** A token as chevrotain sees it, knowing where it came from. */
export interface CToken extends IToken {
  index: TokenIndex
  atom: Atom
}

/** A syntax error: thrown by the grammar, reported and recovered from by whoever can. */
export class SyntaxFault extends Error {
  override readonly name = 'SyntaxFault'
  constructor(
    readonly code: string,
    message: string,
    /** The token at which the input stops making sense. */
    readonly token: TokenIndex,
    /** The token before it; an insertion is proposed behind it. -1 at the very start. */
    readonly previous: TokenIndex,
    readonly hint: string | undefined = undefined,
  ) {
    super(message)
  }
}

/** Brackets, statements and declarators may nest so deep, as in clang (`-fbracket-depth`). */
const MAX_DEPTH = 256

/** What one run of the grammar works on. */
export interface ParseInput {
  readonly tokens: TokenBuffer
  readonly typeNames: TypeNames
  readonly pragmas: PragmaEvents
  readonly text: (atom: Atom) => string
  /** Reports a fault and goes on. */
  readonly report: (fault: SyntaxFault) => void
}

const make = (type: TokenType, index: number, atom: number): CToken =>
  ({ tokenType: type, tokenTypeIdx: type.tokenTypeIdx!, image: '', startOffset: index, index, atom }) as CToken

const endToken = make(EOF, -1, 0)

export abstract class TokenParser extends EmbeddedActionsParser {
  protected input_: ParseInput | undefined
  /** Token indexes to parse, pragmas left out. */
  private order: Int32Array = new Int32Array(0)
  private end = 0
  private at = 0
  private objects: (CToken | undefined)[] = []
  private depth = 0

  constructor(skipValidations: boolean) {
    super(allTokenTypes, { maxLookahead: 1, recoveryEnabled: false, skipValidations, nodeLocationTracking: 'none' })
  }

  /** Points the grammar at tokens `order[0..end)`. */
  protected start(input: ParseInput, order: Int32Array, end: number): void {
    this.input_ = input
    this.order = order
    this.end = end
    this.at = 0
    this.objects = []
    this.depth = 0
  }

  /** Saves where the grammar stands, so that another range can be parsed in between. */
  protected suspended<T>(work: () => T): T {
    const saved = { input: this.input_, order: this.order, end: this.end, at: this.at, objects: this.objects, depth: this.depth }
    try {
      return work()
    } finally {
      this.input_ = saved.input
      this.order = saved.order
      this.end = saved.end
      this.at = saved.at
      this.objects = saved.objects
      this.depth = saved.depth
    }
  }

  // --- what chevrotain asks of its lexer side ---

  protected override LA(ahead: number): IToken {
    const position = this.at + ahead - 1
    if (position < 0 || position >= this.end) return endToken
    let token = this.objects[position]
    if (!token) {
      const index = this.order[position]!
      const { tokens } = this.input_!
      const kind = tokens.kind[index]!
      const atom = tokens.atom[index]!
      token = make(
        kind === TokenKind.Identifier || kind === TokenKind.Punctuator ? terminalOf(atom) : kindTypes[kind]!,
        index,
        atom,
      )
      this.objects[position] = token
    }
    // What an identifier is depends on the scopes at the time it is looked at.
    const type = token.tokenType
    if (
      (type === T.Other || type === T.Identifier || type === T.TypeName) &&
      this.input_!.tokens.kind[token.index] === TokenKind.Identifier
    ) {
      const actual = this.input_!.typeNames.isType(token.atom) ? T.TypeName : T.Identifier
      token.tokenType = actual
      token.tokenTypeIdx = actual.tokenTypeIdx!
    }
    return token
  }

  protected override LA_FAST(ahead: number): IToken {
    return this.LA(ahead)
  }

  protected consumeToken(): void {
    this.at++
  }

  protected exportLexerState(): number {
    return this.at
  }

  protected importLexerState(state: number): void {
    this.at = state
  }

  protected resetLexerState(): void {
    this.at = 0
  }

  protected moveToTerminatedState(): void {
    this.at = this.end
  }

  protected getLexerPosition(): number {
    return this.at
  }

  protected onBeforeParse(): void {}

  protected onAfterParse(): void {}

  protected consumeInternalError(type: TokenType, _next: IToken, options: { ERR_MSG?: string } | undefined): never {
    throw this.fault(options?.ERR_MSG ?? (type === T.Identifier ? 'expected identifier' : `expected ${type.LABEL ?? type.name}`))
  }

  protected raiseNoAltException(_occurrence: number, message: string | undefined): never {
    throw this.fault(message ?? 'expected expression')
  }

  protected raiseEarlyExitException(_occurrence: number, _kind: unknown, message: string | undefined): never {
    throw this.fault(message ?? 'unexpected token')
  }

  // --- for the rules ---

  /** A fault at the next token. */
  protected fault(message: string, code = 'S0001', hint?: string): SyntaxFault {
    const next = this.LA(1) as CToken
    return new SyntaxFault(code, message, next.index >= 0 ? next.index : this.lastIndex, this.lastIndex, hint)
  }

  /** Index of the next token; that of the last one at the end. */
  protected get nextIndex(): TokenIndex {
    if (this.RECORDING_PHASE) return 0
    return this.at < this.end ? this.order[this.at]! : this.lastIndex
  }

  /** Index of the token consumed last; -1 at the start. */
  protected get lastIndex(): TokenIndex {
    return this.at > 0 && this.at <= this.order.length ? this.order[this.at - 1]! : -1
  }

  protected get atEnd(): boolean {
    return this.at >= this.end
  }

  protected next(ahead = 1): TokenType {
    return this.LA(ahead).tokenType
  }

  protected nextAtom(ahead = 1): Atom {
    return (this.LA(ahead) as CToken).atom
  }

  protected is(type: TokenType, ahead = 1): boolean {
    return this.LA(ahead).tokenTypeIdx === type.tokenTypeIdx
  }

  protected text(atom: Atom): string {
    return this.RECORDING_PHASE ? '' : this.input_!.text(atom)
  }

  /** A node from `first` to the last token consumed, pointing at `token`. */
  protected node<const N extends object>(first: TokenIndex, token: TokenIndex, rest: N): N & Node {
    return { ...rest, first, last: this.lastIndex, token }
  }

  protected atom(token: IToken): Atom {
    return (token as CToken).atom
  }

  protected index(token: IToken): TokenIndex {
    return (token as CToken).index
  }

  /** Counts nesting around a recursive rule. */
  protected nested<R>(work: () => R): R {
    if (this.depth >= MAX_DEPTH)
      throw this.fault(
        `brackets and statements are nested more than ${MAX_DEPTH} deep`,
        'S0002',
        'split the expression or the block',
      )
    this.depth++
    try {
      return work()
    } finally {
      this.depth--
    }
  }

  /**
   * After a fault: skips to where a statement or declaration can begin again: behind the next `;` of this nesting level, before a `}` that
   * closes it, or behind a `}` that ends a block begun while skipping. Always moves, unless it stands before such a `}`.
   */
  protected resynchronise(stopAtBrace: boolean): void {
    let braces = 0
    while (!this.atEnd) {
      const type = this.next()
      if (type === T.RBrace) {
        if (braces === 0) {
          if (stopAtBrace) return
          this.consumeToken()
          continue
        }
        braces--
        this.consumeToken()
        if (braces === 0 && this.next() !== T.Semicolon) return
        continue
      }
      this.consumeToken()
      if (type === T.LBrace) braces++
      else if (type === T.Semicolon && braces === 0) return
    }
  }
}

const kindTypes: Readonly<Record<number, TokenType>> = {
  [TokenKind.Number]: T.Number,
  [TokenKind.Char]: T.Char,
  [TokenKind.String]: T.String,
  [TokenKind.Stray]: T.Stray,
  [TokenKind.LazyRegion]: T.Other,
  [TokenKind.Pragma]: T.Other,
}
