/** One encoded type as data (Documentation/bpf/btf.rst, section 2.2). */
import { type BtfId, BtfKind, type BtfMember, type BtfType } from './btf-types.js'

const VOID: BtfType = { kind: BtfKind.Void }

/** The type that starts at byte `at`, its names from `strings`; as many of its bytes are read as its kind and `vlen` say. */
export function decodeType(view: DataView, at: number, little: boolean, strings: { string(offset: number): string }): BtfType {
  const info = view.getUint32(at + 4, little)
  const sizeOrType = view.getUint32(at + 8, little)
  const kind = ((info >>> 24) & 31) as BtfType['kind']
  const vlen = info & 0xffff
  const flag = info >>> 31 === 1
  const name = strings.string(view.getUint32(at, little))
  const u32 = (offset: number) => view.getUint32(at + offset, little)
  switch (kind) {
    case BtfKind.Int: {
      const data = u32(12)
      const encoding = (data >>> 24) & 15
      return {
        kind,
        name,
        size: sizeOrType,
        offset: (data >>> 16) & 255,
        bits: data & 255,
        signed: (encoding & 1) !== 0,
        char: (encoding & 2) !== 0,
        bool: (encoding & 4) !== 0,
      }
    }
    case BtfKind.Ptr:
    case BtfKind.Volatile:
    case BtfKind.Const:
    case BtfKind.Restrict:
      return { kind, type: sizeOrType }
    case BtfKind.Typedef:
      return { kind, name, type: sizeOrType }
    case BtfKind.TypeTag:
      return flag ? { kind, name, type: sizeOrType, attribute: true } : { kind, name, type: sizeOrType }
    case BtfKind.Array:
      return { kind, type: u32(12), indexType: u32(16), nelems: u32(20) }
    case BtfKind.Struct:
    case BtfKind.Union: {
      const members: BtfMember[] = new Array(vlen)
      for (let i = 0, offset = 12; i < vlen; i++, offset += 12) {
        const place = u32(offset + 8)
        members[i] = {
          name: strings.string(u32(offset)),
          type: u32(offset + 4),
          bitOffset: flag ? place & 0xffffff : place,
          bitSize: flag ? place >>> 24 : 0,
        }
      }
      return { kind, name, size: sizeOrType, kindFlag: flag, members }
    }
    case BtfKind.Enum: {
      const values = new Array<{ name: string; value: bigint }>(vlen)
      for (let i = 0, offset = 12; i < vlen; i++, offset += 8)
        values[i] = {
          name: strings.string(u32(offset)),
          value: BigInt(flag ? view.getInt32(at + offset + 4, little) : u32(offset + 4)),
        }
      return { kind, name, size: sizeOrType, signed: flag, values }
    }
    case BtfKind.Enum64: {
      const values = new Array<{ name: string; value: bigint }>(vlen)
      for (let i = 0, offset = 12; i < vlen; i++, offset += 12) {
        const value = (BigInt(u32(offset + 8)) << 32n) | BigInt(u32(offset + 4))
        values[i] = { name: strings.string(u32(offset)), value: flag ? BigInt.asIntN(64, value) : value }
      }
      return { kind, name, size: sizeOrType, signed: flag, values }
    }
    case BtfKind.Fwd:
      return { kind, name, union: flag }
    case BtfKind.Func:
      return { kind, name, type: sizeOrType, linkage: vlen }
    case BtfKind.FuncProto: {
      const params = new Array<{ name: string; type: BtfId }>(vlen)
      for (let i = 0, offset = 12; i < vlen; i++, offset += 8)
        params[i] = { name: strings.string(u32(offset)), type: u32(offset + 4) }
      return { kind, type: sizeOrType, params }
    }
    case BtfKind.Var:
      return { kind, name, type: sizeOrType, linkage: u32(12) }
    case BtfKind.Datasec: {
      const vars = new Array<{ type: BtfId; offset: number; size: number }>(vlen)
      for (let i = 0, offset = 12; i < vlen; i++, offset += 12)
        vars[i] = { type: u32(offset), offset: u32(offset + 4), size: u32(offset + 8) }
      return { kind, name, size: sizeOrType, vars }
    }
    case BtfKind.Float:
      return { kind, name, size: sizeOrType }
    case BtfKind.DeclTag: {
      const componentIdx = view.getInt32(at + 12, little)
      return flag
        ? { kind, name, type: sizeOrType, componentIdx, attribute: true }
        : { kind, name, type: sizeOrType, componentIdx }
    }
    default:
      return VOID
  }
}
