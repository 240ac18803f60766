/**
 * Strings of several BTF sections as one table, each once. A first section whose strings all differ, as clang and bpfc write them, is taken as it is;
 * gcc writes a name as often as it is used.
 */
import type { BtfFile } from './btf-file.js'

export class StringPool {
  private bytes: Uint8Array = new Uint8Array(1)
  private length = 1
  /** Offsets of strings by their hash, 0 for a free slot; at least twice as many as there are strings. */
  private slots = new Int32Array(0)
  private entries = 0
  /** The section whose strings keep their offsets; null for none. */
  private adopted: BtfFile | null | undefined
  /** By section: offsets here by offsets there; 0 for those not asked for yet. */
  private readonly known = new Map<BtfFile, Int32Array>()

  /** Offset of a section's string, adding it if it is new. Throws a `FormatError` for one that is not there. */
  at(btf: BtfFile, offset: number): number {
    if (offset === 0) return 0
    const place = btf.stringPlace(offset)
    if (this.adopted === undefined) this.adopted = this.adopt(btf.stringBytes()) ? btf : null
    if (btf === this.adopted) return offset
    let offsets = this.known.get(btf)
    if (!offsets) this.known.set(btf, (offsets = new Int32Array(btf.stringCount)))
    return offsets[offset] || (offsets[offset] = this.intern(btf.bytes, place))
  }

  /** Whether the strings of a section have the same offsets here as there. */
  keepsOffsetsOf(btf: BtfFile): boolean {
    return btf === this.adopted
  }

  /** The table; must not be changed, and is no more when something is added. */
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  /** Takes a table as it is, shared until something is added, if no string is in it twice. */
  private adopt(strings: Uint8Array): boolean {
    const [bytes, length] = [this.bytes, this.length]
    this.bytes = strings
    this.length = strings.length
    if (this.index()) return true
    this.bytes = bytes
    this.length = length
    this.index()
    return false
  }

  private intern(from: Uint8Array, start: number): number {
    let end = start
    let hash = 0x811c9dc5
    for (; from[end] !== 0; end++) hash = Math.imul(hash ^ from[end]!, 0x01000193)
    // An empty string that is not the first.
    if (end === start) return 0
    const slot = this.slotOf(hash, from, start)
    const known = this.slots[slot]!
    if (known !== 0) return known
    const size = end + 1 - start
    if (this.length + size > this.bytes.length) {
      const bigger = new Uint8Array(2 * (this.length + size))
      bigger.set(this.finish())
      this.bytes = bigger
    }
    const offset = this.length
    this.bytes.set(from.subarray(start, end + 1), offset)
    this.length += size
    this.slots[slot] = offset
    if (2 * ++this.entries > this.slots.length) this.index()
    return offset
  }

  /** Where a string of that hash is among the slots, or would be: it starts at `start` in `from` and ends with a zero byte. */
  private slotOf(hash: number, from: Uint8Array, start: number): number {
    const { slots, bytes } = this
    const mask = slots.length - 1
    let slot = (hash ^ (hash >>> 15)) & mask
    for (let offset = slots[slot]!; offset !== 0; offset = slots[slot]!) {
      let i = start
      while (bytes[offset] === from[i] && from[i] !== 0) {
        offset++
        i++
      }
      if (bytes[offset] === from[i]) return slot
      slot = (slot + 1) & mask
    }
    return slot
  }

  /** Finds all strings of the table, four slots a string; false if one is in it twice. */
  private index(): boolean {
    const { bytes, length } = this
    let count = 0
    for (let at = 1; at < length; at++) if (bytes[at] === 0) count++
    let size = 1024
    while (size < 4 * count) size *= 2
    this.slots = new Int32Array(size)
    this.entries = count
    for (let at = 1; at < length; at++) {
      const offset = at
      let hash = 0x811c9dc5
      for (; bytes[at] !== 0; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
      const slot = this.slotOf(hash, bytes, offset)
      if (this.slots[slot] !== 0 && at > offset) return false
      this.slots[slot] = offset
    }
    return true
  }
}
