/** The text of string literals that only the compiler reads: constraints and clobbers of inline assembly. */

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v', e: '\x1b' }

/** What stands between the quotes of a spelled string literal, with its escape sequences replaced; a prefix is dropped. */
export function literalText(spelling: string): string {
  const inside = spelling.slice(spelling.indexOf('"') + 1, spelling.endsWith('"') ? -1 : undefined)
  if (!inside.includes('\\')) return inside
  return inside.replace(/\\(x[0-9a-fA-F]+|[0-7]{1,3}|.)/g, (_, sequence: string) => {
    if (sequence[0] === 'x') return String.fromCharCode(Number.parseInt(sequence.slice(1), 16))
    if (/^[0-7]/.test(sequence)) return String.fromCharCode(Number.parseInt(sequence, 8))
    return escapes[sequence] ?? sequence
  })
}
