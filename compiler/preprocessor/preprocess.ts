/** The way in: a main file to the tokens of its translation unit. */
import type { DiagnosticSink } from '../../base/diagnostics.js'
import type { Host } from '../../base/host.js'
import type { SourceSet } from '../../base/source.js'
import type { CompileOptions } from '../options.js'
import type { DeclarationIndex } from './declaration-index.js'
import type { DiagnosticStates } from './diagnostic-state.js'
import type { MacroTable } from './macro.js'
import { Names } from './names.js'
import { type Dependency, type HeaderCache, type LineMark, Preprocessor } from './preprocessor.js'
import { type TokenBuffer, TokenFlag, TokenKind } from './tokens.js'

export interface Preprocessed {
  /** The translation unit; the last token is End. Tokens of lazily scanned declarations are appended behind it. */
  readonly tokens: TokenBuffer
  readonly names: Names
  readonly index: DeclarationIndex
  /** The files read, the main one first, in the order they were first opened. */
  readonly dependencies: readonly Dependency[]
  /** What is defined at the end. */
  readonly macros: MacroTable
  /** What `#pragma GCC diagnostic` asked for, by place. */
  readonly diagnosticStates: DiagnosticStates
  /** Changes of file and line, when printing was asked for. */
  readonly marks: readonly LineMark[]
}

export interface PreprocessExtras {
  /** Only preprocessing is wanted (`-E`): no declaration is put off, pragmas stay as written. */
  readonly printing?: boolean
  /** A table of names to go on with, in a process that compiles many files. */
  readonly names?: Names | undefined
  /** Headers of at least so many bytes have their declarations put off; 32 KB where nothing is said, Infinity for none. */
  readonly lazyFrom?: number
  /** Indexes of big headers from earlier compilations. */
  readonly cache?: HeaderCache | undefined
  /** What was kept of headers' tokens, from compilations with these names. */
  readonly kept?: TokenBuffer | undefined
}

/**
 * Preprocesses the file at `path`. Diagnostics go to `sink`; a file that is not there is one. Throws only what the sink throws
 * (`TooManyErrors`).
 */
export function preprocess(
  host: Host,
  path: string,
  options: CompileOptions,
  sources: SourceSet,
  sink: DiagnosticSink,
  extras: PreprocessExtras = {},
): Preprocessed {
  const printing = extras.printing ?? false
  const names = extras.names ?? new Names()
  const preprocessor = new Preprocessor(host, options, sources, sink, names, {
    printing,
    lazyFrom: extras.lazyFrom ?? 32768,
    cache: extras.cache,
    kept: extras.kept,
  })
  const { buffer } = preprocessor
  const bytes = host.read(path)
  if (!bytes) sink.error('P0083', undefined, `no such file: '${path}'`)
  else {
    preprocessor.start(path, bytes)
    while (preprocessor.next() !== TokenKind.End) preprocessor.emit()
  }
  buffer.push(TokenKind.End, TokenFlag.lineStart, preprocessor.loc, 0, 0, 0)
  const { index, dependencies, macros, diagnosticStates, marks } = preprocessor
  return { tokens: buffer, names, index, dependencies, macros, diagnosticStates, marks }
}
