/**
 * What kernels before 6.8 know of a comparison: they decide it, and learn from it, where one side is a constant; of two unknowns only
 * that they are equal (kernel/bpf/verifier.c of 6.1: is_branch_taken, reg_set_min_max, reg_combine_min_max).
 */
import * as op from '../../../assembler/isa/opcodes.js'
import { RegType } from '../../kernel/reg-types.js'
import type { BoundsRules } from '../state/bounds.js'
import { syncBounds } from '../state/bounds.js'
import { isScalar, type RegState, setKnown, setUnbounded, setUnbounded32, setUnbounded64 } from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'

/** The same comparison with its sides exchanged; 0 for what is no comparison. */
const flipped: Readonly<Record<number, number>> = {
  [op.BPF_JEQ]: op.BPF_JEQ,
  [op.BPF_JNE]: op.BPF_JNE,
  [op.BPF_JSET]: op.BPF_JSET,
  [op.BPF_JGE]: op.BPF_JLE,
  [op.BPF_JGT]: op.BPF_JLT,
  [op.BPF_JLE]: op.BPF_JGE,
  [op.BPF_JLT]: op.BPF_JGT,
  [op.BPF_JSGE]: op.BPF_JSLE,
  [op.BPF_JSGT]: op.BPF_JSLT,
  [op.BPF_JSLE]: op.BPF_JSGE,
  [op.BPF_JSLT]: op.BPF_JSGT,
}

/** The constant a register holds in the width of a comparison (the low half zero-extended); undefined where it is none. */
function constantOf(reg: RegState, is32: boolean): w.U64 | undefined {
  if (!isScalar(reg)) return undefined
  if (is32) return t.subregIsConst(reg.varOff) ? w.fromU32(reg.varOff.value.lo >>> 0) : undefined
  return t.isConst(reg.varOff) ? reg.varOff.value : undefined
}

/** reg_type_not_null of 6.1: the type says all, no flag may be set. */
const notNullType = (type: number): boolean =>
  type === RegType.PTR_TO_SOCKET ||
  type === RegType.PTR_TO_TCP_SOCK ||
  type === RegType.PTR_TO_MAP_VALUE ||
  type === RegType.PTR_TO_MAP_KEY ||
  type === RegType.PTR_TO_SOCK_COMMON

/** is_branch32_taken, is_branch64_taken. */
function numberOutcome(reg: RegState, value: w.U64, operation: number, is32: boolean): 0 | 1 | -1 {
  const bits = is32 ? t.subreg(reg.varOff) : reg.varOff
  const ulow = is32 ? Math.sign(reg.u32min - (value.lo >>> 0)) : compare(w.ult, reg.umin, value)
  const uhigh = is32 ? Math.sign(reg.u32max - (value.lo >>> 0)) : compare(w.ult, reg.umax, value)
  const slow = is32 ? Math.sign(reg.s32min - value.lo) : compare(w.slt, reg.smin, value)
  const shigh = is32 ? Math.sign(reg.s32max - value.lo) : compare(w.slt, reg.smax, value)
  switch (operation) {
    case op.BPF_JEQ:
      return t.isConst(bits) ? (w.eq(bits.value, value) ? 1 : 0) : -1
    case op.BPF_JNE:
      return t.isConst(bits) ? (w.eq(bits.value, value) ? 0 : 1) : -1
    case op.BPF_JSET:
      if (!w.isZero(w.and(w.andNot(bits.value, bits.mask), value))) return 1
      return w.isZero(w.and(w.or(bits.mask, bits.value), value)) ? 0 : -1
    case op.BPF_JGT:
      return ulow > 0 ? 1 : uhigh <= 0 ? 0 : -1
    case op.BPF_JSGT:
      return slow > 0 ? 1 : shigh <= 0 ? 0 : -1
    case op.BPF_JLT:
      return uhigh < 0 ? 1 : ulow >= 0 ? 0 : -1
    case op.BPF_JSLT:
      return shigh < 0 ? 1 : slow >= 0 ? 0 : -1
    case op.BPF_JGE:
      return ulow >= 0 ? 1 : uhigh < 0 ? 0 : -1
    case op.BPF_JSGE:
      return slow >= 0 ? 1 : shigh < 0 ? 0 : -1
    case op.BPF_JLE:
      return uhigh <= 0 ? 1 : ulow > 0 ? 0 : -1
    case op.BPF_JSLE:
      return shigh <= 0 ? 1 : slow > 0 ? 0 : -1
    default:
      return -1
  }
}

