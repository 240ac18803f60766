/**
 * Bytes to preprocessing tokens (C17 5.1.1.2 phases 1 to 3), one at a time and on demand. The last token's columns are fields, so
 * that the common path makes no object. Line splices, comments, digraphs and CRLF line ends are dealt with here and unknown above.
 */
import type { Loc } from '../../base/source.js'
import { CharClass, classOf, decodeUtf8, identifierCodePoint, isWordByte, unicodeSpace } from './characters.js'
import { hashStart, type Names, Punct } from './names.js'
import { type Atom, TokenFlag, TokenKind } from './tokens.js'

const NEWLINE = 10
const RETURN = 13
const QUOTE = 34
const APOSTROPHE = 39
const STAR = 42
const SLASH = 47
const BACKSLASH = 92
const HASH = 35

/** What a scanner complains about; places are offsets in its bytes. A warning names its group. */
export type ScanProblem = (code: string, start: number, end: number, message: string, group?: string) => void

const decoder = new TextDecoder()

export class Scanner {
  /** Offset of the next unread byte. */
  at: number
  /** While set, a line end is a token of kind End, and is read again by the next call until the flag is cleared. */
  inDirective = false
  /** The next token is the first of its line. */
  lineStart = true

  // The last token.
  kind = 0
  flags = 0
  /** Offset of its first byte. */
  start = 0
  /** Offset behind its last byte. */
  stop = 0
  atom: Atom = 0

