/** Parses C in memory. */
import { DiagnosticSink } from '../../../base/diagnostics.js'
import { MemoryHost } from '../../../base/host.js'
import { SourceSet, type Span } from '../../../base/source.js'
import type { CompileOptions } from '../../../compiler/options.js'
import type { Declaration, DeclarationSource } from '../../../compiler/parser/ast.js'
import { parseTranslationUnit } from '../../../compiler/parser/parse.js'
import type { Names } from '../../../compiler/preprocessor/names.js'
import { preprocess } from '../../../compiler/preprocessor/preprocess.js'
import type { TokenBuffer } from '../../../compiler/preprocessor/tokens.js'

export const options: CompileOptions = {
  target: { cpu: 'v3', little: true },
  optimize: '2',
  debug: true,
  predefines: [],
  includes: { quote: [], user: [], system: [], standard: [], after: [] },
  prefixMap: [],
  workingDirectory: '/',
  disabledPasses: new Set(),
  vmlinux: undefined,
}

export interface ParsedText {
  readonly declarations: readonly Declaration[]
  readonly source: DeclarationSource
  readonly names: Names
  readonly tokens: TokenBuffer
  /** `line:column: severity: message [code]`, with notes and hints on lines of their own. */
  readonly problems: readonly string[]
}

/** Parses `text`; `headers` are further files, indexed lazily where `lazyFrom` bytes or more. */
export function parse(text: string, headers: Readonly<Record<string, string>> = {}, lazyFrom?: number): ParsedText {
  const sources = new SourceSet()
  const sink = new DiagnosticSink(0)
  const host = new MemoryHost({ 'a.c': text, ...headers })
  const unit = preprocess(host, 'a.c', options, sources, sink, lazyFrom === undefined ? {} : { lazyFrom })
  const { declarations, source } = parseTranslationUnit(unit.tokens, unit.names, unit.index, sink)
  const place = (span: Span | undefined): string => {
    const at = span && sources.position(span.start)
    return at ? `${at.path === 'a.c' ? '' : `${at.path}:`}${at.line}:${at.column}: ` : ''
  }
  const problems = sink.all.map(({ span, severity, message, code, notes, hint }) =>
    [
      `${place(span)}${severity}: ${message} [${code}]`,
      ...notes.map(note => `  ${place(note.span)}note: ${note.message}`),
      ...(hint ? [`  hint: ${hint}`] : []),
    ].join('\n'),
  )
  return { declarations, source, names: unit.names, tokens: unit.tokens, problems }
}
