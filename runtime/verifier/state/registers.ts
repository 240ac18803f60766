/**
 * A register's abstract value (struct bpf_reg_state). Values are immutable once they stand in a frame: states share them, copying a
 * state copies references, and whoever changes one clones it first (`edit`). Precision marks are kept by the frame, not here.
 */
import { baseType, RegType, TypeFlag } from '../../kernel/reg-types.js'
import type { BtfView } from './btf-view.js'
import type { VerifierMap } from './maps.js'
import { TNUM_UNKNOWN, TNUM_ZERO, type Tnum, tnumConst, isConst, isConstZero, isUnknown, same } from './tnum.js'
import * as w from './u64.js'
import type { U64 } from './u64.js'

/** In `id`: the value is that of another register plus `off`, as 64 bits or as 32 bits that were extended with zeros. */
export const BPF_ADD_CONST64 = 0x80000000 | 0
export const BPF_ADD_CONST32 = 0x40000000
export const BPF_ADD_CONST = BPF_ADD_CONST64 | BPF_ADD_CONST32
export const S32_MIN = -2147483648
export const S32_MAX = 2147483647

/** Kinds of dynptr (enum bpf_dynptr_type). */
export const DynptrType = { INVALID: 0, LOCAL: 1, RINGBUF: 2, SKB: 3, XDP: 4, SKB_META: 5, FILE: 6 } as const
/** States of an open-coded iterator (enum bpf_iter_state). */
export const IterState = { INVALID: 0, ACTIVE: 1, DRAINED: 2 } as const

export class RegState {
  type: number
  /** Fixed part of a pointer's offset; for linked scalars the constant that was added. */
  off: number
  varOff: Tnum
  smin: U64
  smax: U64
  umin: U64
  umax: U64
  s32min: number
  s32max: number
  /** Unsigned 32-bit bounds as signed integers, which the engine keeps without a box: read `u32min` and `u32max`. */
  u32low: number
  u32high: number
  id: number
  refObjId: number
  /** For stack pointers: whose frame. */
  frameno: number
  /** For packet pointers: bytes known to be readable from offset 0, or AT_PKT_END, BEYOND_PKT_END. */
  range: number
  map: VerifierMap | undefined
  mapUid: number
  btf: BtfView | undefined
  btfId: number
  /** For PTR_TO_MEM, in bytes. */
  memSize: number
  dynptrId: number
  subprogno: number
  dynptrType: number
  dynptrFirst: boolean
  /** Of an iterator; of saved interrupt state, its class (check/irq-flag.ts), as they share their place in the kernel. */
  iterState: number
  iterDepth: number

  /** As another one, or of no type and without bounds. */
  constructor(from?: RegState) {
    if (from === undefined) {
      this.type = RegType.NOT_INIT
      this.off = 0
      this.varOff = TNUM_UNKNOWN
      this.smin = w.S64_MIN
      this.smax = w.S64_MAX
      this.umin = w.ZERO
      this.umax = w.U64_MAX
      this.s32min = S32_MIN
      this.s32max = S32_MAX
      this.u32low = 0
      this.u32high = -1
      this.id = 0
      this.refObjId = 0
      this.frameno = 0
      this.range = 0
      this.map = undefined
      this.mapUid = 0
      this.btf = undefined
      this.btfId = 0
      this.memSize = 0
      this.dynptrId = 0
      this.subprogno = 0
      this.dynptrType = 0
      this.dynptrFirst = false
      this.iterState = 0
      this.iterDepth = 0
    } else {
      this.type = from.type
      this.off = from.off
      this.varOff = from.varOff
      this.smin = from.smin
      this.smax = from.smax
      this.umin = from.umin
      this.umax = from.umax
      this.s32min = from.s32min
      this.s32max = from.s32max
      this.u32low = from.u32low
      this.u32high = from.u32high
      this.id = from.id
      this.refObjId = from.refObjId
      this.frameno = from.frameno
      this.range = from.range
      this.map = from.map
      this.mapUid = from.mapUid
      this.btf = from.btf
      this.btfId = from.btfId
      this.memSize = from.memSize
      this.dynptrId = from.dynptrId
      this.subprogno = from.subprogno
      this.dynptrType = from.dynptrType
      this.dynptrFirst = from.dynptrFirst
      this.iterState = from.iterState
      this.iterDepth = from.iterDepth
    }
  }

