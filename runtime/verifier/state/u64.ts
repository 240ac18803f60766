/**
 * 64-bit words as immutable pairs of 32-bit halves, shared freely between states. Neither signed nor unsigned: the operation says
 * which. Halves are kept as signed 32-bit integers, so they stay small integers for the engine and no BigInt is needed.
 */

export class U64 {
  constructor(
    /** Bits 32 to 63, as a signed 32-bit integer. */
    readonly hi: number,
    /** Bits 0 to 31, as a signed 32-bit integer. */
    readonly lo: number,
  ) {}
}

const TWO_32 = 4294967296
const small: U64[] = []
for (let i = -256; i <= 1024; i++) small.push(new U64(i < 0 ? -1 : 0, i))

export const ZERO = small[256]!
export const ONE = small[257]!
export const MINUS_ONE = small[255]!
export const U64_MAX = MINUS_ONE
export const S64_MIN = new U64(0x80000000 | 0, 0)
export const S64_MAX = new U64(0x7fffffff, -1)
export const U32_MAX_64 = new U64(0, -1)
export const S32_MIN_64 = new U64(-1, 0x80000000 | 0)
export const S32_MAX_64 = new U64(0, 0x7fffffff)

export function u64(hi: number, lo: number): U64 {
  if (hi === lo >> 31 && lo >= -256 && lo <= 1024) return small[lo + 256]!
  return new U64(hi, lo)
}

/** A 32-bit integer, sign-extended. */
export const fromS32 = (value: number): U64 => u64(value >> 31, value | 0)
/** A 32-bit integer (either reading), zero-extended. */
export const fromU32 = (value: number): U64 => u64(0, value | 0)

/** A whole number between -2^53 and 2^53, in two's complement. */
export function fromNumber(value: number): U64 {
  const hi = Math.floor(value / TWO_32)
  return u64(hi | 0, (value - hi * TWO_32) | 0)
}

/** Nearest number, signed reading; exact within 2^53. */
export const toSigned = (a: U64): number => a.hi * TWO_32 + (a.lo >>> 0)
/** Nearest number, unsigned reading; exact within 2^53. */
export const toUnsigned = (a: U64): number => (a.hi >>> 0) * TWO_32 + (a.lo >>> 0)
export const toBigInt = (a: U64): bigint => (BigInt(a.hi >>> 0) << 32n) | BigInt(a.lo >>> 0)
export const fromBigInt = (value: bigint): U64 => u64(Number((value >> 32n) & 0xffffffffn) | 0, Number(value & 0xffffffffn) | 0)

export const eq = (a: U64, b: U64): boolean => a === b || (a.lo === b.lo && a.hi === b.hi)
export const isZero = (a: U64): boolean => a.lo === 0 && a.hi === 0
export const isNegative = (a: U64): boolean => a.hi < 0
export const ult = (a: U64, b: U64): boolean => (a.hi === b.hi ? a.lo >>> 0 < b.lo >>> 0 : a.hi >>> 0 < b.hi >>> 0)
export const ule = (a: U64, b: U64): boolean => (a.hi === b.hi ? a.lo >>> 0 <= b.lo >>> 0 : a.hi >>> 0 < b.hi >>> 0)
export const slt = (a: U64, b: U64): boolean => (a.hi === b.hi ? a.lo >>> 0 < b.lo >>> 0 : a.hi < b.hi)
export const sle = (a: U64, b: U64): boolean => (a.hi === b.hi ? a.lo >>> 0 <= b.lo >>> 0 : a.hi < b.hi)
export const umin = (a: U64, b: U64): U64 => (ule(a, b) ? a : b)
export const umax = (a: U64, b: U64): U64 => (ule(a, b) ? b : a)
export const smin = (a: U64, b: U64): U64 => (sle(a, b) ? a : b)
export const smax = (a: U64, b: U64): U64 => (sle(a, b) ? b : a)

