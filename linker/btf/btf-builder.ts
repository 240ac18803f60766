/**
 * Makes BTF: types are added one by one and get their ids at once, `finish` writes the section. A recursive type takes its id
 * first (`reserve`) and its content later (`define`). Strings are shared. Same calls, same bytes.
 */
import { ByteWriter } from '../../base/bytes.js'
import { FormatError, invariant } from '../../base/outcome.js'
import { BtfFile, readBtf } from './btf-file.js'
import {
  type BtfComposite,
  type BtfEnumerator,
  type BtfId,
  BtfKind,
  type BtfMember,
  type BtfParam,
  type BtfSecinfo,
  type BtfSet,
  type BtfType,
} from './btf-types.js'

const VOID: BtfType = { kind: BtfKind.Void }

/** A member as `addStruct` takes it; `bitSize` only for bit fields. */
export interface NewMember {
  readonly name: string
  readonly type: BtfId
  readonly bitOffset: number
  readonly bitSize?: number
}

export class BtfBuilder implements BtfSet {
  /** By id, less `firstSlot`. */
  private readonly types: (BtfType | undefined)[]
  private readonly offsets = new Map<string, number>([['', 0]])
  private readonly strings = new ByteWriter(true, 1024)
  private names: Map<string, BtfId[]> | undefined
  /** Id of the first type of its own: 1, or one past the base's last. */
  readonly firstId: BtfId
  private readonly firstSlot: number

  /** With a base, what is made is split BTF, as kernel modules have it: its ids and strings go on where the base's end. */
  constructor(private readonly base?: BtfFile) {
    this.firstId = base?.count ?? 1
    this.firstSlot = base?.count ?? 0
    this.types = base ? [] : [VOID]
    if (!base) this.strings.u8(0)
  }

  /** One past the last id. */
  get count(): number {
    return this.firstSlot + this.types.length
  }

  /** Offset of a string in the string section, adding it if it is new: .BTF.ext refers to its strings this way. */
  string(text: string): number {
    const known = this.offsets.get(text)
    if (known !== undefined) return known
    const offset = (this.base?.stringCount ?? 0) + this.strings.length
    this.strings.cstring(text)
    this.offsets.set(text, offset)
    return offset
  }

  /** Adds any type, whose references must be ids of this builder (or will be). The object may be changed until `finish`. */
  add(type: BtfType): BtfId {
    this.names = undefined
    this.types.push(type)
    return this.count - 1
  }

  /** An id whose type follows by `define`. */
  reserve(): BtfId {
    this.types.push(undefined)
    return this.count - 1
  }

  /** Gives a reserved id its type, or replaces the type of an id. */
  define(id: BtfId, type: BtfType): void {
    invariant(id >= this.firstId && id < this.count, `BTF id ${id} was not handed out`)
    this.names = undefined
    this.types[id - this.firstSlot] = type
  }

  type(id: BtfId): BtfType {
    if (this.base && id < this.firstId) return this.base.type(id)
    const type = this.types[id - this.firstSlot]
    if (!type) throw new FormatError('F0203', `there is no BTF type ${id}: the last is ${this.count - 1}`, -1)
    return type
  }

  byName(name: string): readonly BtfId[] {
    if (!this.names) {
      this.names = new Map()
      this.types.forEach((type, slot) => {
        const id = this.firstSlot + slot
        if (!type || !('name' in type) || type.name === '') return
        const ids = this.names!.get(type.name)
        if (ids) ids.push(id)
        else this.names!.set(type.name, [id])
      })
    }
    const own = this.names.get(name) ?? []
    return this.base ? [...this.base.byName(name), ...own] : own
  }

  /** `size` in bytes; the value takes all its bits. */
  addInt(name: string, size: number, traits: { signed?: boolean; char?: boolean; bool?: boolean } = {}): BtfId {
    const { signed = false, char = false, bool = false } = traits
    return this.add({ kind: BtfKind.Int, name, size, offset: 0, bits: size * 8, signed, char, bool })
  }

