/**
 * Macro expansion (C17 6.10.3 with GNU's and C23's additions). Tokens come from a stack of expansions above the file being read; a
 * macro is disabled as long as its expansion is on the stack, and an identifier met meanwhile is painted for good, which gives
 * clang's answer also where the standard leaves it open.
 */
import type { DiagnosticSink } from '../../base/diagnostics.js'
import type { Loc, SourceSet } from '../../base/source.js'
import { type BuiltinMacro, type DefinitionNames, type Macro, type MacroOp, type MacroTable, macroOps } from './macro.js'
import { type Names, Punct } from './names.js'
import { Scanner } from './scanner.js'
import { InnerFlag, TOKEN_STRIDE, type TokenList, TokenListPool } from './token-list.js'
import { type Atom, type Expansion, TokenFlag, TokenKind } from './tokens.js'

/** An expansion being read. */
interface Stream {
  list: TokenList
  /** Next token. */
  at: number
  /** The macro that the list expands; undefined for an argument. */
  macro: Macro | undefined
  /** Reading stops at its end: an argument expanded on its own. */
  barrier: boolean
  /** The list goes back to the pool. */
  pooled: boolean
}

/** Arguments within arguments; each level is a level of our own stack. */
const NESTING = 256

const SPACING = TokenFlag.lineStart | TokenFlag.space

export abstract class Expander {
  // The last token.
  kind = 0
  flags = 0
  loc: Loc = 0
  length = 0
  atom: Atom = 0
  expansion = 0

  readonly expansions: Expansion[]
  protected readonly special: DefinitionNames
  /** For the outermost expansions: where the use ends, which is where `__LINE__` counts. */
  private readonly ends = new Map<number, Loc>()
  protected readonly pool = new TokenListPool()
  private readonly streams: Stream[] = []
  protected depth = 0
  /** White space of a macro that expanded to nothing, for the next token. */
  private carry = 0
  /** Whether the use just read left its variadic argument out. */
  private elided = false
  /** Depth of argument lists being read. */
  protected collecting = 0
  /** Depth of arguments being expanded on their own. */
  protected preExpanding = 0
  /** Moment of the macro table that lookups see; 0 for now. */
  protected moment = 0

  constructor(
    readonly names: Names,
    readonly macros: MacroTable,
    readonly sources: SourceSet,
    readonly sink: DiagnosticSink,
    expansions: Expansion[],
  ) {
    this.expansions = expansions
    this.special = { vaArgs: names.intern('__VA_ARGS__'), vaOpt: names.intern('__VA_OPT__') }
  }

  /** Reads the next token of the file into the fields; kind End at the end of the input or of a directive. */
  protected abstract fileToken(): void
  /** Whether the file's next token is an opening parenthesis, without reading it. */
  protected abstract fileHasParenthesis(): boolean
  /** Computes a macro that is no plain text: leaves the fields set to its one token, or answers false to have the name itself. */
  protected abstract expandBuiltin(builtin: BuiltinMacro): boolean

  /** Whether the last token is this punctuator. */
  protected punct(atom: Atom): boolean {
    return this.kind === TokenKind.Punctuator && this.atom === atom
  }

  /** Whether the last token is of a kind. */
  protected is(kind: number): boolean {
    return this.kind === kind
  }

  protected macroOf(name: Atom): Macro | undefined {
    return this.moment === 0 ? this.macros.get(name) : this.macros.at(name, this.moment)
  }

  protected error(code: string, start: Loc, length: number, message: string, hint?: string): void {
    this.sink.error(code, start > 0 ? { start, end: start + Math.max(1, length) } : undefined, message, hint ? { hint } : {})
  }

  protected warning(code: string, group: string | undefined, start: Loc, length: number, message: string): void {
    this.sink.warning(code, start > 0 ? { start, end: start + Math.max(1, length) } : undefined, message, group ? { group } : {})
  }

