/**
 * Finds the declarations of a header by looking at its bytes: matches brackets, and reads at the top level just enough to tell what
 * each declaration declares. Makes columns, not objects, and knows nothing of macros: whether one gets in the way is asked
 * afterwards (`concerns`), so that a result holds for every compilation that reads the same bytes and can be kept.
 *
 * Only what may safely stay unparsed is taken: types, prototypes, extern declarations, static functions and variables without
 * `used`. At the first thing beyond that (a definition with external linkage, `_Static_assert`, a directive in the middle of a
 * declaration) the run stops, and the preprocessor goes on in the ordinary way.
 */
import { classOf, CharClass, isWordByte } from './characters.js'
import { keepsAlive, WordClass, wordClass } from './header-words.js'
import { hashBytes, hashStart } from './names.js'

export const EntryKind = { typedef: 0, tag: 1, tagBody: 2, enumerator: 3, function: 4, variable: 5 } as const

/** The declarations of one stretch of a file. Offsets are in the file's bytes. */
export interface HeaderRun {
  /** What was looked at ends here: a directive, the end, or the beginning of a declaration that must be read at once. */
  readonly stop: number
  /** Whether `stop` is the beginning of such a declaration. */
  readonly eager: boolean
  readonly declarations: number
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly entries: number
  readonly nameStarts: Int32Array
  readonly nameLengths: Int32Array
  readonly nameHashes: Int32Array
  readonly kinds: Uint8Array
  /** Declaration of each entry. */
  readonly owners: Int32Array
  /** Next entry with the same slot, in order; -1 at the end. */
  readonly chain: Int32Array
  /** Heads of the chains of ordinary names and of tags, by hash. */
  readonly ordinary: Int32Array
  readonly tags: Int32Array
  /** Hashes of the other names at the top level, open addressing, 0 for free. */
  readonly mentioned: Int32Array
}

