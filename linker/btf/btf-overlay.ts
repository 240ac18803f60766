/** A BTF with some types replaced and some added, for loaders that mend what the compiler left open; the bytes below stay as they are. */
import { FormatError } from '../../base/outcome.js'
import type { BtfId, BtfSet, BtfType } from './btf-types.js'

export class BtfOverlay implements BtfSet {
  private readonly changed = new Map<BtfId, BtfType>()
  private readonly added: BtfType[] = []

  constructor(private readonly below: BtfSet) {}

  get count(): number {
    return this.below.count + this.added.length
  }

  /** Whether it still equals what is below. */
  get untouched(): boolean {
    return this.changed.size === 0 && this.added.length === 0
  }

  /** Puts another type in place of an id. Its name must stay. */
  replace(id: BtfId, type: BtfType): void {
    if (id >= this.below.count) this.added[id - this.below.count] = type
    else this.changed.set(id, type)
  }

  add(type: BtfType): BtfId {
    this.added.push(type)
    return this.count - 1
  }

  type(id: BtfId): BtfType {
    if (id < this.below.count) return this.changed.get(id) ?? this.below.type(id)
    const type = this.added[id - this.below.count]
    if (!type) throw new FormatError('F0203', `there is no BTF type ${id}: the last is ${this.count - 1}`, -1)
    return type
  }

  byName(name: string): readonly BtfId[] {
    const found = this.below.byName(name)
    if (this.added.length === 0) return found
    const more: BtfId[] = []
    this.added.forEach((type, i) => {
      if ('name' in type && type.name === name) more.push(this.below.count + i)
    })
    return more.length ? [...found, ...more] : found
  }
}
