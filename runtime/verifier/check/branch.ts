/** Conditional jumps: is the outcome known, and what does either side learn (kernel/bpf/verifier.c: check_cond_jmp_op). */
import * as op from '../../../assembler/isa/opcodes.js'
import { baseType, RegType, TypeFlag } from '../../kernel/reg-types.js'
import { EACCES, type Env } from '../env.js'
import { InsnFlag, markChainPrecision } from '../explore/precision.js'
import { findPreviousEntry, widenImpreciseScalars } from '../explore/loops.js'
import { hasField } from '../state/btf-record.js'
import { isSpilled, mapRegisters, Slot, StackSlot, typeAt, type VerifierState } from '../state/frames.js'
import {
  BPF_ADD_CONST,
  BPF_ADD_CONST32,
  constScalar,
  isAllocatedObject,
  isConstScalar,
  isNonOwningRef,
  isPacketPointerAny,
  isScalar,
  knownScalar,
  mayBeNull,
  type RegState,
  setUnbounded,
  withoutId,
} from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { BPF_MAX_VAR_OFF } from './alu.js'
import { constantOutcome, learnFromConstant } from './branch-constant.js'
import { zeroExtend } from '../state/bounds.js'
import { recordOf } from './kptr.js'
import { isTrusted } from './btf-access.js'
import { MAX_PACKET_OFF } from './memory.js'
import { pushUntaken } from './speculation.js'
import { add32, add64 } from './scalar-alu.js'

const AT_PKT_END = -1
const BEYOND_PKT_END = -2
/** JSET's complement, which no instruction has. */
const NOT_JSET = op.BPF_JSET | op.BPF_X

/** reg_not_null. */
export function notNull(env: Env, reg: RegState): boolean {
  if (mayBeNull(reg.type)) return false
  if (env.kernel.typedHelperAccess || env.kernel.log === 'liveness') {
    if (w.toSigned(reg.smin) <= -BPF_MAX_VAR_OFF || w.toSigned(reg.smax) >= BPF_MAX_VAR_OFF) return false
  }
  switch (baseType(reg.type)) {
    case RegType.PTR_TO_SOCKET:
    case RegType.PTR_TO_TCP_SOCK:
    case RegType.PTR_TO_XDP_SOCK:
    case RegType.PTR_TO_BUF:
    case RegType.PTR_TO_MAP_VALUE:
    case RegType.PTR_TO_MAP_KEY:
    case RegType.PTR_TO_SOCK_COMMON:
    case RegType.CONST_PTR_TO_MAP:
      return true
    case RegType.PTR_TO_BTF_ID:
      return isTrusted(reg)
    case RegType.PTR_TO_MEM:
      return (reg.type & TypeFlag.PTR_UNTRUSTED) === 0
    default:
      return false
  }
}

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
const reversed: Readonly<Record<number, number>> = {
  [op.BPF_JEQ]: op.BPF_JNE,
  [op.BPF_JNE]: op.BPF_JEQ,
  [op.BPF_JSET]: NOT_JSET,
  [op.BPF_JGE]: op.BPF_JLT,
  [op.BPF_JGT]: op.BPF_JLE,
  [op.BPF_JLE]: op.BPF_JGT,
  [op.BPF_JLT]: op.BPF_JGE,
  [op.BPF_JSGE]: op.BPF_JSLT,
  [op.BPF_JSGT]: op.BPF_JSLE,
  [op.BPF_JSLE]: op.BPF_JSGT,
  [op.BPF_JSLT]: op.BPF_JSGE,
}

type Outcome = 0 | 1 | -1

/** Orders by which the four pairs of bounds are compared: -1 below, 0 equal, 1 above. */
const unsignedOrder = (a: w.U64, b: w.U64): number => (w.ult(a, b) ? -1 : w.ult(b, a) ? 1 : 0)
const signedOrder = (a: w.U64, b: w.U64): number => (w.slt(a, b) ? -1 : w.slt(b, a) ? 1 : 0)

