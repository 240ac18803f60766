/**
 * Arithmetic on numbers: how bounds and tnum of the destination follow from those of both operands (kernel/bpf/verifier.c,
 * adjust_scalar_min_max_vals and the scalar*_min_max_* functions).
 */
import * as op from '../../../assembler/isa/opcodes.js'
import type { KernelProfile } from '../../kernel/profile.js'
import { updateFromTnum, updateFromTnum32, zeroExtend } from '../state/bounds.js'
import { type RegState, S32_MAX, S32_MIN, setKnown, setUnbounded32, setUnbounded64 } from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import type { U64 } from '../state/u64.js'

const U32_MAX = 4294967295

function setSigned32FromUnsigned(dst: RegState): void {
  if ((dst.u32min | 0) <= (dst.u32max | 0)) {
    dst.s32min = dst.u32min | 0
    dst.s32max = dst.u32max | 0
  } else {
    dst.s32min = S32_MIN
    dst.s32max = S32_MAX
  }
}

function setSigned64FromUnsigned(dst: RegState): void {
  if (w.sle(dst.umin, dst.umax)) {
    dst.smin = dst.umin
    dst.smax = dst.umax
  } else {
    dst.smin = w.S64_MIN
    dst.smax = w.S64_MAX
  }
}

/** Signed sums out of range make both ends unknown. */
function signedSum32(dst: RegState, low: number, high: number): void {
  if (low < S32_MIN || low > S32_MAX || high < S32_MIN || high > S32_MAX) {
    dst.s32min = S32_MIN
    dst.s32max = S32_MAX
  } else {
    dst.s32min = low
    dst.s32max = high
  }
}

export function add32(dst: RegState, src: RegState, kernel: KernelProfile): void {
  signedSum32(dst, dst.s32min + src.s32min, dst.s32max + src.s32max)
  const low = dst.u32min + src.u32min
  const high = dst.u32max + src.u32max
  if (kernel.overflowAware ? low <= U32_MAX && high > U32_MAX : high > U32_MAX || low > U32_MAX) {
    dst.u32min = 0
    dst.u32max = U32_MAX
  } else {
    dst.u32min = low >>> 0
    dst.u32max = high >>> 0
  }
}

export function add64(dst: RegState, src: RegState, kernel: KernelProfile): void {
  const slow = w.add(dst.smin, src.smin)
  const shigh = w.add(dst.smax, src.smax)
  if (w.saddOverflows(dst.smin, src.smin, slow) || w.saddOverflows(dst.smax, src.smax, shigh)) {
    dst.smin = w.S64_MIN
    dst.smax = w.S64_MAX
  } else {
    dst.smin = slow
    dst.smax = shigh
  }
  const low = w.add(dst.umin, src.umin)
  const high = w.add(dst.umax, src.umax)
  const lowOverflows = w.ult(low, dst.umin)
  const highOverflows = w.ult(high, dst.umax)
  if (kernel.overflowAware ? !lowOverflows && highOverflows : lowOverflows || highOverflows) {
    dst.umin = w.ZERO
    dst.umax = w.U64_MAX
  } else {
    dst.umin = low
    dst.umax = high
  }
}

function sub32(dst: RegState, src: RegState, kernel: KernelProfile): void {
  signedSum32(dst, dst.s32min - src.s32max, dst.s32max - src.s32min)
  const low = dst.u32min - src.u32max
  const high = dst.u32max - src.u32min
  if (kernel.overflowAware ? low < 0 && high >= 0 : low < 0) {
    dst.u32min = 0
    dst.u32max = U32_MAX
  } else {
    dst.u32min = low >>> 0
    dst.u32max = high >>> 0
  }
}

function sub64(dst: RegState, src: RegState, kernel: KernelProfile): void {
  const slow = w.sub(dst.smin, src.smax)
  const shigh = w.sub(dst.smax, src.smin)
  if (w.ssubOverflows(dst.smin, src.smax, slow) || w.ssubOverflows(dst.smax, src.smin, shigh)) {
    dst.smin = w.S64_MIN
    dst.smax = w.S64_MAX
  } else {
    dst.smin = slow
    dst.smax = shigh
  }
  const lowUnderflows = w.ult(dst.umin, src.umax)
  const highUnderflows = w.ult(dst.umax, src.umin)
  if (kernel.overflowAware ? lowUnderflows && !highUnderflows : lowUnderflows) {
    dst.umin = w.ZERO
    dst.umax = w.U64_MAX
  } else {
    const { umin, umax } = dst
    dst.umin = w.sub(umin, src.umax)
    dst.umax = w.sub(umax, src.umin)
  }
}

