/**
 * Spellings as small integers. Every identifier, number, string and punctuator of a compilation is interned once, from bytes and
 * without making a string; equal spellings have equal atoms, so the stages behind the scanner compare integers.
 */
import type { Atom } from './tokens.js'

/** Atoms of the keywords: C17's, GNU's and clang's, each spelling its own; `plainKeyword` maps `__volatile__` to `volatile`. */
export const Keyword = {
  auto: 1,
  break: 2,
  case: 3,
  char: 4,
  const: 5,
  continue: 6,
  default: 7,
  do: 8,
  double: 9,
  else: 10,
  enum: 11,
  extern: 12,
  float: 13,
  for: 14,
  goto: 15,
  if: 16,
  inline: 17,
  int: 18,
  long: 19,
  register: 20,
  restrict: 21,
  return: 22,
  short: 23,
  signed: 24,
  sizeof: 25,
  static: 26,
  struct: 27,
  switch: 28,
  typedef: 29,
  union: 30,
  unsigned: 31,
  void: 32,
  volatile: 33,
  while: 34,
  _Alignas: 35,
  _Alignof: 36,
  _Atomic: 37,
  _BitInt: 38,
  _Bool: 39,
  _Complex: 40,
  _Generic: 41,
  _Imaginary: 42,
  _Noreturn: 43,
  _Static_assert: 44,
  _Thread_local: 45,
  asm: 46,
  typeof: 47,
  typeof_unqual: 48,
  _Float16: 49,
  __float128: 50,
  __bf16: 51,
  __int128: 52,
  __attribute__: 53,
  __extension__: 54,
  __auto_type: 55,
  __label__: 56,
  __thread: 57,
  __real__: 58,
  __imag__: 59,
  __func__: 60,
  __FUNCTION__: 61,
  __PRETTY_FUNCTION__: 62,
  __null: 63,
  __builtin_offsetof: 64,
  __builtin_types_compatible_p: 65,
  __builtin_choose_expr: 66,
  __builtin_va_arg: 67,
  __builtin_bit_cast: 68,
  __builtin_convertvector: 69,
  __builtin_FILE: 70,
  __builtin_FILE_NAME: 71,
  __builtin_FUNCTION: 72,
  __builtin_LINE: 73,
  __builtin_COLUMN: 74,
  _Nonnull: 75,
  _Nullable: 76,
  _Null_unspecified: 77,
  __asm: 78,
  __asm__: 79,
  __typeof: 80,
  __typeof__: 81,
  __typeof_unqual: 82,
  __typeof_unqual__: 83,
  __attribute: 84,
  __const: 85,
  __const__: 86,
  __volatile: 87,
  __volatile__: 88,
  __restrict: 89,
  __restrict__: 90,
  __inline: 91,
  __inline__: 92,
  __signed: 93,
  __signed__: 94,
  __alignof: 95,
  __alignof__: 96,
  __complex: 97,
  __complex__: 98,
  __real: 99,
  __imag: 100,
  _ExtInt: 101,
} as const

/** Atoms of the punctuators, by spelling. Digraphs become what they stand for. */
export const Punct = {
  '[': 102,
  ']': 103,
  '(': 104,
  ')': 105,
  '{': 106,
  '}': 107,
  '.': 108,
  '->': 109,
  '++': 110,
  '--': 111,
  '&': 112,
  '*': 113,
  '+': 114,
  '-': 115,
  '~': 116,
  '!': 117,
  '/': 118,
  '%': 119,
  '<<': 120,
  '>>': 121,
  '<': 122,
  '>': 123,
  '<=': 124,
  '>=': 125,
  '==': 126,
  '!=': 127,
  '^': 128,
  '|': 129,
  '&&': 130,
  '||': 131,
  '?': 132,
  ':': 133,
  '::': 134,
  ';': 135,
  '...': 136,
  '=': 137,
  '*=': 138,
  '/=': 139,
  '%=': 140,
  '+=': 141,
  '-=': 142,
  '<<=': 143,
  '>>=': 144,
  '&=': 145,
  '^=': 146,
  '|=': 147,
  ',': 148,
  '#': 149,
  '##': 150,
} as const

/** Atoms from 1 up to this one, exclusive, are keywords. */
export const keywordCount = 102

/** Alternate spellings of keywords. */
const alternates: Readonly<Record<string, keyof typeof Keyword>> = {
  __asm: 'asm',
  __asm__: 'asm',
  __typeof: 'typeof',
  __typeof__: 'typeof',
  __typeof_unqual: 'typeof_unqual',
  __typeof_unqual__: 'typeof_unqual',
  __attribute: '__attribute__',
  __const: 'const',
  __const__: 'const',
  __volatile: 'volatile',
  __volatile__: 'volatile',
  __restrict: 'restrict',
  __restrict__: 'restrict',
  __inline: 'inline',
  __inline__: 'inline',
  __signed: 'signed',
  __signed__: 'signed',
  __alignof: '_Alignof',
  __alignof__: '_Alignof',
  __complex: '_Complex',
  __complex__: '_Complex',
  __real: '__real__',
  __imag: '__imag__',
  __thread: '_Thread_local',
  _ExtInt: '_BitInt',
}

const plainTable = new Int32Array(keywordCount)
for (const [spelling, atom] of Object.entries(Keyword))
  plainTable[atom] = Keyword[alternates[spelling] ?? (spelling as keyof typeof Keyword)]

