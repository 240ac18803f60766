/** How often names have been given, by their bytes: a kernel's enumerators are 30,000, most of them once. */
import type { BtfFile } from './btf-file.js'

export class NameCounts {
  /** Where a name's entry is, plus one; 0 for a free slot. Twice as long as there are names, or longer. */
  private slots = new Int32Array(1 << 11)
  private names = new Int32Array(1 << 10)
  private hashes = new Int32Array(1 << 10)
  private counts = new Int32Array(1 << 10)
  private length = 0

  constructor(private readonly btf: BtfFile) {}

  /** Counts a name by its offset among the strings; gives how often it was given, this time included. */
  add(name: number): number {
    const { slots, names, hashes } = this
    const hash = this.btf.hashString(name) | 0
    const mask = slots.length - 1
    let slot = hash & mask
    for (let entry = slots[slot]!; entry !== 0; entry = slots[slot]!) {
      if (hashes[entry - 1] === hash && this.btf.sameString(names[entry - 1]!, name)) return ++this.counts[entry - 1]!
      slot = (slot + 1) & mask
    }
    const entry = this.length++
    names[entry] = name
    hashes[entry] = hash
    this.counts[entry] = 1
    slots[slot] = this.length
    if (this.length === names.length) this.grow()
    return 1
  }

  private grow(): void {
    const size = 4 * this.names.length
    const copy = (column: Int32Array) => {
      const bigger = new Int32Array(size)
      bigger.set(column)
      return bigger
    }
    this.names = copy(this.names)
    this.hashes = copy(this.hashes)
    this.counts = copy(this.counts)
    this.slots = new Int32Array(2 * size)
    const mask = this.slots.length - 1
    for (let entry = 0; entry < this.length; entry++) {
      let slot = this.hashes[entry]! & mask
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask
      this.slots[slot] = entry + 1
    }
  }
}
