/**
 * Strings of several BTF sections as one table. The first section's come as they are, for a compiler writes each string once; what others bring is
 * looked up by its bytes.
 */
import type { BtfFile } from './btf-file.js'

export class StringPool {
  private bytes: Uint8Array = new Uint8Array(1)
  private length = 1
  /** The section whose strings keep their offsets. */
  private first: BtfFile | undefined
  /** Offsets of strings by their hash, 0 for a free slot; made when a second section comes. */
  private slots: Int32Array | undefined
  private entries = 0
  /** By section: offsets here by offsets there; 0 for those not asked for yet. */
  private readonly known = new Map<BtfFile, Int32Array>()

  /** Offset of a section's string, adding it if it is new. Throws a `FormatError` for one that is not there. */
  at(btf: BtfFile, offset: number): number {
    if (offset === 0) return 0
    const place = btf.stringPlace(offset)
    if (this.first === undefined) {
      this.first = btf
      // Shared with the section until something is added.
      this.bytes = btf.stringBytes()
      this.length = this.bytes.length
    }
    if (btf === this.first) return offset
    let offsets = this.known.get(btf)
    if (!offsets) this.known.set(btf, (offsets = new Int32Array(btf.stringCount)))
    return offsets[offset] || (offsets[offset] = this.intern(btf.bytes, place))
  }

  /** Whether the strings of a section have the same offsets here as there. */
  keepsOffsetsOf(btf: BtfFile): boolean {
    return btf === this.first
  }

  /** The table; must not be changed, and is no more when something is added. */
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  private intern(from: Uint8Array, start: number): number {
    this.slots ??= this.index()
    const { slots, bytes } = this
    let end = start
    let hash = 0x811c9dc5
    for (; from[end] !== 0; end++) hash = Math.imul(hash ^ from[end]!, 0x01000193)
    const mask = slots.length - 1
    let slot = (hash ^ (hash >>> 15)) & mask
    for (let offset = slots[slot]!; offset !== 0; offset = slots[slot]!) {
      let i = start
      while (i <= end && bytes[offset] === from[i]) {
        offset++
        i++
      }
      if (i > end) return slots[slot]!
      slot = (slot + 1) & mask
    }
    const size = end + 1 - start
    if (this.length + size > bytes.length) {
      this.bytes = new Uint8Array(2 * (this.length + size))
      this.bytes.set(bytes)
    }
    const offset = this.length
    this.bytes.set(from.subarray(start, end + 1), offset)
    this.length += size
    slots[slot] = offset
    if (2 * ++this.entries > slots.length) this.slots = this.index()
    return offset
  }

  /** Twice as many slots as there are strings, or more. */
  private index(): Int32Array {
    const { bytes, length } = this
    let count = 0
    for (let at = 0; at < length; at++) if (bytes[at] === 0) count++
    let size = 1024
    while (size < 3 * count) size *= 2
    const slots = new Int32Array(size)
    for (let at = 1; at < length; ) {
      const offset = at
      let hash = 0x811c9dc5
      for (; bytes[at] !== 0; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
      at++
      let slot = (hash ^ (hash >>> 15)) & (size - 1)
      while (slots[slot] !== 0) slot = (slot + 1) & (size - 1)
      slots[slot] = offset
    }
    this.entries = count
    return slots
  }
}