/** The plain spelling of a keyword (`__volatile__` gives `volatile`); other atoms are given back as they are. */
export const plainKeyword = (atom: Atom): Atom => (atom < keywordCount ? plainTable[atom]! : atom)

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** Start value and step of the hash over a spelling's bytes (FNV-1a); the scanner folds them in while it walks a name. */
export const hashStart = 0x811c9dc5 | 0
export const hashStep = (hash: number, byte: number): number => Math.imul(hash ^ byte, 0x01000193)

/** The hash of a range of bytes. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = hashStart
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash
}

/** The table of spellings. Atom 0 is the empty one; keywords and punctuators come first, with the same atoms in every table. */
export class Names {
  /** Atoms below are keywords (and the empty spelling, which no token has). */
  readonly keywordCount = keywordCount
  /** How many atoms there are; the next one gets this number. */
  count = 0
  private pool = new Uint8Array(1 << 16)
  private poolEnd = 0
  private offsets = new Int32Array(1 << 12)
  private hashes = new Int32Array(1 << 12)
  private slots = new Int32Array(1 << 13).fill(-1)
  private mask = (1 << 13) - 1
  private readonly texts: (string | undefined)[] = []

  constructor() {
    this.intern('')
    for (const spelling of Object.keys(Keyword)) this.intern(spelling)
    for (const spelling of Object.keys(Punct)) this.intern(spelling)
  }

  /** The atom of a string. */
  intern(text: string): Atom {
    const bytes = encoder.encode(text)
    return this.internBytes(bytes, 0, bytes.length)
  }

  /** The atom of a range of bytes; the bytes are copied when they are new. */
  internBytes(bytes: Uint8Array, start: number, end: number): Atom {
    return this.internHashed(bytes, start, end, hashBytes(bytes, start, end))
  }

  /** As `internBytes`, for a caller that has the hash already. */
  internHashed(bytes: Uint8Array, start: number, end: number, hash: number): Atom {
    const { slots, mask } = this
    let slot = (hash ^ (hash >>> 15)) & mask
    for (let atom = slots[slot]!; atom >= 0; atom = slots[slot]!) {
      if (this.hashes[atom] === hash && this.same(atom, bytes, start, end)) return atom
      slot = (slot + 1) & mask
    }
    return this.append(bytes, start, end, hash, slot)
  }

  /** The atom of a range of bytes if it has one, else -1. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): Atom {
    const { slots, mask } = this
    let slot = (hash ^ (hash >>> 15)) & mask
    for (let atom = slots[slot]!; atom >= 0; atom = slots[slot]!) {
      if (this.hashes[atom] === hash && this.same(atom, bytes, start, end)) return atom
      slot = (slot + 1) & mask
    }
    return -1
  }

  private same(atom: Atom, bytes: Uint8Array, start: number, end: number): boolean {
    const { pool } = this
    let at = this.offsets[atom]!
    if (this.offsets[atom + 1]! - at !== end - start) return false
    for (let i = start; i < end; i++) if (pool[at++] !== bytes[i]) return false
    return true
  }

  private append(bytes: Uint8Array, start: number, end: number, hash: number, slot: number): Atom {
    const atom = this.count++
    if (atom + 2 > this.offsets.length) {
      this.offsets = widen(this.offsets)
      this.hashes = widen(this.hashes)
    }
    const size = end - start
    if (this.poolEnd + size > this.pool.length) {
      const bigger = new Uint8Array(Math.max(this.pool.length * 2, this.poolEnd + size))
      bigger.set(this.pool.subarray(0, this.poolEnd))
      this.pool = bigger
    }
    for (let i = 0; i < size; i++) this.pool[this.poolEnd + i] = bytes[start + i]!
    this.offsets[atom] = this.poolEnd
    this.poolEnd += size
    this.offsets[atom + 1] = this.poolEnd
    this.hashes[atom] = hash
    this.slots[slot] = atom
    if (this.count * 2 > this.mask) this.rehash()
    return atom
  }

  private rehash(): void {
    const size = this.slots.length * 2
    this.slots = new Int32Array(size).fill(-1)
    this.mask = size - 1
    for (let atom = 0; atom < this.count; atom++) {
      const hash = this.hashes[atom]!
      let slot = (hash ^ (hash >>> 15)) & this.mask
      while (this.slots[slot]! >= 0) slot = (slot + 1) & this.mask
      this.slots[slot] = atom
    }
  }

  /** The spelling as a string; made once. */
  text(atom: Atom): string {
    return (this.texts[atom] ??= decoder.decode(this.bytes(atom)))
  }

  /** The spelling's bytes, shared with the table: read only, and only until the next `intern`. */
  bytes(atom: Atom): Uint8Array {
    return this.pool.subarray(this.offsets[atom]!, this.offsets[atom + 1]!)
  }

  /** Bytes of the spelling. */
  length(atom: Atom): number {
    return this.offsets[atom + 1]! - this.offsets[atom]!
  }

  /** The hash of the spelling, as `hashBytes` gives it. */
  hash(atom: Atom): number {
    return this.hashes[atom]!
  }

  isKeyword(atom: Atom): boolean {
    return atom < keywordCount
  }
}

function widen(old: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const bigger = new Int32Array(old.length * 2)
  bigger.set(old)
  return bigger
}