  /** 0 to 2^32-1. */
  get u32min(): number {
    return this.u32low >>> 0
  }
  set u32min(value: number) {
    this.u32low = value | 0
  }
  get u32max(): number {
    return this.u32high >>> 0
  }
  set u32max(value: number) {
    this.u32high = value | 0
  }

  clone(): RegState {
    return new RegState(this)
  }
}

/** Nothing is known, and it may not be read. */
export const NOT_INIT: RegState = Object.freeze(new RegState())
/** An unknown number. */
export const UNKNOWN_SCALAR: RegState = Object.freeze(scalar())

function scalar(): RegState {
  const reg = new RegState()
  reg.type = RegType.SCALAR_VALUE
  return reg
}

/** Sets value and all bounds (___mark_reg_known); leaves type, id and the rest. */
export function setKnown(reg: RegState, value: U64): void {
  reg.varOff = tnumConst(value)
  reg.smin = reg.smax = reg.umin = reg.umax = value
  reg.s32min = reg.s32max = value.lo
  reg.u32min = reg.u32max = value.lo >>> 0
}

export function knownScalar(value: U64): RegState {
  const reg = scalar()
  setKnown(reg, value)
  return reg
}

const smallScalars: RegState[] = []
for (let i = -16; i <= 256; i++) smallScalars.push(Object.freeze(knownScalar(w.fromS32(i))))

/** A constant, shared for small ones; not to be changed. */
export function constScalar(value: U64): RegState {
  if (value.hi === value.lo >> 31 && value.lo >= -16 && value.lo <= 256) return smallScalars[value.lo + 16]!
  return knownScalar(value)
}

/** A pointer of a type with offset 0 (mark_reg_known_zero followed by setting the type): the caller's to fill in. */
export function pointer(type: number): RegState {
  const reg = new RegState()
  reg.type = type
  setKnown(reg, w.ZERO)
  return reg
}

export function setUnbounded64(reg: RegState): void {
  reg.smin = w.S64_MIN
  reg.smax = w.S64_MAX
  reg.umin = w.ZERO
  reg.umax = w.U64_MAX
}

export function setUnbounded32(reg: RegState): void {
  reg.s32min = S32_MIN
  reg.s32max = S32_MAX
  reg.u32min = 0
  reg.u32max = 4294967295
}

export function setUnbounded(reg: RegState): void {
  setUnbounded64(reg)
  setUnbounded32(reg)
}

export const isScalar = (reg: RegState): boolean => reg.type === RegType.SCALAR_VALUE
export const mayBeNull = (type: number): boolean => (type & TypeFlag.PTR_MAYBE_NULL) !== 0
/** register_is_null: the number 0, not a pointer. */
export const isNullScalar = (reg: RegState): boolean => reg.type === RegType.SCALAR_VALUE && isConstZero(reg.varOff)
export const isConstScalar = (reg: RegState): boolean => reg.type === RegType.SCALAR_VALUE && isConst(reg.varOff)
export const isPacketPointer = (reg: RegState): boolean => {
  const base = baseType(reg.type)
  return base === RegType.PTR_TO_PACKET || base === RegType.PTR_TO_PACKET_META
}
export const isPacketPointerAny = (reg: RegState): boolean => isPacketPointer(reg) || reg.type === RegType.PTR_TO_PACKET_END
export const isSocketType = (type: number): boolean =>
  type === RegType.PTR_TO_SOCKET ||
  type === RegType.PTR_TO_SOCK_COMMON ||
  type === RegType.PTR_TO_TCP_SOCK ||
  type === RegType.PTR_TO_XDP_SOCK

