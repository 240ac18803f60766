/**
 * Where the members of a record lie: the Itanium C++ ABI's rules for C, as clang applies them for the BPF target. Records are laid
 * out in bits, because bit fields share units. An empty record has size 0 in C.
 */

export interface LayoutMember {
  /** Bits of the declared type. */
  readonly typeBits: number
  /** Bits of alignment of the declared type. */
  readonly typeAlign: number
  /** Width of a bit field; undefined for an ordinary member. */
  readonly bits: number | undefined
  readonly named: boolean
  /** Bits of alignment asked for by `aligned` or `_Alignas` on the member; 0 for none. */
  readonly align: number
  /** `packed` on the member itself. */
  readonly packed: boolean
}

export interface LayoutOptions {
  readonly union: boolean
  readonly packed: boolean
  /** `#pragma pack` in bytes; 0 for none. */
  readonly pack: number
  /** `aligned` on the record, in bytes; 0 for none. */
  readonly align: number
}

export interface RecordLayout {
  /** Bytes. */
  readonly size: number
  /** Bytes. */
  readonly align: number
  /** In bits, one for each member. */
  readonly offsets: readonly number[]
}

const roundUp = (value: number, align: number): number => Math.ceil(value / align) * align

/** Offsets, size and alignment of a record. */
export function layoutRecord(members: readonly LayoutMember[], options: LayoutOptions): RecordLayout {
  const limit = options.pack * 8
  const offsets: number[] = []
  let align = 8
  let end = 0
  for (const member of members) {
    const packed = options.packed || member.packed
    let fieldAlign = member.typeAlign
    let offset: number
    const at = options.union ? 0 : end
    if (member.bits === undefined) {
      if (packed) fieldAlign = 8
      fieldAlign = Math.max(fieldAlign, member.align)
      if (limit) fieldAlign = Math.min(fieldAlign, limit)
      offset = roundUp(at, Math.max(fieldAlign, 8))
      end = Math.max(end, offset + member.typeBits)
    } else {
      const width = member.bits
      if (packed && width !== 0) fieldAlign = 1
      fieldAlign = Math.max(fieldAlign, member.align)
      if (limit && width !== 0) fieldAlign = Math.min(fieldAlign, limit)
      // A bit field does not cross a unit of its type, unless `#pragma pack` is in force.
      if (width === 0 || (!limit && (at % fieldAlign) + width > member.typeBits)) offset = roundUp(at, fieldAlign)
      else if (member.align && (!limit || member.align <= limit)) offset = roundUp(at, member.align)
      else offset = at
      end = Math.max(end, offset + width)
      if (!member.named) fieldAlign = 1
    }
    offsets.push(offset)
    align = Math.max(align, fieldAlign)
    if (options.union) end = roundUp(end, 8)
  }
  align = Math.max(align, options.align * 8)
  return { size: roundUp(end, align) / 8, align: align / 8, offsets }
}
