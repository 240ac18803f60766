/** BTF by its words, for what no builder makes: well-formed but for one thing. */
export const HEADER_BYTES = 24

/** A word is a number, or the text of a name. */
type Word = number | string

/** BTF of these types, each by its words (name, info, size or type, what follows), little-endian. */
export function btfBytes(types: readonly (readonly Word[])[]): Uint8Array {
  let strings = '\0'
  const offsets = new Map<string, number>([['', 0]])
  const words = types.flat().map(word => {
    if (typeof word === 'number') return word
    const known = offsets.get(word)
    if (known !== undefined) return known
    offsets.set(word, strings.length)
    strings += `${word}\0`
    return offsets.get(word)!
  })
  const length = words.length * 4
  const bytes = new Uint8Array(HEADER_BYTES + length + strings.length)
  const view = new DataView(bytes.buffer)
  ;[0x0001eb9f, HEADER_BYTES, 0, length, length, strings.length].forEach((word, i) => void view.setUint32(i * 4, word, true))
  words.forEach((word, i) => void view.setUint32(HEADER_BYTES + i * 4, word, true))
  bytes.set(new TextEncoder().encode(strings), HEADER_BYTES + length)
  return bytes
}

const [
  INT,
  PTR,
  ARRAY,
  STRUCT,
  UNION,
  ENUM,
  FWD,
  TYPEDEF,
  ,
  CONST,
  ,
  FUNC,
  PROTO,
  VAR,
  DATASEC,
  FLOAT,
  DECL_TAG,
  TYPE_TAG,
  ENUM64,
] = Array.from({ length: 19 }, (_, i) => i + 1) as [number, ...number[]] as number[] & { length: 19 }
const info = (kind: number | undefined, vlen = 0, flag = 0) => ((flag << 31) | (kind! << 24) | vlen) >>> 0
const int: Word[] = ['int', info(INT), 4, (1 << 24) | 32]
const proto: Word[] = ['', info(PROTO), 0]