/** is_scalar_branch_taken. */
function scalarOutcome(a: RegState, b: RegState, operation: number, is32: boolean): Outcome {
  let t1 = is32 ? t.subreg(a.varOff) : a.varOff
  let t2 = is32 ? t.subreg(b.varOff) : b.varOff
  // Comparisons of ends: low of a with high of b, and high of a with low of b.
  const uLowHigh = is32 ? Math.sign(a.u32min - b.u32max) : unsignedOrder(a.umin, b.umax)
  const uHighLow = is32 ? Math.sign(a.u32max - b.u32min) : unsignedOrder(a.umax, b.umin)
  const sLowHigh = is32 ? Math.sign(a.s32min - b.s32max) : signedOrder(a.smin, b.smax)
  const sHighLow = is32 ? Math.sign(a.s32max - b.s32min) : signedOrder(a.smax, b.smin)
  switch (operation) {
    case op.BPF_JEQ:
    case op.BPF_JNE: {
      const no: Outcome = operation === op.BPF_JEQ ? 0 : 1
      if (t.isConst(t1) && t.isConst(t2)) return w.eq(t1.value, t2.value) ? (no === 0 ? 1 : 0) : no
      if (!t.overlap(t1, t2)) return no
      if (uLowHigh > 0 || uHighLow < 0 || sLowHigh > 0 || sHighLow < 0) return no
      if (!is32 && (a.u32min > b.u32max || a.u32max < b.u32min || a.s32min > b.s32max || a.s32max < b.s32min)) return no
      return -1
    }
    case op.BPF_JSET: {
      if (!isConstIn(b, is32)) {
        if (!isConstIn(a, is32)) return -1
        ;[t1, t2] = [t2, t1]
      }
      const sure = w.and(t1.value, t2.value)
      if (!w.isZero(sure)) return 1
      return w.isZero(w.and(w.or(t1.mask, t1.value), t2.value)) ? 0 : -1
    }
    case op.BPF_JGT:
      return uLowHigh > 0 ? 1 : uHighLow <= 0 ? 0 : -1
    case op.BPF_JSGT:
      return sLowHigh > 0 ? 1 : sHighLow <= 0 ? 0 : -1
    case op.BPF_JLT:
      return uHighLow < 0 ? 1 : uLowHigh >= 0 ? 0 : -1
    case op.BPF_JSLT:
      return sHighLow < 0 ? 1 : sLowHigh >= 0 ? 0 : -1
    case op.BPF_JGE:
      return uLowHigh >= 0 ? 1 : uHighLow < 0 ? 0 : -1
    case op.BPF_JSGE:
      return sLowHigh >= 0 ? 1 : sHighLow < 0 ? 0 : -1
    case op.BPF_JLE:
      return uHighLow <= 0 ? 1 : uLowHigh > 0 ? 0 : -1
    case op.BPF_JSLE:
      return sHighLow <= 0 ? 1 : sLowHigh > 0 ? 0 : -1
    default:
      return -1
  }
}

const isConstIn = (reg: RegState, is32: boolean): boolean =>
  isScalar(reg) && (is32 ? t.subregIsConst(reg.varOff) : t.isConst(reg.varOff))
const constIn = (reg: RegState, is32: boolean): w.U64 => (is32 ? w.fromU32(reg.varOff.value.lo) : reg.varOff.value)

/** is_pkt_ptr_branch_taken. */
function packetOutcome(dst: RegState, src: RegState, operation: number): Outcome {
  let packet: RegState
  let order = operation
  if (src.type === RegType.PTR_TO_PACKET_END) packet = dst
  else if (dst.type === RegType.PTR_TO_PACKET_END) {
    packet = src
    order = flipped[operation] ?? operation
  } else return -1
  if (packet.range >= 0) return -1
  switch (order) {
    case op.BPF_JLE:
    case op.BPF_JGT:
      return packet.range === BEYOND_PKT_END ? (order === op.BPF_JGT ? 1 : 0) : -1
    case op.BPF_JLT:
    case op.BPF_JGE:
      return order === op.BPF_JGE ? 1 : 0
    default:
      return -1
  }
}