  /** Reads the next token with macros expanded; its kind. */
  next(): number {
    for (;;) {
      this.advance()
      if (this.kind !== TokenKind.Identifier) return this.kind
      const macro = this.macroOf(this.atom)
      if (macro === undefined || this.flags & TokenFlag.noExpand) return TokenKind.Identifier
      if (macro.disabled) {
        this.flags |= TokenFlag.noExpand
        return TokenKind.Identifier
      }
      if (macro.builtin !== undefined) {
        const { flags, loc, length, expansion } = this
        if (!this.expandBuiltin(macro.builtin)) return TokenKind.Identifier
        if ((this.kind as number) === TokenKind.End) continue
        this.flags = flags & SPACING
        this.loc = loc
        this.length = length
        this.expansion = expansion
        return this.kind
      }
      if (!this.expand(macro)) return TokenKind.Identifier
    }
  }

  /** Reads the next token as it is. */
  advance(): void {
    while (this.depth > 0) {
      const stream = this.streams[this.depth - 1]!
      if (stream.at < stream.list.count) {
        const { data } = stream.list
        let at = stream.at++ * TOKEN_STRIDE
        const head = data[at++]!
        this.kind = head & 0xff
        this.flags = (head >>> 8) | this.carry
        this.carry = 0
        this.loc = data[at++]!
        this.length = data[at++]!
        this.atom = data[at++]!
        this.expansion = data[at]!
        return
      }
      if (stream.barrier) {
        this.kind = TokenKind.End
        this.flags = 0
        return
      }
      this.pop()
    }
    this.fileToken()
    if (this.carry !== 0 && this.kind !== TokenKind.End) {
      this.flags |= this.carry
      this.carry = 0
    }
  }

  private push(list: TokenList, macro: Macro | undefined, barrier: boolean, pooled: boolean): void {
    const stream = this.streams[this.depth++]
    if (stream) {
      stream.list = list
      stream.at = 0
      stream.macro = macro
      stream.barrier = barrier
      stream.pooled = pooled
    } else this.streams.push({ list, at: 0, macro, barrier, pooled })
    if (macro) macro.disabled = true
  }

  private pop(): void {
    const stream = this.streams[--this.depth]!
    if (stream.macro) stream.macro.disabled = false
    if (stream.pooled) this.pool.give(stream.list)
  }

  /** Forgets everything that is being expanded. */
  protected unwind(): void {
    while (this.depth > 0) this.pop()
    this.carry = 0
  }

  /** All streams are used up: what comes next comes from the file. */
  protected get atFile(): boolean {
    for (let i = this.depth - 1; i >= 0; i--) {
      const stream = this.streams[i]!
      if (stream.at < stream.list.count || stream.barrier) return false
    }
    return true
  }

  private parenthesisFollows(): boolean {
    for (let i = this.depth - 1; i >= 0; i--) {
      const stream = this.streams[i]!
      if (stream.at < stream.list.count)
        return stream.list.kind(stream.at) === TokenKind.Punctuator && stream.list.atom(stream.at) === Punct['(']
      if (stream.barrier) return false
    }
    return this.fileHasParenthesis()
  }

  /** Expands a list of tokens on its own into `out`. */
  protected expandList(list: TokenList, out: TokenList): void {
    const { carry } = this
    this.carry = 0
    this.push(list, undefined, true, false)
    const base = this.depth
    this.preExpanding++
    while (this.next() !== TokenKind.End) out.push(this.kind, this.flags, this.loc, this.length, this.atom, this.expansion)
    this.preExpanding--
    while (this.depth >= base) this.pop()
    this.carry = carry
  }

  /** Replaces the identifier in the fields by its macro's expansion; false when it is no use of the macro after all. */
  private expand(macro: Macro): boolean {
    const { flags, loc, length, atom, expansion: parent } = this
    if (!macro.functionLike) {
      const id = this.expansions.push({ macro: macro.name, use: loc, parent }) - 1
      if (parent === 0) this.ends.set(id, loc)
      const { body } = macro
      const list = this.pool.take()
      if (macro.built) this.build(macro, [], id, loc, parent, list)
      else {
        list.appendRange(body, 0, body.count)
        for (let i = 0; i < list.count; i++) list.data[i * TOKEN_STRIDE + 4] = id
      }
      this.enter(macro, list, flags)
      return true
    }
    if (!this.parenthesisFollows()) return false
    const args: TokenList[] = []
    this.elided = false
    const end = this.collect(macro, args, loc, length)
    if (end < 0) {
      for (const arg of args) this.pool.give(arg)
      this.kind = TokenKind.Identifier
      this.flags = flags
      this.loc = loc
      this.length = length
      this.atom = atom
      this.expansion = parent
      return false
    }
    const { elided } = this
    const id = this.expansions.push({ macro: macro.name, use: loc, parent }) - 1
    if (parent === 0) this.ends.set(id, end)
    const list = this.pool.take()
    if (macro.built) this.build(macro, args, id, loc, parent, list, elided)
    else {
      list.appendRange(macro.body, 0, macro.body.count)
      for (let i = 0; i < list.count; i++) list.data[i * TOKEN_STRIDE + 4] = id
    }
    for (const arg of args) this.pool.give(arg)
    this.enter(macro, list, flags)
    return true
  }