/** Something is known of a number (register_is_bounded). */
export const isBounded = (reg: RegState): boolean => isScalar(reg) && !(isUnknown(reg.varOff) && sameBounds(reg, UNKNOWN_SCALAR))

/** An object that the program allocated (type_is_ptr_alloc_obj). */
export const isAllocatedObject = (type: number): boolean =>
  baseType(type) === RegType.PTR_TO_BTF_ID && (type & TypeFlag.MEM_ALLOC) !== 0 && (type & TypeFlag.PTR_UNTRUSTED) === 0
export const isNonOwningRef = (type: number): boolean => isAllocatedObject(type) && (type & TypeFlag.NON_OWN_REF) !== 0

/** The union of struct bpf_reg_state that differs by type. */
function sameParticulars(a: RegState, b: RegState): boolean {
  return (
    a.range === b.range &&
    a.map === b.map &&
    a.mapUid === b.mapUid &&
    a.btf === b.btf &&
    a.btfId === b.btfId &&
    a.memSize === b.memSize &&
    a.dynptrId === b.dynptrId &&
    a.subprogno === b.subprogno &&
    a.dynptrType === b.dynptrType &&
    a.dynptrFirst === b.dynptrFirst &&
    a.iterState === b.iterState &&
    a.iterDepth === b.iterDepth
  )
}

/** Equal in all that memcmp up to var_off compares: type, offset and the type's particulars. */
export const sameHead = (a: RegState, b: RegState): boolean =>
  a === b || (a.type === b.type && a.off === b.off && sameParticulars(a, b))

export const sameBounds = (a: RegState, b: RegState): boolean =>
  w.eq(a.smin, b.smin) &&
  w.eq(a.smax, b.smax) &&
  w.eq(a.umin, b.umin) &&
  w.eq(a.umax, b.umax) &&
  a.s32min === b.s32min &&
  a.s32max === b.s32max &&
  a.u32low === b.u32low &&
  a.u32high === b.u32high

/** Every value that the new bounds allow, the old ones allow too (range_within). */
export function rangeWithin(old: RegState, current: RegState): boolean {
  return (
    w.ule(old.umin, current.umin) &&
    w.ule(current.umax, old.umax) &&
    w.sle(old.smin, current.smin) &&
    w.sle(current.smax, old.smax) &&
    old.u32min <= current.u32min &&
    old.u32max >= current.u32max &&
    old.s32min <= current.s32min &&
    old.s32max >= current.s32max
  )
}

/** Equal up to ids (memcmp up to `id`). */
export const sameUpToId = (a: RegState, b: RegState): boolean =>
  a === b || (sameHead(a, b) && same(a.varOff, b.varOff) && sameBounds(a, b))

/** Equal up to precision marks and parentage (memcmp up to `parent`). */
export const sameValue = (a: RegState, b: RegState): boolean =>
  a === b || (sameUpToId(a, b) && a.id === b.id && a.refObjId === b.refObjId)

/** A register's value without its id, for scalars whose link to others no longer holds (clear_scalar_id). */
export function withoutId(reg: RegState): RegState {
  if (reg.id === 0 && reg.off === 0) return reg
  const copy = reg.clone()
  copy.id = 0
  copy.off = 0
  return copy
}

/** A constant whose bounds all say the same (as setKnown leaves it). */
export const isExact = (reg: RegState): boolean => {
  const { value } = reg.varOff
  return (
    reg.umin === value &&
    reg.umax === value &&
    reg.smin === value &&
    reg.smax === value &&
    reg.u32low === value.lo &&
    reg.u32high === value.lo &&
    reg.s32min === value.lo &&
    reg.s32max === value.lo
  )
}

/** Width of the value in bits, from its unsigned maximum. */
export const valueWidth = (reg: RegState): number => w.fls64(reg.umax)

export const zeroPointerBounds = (reg: RegState): boolean => isConstZero(reg.varOff) && reg.varOff === TNUM_ZERO
