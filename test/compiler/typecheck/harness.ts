/** Preprocesses, parses and checks a program held in memory. */
import { DiagnosticSink, TooManyErrors } from '../../../base/diagnostics.js'
import { MemoryHost } from '../../../base/host.js'
import { SourceSet } from '../../../base/source.js'
import { FlagPolicy } from '../../../base/warning-policy.js'
import type { CompileOptions } from '../../../compiler/options.js'
import { parseTranslationUnit } from '../../../compiler/parser/parse.js'
import { preprocess } from '../../../compiler/preprocessor/preprocess.js'
import { checkTranslationUnit } from '../../../compiler/typecheck/check.js'
import type { TypedUnit } from '../../../compiler/typecheck/typed-ast.js'

export const options: CompileOptions = {
  target: { cpu: 'v3', little: true },
  optimize: '2',
  debug: true,
  predefines: [],
  includes: { quote: [], user: ['/include'], system: [], standard: [], after: [] },
  prefixMap: [],
  workingDirectory: '/',
  disabledPasses: new Set(),
  vmlinux: undefined,
}

export interface Checked {
  /** `line:column: severity code: message [-Wgroup]`, hints and notes indented below. */
  readonly problems: readonly string[]
  readonly errors: number
  /** Undefined where the checks were given up. */
  readonly unit: TypedUnit | undefined
}

/** Checks the text of `a.c`; `headers` are other files by path. Headers of `lazyFrom` bytes and more are parsed on demand. */
export function check(
  text: string,
  flags: readonly string[] = [],
  headers: Readonly<Record<string, string>> = {},
  lazyFrom = 32768,
): Checked {
  const sources = new SourceSet()
  const sink = new DiagnosticSink(50, new FlagPolicy(flags), span => sources.fileOf(span.start)?.system ?? false)
  let unit: TypedUnit | undefined
  try {
    const tokens = preprocess(new MemoryHost({ 'a.c': text, ...headers }), 'a.c', options, sources, sink, { lazyFrom })
    const parsed = parseTranslationUnit(tokens.tokens, tokens.names, tokens.index, sink)
    const file = sources.files.find(each => each.path === 'a.c')
    const mainFile = file && { start: file.base, end: file.end }
    unit = checkTranslationUnit({ ...parsed, ...(mainFile && { mainFile }) }, tokens.names, tokens.tokens, sink, options.target)
  } catch (error) {
    if (!(error instanceof TooManyErrors)) throw error
  }
  const problems = sink.all.map(diagnostic => {
    const at = diagnostic.span && sources.position(diagnostic.span.start)
    const group = diagnostic.group ? ` [-W${diagnostic.group}]` : ''
    const lines = [
      `${at ? `${at.line}:${at.column}: ` : ''}${diagnostic.severity} ${diagnostic.code}: ${diagnostic.message}${group}`,
    ]
    for (const note of diagnostic.notes) {
      const place = note.span && sources.position(note.span.start)
      lines.push(`  note${place ? ` ${place.line}:${place.column}` : ''}: ${note.message}`)
    }
    if (diagnostic.hint) lines.push(`  hint: ${diagnostic.hint}`)
    return lines.join('\n')
  })
  return { problems, errors: sink.errors, unit }
}

/** The programs of a file of cases: each after a line `//// title`. */
export function casesOf(text: string): { readonly title: string; readonly source: string }[] {
  return text
    .split(/^\/\/\/\/ /m)
    .slice(1)
    .map(part => {
      const end = part.indexOf('\n')
      return { title: part.slice(0, end), source: part.slice(end + 1) }
    })
}