/** is_branch_taken. */
function outcomeOf(env: Env, dst: RegState, src: RegState, operation: number, is32: boolean): Outcome {
  if (isPacketPointerAny(dst) && isPacketPointerAny(src) && !is32) return packetOutcome(dst, src, operation)
  if (!env.kernel.refineBoth) return constantOutcome(dst, src, operation, is32)
  if (isScalar(dst) && isScalar(src)) return scalarOutcome(dst, src, operation, is32)
  if (is32) return -1
  const [pointer, number] = isConstScalar(src) ? [dst, src] : [src, dst]
  if (!isConstScalar(number) || !notNull(env, pointer) || !w.isZero(number.varOff.value)) return -1
  return operation === op.BPF_JEQ ? 0 : operation === op.BPF_JNE ? 1 : -1
}

/** regs_refine_cond_op: what both registers (fresh clones) are known to be where the comparison holds. */
function refine(reg1: RegState, reg2: RegState, operation: number, is32: boolean): void {
  let a = reg1
  let b = reg2
  let order = operation
  if (order === op.BPF_JGE || order === op.BPF_JGT || order === op.BPF_JSGE || order === op.BPF_JSGT) {
    order = flipped[order]!
    ;[a, b] = [b, a]
  }
  switch (order) {
    case op.BPF_JEQ:
      if (is32) {
        a.u32min = b.u32min = Math.max(a.u32min, b.u32min)
        a.u32max = b.u32max = Math.min(a.u32max, b.u32max)
        a.s32min = b.s32min = Math.max(a.s32min, b.s32min)
        a.s32max = b.s32max = Math.min(a.s32max, b.s32max)
        const both = t.intersect(t.subreg(a.varOff), t.subreg(b.varOff))
        a.varOff = t.withSubreg(a.varOff, both)
        b.varOff = t.withSubreg(b.varOff, both)
      } else {
        a.umin = b.umin = w.umax(a.umin, b.umin)
        a.umax = b.umax = w.umin(a.umax, b.umax)
        a.smin = b.smin = w.smax(a.smin, b.smin)
        a.smax = b.smax = w.smin(a.smax, b.smax)
        a.varOff = b.varOff = t.intersect(a.varOff, b.varOff)
      }
      return
    case op.BPF_JNE: {
      if (!isConstIn(b, is32)) [a, b] = [b, a]
      if (!isConstIn(b, is32)) return
      const value = constIn(b, is32)
      if (is32) {
        const low = value.lo
        if (a.u32min === low >>> 0) a.u32min = (a.u32min + 1) >>> 0
        if (a.u32max === low >>> 0) a.u32max = (a.u32max - 1) >>> 0
        if (a.s32min === low) a.s32min = (a.s32min + 1) | 0
        if (a.s32max === low) a.s32max = (a.s32max - 1) | 0
      } else {
        if (w.eq(a.umin, value)) a.umin = w.add(a.umin, w.ONE)
        if (w.eq(a.umax, value)) a.umax = w.sub(a.umax, w.ONE)
        if (w.eq(a.smin, value)) a.smin = w.add(a.smin, w.ONE)
        if (w.eq(a.smax, value)) a.smax = w.sub(a.smax, w.ONE)
      }
      return
    }
    case op.BPF_JSET: {
      if (!isConstIn(b, is32)) [a, b] = [b, a]
      if (!isConstIn(b, is32)) return
      const value = constIn(b, is32)
      if (w.isZero(value) || !w.isZero(w.and(value, w.sub(value, w.ONE)))) return
      if (is32) a.varOff = t.withSubreg(a.varOff, t.tnumOr(t.subreg(a.varOff), t.tnumConst(value)))
      else a.varOff = t.tnumOr(a.varOff, t.tnumConst(value))
      return
    }
    case NOT_JSET: {
      if (!isConstIn(b, is32)) [a, b] = [b, a]
      if (!isConstIn(b, is32)) return
      const value = constIn(b, is32)
      setUnbounded(a)
      if (is32) a.varOff = t.withSubreg(a.varOff, t.tnumAnd(t.subreg(a.varOff), t.tnumConst(w.not(value))))
      else a.varOff = t.tnumAnd(a.varOff, t.tnumConst(w.not(value)))
      return
    }
    case op.BPF_JLE:
      if (is32) {
        a.u32max = Math.min(a.u32max, b.u32max)
        b.u32min = Math.max(a.u32min, b.u32min)
      } else {
        a.umax = w.umin(a.umax, b.umax)
        b.umin = w.umax(a.umin, b.umin)
      }
      return
    case op.BPF_JLT:
      if (is32) {
        a.u32max = Math.min(a.u32max, (b.u32max - 1) >>> 0)
        b.u32min = Math.max((a.u32min + 1) >>> 0, b.u32min)
      } else {
        a.umax = w.umin(a.umax, w.sub(b.umax, w.ONE))
        b.umin = w.umax(w.add(a.umin, w.ONE), b.umin)
      }
      return
    case op.BPF_JSLE:
      if (is32) {
        a.s32max = Math.min(a.s32max, b.s32max)
        b.s32min = Math.max(a.s32min, b.s32min)
      } else {
        a.smax = w.smin(a.smax, b.smax)
        b.smin = w.smax(a.smin, b.smin)
      }
      return
    case op.BPF_JSLT:
      if (is32) {
        a.s32max = Math.min(a.s32max, (b.s32max - 1) | 0)
        b.s32min = Math.max((a.s32min + 1) | 0, b.s32min)
      } else {
        a.smax = w.smin(a.smax, w.sub(b.smax, w.ONE))
        b.smin = w.smax(w.add(a.smin, w.ONE), b.smin)
      }
  }
}

