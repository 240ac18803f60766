/**
 * BTF types as data, with the kernel's names (Documentation/bpf/btf.rst). Types refer to each other by id; id 0 is void.
 * Ids are those of the section, so a split BTF's own types start after its base's.
 */

import { FormatError } from '../../base/outcome.js'

/** Kind numbers as encoded in bits 24 to 28 of `info`. */
export const BtfKind = {
  Void: 0,
  Int: 1,
  Ptr: 2,
  Array: 3,
  Struct: 4,
  Union: 5,
  Enum: 6,
  Fwd: 7,
  Typedef: 8,
  Volatile: 9,
  Const: 10,
  Restrict: 11,
  Func: 12,
  FuncProto: 13,
  Var: 14,
  Datasec: 15,
  Float: 16,
  DeclTag: 17,
  TypeTag: 18,
  Enum64: 19,
} as const

export type BtfId = number

export interface BtfVoid {
  readonly kind: typeof BtfKind.Void
}

export interface BtfInt {
  readonly kind: typeof BtfKind.Int
  name: string
  /** Bytes. */
  size: number
  /** Bits from the start at which the value begins; 0 but in old bit fields. */
  offset: number
  /** Bits of the value. */
  bits: number
  signed: boolean
  char: boolean
  bool: boolean
}

/** Kinds that only refer to another type. */
export interface BtfRef {
  readonly kind: typeof BtfKind.Ptr | typeof BtfKind.Volatile | typeof BtfKind.Const | typeof BtfKind.Restrict
  type: BtfId
}

export interface BtfTypedef {
  readonly kind: typeof BtfKind.Typedef
  name: string
  type: BtfId
}

export interface BtfTypeTag {
  readonly kind: typeof BtfKind.TypeTag
  /** The tag's value. */
  name: string
  type: BtfId
  /** `kind_flag`: the tag is an attribute other than btf_type_tag (kernel 6.14). */
  attribute?: boolean
}

export interface BtfArray {
  readonly kind: typeof BtfKind.Array
  type: BtfId
  indexType: BtfId
  nelems: number
}

export interface BtfMember {
  name: string
  type: BtfId
  /** From the start of the struct, in bits. */
  bitOffset: number
  /** Width of a bit field; 0 for an ordinary member. */
  bitSize: number
}

export interface BtfComposite {
  readonly kind: typeof BtfKind.Struct | typeof BtfKind.Union
  /** Empty when anonymous. */
  name: string
  size: number
  /** Whether `kind_flag` was set: member offsets carry bit-field widths. Kept so that reading and writing is the identity. */
  kindFlag: boolean
  members: BtfMember[]
}

export interface BtfEnumerator {
  name: string
  /** Sign-extended when the enum is signed. */
  value: bigint
}

export interface BtfEnum {
  readonly kind: typeof BtfKind.Enum | typeof BtfKind.Enum64
  name: string
  size: number
  signed: boolean
  values: BtfEnumerator[]
}

export interface BtfFwd {
  readonly kind: typeof BtfKind.Fwd
  name: string
  union: boolean
}

export interface BtfFunc {
  readonly kind: typeof BtfKind.Func
  name: string
  /** A FuncProto. */
  type: BtfId
  linkage: number
}

/** Linkage of Func (static, global, extern) and of Var (static, global allocated, global extern). */
export const BTF_LINKAGE_STATIC = 0
export const BTF_LINKAGE_GLOBAL = 1
export const BTF_LINKAGE_EXTERN = 2

export interface BtfParam {
  /** Empty where C gives none. A last parameter with type 0 and no name is `...`. */
  name: string
  type: BtfId
}

export interface BtfFuncProto {
  readonly kind: typeof BtfKind.FuncProto
  /** Return type; 0 for void. */
  type: BtfId
  params: BtfParam[]
}

export interface BtfVar {
  readonly kind: typeof BtfKind.Var
  name: string
  type: BtfId
  linkage: number
}

export interface BtfSecinfo {
  /** A Var, or a Func in `.ksyms`. */
  type: BtfId
  offset: number
  size: number
}

export interface BtfDatasec {
  readonly kind: typeof BtfKind.Datasec
  name: string
  size: number
  vars: BtfSecinfo[]
}

export interface BtfFloat {
  readonly kind: typeof BtfKind.Float
  name: string
  size: number
}

export interface BtfDeclTag {
  readonly kind: typeof BtfKind.DeclTag
  /** The tag's value. */
  name: string
  type: BtfId
  /** Member or parameter index; -1 for the declaration itself. */
  componentIdx: number
  attribute?: boolean
}

export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfRef
  | BtfTypedef
  | BtfTypeTag
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfFwd
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag

/**
 * A set of BTF types by id. The kernel's own (10 MB, 150,000 types) implements this without decoding what nobody asks for,
 * so go through `type(id)` and `byName`, and do not loop over all ids in a path that a user waits for.
 */
export interface BtfSet {
  /** One past the last id. */
  readonly count: number
  /** The type of an id; id 0 is void. Throws a FormatError for an id out of range. The caller must not change it. */
  type(id: BtfId): BtfType
  /** Ids of all types with that name, in order of id (a struct and a typedef may share one). */
  byName(name: string): readonly BtfId[]
  /** Offset at which a type starts, for messages; absent where there are no bytes. Throws as `type` does. */
  offsetOf?(id: BtfId): number
  /** Ids of all types of that name and its flavours (`name___anything`), in order of id; absent where nothing is indexed by that. */
  byEssentialName?(name: string): readonly BtfId[]
}

/** What is wrong with a type, at its place. */
export const typeFault = (btf: BtfSet, id: BtfId, code: string, message: string): FormatError =>
  new FormatError(code, message, btf.offsetOf?.(id) ?? -1)
