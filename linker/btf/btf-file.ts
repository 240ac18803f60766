/**
 * A .BTF section read in place. Opening indexes where each type starts and nothing else: the kernel's own (150,000 types, 6 MB)
 * opens in some milliseconds, a type is decoded when asked for, names are hashed at the first search.
 * Format: Documentation/bpf/btf.rst.
 */
import { FormatError } from '../../base/outcome.js'
import type { TextBytes } from '../../base/text-bytes.js'
import type { BtfIndex } from './btf-index.js'
import { type BtfId, BtfKind, type BtfSet, type BtfType, typeFault } from './btf-types.js'
import { decodeType } from './decode-type.js'
import { TYPE, TYPE_LAYOUTS } from './type-layout.js'

const MAGIC = 0xeb9f
const HEADER_BYTES = 24

/** Bytes of a type after its 12-byte head: a fixed part and so much for each of its `vlen` entries. */
const FIXED_BYTES = TYPE_LAYOUTS.map(({ fixed }) => 4 * fixed.length)
const ENTRY_BYTES = TYPE_LAYOUTS.map(({ entry }) => 4 * entry.length)
/** Types that a type refers to besides those of its entries, and where in an entry one is; negative for none. */
const REFERENCES = TYPE_LAYOUTS.map(({ third, fixed }) => [third, ...fixed].filter(word => word === TYPE).length)
const ENTRY_REFERENCE = TYPE_LAYOUTS.map(({ entry }) => 4 * entry.indexOf(TYPE))
export const BTF_KIND_MAX = BtfKind.Enum64

const VOID: BtfType = { kind: BtfKind.Void }
const utf8 = new TextDecoder()

/** Length of a type's name without its flavour: `sock___old` is a flavour of `sock` (libbpf's bpf_core_essential_name_len). */
export function essentialLength(name: string): number {
  for (let i = name.length - 5; i >= 0; i--) {
    if (
      name.charCodeAt(i) !== 95 &&
      name.charCodeAt(i + 1) === 95 &&
      name.charCodeAt(i + 2) === 95 &&
      name.charCodeAt(i + 3) === 95 &&
      name.charCodeAt(i + 4) !== 95
    )
      return i + 1
  }
  return name.length
}

export const essentialName = (name: string): string => name.slice(0, essentialLength(name))

/** BTF bytes as a `BtfSet`, and what only bytes can give: kinds and names without decoding. */
export class BtfFile implements BtfSet {
  readonly little: boolean
  /** First id of this section's own types: 1, or one past the base's last. */
  readonly firstId: BtfId
  readonly count: number
  private readonly view: DataView
  /** Offset in `bytes` of each own type. */
  private readonly offsets: Int32Array
  /** Where in `bytes` the own types end: the place of one that is not there. */
  private readonly typesEnd: number
  private readonly stringsStart: number
  private readonly stringsEnd: number
  private readonly stringBase: number
  private readonly cache: (BtfType | undefined)[]
  /** Ids of the own types that are sections; found while indexing. */
  readonly datasecIds: BtfId[] = []
  private strings: string | undefined
  private ascii = false
  private heads: Int32Array | undefined
  private chain: Int32Array | undefined

  constructor(
    /** The whole section; must not change meanwhile. */
    readonly bytes: Uint8Array,
    /** What a split BTF (a kernel module's) builds on. */
    readonly base: BtfFile | undefined,
    /** Added to offsets in messages. */
    private readonly origin: number,
    index?: BtfIndex,
  ) {
    if (bytes.length < HEADER_BYTES) throw this.fault('F0201', `BTF of ${bytes.length} bytes is shorter than its header`, 0)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.little = this.view.getUint16(0, true) === MAGIC
    if (!this.little && this.view.getUint16(0, false) !== MAGIC) throw this.fault('F0201', 'not BTF: the magic is not 0xeb9f', 0)
    if (bytes[2] !== 1) throw this.fault('F0201', `BTF version ${bytes[2]} is not 1`, 2)
    const header = this.u32(4)
    if (header < HEADER_BYTES || header > bytes.length) throw this.fault('F0201', `BTF header of ${header} bytes`, 4)
    const [typeOffset, typeLength, stringOffset, stringLength] = [this.u32(8), this.u32(12), this.u32(16), this.u32(20)]
    const room = bytes.length - header
    if (typeOffset % 4 !== 0 || typeOffset + typeLength > room)
      throw this.fault('F0201', `BTF types (${typeLength} bytes at ${typeOffset}) go beyond the section`, 8)
    if (stringOffset + stringLength > room)
      throw this.fault('F0201', `BTF strings (${stringLength} bytes at ${stringOffset}) go beyond the section`, 16)
    this.typesEnd = header + typeOffset + typeLength
    this.stringsStart = header + stringOffset
    this.stringsEnd = this.stringsStart + stringLength
    if (stringLength > 0 ? bytes[this.stringsEnd - 1] !== 0 : !base)
      throw this.fault('F0003', 'the BTF strings do not end with a zero byte', this.stringsEnd - 1)
    if (!base && bytes[this.stringsStart] !== 0)
      throw this.fault('F0201', 'the first BTF string is not the empty one', this.stringsStart)
    if (base && base.little !== this.little) throw this.fault('F0201', 'split BTF and its base differ in byte order', 0)
    this.firstId = base ? base.count : 1
    this.stringBase = base?.stringCount ?? 0
    this.offsets = index?.offsets ?? this.indexTypes(header + typeOffset, typeLength)
    this.heads = index?.heads
    this.chain = index?.chain
    if (index) this.datasecIds.push(...index.datasecs)
    this.count = this.firstId + this.offsets.length
    this.cache = new Array<BtfType | undefined>(this.offsets.length)
  }