const compare = (less: (a: w.U64, b: w.U64) => boolean, a: w.U64, b: w.U64): number => (less(a, b) ? -1 : less(b, a) ? 1 : 0)

/** Whether a comparison with a constant in `src` is decided: 1 taken, 0 not taken, -1 open. */
export function constantOutcome(dst: RegState, src: RegState, operation: number, is32: boolean): 0 | 1 | -1 {
  const value = constantOf(src, is32)
  if (!value) return -1
  if (isScalar(dst)) return numberOutcome(dst, value, operation, is32)
  if (!notNullType(dst.type) || !w.isZero(value)) return -1
  return operation === op.BPF_JEQ ? 0 : operation === op.BPF_JNE ? 1 : -1
}

/** __mark_reg32_known. */
function setKnown32(reg: RegState, value: w.U64): void {
  reg.varOff = t.withSubreg(reg.varOff, t.tnumConst(w.fromU32(value.lo >>> 0)))
  reg.s32min = reg.s32max = value.lo
  reg.u32min = reg.u32max = value.lo >>> 0
}

/** __reg_combine_32_into_64. */
function combine32Into64(reg: RegState, rules: BoundsRules): void {
  const { value, mask } = reg.varOff
  if (value.hi === 0 && mask.hi === 0) {
    reg.umin = w.fromU32(reg.u32min)
    reg.umax = w.fromU32(reg.u32max)
    const positive = reg.s32min >= 0 && reg.s32max >= 0
    reg.smin = positive ? w.fromS32(reg.s32min) : w.ZERO
    reg.smax = positive ? w.fromS32(reg.s32max) : w.U32_MAX_64
  } else setUnbounded64(reg)
  syncBounds(reg, rules)
}

/** __reg_combine_64_into_32. */
function combine64Into32(reg: RegState, rules: BoundsRules): void {
  setUnbounded32(reg)
  const narrow = (value: w.U64) => value.hi === value.lo >> 31
  if (narrow(reg.smin) && narrow(reg.smax)) {
    reg.s32min = reg.smin.lo
    reg.s32max = reg.smax.lo
  }
  if (reg.umin.hi === 0 && reg.umax.hi === 0) {
    reg.u32min = reg.umin.lo >>> 0
    reg.u32max = reg.umax.lo >>> 0
  }
  syncBounds(reg, rules)
}

const isPowerOf2 = (value: w.U64): boolean => !w.isZero(value) && w.isZero(w.and(value, w.sub(value, w.ONE)))

/** Upper or lower ends of a range, cut by a constant. */
function cut(reg: RegState, end: 'min' | 'max', signed: boolean, is32: boolean, value: w.U64): void {
  if (is32) {
    const low = signed ? value.lo : value.lo >>> 0
    if (end === 'min') {
      if (signed) reg.s32min = Math.max(reg.s32min, low)
      else reg.u32min = Math.max(reg.u32min, low)
    } else if (signed) reg.s32max = Math.min(reg.s32max, low)
    else reg.u32max = Math.min(reg.u32max, low)
  } else if (end === 'min') {
    if (signed) reg.smin = w.smax(reg.smin, value)
    else reg.umin = w.umax(reg.umin, value)
  } else if (signed) reg.smax = w.smin(reg.smax, value)
  else reg.umax = w.umin(reg.umax, value)
}

