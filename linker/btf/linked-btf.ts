/**
 * BTF of several objects under one set of ids and strings, word by word as it is encoded: a linker looks into few types, and making objects of
 * all of them takes longer than the rest of its work.
 */
import type { BtfFile } from './btf-file.js'
import { type BtfId, BtfKind, type BtfSet, type BtfType } from './btf-types.js'
import { decodeType } from './decode-type.js'
import type { Deduplication } from './dedup.js'
import { StringPool } from './string-pool.js'
import { NAME, TYPE, TYPE_LAYOUTS } from './type-layout.js'

const HOST_LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1
const HEADER_BYTES = 24
const utf8 = new TextDecoder()

export class LinkedBtf implements BtfSet {
  /** Types behind each other, names as offsets in `strings`. Types that have been replaced stay where they are, and are not written. */
  words = new Uint32Array(1 << 12)
  private end = 0
  /** Where in `words` each type starts, by id; -1 for void and for those that are only reserved. */
  readonly places: number[] = [-1]
  readonly strings = new StringPool()

  /** One past the last id. */
  get count(): number {
    return this.places.length
  }

  /** An id whose type follows by `copy`. */
  reserve(): BtfId {
    return this.places.push(-1) - 1
  }

  /** All types of a file, under ids of their own. */
  static of(btf: BtfFile): LinkedBtf {
    const linked = new LinkedBtf()
    const ids = new Uint32Array(btf.count)
    for (let id = 1; id < btf.count; id++) ids[id] = linked.reserve()
    for (let id = 1; id < btf.count; id++) linked.copy(ids[id]!, btf, id, ids)
    return linked
  }

  /** Gives an id the type that another one has in `from`; `ids` are what the ids of that file are here. Replaces a type given before. */
  copy(id: BtfId, from: BtfFile, fromId: BtfId, ids: Uint32Array): void {
    const start = from.placeOf(fromId)
    const info = from.u32At(start + 4)
    const { third, fixed, entry } = TYPE_LAYOUTS[(info >>> 24) & 31]!
    // Functions and variables without entries keep other things where others have their number.
    const entries = entry.length > 0 ? info & 0xffff : 0
    const words = this.room(3 + fixed.length + entries * entry.length)
    let to = this.end
    this.places[id] = to
    words[to++] = this.strings.at(from, from.u32At(start))
    words[to++] = info
    const size = from.u32At(start + 8)
    words[to++] = third === TYPE ? (ids[size] ?? 0) : size
    let at = start + 12
    for (const kind of fixed) {
      const word = from.u32At(at)
      words[to++] = kind === TYPE ? (ids[word] ?? 0) : word
      at += 4
    }
    for (let i = 0; i < entries; i++)
      for (const kind of entry) {
        const word = from.u32At(at)
        words[to++] = kind === NAME ? this.strings.at(from, word) : kind === TYPE ? (ids[word] ?? 0) : word
        at += 4
      }
    this.end = to
  }

  /** A section with its variables; the name is an offset in `strings`. */
  addDatasec(name: number, size: number, vars: readonly { type: BtfId; offset: number; size: number }[]): void {
    const words = this.room(3 + 3 * vars.length)
    let to = this.end
    this.places.push(to)
    words[to++] = name
    words[to++] = (BtfKind.Datasec << 24) | vars.length
    words[to++] = size
    for (const info of vars) {
      words[to++] = info.type
      words[to++] = info.offset
      words[to++] = info.size
    }
    this.end = to
  }

  private room(count: number): Uint32Array {
    if (this.end + count > this.words.length) {
      const bigger = new Uint32Array(2 * (this.end + count))
      bigger.set(this.words.subarray(0, this.end))
      this.words = bigger
    }
    return this.words
  }

  type(id: BtfId): BtfType {
    if (id === 0) return { kind: BtfKind.Void }
    return decodeType(new DataView(this.words.buffer), 4 * this.places[id]!, HOST_LITTLE, this)
  }

  /** A string of `strings` as text. */
  string(offset: number): string {
    const bytes = this.strings.finish()
    return utf8.decode(bytes.subarray(offset, bytes.indexOf(0, offset)))
  }

  byName(name: string): readonly BtfId[] {
    const found: BtfId[] = []
    for (let id = 1; id < this.count; id++) {
      const type = this.type(id)
      if ('name' in type && type.name === name) found.push(id)
    }
    return found
  }

  /** The .BTF section with the types that are kept, under their new ids. */
  encode({ kept, ids }: Deduplication, little: boolean): Uint8Array {
    const { words, places } = this
    const strings = this.strings.finish()
    const out = new Uint32Array(this.end)
    let to = 0
    for (const id of kept) {
      let at = places[id]!
      const info = words[at + 1]!
      const { third, fixed, entry } = TYPE_LAYOUTS[(info >>> 24) & 31]!
      const entries = entry.length > 0 ? info & 0xffff : 0
      out[to++] = words[at]!
      out[to++] = info
      out[to++] = third === TYPE ? ids[words[at + 2]!]! : words[at + 2]!
      at += 3
      for (const kind of fixed) {
        out[to++] = kind === TYPE ? ids[words[at]!]! : words[at]!
        at++
      }
      for (let i = 0; i < entries; i++)
        for (const kind of entry) {
          out[to++] = kind === TYPE ? ids[words[at]!]! : words[at]!
          at++
        }
    }
    if (little !== HOST_LITTLE) swapBytes(out, to)
    const bytes = new Uint8Array(HEADER_BYTES + 4 * to + strings.length)
    const header = new DataView(bytes.buffer)
    header.setUint16(0, 0xeb9f, little)
    header.setUint8(2, 1)
    const fields = [HEADER_BYTES, 0, 4 * to, 4 * to, strings.length]
    fields.forEach((field, i) => {
      header.setUint32(4 + 4 * i, field, little)
    })
    bytes.set(new Uint8Array(out.buffer, 0, 4 * to), HEADER_BYTES)
    bytes.set(strings, HEADER_BYTES + 4 * to)
    return bytes
  }
}

function swapBytes(words: Uint32Array, count: number): void {
  const view = new DataView(words.buffer)
  for (let at = 0; at < 4 * count; at += 4) view.setUint32(at, view.getUint32(at, true), false)
}
