/** Diagnostics of the type checker: spans from tokens, and the macros a place came through as notes. */
import type { DiagnosticExtras, DiagnosticNote, DiagnosticSink } from '../../base/diagnostics.js'
import type { Span } from '../../base/source.js'
import type { Names } from '../preprocessor/names.js'
import type { TokenBuffer, TokenIndex } from '../preprocessor/tokens.js'
import { PragmaWarnings } from './pragma-warnings.js'

/** Anything that has a place in the token buffer. */
export interface Place {
  readonly token: TokenIndex
  readonly first: TokenIndex
  readonly last: TokenIndex
}

export const placeOfToken = (token: TokenIndex): Place => ({ token, first: token, last: token })

/** The same node, pointed at from its first token on. */
export const beginOf = (place: Place): Place => ({ token: place.first, first: place.first, last: place.last })

/** More places than this in a chain of macros help nobody. */
const backtraceLimit = 6

export class Reporter {
  private pragmas: PragmaWarnings | undefined

  constructor(
    private readonly names: Names,
    private readonly tokens: TokenBuffer,
    readonly sink: DiagnosticSink,
  ) {}

  /** The file range of a token: its own, that of a macro's argument as written at the use, or that of the macro use it came from. */
  tokenSpan(token: TokenIndex): Span | undefined {
    const start = this.tokens.fileLoc(token)
    if (start <= 0) return undefined
    const own = this.tokens.loc[token]!
    const length = Math.max(1, this.tokens.length[token]!)
    let expansion = this.tokens.expansion[token]!
    if (expansion === 0) return { start, end: start + length }
    if (own > start && own < this.nextFilePlace(token)) return { start: own, end: own + length }
    for (;;) {
      const entry = this.tokens.expansions[expansion]!
      if (entry.parent === 0) return { start, end: start + Math.max(1, this.names.length(entry.macro)) }
      expansion = entry.parent
    }
  }

  /**
   * Where the first token behind an expansion stands. What lies between that and the macro's use is in the same file, so it is the use's arguments.
   */
  private nextFilePlace(token: TokenIndex): number {
    const { tokens } = this
    for (let at = token + 1; at < tokens.count && at < token + 10000; at++)
      if (tokens.expansion[at] === 0 || tokens.fileLoc(at) !== tokens.fileLoc(token)) return tokens.fileLoc(at)
    return 0
  }

  /**
   * Where to point for a node: at its caret token, as clang does, if that is not the first one; else at the whole node. Only the caret token where
   * the ends lie in different files or are out of order.
   */
  span(place: Place): Span | undefined {
    const caret = this.tokenSpan(place.token)
    if (place.token !== place.first) return caret
    const from = this.tokenSpan(place.first)
    const to = this.tokenSpan(place.last)
    if (!from || !to || to.end < from.start || to.end - from.start > 4096) return caret
    if (caret && (caret.start < from.start || caret.end > to.end)) return caret
    return { start: from.start, end: to.end }
  }

  /** One note for each macro a token came through, outermost first. */
  backtrace(token: TokenIndex): DiagnosticNote[] {
    const notes: DiagnosticNote[] = []
    let expansion = this.tokens.expansion[token]!
    let loc = this.tokens.loc[token]!
    let length = this.tokens.length[token]!
    while (expansion !== 0) {
      const entry = this.tokens.expansions[expansion]!
      const name = this.names.text(entry.macro)
      notes.push({
        message: `expanded from macro '${name}'`,
        ...(loc > 0 && { span: { start: loc, end: loc + Math.max(1, length) } }),
      })
      loc = entry.use
      length = this.names.length(entry.macro)
      expansion = entry.parent
    }
    notes.reverse()
    return notes.length > backtraceLimit ? notes.slice(0, backtraceLimit) : notes
  }

  error(code: string, place: Place, message: string, extras: DiagnosticExtras = {}): void {
    this.sink.error(code, this.span(place), message, this.withBacktrace(place, extras))
  }

  /** `group` is clang's name of the warning without `-W`. */
  warning(code: string, place: Place, message: string, group: string, extras: DiagnosticExtras = {}): void {
    this.pragmas ??= new PragmaWarnings(this.names, this.tokens)
    const said = this.pragmas.levelAt(place.token, group)
    if (said === 'ignored') return
    const span = this.span(place)
    const full = { ...this.withBacktrace(place, extras), group }
    if (said === undefined) this.sink.warning(code, span, message, full)
    else
      this.sink.add({
        code,
        severity: said === 'warning' ? 'warning' : 'error',
        message,
        ...(span && { span }),
        notes: [],
        ...full,
      })
  }

  private withBacktrace(place: Place, extras: DiagnosticExtras): DiagnosticExtras {
    const backtrace = this.backtrace(place.token)
    return backtrace.length ? { ...extras, notes: [...backtrace, ...(extras.notes ?? [])] } : extras
  }

  /** A note that points at a token. */
  note(message: string, token: TokenIndex): DiagnosticNote {
    const span = this.tokenSpan(token)
    return span ? { message, span } : { message }
  }
}