/** collect_linked_regs: everything with the same id, at most six; further ones lose their id. */
function collectLinked(env: Env, id: number, into: number[]): void {
  const most = env.kernel.linkedHistory ? 6 : Infinity
  const wanted = id & ~BPF_ADD_CONST
  const { frames } = env.state
  for (let f = frames.length - 1; f >= 0; f--) {
    const frame = frames[f]!
    const { regs, stack } = frame
    const place = f === frames.length - 1 ? env.insnIdx : frames[f + 1]!.callsite
    const live = env.kernel.linkedLiveOnly ? env.liveRegs[place]! : -1
    for (let i = 0; i < 10; i++) {
      if (!((live >> i) & 1)) continue
      const reg = regs[i]!
      if (!isScalar(reg) || (reg.id & ~BPF_ADD_CONST) !== wanted) continue
      if (into.length < most) into.push((f << 8) | 128 | i)
      else regs[i] = withoutId(reg)
    }
    for (let i = 0; i < stack.length; i++) {
      const slot = stack[i]!
      if (
        !isSpilled(slot) ||
        (!env.kernel.narrowSpillsLinked && typeAt(slot, 0) !== Slot.SPILL) ||
        !isScalar(slot.spilled) ||
        (slot.spilled.id & ~BPF_ADD_CONST) !== wanted
      )
        continue
      if (into.length < most) into.push((f << 8) | i)
      else frame.setSlot(i, new StackSlot(slot.types, withoutId(slot.spilled)))
    }
  }
}

/** sync_linked_regs: what was learnt of one register holds for those linked to it. */
function syncLinked(env: Env, state: VerifierState, known: RegState, linked: readonly number[]): void {
  for (const entry of linked) {
    const frame = state.frames[entry >> 8]!
    const index = entry & 127
    const isReg = (entry & 128) !== 0
    const reg = isReg ? frame.regs[index]! : frame.stack[index]!.spilled
    if (!isScalar(reg) || reg === known) continue
    if ((reg.id & ~BPF_ADD_CONST) !== (known.id & ~BPF_ADD_CONST)) continue
    // Differences of 32 bits and of 64 bits tell nothing of each other.
    if (((reg.id ^ known.id) & BPF_ADD_CONST) === BPF_ADD_CONST) continue
    let result = known
    if (((reg.id | known.id) & BPF_ADD_CONST) !== 0 && reg.off !== known.off) {
      const apart = reg.off - known.off
      const difference = knownScalar(env.kernel.linkedDifferences ? w.fromNumber(apart) : w.fromS32(apart | 0))
      result = known.clone()
      result.off = reg.off
      result.id = reg.id
      add32(result, difference, env.kernel)
      add64(result, difference, env.kernel)
      result.varOff = t.tnumAdd(result.varOff, difference.varOff)
      if ((reg.id | known.id) & BPF_ADD_CONST32) zeroExtend(result)
      if (env.kernel.linkedDifferences) env.sync(result)
    }
    if (isReg) frame.regs[index] = result
    else frame.setSlot(index, new StackSlot(frame.stack[index]!.types, result))
  }
}

