/** Runs the preprocessor on files in memory. */
import { DiagnosticSink } from '../../../base/diagnostics.js'
import { MemoryHost } from '../../../base/host.js'
import { SourceSet } from '../../../base/source.js'
import type { CompileOptions } from '../../../compiler/options.js'
import { type PreprocessExtras, preprocess } from '../../../compiler/preprocessor/preprocess.js'
import { TokenKind } from '../../../compiler/preprocessor/tokens.js'

export const defaults: CompileOptions = {
  target: { cpu: 'v3', little: true },
  optimize: '2',
  debug: true,
  predefines: [],
  includes: { quote: [], user: ['/user'], system: [], standard: ['/std'], after: [] },
  prefixMap: [],
  workingDirectory: '/',
  disabledPasses: new Set(),
  vmlinux: undefined,
}

export interface Ran {
  /** Spellings joined by spaces; pragmas in brackets. */
  readonly text: string
  /** `path:line:column: code: message`, without columns for what has no place. */
  readonly problems: readonly string[]
  readonly result: ReturnType<typeof preprocess>
  readonly sources: SourceSet
  readonly sink: DiagnosticSink
}

export function run(
  files: Record<string, string | Uint8Array>,
  options: Partial<CompileOptions> = {},
  extras: PreprocessExtras = {},
): Ran {
  const sources = new SourceSet()
  const sink = new DiagnosticSink(0)
  const main = Object.keys(files)[0]!
  const result = preprocess(new MemoryHost(files), main, { ...defaults, ...options }, sources, sink, extras)
  const { tokens, names } = result
  const words: string[] = []
  for (let i = 0; i < tokens.count && tokens.kind[i] !== TokenKind.End; i++) {
    const text = names.text(tokens.atom[i]!)
    words.push(tokens.kind[i] === TokenKind.Pragma ? `[${text}]` : tokens.kind[i] === TokenKind.LazyRegion ? '<lazy>' : text)
  }
  const problems = sink.all.map(({ span, severity, code, message }) => {
    const at = span && sources.position(span.start)
    return `${at ? `${at.path}:${at.line}:${at.column}: ` : ''}${severity} ${code}: ${message}`
  })
  return { text: words.join(' '), problems, result, sources, sink }
}

/** The same for one file's text. */
export const runText = (text: string, options: Partial<CompileOptions> = {}): Ran => run({ '/main.c': text }, options)
