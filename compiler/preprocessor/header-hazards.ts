/** Macros that the declaration index has to beware of. */
import type { SourceFile } from '../../base/source.js'
import type { Macro } from './macro.js'
import { Keyword, type Names, Punct } from './names.js'
import type { TokenList } from './token-list.js'
import { type Atom, TokenKind } from './tokens.js'

export class HeaderHazards {
  /** Hashes of the names of all macros there ever were: none of these may decide what a header's declaration declares. */
  readonly hashes = new Set<number>()
  /** Names of macros that could change the structure of a header that uses them inside a body. */
  private readonly structural: Atom[] = []
  private readonly unchecked: Macro[] = []
  private searched: { readonly file: SourceFile; readonly text: string; done: number; found: boolean } | undefined

  constructor(private readonly names: Names) {}

  /** A macro was defined. */
  add(macro: Macro): void {
    this.hashes.add(this.names.hash(macro.name))
    this.unchecked.push(macro)
  }

  /** Whether a header's text has the name of a macro that could change its structure from within a body. */
  within(file: SourceFile): boolean {
    for (const macro of this.unchecked) if (isHazard(macro)) this.structural.push(macro.name)
    this.unchecked.length = 0
    if (this.structural.length === 0) return false
    if (this.searched?.file !== file)
      this.searched = { file, text: new TextDecoder('latin1').decode(file.bytes), done: 0, found: false }
    const { searched } = this
    for (; searched.done < this.structural.length && !searched.found; searched.done++)
      searched.found = searched.text.includes(this.names.text(this.structural[searched.done]!))
    return searched.found
  }
}

/** Keywords whose meaning the index relies on. */
const structural: ReadonlySet<Atom> = new Set([
  Keyword.struct,
  Keyword.union,
  Keyword.enum,
  Keyword.typedef,
  Keyword.extern,
  Keyword.static,
  Keyword.typeof,
  Keyword.__typeof__,
  Keyword.__attribute__,
])

/** Macros that could change the structure of a header: unbalanced brackets, tags and enumerators of their own, renamed keywords. */
function isHazard(macro: Macro): boolean {
  if (structural.has(macro.name)) return true
  if (!macro.bracketed) return false
  let depth = 0
  let tagged = false
  const { body } = macro
  for (let i = 0; i < body.count; i++) {
    const atom = body.atom(i)
    const kind = body.kind(i)
    if (kind === TokenKind.Identifier) tagged ||= atom === Keyword.struct || atom === Keyword.union || atom === Keyword.enum
    else if (kind === TokenKind.Punctuator) {
      if (atom === Punct['{'] || atom === Punct['(']) depth++
      else if ((atom === Punct['}'] || atom === Punct[')']) && --depth < 0) return true
      // `struct {` declares no name; `struct name {`, or `enum {`, would.
      if (atom === Punct['{'] && tagged && !(i > 0 && isRecordWord(body, i - 1))) return true
    }
  }
  return depth !== 0
}

const isRecordWord = (body: TokenList, at: number): boolean =>
  body.kind(at) === TokenKind.Identifier && (body.atom(at) === Keyword.struct || body.atom(at) === Keyword.union)