/** reg_set_min_max: what both outcomes (fresh clones of the register) know after a comparison with `value`. */
function setMinMax(
  onTrue: RegState,
  onFalse: RegState,
  value: w.U64,
  operation: number,
  is32: boolean,
  rules: BoundsRules,
): void {
  switch (operation) {
    case op.BPF_JEQ:
      if (is32) setKnown32(onTrue, value)
      else setKnown(onTrue, value)
      break
    case op.BPF_JNE:
      if (is32) setKnown32(onFalse, value)
      else setKnown(onFalse, value)
      break
    case op.BPF_JSET: {
      setUnbounded(onFalse)
      const zeros = t.tnumConst(w.not(value))
      const one = t.tnumConst(value)
      if (is32) {
        onFalse.varOff = t.withSubreg(onFalse.varOff, t.tnumAnd(t.subreg(onFalse.varOff), zeros))
        if (isPowerOf2(value)) onTrue.varOff = t.withSubreg(onTrue.varOff, t.tnumOr(t.subreg(onTrue.varOff), one))
      } else {
        onFalse.varOff = t.tnumAnd(onFalse.varOff, zeros)
        if (isPowerOf2(value)) onTrue.varOff = t.tnumOr(onTrue.varOff, one)
      }
      break
    }
    case op.BPF_JGE:
    case op.BPF_JGT:
    case op.BPF_JSGE:
    case op.BPF_JSGT: {
      const signed = operation === op.BPF_JSGE || operation === op.BPF_JSGT
      const strict = operation === op.BPF_JGT || operation === op.BPF_JSGT
      cut(onFalse, 'max', signed, is32, strict ? value : w.sub(value, w.ONE))
      cut(onTrue, 'min', signed, is32, strict ? w.add(value, w.ONE) : value)
      break
    }
    case op.BPF_JLE:
    case op.BPF_JLT:
    case op.BPF_JSLE:
    case op.BPF_JSLT: {
      const signed = operation === op.BPF_JSLE || operation === op.BPF_JSLT
      const strict = operation === op.BPF_JLT || operation === op.BPF_JSLT
      cut(onFalse, 'min', signed, is32, strict ? value : w.add(value, w.ONE))
      cut(onTrue, 'max', signed, is32, strict ? w.sub(value, w.ONE) : value)
      break
    }
    default:
      return
  }
  const combine = is32 ? combine32Into64 : combine64Into32
  combine(onFalse, rules)
  combine(onTrue, rules)
}

/** __reg_combine_min_max: both hold the same value. */
function setEqual(a: RegState, b: RegState, rules: BoundsRules): void {
  a.umin = b.umin = w.umax(a.umin, b.umin)
  a.umax = b.umax = w.umin(a.umax, b.umax)
  a.smin = b.smin = w.smax(a.smin, b.smin)
  a.smax = b.smax = w.smin(a.smax, b.smax)
  a.varOff = b.varOff = t.intersect(a.varOff, b.varOff)
  syncBounds(a, rules)
  syncBounds(b, rules)
}

/** Both registers of a comparison, as either outcome leaves them. */
export interface Compared {
  readonly trueDst: RegState
  readonly trueSrc: RegState
  readonly falseDst: RegState
  readonly falseSrc: RegState
}

/** What a comparison of two numbers that is open teaches; all four are fresh clones, changed here and in agreement after. */
export function learnFromConstant(regs: Compared, operation: number, is32: boolean, rules: BoundsRules): void {
  const { trueDst, trueSrc, falseDst, falseSrc } = regs
  const value = constantOf(falseSrc, is32)
  if (value) return setMinMax(trueDst, falseDst, value, operation, is32, rules)
  const mirrored = constantOf(falseDst, is32)
  if (mirrored) return setMinMax(trueSrc, falseSrc, mirrored, flipped[operation] ?? 0, is32, rules)
  if (is32) return
  if (operation === op.BPF_JEQ) setEqual(trueSrc, trueDst, rules)
  else if (operation === op.BPF_JNE) setEqual(falseSrc, falseDst, rules)
}
