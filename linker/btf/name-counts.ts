/** How often names have been given, by their bytes: a kernel's enumerators are 30,000, most of them once. */
import type { BtfFile } from './btf-file.js'

export class NameCounts {
  /** Where a name's entry is, plus one; 0 for a free slot. Twice as long as there are names, or longer. */
  private slots = new Int32Array(1 << 10)
  private readonly names: number[] = []
  private readonly hashes: number[] = []
  private readonly counts: number[] = []

  constructor(private readonly btf: BtfFile) {}

  /** Counts a name by its offset among the strings; gives how often it was given, this time included. */
  add(name: number): number {
    const hash = this.btf.hashString(name)
    let slot = this.slotOf(hash)
    for (let entry = this.slots[slot]!; entry !== 0; entry = this.slots[slot]!) {
      const known = entry - 1
      if (this.hashes[known] === hash && this.btf.sameString(this.names[known]!, name)) return ++this.counts[known]!
      slot = (slot + 1) & (this.slots.length - 1)
    }
    this.slots[slot] = this.names.push(name)
    this.hashes.push(hash)
    this.counts.push(1)
    if (this.names.length * 2 > this.slots.length) this.grow()
    return 1
  }

  private slotOf(hash: number): number {
    return hash & (this.slots.length - 1)
  }

  private grow(): void {
    this.slots = new Int32Array(this.slots.length * 4)
    this.hashes.forEach((hash, entry) => {
      let slot = this.slotOf(hash)
      while (this.slots[slot] !== 0) slot = (slot + 1) & (this.slots.length - 1)
      this.slots[slot] = entry + 1
    })
  }
}