function mul32(dst: RegState, src: RegState, kernel: KernelProfile): void {
  if (!kernel.overflowAware) {
    if (src.s32min < 0 || dst.s32min < 0 || src.u32max > 65535 || dst.u32max > 65535) return setUnbounded32(dst)
    dst.u32min *= src.u32min
    dst.u32max *= src.u32max
    if (dst.u32max > S32_MAX) {
      dst.s32min = S32_MIN
      dst.s32max = S32_MAX
    } else {
      dst.s32min = dst.u32min
      dst.s32max = dst.u32max
    }
    return
  }
  const high = dst.u32max * src.u32max
  if (high > U32_MAX) {
    dst.u32min = 0
    dst.u32max = U32_MAX
  } else {
    dst.u32min *= src.u32min
    dst.u32max = high
  }
  const products = [dst.s32min * src.s32min, dst.s32min * src.s32max, dst.s32max * src.s32min, dst.s32max * src.s32max]
  const low = Math.min(...products)
  const top = Math.max(...products)
  signedSum32(dst, low === 0 ? 0 : low, top === 0 ? 0 : top)
}

/** Whether the unsigned product leaves 64 bits. */
export function umulOverflows(a: U64, b: U64): boolean {
  if (a.hi === 0 && b.hi === 0) return false
  if (w.isZero(a) || w.isZero(b)) return false
  const bits = w.fls64(a) + w.fls64(b)
  if (bits <= 64) return false
  if (bits > 65) return true
  return w.toBigInt(a) * w.toBigInt(b) > 0xffffffffffffffffn
}

/** The signed product; undefined where it leaves 64 bits. */
export function smulChecked(a: U64, b: U64): U64 | undefined {
  const negative = w.isNegative(a) !== w.isNegative(b)
  const x = w.isNegative(a) ? w.neg(a) : a
  const y = w.isNegative(b) ? w.neg(b) : b
  if (umulOverflows(x, y)) return undefined
  const product = w.mul(x, y)
  if (negative) return w.isNegative(product) && !w.eq(product, w.S64_MIN) ? undefined : w.neg(product)
  return w.isNegative(product) ? undefined : product
}

function mul64(dst: RegState, src: RegState, kernel: KernelProfile): void {
  if (!kernel.overflowAware) {
    if (w.isNegative(src.smin) || w.isNegative(dst.smin) || src.umax.hi !== 0 || dst.umax.hi !== 0) return setUnbounded64(dst)
    dst.umin = w.mul(dst.umin, src.umin)
    dst.umax = w.mul(dst.umax, src.umax)
    if (w.isNegative(dst.umax)) {
      dst.smin = w.S64_MIN
      dst.smax = w.S64_MAX
    } else {
      dst.smin = dst.umin
      dst.smax = dst.umax
    }
    return
  }
  if (umulOverflows(dst.umax, src.umax)) {
    dst.umin = w.ZERO
    dst.umax = w.U64_MAX
  } else {
    dst.umin = w.mul(dst.umin, src.umin)
    dst.umax = w.mul(dst.umax, src.umax)
  }
  const a = smulChecked(dst.smin, src.smin)
  const b = smulChecked(dst.smin, src.smax)
  const c = smulChecked(dst.smax, src.smin)
  const d = smulChecked(dst.smax, src.smax)
  if (a && b && c && d) {
    dst.smin = w.smin(w.smin(a, b), w.smin(c, d))
    dst.smax = w.smax(w.smax(a, b), w.smax(c, d))
  } else {
    dst.smin = w.S64_MIN
    dst.smax = w.S64_MAX
  }
}

/** Both operands' low halves are known: the result is the tnum's (__mark_reg32_known). */
function known32(dst: RegState, src: RegState): boolean {
  if (!t.subregIsConst(src.varOff) || !t.subregIsConst(dst.varOff)) return false
  const low = dst.varOff.value.lo
  dst.s32min = dst.s32max = low
  dst.u32min = dst.u32max = low >>> 0
  return true
}