  addFloat(name: string, size: number): BtfId {
    return this.add({ kind: BtfKind.Float, name, size })
  }

  addPtr(type: BtfId): BtfId {
    return this.add({ kind: BtfKind.Ptr, type })
  }

  addConst(type: BtfId): BtfId {
    return this.add({ kind: BtfKind.Const, type })
  }

  addVolatile(type: BtfId): BtfId {
    return this.add({ kind: BtfKind.Volatile, type })
  }

  addRestrict(type: BtfId): BtfId {
    return this.add({ kind: BtfKind.Restrict, type })
  }

  addTypedef(name: string, type: BtfId): BtfId {
    return this.add({ kind: BtfKind.Typedef, name, type })
  }

  addTypeTag(value: string, type: BtfId): BtfId {
    return this.add({ kind: BtfKind.TypeTag, name: value, type })
  }

  /** `componentIdx`: member or parameter, -1 for the declaration itself. */
  addDeclTag(value: string, type: BtfId, componentIdx = -1): BtfId {
    return this.add({ kind: BtfKind.DeclTag, name: value, type, componentIdx })
  }

  addArray(type: BtfId, indexType: BtfId, nelems: number): BtfId {
    return this.add({ kind: BtfKind.Array, type, indexType, nelems })
  }

  addStruct(name: string, size: number, members: readonly NewMember[]): BtfId {
    return this.add(composite(BtfKind.Struct, name, size, members))
  }

  addUnion(name: string, size: number, members: readonly NewMember[]): BtfId {
    return this.add(composite(BtfKind.Union, name, size, members))
  }

  defineStruct(id: BtfId, name: string, size: number, members: readonly NewMember[]): void {
    this.define(id, composite(BtfKind.Struct, name, size, members))
  }

  defineUnion(id: BtfId, name: string, size: number, members: readonly NewMember[]): void {
    this.define(id, composite(BtfKind.Union, name, size, members))
  }

  /** Values beyond 32 bits need `addEnum64`, as clang does it. */
  addEnum(name: string, size: number, signed: boolean, values: BtfEnumerator[]): BtfId {
    return this.add({ kind: BtfKind.Enum, name, size, signed, values })
  }

  addEnum64(name: string, size: number, signed: boolean, values: BtfEnumerator[]): BtfId {
    return this.add({ kind: BtfKind.Enum64, name, size, signed, values })
  }

  addFwd(name: string, union: boolean): BtfId {
    return this.add({ kind: BtfKind.Fwd, name, union })
  }

  addFuncProto(returnType: BtfId, params: BtfParam[]): BtfId {
    return this.add({ kind: BtfKind.FuncProto, type: returnType, params })
  }

  /** Linkage: BTF_LINKAGE_*. */
  addFunc(name: string, proto: BtfId, linkage: number): BtfId {
    return this.add({ kind: BtfKind.Func, name, type: proto, linkage })
  }

  addVar(name: string, type: BtfId, linkage: number): BtfId {
    return this.add({ kind: BtfKind.Var, name, type, linkage })
  }

  addDatasec(name: string, size: number, vars: BtfSecinfo[]): BtfId {
    return this.add({ kind: BtfKind.Datasec, name, size, vars })
  }

  /** The .BTF section. The builder stays usable; a later `finish` keeps all string offsets. */
  finish(little: boolean): Uint8Array {
    return encodeBtf(this, little, this)
  }

  /** The string section as it is now. */
  stringBytes(): Uint8Array {
    return this.strings.finish()
  }
}

function composite(kind: BtfComposite['kind'], name: string, size: number, members: readonly NewMember[]): BtfComposite {
  return {
    kind,
    name,
    size,
    kindFlag: members.some(member => member.bitSize),
    members: members.map((member): BtfMember => ({ ...member, bitSize: member.bitSize ?? 0 })),
  }
}

/**
 * Writes a set of types as a .BTF section, ids as they are. With `strings` the names go into that builder's string table
 * (so that .BTF.ext can refer to it), else into a new one; if that builder has a base, only what goes beyond the base is written.
 */
