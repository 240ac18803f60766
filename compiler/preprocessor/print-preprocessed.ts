/** `-E` and `-dM`: what came out of the preprocessor, as text that a compiler takes. */
import type { SourceSet } from '../../base/source.js'
import type { Macro, MacroTable } from './macro.js'
import type { Names } from './names.js'
import type { Preprocessed } from './preprocess.js'
import { TokenFlag, TokenKind } from './tokens.js'

export interface PrintOptions {
  /** `-P`: no line markers. */
  readonly bare: boolean
}

/** So many empty lines are written out; more become a line marker. */
const EMPTY_LINES = 8

const quote = (path: string): string => `"${path.replace(/["\\]/g, '\\$&')}"`

/** The translation unit as text. The result must have been made with `printing`. */
export function printPreprocessed(
  preprocessed: Preprocessed,
  sources: SourceSet,
  options: PrintOptions = { bare: false },
): string {
  const { tokens, names, marks } = preprocessed
  const out: string[] = []
  let line = 1
  let path = ''
  let system = false
  let column = 0
  let nextMark = 0
  const newline = () => {
    if (column > 0) {
      out.push('\n')
      line++
      column = 0
    }
  }
  const marker = (number: number, flag: string) => {
    newline()
    if (!options.bare) out.push(`# ${number} ${quote(path)}${flag}${system ? ' 3' : ''}\n`)
    line = number
  }
  for (let i = tokens.first; i < tokens.count && tokens.kind[i] !== TokenKind.End; i++) {
    for (; nextMark < marks.length && marks[nextMark]!.token <= i; nextMark++) {
      const mark = marks[nextMark]!
      path = mark.path
      system = mark.system
      marker(mark.line, mark.why === 'enter' ? ' 1' : mark.why === 'return' ? ' 2' : '')
    }
    const flags = tokens.flags[i]!
    const text = names.text(tokens.atom[i]!)
    if (flags & TokenFlag.lineStart) {
      const loc = tokens.fileLoc(i)
      const file = sources.fileOf(loc)
      const at = file ? file.presumed(loc - file.base).line : line
      newline()
      if (at !== line) {
        if (at > line && at - line <= EMPTY_LINES) {
          if (!options.bare) out.push('\n'.repeat(at - line))
          line = at
        } else marker(at, '')
      }
      if (flags & TokenFlag.space && text !== '#') {
        const start = file ? loc - file.base - file.lines[file.lineOf(loc - file.base) - 1]! : 1
        out.push(' '.repeat(Math.max(1, Math.min(start, 80))))
      }
    } else if (column > 0 && (flags & TokenFlag.space || mustPart(preprocessed, i))) out.push(' ')
    if (tokens.kind[i] === TokenKind.Pragma) {
      newline()
      out.push(`#pragma ${text}\n`)
      line++
      column = 0
      continue
    }
    out.push(text)
    column++
  }
  for (; nextMark < marks.length; nextMark++) {
    const mark = marks[nextMark]!
    path = mark.path
    system = mark.system
    marker(mark.line, mark.why === 'enter' ? ' 1' : mark.why === 'return' ? ' 2' : '')
  }
  newline()
  return out.join('')
}

/** Whether a token, written right behind the one before it, would be read as part of it. */
function mustPart({ tokens, names }: Preprocessed, i: number): boolean {
  const before = names.text(tokens.atom[i - 1]!)
  const text = names.text(tokens.atom[i]!)
  // What stood so in a file may stand so here.
  if (
    tokens.expansion[i] === tokens.expansion[i - 1] &&
    tokens.length[i - 1]! > 0 &&
    tokens.loc[i - 1]! + tokens.length[i - 1]! === tokens.loc[i] &&
    tokens.length[i - 1] === before.length
  )
    return false
  const last = before.charCodeAt(before.length - 1)
  const first = text.charCodeAt(0)
  const wordEnds = isWord(last) || last > 127
  if (wordEnds)
    return (
      isWord(first) ||
      first > 127 ||
      first === 34 ||
      first === 39 ||
      (tokens.kind[i - 1] === TokenKind.Number && '.+-'.includes(text[0]!))
    )
  if (before === '.') return '.0123456789'.includes(text[0]!)
  return '+-&|<>=!*/%^#:.'.includes(before.at(-1)!) && '+-&|<>=*/%:#.'.includes(text[0]!)
}

const isWord = (c: number): boolean =>
  (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 95 || c === 36

/** The definitions in force at the end, sorted by name as clang sorts them, one a line (`-dM`). */
export function printMacros(macros: MacroTable, names: Names): string {
  return macros
    .all()
    .filter(macro => !macro.builtin)
    .map(macro => ({ name: names.text(macro.name), text: definitionText(macro, names) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ text }) => `#define ${text}\n`)
    .join('')
}

/** `NAME(params) body`. */
export function definitionText(macro: Macro, names: Names): string {
  let text = names.text(macro.name)
  if (macro.functionLike) {
    const params = macro.params.map((param, i) => {
      const name = names.text(param)
      return macro.variadic && i === macro.params.length - 1 ? (name === '__VA_ARGS__' ? '...' : `${name}...`) : name
    })
    text += `(${params.join(',')})`
  }
  text += ' '
  for (let i = 0; i < macro.body.count; i++) {
    if (i > 0 && macro.body.flags(i) & TokenFlag.space) text += ' '
    text += names.text(macro.body.atom(i))
  }
  return text
}
