/**
 * 64-bit arithmetic on halves, for the interpreter and helpers. Results come back in `out`: two module variables instead of an
 * object, so that nothing is allocated. Halves are signed 32-bit numbers.
 */

export const out = { lo: 0, hi: 0 }

const TWO_32 = 0x1_0000_0000

/** High half of the unsigned product of two 32-bit numbers. */
function mulHigh(a: number, b: number): number {
  const al = a & 0xffff
  const ah = a >>> 16
  const bl = b & 0xffff
  const bh = b >>> 16
  const middle = (Math.imul(ah, bl) + (Math.imul(al, bl) >>> 16)) | 0
  const other = (Math.imul(al, bh) + (middle & 0xffff)) | 0
  return (Math.imul(ah, bh) + (middle >>> 16) + (other >>> 16)) | 0
}

/** Product modulo 2^64. */
export function mul64(alo: number, ahi: number, blo: number, bhi: number): void {
  out.lo = Math.imul(alo, blo)
  out.hi = (mulHigh(alo, blo) + Math.imul(alo, bhi) + Math.imul(ahi, blo)) | 0
}

const toBig = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)

/** Below 2^53 a division of doubles rounded down is exact. */
const SAFE_HIGH = 0x20_0000

/** Unsigned division or remainder; the divisor is not zero. */
export function divide64(alo: number, ahi: number, blo: number, bhi: number, remainder: boolean): void {
  const ah = ahi >>> 0
  const bh = bhi >>> 0
  if (ah < SAFE_HIGH && bh < SAFE_HIGH) {
    const a = ah * TWO_32 + (alo >>> 0)
    const b = bh * TWO_32 + (blo >>> 0)
    const quotient = Math.floor(a / b)
    const result = remainder ? a - quotient * b : quotient
    out.lo = result | 0
    out.hi = (result / TWO_32) | 0
    return
  }
  const b = blo >>> 0
  if (bh === 0 && b < SAFE_HIGH) {
    // What is left of the high half, and the low one: below 2^53.
    const high = Math.floor(ah / b)
    const rest = (ah - high * b) * TWO_32 + (alo >>> 0)
    const low = Math.floor(rest / b)
    out.lo = remainder ? (rest - low * b) | 0 : low | 0
    out.hi = remainder ? 0 : high | 0
  } else if (bh === 0) divideBy32(ah, alo, b, remainder)
  else divideBy64(alo, ahi, blo, bhi, remainder)
}

/** Schoolbook division by 32 bits, 16 bits of the dividend at a time: what is divided stays below 2^48. */
function divideBy32(ah: number, alo: number, b: number, remainder: boolean): void {
  const high = Math.floor(ah / b)
  const first = (ah - high * b) * 0x1_0000 + (alo >>> 16)
  const middle = Math.floor(first / b)
  const second = (first - middle * b) * 0x1_0000 + (alo & 0xffff)
  const low = Math.floor(second / b)
  if (remainder) {
    out.lo = (second - low * b) | 0
    out.hi = 0
    return
  }
  out.lo = (middle << 16) + low
  out.hi = high | 0
}

/**
 * Division by more than 32 bits: the quotient fits 32, and that of the doubles is off by one at most. It begins one too low, so that what is
 * left is not negative, and below 2^64 where the divisor is below 2^62; above, the quotient is at most 3.
 */
function divideBy64(alo: number, ahi: number, blo: number, bhi: number, remainder: boolean): void {
  const bh = bhi >>> 0
  const bl = blo >>> 0
  const estimate = Math.floor(((ahi >>> 0) * TWO_32 + (alo >>> 0)) / (bh * TWO_32 + bl))
  let quotient = bh >>> 30 ? 0 : Math.max(0, estimate - 1)
  mul64(quotient | 0, 0, blo, bhi)
  let hi = (ahi - out.hi - (alo >>> 0 < out.lo >>> 0 ? 1 : 0)) >>> 0
  let lo = (alo - out.lo) >>> 0
  while (hi > bh || (hi === bh && lo >= bl)) {
    quotient++
    hi = (hi - bh - (lo < bl ? 1 : 0)) >>> 0
    lo = (lo - bl) >>> 0
  }
  out.lo = remainder ? lo | 0 : quotient | 0
  out.hi = remainder ? hi | 0 : 0
}

/** Signed division or remainder, rounding to zero; the divisor is not zero. The least number by -1 is itself, remainder 0. */
export function signedDivide64(alo: number, ahi: number, blo: number, bhi: number, remainder: boolean): void {
  const negativeA = ahi < 0
  const negativeB = bhi < 0
  const a1 = negativeA ? -alo | 0 : alo
  const a2 = negativeA ? (~ahi + (alo === 0 ? 1 : 0)) | 0 : ahi
  const b1 = negativeB ? -blo | 0 : blo
  const b2 = negativeB ? (~bhi + (blo === 0 ? 1 : 0)) | 0 : bhi
  divide64(a1, a2, b1, b2, remainder)
  if (remainder ? negativeA : negativeA !== negativeB) {
    out.hi = (~out.hi + (out.lo === 0 ? 1 : 0)) | 0
    out.lo = -out.lo | 0
  }
}

/** The 32 bits with their bytes in the other order. */
export function swap32(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24) | 0
}

/** The low 16 bits with their bytes in the other order. */
export function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff)
}

/** An unsigned 64-bit number of its halves. */
export function bigOf(lo: number, hi: number): bigint {
  return toBig(lo, hi)
}