/** What the bitwise operations have in common: tnum first, then bounds (6.1 trusts signs only where both are non-negative). */
function bitwise(
  dst: RegState,
  src: RegState,
  kernel: KernelProfile,
  combined: t.Tnum,
  unsigned32: (value: number, mask: number) => void,
  unsigned64: (combined: t.Tnum) => void,
): void {
  const classic = !kernel.mixedBounds
  const signed32 = dst.s32min >= 0 && src.s32min >= 0
  const signed64 = !w.isNegative(dst.smin) && !w.isNegative(src.smin)
  // Constness of the destination is that after the operation.
  dst.varOff = combined
  if (!known32(dst, src)) {
    unsigned32(combined.value.lo >>> 0, combined.mask.lo >>> 0)
    if (classic && !signed32) {
      dst.s32min = S32_MIN
      dst.s32max = S32_MAX
    } else if (classic) {
      dst.s32min = dst.u32min | 0
      dst.s32max = dst.u32max | 0
    } else setSigned32FromUnsigned(dst)
  }
  if (t.isConst(src.varOff) && t.isConst(dst.varOff)) {
    const { value } = dst.varOff
    setKnown(dst, value)
    dst.id = 0
    dst.off = 0
    return
  }
  unsigned64(combined)
  if (classic && !signed64) {
    dst.smin = w.S64_MIN
    dst.smax = w.S64_MAX
  } else if (classic) {
    dst.smin = dst.umin
    dst.smax = dst.umax
  } else setSigned64FromUnsigned(dst)
  updateFromTnum(dst)
}

function shiftLeft32Bounds(dst: RegState, low: number, high: number): void {
  dst.s32min = S32_MIN
  dst.s32max = S32_MAX
  if (high > 31 || dst.u32max > 2 ** (31 - high)) {
    dst.u32min = 0
    dst.u32max = U32_MAX
  } else {
    dst.u32min = (dst.u32min << low) >>> 0
    dst.u32max = (dst.u32max << high) >>> 0
  }
}

/** What two constants give, as `scalarAlu` would find out in the end; undefined for operations that it says nothing about. */
export function constantAlu(operation: number, wide: boolean, a: U64, b: U64): U64 | undefined {
  if (!wide) {
    const value = constantAlu32(operation, a.lo, b)
    return value === undefined ? undefined : w.fromU32(value)
  }
  switch (operation) {
    case op.BPF_ADD:
      return w.add(a, b)
    case op.BPF_SUB:
      return w.sub(a, b)
    case op.BPF_MUL:
      return w.mul(a, b)
    case op.BPF_AND:
      return w.and(a, b)
    case op.BPF_OR:
      return w.or(a, b)
    case op.BPF_XOR:
      return w.xor(a, b)
    default:
      if (b.hi !== 0 || b.lo >>> 0 > 63) return undefined
      if (operation === op.BPF_LSH) return w.shl(a, b.lo)
      if (operation === op.BPF_RSH) return w.shr(a, b.lo)
      return operation === op.BPF_ARSH ? w.sar(a, b.lo) : undefined
  }
}

function constantAlu32(operation: number, a: number, b: U64): number | undefined {
  switch (operation) {
    case op.BPF_ADD:
      return (a + b.lo) | 0
    case op.BPF_SUB:
      return (a - b.lo) | 0
    case op.BPF_MUL:
      return Math.imul(a, b.lo)
    case op.BPF_AND:
      return a & b.lo
    case op.BPF_OR:
      return a | b.lo
    case op.BPF_XOR:
      return a ^ b.lo
    default:
      if (b.hi !== 0 || b.lo >>> 0 > 31) return undefined
      if (operation === op.BPF_LSH) return a << b.lo
      if (operation === op.BPF_RSH) return (a >>> b.lo) | 0
      return operation === op.BPF_ARSH ? a >> b.lo : undefined
  }
}

/**
 * The effect of an arithmetic instruction on `dst` (a fresh clone); operands are numbers. Returns false where nothing can be said:
 * the caller sets the register unknown.
 */
