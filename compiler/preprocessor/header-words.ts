/** The words that tell the index of a header what a declaration declares, found by their hashes. */
import { hashBytes } from './names.js'

export const WordClass = {
  none: 0,
  record: 1,
  enum: 2,
  typedef: 3,
  extern: 4,
  static: 5,
  type: 6,
  qualifier: 7,
  /** Followed by a group in parentheses that says nothing of names. */
  attribute: 8,
  typeof: 9,
  /** Must be read at once. */
  eager: 10,
} as const

const words: Readonly<Record<keyof typeof WordClass, string>> = {
  none: '',
  record: 'struct union',
  enum: 'enum',
  typedef: 'typedef',
  extern: 'extern',
  static: 'static',
  type: 'void char short int long float double signed unsigned __signed __signed__ _Bool __int128 _Float16 _Complex __complex__',
  qualifier:
    'const volatile restrict inline __const __const__ __volatile __volatile__ __restrict __restrict__ __inline __inline__ _Noreturn __extension__ register',
  attribute: '__attribute__ __attribute asm __asm __asm__ _Alignas',
  typeof: 'typeof __typeof __typeof__ typeof_unqual _Atomic _BitInt',
  eager: '_Static_assert __auto_type _Thread_local __thread auto __label__ _Pragma __COUNTER__',
}

const wordHashes = new Int32Array(256)
const wordClasses = new Uint8Array(256)
const wordLengths = new Uint8Array(256)
for (const [name, list] of Object.entries(words))
  for (const word of list.split(' ').filter(Boolean)) {
    const bytes = new TextEncoder().encode(word)
    const hash = hashBytes(bytes, 0, bytes.length)
    let slot = (hash ^ (hash >>> 15)) & 255
    while (wordClasses[slot] !== 0) slot = (slot + 1) & 255
    wordHashes[slot] = hash
    wordClasses[slot] = WordClass[name as keyof typeof WordClass]
    wordLengths[slot] = bytes.length
  }

/** What a word with this hash and length is to the index of a header. */
export function wordClass(hash: number, length: number): number {
  let slot = (hash ^ (hash >>> 15)) & 255
  while (wordClasses[slot] !== 0) {
    if (wordHashes[slot] === hash && wordLengths[slot] === length) return wordClasses[slot]!
    slot = (slot + 1) & 255
  }
  return WordClass.none
}

/** Hashes of the attributes that keep what they are on from being left out. */
export const keepsAlive = new Set(
  [
    'used',
    '__used__',
    'constructor',
    '__constructor__',
    'destructor',
    '__destructor__',
    'alias',
    '__alias__',
    'retain',
    '__retain__',
  ].map(word => {
    const bytes = new TextEncoder().encode(word)
    return hashBytes(bytes, 0, bytes.length)
  }),
)
