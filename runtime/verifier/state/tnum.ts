/**
 * Tristate numbers (kernel/bpf/tnum.c): what is known of the bits of a 64-bit word. A set bit in `mask` is unknown; `value` has the
 * known ones and is zero where `mask` is set. Immutable.
 */
import * as w from './u64.js'
import type { U64 } from './u64.js'

export class Tnum {
  constructor(
    readonly value: U64,
    readonly mask: U64,
  ) {}
}

export const TNUM_UNKNOWN = new Tnum(w.ZERO, w.U64_MAX)
export const TNUM_ZERO = new Tnum(w.ZERO, w.ZERO)

export const tnumConst = (value: U64): Tnum => (w.isZero(value) ? TNUM_ZERO : new Tnum(value, w.ZERO))
export const isConst = (a: Tnum): boolean => a.mask.lo === 0 && a.mask.hi === 0
export const isUnknown = (a: Tnum): boolean => a.mask.lo === -1 && a.mask.hi === -1
export const equalsConst = (a: Tnum, value: U64): boolean => isConst(a) && w.eq(a.value, value)
export const isConstZero = (a: Tnum): boolean => isConst(a) && w.isZero(a.value)
export const same = (a: Tnum, b: Tnum): boolean => a === b || (w.eq(a.value, b.value) && w.eq(a.mask, b.mask))

/** `2^bits - 1`, bits 0 to 64. */
function lowMask(bits: number): U64 {
  return bits === 0 ? w.ZERO : w.shr(w.U64_MAX, 64 - bits)
}

/** Every number from `min` to `max`, unsigned. */
export function tnumRange(min: U64, max: U64): Tnum {
  const bits = w.fls64(w.xor(min, max))
  if (bits > 63) return TNUM_UNKNOWN
  const delta = lowMask(bits)
  return new Tnum(w.andNot(min, delta), delta)
}

export const lshift = (a: Tnum, by: number): Tnum => new Tnum(w.shl(a.value, by), w.shl(a.mask, by))
export const rshift = (a: Tnum, by: number): Tnum => new Tnum(w.shr(a.value, by), w.shr(a.mask, by))

/** Arithmetic right shift of the low 32 bits (result zero-extended) or of all 64. */
export function arshift(a: Tnum, by: number, bitness: 32 | 64): Tnum {
  if (bitness === 32) return new Tnum(w.fromU32(a.value.lo >> by), w.fromU32(a.mask.lo >> by))
  return new Tnum(w.sar(a.value, by), w.sar(a.mask, by))
}

export function tnumAdd(a: Tnum, b: Tnum): Tnum {
  const sv = w.add(a.value, b.value)
  if (isConst(a) && isConst(b)) return tnumConst(sv)
  const sigma = w.add(w.add(a.mask, b.mask), sv)
  const mu = w.or(w.xor(sigma, sv), w.or(a.mask, b.mask))
  return new Tnum(w.andNot(sv, mu), mu)
}

export function tnumSub(a: Tnum, b: Tnum): Tnum {
  const dv = w.sub(a.value, b.value)
  if (isConst(a) && isConst(b)) return tnumConst(dv)
  const chi = w.xor(w.add(dv, a.mask), w.sub(dv, b.mask))
  const mu = w.or(chi, w.or(a.mask, b.mask))
  return new Tnum(w.andNot(dv, mu), mu)
}

export const tnumNeg = (a: Tnum): Tnum => tnumSub(TNUM_ZERO, a)

export function tnumAnd(a: Tnum, b: Tnum): Tnum {
  const v = w.and(a.value, b.value)
  return new Tnum(v, w.andNot(w.and(w.or(a.value, a.mask), w.or(b.value, b.mask)), v))
}

export function tnumOr(a: Tnum, b: Tnum): Tnum {
  const v = w.or(a.value, b.value)
  return new Tnum(v, w.andNot(w.or(a.mask, b.mask), v))
}