  private fault(code: string, message: string, offset: number): FormatError {
    return new FormatError(code, message, this.origin + offset)
  }

  /** What the next one who opens the same bytes need not find out again. Only of BTF without a base. */
  index(): BtfIndex {
    this.heads ??= this.indexNames()
    return { offsets: this.offsets, heads: this.heads, chain: this.chain!, datasecs: Int32Array.from(this.datasecIds) }
  }

  private u32(offset: number): number {
    return this.view.getUint32(offset, this.little)
  }

  private indexTypes(start: number, length: number): Int32Array {
    const { view, little } = this
    const end = start + length
    const first = this.base ? this.base.count : 1
    let offsets = new Int32Array(Math.floor(length / 12))
    let count = 0
    let at = start
    while (at < end) {
      if (at + 12 > end) throw this.fault('F0202', `BTF type ${first + count} ends early`, at)
      const info = view.getUint32(at + 4, little)
      const kind = (info >>> 24) & 31
      if (kind === 0 || kind > BTF_KIND_MAX)
        throw this.fault('F0202', `BTF type ${first + count} is of unknown kind ${kind}`, at + 4)
      if (kind === BtfKind.Datasec) this.datasecIds.push(first + count)
      offsets[count++] = at
      at += 12 + FIXED_BYTES[kind]! + ENTRY_BYTES[kind]! * (info & 0xffff)
    }
    if (at > end)
      throw this.fault('F0202', `BTF type ${first + count - 1} goes beyond the types' ${length} bytes`, offsets[count - 1]!)
    offsets = offsets.slice(0, count)
    return offsets
  }

  private ownOffset(id: BtfId): number {
    const offset = this.offsets[id - this.firstId]
    if (offset === undefined)
      throw this.fault('F0203', `there is no BTF type ${id}: the last is ${this.count - 1}`, this.typesEnd)
    return offset
  }

  /** Offset in the section (or its base's) at which a type starts, for messages. */
  offsetOf(id: BtfId): number {
    return id < this.firstId && this.base ? this.base.offsetOf(id) : id === 0 ? 0 : this.origin + this.ownOffset(id)
  }

  /** A string by its offset in the string section; throws for one that is out of range. */
  string(offset: number): string {
    if (offset < this.stringBase) return this.base!.string(offset)
    const at = offset - this.stringBase
    const length = this.stringsEnd - this.stringsStart
    if (at >= length) throw this.fault('F0203', `there is no BTF string at offset ${offset}`, this.stringsStart)
    if (this.strings === undefined) {
      const bytes = this.bytes.subarray(this.stringsStart, this.stringsEnd)
      const text = utf8.decode(bytes)
      // As many characters as bytes, and none that stands for a malformed one: then offsets are the same in both.
      this.ascii = text.length === bytes.length && !text.includes('\ufffd')
      this.strings = this.ascii ? text : ''
    }
    if (this.ascii) return this.strings.slice(at, this.strings.indexOf('\0', at))
    const start = this.stringsStart + at
    return utf8.decode(this.bytes.subarray(start, this.bytes.indexOf(0, start)))
  }

  /** Where an own string starts in `bytes`; throws as `string` does. */
  stringPlace(offset: number): number {
    const place = this.stringsStart + offset - this.stringBase
    if (place >= this.stringsEnd) throw this.fault('F0203', `there is no BTF string at offset ${offset}`, this.stringsStart)
    return place
  }

