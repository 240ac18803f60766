/** Sizes and alignments that C gives to the types of a BTF, each worked out once (libbpf 1.5: btf__resolve_size, btf__align_of, btf_is_struct_packed). */
import type { BtfFile } from './btf-file.js'
import { type BtfId, BtfKind, typeFault } from './btf-types.js'
import type { TypeColumns } from './type-columns.js'

/** Words of a type. */
const SIZE = 2
const NELEMS = 5

export const MEMBER_BYTES = 12

/** Where a member is by its type's second word and its own third: with `kind_flag` the upper byte is the size of a bit field. */
export const bitOffsetOf = (info: number, where: number) => (info >>> 31 === 1 ? where & 0xff_ffff : where)
export const bitSizeOf = (info: number, where: number) => (info >>> 31 === 1 ? where >>> 24 : 0)

/** Deeper nesting than any compiler makes; a bound against malformed input. */
export const MAX_DEPTH = 500

export const tooDeep = (btf: BtfFile, id: BtfId) =>
  typeFault(btf, id, 'F0204', `BTF type ${id} is nested more than ${MAX_DEPTH} deep`)

/** Alignments that are none: being worked on (a struct that contains itself), or there is none; 0 is not asked for yet. */
const NOW = 255
const NONE = 254

export class CLayouts {
  private readonly aligned: Uint8Array
  /** Sizes plus 2; 0 for those not asked for yet. */
  private readonly sizes: Float64Array
  private depth = 0

  constructor(
    private readonly btf: BtfFile,
    private readonly columns: TypeColumns,
  ) {
    this.aligned = new Uint8Array(btf.count)
    this.sizes = new Float64Array(btf.count)
  }

  /** Bytes; -1 for what has no size. */
  sizeOf(id: BtfId): number {
    const known = this.sizes[id]!
    if (known !== 0) return known - 2
    if (++this.depth > MAX_DEPTH) throw tooDeep(this.btf, id)
    const size = this.sizeOfType(id)
    this.depth--
    this.sizes[id] = size + 2
    return size
  }

  private sizeOfType(id: BtfId): number {
    const { btf, columns } = this
    switch (columns.kinds[id]) {
      case BtfKind.Int:
      case BtfKind.Struct:
      case BtfKind.Union:
      case BtfKind.Enum:
      case BtfKind.Enum64:
      case BtfKind.Float:
      case BtfKind.Datasec:
        return btf.wordOf(id, SIZE)
      case BtfKind.Ptr:
        return 8
      case BtfKind.Array: {
        const size = this.sizeOf(columns.targets[id]!)
        return size < 0 ? size : size * btf.wordOf(id, NELEMS)
      }
      case BtfKind.Typedef:
      case BtfKind.Volatile:
      case BtfKind.Const:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
      case BtfKind.Var:
        return this.sizeOf(columns.targets[id]!)
      case undefined:
        // There is no such type: says so.
        return btf.kindOf(id)
      default:
        return -1
    }
  }

  /** Bytes; 0 for what has none. */
  alignOf(id: BtfId): number {
    const known = this.aligned[id]
    if (known) return known >= NONE ? 0 : known
    this.aligned[id] = NOW
    const align = this.alignOfType(id)
    this.aligned[id] = align === 0 ? NONE : align
    return align
  }

  private alignOfType(id: BtfId): number {
    const { btf, columns } = this
    switch (columns.kinds[id]) {
      case BtfKind.Int:
      case BtfKind.Enum:
      case BtfKind.Enum64:
      case BtfKind.Float:
        return Math.min(8, btf.wordOf(id, SIZE))
      case BtfKind.Ptr:
        return 8
      case BtfKind.Array:
      case BtfKind.Typedef:
      case BtfKind.Volatile:
      case BtfKind.Const:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
        return this.alignOf(columns.targets[id]!)
      case BtfKind.Struct:
      case BtfKind.Union:
        return this.alignOfComposite(id)
      case undefined:
        return btf.kindOf(id)
      default:
        return 0
    }
  }

  private alignOfComposite(id: BtfId): number {
    const file = this.btf.holderOf(id)
    const place = file.placeOf(id)
    const info = file.u32At(place + 4)
    let most = 1
    for (let at = place + 12, end = at + MEMBER_BYTES * (info & 0xffff); at < end; at += MEMBER_BYTES) {
      const align = this.alignOf(file.u32At(at + 4))
      if (align <= 0) return align
      most = Math.max(most, align)
      const where = file.u32At(at + 8)
      if (bitSizeOf(info, where) === 0 && bitOffsetOf(info, where) % (8 * align) !== 0) return 1
    }
    return file.u32At(place + 8) % most !== 0 ? 1 : most
  }

  /** Whether some member is off its natural place, or the size is. */
  isPacked(id: BtfId): boolean {
    const file = this.btf.holderOf(id)
    const place = file.placeOf(id)
    const info = file.u32At(place + 4)
    let most = 1
    for (let at = place + 12, end = at + MEMBER_BYTES * (info & 0xffff); at < end; at += MEMBER_BYTES) {
      const align = this.alignOf(file.u32At(at + 4))
      if (align > 0) {
        const where = file.u32At(at + 8)
        if (bitSizeOf(info, where) === 0 && bitOffsetOf(info, where) % (8 * align) !== 0) return true
      }
      most = Math.max(most, align)
    }
    return file.u32At(place + 8) % most !== 0
  }
}