export function scalarAlu(operation: number, alu32: boolean, dst: RegState, src: RegState, kernel: KernelProfile): boolean {
  const shift = operation === op.BPF_LSH || operation === op.BPF_RSH || operation === op.BPF_ARSH
  if (shift) {
    const known = alu32
      ? t.subregIsConst(src.varOff) && src.s32min === src.s32max && src.u32min === src.u32max
      : t.isConst(src.varOff) && w.eq(src.smin, src.smax) && w.eq(src.umin, src.umax)
    if (!known || src.umax.hi !== 0 || src.umax.lo >>> 0 >= (alu32 ? 32 : 64)) return false
  }
  switch (operation) {
    case op.BPF_ADD:
      add32(dst, src, kernel)
      add64(dst, src, kernel)
      dst.varOff = t.tnumAdd(dst.varOff, src.varOff)
      break
    case op.BPF_SUB:
      sub32(dst, src, kernel)
      sub64(dst, src, kernel)
      dst.varOff = t.tnumSub(dst.varOff, src.varOff)
      break
    case op.BPF_NEG: {
      const before = dst.clone()
      setKnown(dst, w.ZERO)
      dst.id = 0
      dst.off = 0
      sub32(dst, before, kernel)
      sub64(dst, before, kernel)
      dst.varOff = t.tnumNeg(before.varOff)
      break
    }
    case op.BPF_MUL:
      dst.varOff = (kernel.tnumMulUnion ? t.tnumMulUnion : t.tnumMulClassic)(dst.varOff, src.varOff)
      mul32(dst, src, kernel)
      mul64(dst, src, kernel)
      break
    case op.BPF_AND:
      bitwise(
        dst,
        src,
        kernel,
        t.tnumAnd(dst.varOff, src.varOff),
        value => {
          dst.u32min = value
          dst.u32max = Math.min(dst.u32max, src.u32max)
        },
        combined => {
          dst.umin = combined.value
          dst.umax = w.umin(dst.umax, src.umax)
        },
      )
      break
    case op.BPF_OR:
      bitwise(
        dst,
        src,
        kernel,
        t.tnumOr(dst.varOff, src.varOff),
        (value, mask) => {
          dst.u32min = Math.max(dst.u32min, src.u32min)
          dst.u32max = (value | mask) >>> 0
        },
        combined => {
          dst.umin = w.umax(dst.umin, src.umin)
          dst.umax = w.or(combined.value, combined.mask)
        },
      )
      break
    case op.BPF_XOR:
      bitwise(
        dst,
        src,
        kernel,
        t.tnumXor(dst.varOff, src.varOff),
        (value, mask) => {
          dst.u32min = value
          dst.u32max = (value | mask) >>> 0
        },
        combined => {
          dst.umin = combined.value
          dst.umax = w.or(combined.value, combined.mask)
        },
      )
      break
    case op.BPF_LSH: {
      const by = src.umin.lo
      if (alu32) {
        const low = t.subreg(dst.varOff)
        shiftLeft32Bounds(dst, src.u32min, src.u32max)
        dst.varOff = t.subreg(t.lshift(low, src.u32min))
        setUnbounded64(dst)
        updateFromTnum32(dst)
      } else {
        if (by === 32 && src.umax.lo === 32) {
          dst.smax = w.u64(dst.s32max, 0)
          dst.smin = w.u64(dst.s32min, 0)
        } else {
          dst.smax = w.S64_MAX
          dst.smin = w.S64_MIN
        }
        if (w.ult(w.shl(w.ONE, 63 - src.umax.lo), dst.umax)) {
          dst.umin = w.ZERO
          dst.umax = w.U64_MAX
        } else {
          dst.umin = w.shl(dst.umin, by)
          dst.umax = w.shl(dst.umax, src.umax.lo)
        }
        shiftLeft32Bounds(dst, by, src.umax.lo)
        dst.varOff = t.lshift(dst.varOff, by)
        updateFromTnum(dst)
      }
      break
    }
    case op.BPF_RSH:
      if (alu32) {
        const low = t.subreg(dst.varOff)
        dst.s32min = S32_MIN
        dst.s32max = S32_MAX
        dst.varOff = t.rshift(low, src.u32min)
        dst.u32min = dst.u32min >>> src.u32max
        dst.u32max = dst.u32max >>> src.u32min
        setUnbounded64(dst)
        updateFromTnum32(dst)
      } else {
        dst.smin = w.S64_MIN
        dst.smax = w.S64_MAX
        dst.varOff = t.rshift(dst.varOff, src.umin.lo)
        dst.umin = w.shr(dst.umin, src.umax.lo)
        dst.umax = w.shr(dst.umax, src.umin.lo)
        setUnbounded32(dst)
        updateFromTnum(dst)
      }
      break
    case op.BPF_ARSH:
      if (alu32) {
        dst.s32min >>= src.u32min
        dst.s32max >>= src.u32min
        dst.varOff = t.arshift(t.subreg(dst.varOff), src.u32min, 32)
        dst.u32min = 0
        dst.u32max = U32_MAX
        setUnbounded64(dst)
        updateFromTnum32(dst)
      } else {
        dst.smin = w.sar(dst.smin, src.umin.lo)
        dst.smax = w.sar(dst.smax, src.umin.lo)
        dst.varOff = t.arshift(dst.varOff, src.umin.lo, 64)
        dst.umin = w.ZERO
        dst.umax = w.U64_MAX
        setUnbounded32(dst)
        updateFromTnum(dst)
      }
      break
    default:
      return false
  }
  if (alu32) zeroExtend(dst)
  return true
}
