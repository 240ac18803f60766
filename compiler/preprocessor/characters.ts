/** What a byte can begin or continue, as one table lookup. */

/** Classes of `classOf`. */
export const CharClass = {
  stray: 0,
  space: 1,
  newline: 2,
  /** Letter, `_`, `$`. */
  letter: 3,
  digit: 4,
  punctuator: 5,
  quote: 6,
  backslash: 7,
  /** A byte of a multi-byte UTF-8 character. */
  high: 8,
} as const

/** Class of each byte. */
export const classOf = new Uint8Array(256)

for (const c of ' \t\v\f\r\0') classOf[c.charCodeAt(0)] = CharClass.space
classOf[10] = CharClass.newline
for (let c = 0; c < 26; c++) classOf[65 + c] = classOf[97 + c] = CharClass.letter
classOf[95] = classOf[36] = CharClass.letter
for (let c = 48; c < 58; c++) classOf[c] = CharClass.digit
for (const c of '[](){}.-+&*~!/%<>=^|?:;,#') classOf[c.charCodeAt(0)] = CharClass.punctuator
classOf[34] = classOf[39] = CharClass.quote
classOf[92] = CharClass.backslash
for (let c = 128; c < 256; c++) classOf[c] = CharClass.high

/** 1 for bytes that continue an ASCII identifier: letters, digits, `_`, `$`. */
export const isWordByte = new Uint8Array(256)
for (let c = 0; c < 128; c++) isWordByte[c] = classOf[c] === CharClass.letter || classOf[c] === CharClass.digit ? 1 : 0

const startsIdentifier = /^\p{XID_Start}$/u
const continuesIdentifier = /^\p{XID_Continue}$/u

/** Whether a code point above ASCII may stand in an identifier (C23 6.4.2.1, Unicode's XID sets). */
export const identifierCodePoint = (point: number, first: boolean): boolean =>
  (first ? startsIdentifier : continuesIdentifier).test(String.fromCodePoint(point))

/** Code points above ASCII that are white space to clang (Unicode's White_Space without line ends of its own, and U+180E). */
export const unicodeSpace = (point: number): boolean =>
  /[\x85\xa0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/.test(String.fromCodePoint(point))

/** The code point at `at` and its size in bytes; size 0 where the bytes are no UTF-8. */
export function decodeUtf8(bytes: Uint8Array, at: number): { readonly point: number; readonly size: number } {
  const lead = bytes[at]!
  const size =
    lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0
  if (size === 0 || at + size > bytes.length) return { point: 0, size: 0 }
  let point = size === 1 ? lead : lead & (0x7f >> size)
  for (let i = 1; i < size; i++) {
    const byte = bytes[at + i]!
    if ((byte & 0xc0) !== 0x80) return { point: 0, size: 0 }
    point = (point << 6) | (byte & 0x3f)
  }
  const smallest = size === 3 ? 0x800 : size === 4 ? 0x10000 : 0
  if (point < smallest || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return { point: 0, size: 0 }
  return { point, size }
}