  /** The own strings' bytes. */
  stringBytes(): Uint8Array {
    return this.bytes.subarray(this.stringsStart, this.stringsEnd)
  }

  /** A hash of a string's bytes; throws as `string` does. */
  hashString(offset: number): number {
    if (offset < this.stringBase) return this.base!.hashString(offset)
    const start = this.stringPlace(offset)
    let end = start
    while (this.bytes[end] !== 0) end++
    return hash(this.bytes, start, end - start)
  }

  /** Whether the strings at two offsets are the same. */
  sameString(a: number, b: number): boolean {
    return a === b || this.string(a) === this.string(b)
  }

  /** Appends a string's bytes to a text; throws as `string` does. */
  putString(offset: number, out: TextBytes): void {
    if (offset < this.stringBase) {
      this.base!.putString(offset, out)
      return
    }
    const { bytes } = this
    const start = this.stringPlace(offset)
    let end = start
    while (bytes[end] !== 0) end++
    const buffer = out.room(end - start)
    let at = out.end
    for (let from = start; from < end; from++) buffer[at++] = bytes[from]!
    out.advance(at)
  }

  /** Bytes of strings, the base's included: where those of a split BTF over this one start. */
  get stringCount(): number {
    return this.stringBase + this.stringsEnd - this.stringsStart
  }

  /** This file, or the base that has the type among its own. */
  holderOf(id: BtfId): BtfFile {
    return id < this.firstId && this.base ? this.base.holderOf(id) : this
  }

  /** Offset in `bytes` of an own type. */
  placeOf(id: BtfId): number {
    return this.ownOffset(id)
  }

  u32At(place: number): number {
    return this.view.getUint32(place, this.little)
  }

  /** A word of a type: its name, its info, its size or type, and what its kind has after them. */
  wordOf(id: BtfId, index: number): number {
    const holder = this.holderOf(id)
    return holder.u32At(holder.placeOf(id) + 4 * index)
  }

  /** Offset of a type's name among the strings; 0 where it has none. */
  nameOffsetOf(id: BtfId): number {
    if (id === 0) return 0
    const holder = this.holderOf(id)
    return holder.u32At(holder.placeOf(id))
  }

  /** Kind of a type, without decoding it. */
  kindOf(id: BtfId): number {
    if (id === 0) return BtfKind.Void
    if (id < this.firstId) return this.base!.kindOf(id)
    return (this.u32(this.ownOffset(id) + 4) >>> 24) & 31
  }

  /** Name of a type, without decoding it; empty where it has none. */
  nameOf(id: BtfId): string {
    if (id === 0) return ''
    if (id < this.firstId) return this.base!.nameOf(id)
    const offset = this.u32(this.ownOffset(id))
    return offset === 0 ? '' : this.string(offset)
  }

  /** How many other types a type refers to, as `references` (remap.ts) counts. */
  referenceCount(id: BtfId): number {
    if (id === 0) return 0
    if (id < this.firstId) return this.base!.referenceCount(id)
    const info = this.u32(this.ownOffset(id) + 4)
    const kind = (info >>> 24) & 31
    return REFERENCES[kind]! + (ENTRY_REFERENCE[kind]! < 0 ? 0 : info & 0xffff)
  }

  /** One of those, without decoding the type. */
  referenceOf(id: BtfId, index: number): BtfId {
    if (id < this.firstId) return this.base!.referenceOf(id, index)
    const at = this.ownOffset(id)
    const kind = (this.u32(at + 4) >>> 24) & 31
    if (kind === BtfKind.Array) return this.u32(at + 12 + 4 * index)
    const entry = index - REFERENCES[kind]!
    return this.u32(entry < 0 ? at + 8 : at + 12 + ENTRY_BYTES[kind]! * entry + ENTRY_REFERENCE[kind]!)
  }

  /** Calls `visit` for every id that an own type refers to, without decoding: for passes over a whole kernel. */
  eachReference(visit: (id: BtfId) => void): void {
    const { view, little } = this
    const u32 = (at: number) => view.getUint32(at, little)
    for (const at of this.offsets) {
      const info = u32(at + 4)
      const kind = (info >>> 24) & 31
      const vlen = info & 0xffff
      switch (kind) {
        case BtfKind.Int:
        case BtfKind.Float:
        case BtfKind.Enum:
        case BtfKind.Enum64:
        case BtfKind.Fwd:
          break
        case BtfKind.Array:
          visit(u32(at + 12))
          visit(u32(at + 16))
          break
        case BtfKind.Struct:
        case BtfKind.Union:
          for (let i = 0, place = at + 16; i < vlen; i++, place += 12) visit(u32(place))
          break
        case BtfKind.FuncProto:
          visit(u32(at + 8))
          for (let i = 0, place = at + 16; i < vlen; i++, place += 8) visit(u32(place))
          break
        case BtfKind.Datasec:
          for (let i = 0, place = at + 12; i < vlen; i++, place += 12) visit(u32(place))
          break
        default:
          visit(u32(at + 8))
      }
    }
  }

