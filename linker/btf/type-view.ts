/** What passes over all types of a kernel look at: kinds and references, of bytes without making objects of them. */
import { BtfFile } from './btf-file.js'
import { references } from './remap.js'
import type { BtfId, BtfSet, BtfType } from './btf-types.js'

export interface TypeView {
  /** The type, which is not kept where that can be helped. */
  peek(id: BtfId): BtfType
  kindOf(id: BtfId): number
  hasName(id: BtfId): boolean
  /** How many `referenceOf` knows. */
  referenceCount(id: BtfId): number
  /** The `index`th id that a type refers to, in the order of `references` (remap.ts). */
  referenceOf(id: BtfId, index: number): BtfId
}

/** A view of any set; a split BTF is looked at as it is, with its base's types among its own. */
export const viewOf = (btf: BtfSet): TypeView => (btf instanceof BtfFile ? btf : new SetView(btf))

class SetView implements TypeView {
  private readonly known: (readonly BtfId[] | undefined)[] = []

  constructor(private readonly btf: BtfSet) {}

  private of(id: BtfId): readonly BtfId[] {
    return (this.known[id] ??= references(this.btf.type(id)))
  }

  peek(id: BtfId): BtfType {
    return this.btf.type(id)
  }

  kindOf(id: BtfId): number {
    return this.btf.type(id).kind
  }

  hasName(id: BtfId): boolean {
    const type = this.btf.type(id)
    return 'name' in type && type.name !== ''
  }

  referenceCount(id: BtfId): number {
    return this.of(id).length
  }

  referenceOf(id: BtfId, index: number): BtfId {
    return this.of(id)[index]!
  }
}
