/** A BTF with some types replaced and some added, for loaders that mend what the compiler left open; the bytes below stay as they are. */
import { BtfFile } from './btf-file.js'
import type { BtfId, BtfSet, BtfType } from './btf-types.js'

/** Kind of a type, without decoding it where the set is bytes: for passes that look at all types. */
export function kindOf(btf: BtfSet, id: BtfId): number {
  return btf instanceof BtfFile || btf instanceof BtfOverlay ? btf.kindOf(id) : btf.type(id).kind
}

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
    // What is below says where its types end.
    if (!type) return this.below.type(id)
    return type
  }

  /** Kind of a type; does not decode what is below, if that can tell without. */
  kindOf(id: BtfId): number {
    const changed = this.changed.get(id) ?? (id >= this.below.count ? this.type(id) : undefined)
    return changed ? changed.kind : kindOf(this.below, id)
  }

  offsetOf(id: BtfId): number {
    return id < this.below.count || id >= this.count ? (this.below.offsetOf?.(id) ?? -1) : -1
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