  /** A type that is not kept: for passes that look at each but once. */
  peek(id: BtfId): BtfType {
    if (id === 0) return VOID
    if (id < this.firstId) return this.base!.peek(id)
    return this.cache[id - this.firstId] ?? decodeType(this.view, this.ownOffset(id), this.little, this)
  }

  type(id: BtfId): BtfType {
    if (id === 0) return VOID
    if (id < this.firstId) return this.base!.type(id)
    const known = this.cache[id - this.firstId]
    if (known) return known
    const type = decodeType(this.view, this.ownOffset(id), this.little, this)
    this.cache[id - this.firstId] = type
    return type
  }

  byName(name: string): readonly BtfId[] {
    const inBase = this.base ? this.base.byName(name) : []
    const own = this.search(name, name.length)
    return inBase.length ? (own.length ? [...inBase, ...own] : inBase) : own
  }

  /** Ids of all types of that name and its flavours (`name___anything`), in order of id: the candidates of CO-RE. */
  byEssentialName(name: string): readonly BtfId[] {
    const inBase = this.base ? this.base.byEssentialName(name) : []
    const own = this.search(name, -1)
    return inBase.length ? [...inBase, ...own] : own
  }

  /** Own types whose essential name is the one of `name`; with a length, whose whole name is `name`. */
  private search(name: string, wholeLength: number): BtfId[] {
    if (name === '') return []
    this.heads ??= this.indexNames()
    const bytes = new TextEncoder().encode(name)
    const length = wholeLength < 0 ? bytes.length : essentialBytes(bytes, 0, bytes.length)
    const found: BtfId[] = []
    let slot = this.heads[hash(bytes, 0, length) & (this.heads.length - 1)]!
    while (slot !== 0) {
      const at = this.nameStart(slot - 1)
      if (at >= 0) {
        const end = this.bytes.indexOf(0, at)
        const compared = wholeLength < 0 ? essentialBytes(this.bytes, at, end) : end - at
        if (compared === bytes.length && equal(this.bytes, at, bytes)) found.push(this.firstId + slot - 1)
      }
      slot = this.chain![slot - 1]!
    }
    // A split type may take its name from the base's strings; those are few and not in the hash.
    if (this.base) for (const id of this.borrowed!) if (this.matches(this.nameOf(id), name, wholeLength)) found.push(id)
    return this.base ? found.sort((a, b) => a - b) : found
  }

  private matches(have: string, want: string, wholeLength: number): boolean {
    return wholeLength < 0 ? essentialName(have) === want : have === want
  }

  private borrowed: BtfId[] | undefined

  /** Where an own type's name starts in `bytes`; -1 for none or one in the base's strings. */
  private nameStart(index: number): number {
    const offset = this.u32(this.offsets[index]!)
    if (offset === 0 || offset < this.stringBase) return -1
    const at = this.stringsStart + offset - this.stringBase
    if (at >= this.stringsEnd) throw this.fault('F0203', `there is no BTF string at offset ${offset}`, this.offsets[index]!)
    return at
  }

  private indexNames(): Int32Array {
    const count = this.offsets.length
    let size = 16
    while (size < count) size *= 2
    const heads = new Int32Array(size)
    const chain = new Int32Array(count)
    const { bytes } = this
    this.borrowed = []
    for (let i = count - 1; i >= 0; i--) {
      const at = this.nameStart(i)
      if (at < 0) {
        if (this.base && this.u32(this.offsets[i]!) !== 0) this.borrowed.push(this.firstId + i)
        continue
      }
      // `hash`, and whether there may be a flavour, while looking for the end: a kernel has a hundred thousand names, few with one.
      let value = HASH_START
      let underscores = 0
      let flavoured = false
      let end = at
      for (let byte = bytes[end]!; byte !== 0; byte = bytes[++end]!) {
        value = Math.imul(value ^ byte, HASH_FACTOR)
        underscores = byte === 95 ? underscores + 1 : 0
        if (underscores === 3) flavoured = true
      }
      const hashed = flavoured ? hash(bytes, at, essentialBytes(bytes, at, end)) : mixed(value)
      const bucket = hashed & (size - 1)
      chain[i] = heads[bucket]!
      heads[bucket] = i + 1
    }
    this.chain = chain
    return heads
  }
}