export function add(a: U64, b: U64): U64 {
  const lo = (a.lo >>> 0) + (b.lo >>> 0)
  return u64((a.hi + b.hi + (lo >= TWO_32 ? 1 : 0)) | 0, lo | 0)
}

export function sub(a: U64, b: U64): U64 {
  const lo = (a.lo >>> 0) - (b.lo >>> 0)
  return u64((a.hi - b.hi - (lo < 0 ? 1 : 0)) | 0, lo | 0)
}

/** The low 64 bits of the product. */
export function mul(a: U64, b: U64): U64 {
  const a0 = a.lo & 0xffff
  const a1 = a.lo >>> 16
  const b0 = b.lo & 0xffff
  const b1 = b.lo >>> 16
  const low = a0 * b0
  const middle = a1 * b0 + (low >>> 16)
  const middle2 = a0 * b1 + (middle % 65536)
  const lo = (middle2 << 16) | (low & 0xffff)
  const hi = a1 * b1 + Math.floor(middle / 65536) + Math.floor(middle2 / 65536)
  return u64((hi + Math.imul(a.hi, b.lo) + Math.imul(a.lo, b.hi)) | 0, lo)
}

export const and = (a: U64, b: U64): U64 => u64(a.hi & b.hi, a.lo & b.lo)
export const or = (a: U64, b: U64): U64 => u64(a.hi | b.hi, a.lo | b.lo)
export const xor = (a: U64, b: U64): U64 => u64(a.hi ^ b.hi, a.lo ^ b.lo)
export const not = (a: U64): U64 => u64(~a.hi, ~a.lo)
export const neg = (a: U64): U64 => sub(ZERO, a)
/** `a & ~b`. */
export const andNot = (a: U64, b: U64): U64 => u64(a.hi & ~b.hi, a.lo & ~b.lo)

/** Left shift by 0 to 63. */
export function shl(a: U64, by: number): U64 {
  if (by === 0) return a
  if (by >= 32) return u64(a.lo << (by - 32), 0)
  return u64((a.hi << by) | (a.lo >>> (32 - by)), a.lo << by)
}

/** Logical right shift by 0 to 63. */
export function shr(a: U64, by: number): U64 {
  if (by === 0) return a
  if (by >= 32) return u64(0, (a.hi >>> (by - 32)) | 0)
  return u64((a.hi >>> by) | 0, (a.lo >>> by) | (a.hi << (32 - by)))
}

/** Arithmetic right shift by 0 to 63. */
export function sar(a: U64, by: number): U64 {
  if (by === 0) return a
  if (by >= 32) return u64(a.hi >> 31, a.hi >> (by - 32))
  return u64(a.hi >> by, (a.lo >>> by) | (a.hi << (32 - by)))
}

/** Position of the highest set bit, counted from 1; 0 for zero. */
export const fls64 = (a: U64): number => (a.hi !== 0 ? 64 - Math.clz32(a.hi) : 32 - Math.clz32(a.lo))

/** Whether `a + b` leaves the signed range. */
export const saddOverflows = (a: U64, b: U64, sum: U64): boolean => ((a.hi ^ sum.hi) & (b.hi ^ sum.hi)) < 0
/** Whether `a - b` leaves the signed range. */
export const ssubOverflows = (a: U64, b: U64, difference: U64): boolean => ((a.hi ^ b.hi) & (a.hi ^ difference.hi)) < 0

/** Decimal, signed reading. */
export function toDecimal(a: U64): string {
  const value = toSigned(a)
  return Number.isSafeInteger(value) ? String(value) : BigInt.asIntN(64, toBigInt(a)).toString()
}

/** Decimal, unsigned reading. */
export function toUnsignedDecimal(a: U64): string {
  const value = toUnsigned(a)
  return Number.isSafeInteger(value) ? String(value) : toBigInt(a).toString()
}

/** As the kernel's `%#llx`. */
export function toHex(a: U64): string {
  const lo = (a.lo >>> 0).toString(16)
  return a.hi === 0 ? `0x${lo}` : `0x${(a.hi >>> 0).toString(16)}${lo.padStart(8, '0')}`
}
