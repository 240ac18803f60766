/** "Did you mean …?": the visible name closest to a misspelt one. */
import type { Context } from './context.js'
import type { NamedSymbol } from './scopes.js'

/** Edits (insert, delete, change, swap neighbours) that turn one word into the other; `limit` + 1 where there are more than `limit`. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let best = i
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1)
      row.push(cost)
      best = Math.min(best, cost)
    }
    if (best > limit) return limit + 1
    before = previous
    previous = row
  }
  return previous[b.length]!
}

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