const HASH_START = 0x811c9dc5
const HASH_FACTOR = 0x01000193
const mixed = (value: number): number => (value ^ (value >>> 15)) >>> 0

function hash(bytes: Uint8Array, start: number, length: number): number {
  let value = HASH_START
  for (let i = start; i < start + length; i++) value = Math.imul(value ^ bytes[i]!, HASH_FACTOR)
  return mixed(value)
}

function essentialBytes(bytes: Uint8Array, start: number, end: number): number {
  for (let i = end - 5; i >= start; i--)
    if (bytes[i] !== 95 && bytes[i + 1] === 95 && bytes[i + 2] === 95 && bytes[i + 3] === 95 && bytes[i + 4] !== 95)
      return i + 1 - start
  return end - start
}

function equal(bytes: Uint8Array, start: number, want: Uint8Array): boolean {
  for (let i = 0; i < want.length; i++) if (bytes[start + i] !== want[i]) return false
  return true
}

export interface ReadBtfOptions {
  /** What a split BTF builds on. */
  readonly base?: BtfFile
  /** Byte order that the caller expects; another one is refused. */
  readonly little?: boolean
  /** Offset of the section in its file, for messages. */
  readonly origin?: number
  /** Made of the same bytes before; is not checked again. */
  readonly index?: BtfIndex | undefined
}

/** Reads a .BTF section or a file under /sys/kernel/btf. Throws a `FormatError` for what cannot be indexed. */
export function readBtf(bytes: Uint8Array, options: ReadBtfOptions = {}): BtfFile {
  const file = new BtfFile(bytes, options.base, options.origin ?? 0, options.index)
  if (options.little !== undefined && options.little !== file.little)
    throw new FormatError('F0201', 'the BTF has another byte order than its object', options.origin ?? 0)
  return file
}

/** Follows typedefs and modifiers (const, volatile, restrict, type tags) to the type that has substance, with its id. */
export function skipModifiers(btf: BtfSet, id: BtfId): { id: BtfId; type: BtfType } {
  for (let steps = 0; steps < 64; steps++) {
    const type = btf.type(id)
    switch (type.kind) {
      case BtfKind.Typedef:
      case BtfKind.Volatile:
      case BtfKind.Const:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
        id = type.type
        break
      default:
        return { id, type }
    }
  }
  throw typeFault(btf, id, 'F0204', `BTF type ${id}: typedefs and modifiers go on for more than 64 steps`)
}

/** Size of a type in bytes, as libbpf's btf__resolve_size: pointers are 8, -1 for what has none (void, functions, forward declarations). */
export function sizeOf(btf: BtfSet, id: BtfId): number {
  let factor = 1
  for (let steps = 0; steps < 64; steps++) {
    const { type } = skipModifiers(btf, id)
    switch (type.kind) {
      case BtfKind.Int:
      case BtfKind.Struct:
      case BtfKind.Union:
      case BtfKind.Enum:
      case BtfKind.Enum64:
      case BtfKind.Float:
      case BtfKind.Datasec:
        return factor * type.size
      case BtfKind.Ptr:
        return factor * 8
      case BtfKind.Array:
        factor *= type.nelems
        id = type.type
        break
      case BtfKind.Var:
        id = type.type
        break
      default:
        return -1
    }
  }
  throw typeFault(btf, id, 'F0204', `BTF type ${id} is nested more than 64 deep`)
}

/** Alignment of a type in bytes, as libbpf's btf__align_of; 0 for what has none. */
export function alignOf(btf: BtfSet, id: BtfId, depth = 0): number {
  if (depth > 64) throw typeFault(btf, id, 'F0204', `BTF type ${id} is nested more than 64 deep`)
  const { type } = skipModifiers(btf, id)
  switch (type.kind) {
    case BtfKind.Int:
    case BtfKind.Enum:
    case BtfKind.Enum64:
    case BtfKind.Float:
      return Math.min(8, type.size)
    case BtfKind.Ptr:
      return 8
    case BtfKind.Array:
      return alignOf(btf, type.type, depth + 1)
    case BtfKind.Struct:
    case BtfKind.Union: {
      let align = 1
      for (const member of type.members) {
        const own = alignOf(btf, member.type, depth + 1)
        if (own <= 0) return own
        align = Math.max(align, own)
        // A member off its natural place: the struct is packed.
        if (member.bitSize === 0 && member.bitOffset % (8 * own) !== 0) return 1
      }
      return type.size % align !== 0 ? 1 : align
    }
    default:
      return 0
  }
}
