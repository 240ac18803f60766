/** Makefile rules for what a compilation read (`-M` and its kind), laid out as clang writes them. */
import type { Dependency } from './preprocessor.js'

export interface DepfileOptions {
  /** Targets as they go into the rule: `-MT` as given, `-MQ` through `quoteTarget`. */
  readonly targets: readonly string[]
  /** `-MP`: an empty rule for each header, so that deleting one does not stop make. */
  readonly phony: boolean
  /** `-MM`, `-MMD`: without headers from system directories. */
  readonly userOnly: boolean
}

const COLUMNS = 75

/** A target as `-MQ` and the default target are written: what make takes specially is escaped. */
export const quoteTarget = (target: string): string =>
  target
    .replace(/(\\*)([ \t])/g, '$1$1\\$2')
    .replaceAll('$', '$$$$')
    .replaceAll('#', '\\#')

/** The target where none is given: the object's path, or the source's base name with `.o`. */
export const defaultTarget = (source: string, output: string | undefined): string =>
  quoteTarget(output ?? `${source.replace(/^.*\//, '').replace(/\.[^.]*$/, '')}.o`)

const quoteFile = (path: string): string =>
  path
    .replace(/(\\*) /g, '$1$1\\ ')
    .replaceAll('#', '\\#')
    .replaceAll('$', '$$$$')

/** The rule. Headers that ship with bpfc (`<bpfc>/…`) are part of the compiler and not listed. */
export function depfile(dependencies: readonly Dependency[], options: DepfileOptions): string {
  const files = new Set<string>()
  for (const { path, system } of dependencies)
    if (!path.startsWith('<') && !(options.userOnly && system)) files.add(path.replace(/^(?:\.\/+)+/, ''))
  let text = ''
  let columns = 0
  for (const target of options.targets) {
    if (columns === 0) columns = target.length
    else if (columns + target.length + 2 > COLUMNS) {
      columns = target.length + 2
      text += ' \\\n  '
    } else {
      columns += target.length + 1
      text += ' '
    }
    text += target
  }
  text += ':'
  columns++
  for (const file of files) {
    if (columns + file.length + 3 > COLUMNS) {
      text += ' \\\n '
      columns = 2
    }
    text += ` ${quoteFile(file)}`
    columns += file.length + 1
  }
  text += '\n'
  if (options.phony) for (const file of [...files].slice(1)) text += `${quoteFile(file)}:\n`
  return text
}
