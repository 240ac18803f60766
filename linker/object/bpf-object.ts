/**
 * What an object file holds, in the terms of libbpf: programs, maps, externs, global data, BTF. `open` makes it from bytes alone
 * (same bytes, same result, on any machine); `prepare` (prepared.ts) makes of it what bpf(2) takes on a certain kernel.
 */
import type { Insns } from '../../assembler/isa/insns.js'
import type { BtfId, BtfSet } from '../btf/btf-types.js'

/** A relocation inside a program, resolved to what it names. `slot` counts from the start of the program. */
export type ProgramReloc =
  | { readonly kind: 'map'; readonly slot: number; readonly map: number }
  /** Address of a byte of a data section, which becomes an array map. */
  | { readonly kind: 'data'; readonly slot: number; readonly map: number; readonly offset: number }
  /** An extern: `.kconfig`, a kernel symbol or a kfunc; index into `BpfObject.externs`. */
  | { readonly kind: 'extern'; readonly slot: number; readonly extern: number }
  /** A call of a subprogram; `call` is false where its address is taken (a callback). `subprogram` is -1 where nothing is at the target. */
  | { readonly kind: 'subprogram'; readonly slot: number; readonly subprogram: number; readonly call: boolean }

/** Row of func_info or line_info of .BTF.ext, with its slot counted from the start of the program or subprogram. */
export interface FuncInfo {
  readonly slot: number
  /** The Func type. */
  readonly type: BtfId
}

export interface LineInfo {
  readonly slot: number
  readonly path: string
  /** The source line's text, as stored in BTF; may be empty. */
  readonly text: string
  readonly line: number
  readonly column: number
}

/** CO-RE relocation kinds, numbered as `enum bpf_core_relo_kind`. */
export const CoreReloKind = {
  FieldByteOffset: 0,
  FieldByteSize: 1,
  FieldExists: 2,
  FieldSigned: 3,
  FieldLshiftU64: 4,
  FieldRshiftU64: 5,
  TypeIdLocal: 6,
  TypeIdTarget: 7,
  TypeExists: 8,
  TypeSize: 9,
  EnumvalExists: 10,
  EnumvalValue: 11,
  TypeMatches: 12,
} as const

export interface CoreRelo {
  readonly slot: number
  /** Root type in the object's BTF. */
  readonly type: BtfId
  /** `0:1:2` for fields, the enumerator's index for enum values, `0` for types. */
  readonly access: string
  readonly kind: number
}

/** A function of the object: a program (it has a loadable section) or a subprogram. */
export interface ObjectFunction {
  readonly name: string
  /** As spelled in the object, e.g. `kprobe/do_unlinkat`, `?tc`; `.text` for subprograms. */
  readonly section: string
  readonly sectionIndex: number
  /** Byte offset in its section. */
  readonly sectionOffset: number
  readonly binding: 'local' | 'global' | 'weak'
  /** STV_HIDDEN or STV_INTERNAL: treated as static by libbpf. */
  readonly hidden: boolean
  /** Not yet relocated. */
  readonly insns: Insns
  readonly relocs: readonly ProgramReloc[]
  readonly funcInfo: FuncInfo | undefined
  readonly lineInfo: readonly LineInfo[]
  readonly coreRelos: readonly CoreRelo[]
}

/** A map definition; numbers as bpf(2) takes them. */
export interface MapDef {
  readonly name: string
  readonly type: number
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly flags: number
  /** BTF ids of key and value in the object's BTF; 0 where unknown. */
  readonly keyType: BtfId
  readonly valueType: BtfId
  readonly mapExtra: bigint
  readonly numaNode: number
  readonly pinning: number
  /** Definition of the inner map for map-in-map types. */
  readonly inner: MapDef | undefined
  /** Initial slots of map-in-map and prog arrays: slot index to map or program name. */
  readonly values: readonly { readonly index: number; readonly target: string }[]
  /**
   * For maps made from data sections (and for an arena with globals): which, its initial contents, and whether programs may only
   * read it (frozen). `bytes` may be shorter than the value, all the rest is zero: a .bss has none.
   */
  readonly data: { readonly section: string; readonly bytes: Uint8Array; readonly readonly: boolean } | undefined
  /** For struct_ops: the Datasec variable's BTF type and initial image; function pointers by member byte offset. */
  readonly structOps:
    | {
        readonly type: BtfId
        readonly bytes: Uint8Array
        readonly functions: readonly { readonly offset: number; readonly function: string }[]
        readonly link: boolean
        /** In a prepared object: the value as the kernel's own type has it. */
        readonly kernel?: StructOpsImage
      }
    | undefined
  /** False for a map of a section `?.struct_ops…`: loaders do not create it unless told so. */
  readonly autocreate?: false
}

/** A map of which nothing is said but what is given. */
export const mapDef = (given: Partial<MapDef> & { readonly name: string }): MapDef => ({
  type: 0,
  keySize: 0,
  valueSize: 0,
  maxEntries: 0,
  flags: 0,
  keyType: 0,
  valueType: 0,
  mapExtra: 0n,
  numaNode: 0,
  pinning: 0,
  inner: undefined,
  values: [],
  data: undefined,
  structOps: undefined,
  ...given,
})

/** A struct_ops value in the kernel's layout (`struct bpf_struct_ops_NAME`). */
export interface StructOpsImage {
  /** The value's type in the kernel's BTF. */
  readonly valueType: BtfId
  /** Its bytes, in which the file descriptors of programs are still missing. */
  readonly bytes: Uint8Array
  /** Which program's descriptor goes where. */
  readonly functions: readonly { readonly offset: number; readonly function: string }[]
}

/** Where and as what a `.kconfig` extern's value stands in the `.kconfig` map. */
export interface KconfigPlace {
  /** Bytes from the start of the map's value. */
  readonly offset: number
  readonly size: number
  readonly type: 'char' | 'bool' | 'int' | 'tristate' | 'string'
  readonly signed: boolean
}

export interface Extern {
  readonly name: string
  /** `unlinked` is what another object has to bring: only in an object opened with `tolerant`, and no loader takes it. */
  readonly kind: 'kconfig' | 'ksym' | 'kfunc' | 'unlinked'
  readonly weak: boolean
  /** Var or Func type in the object's BTF; 0 where there is none. */
  readonly type: BtfId
  /** For kind `kconfig`. */
  readonly kconfig?: KconfigPlace
}

export interface BpfObject {
  readonly path: string
  readonly little: boolean
  readonly license: string
  /** KERNEL_VERSION of a `version` section; 0 without. */
  readonly version: number
  readonly programs: readonly ObjectFunction[]
  readonly subprograms: readonly ObjectFunction[]
  readonly maps: readonly MapDef[]
  readonly externs: readonly Extern[]
  /** Index of the `.kconfig` map, to which externs of that kind refer; -1 without. */
  readonly kconfigMap: number
  /** Undefined where the object has no .BTF. */
  readonly btf: BtfSet | undefined
}
