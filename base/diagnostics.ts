/**
 * Diagnostics are values: a code of the catalogue, a severity, a span, a message, notes and a hint that says what to write
 * instead. Stages put them into a `DiagnosticSink`; nobody below `cli` prints.
 */
import type { Span } from './source.js'

export type Severity = 'error' | 'warning' | 'note' | 'remark'

export interface DiagnosticNote {
  readonly message: string
  readonly span?: Span
}

export interface Diagnostic {
  /** Catalogue code: a letter for the stage and four digits, e.g. `P0063`; see `base/catalogue.ts`. */
  readonly code: string
  readonly severity: Severity
  readonly message: string
  /** Where; absent for what has no place in a source (a missing input file). */
  readonly span?: Span
  /** More places and facts, printed under the main message: macro backtrace, previous declaration, include stack. */
  readonly notes: readonly DiagnosticNote[]
  /** What to write instead. */
  readonly hint?: string
  /** clang's spelling of the warning's group, without `-W`, for `-Wno-…` and `-Werror=…`. */
  readonly group?: string
}

export type DiagnosticExtras = Partial<Pick<Diagnostic, 'notes' | 'hint' | 'group'>>

/** What `-W` flags decided; asked once for each warning. */
export interface WarningPolicy {
  /** What a warning of that group becomes; undefined drops it. */
  severityOf(group: string | undefined, system: boolean, span?: Span): 'error' | 'warning' | undefined
}

/** Thrown by `DiagnosticSink.add` when the error limit is reached, caught by the pipeline. Never reaches a user. */
export class TooManyErrors extends Error {}

export class DiagnosticSink {
  readonly all: Diagnostic[] = []
  errors = 0
  warnings = 0
  /** How often anything was reported, also what the policy dropped. */
  reports = 0

  constructor(
    /** After so many errors the stage is abandoned (clang's `-ferror-limit`); 0 means no limit. */
    readonly errorLimit = 20,
    public policy: WarningPolicy | undefined = undefined,
    private readonly isSystem: (span: Span) => boolean = () => false,
  ) {}

  error(code: string, span: Span | undefined, message: string, extras: DiagnosticExtras = {}): void {
    this.reports++
    this.add({ code, severity: 'error', message, ...(span && { span }), notes: [], ...extras })
  }

  /** A warning; `group` in extras is clang's name of it. Warnings placed in system headers are dropped. */
  warning(code: string, span: Span | undefined, message: string, extras: DiagnosticExtras = {}): void {
    this.reports++
    const system = span !== undefined && this.isSystem(span)
    const severity = this.policy ? this.policy.severityOf(extras.group, system, span) : system ? undefined : 'warning'
    if (severity) this.add({ code, severity, message, ...(span && { span }), notes: [], ...extras })
  }

  add(diagnostic: Diagnostic): void {
    this.all.push(diagnostic)
    if (diagnostic.severity === 'warning') this.warnings++
    if (diagnostic.severity !== 'error') return
    this.errors++
    if (this.errorLimit > 0 && this.errors >= this.errorLimit) throw new TooManyErrors()
  }

  get hasErrors(): boolean {
    return this.errors > 0
  }
}