/** mark_ptr_not_null_reg. */
export function asNotNull(reg: RegState): RegState {
  const copy = reg.clone()
  if (baseType(reg.type) === RegType.PTR_TO_MAP_VALUE) {
    const map = reg.map!
    if (map.inner) {
      copy.type = RegType.CONST_PTR_TO_MAP
      copy.map = map.inner
      if (hasField(map.inner.record, 'timer', 'wq', 'task_work')) copy.mapUid = reg.id
    } else if (map.type === 17) copy.type = RegType.PTR_TO_XDP_SOCK
    else if (map.type === 15 || map.type === 18) copy.type = RegType.PTR_TO_SOCKET
    else copy.type = RegType.PTR_TO_MAP_VALUE
    return copy
  }
  copy.type &= ~TypeFlag.PTR_MAYBE_NULL
  return copy
}

/** mark_ptr_or_null_regs: all pointers of that id are null, or none is. */
function markNull(env: Env, state: VerifierState, regno: number, isNull: boolean): void {
  const { id, refObjId } = state.frame.regs[regno]!
  if (refObjId && refObjId === id && isNull) state.refs = state.refs.filter(ref => ref.id !== id)
  mapRegisters(state, reg => {
    if (!mayBeNull(reg.type) || reg.id !== id || (!reg.id && !(reg.type & TypeFlag.MEM_RCU))) return reg
    if (!w.isZero(reg.smin) || !w.isZero(reg.smax) || !t.isConstZero(reg.varOff)) return reg
    if (!(isAllocatedObject(reg.type) || isNonOwningRef(reg.type)) && reg.off) return reg
    if (isNull) {
      if (reg.off === 0) return constScalar(w.ZERO)
      const zero = knownScalar(w.ZERO)
      zero.off = reg.off
      return zero
    }
    const known = asNotNull(reg)
    if (!hasField(recordOf(env, known), 'spin_lock', 'res_spin_lock')) known.id = 0
    return known
  })
}

/** find_good_pkt_pointers. */
function extendPacket(state: VerifierState, pointer: RegState, rightOpen: boolean): void {
  if (pointer.off < 0 || (pointer.off === 0 && rightOpen)) return
  const umax = w.toUnsigned(pointer.umax)
  if (umax > MAX_PACKET_OFF || umax + pointer.off > MAX_PACKET_OFF) return
  const range = pointer.off + (rightOpen ? 1 : 0)
  mapRegisters(state, reg => {
    if (reg.type !== pointer.type || reg.id !== pointer.id || reg.range >= range) return reg
    const copy = reg.clone()
    copy.range = range
    return copy
  })
}

/** mark_pkt_end. */
function markPacketEnd(state: VerifierState, regno: number, open: boolean): void {
  const { regs } = state.frame
  if (regs[regno]!.type !== RegType.PTR_TO_PACKET) return
  const copy = regs[regno]!.clone()
  copy.range = open ? BEYOND_PKT_END : AT_PKT_END
  regs[regno] = copy
}

const isInitialPacket = (reg: RegState): boolean =>
  reg.type === RegType.PTR_TO_PACKET && reg.id === 0 && reg.off === 0 && t.isConstZero(reg.varOff)