export function tnumXor(a: Tnum, b: Tnum): Tnum {
  const mu = w.or(a.mask, b.mask)
  return new Tnum(w.andNot(w.xor(a.value, b.value), mu), mu)
}

/** Product as kernels up to 6.17 compute it (half-multiply with accumulated mask). */
export function tnumMulClassic(a: Tnum, b: Tnum): Tnum {
  const known = tnumConst(w.mul(a.value, b.value))
  if (isConst(a) && isConst(b)) return known
  // On halves, as tnumMulUnion. What is added up has no known bits: tnumAdd of such is the sum of the masks and what either has.
  let { hi: xValueHi, lo: xValueLo } = a.value
  let { hi: xMaskHi, lo: xMaskLo } = a.mask
  let { hi: yValueHi, lo: yValueLo } = b.value
  let { hi: yMaskHi, lo: yMaskLo } = b.mask
  let maskHi = 0
  let maskLo = 0
  while ((xValueHi | xValueLo | xMaskHi | xMaskLo) !== 0) {
    if ((xValueLo | xMaskLo) & 1) {
      const certain = xValueLo & 1
      const addedLo = certain ? yMaskLo : yMaskLo | yValueLo
      const addedHi = certain ? yMaskHi : yMaskHi | yValueHi
      const sumLo = (maskLo + addedLo) | 0
      const sumHi = (maskHi + addedHi + (sumLo >>> 0 < maskLo >>> 0 ? 1 : 0)) | 0
      maskLo |= addedLo | sumLo
      maskHi |= addedHi | sumHi
    }
    xValueLo = (xValueLo >>> 1) | (xValueHi << 31)
    xValueHi >>>= 1
    xMaskLo = (xMaskLo >>> 1) | (xMaskHi << 31)
    xMaskHi >>>= 1
    yValueHi = (yValueHi << 1) | (yValueLo >>> 31)
    yValueLo <<= 1
    yMaskHi = (yMaskHi << 1) | (yMaskLo >>> 31)
    yMaskLo <<= 1
  }
  return tnumAdd(known, new Tnum(w.ZERO, w.u64(maskHi, maskLo)))
}

/** Every value of either. */
export function tnumUnion(a: Tnum, b: Tnum): Tnum {
  const mu = w.or(w.or(a.mask, b.mask), w.xor(a.value, b.value))
  return new Tnum(w.andNot(a.value, mu), mu)
}

/** Product as kernels from 6.18 on compute it: long multiplication, an unknown bit giving the union of both cases. */
export function tnumMulUnion(a: Tnum, b: Tnum): Tnum {
  if (isConst(a) && isConst(b)) return tnumConst(w.mul(a.value, b.value))
  // tnumAdd and tnumUnion written out on halves: up to 64 rounds of both would leave hundreds of objects behind.
  let { hi: xValueHi, lo: xValueLo } = a.value
  let { hi: xMaskHi, lo: xMaskLo } = a.mask
  let { hi: yValueHi, lo: yValueLo } = b.value
  let { hi: yMaskHi, lo: yMaskLo } = b.mask
  let valueHi = 0
  let valueLo = 0
  let maskHi = 0
  let maskLo = 0
  while ((xValueHi | xValueLo | xMaskHi | xMaskLo) !== 0) {
    if ((xValueLo | xMaskLo) & 1) {
      const sumLo = (valueLo + yValueLo) | 0
      const sumHi = (valueHi + yValueHi + (sumLo >>> 0 < valueLo >>> 0 ? 1 : 0)) | 0
      const masksLo = (maskLo + yMaskLo) | 0
      const masksHi = (maskHi + yMaskHi + (masksLo >>> 0 < maskLo >>> 0 ? 1 : 0)) | 0
      const sigmaLo = (masksLo + sumLo) | 0
      const sigmaHi = (masksHi + sumHi + (sigmaLo >>> 0 < masksLo >>> 0 ? 1 : 0)) | 0
      let unknownLo = (sigmaLo ^ sumLo) | maskLo | yMaskLo
      let unknownHi = (sigmaHi ^ sumHi) | maskHi | yMaskHi
      // A bit of `x` that may be 0 leaves the value before as possible.
      if (!(xValueLo & 1)) {
        unknownLo |= valueLo ^ (sumLo & ~unknownLo)
        unknownHi |= valueHi ^ (sumHi & ~unknownHi)
      }
      valueLo = sumLo & ~unknownLo
      valueHi = sumHi & ~unknownHi
      maskLo = unknownLo
      maskHi = unknownHi
    }
    xValueLo = (xValueLo >>> 1) | (xValueHi << 31)
    xValueHi >>>= 1
    xMaskLo = (xMaskLo >>> 1) | (xMaskHi << 31)
    xMaskHi >>>= 1
    yValueHi = (yValueHi << 1) | (yValueLo >>> 31)
    yValueLo <<= 1
    yMaskHi = (yMaskHi << 1) | (yMaskLo >>> 31)
    yMaskLo <<= 1
  }
  return new Tnum(w.u64(valueHi, valueLo), w.u64(maskHi, maskLo))
}

