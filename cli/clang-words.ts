/** Clang's spellings of flags, on the command line of `bpfc`. */

/**
 * Lets clang's spellings through to commander, which knows only `-x` and `--word`: `-mcpu=v2`, `-isystem DIR`, `-include FILE`, `-O2`, `-g`, `-c`,
 * `-target bpf`.
 */
export function normaliseWords(words: readonly string[]): string[] {
  const out: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (/^-(mcpu=|isystem$|include$)/.test(word)) out.push(`-${word}`)
    else if (word === '-g' || word === '-c') continue
    else if (word === '-target') i++
    else out.push(word)
  }
  return out
}
