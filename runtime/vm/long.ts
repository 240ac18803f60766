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
  const middle = ah * bl + ((al * bl) >>> 16)
  const other = al * bh + (middle & 0xffff)
  return (ah * bh + Math.floor(middle / 0x10000) + Math.floor(other / 0x10000)) | 0
}

/** Product modulo 2^64. */
export function mul64(alo: number, ahi: number, blo: number, bhi: number): void {
  out.lo = Math.imul(alo, blo)
  out.hi = (mulHigh(alo, blo) + Math.imul(alo, bhi) + Math.imul(ahi, blo)) | 0
}

const toBig = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)

function fromBig(value: bigint): void {
  out.lo = Number(BigInt.asIntN(32, value))
  out.hi = Number(BigInt.asIntN(32, value >> 32n))
}

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
  // Rare: numbers of more than 53 bits.
  const a = toBig(alo, ahi)
  const b = toBig(blo, bhi)
  fromBig(remainder ? a % b : a / b)
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