export function encodeBtf(set: BtfSet, little: boolean, strings: BtfBuilder = new BtfBuilder()): Uint8Array {
  const out = new ByteWriter(little, 4096)
  out.u16(0xeb9f).u8(1).u8(0).u32(24).u32(0).u32(0).u32(0).u32(0)
  for (let id = strings.firstId; id < set.count; id++) encodeType(out, set.type(id), strings)
  const typeBytes = out.length - 24
  const stringBytes = strings.stringBytes()
  out.append(stringBytes)
  out.patch32(12, typeBytes)
  out.patch32(16, typeBytes)
  out.patch32(20, stringBytes.length)
  return out.take()
}

/** A set of types as bytes, which it may be already. */
export const asBtfFile = (btf: BtfSet): BtfFile => (btf instanceof BtfFile ? btf : readBtf(encodeBtf(btf, true)))

function encodeType(out: ByteWriter, type: BtfType, strings: BtfBuilder): void {
  const head = (name: string, vlen: number, flag: boolean, sizeOrType: number) => {
    invariant(vlen <= 0xffff, `BTF type ${name} has ${vlen} entries, more than 65535`)
    out
      .u32(strings.string(name))
      .u32((type.kind << 24) | vlen | (flag ? 0x8000_0000 : 0))
      .u32(sizeOrType)
  }
  switch (type.kind) {
    case BtfKind.Void:
      throw new FormatError('F0202', 'void has no place among BTF types', -1)
    case BtfKind.Int:
      head(type.name, 0, false, type.size)
      out.u32((((type.signed ? 1 : 0) | (type.char ? 2 : 0) | (type.bool ? 4 : 0)) << 24) | (type.offset << 16) | type.bits)
      return
    case BtfKind.Ptr:
    case BtfKind.Volatile:
    case BtfKind.Const:
    case BtfKind.Restrict:
      head('', 0, false, type.type)
      return
    case BtfKind.Typedef:
      head(type.name, 0, false, type.type)
      return
    case BtfKind.TypeTag:
      head(type.name, 0, type.attribute === true, type.type)
      return
    case BtfKind.Array:
      head('', 0, false, 0)
      out.u32(type.type).u32(type.indexType).u32(type.nelems)
      return
    case BtfKind.Struct:
    case BtfKind.Union:
      head(type.name, type.members.length, type.kindFlag, type.size)
      for (const member of type.members)
        out
          .u32(strings.string(member.name))
          .u32(member.type)
          .u32(type.kindFlag ? (member.bitSize << 24) | member.bitOffset : member.bitOffset)
      return
    case BtfKind.Enum:
      head(type.name, type.values.length, type.signed, type.size)
      for (const { name, value } of type.values) out.u32(strings.string(name)).u32(Number(BigInt.asUintN(32, value)))
      return
    case BtfKind.Enum64:
      head(type.name, type.values.length, type.signed, type.size)
      for (const { name, value } of type.values) {
        const bits = BigInt.asUintN(64, value)
        out
          .u32(strings.string(name))
          .u32(Number(bits & 0xffff_ffffn))
          .u32(Number(bits >> 32n))
      }
      return
    case BtfKind.Fwd:
      head(type.name, 0, type.union, 0)
      return
    case BtfKind.Func:
      head(type.name, type.linkage, false, type.type)
      return
    case BtfKind.FuncProto:
      head('', type.params.length, false, type.type)
      for (const param of type.params) out.u32(strings.string(param.name)).u32(param.type)
      return
    case BtfKind.Var:
      head(type.name, 0, false, type.type)
      out.u32(type.linkage)
      return
    case BtfKind.Datasec:
      head(type.name, type.vars.length, false, type.size)
      for (const info of type.vars) out.u32(info.type).u32(info.offset).u32(info.size)
      return
    case BtfKind.Float:
      head(type.name, 0, false, type.size)
      return
    case BtfKind.DeclTag:
      head(type.name, 0, type.attribute === true, type.type)
      out.u32(type.componentIdx)
  }
}
