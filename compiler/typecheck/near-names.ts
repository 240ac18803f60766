/** "Did you mean …?": the visible name closest to a misspelt one. */
import { editDistance } from '../../base/edit-distance.js'
import type { Context } from './context.js'
import type { NamedSymbol } from './scopes.js'

/** How many edits a name may be away from a misspelt one to be meant by it; none for very short names. */
export const typoLimit = (wrong: string): number => (wrong.length < 3 ? 0 : Math.floor((wrong.length + 2) / 3))

/** A declared name close to a misspelt one, a function's if one is called. Names in headers that nobody asked for yet are not among them. */
export function suggestName(c: Context, wrong: string, functionsOnly: boolean): string | undefined {
  const limit = typoLimit(wrong)
  if (limit === 0) return undefined
  let best: { readonly text: string; readonly symbol: NamedSymbol } | undefined
  let distance = limit + 1
  for (let scope: typeof c.scope | undefined = c.scope; scope; scope = scope.parent)
    for (const [name, symbol] of scope.ordinary) {
      if (symbol.kind === 'typedef') continue
      if (functionsOnly && symbol.kind === 'enumerator') continue
      if (symbol.kind === 'function' && symbol.implicit) continue
      const text = c.text(name)
      const edits = editDistance(wrong, text, limit)
      if (edits < distance) {
        distance = edits
        best = { text, symbol }
      }
    }
  // What was meant counts as used.
  if (best && best.symbol.kind !== 'typedef' && best.symbol.kind !== 'enumerator') best.symbol.referenced = true
  if (best?.symbol.kind === 'variable') best.symbol.read = true
  return best?.text
}
