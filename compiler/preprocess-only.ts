/** `-E`, `-dM` and `-M`: what can be had of a source without parsing it. */
import { type Diagnostic, DiagnosticSink, TooManyErrors } from '../base/diagnostics.js'
import type { Host } from '../base/host.js'
import { SourceSet } from '../base/source.js'
import { FlagPolicy } from '../base/warning-policy.js'
import type { CompileOptions } from './options.js'
import type { CompileSettings } from './pipeline.js'
import { type Preprocessed, preprocess } from './preprocessor/preprocess.js'
import type { Dependency } from './preprocessor/preprocessor.js'
import { printMacros, printPreprocessed } from './preprocessor/print-preprocessed.js'

export interface PreprocessResult {
  readonly sources: SourceSet
  readonly diagnostics: readonly Diagnostic[]
  readonly failed: boolean
  readonly dependencies: readonly Dependency[]
  /** The translation unit as text, with or without line markers. */
  text(lineMarkers: boolean): string
  /** All macros at the end, as `#define` lines. */
  macros(): string
}

export function preprocessOnly(
  host: Host,
  path: string,
  options: CompileOptions,
  settings: CompileSettings = {},
): PreprocessResult {
  const sources = new SourceSet()
  const sink = new DiagnosticSink(settings.errorLimit ?? 20, new FlagPolicy(settings.warnings), span =>
    sources.isSystem(span.start),
  )
  let made: Preprocessed | undefined
  try {
    made = preprocess(host, path, options, sources, sink, { printing: true })
  } catch (error) {
    if (!(error instanceof TooManyErrors)) throw error
  }
  return {
    sources,
    diagnostics: sink.all,
    failed: sink.hasErrors,
    dependencies: made?.dependencies ?? [],
    text: lineMarkers => (made ? printPreprocessed(made, sources, { bare: !lineMarkers }) : ''),
    macros: () => (made ? printMacros(made.macros, made.names) : ''),
  }
}
