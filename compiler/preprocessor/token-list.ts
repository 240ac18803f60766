/** A growable run of tokens outside the translation unit's buffer: macro bodies, arguments, expansions. Lists are pooled. */
import type { Loc } from '../../base/source.js'
import type { Atom } from './tokens.js'

/** Numbers a token takes: kind | flags << 8, loc, length, atom, expansion. */
export const TOKEN_STRIDE = 5

/** Flags that live only inside macro expansion, beside `TokenFlag`. */
export const InnerFlag = {
  /** Stands for an empty operand of `##`. */
  placemarker: 8,
} as const

export class TokenList {
  data: Int32Array
  count = 0

  constructor(capacity = 32) {
    this.data = new Int32Array(capacity * TOKEN_STRIDE)
  }

  push(kind: number, flags: number, loc: Loc, length: number, atom: Atom, expansion: number): void {
    let at = this.count * TOKEN_STRIDE
    if (at === this.data.length) this.reserve(this.count + 1)
    const { data } = this
    data[at++] = kind | (flags << 8)
    data[at++] = loc
    data[at++] = length
    data[at++] = atom
    data[at] = expansion
    this.count++
  }

  /** Makes room for so many tokens in all. */
  reserve(count: number): void {
    if (count * TOKEN_STRIDE <= this.data.length) return
    const bigger = new Int32Array(Math.max(count * TOKEN_STRIDE, this.data.length * 2))
    bigger.set(this.data.subarray(0, this.count * TOKEN_STRIDE))
    this.data = bigger
  }

  /** Appends tokens [from, to) of another list. */
  appendRange(other: TokenList, from: number, to: number): void {
    this.reserve(this.count + to - from)
    this.data.set(other.data.subarray(from * TOKEN_STRIDE, to * TOKEN_STRIDE), this.count * TOKEN_STRIDE)
    this.count += to - from
  }

  kind(index: number): number {
    return this.data[index * TOKEN_STRIDE]! & 0xff
  }

  flags(index: number): number {
    return this.data[index * TOKEN_STRIDE]! >>> 8
  }

  setFlags(index: number, flags: number): void {
    this.data[index * TOKEN_STRIDE] = (this.data[index * TOKEN_STRIDE]! & 0xff) | (flags << 8)
  }

  loc(index: number): Loc {
    return this.data[index * TOKEN_STRIDE + 1]!
  }

  length(index: number): number {
    return this.data[index * TOKEN_STRIDE + 2]!
  }

  atom(index: number): Atom {
    return this.data[index * TOKEN_STRIDE + 3]!
  }

  expansion(index: number): number {
    return this.data[index * TOKEN_STRIDE + 4]!
  }

  /** Removes token `index`, shifting what follows. */
  remove(index: number): void {
    this.data.copyWithin(index * TOKEN_STRIDE, (index + 1) * TOKEN_STRIDE, this.count * TOKEN_STRIDE)
    this.count--
  }
}

/** Keeps lists for reuse, so that expanding a macro allocates nothing in the long run. */
export class TokenListPool {
  private readonly free: TokenList[] = []

  take(): TokenList {
    const list = this.free.pop() ?? new TokenList()
    list.count = 0
    return list
  }

  give(list: TokenList): void {
    // A giant left over from one expansion would pin its memory.
    if (list.data.length < 1 << 20) this.free.push(list)
  }
}
