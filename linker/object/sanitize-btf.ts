/**
 * BTF for kernels that do not know all of it: each kind that came later is replaced by one of the same meaning to the verifier, or
 * of the same size (libbpf 1.5: bpf_object__sanitize_btf). Ids stay.
 */
import { BtfOverlay } from '../btf/btf-overlay.js'
import { BTF_LINKAGE_STATIC, BtfKind, type BtfSet, type BtfType } from '../btf/btf-types.js'
import { kernelVersion } from './prepare-options.js'

/** The kernel that brought each thing. */
const SINCE = {
  func: kernelVersion(5, 0),
  datasec: kernelVersion(5, 2),
  globalFunc: kernelVersion(5, 6),
  float: kernelVersion(5, 13),
  declTag: kernelVersion(5, 16),
  typeTag: kernelVersion(5, 17),
  enum64: kernelVersion(6, 0),
  questionMark: kernelVersion(6, 9),
} as const

/** BTF that a kernel of that version (KERNEL_VERSION) loads; the same set if it knows everything. Below 4.18 there is no BTF to load. */
export function sanitizeBtf(btf: BtfSet, version: number): BtfSet {
  if (version >= SINCE.questionMark) return btf
  const overlay = new BtfOverlay(btf)
  let placeholder = 0
  const { count } = btf
  for (let id = 1; id < count; id++) {
    const type = btf.type(id)
    if (type.kind === BtfKind.Enum64 && version < SINCE.enum64) {
      placeholder ||= overlay.add(oneByte('enum64_placeholder'))
      const members = type.values.map(value => ({ name: value.name, type: placeholder, bitOffset: 0, bitSize: 0 }))
      overlay.replace(id, { kind: BtfKind.Union, name: type.name, size: type.size, kindFlag: false, members })
      continue
    }
    const replaced = sanitizeType(btf, type, version)
    if (replaced) overlay.replace(id, replaced)
  }
  return overlay.untouched ? btf : overlay
}

/** What takes a type's place; undefined if it may stay. */
function sanitizeType(btf: BtfSet, type: BtfType, version: number): BtfType | undefined {
  switch (type.kind) {
    case BtfKind.Var:
      return version < SINCE.datasec ? oneByte(type.name) : undefined
    case BtfKind.DeclTag:
      return version < SINCE.declTag ? oneByte(type.name) : undefined
    case BtfKind.Datasec: {
      if (version < SINCE.datasec)
        return {
          kind: BtfKind.Struct,
          name: type.name.replace(/[.?]/g, '_'),
          size: type.size,
          kindFlag: false,
          members: type.vars.map(info => {
            const variable = btf.type(info.type)
            return { name: 'name' in variable ? variable.name : '', type: info.type, bitOffset: info.offset * 8, bitSize: 0 }
          }),
        }
      return type.name.startsWith('?') ? { ...type, name: `_${type.name.slice(1)}` } : undefined
    }
    case BtfKind.FuncProto:
      if (version >= SINCE.func) return undefined
      return {
        kind: BtfKind.Enum,
        name: '',
        size: 4,
        signed: false,
        values: type.params.map(param => ({ name: param.name, value: BigInt(param.type) })),
      }
    case BtfKind.Func:
      if (version < SINCE.func) return { kind: BtfKind.Typedef, name: type.name, type: type.type }
      return version < SINCE.globalFunc && type.linkage !== BTF_LINKAGE_STATIC
        ? { ...type, linkage: BTF_LINKAGE_STATIC }
        : undefined
    case BtfKind.Float:
      return version < SINCE.float ? { kind: BtfKind.Struct, name: '', size: type.size, kindFlag: false, members: [] } : undefined
    case BtfKind.TypeTag:
      return version < SINCE.typeTag ? { kind: BtfKind.Const, type: type.type } : undefined
    case BtfKind.Enum:
      return version < SINCE.enum64 && type.signed ? { ...type, signed: false } : undefined
    default:
      return undefined
  }
}

/** An int of one byte: the smallest thing that a reference may point to. */
const oneByte = (name: string): BtfType => ({
  kind: BtfKind.Int,
  name,
  size: 1,
  offset: 0,
  bits: 8,
  signed: false,
  char: false,
  bool: false,
})
