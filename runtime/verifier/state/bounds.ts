/**
 * How a register's six descriptions (tnum, signed and unsigned ranges of 64 and of 32 bits) sharpen each other: kernel/bpf/verifier.c,
 * reg_bounds_sync and what it calls. All functions change the register given to them, which must be a fresh clone.
 */
import { S32_MAX, S32_MIN, type RegState, setUnbounded, setUnbounded32, UNKNOWN_SCALAR } from './registers.js'
import { syncMixedBounds } from './sync-bounds.js'
import * as t from './tnum.js'
import * as w from './u64.js'

/** What differs between kernels in these deductions; see runtime/kernel/profile.ts. */
export interface BoundsRules {
  readonly crossingBounds: boolean
  readonly mixedBounds: boolean
  readonly singleValues: boolean
  /** Rounds of deduction in a sync. */
  readonly boundsRounds: number
}

const u32 = (value: number): number => value >>> 0

function updateFromTnum32(reg: RegState): void {
  const value = reg.varOff.value.lo
  const mask = reg.varOff.mask.lo
  reg.s32min = Math.max(reg.s32min, value | (mask & S32_MIN))
  reg.s32max = Math.min(reg.s32max, value | (mask & S32_MAX))
  reg.u32min = Math.max(reg.u32min, u32(value))
  reg.u32max = Math.min(reg.u32max, u32(value | mask))
}

function updateFromTnum64(reg: RegState): void {
  const { value, mask } = reg.varOff
  const low = w.u64(value.hi | (mask.hi & S32_MIN), value.lo)
  const high = w.u64(value.hi | (mask.hi & S32_MAX), value.lo | mask.lo)
  const all = w.or(value, mask)
  reg.smin = w.smax(reg.smin, low)
  reg.smax = w.smin(reg.smax, high)
  reg.umin = w.umax(reg.umin, value)
  reg.umax = w.umin(reg.umax, all)
}

/** __update_reg_bounds. */
export function updateFromTnum(reg: RegState): void {
  updateFromTnum32(reg)
  updateFromTnum64(reg)
}
export { updateFromTnum32 }

/** 6.1: __reg32_deduce_bounds before the rework of 6.8. */
function deduce32Classic(reg: RegState): void {
  if (reg.s32min >= 0 || reg.s32max < 0) {
    const low = Math.max(u32(reg.s32min), reg.u32min)
    const high = Math.min(u32(reg.s32max), reg.u32max)
    reg.s32min = low | 0
    reg.u32min = low
    reg.s32max = high | 0
    reg.u32max = high
    return
  }
  if ((reg.u32max | 0) >= 0) {
    reg.s32min = reg.u32min | 0
    const high = Math.min(u32(reg.s32max), reg.u32max)
    reg.s32max = high | 0
    reg.u32max = high
  } else if ((reg.u32min | 0) < 0) {
    const low = Math.max(u32(reg.s32min), reg.u32min)
    reg.s32min = low | 0
    reg.u32min = low
    reg.s32max = reg.u32max | 0
  }
}

function deduce64Classic(reg: RegState): void {
  if (!w.isNegative(reg.smin) || w.isNegative(reg.smax)) {
    reg.smin = reg.umin = w.umax(reg.smin, reg.umin)
    reg.smax = reg.umax = w.umin(reg.smax, reg.umax)
    return
  }
  if (!w.isNegative(reg.umax)) {
    reg.smin = reg.umin
    reg.smax = reg.umax = w.umin(reg.smax, reg.umax)
  } else if (w.isNegative(reg.umin)) {
    reg.smin = reg.umin = w.umax(reg.smin, reg.umin)
    reg.smax = reg.umax
  }
}

/** __reg_bound_offset. */
function updateTnum(reg: RegState): void {
  const wide = t.intersect(reg.varOff, t.tnumRange(reg.umin, reg.umax))
  const low = t.intersect(t.subreg(wide), t.tnumRange(w.fromU32(reg.u32min), w.fromU32(reg.u32max)))
  reg.varOff = new t.Tnum(w.u64(wide.value.hi, low.value.lo), w.u64(wide.mask.hi, low.mask.lo))
}

/** reg_bounds_sync: brings all descriptions into agreement. */
export function syncBounds(reg: RegState, rules: BoundsRules): void {
  if (t.isConst(reg.varOff) && reg.smin === reg.smax && reg.umin === reg.umax && reg.smin === reg.umin) {
    const { value } = reg.varOff
    if (
      value === reg.smin &&
      reg.s32min === value.lo &&
      reg.s32max === value.lo &&
      reg.u32min === u32(value.lo) &&
      reg.u32max === reg.u32min
    )
      return
  }
  if (rules.mixedBounds) return syncMixedBounds(reg, rules)
  updateFromTnum(reg)
  for (let round = 0; round < rules.boundsRounds; round++) {
    deduce32Classic(reg)
    deduce64Classic(reg)
  }
  updateTnum(reg)
  updateFromTnum(reg)
}

/**
 * reg_bounds_sanity_check: undefined where the descriptions agree, else what is wrong. A register that fails is set unbounded, as
 * the kernel does outside of its own tests.
 */
