/**
 * The range of tokens being parsed, as the grammar sees it: a column of terminals and one of token indexes, without pragmas and lazy
 * regions, which go to the side. Made anew for each translation unit and each lazily parsed declaration, in the same arrays.
 */
import { Punct } from '../preprocessor/names.js'
import { type TokenBuffer, type TokenIndex, TokenKind } from '../preprocessor/tokens.js'
import { endNumber, T, typeNumber, typeOfAtom, typeOfKind } from './token-types.js'

/** So many end marks follow the last token, so that looking ahead needs no check. */
const endPadding = 8

export class TokenWindow {
  /** Terminal of each position. */
  types = new Uint8Array(1 << 12)
  /** Token of each position. */
  order = new Int32Array(1 << 12)
  /** Positions in use; end marks follow. */
  count = 0
  /** Pragmas, and the position each stands before. */
  readonly pragmas: { readonly position: number; readonly token: TokenIndex }[] = []

  constructor(readonly buffer: TokenBuffer) {}

  /** Makes the columns of a range, `end` exclusive; a token of kind End ends it too. */
  load(start: TokenIndex, end: TokenIndex): void {
    const { buffer } = this
    const { kind, atom } = buffer
    // `::` takes two positions
    this.reserve((end - start) * 2 + endPadding)
    this.pragmas.length = 0
    const { types, order } = this
    const colon = typeNumber(T.Colon)
    let count = 0
    let last = start
    for (let token = start; token < end; token++) {
      const k = kind[token]!
      if (k === TokenKind.End) {
        last = token
        break
      }
      last = token
      if (k === TokenKind.Identifier || k === TokenKind.Punctuator) {
        const a = atom[token]!
        if (k === TokenKind.Punctuator && a === Punct['::']) {
          types[count] = colon
          order[count++] = token
          types[count] = colon
        } else types[count] = a < typeOfAtom.length ? typeOfAtom[a] || typeOfKind[k]! : typeOfKind[k]!
        order[count++] = token
      } else if (k === TokenKind.Pragma) this.pragmas.push({ position: count, token })
      else if (k !== TokenKind.LazyRegion) {
        types[count] = typeOfKind[k]!
        order[count++] = token
      }
    }
    this.count = count
    for (let i = 0; i < endPadding; i++) {
      types[count + i] = endNumber
      order[count + i] = last
    }
  }

  private reserve(size: number): void {
    if (size <= this.types.length) return
    this.types = new Uint8Array(size * 2)
    this.order = new Int32Array(size * 2)
  }
}