  private enter(macro: Macro, list: TokenList, flags: number): void {
    if (list.count === 0) {
      this.carry |= flags & SPACING
      this.pool.give(list)
      return
    }
    list.setFlags(0, (list.flags(0) & ~SPACING) | (flags & SPACING))
    this.push(list, macro, false, true)
  }

  /** Reads the arguments of a use; the place of the closing parenthesis, or -1 after an error. */
  private collect(macro: Macro, args: TokenList[], use: Loc, length: number): Loc {
    const name = () => this.names.text(macro.name)
    this.collecting++
    this.advance()
    let list = this.pool.take()
    args.push(list)
    let nesting = 0
    let tooMany = false
    const last = macro.params.length - 1
    for (;;) {
      this.advance()
      if (this.kind === TokenKind.End) {
        this.collecting--
        this.error('P0020', use, length, `unterminated function-like macro invocation of '${name()}'`)
        return -1
      }
      let { flags } = this
      if (this.kind === TokenKind.Punctuator) {
        if (this.atom === Punct['(']) nesting++
        else if (this.atom === Punct[')']) {
          if (nesting-- === 0) break
        } else if (this.atom === Punct[','] && nesting === 0 && !(macro.variadic && args.length - 1 === last)) {
          if (args.length - 1 >= last && !tooMany) tooMany = true
          list = this.pool.take()
          args.push(list)
          continue
        }
      } else if (this.kind === TokenKind.Identifier && this.macroOf(this.atom)?.disabled) flags |= TokenFlag.noExpand
      if (flags & TokenFlag.lineStart) flags = (flags & ~TokenFlag.lineStart) | TokenFlag.space
      list.push(this.kind, flags, this.loc, this.length, this.atom, this.expansion)
    }
    this.collecting--
    const end = this.loc
    if (macro.params.length === 0) {
      if (args.length === 1 && args[0]!.count === 0) {
        this.pool.give(args.pop()!)
        return end
      }
      tooMany = true
    }
    if (tooMany) {
      this.error(
        'P0021',
        use,
        length,
        `too many arguments provided to function-like macro invocation of '${name()}'`,
        this.shape(macro),
      )
      return -1
    }
    // GNU: the variadic part may be left out together with its comma.
    if (macro.variadic && args.length === last) {
      this.elided = true
      args.push(this.pool.take())
    } else if (macro.variadic && last === 0 && args[0]!.count === 0) this.elided = true
    if (args.length < macro.params.length) {
      this.error(
        'P0022',
        use,
        length,
        `too few arguments provided to function-like macro invocation of '${name()}'`,
        this.shape(macro),
      )
      return -1
    }
    return end
  }

  private shape(macro: Macro): string {
    const params = macro.params.map((param, i) =>
      macro.variadic && i === macro.params.length - 1
        ? this.names.text(param) === '__VA_ARGS__'
          ? '...'
          : `${this.names.text(param)}...`
        : this.names.text(param),
    )
    return `the macro is ${this.names.text(macro.name)}(${params.join(', ')})`
  }

