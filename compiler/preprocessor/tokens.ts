/**
 * Tokens in columns. One buffer holds a whole translation unit: what the preprocessor made of the main file, then, as they are
 * asked for, the tokens of lazily scanned header declarations; in front of all, the header tokens that earlier compilations of the process
 * have kept. A token is known by its index, which never changes; trees keep such indexes and get places and texts from here.
 */
import type { Loc } from '../../base/source.js'

/** An interned spelling; equal spellings have equal atoms. */
export type Atom = number

/** An index into a `TokenBuffer`. */
export type TokenIndex = number

/** Kinds. A keyword is an Identifier whose atom is below `Names.keywordCount`. */
export const TokenKind = {
  End: 0,
  Identifier: 1,
  /** A preprocessing number; its atom is the spelling. */
  Number: 2,
  /** A character constant with quotes and prefix. */
  Char: 3,
  /** A string literal with quotes and prefix; adjacent ones are not yet joined. */
  String: 4,
  /** A punctuator; its atom is the spelling (digraphs are replaced by what they stand for). */
  Punctuator: 5,
  /** `#pragma …` or `_Pragma(…)` that the parser must see; the atom is the text after `#pragma`. */
  Pragma: 6,
  /** Here stand the declarations of an indexed header; the atom column holds the region's number in the `DeclarationIndex`. */
  LazyRegion: 7,
  /** A byte that begins no token; diagnosed by the parser if it survives preprocessing. */
  Stray: 8,
} as const

export const TokenFlag = {
  /** First of its line. */
  lineStart: 1,
  /** White space before it. */
  space: 2,
  /** An identifier that must not be expanded again. */
  noExpand: 4,
} as const

/** One expansion of a macro, so that a place inside it can be explained. */
export interface Expansion {
  readonly macro: Atom
  /** Place of the macro's name where it was used, as written in a file. */
  readonly use: Loc
  /** The expansion within which that use stands; 0 for a use in a file. */
  readonly parent: number
  /**
   * Set for tokens that came in through an argument of the macro: the expansion they stood in where the argument was written, 0 for
   * an argument written in a file.
   */
  readonly written?: number
}

const widen = (old: Int32Array, capacity: number): Int32Array => {
  const bigger = new Int32Array(capacity)
  bigger.set(old)
  return bigger
}

const widenBytes = (old: Uint8Array, capacity: number): Uint8Array => {
  const bigger = new Uint8Array(capacity)
  bigger.set(old)
  return bigger
}

export class TokenBuffer {
  count: number
  /** The main file's first token. */
  readonly first: number
  kind: Uint8Array
  flags: Uint8Array
  /** Where the token's text stands in a file: for tokens of a macro body, in the macro's definition. */
  loc: Int32Array
  /** Bytes of the text in the file; 0 for made-up tokens. */
  length: Int32Array
  atom: Int32Array
  /** Index into `expansions`, 0 for tokens written in a file. */
  expansion: Int32Array
  readonly expansions: Expansion[] = [{ macro: 0, use: 0, parent: 0 }]

  /** `kept` goes in front, without places: those come with `place`. */
  constructor(capacity = 4096, kept?: TokenBuffer) {
    const count = kept?.count ?? 0
    this.count = this.first = count
    const size = count + capacity
    this.kind = new Uint8Array(size)
    this.flags = new Uint8Array(size)
    this.loc = new Int32Array(size)
    this.length = new Int32Array(size)
    this.atom = new Int32Array(size)
    this.expansion = new Int32Array(size)
    if (!kept) return
    this.kind.set(kept.kind.subarray(0, count))
    this.flags.set(kept.flags.subarray(0, count))
    this.length.set(kept.length.subarray(0, count))
    this.atom.set(kept.atom.subarray(0, count))
  }

  push(kind: number, flags: number, loc: Loc, length: number, atom: number, expansion: number): TokenIndex {
    if (this.count === this.kind.length) this.grow()
    const at = this.count++
    this.kind[at] = kind
    this.flags[at] = flags
    this.loc[at] = loc
    this.length[at] = length
    this.atom[at] = atom
    this.expansion[at] = expansion
    return at
  }

  /** Appends tokens of another buffer, `end` exclusive, with places `by` further on and as written in a file; the index of the first. */
  append(from: TokenBuffer, start: TokenIndex, end: TokenIndex, by: number): TokenIndex {
    const first = this.count
    for (let i = start; i < end; i++)
      this.push(from.kind[i]!, from.flags[i]!, from.loc[i]! + by, from.length[i]!, from.atom[i]!, 0)
    return first
  }

  /** Gives the tokens of a range that were kept the places they have in `from`, `by` further on. */
  place(from: TokenBuffer, start: TokenIndex, end: TokenIndex, by: number): void {
    for (let i = start; i < end; i++) this.loc[i] = from.loc[i]! + by
  }

  private grow(): void {
    const capacity = this.kind.length * 2
    this.kind = widenBytes(this.kind, capacity)
    this.flags = widenBytes(this.flags, capacity)
    this.loc = widen(this.loc, capacity)
    this.length = widen(this.length, capacity)
    this.atom = widen(this.atom, capacity)
    this.expansion = widen(this.expansion, capacity)
  }

  /**
   * Where a caret belongs: the token itself when it was written in a file, also as an argument of a macro; for what a macro's body
   * brought in, the macro's name where it was used.
   */
  caretLoc(token: TokenIndex): Loc {
    let loc = this.loc[token]!
    for (let expansion = this.expansion[token]!; expansion !== 0; ) {
      const entry = this.expansions[expansion]!
      if (entry.written !== undefined) expansion = entry.written
      else {
        loc = entry.use
        expansion = entry.parent
      }
    }
    return loc
  }

  /** Whether a macro's own body brought the token in, not one of its arguments. */
  inMacroBody(token: TokenIndex): boolean {
    const expansion = this.expansion[token]!
    return expansion !== 0 && this.expansions[expansion]!.written === undefined
  }

  /** What clang gives as the line of a token in debug information: the outermost macro use for tokens of an expansion, else the token itself. */
  fileLoc(token: TokenIndex): Loc {
    let expansion = this.expansion[token]!
    if (expansion === 0) return this.loc[token]!
    let use = 0
    while (expansion !== 0) {
      const entry = this.expansions[expansion]!
      use = entry.use
      expansion = entry.parent
    }
    return use
  }
}
