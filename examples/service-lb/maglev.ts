/** Maglev hashing (Eisenbud et al., NSDI 2016, section 3.4): every backend gets an equal share, and few slots move when one leaves. */

function hash(text: string, seed: number): number {
  let value = seed
  for (const char of text) value = Math.imul(value ^ char.charCodeAt(0), 0x01000193)
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d)
  return (value ^ (value >>> 13)) >>> 0
}

/** A table of `size` slots (a prime), each an index into the backends' names. */
export function maglevTable(names: readonly string[], size: number): number[] {
  const table = new Array<number>(size).fill(-1)
  if (names.length === 0) return table
  const walks = names.map(name => ({ at: hash(name, 0x811c9dc5) % size, step: 1 + (hash(name, 0x1234567) % (size - 1)) }))
  for (let filled = 0; filled < size; )
    for (const [index, walk] of walks.entries()) {
      if (filled === size) break
      while (table[walk.at] !== -1) walk.at = (walk.at + walk.step) % size
      table[walk.at] = index
      filled++
    }
  return table
}