  /** Builds the expansion of a macro from its body's steps. */
  private build(
    macro: Macro,
    args: readonly TokenList[],
    id: number,
    use: Loc,
    parent: number,
    out: TokenList,
    elided = false,
  ): void {
    const building = new Building(macro, args, id, use, parent, out, elided)
    this.run(macroOps(macro, this.special), building)
    for (const list of building.expanded) if (list) this.pool.give(list)
    if (!building.marked) return
    let kept = 0
    for (let i = 0; i < out.count; i++) {
      if (out.flags(i) & InnerFlag.placemarker) continue
      if (kept !== i) out.data.copyWithin(kept * TOKEN_STRIDE, i * TOKEN_STRIDE, (i + 1) * TOKEN_STRIDE)
      kept++
    }
    out.count = kept
  }

  private run(ops: readonly MacroOp[], building: Building): void {
    const { out, macro, id } = building
    const { body } = macro
    for (const op of ops) {
      const mark = out.count
      const space = body.flags(op.token) & TokenFlag.space
      let paste = op.pasteBefore
      switch (op.kind) {
        case 'token':
          out.push(body.kind(op.token), space, body.loc(op.token), body.length(op.token), body.atom(op.token), id)
          break
        case 'param': {
          const raw = building.args[op.param]!
          if (!op.pasteBefore && !op.pasteAfter) {
            this.copyArgument(this.expanded(op.param, building), space, building)
            break
          }
          if (op.pasteBefore && macro.variadic && op.param === macro.params.length - 1) {
            const comma = mark > 0 && out.kind(mark - 1) === TokenKind.Punctuator && out.atom(mark - 1) === Punct[',']
            if (comma) {
              // GNU: `, ## __VA_ARGS__` drops the comma before nothing, and joins nothing otherwise.
              paste = false
              if (building.elided) out.count--
            }
          }
          if (raw.count > 0) this.copyArgument(raw, space, building)
          else this.placemarker(space, building)
          break
        }
        case 'stringify':
          this.pushString(building.args[op.param]!, 0, space, op, building)
          break
        case 'va_opt':
          if (this.hasVariadic(building)) this.run(op.inner, building)
          if (out.count === mark) {
            if (op.pasteBefore || op.pasteAfter) this.placemarker(space, building)
          } else out.setFlags(mark, (out.flags(mark) & ~SPACING) | space)
          break
        case 'stringify_va_opt': {
          const inner = this.pool.take()
          if (this.hasVariadic(building)) {
            const nested = new Building(macro, building.args, id, building.use, building.parent, inner, building.elided)
            this.run(op.inner, nested)
            for (const list of nested.expanded) if (list) this.pool.give(list)
          }
          this.pushString(inner, 0, space, op, building)
          this.pool.give(inner)
          break
        }
      }
      if (paste && mark > 0 && out.count > mark) this.paste(out, mark - 1, building)
    }
  }

  private placemarker(space: number, building: Building): void {
    building.marked = true
    building.out.push(TokenKind.Stray, space | InnerFlag.placemarker, building.use, 0, 0, building.id)
  }

  private hasVariadic(building: Building): boolean {
    return building.macro.variadic && this.expanded(building.macro.params.length - 1, building).count > 0
  }

  /** An argument, expanded on its own; the list itself where there is nothing to expand. */
  private expanded(param: number, building: Building): TokenList {
    const done = building.expanded[param]
    if (done) return done
    const raw = building.args[param]!
    let plain = true
    for (let i = 0; i < raw.count && plain; i++)
      plain = raw.kind(i) !== TokenKind.Identifier || this.macroOf(raw.atom(i)) === undefined
    if (plain) return raw
    if (this.preExpanding >= NESTING) {
      this.error('P0025', building.use, 1, 'macro arguments are nested too deeply')
      return raw
    }
    const list = this.pool.take()
    building.expanded[param] = list
    this.expandList(raw, list)
    return list
  }

  private copyArgument(list: TokenList, space: number, building: Building): void {
    const { out } = building
    const from = out.count
    out.appendRange(list, 0, list.count)
    for (let i = from; i < out.count; i++) out.data[i * TOKEN_STRIDE + 4] = this.writtenIn(out.expansion(i), building)
    if (out.count > from) out.setFlags(from, (out.flags(from) & ~SPACING) | space)
  }

  /** The expansion of a token that stood in expansion `written` as part of an argument. */
  private writtenIn(written: number, building: Building): number {
    if (building.lastWritten === written) return building.lastArgument
    building.lastWritten = written
    const { macro, use, parent } = building
    building.lastArgument = this.expansions.push({ macro: macro.name, use, parent, written }) - 1
    if (parent === 0) this.ends.set(building.lastArgument, this.ends.get(building.id) ?? use)
    return building.lastArgument
  }