  constructor(
    readonly bytes: Uint8Array,
    readonly names: Names,
    /** Global offset of `bytes[0]`. */
    readonly base: Loc,
    readonly problem: ScanProblem,
    start = 0,
    /** Reading ends here. */
    readonly end: number = bytes.length,
  ) {
    this.at = start
    if (start === 0 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.at = 3
  }

  /** Global offset of the last token. */
  get loc(): Loc {
    return this.base + this.start
  }

  /** Whether the last token is this punctuator. */
  isPunct(atom: Atom): boolean {
    return this.kind === TokenKind.Punctuator && this.atom === atom
  }

  /** Reads a token into the fields and returns its kind. */
  next(): number {
    const { bytes, end } = this
    let at = this.at
    let flags = this.lineStart ? TokenFlag.lineStart : 0
    for (;;) {
      if (at >= end) return this.finishEnd(end, flags)
      const byte = bytes[at]!
      switch (classOf[byte]) {
        case CharClass.space:
          flags |= TokenFlag.space
          at++
          continue
        case CharClass.newline:
          if (this.inDirective) return this.finishEnd(at, flags)
          flags = TokenFlag.lineStart
          at++
          continue
        case CharClass.backslash: {
          const after = spliceEnd(bytes, at, end)
          if (after > at) {
            flags |= TokenFlag.space
            at = after
            continue
          }
          if (bytes[at + 1] === 117 || bytes[at + 1] === 85) return this.wideWord(at, flags)
          return this.finish(TokenKind.Stray, flags, at, at + 1)
        }
        case CharClass.punctuator:
          if (byte === SLASH) {
            const second = bytes[at + 1]
            if (second === STAR) {
              at = this.skipBlockComment(at)
              flags |= TokenFlag.space
              continue
            }
            if (second === SLASH) {
              at = this.lineEnd(at + 2)
              flags |= TokenFlag.space
              continue
            }
          }
          return this.punctuator(at, flags)
        case CharClass.letter:
          return this.word(at, flags)
        case CharClass.digit:
          return this.number(at, flags)
        case CharClass.quote:
          return this.quoted(at, at, flags)
        case CharClass.high: {
          const { point, size } = decodeUtf8(bytes, at)
          if (size === 0 || !unicodeSpace(point)) return this.wideWord(at, flags)
          this.problem('P0003', at, at + size, 'treating Unicode character as whitespace', 'unicode-whitespace')
          flags |= TokenFlag.space
          at += size
          continue
        }
        default:
          return this.finish(TokenKind.Stray, flags, at, at + 1)
      }
    }
  }

  private finishEnd(at: number, flags: number): number {
    this.kind = TokenKind.End
    this.flags = flags
    this.start = this.stop = this.at = at
    this.atom = 0
    this.lineStart = (flags & TokenFlag.lineStart) !== 0
    return TokenKind.End
  }

  private set(kind: number, flags: number, start: number, stop: number, atom: Atom): number {
    this.kind = kind
    this.flags = flags
    this.start = start
    this.stop = this.at = stop
    this.atom = atom
    this.lineStart = false
    return kind
  }

  private finish(kind: number, flags: number, start: number, stop: number): number {
    return this.set(kind, flags, start, stop, this.names.internBytes(this.bytes, start, stop))
  }

  private word(start: number, flags: number): number {
    const { bytes, end } = this
    let at = start
    let hash = hashStart
    let byte = bytes[at]!
    do {
      hash = Math.imul(hash ^ byte, 0x01000193)
      if (++at >= end) break
      byte = bytes[at]!
    } while (isWordByte[byte] === 1)
    if (at < end) {
      const next = bytes[at]!
      if (next >= 0x80) return this.wideWord(start, flags)
      if (next === BACKSLASH) {
        if (bytes[at + 1] === 117 || bytes[at + 1] === 85) return this.wideWord(start, flags)
        if (this.spliced(at)) return this.splicedToken(start, flags)
      } else if ((next === QUOTE || next === APOSTROPHE) && isLiteralPrefix(bytes, start, at))
        return this.quoted(start, at, flags)
    }
    return this.set(TokenKind.Identifier, flags, start, at, this.names.internHashed(bytes, start, at, hash))
  }

  /** Identifiers with characters above ASCII or `\u` names; a character that no identifier has is one stray token. */
  private wideWord(start: number, flags: number): number {
    const { bytes, end } = this
    let at = start
    let escaped = false
    while (at < end) {
      const byte = bytes[at]!
      if (isWordByte[byte] === 1) {
        at++
        continue
      }
      if (byte === BACKSLASH) {
        const match = /^\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(
          decoder.decode(bytes.subarray(at, Math.min(at + 10, end))),
        )
        const point = match ? Number.parseInt(match[1] ?? match[2]!, 16) : 0
        if (!match || point > 0x10ffff || point < 0xa0 || !identifierCodePoint(point, at === start)) break
        at += match[0].length
        escaped = true
        continue
      }
      if (byte < 0x80) break
      const { point, size } = decodeUtf8(bytes, at)
      if (size === 0 || !identifierCodePoint(point, at === start)) break
      at += size
    }
    if (at === start) return this.finish(TokenKind.Stray, flags, start, start + Math.max(1, decodeUtf8(bytes, start).size))
    if (!escaped) return this.finish(TokenKind.Identifier, flags, start, at)
    const text = decoder
      .decode(bytes.subarray(start, at))
      .replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, four, eight) =>
        String.fromCodePoint(Number.parseInt(four ?? eight, 16)),
      )
    return this.set(TokenKind.Identifier, flags, start, at, this.names.intern(text))
  }

  private number(start: number, flags: number): number {
    const { bytes, end } = this
    let at = start + 1
    while (at < end) {
      const byte = bytes[at]!
      if (isWordByte[byte] === 1 || byte === 46 || byte >= 0x80) at++
      else if ((byte === 43 || byte === 45) && isExponent(bytes[at - 1]!)) at++
      else break
    }
    if (bytes[at] === BACKSLASH && at < end && this.spliced(at)) return this.splicedToken(start, flags)
    return this.finish(TokenKind.Number, flags, start, at)
  }

  /** A character constant or string whose quote stands at `open`. One without an end takes the rest of the line, as a stray token. */
  private quoted(start: number, open: number, flags: number): number {
    const { bytes, end } = this
    const quote = bytes[open]!
    let at = open + 1
    let splices = false
    for (;;) {
      if (at >= end) break
      const byte = bytes[at]!
      if (byte === quote) {
        const kind = quote === QUOTE ? TokenKind.String : TokenKind.Char
        if (!splices) return this.finish(kind, flags, start, at + 1)
        return this.set(kind, flags, start, at + 1, this.internSpliced(start, at + 1))
      }
      if (byte === NEWLINE) break
      if (byte === BACKSLASH) {
        const after = spliceEnd(bytes, at, end)
        if (after > at) {
          splices = true
          at = after
        } else at += at + 1 < end ? 2 : 1
        continue
      }
      at++
    }
    if (bytes[at - 1] === RETURN) at--
    return this.set(TokenKind.Stray, flags, start, at, this.internSpliced(start, at))
  }

  /** Whether a splice stands at `at` and what follows it could continue a token. */
  private spliced(at: number): boolean {
    const { bytes, end } = this
    let after = at
    for (let next = spliceEnd(bytes, after, end); next > after; next = spliceEnd(bytes, after, end)) after = next
    if (after === at || after >= end) return false
    const kind = classOf[bytes[after]!]!
    return kind !== CharClass.space && kind !== CharClass.newline
  }

  /** A token with a line splice inside: scanned again from a copy without splices. */
  private splicedToken(start: number, flags: number): number {
    const { bytes, end } = this
    const clean: number[] = []
    const origin: number[] = []
    let at = start
    while (at < end && bytes[at] !== NEWLINE) {
      const after = spliceEnd(bytes, at, end)
      if (after > at) {
        at = after
        continue
      }
      origin.push(at)
      clean.push(bytes[at++]!)
    }
    const inner = new Scanner(Uint8Array.from(clean), this.names, 0, this.problem)
    inner.next()
    return this.set(inner.kind, flags, start, origin[inner.stop - 1]! + 1, inner.atom)
  }

  private internSpliced(start: number, stop: number): Atom {
    const { bytes } = this
    const clean: number[] = []
    for (let at = start; at < stop; ) {
      const after = spliceEnd(bytes, at, stop)
      if (after > at) at = after
      else clean.push(bytes[at++]!)
    }
    return this.names.internBytes(Uint8Array.from(clean), 0, clean.length)
  }

  /** Offset of the line end at or after `at`, splices skipped. */
  private lineEnd(at: number): number {
    const { bytes, end } = this
    for (;;) {
      const found = bytes.indexOf(NEWLINE, at)
      if (found < 0 || found >= end) return end
      let before = found - 1
      while (before >= at && classOf[bytes[before]!] === CharClass.space) before--
      if (before < at || bytes[before] !== BACKSLASH) return found
      at = found + 1
    }
  }

  private skipBlockComment(start: number): number {
    const { bytes, end } = this
    let at = start + 2
    for (;;) {
      at = bytes.indexOf(STAR, at)
      if (at < 0 || at >= end) {
        this.problem('P0001', start, Math.min(start + 2, end), 'unterminated /* comment')
        return end
      }
      at++
      for (let after = spliceEnd(bytes, at, end); after > at; after = spliceEnd(bytes, at, end)) at = after
      if (bytes[at] === SLASH && at < end) return at + 1
    }
  }

  private punctuator(start: number, flags: number): number {
    const { bytes, end } = this
    const c = bytes[start]!
    const c1 = start + 1 < end ? bytes[start + 1]! : 0
    const c2 = start + 2 < end ? bytes[start + 2]! : 0
    let atom: Atom
    let size = 1
    switch (c) {
      case 91:
        atom = Punct['[']
        break
      case 93:
        atom = Punct[']']
        break
      case 40:
        atom = Punct['(']
        break
      case 41:
        atom = Punct[')']
        break
      case 123:
        atom = Punct['{']
        break
      case 125:
        atom = Punct['}']
        break
      case 59:
        atom = Punct[';']
        break
      case 44:
        atom = Punct[',']
        break
      case 126:
        atom = Punct['~']
        break
      case 63:
        atom = Punct['?']
        break
      case 46:
        if (c1 >= 48 && c1 <= 57) return this.number(start, flags)
        atom = Punct['.']
        if (c1 === 46 && c2 === 46) {
          atom = Punct['...']
          size = 3
        }
        break
      case 45:
        atom = Punct['-']
        if (c1 === 62) {
          atom = Punct['->']
          size = 2
        } else if (c1 === 45) {
          atom = Punct['--']
          size = 2
        } else if (c1 === 61) {
          atom = Punct['-=']
          size = 2
        }
        break
      case 43:
        atom = Punct['+']
        if (c1 === 43) {
          atom = Punct['++']
          size = 2
        } else if (c1 === 61) {
          atom = Punct['+=']
          size = 2
        }
        break
      case 38:
        atom = Punct['&']
        if (c1 === 38) {
          atom = Punct['&&']
          size = 2
        } else if (c1 === 61) {
          atom = Punct['&=']
          size = 2
        }
        break
      case 42:
        atom = Punct['*']
        if (c1 === 61) {
          atom = Punct['*=']
          size = 2
        }
        break
      case 33:
        atom = Punct['!']
        if (c1 === 61) {
          atom = Punct['!=']
          size = 2
        }
        break
      case SLASH:
        atom = Punct['/']
        if (c1 === 61) {
          atom = Punct['/=']
          size = 2
        }
        break
      case 37:
        atom = Punct['%']
        if (c1 === 61) {
          atom = Punct['%=']
          size = 2
        } else if (c1 === 62) {
          atom = Punct['}']
          size = 2
        } else if (c1 === 58) {
          const twice = c2 === 37 && bytes[start + 3] === 58 && start + 3 < end
          atom = twice ? Punct['##'] : Punct['#']
          size = twice ? 4 : 2
        }
        break
      case 60:
        atom = Punct['<']
        if (c1 === 60) {
          atom = c2 === 61 ? Punct['<<='] : Punct['<<']
          size = c2 === 61 ? 3 : 2
        } else if (c1 === 61) {
          atom = Punct['<=']
          size = 2
        } else if (c1 === 58) {
          atom = Punct['[']
          size = 2
        } else if (c1 === 37) {
          atom = Punct['{']
          size = 2
        }
        break
      case 62:
        atom = Punct['>']
        if (c1 === 62) {
          atom = c2 === 61 ? Punct['>>='] : Punct['>>']
          size = c2 === 61 ? 3 : 2
        } else if (c1 === 61) {
          atom = Punct['>=']
          size = 2
        }
        break
      case 61:
        atom = Punct['=']
        if (c1 === 61) {
          atom = Punct['==']
          size = 2
        }
        break
      case 94:
        atom = Punct['^']
        if (c1 === 61) {
          atom = Punct['^=']
          size = 2
        }
        break
      case 124:
        atom = Punct['|']
        if (c1 === 124) {
          atom = Punct['||']
          size = 2
        } else if (c1 === 61) {
          atom = Punct['|=']
          size = 2
        }
        break
      case 58:
        atom = Punct[':']
        if (c1 === 58) {
          atom = Punct['::']
          size = 2
        } else if (c1 === 62) {
          atom = Punct[']']
          size = 2
        }
        break
      case HASH:
        atom = Punct['#']
        if (c1 === HASH) {
          atom = Punct['##']
          size = 2
        }
        break
      default:
        return this.finish(TokenKind.Stray, flags, start, start + 1)
    }
    const stop = start + size
    if (bytes[stop] === BACKSLASH && stop < end && extensible[c] === 1 && this.spliced(stop))
      return this.splicedToken(start, flags)
    return this.set(TokenKind.Punctuator, flags, start, stop, atom)
  }

  /**
   * The operand of `#include`: `<…>` (kind Stray with the brackets) or `"…"` without escapes (kind String); anything else is an
   * ordinary token, for macro expansion. The text is the spelling between and with the delimiters.
   */
  nextHeaderName(): number {
    this.next()
    const { bytes, end } = this
    const open = bytes[this.start]
    if (this.stop <= this.start || (open !== 60 && open !== QUOTE)) return this.kind
    const close = open === 60 ? 62 : QUOTE
    let at = this.start + 1
    while (at < end && bytes[at] !== close && bytes[at] !== NEWLINE) at++
    if (at >= end || bytes[at] !== close) return this.kind
    return this.finish(open === QUOTE ? TokenKind.String : TokenKind.Stray, this.flags, this.start, at + 1)
  }

  /** The rest of the line as written, splices and comments included; leaves the line end unread. */
  restOfLine(): string {
    const { bytes } = this
    const start = this.at
    this.at = this.lineEnd(start)
    return decoder
      .decode(bytes.subarray(start, this.at))
      .replace(/\\[ \t]*\r?\n/g, '')
      .trim()
  }

  /** Skips the body of a macro definition, up to the line end, and says what is in it (bits of `BodyTrait`). */
  skipBody(): number {
    const { bytes, end } = this
    let at = this.at
    let traits = 0
    let depth = 0
    while (at < end) {
      const byte = bytes[at]!
      if (bodyClass[byte] === 0) {
        at++
        continue
      }
      switch (byte) {
        case NEWLINE:
          this.at = at
          return depth === 0 ? traits : traits | BodyTrait.brackets
        case BACKSLASH: {
          const after = spliceEnd(bytes, at, end)
          at = after > at ? after : at + 1
          continue
        }
        case SLASH:
          if (bytes[at + 1] === STAR) at = this.skipBlockComment(at)
          else if (bytes[at + 1] === SLASH) at = this.lineEnd(at + 2)
          else {
            if (bytes[at + 1] === BACKSLASH) traits |= BodyTrait.special
            at++
          }
          continue
        case QUOTE:
        case APOSTROPHE: {
          const stop = this.quoteEnd(at)
          if (stop < 0) {
            // No end: the rest of the line is one stray token.
            traits |= BodyTrait.special
            at = this.lineEnd(at)
          } else at = stop
          continue
        }
        case HASH:
        case 37:
          if (byte === HASH || bytes[at + 1] === 58) traits |= BodyTrait.special
          break
        case 95:
          if (bytes[at + 1] === 95 && bytes[at + 2] === 86 && bytes[at + 3] === 65) traits |= BodyTrait.special
          break
        case 40:
          depth++
          break
        case 41:
          if (--depth < 0) traits |= BodyTrait.brackets
          break
        default:
          traits |= BodyTrait.brackets
      }
      at++
    }
    this.at = end
    return depth === 0 ? traits : traits | BodyTrait.brackets
  }

  /** Offset behind the constant that begins at `open`; -1 when its line ends first. */
  private quoteEnd(open: number): number {
    const { bytes, end } = this
    const quote = bytes[open]
    for (let at = open + 1; at < end; ) {
      const byte = bytes[at]
      if (byte === quote) return at + 1
      if (byte === NEWLINE) return -1
      if (byte === BACKSLASH) {
        const after = spliceEnd(bytes, at, end)
        at = after > at ? after : at + 2
      } else at++
    }
    return -1
  }

  /** Skips the rest of the current line (comments may span lines); leaves the line end unread. */
  skipLine(): void {
    this.inDirective = true
    while (this.next() !== TokenKind.End);
  }

  /**
   * From anywhere in a line: skips to the next line that begins with `#` and stands behind the `#`. False at the end of the file.
   * Text in between is only looked at for comments and quotes, as in a group that a condition leaves out.
   */
  skipToDirective(): boolean {
    const { bytes, end } = this
    let at = this.at
    let fresh = this.lineStart
    while (at < end) {
      const byte = bytes[at]!
      if (byte === NEWLINE) {
        fresh = true
        at++
      } else if (byte === SLASH && bytes[at + 1] === STAR) at = this.skipBlockComment(at)
      else if (byte === SLASH && bytes[at + 1] === SLASH) at = this.lineEnd(at)
      else if (classOf[byte] === CharClass.space) at++
      else if (fresh && (byte === HASH || (byte === 37 && bytes[at + 1] === 58))) {
        this.at = at + (byte === HASH ? 1 : 2)
        this.start = at
        this.stop = this.at
        this.lineStart = false
        return true
      } else {
        fresh = false
        if (byte === QUOTE || byte === APOSTROPHE) {
          this.quoted(at, at, 0)
          at = this.stop
        } else if (byte === BACKSLASH) {
          const after = spliceEnd(bytes, at, end)
          at = after > at ? after : at + 1
        } else at++
      }
    }
    this.at = end
    return false
  }
}

