/** The text form of the token stream, one token a line: `--emit=tokens`. */
import type { SourceSet } from '../../base/source.js'
import type { Preprocessed } from './preprocess.js'
import { TokenKind } from './tokens.js'

const kindNames = new Map<number, string>(Object.entries(TokenKind).map(([name, kind]) => [kind, name.toLowerCase()]))

/** Place, kind, spelling, and the macro a token came from. */
export function printTokens({ tokens, names }: Preprocessed, sources: SourceSet): string {
  const lines: string[] = []
  for (let token = tokens.first; token < tokens.count; token++) {
    const at = sources.position(tokens.loc[token]!)
    const expansion = tokens.expansion[token]!
    const from = expansion === 0 ? '' : `  from ${names.text(tokens.expansions[expansion]!.macro)}`
    const kind = kindNames.get(tokens.kind[token]!)!
    const text = tokens.kind[token] === TokenKind.LazyRegion ? `declarations put off` : names.text(tokens.atom[token]!)
    lines.push(`${at ? `${at.path}:${at.line}:${at.column}` : '-'}  ${kind}  ${text}${from}`)
  }
  return `${lines.join('\n')}\n`
}