  private pushString(list: TokenList, from: number, space: number, op: MacroOp, building: Building): void {
    const { out, macro, id } = building
    const loc = macro.body.loc(op.token)
    let text = ''
    for (let i = from; i < list.count; i++) {
      const flags = list.flags(i)
      if (flags & InnerFlag.placemarker) continue
      if (text !== '' && flags & SPACING) text += ' '
      const spelling = this.spelling(list, i)
      const kind = list.kind(i)
      text += kind === TokenKind.String || kind === TokenKind.Char ? spelling.replace(/["\\]/g, '\\$&') : spelling
    }
    const slashes = /\\+$/.exec(text)
    if (slashes && slashes[0].length % 2 === 1) {
      this.warning('P0023', 'invalid-pp-token', building.use, 1, "invalid string literal, ignoring final '\\'")
      text = text.slice(0, -1)
    }
    out.push(TokenKind.String, space, loc, macro.body.length(op.token), this.names.intern(`"${text}"`), id)
  }

  /** The text of a token as written, where digraphs stay digraphs. */
  protected spelling(list: TokenList, index: number): string {
    const text = this.names.text(list.atom(index))
    if (list.kind(index) !== TokenKind.Punctuator || list.length(index) === text.length) return text
    const loc = list.loc(index)
    const file = this.sources.fileOf(loc)
    if (!file || list.length(index) === 0) return text
    const written = new TextDecoder().decode(file.bytes.subarray(loc - file.base, loc - file.base + list.length(index)))
    return /^(?:<:|:>|<%|%>|%:(?:%:)?)$/.test(written) ? written : text
  }

  /** Joins tokens `left` and `left + 1` of a list. */
  private paste(list: TokenList, left: number, building: Building): void {
    const right = left + 1
    if (list.flags(right) & InnerFlag.placemarker) {
      list.remove(right)
      return
    }
    if (list.flags(left) & InnerFlag.placemarker) {
      list.setFlags(right, (list.flags(right) & ~SPACING) | (list.flags(left) & SPACING))
      list.remove(left)
      return
    }
    const text = this.spelling(list, left) + this.spelling(list, right)
    const bytes = new TextEncoder().encode(text)
    const comment = text.startsWith('//') || text.startsWith('/*')
    const scanner = new Scanner(bytes, this.names, 0, () => {})
    if (!comment) scanner.next()
    if (comment || scanner.stop !== bytes.length || scanner.kind === TokenKind.Stray) {
      const loc = building.macro.body.loc(0)
      this.sink.error(
        'P0024',
        { start: building.use, end: building.use + this.names.length(building.macro.name) },
        `pasting formed '${text}', an invalid preprocessing token`,
        {
          notes:
            loc > 0
              ? [{ message: `expanded from macro '${this.names.text(building.macro.name)}'`, span: { start: loc, end: loc + 1 } }]
              : [],
        },
      )
      return
    }
    const at = left * TOKEN_STRIDE
    list.data[at] = scanner.kind | ((list.flags(left) & SPACING) << 8)
    list.data[at + 3] = scanner.atom
    list.data[at + 4] = building.id
    list.remove(right)
  }

  /** The place whose line `__LINE__` gives: the end of the outermost macro use around the last token. */
  protected lineLoc(): Loc {
    let { expansion, loc } = this
    while (expansion !== 0) {
      const entry = this.expansions[expansion]!
      if (entry.parent === 0) return this.ends.get(expansion) ?? entry.use
      expansion = entry.parent
      loc = entry.use
    }
    return loc
  }
}

/** One expansion under construction. */
class Building {
  readonly expanded: (TokenList | undefined)[] = []
  marked = false
  lastWritten = -1
  lastArgument = 0

  constructor(
    readonly macro: Macro,
    readonly args: readonly TokenList[],
    readonly id: number,
    readonly use: Loc,
    readonly parent: number,
    readonly out: TokenList,
    /** The variadic argument was left out, together with its comma. */
    readonly elided: boolean,
  ) {}
}