/** try_match_pkt_pointers: comparison of a packet pointer with the end (or of metadata with the start). */
function matchPacket(env: Env, slot: number, dst: RegState, src: RegState, taken: VerifierState): boolean {
  const code = env.insns.code[slot]!
  if ((code & 8) !== op.BPF_X || (code & 7) === op.BPF_JMP32) return false
  const here = env.state
  const dstno = env.insns.dst[slot]!
  const srcno = env.insns.src[slot]!
  const dstFirst =
    (dst.type === RegType.PTR_TO_PACKET && src.type === RegType.PTR_TO_PACKET_END) ||
    (dst.type === RegType.PTR_TO_PACKET_META && isInitialPacket(src))
  const srcFirst =
    (dst.type === RegType.PTR_TO_PACKET_END && src.type === RegType.PTR_TO_PACKET) ||
    (isInitialPacket(dst) && src.type === RegType.PTR_TO_PACKET_META)
  switch (code & 0xf0) {
    case op.BPF_JGT:
      if (dstFirst) {
        extendPacket(here, dst, false)
        markPacketEnd(taken, dstno, true)
      } else if (srcFirst) {
        extendPacket(taken, src, true)
        markPacketEnd(here, srcno, false)
      } else return false
      return true
    case op.BPF_JLT:
      if (dstFirst) {
        extendPacket(taken, dst, true)
        markPacketEnd(here, dstno, false)
      } else if (srcFirst) {
        extendPacket(here, src, false)
        markPacketEnd(taken, srcno, true)
      } else return false
      return true
    case op.BPF_JGE:
      if (dstFirst) {
        extendPacket(here, dst, true)
        markPacketEnd(taken, dstno, false)
      } else if (srcFirst) {
        extendPacket(taken, src, false)
        markPacketEnd(here, srcno, true)
      } else return false
      return true
    case op.BPF_JLE:
      if (dstFirst) {
        extendPacket(taken, dst, false)
        markPacketEnd(here, dstno, true)
      } else if (srcFirst) {
        extendPacket(here, src, true)
        markPacketEnd(taken, srcno, false)
      } else return false
      return true
    default:
      return false
  }
}

/** may_goto: falls through for the time being; the jump is what happens when the budget is spent. */
function checkMayGoto(env: Env, slot: number): void {
  const { insns, state } = env
  const off = insns.off[slot]!
  if (!env.kernel.mayGoto) env.reject(`invalid BPF_JMP/JMP32 opcode ${op.BPF_JCOND.toString(16)}`)
  const reserved =
    insns.code[slot] !== (op.BPF_JMP | op.BPF_JCOND) || insns.src[slot] !== 0 || insns.dst[slot] !== 0 || insns.imm[slot] !== 0
  if (env.kernel.mayGotoNext && reserved) env.reject(`invalid may_goto imm ${insns.imm[slot]}`)
  if (!env.kernel.mayGotoNext && (reserved || off === 0)) env.reject(`invalid may_goto off ${off} imm ${insns.imm[slot]}`)
  const previous = findPreviousEntry(env, state.parent, slot)
  const queued = env.pushPath(slot + 1, slot)
  queued.mayGotoDepth++
  if (previous) widenImpreciseScalars(env, previous, queued)
  env.insnIdx += off
}

