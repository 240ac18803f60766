/** How a token got where it is, as notes under a diagnostic: one for each macro it came through, the innermost first. */
import type { DiagnosticNote } from '../../base/diagnostics.js'
import type { Span } from '../../base/source.js'
import type { Names } from './names.js'
import type { TokenBuffer, TokenIndex } from './tokens.js'

/** More are cut in the middle, as clang does. */
const LIMIT = 6

/** Where the caret belongs for a token: what the user wrote, not a macro's body. */
export function tokenSpan(tokens: TokenBuffer, names: Names, token: TokenIndex): Span {
  const start = tokens.caretLoc(token)
  let length = tokens.length[token]!
  if (start !== tokens.loc[token]) {
    // The caret is on a macro's name: the outermost that the token came through.
    let macro = 0
    for (let at = tokens.expansion[token]!; at !== 0; ) {
      const entry = tokens.expansions[at]!
      if (entry.written !== undefined) at = entry.written
      else {
        macro = entry.macro
        at = entry.parent
      }
    }
    length = names.length(macro)
  }
  return { start, end: start + Math.max(1, length) }
}

/** The span from one token to another, when both stand in files; else that of the first. */
export function tokensSpan(tokens: TokenBuffer, names: Names, first: TokenIndex, last: TokenIndex): Span {
  const from = tokenSpan(tokens, names, first)
  const to = tokenSpan(tokens, names, last)
  return to.end > from.start && to.end - from.start < 1 << 16 ? { start: from.start, end: to.end } : from
}

/** Notes "expanded from macro 'X'", each at the place in X's body that led on. Empty for a token written in a file. */
export function macroBacktrace(tokens: TokenBuffer, names: Names, token: TokenIndex): DiagnosticNote[] {
  const notes: DiagnosticNote[] = []
  let loc = tokens.loc[token]!
  let length = Math.max(1, tokens.length[token]!)
  for (let at = tokens.expansion[token]!; at !== 0; ) {
    const { macro, use, parent, written } = tokens.expansions[at]!
    if (written !== undefined) {
      at = written
      continue
    }
    notes.push({
      message: `expanded from macro '${names.text(macro)}'`,
      ...(loc > 0 && { span: { start: loc, end: loc + length } }),
    })
    loc = use
    length = names.length(macro)
    at = parent
  }
  if (notes.length <= LIMIT) return notes
  const half = LIMIT >> 1
  const skipped = notes.length - 2 * half
  return [...notes.slice(0, half), { message: `(skipping ${skipped} expansions in backtrace)` }, ...notes.slice(-half)]
}