/** What `skipBody` finds. */
export const BodyTrait = {
  /** `#`, `__VA_…` or something unfinished: to be read at once. */
  special: 1,
  /** Braces, or parentheses that do not match. */
  brackets: 2,
} as const

/** Bytes that `skipBody` looks at. */
const bodyClass = new Uint8Array(256)
for (const c of '\n\\/"\'#%_(){}') bodyClass[c.charCodeAt(0)] = 1

/** Punctuators that a following byte can make longer. */
const extensible = new Uint8Array(128)
for (const c of '.-+&*!/%<>=^|:#') extensible[c.charCodeAt(0)] = 1

/** Offset behind a line splice (backslash, optional spaces, line end) at `at`; `at` itself where there is none. */
function spliceEnd(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] !== BACKSLASH) return at
  let after = at + 1
  while (after < end && classOf[bytes[after]!] === CharClass.space) after++
  return after < end && bytes[after] === NEWLINE ? after + 1 : at
}

const isExponent = (byte: number): boolean => byte === 101 || byte === 69 || byte === 112 || byte === 80

/** `L`, `u`, `U` or `u8` before a quote. */
function isLiteralPrefix(bytes: Uint8Array, start: number, stop: number): boolean {
  const first = bytes[start]
  if (stop - start === 1) return first === 76 || first === 117 || first === 85
  return stop - start === 2 && first === 117 && bytes[start + 1] === 56 && bytes[stop] === QUOTE
}