export function boundsFault(reg: RegState): string | undefined {
  if (w.ult(reg.umax, reg.umin) || w.slt(reg.smax, reg.smin) || reg.u32min > reg.u32max || reg.s32min > reg.s32max)
    return 'range bounds violation'
  if (t.isConst(reg.varOff)) {
    const { value } = reg.varOff
    if (!w.eq(reg.umin, value) || !w.eq(reg.umax, value) || !w.eq(reg.smin, value) || !w.eq(reg.smax, value))
      return 'const tnum out of sync with range bounds'
  }
  if (t.subregIsConst(reg.varOff)) {
    const low = reg.varOff.value.lo
    if (reg.u32min !== u32(low) || reg.u32max !== u32(low) || reg.s32min !== low || reg.s32max !== low)
      return 'const subreg tnum out of sync with range bounds'
  }
  return undefined
}

/** __reg_assign_32_into_64. */
function assign32Into64(reg: RegState): void {
  reg.umin = w.fromU32(reg.u32min)
  reg.umax = w.fromU32(reg.u32max)
  if (reg.s32min >= 0 && reg.s32max >= 0) {
    reg.smin = w.fromS32(reg.s32min)
    reg.smax = w.fromS32(reg.s32max)
  } else {
    reg.smin = w.ZERO
    reg.smax = w.U32_MAX_64
  }
}

/** zext_32_to_64. */
export function zeroExtend(reg: RegState): void {
  reg.varOff = t.subreg(reg.varOff)
  assign32Into64(reg)
}

const unknownBySize = new WeakMap<BoundsRules, (RegState | undefined)[]>()

/** What a load of `size` bytes (1, 2 or 4) of unknown memory gives: shared, not to be changed. */
export function unknownOfSize(size: number, rules: BoundsRules): RegState {
  let known = unknownBySize.get(rules)
  if (!known) unknownBySize.set(rules, (known = []))
  let reg = known[size]
  if (!reg) {
    reg = UNKNOWN_SCALAR.clone()
    coerceToSize(reg, size, rules)
    known[size] = Object.freeze(reg)
  }
  return reg
}

/** coerce_reg_to_size: the value after a load of `size` bytes (1, 2, 4), zero-extended. */
export function coerceToSize(reg: RegState, size: number, rules: BoundsRules): void {
  reg.varOff = t.cast(reg.varOff, size)
  const mask = size === 4 ? w.U32_MAX_64 : w.fromU32(2 ** (size * 8) - 1)
  if (w.eq(w.andNot(reg.umin, mask), w.andNot(reg.umax, mask))) {
    reg.umin = w.and(reg.umin, mask)
    reg.umax = w.and(reg.umax, mask)
  } else {
    reg.umin = w.ZERO
    reg.umax = mask
  }
  reg.smin = reg.umin
  reg.smax = reg.umax
  if (size < 4) setUnbounded32(reg)
  syncBounds(reg, rules)
}

const signed = (value: number, size: number): number =>
  size === 1 ? (value << 24) >> 24 : size === 2 ? (value << 16) >> 16 : value | 0
const highest = (size: number): number => (size === 1 ? 127 : size === 2 ? 32767 : S32_MAX)

/** coerce_reg_to_size_sx: sign-extended from `size` bytes to 64 bits. */
export function coerceSigned(reg: RegState, size: number): void {
  if (t.isConst(reg.varOff)) {
    const value = w.fromS32(signed(reg.varOff.value.lo, size))
    reg.varOff = t.tnumConst(value)
    reg.smin = reg.smax = reg.umin = reg.umax = value
    reg.s32min = reg.s32max = value.lo
    reg.u32min = reg.u32max = u32(value.lo)
    return
  }
  const bits = size * 8
  if (w.eq(w.shr(reg.smax, bits), w.shr(reg.smin, bits))) {
    const a = signed(reg.smax.lo, size)
    const b = signed(reg.smin.lo, size)
    const high = Math.max(a, b)
    const low = Math.min(a, b)
    if (high >= 0 === low >= 0) {
      reg.s32min = low
      reg.s32max = high
      reg.smin = reg.umin = w.fromS32(low)
      reg.smax = reg.umax = w.fromS32(high)
      reg.u32min = u32(low)
      reg.u32max = u32(high)
      reg.varOff = t.tnumRange(reg.smin, reg.smax)
      return
    }
  }
  const top = highest(size)
  setUnbounded(reg)
  reg.smin = w.fromS32(-top - 1)
  reg.smax = w.fromS32(top)
  reg.s32min = -top - 1
  reg.s32max = top
  reg.varOff = t.TNUM_UNKNOWN
}

/** coerce_subreg_to_size_sx: the low 32 bits, sign-extended from `size` (1 or 2) bytes. */
export function coerceSignedSubreg(reg: RegState, size: number): void {
  if (t.isConst(reg.varOff)) {
    const value = signed(reg.varOff.value.lo, size)
    reg.varOff = t.tnumConst(w.fromS32(value))
    reg.s32min = reg.s32max = value
    reg.u32min = reg.u32max = u32(value)
    return
  }
  const bits = size * 8
  if (reg.s32max >>> bits === reg.s32min >>> bits) {
    const a = signed(reg.s32max, size)
    const b = signed(reg.s32min, size)
    const high = Math.max(a, b)
    const low = Math.min(a, b)
    if (high >= 0 === low >= 0) {
      reg.s32min = low
      reg.s32max = high
      reg.u32min = u32(low)
      reg.u32max = u32(high)
      reg.varOff = t.subreg(t.tnumRange(w.fromS32(low), w.fromS32(high)))
      return
    }
  }
  const top = highest(size)
  reg.s32min = -top - 1
  reg.s32max = top
  reg.u32min = 0
  reg.u32max = 4294967295
  reg.varOff = t.subreg(t.TNUM_UNKNOWN)
}