/** Whether some value belongs to both. */
export function overlap(a: Tnum, b: Tnum): boolean {
  return (
    ((a.value.lo ^ b.value.lo) & ~a.mask.lo & ~b.mask.lo) === 0 && ((a.value.hi ^ b.value.hi) & ~a.mask.hi & ~b.mask.hi) === 0
  )
}

/** What both say; garbage where they contradict each other, as in the kernel. */
export function intersect(a: Tnum, b: Tnum): Tnum {
  const mu = w.and(a.mask, b.mask)
  return new Tnum(w.andNot(w.or(a.value, b.value), mu), mu)
}

/** The low `size` bytes (1 to 7), zero-extended. */
export function cast(a: Tnum, size: number): Tnum {
  if (size >= 8) return a
  if (size === 4) return subreg(a)
  const mask = lowMask(size * 8)
  return new Tnum(w.and(a.value, mask), w.and(a.mask, mask))
}

export const isAligned = (a: Tnum, size: number): boolean => ((a.value.lo | a.mask.lo) & (size - 1)) === 0

/** Whether every value of `b` is one of `a`. */
export function tnumIn(a: Tnum, b: Tnum): boolean {
  if ((b.mask.lo & ~a.mask.lo) !== 0 || (b.mask.hi & ~a.mask.hi) !== 0) return false
  return a.value.lo === (b.value.lo & ~a.mask.lo) && a.value.hi === (b.value.hi & ~a.mask.hi)
}

export function subreg(a: Tnum): Tnum {
  if (a.value.hi === 0 && a.mask.hi === 0) return a
  return new Tnum(w.fromU32(a.value.lo), w.fromU32(a.mask.lo))
}
export const clearSubreg = (a: Tnum): Tnum => new Tnum(w.u64(a.value.hi, 0), w.u64(a.mask.hi, 0))
export const subregIsConst = (a: Tnum): boolean => a.mask.lo === 0
export const withSubreg = (reg: Tnum, low: Tnum): Tnum =>
  new Tnum(w.u64(reg.value.hi, low.value.lo), w.u64(reg.mask.hi, low.mask.lo))

const swap32 = (value: number): number =>
  ((value >>> 24) & 0xff) | ((value >>> 8) & 0xff00) | ((value << 8) & 0xff0000) | (value << 24)

function swapped(value: U64, bits: number): U64 {
  if (bits === 16) return w.u64(0, (swap32(value.lo) >>> 16) & 0xffff)
  return bits === 32 ? w.u64(0, swap32(value.lo)) : w.u64(swap32(value.lo), swap32(value.hi))
}

/** tnum_bswap16, tnum_bswap32, tnum_bswap64: the lower `bits` with their bytes turned around, nothing above them. */
export const byteSwap = (a: Tnum, bits: number): Tnum => new Tnum(swapped(a.value, bits), swapped(a.mask, bits))