export function checkConditionalJump(env: Env, slot: number): void {
  const { insns } = env
  const code = insns.code[slot]!
  const operation = code & 0xf0
  const is32 = (code & 7) === op.BPF_JMP32
  if (operation === op.BPF_JA || operation > op.BPF_JCOND) env.reject(`invalid BPF_JMP/JMP32 opcode ${operation.toString(16)}`)
  if (operation === op.BPF_JCOND) return checkMayGoto(env, slot)
  const fromRegister = (code & 8) === op.BPF_X
  const dstno = insns.dst[slot]!
  const srcno = insns.src[slot]!
  const imm = insns.imm[slot]!
  const off = insns.off[slot]!
  let dst = env.readReg(dstno)
  let src: RegState
  let flags = 0
  if (fromRegister) {
    if (imm !== 0) env.reject('BPF_JMP/JMP32 uses reserved fields')
    src = env.readReg(srcno)
    if (!(isPacketPointerAny(dst) && isPacketPointerAny(src)) && env.hidesPointer(srcno))
      env.reject(`R${srcno} pointer comparison prohibited`, EACCES)
    if (src.type === RegType.PTR_TO_STACK) flags |= InsnFlag.SRC_REG_STACK
  } else {
    if (srcno !== 0) env.reject('BPF_JMP/JMP32 uses reserved fields')
    src = constScalar(w.fromS32(imm))
  }
  if (dst.type === RegType.PTR_TO_STACK) flags |= InsnFlag.DST_REG_STACK
  if (flags) env.pushHistory(flags)
  const outcome = outcomeOf(env, dst, src, operation, is32)
  if (outcome >= 0) {
    if (isScalar(dst)) markChainPrecision(env, dstno)
    if (fromRegister && isScalar(src)) markChainPrecision(env, srcno)
    if (env.speculation) pushUntaken(env, outcome === 1 ? slot + 1 : slot + off + 1, slot)
    env.printTouched()
    if (outcome === 1) env.insnIdx += off
    return
  }
  const linked: number[] = []
  if (fromRegister && isScalar(src) && src.id) collectLinked(env, src.id, linked)
  if (isScalar(dst) && dst.id) collectLinked(env, dst.id, linked)
  if (linked.length > 1 && env.kernel.linkedHistory) env.pushHistory(0, linked)
  // Beyond six links the registers themselves may have lost theirs.
  dst = env.reg(dstno)
  if (fromRegister) src = env.reg(srcno)
  const taken = env.pushPath(slot + off + 1, slot)
  const here = env.state
  if (isScalar(dst) && isScalar(src)) {
    const sameReg = fromRegister && srcno === dstno
    const falseDst = dst.clone()
    const falseSrc = sameReg ? falseDst : src.clone()
    const trueDst = dst.clone()
    const trueSrc = sameReg ? trueDst : src.clone()
    if (env.kernel.refineBoth) {
      refine(falseDst, falseSrc, reversed[operation]!, is32)
      env.sync(falseDst)
      env.sync(falseSrc)
      refine(trueDst, trueSrc, operation, is32)
      env.sync(trueDst)
      env.sync(trueSrc)
    } else learnFromConstant({ trueDst, trueSrc, falseDst, falseSrc }, operation, is32, env.kernel)
    env.sanity(trueDst, 'true_reg1')
    env.sanity(trueSrc, 'true_reg2')
    env.sanity(falseDst, 'false_reg1')
    env.sanity(falseSrc, 'false_reg2')
    here.frame.regs[dstno] = falseDst
    taken.frame.regs[dstno] = trueDst
    if (fromRegister) {
      here.frame.regs[srcno] = falseSrc
      taken.frame.regs[srcno] = trueSrc
    }
  }
  if (fromRegister) {
    const reg = here.frame.regs[srcno]!
    if (isScalar(reg) && reg.id) {
      syncLinked(env, here, reg, linked)
      syncLinked(env, taken, taken.frame.regs[srcno]!, linked)
    }
  }
  const reg = here.frame.regs[dstno]!
  if (isScalar(reg) && reg.id) {
    syncLinked(env, here, reg, linked)
    syncLinked(env, taken, taken.frame.regs[dstno]!, linked)
  }
  if (
    env.kernel.equalPointersNotNull &&
    !is32 &&
    fromRegister &&
    !isScalar(src) &&
    !isScalar(dst) &&
    baseType(src.type) !== RegType.PTR_TO_BTF_ID &&
    baseType(dst.type) !== RegType.PTR_TO_BTF_ID
  ) {
    const equal = operation === op.BPF_JEQ ? taken : operation === op.BPF_JNE ? here : undefined
    if (equal) {
      const { regs } = equal.frame
      if (notNull(env, dst) && mayBeNull(src.type)) regs[srcno] = asNotNull(regs[srcno]!)
      else if (notNull(env, src) && mayBeNull(dst.type)) regs[dstno] = asNotNull(regs[dstno]!)
    }
  }
  if (!is32 && !fromRegister && imm === 0 && (operation === op.BPF_JEQ || operation === op.BPF_JNE) && mayBeNull(dst.type)) {
    markNull(env, here, dstno, operation === op.BPF_JNE)
    markNull(env, taken, dstno, operation === op.BPF_JEQ)
  } else if (!matchPacket(env, slot, dst, src, taken) && env.hidesPointer(dstno))
    env.reject(`R${dstno} pointer comparison prohibited`, EACCES)
  env.printTouched()
}

export { EACCES }