/** What is wrong, the types, the index of the wrong one (-1: none is), the message. */
export const cases: readonly (readonly [string, Word[][], number, RegExp])[] = [
  ['takes what is well-formed', [int, ['s', info(STRUCT, 2), 8, 'a', 1, 0, 'b', 1, 32]], -1, /./],
  ['a name that is not there', [int, [999, info(TYPEDEF), 1]], 1, /no BTF string at offset 999/],
  ['the name of a member that is not there', [int, ['s', info(STRUCT, 1), 4, 999, 1, 0]], 1, /no BTF string/],
  ['a type that is not there', [int, ['', info(PTR), 99]], 1, /refers to type 99/],
  ['the type of a member that is not there', [int, ['s', info(STRUCT, 1), 4, 'a', 99, 0]], 1, /refers to type 99/],
  ['an element type that is not there', [int, ['', info(ARRAY), 0, 99, 1, 4]], 1, /refers to type 99/],
  [
    'a cycle of typedefs',
    [
      ['a', info(TYPEDEF), 2],
      ['b', info(TYPEDEF), 1],
    ],
    0,
    /contains itself/,
  ],
  [
    'a cycle of modifiers',
    [
      ['', info(CONST), 2],
      ['', info(CONST), 1],
    ],
    0,
    /contains itself/,
  ],
  [
    'a struct in itself through an array',
    [int, ['s', info(STRUCT, 1), 8, 'a', 3, 0], ['', info(ARRAY), 0, 2, 1, 2]],
    1,
    /contains itself/,
  ],
  [
    'a cycle through a pointer is none',
    [
      ['s', info(STRUCT, 1), 8, 'next', 2, 0],
      ['', info(PTR), 1],
    ],
    -1,
    /./,
  ],
  ['a member beyond the struct', [int, ['s', info(STRUCT, 1), 4, 'a', 1, 32]], 1, /outside/],
  ['a member that sticks out', [int, ['s', info(STRUCT, 2), 6, 'a', 1, 0, 'b', 1, 32]], 1, /b is outside/],
  ['a bit field beyond the struct', [int, ['s', info(STRUCT, 1, 1), 4, 'a', 1, (4 << 24) | 30]], 1, /outside/],
  ['members out of order', [int, ['s', info(STRUCT, 2), 8, 'a', 1, 32, 'b', 1, 0]], 1, /before the one in front of it/],
  ['a member of a union that is not at 0', [int, ['u', info(UNION, 1), 8, 'a', 1, 32]], 1, /union/],
  ['a member without type', [int, ['s', info(STRUCT, 1), 4, 'a', 0, 0]], 1, /no size/],
  ['a member that is a function', [int, proto, ['s', info(STRUCT, 1), 8, 'a', 2, 0]], 2, /no size/],
  ['an array of functions', [int, proto, ['', info(ARRAY), 0, 2, 1, 2]], 2, /no size/],
  ['an int with entries', [['int', info(INT, 3), 4, (1 << 24) | 32]], 0, /3 entries/],
  ['a pointer with entries', [int, ['', info(PTR, 1), 1]], 1, /1 entries/],
  ['a flag where there is none', [['int', info(INT, 0, 1), 4, (1 << 24) | 32]], 0, /flag/],
  ['bits that mean nothing', [['int', info(INT) | (1 << 20), 4, (1 << 24) | 32]], 0, /bits/],
  ['a pointer with a name', [int, ['p', info(PTR), 1]], 1, /name/],
  ['an array with a name', [int, ['p', info(ARRAY), 0, 1, 1, 2]], 1, /name/],
  ['a typedef without name', [int, ['', info(TYPEDEF), 1]], 1, /name/],
  ['a name that is none', [int, ['a b', info(TYPEDEF), 1]], 1, /name/],
  ['the name of a member that is none', [int, ['s', info(STRUCT, 1), 4, 'a-b', 1, 0]], 1, /name/],
  ['an int of more bits than its bytes', [['int', info(INT), 2, 32]], 0, /32 bits/],
  ['an int that is char and bool', [['int', info(INT), 1, (6 << 24) | 8]], 0, /encoding/],
  ['an enum of three bytes', [['e', info(ENUM, 1), 3, 'A', 1]], 0, /3 bytes/],
  ['an enumerator without name', [['e', info(ENUM, 1), 4, '', 1]], 0, /enumerator/],
  ['an enum64 of 16 bytes', [['e', info(ENUM64, 1), 16, 'A', 1, 0]], 0, /16 bytes/],
  ['a forward declaration without name', [['', info(FWD), 0]], 0, /name/],
  ['a function without prototype', [int, ['f', info(FUNC, 1), 1]], 1, /prototype/],
  ['a function of a linkage that is none', [proto, ['f', info(FUNC, 9), 1]], 1, /linkage 9/],
  ['a parameter without type before the last', [int, ['', info(PROTO, 2), 0, '', 0, 'a', 1]], 1, /parameter/],
  ['a variable of no type', [int, ['v', info(VAR), 0, 1]], 1, /no size/],
  ['a variable of a linkage that is none', [int, ['v', info(VAR), 1, 9]], 1, /linkage 9/],
  ['a section without name', [int, ['v', info(VAR), 1, 1], ['', info(DATASEC, 1), 4, 2, 0, 4]], 2, /name/],
  ['a section with what is no variable', [int, ['.data', info(DATASEC, 1), 4, 1, 0, 4]], 1, /no variable/],
  ['a variable outside its section', [int, ['v', info(VAR), 1, 1], ['.data', info(DATASEC, 1), 4, 2, 4, 4]], 2, /outside/],
  [
    'variables that overlap',
    [int, ['v', info(VAR), 1, 1], ['w', info(VAR), 1, 1], ['.data', info(DATASEC, 2), 8, 2, 0, 4, 3, 2, 4]],
    3,
    /overlap/,
  ],
  ['a float of three bytes', [['f', info(FLOAT), 3]], 0, /float/],
  ['a tag without value', [int, ['', info(DECL_TAG), 1, 0xffffffff]], 1, /tag/],
  ['a tag on a pointer', [int, ['', info(PTR), 1], ['t', info(DECL_TAG), 2, 0xffffffff]], 2, /cannot be tagged/],
  ['a tag on a member that is not there', [int, ['s', info(STRUCT), 0], ['t', info(DECL_TAG), 2, 0]], 2, /component 0 of 0/],
  ['a type tag without value', [int, ['', info(TYPE_TAG), 1]], 1, /tag/],
]