/** Where the scan of a body looks up; what lies between is passed over by the engine's own search. */
const stopsInRecord = /[{}"'/\\#]/g
const stopsInEnum = /[,}()[\]{"'/\\;#]/g

const NEWLINE = 10
const QUOTE = 34
const HASH = 35
const APOSTROPHE = 39
const OPEN = 40
const CLOSE = 41
const STAR = 42
const COMMA = 44
const SLASH = 47
const COLON = 58
const SEMICOLON = 59
const EQUALS = 61
const BRACKET = 91
const BACKSLASH = 92
const BRACKET_END = 93
const BRACE = 123
const BRACE_END = 125

const grow = (old: Int32Array<ArrayBuffer>, least: number): Int32Array<ArrayBuffer> => {
  const bigger = new Int32Array(Math.max(least, old.length * 2))
  bigger.set(old)
  return bigger
}

/** Indexes from `start`, which must be outside any declaration, as far as it goes. `isMacro`, where given, stops at names it knows. */
export function indexHeader(bytes: Uint8Array, start: number, isMacro?: (hash: number) => boolean): HeaderRun {
  return new Indexer(bytes, start, isMacro).run(start)
}

const FAILED = -1

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
/** Of the files at hand: a file with directives has many runs. */
const texts = new WeakMap<Uint8Array, string>()

/** Bytes as a string of as many characters, for searches: ASCII is itself, of other bytes only their number matters. */
function textOf(bytes: Uint8Array): string {
  let text = texts.get(bytes)
  if (text === undefined) {
    text = decoder.decode(bytes)
    if (text.length !== bytes.length) text = decoder.decode(bytes.map(byte => Math.min(byte, 127)))
    texts.set(bytes, text)
  }
  return text
}

const noColumn = new Int32Array(0)
const noHeads = new Int32Array(1).fill(-1)
/** Of the many runs that end where they begin, at a directive. */
const emptyRun: HeaderRun = {
  stop: 0,
  eager: false,
  declarations: 0,
  starts: noColumn,
  ends: noColumn,
  entries: 0,
  nameStarts: noColumn,
  nameLengths: noColumn,
  nameHashes: noColumn,
  kinds: new Uint8Array(0),
  owners: noColumn,
  chain: noColumn,
  ordinary: noHeads,
  tags: noHeads,
  mentioned: new Int32Array(1),
}

class Indexer {
  private readonly end: number
  /** Entries that there may be. */
  private readonly guess: number
  private starts: Int32Array<ArrayBuffer> = new Int32Array(0)
  private ends: Int32Array<ArrayBuffer> = new Int32Array(0)
  private declarations = 0
  private nameStarts: Int32Array<ArrayBuffer> = new Int32Array(0)
  private nameLengths: Int32Array<ArrayBuffer> = new Int32Array(0)
  private nameHashes: Int32Array<ArrayBuffer> = new Int32Array(0)
  private owners: Int32Array<ArrayBuffer> = new Int32Array(0)
  private kinds: Uint8Array<ArrayBuffer> = new Uint8Array(0)
  private entries = 0
  private mentioned: Int32Array<ArrayBuffer> = noColumn
  private mentions = 0
  /** A name that the caller calls a macro was met. */
  private blocked = false
  private usedSeen = false
  /** Hash of the word last read. */
  private hash = 0
  private text = ''

  constructor(
    private readonly bytes: Uint8Array,
    start: number,
    private readonly isMacro: ((hash: number) => boolean) | undefined,
  ) {
    this.end = bytes.length
    // Room is made when there is something to put.
    this.guess = isMacro ? 64 : Math.max(64, (this.end - start) >> 6)
  }

  run(start: number): HeaderRun {
    let at = this.skipSpace(start)
    if (at >= this.end || this.bytes[at] === HASH) return { ...emptyRun, stop: Math.min(at, this.end) }
    this.mentioned = new Int32Array(1 << 8)
    let eager = false
    for (; at < this.end && this.bytes[at] !== HASH; at = this.skipSpace(at)) {
      const entries = this.entries
      this.blocked = false
      this.usedSeen = false
      let next = this.tagged(at)
      if (next < 0) {
        this.entries = entries
        next = this.declaration(at)
      }
      if (next < 0 || this.blocked) {
        this.entries = entries
        eager = true
        break
      }
      if (this.declarations === this.starts.length) {
        this.starts = grow(this.starts, this.guess >> 1)
        this.ends = grow(this.ends, this.guess >> 1)
      }
      this.starts[this.declarations] = at
      this.ends[this.declarations++] = next
      at = next
    }
    return this.finish(Math.min(at, this.end), eager)
  }

  private finish(stop: number, eager: boolean): HeaderRun {
    const { entries, nameHashes, kinds } = this
    let size = 64
    while (size < entries) size *= 2
    const ordinary = new Int32Array(size).fill(-1)
    const tags = new Int32Array(size).fill(-1)
    const chain = new Int32Array(entries)
    for (let i = entries - 1; i >= 0; i--) {
      const kind = kinds[i]!
      const heads = kind === EntryKind.tag || kind === EntryKind.tagBody ? tags : ordinary
      const hash = nameHashes[i]!
      const slot = (hash ^ (hash >>> 15)) & (size - 1)
      chain[i] = heads[slot]!
      heads[slot] = i
    }
    return {
      stop,
      eager,
      declarations: this.declarations,
      starts: this.starts.subarray(0, this.declarations),
      ends: this.ends.subarray(0, this.declarations),
      entries,
      nameStarts: this.nameStarts.subarray(0, entries),
      nameLengths: this.nameLengths.subarray(0, entries),
      nameHashes: nameHashes.subarray(0, entries),
      kinds: kinds.subarray(0, entries),
      owners: this.owners.subarray(0, entries),
      chain,
      ordinary,
      tags,
      mentioned: this.mentioned,
    }
  }

  private entry(kind: number, start: number, stop: number, hash: number): void {
    if (this.isMacro?.(hash)) this.blocked = true
    const at = this.entries++
    if (at === this.nameStarts.length) {
      this.nameStarts = grow(this.nameStarts, this.guess)
      this.nameLengths = grow(this.nameLengths, this.guess)
      this.nameHashes = grow(this.nameHashes, this.guess)
      this.owners = grow(this.owners, this.guess)
      const bigger = new Uint8Array(this.nameStarts.length)
      bigger.set(this.kinds)
      this.kinds = bigger
    }
    this.nameStarts[at] = start
    this.nameLengths[at] = stop - start
    this.nameHashes[at] = hash
    this.owners[at] = this.declarations
    this.kinds[at] = kind
  }

  private mention(hash: number): void {
    if (this.isMacro?.(hash)) this.blocked = true
    const { mentioned } = this
    const mask = mentioned.length - 1
    let slot = (hash ^ (hash >>> 15)) & mask
    for (let known = mentioned[slot]!; known !== 0; known = mentioned[slot]!) {
      if (known === hash) return
      slot = (slot + 1) & mask
    }
    mentioned[slot] = hash
    if (++this.mentions * 2 > mask) {
      this.mentioned = new Int32Array(mentioned.length * 2)
      this.mentions = 0
      for (const old of mentioned) if (old !== 0) this.mention(old)
    }
  }

  /** Behind white space and comments. */
  private skipSpace(from: number): number {
    const { bytes, end } = this
    let at = from
    while (at < end) {
      const kind = classOf[bytes[at]!]!
      if (kind === CharClass.space || kind === CharClass.newline) at++
      else if (bytes[at] === SLASH && (bytes[at + 1] === STAR || bytes[at + 1] === SLASH)) at = this.skipComment(at)
      else break
    }
    return at
  }

  private skipComment(at: number): number {
    const { bytes, end } = this
    if (bytes[at + 1] === STAR) {
      for (let star = bytes.indexOf(STAR, at + 2); star >= 0; star = bytes.indexOf(STAR, star + 1))
        if (bytes[star + 1] === SLASH) return star + 2
      return end
    }
    let line = bytes.indexOf(NEWLINE, at)
    while (line > 0 && (bytes[line - 1] === BACKSLASH || (bytes[line - 1] === 13 && bytes[line - 2] === BACKSLASH)))
      line = bytes.indexOf(NEWLINE, line + 1)
    return line < 0 ? end : line
  }

  /** Behind a string or character constant; FAILED when it does not end on its line. */
  private skipQuoted(at: number): number {
    const { bytes, end } = this
    const quote = bytes[at]
    for (let i = at + 1; i < end; i++) {
      const byte = bytes[i]
      if (byte === quote) return i + 1
      if (byte === NEWLINE) return FAILED
      if (byte === BACKSLASH) i++
    }
    return FAILED
  }

  /** `#` at `at` begins a directive. */
  private isDirective(at: number): boolean {
    const { bytes } = this
    let before = at - 1
    while (before >= 0 && classOf[bytes[before]!] === CharClass.space) before--
    // A comment in front of the `#` would hide it: take that for a directive too.
    return before < 0 || bytes[before] === NEWLINE || bytes[before] === SLASH
  }

  /** From an opening bracket behind its match, whatever is inside. */
  private skipGroup(from: number): number {
    const { bytes, end } = this
    let depth = 0
    let at = from
    while (at < end) {
      const byte = bytes[at]!
      switch (byte) {
        case OPEN:
        case BRACKET:
        case BRACE:
          depth++
          break
        case CLOSE:
        case BRACKET_END:
        case BRACE_END:
          if (--depth === 0) return at + 1
          break
        case QUOTE:
        case APOSTROPHE:
          at = this.skipQuoted(at)
          if (at < 0) return FAILED
          continue
        case SLASH:
          if (bytes[at + 1] === STAR || bytes[at + 1] === SLASH) {
            at = this.skipComment(at)
            continue
          }
          break
        case HASH:
          if (this.isDirective(at)) return FAILED
          break
        case BACKSLASH:
          return FAILED
      }
      at++
    }
    return FAILED
  }

  /** As `skipGroup` for the group of an attribute, which may say that a declaration must not be left out. */
  private skipAttribute(from: number): number {
    const at = this.skipSpace(from)
    if (this.bytes[at] !== OPEN) return at
    const stop = this.skipGroup(at)
    if (stop < 0) return FAILED
    for (let i = at; i < stop; i++) {
      if (isWordByte[this.bytes[i]!] === 0) continue
      let to = i
      while (to < stop && isWordByte[this.bytes[to]!] === 1) to++
      const hash = hashBytes(this.bytes, i, to)
      this.mention(hash)
      if (keepsAlive.has(hash)) this.usedSeen = true
      i = to
    }
    return stop
  }

  /** Behind the word at `at`, whose hash is then in `hash`; `at` itself where none is. */
  private word(at: number): number {
    const { bytes } = this
    let hash = hashStart
    let to = at
    // Beyond the end there is no byte, which is no word's.
    while (isWordByte[bytes[to]!] === 1) hash = Math.imul(hash ^ bytes[to++]!, 0x01000193)
    this.hash = hash
    return to
  }

  /** The next place from `at` on that `stops` finds, or the end. */
  private find(stops: RegExp, at: number): number {
    if (this.text === '') this.text = textOf(this.bytes)
    stops.lastIndex = at
    return stops.test(this.text) ? stops.lastIndex - 1 : this.end
  }

  /**
   * `struct tag;`, `struct tag { ... };` and the like, without anything else: the offset behind it, or FAILED for `declaration` to read
   * it. Nearly all of a vmlinux.h is such, and V8 is done with little code before it would be with all of `declaration`.
   */
  private tagged(from: number): number {
    const { bytes } = this
    let at = this.word(from)
    const kind = wordClass(this.hash, at - from)
    if (kind !== WordClass.record && kind !== WordClass.enum) return FAILED
    const start = this.skipSpace(at)
    const stop = this.word(start)
    const { hash } = this
    at = this.skipSpace(stop)
    if (stop > start) {
      if (classOf[bytes[start]!] !== CharClass.letter || wordClass(hash, stop - start) !== WordClass.none) return FAILED
      this.mention(hash)
      if (bytes[at] === SEMICOLON) {
        this.entry(EntryKind.tag, start, stop, hash)
        return at + 1
      }
    }
    if (bytes[at] !== BRACE) return FAILED
    if (stop > start) this.entry(EntryKind.tagBody, start, stop, hash)
    at = kind === WordClass.enum ? this.enumBody(at + 1) : this.recordBody(at + 1)
    if (at < 0) return FAILED
    at = this.skipSpace(at)
    return bytes[at] === SEMICOLON ? at + 1 : FAILED
  }

  /** One declaration from its first byte: the offset behind it, or FAILED. */
  private declaration(from: number): number {
    const { bytes, end } = this
    let at = from
    let storage: number = WordClass.none
    /** A struct, union or enum word was read and neither its body nor anything else since. */
    let pending: number = WordClass.none
    let tagStart = -1
    let tagStop = 0
    let tagHash = 0
    let bodySeen = false
    let typeSeen = false
    let lastStart = -1
    let lastStop = 0
    let lastHash = 0
    let named = false
    let isFunction = false
    let initialised = false
    let depth = 0
    let first = true

    for (;;) {
      if (at >= end) return FAILED
      const byte = bytes[at]!
      switch (classOf[byte]) {
        case CharClass.space:
        case CharClass.newline:
          at++
          continue
        case CharClass.letter: {
          const start = at
          at = this.word(at)
          if (initialised) continue
          const { hash } = this
          const word = wordClass(hash, at - start)
          switch (word) {
            case WordClass.eager:
              return FAILED
            case WordClass.record:
            case WordClass.enum:
              pending = word
              tagStart = -1
              typeSeen = true
              break
            case WordClass.typedef:
            case WordClass.extern:
            case WordClass.static:
              storage = word
              break
            case WordClass.type:
              typeSeen = true
              pending = WordClass.none
              break
            case WordClass.qualifier:
              break
            case WordClass.attribute:
              if (first) return FAILED
              at = this.skipAttribute(at)
              if (at < 0) return FAILED
              break
            case WordClass.typeof:
              typeSeen = true
              at = this.skipSpace(at)
              if (bytes[at] === OPEN) at = this.skipGroup(at)
              if (at < 0) return FAILED
              break
            default:
              if (named) break
              if (pending !== WordClass.none && tagStart < 0) {
                tagStart = start
                tagStop = at
                tagHash = hash
                this.mention(hash)
              } else {
                pending = WordClass.none
                if (lastStart >= 0) {
                  typeSeen = true
                  this.mention(lastHash)
                }
                lastStart = start
                lastStop = at
                lastHash = hash
                if (depth > 0) named = true
              }
          }
          first = false
          continue
        }
        case CharClass.digit:
          if (!initialised) return FAILED
          at++
          while (at < end && (isWordByte[bytes[at]!] === 1 || bytes[at] === 46)) at++
          continue
        case CharClass.quote:
          if (!initialised) return FAILED
          at = this.skipQuoted(at)
          if (at < 0) return FAILED
          continue
        case CharClass.punctuator:
          break
        default:
          return FAILED
      }
      first = false
      switch (byte) {
        case SLASH:
          if (bytes[at + 1] === STAR || bytes[at + 1] === SLASH) {
            at = this.skipComment(at)
            continue
          }
          if (!initialised) return FAILED
          at++
          continue
        case BRACE:
          if (initialised) {
            at = this.skipGroup(at)
            if (at < 0) return FAILED
            continue
          }
          if (pending !== WordClass.none && !named && depth === 0) {
            if (tagStart >= 0) this.entry(EntryKind.tagBody, tagStart, tagStop, tagHash)
            at = pending === WordClass.enum ? this.enumBody(at + 1) : this.recordBody(at + 1)
            if (at < 0) return FAILED
            pending = WordClass.none
            bodySeen = true
            continue
          }
          if (!isFunction || storage !== WordClass.static || depth > 0 || this.usedSeen) return FAILED
          this.entry(EntryKind.function, lastStart, lastStop, lastHash)
          return this.skipGroup(at)
        case OPEN:
          if (initialised || named) {
            at = this.skipGroup(at)
            if (at < 0) return FAILED
            continue
          }
          if (lastStart >= 0 && typeSeen) {
            named = true
            isFunction = true
            continue
          }
          if (lastStart >= 0) this.mention(lastHash)
          typeSeen = true
          pending = WordClass.none
          lastStart = -1
          depth++
          at++
          continue
        case CLOSE:
          if (--depth < 0) return FAILED
          at++
          continue
        case BRACKET:
          if (lastStart >= 0) named = true
          at = this.skipGroup(at)
          if (at < 0) return FAILED
          continue
        case EQUALS:
          if (!initialised) {
            if (lastStart < 0) return FAILED
            named = true
            initialised = true
          }
          at++
          continue
        case STAR:
          if (!initialised && !named) {
            pending = WordClass.none
            if (lastStart >= 0) {
              this.mention(lastHash)
              typeSeen = true
              lastStart = -1
            }
          }
          at++
          continue
        case COMMA:
        case SEMICOLON: {
          if (depth !== 0) return FAILED
          if (lastStart >= 0) {
            const kind = storage === WordClass.typedef ? EntryKind.typedef : isFunction ? EntryKind.function : EntryKind.variable
            // What is defined here and seen elsewhere must not be lost.
            if (
              kind === EntryKind.variable &&
              (storage === WordClass.none || (storage === WordClass.extern && initialised) || this.usedSeen)
            )
              return FAILED
            if (!typeSeen && !bodySeen) return FAILED
            this.entry(kind, lastStart, lastStop, lastHash)
          } else if (byte === SEMICOLON && !bodySeen && tagStart >= 0) this.entry(EntryKind.tag, tagStart, tagStop, tagHash)
          else if (byte === COMMA || (!bodySeen && tagStart < 0 && typeSeen)) return FAILED
          at++
          if (byte === SEMICOLON) return at
          lastStart = -1
          named = false
          isFunction = false
          initialised = false
          pending = WordClass.none
          continue
        }
        case COLON:
          if (initialised || pending === WordClass.enum) {
            at++
            continue
          }
          return FAILED
        case HASH:
          return FAILED
        default:
          if (!initialised) return FAILED
          at++
      }
    }
  }

  /** The body of a struct or union behind its brace: records the tags and enumerators declared inside. The offset behind its end. */
  private recordBody(from: number): number {
    const { bytes, end } = this
    let depth = 1
    let member = from
    let at = from
    for (;;) {
      const stop = this.find(stopsInRecord, at)
      if (stop >= end) return FAILED
      if (bytes[stop] === BRACE_END && depth === 1) return stop + 1
      for (let i = stop; i > at; i--)
        if (bytes[i - 1] === SEMICOLON) {
          member = i
          break
        }
      at = stop
      switch (bytes[at]) {
        case BRACE_END:
          at++
          depth--
          continue
        case BRACE: {
          const kind = this.memberHead(member, at)
          if (kind < 0) return FAILED
          at++
          if (kind === WordClass.enum) {
            at = this.enumBody(at)
            if (at < 0) return FAILED
          } else if (kind === WordClass.record) {
            depth++
            member = at
          } else {
            at = this.skipGroup(at - 1)
            if (at < 0) return FAILED
          }
          continue
        }
        case SLASH:
          if (bytes[at + 1] === STAR || bytes[at + 1] === SLASH) at = this.skipComment(at)
          else at++
          continue
        case HASH:
          if (this.isDirective(at)) return FAILED
          at++
          continue
        case BACKSLASH:
          return FAILED
        default:
          at = this.skipQuoted(at)
          if (at < 0) return FAILED
      }
    }
  }

  /** What a brace in a record's body opens, from the text of the member before it; records its tag. */
  private memberHead(from: number, to: number): number {
    const { bytes } = this
    let kind: number = WordClass.none
    let tagged = false
    let at = from
    for (;;) {
      at = this.skipSpace(at)
      if (at >= to) return kind
      const byte = bytes[at]!
      if (isWordByte[byte] === 0) {
        if (byte === OPEN) {
          at = this.skipGroup(at)
          if (at < 0 || at > to) return FAILED
          continue
        }
        if (byte === COLON && kind === WordClass.enum) tagged = true
        else if (byte === EQUALS) return WordClass.none
        at++
        continue
      }
      const start = at
      at = this.word(at)
      const { hash } = this
      const word = wordClass(hash, at - start)
      if (word === WordClass.record || word === WordClass.enum) {
        kind = word
        tagged = false
      } else if (word === WordClass.none && kind !== WordClass.none && !tagged) {
        tagged = true
        this.entry(EntryKind.tagBody, start, at, hash)
      } else if (word === WordClass.none) this.mention(hash)
    }
  }

  /** The body of an enum behind its brace: records the enumerators. The offset behind its end. */
  private enumBody(from: number): number {
    const { bytes, end } = this
    let at = from
    for (;;) {
      at = this.skipSpace(at)
      if (at >= end) return FAILED
      if (bytes[at] === BRACE_END) return at + 1
      if (classOf[bytes[at]!] !== CharClass.letter) return FAILED
      const start = at
      at = this.word(at)
      this.entry(EntryKind.enumerator, start, at, this.hash)
      const stop = this.find(stopsInEnum, at)
      at = bytes[stop] === COMMA || bytes[stop] === BRACE_END ? stop : this.enumValue(at)
      if (at < 0) return FAILED
      if (bytes[at] === COMMA) at++
    }
  }

  /** From behind an enumerator's name to the comma or brace behind its value, whatever that has in it. */
  private enumValue(from: number): number {
    const { bytes, end } = this
    // A macro that makes enumerators is followed by parentheses.
    let at = this.skipSpace(from)
    if (bytes[at] === OPEN) return FAILED
    while (at < end) {
      switch (bytes[at]) {
        case COMMA:
        case BRACE_END:
          return at
        case OPEN:
        case BRACKET:
        case BRACE:
          at = this.skipGroup(at)
          if (at < 0) return FAILED
          continue
        case QUOTE:
        case APOSTROPHE:
          at = this.skipQuoted(at)
          if (at < 0) return FAILED
          continue
        case SLASH:
          if (bytes[at + 1] === STAR || bytes[at + 1] === SLASH) {
            at = this.skipComment(at)
            continue
          }
          break
        case BACKSLASH:
        case SEMICOLON:
          return FAILED
        case HASH:
          if (this.isDirective(at)) return FAILED
      }
      at++
    }
    return FAILED
  }
}

/** Whether a name stands where it decides what the run's declarations declare; `hash` is of its spelling. May err on the side of yes. */
export function concerns(run: HeaderRun, hash: number): boolean {
  const slot = (hash ^ (hash >>> 15)) & (run.ordinary.length - 1)
  for (let i = run.ordinary[slot]!; i >= 0; i = run.chain[i]!) if (run.nameHashes[i] === hash) return true
  for (let i = run.tags[slot]!; i >= 0; i = run.chain[i]!) if (run.nameHashes[i] === hash) return true
  const mask = run.mentioned.length - 1
  let at = (hash ^ (hash >>> 15)) & mask
  for (let known = run.mentioned[at]!; known !== 0; known = run.mentioned[at]!) {
    if (known === hash) return true
    at = (at + 1) & mask
  }
  return false
}
