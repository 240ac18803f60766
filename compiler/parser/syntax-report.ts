/** Syntax errors: where a caret goes, and the macros a token came through. */
import type { DiagnosticExtras, DiagnosticNote, DiagnosticSink } from '../../base/diagnostics.js'
import type { Span } from '../../base/source.js'
import type { Names } from '../preprocessor/names.js'
import type { TokenBuffer, TokenIndex } from '../preprocessor/tokens.js'

/** More macros than this in a chain help nobody. */
const backtraceLimit = 6

export class SyntaxReport {
  constructor(
    private readonly names: Names,
    readonly tokens: TokenBuffer,
    private readonly sink: DiagnosticSink,
  ) {}

  /** The file range of a token: its own, or that of the outermost macro use it came from. */
  span(token: TokenIndex): Span | undefined {
    const start = this.tokens.fileLoc(token)
    if (start <= 0) return undefined
    let expansion = this.tokens.expansion[token]!
    if (expansion === 0) return { start, end: start + Math.max(1, this.tokens.length[token]!) }
    let entry = this.tokens.expansions[expansion]!
    while ((expansion = entry.parent) !== 0) entry = this.tokens.expansions[expansion]!
    return { start, end: start + Math.max(1, this.names.length(entry.macro)) }
  }

  /** The place right behind a token, where what is missing belongs. */
  after(token: TokenIndex): Span | undefined {
    const span = this.span(token)
    return span && { start: span.end, end: span.end }
  }

  error(code: string, token: TokenIndex, message: string, extras: DiagnosticExtras = {}): void {
    this.errorAt(code, this.span(token), token, message, extras)
  }

  /** An error with a span of its own; the macros are those of `token`. */
  errorAt(code: string, span: Span | undefined, token: TokenIndex, message: string, extras: DiagnosticExtras = {}): void {
    this.sink.error(code, span, message, { ...extras, notes: [...this.backtrace(token), ...(extras.notes ?? [])] })
  }

  /** `group` is clang's name of the warning without `-W`. */
  warning(code: string, token: TokenIndex, message: string, group: string | undefined, extras: DiagnosticExtras = {}): void {
    this.sink.warning(code, this.span(token), message, {
      ...extras,
      ...(group !== undefined && { group }),
      notes: [...this.backtrace(token), ...(extras.notes ?? [])],
    })
  }

  note(message: string, token: TokenIndex): DiagnosticNote {
    const span = this.span(token)
    return span ? { message, span } : { message }
  }

  /** One note for each macro a token came through, outermost first. */
  private backtrace(token: TokenIndex): DiagnosticNote[] {
    const notes: DiagnosticNote[] = []
    let loc = this.tokens.loc[token]!
    let length = this.tokens.length[token]!
    for (let expansion = this.tokens.expansion[token]!; expansion !== 0; ) {
      const entry = this.tokens.expansions[expansion]!
      const message = `expanded from macro '${this.names.text(entry.macro)}'`
      notes.push(loc > 0 ? { message, span: { start: loc, end: loc + Math.max(1, length) } } : { message })
      loc = entry.use
      length = this.names.length(entry.macro)
      expansion = entry.parent
    }
    return notes.reverse().slice(0, backtraceLimit)
  }
}
