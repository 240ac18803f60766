/**
 * Precision backtracking of kernels before 6.5: one register or slot at a time, within one function. Slots are known by `r10 - n` alone,
 * and a call of the program's own functions makes all numbers of the path precise (kernel/bpf/verifier.c of 6.1:
 * __mark_chain_precision, backtrack_insn, mark_all_scalars_precise).
 */
import * as op from '../../../assembler/isa/opcodes.js'
import { EFAULT, type Env } from '../env.js'
import { stateText } from '../log/print-state.js'
import { BPF_MAIN_FUNC, isSpilled, isSpilledScalar, type VerifierState } from '../state/frames.js'
import { isScalar } from '../state/registers.js'
import { isSyncCallbackCall } from './callbacks.js'

const ARG_REGS = 0x3e

/** Registers and slots (in two halves) still to be traced. */
interface Wanted {
  regs: number
  low: number
  high: number
}

const nothing = (wanted: Wanted): boolean => wanted.regs === 0 && wanted.low === 0 && wanted.high === 0
const hasSlot = (wanted: Wanted, spi: number): boolean => (((spi < 32 ? wanted.low : wanted.high) >>> (spi & 31)) & 1) !== 0
const setSlot = (wanted: Wanted, spi: number): void => {
  if (spi < 32) wanted.low |= 1 << spi
  else wanted.high |= 1 << (spi - 32)
}
const clearSlot = (wanted: Wanted, spi: number): void => {
  if (spi < 32) wanted.low &= ~(1 << spi)
  else wanted.high &= ~(1 << (spi - 32))
}
const slotsText = (wanted: Wanted): string =>
  wanted.high === 0
    ? (wanted.low >>> 0).toString(16)
    : (wanted.high >>> 0).toString(16) + (wanted.low >>> 0).toString(16).padStart(8, '0')

/** One instruction back; false where that is not modelled. */
function backtrack(env: Env, idx: number, wanted: Wanted): boolean {
  const { insns } = env
  const code = insns.code[idx]!
  if (code === 0) return true
  if (env.log.level & 2)
    env.say(`regs=${(wanted.regs >>> 0).toString(16)} stack=${slotsText(wanted)} before ${idx}: ${env.insnText(idx)}\n`)
  const kind = code & 7
  const operation = code & 0xf0
  const fromRegister = (code & 8) === op.BPF_X
  const src = insns.src[idx]!
  const dst = insns.dst[idx]!
  const dreg = 1 << dst
  const sreg = 1 << src
  const imm = insns.imm[idx]!
  const slotOf = (): number => {
    const spi = Math.trunc((-insns.off[idx]! - 1) / 8)
    if (spi >= 64 || spi < 0) env.reject(`BUG spi ${spi}`, EFAULT)
    return spi
  }
  const atomicFetch = kind === op.BPF_STX && (code & 0xe0) === op.BPF_ATOMIC && (imm & op.BPF_FETCH) !== 0
  if (kind === op.BPF_ALU || kind === op.BPF_ALU64) {
    if (!(wanted.regs & dreg) || operation === op.BPF_END || operation === op.BPF_NEG) return true
    if (operation === op.BPF_MOV) wanted.regs &= ~dreg
    if (fromRegister) wanted.regs |= sreg
  } else if (kind === op.BPF_LDX || atomicFetch) {
    const loaded = !atomicFetch ? dreg : imm === op.BPF_CMPXCHG ? 1 : sreg
    if (!(wanted.regs & loaded)) return true
    wanted.regs &= ~loaded
    if ((atomicFetch ? dst : src) === 10) setSlot(wanted, slotOf())
  } else if (kind === op.BPF_STX || kind === op.BPF_ST) {
    if (wanted.regs & dreg) return false
    if (dst !== 10) return true
    const spi = slotOf()
    if (!hasSlot(wanted, spi)) return true
    clearSlot(wanted, spi)
    if (kind === op.BPF_STX) wanted.regs |= sreg
  } else if (kind === op.BPF_JMP || kind === op.BPF_JMP32) {
    if (operation === op.BPF_CALL) {
      if (src === op.BPF_PSEUDO_CALL || (src === op.BPF_PSEUDO_KFUNC_CALL && imm === 0)) return false
      if (src === 0 && isSyncCallbackCall(env, idx)) return false
      wanted.regs &= ~1
      if (wanted.regs & 0x3f) env.reject(`BUG regs ${(wanted.regs >>> 0).toString(16)}`, EFAULT)
    } else if (operation === op.BPF_EXIT) return false
    else if (fromRegister && wanted.regs & (dreg | sreg)) wanted.regs |= dreg | sreg
  } else if (kind === op.BPF_LD) {
    if (!(wanted.regs & dreg)) return true
    wanted.regs &= ~dreg
    const mode = code & 0xe0
    if (mode === op.BPF_IND || mode === op.BPF_ABS) return false
  }
  return true
}

/** mark_all_scalars_precise: in all checkpoints above a state. */
function markAllPrecise(from: VerifierState): void {
  for (let state = from.parent; state; state = state.parent)
    for (const frame of state.frames) {
      for (let i = 0; i < 10; i++) if (isScalar(frame.regs[i]!)) frame.preciseRegs |= 1 << i
      frame.stack.forEach((slot, spi) => {
        if (isSpilledScalar(slot)) frame.markSlotPrecise(spi)
      })
    }
}

/** __mark_chain_precision for a register, or a slot (the other is -1), of a frame of the current state. */
export function markFramePrecision(env: Env, frameno: number, regno: number, spi: number): void {
  let { state } = env
  const own = state.frames[frameno]!
  const wanted: Wanted = { regs: 0, low: 0, high: 0 }
  if (regno >= 0) {
    if (!isScalar(own.regs[regno]!)) return
    wanted.regs = 1 << regno
  }
  if (spi >= 0) {
    if (!isSpilled(own.stack[spi]!) || !isScalar(own.stack[spi]!.spilled)) return
    setSlot(wanted, spi)
  }
  let lastIdx = env.insnIdx
  let firstIdx = state.firstInsnIdx
  let skipFirst = true
  for (;;) {
    const { history } = state
    let end = history.length
    if (env.log.level & 2) env.say(`last_idx ${lastIdx} first_idx ${firstIdx}\n`)
    if (lastIdx < 0) {
      const entry = state.frames[0]!
      const isEntry = state.curframe === 0 && entry.subprogno > 0 && entry.callsite === BPF_MAIN_FUNC
      if (isEntry && wanted.low === 0 && wanted.high === 0 && (wanted.regs & ~ARG_REGS) === 0) return
      env.reject(
        `BUG backtracing func entry subprog ${entry.subprogno} reg_mask ${(wanted.regs >>> 0).toString(16)} stack_mask ${slotsText(wanted)}`,
        EFAULT,
      )
    }
    for (let i = lastIdx; ; ) {
      if (skipFirst) skipFirst = false
      else if (!backtrack(env, i, wanted)) return markAllPrecise(state)
      if (nothing(wanted)) return
      // get_prev_insn_idx
      if (i === state.firstInsnIdx && (end === 0 || (end === 1 && history[0]!.idx === i))) break
      if (end > 0 && history[end - 1]!.idx === i) i = history[--end]!.prevIdx
      else i--
      if (i >= env.insns.length || i < 0) env.reject(`BUG backtracking idx ${i}`, EFAULT)
    }
    if (!state.parent) return
    state = state.parent
    const frame = state.frames[frameno]!
    let marked = false
    for (let i = 0; i < 10; i++) {
      if (!((wanted.regs >>> i) & 1)) continue
      if (!isScalar(frame.regs[i]!)) wanted.regs &= ~(1 << i)
      else if (!((frame.preciseRegs >> i) & 1)) {
        frame.preciseRegs |= 1 << i
        marked = true
      }
    }
    for (let slot = 0; slot < 64; slot++) {
      if (!hasSlot(wanted, slot)) continue
      if (slot >= frame.stack.length) return markAllPrecise(state)
      if (!isSpilledScalar(frame.stack[slot]!)) clearSlot(wanted, slot)
      else if (!frame.slotIsPrecise(slot)) {
        frame.markSlotPrecise(slot)
        marked = true
      }
    }
    if (env.log.level & 2)
      env.say(
        `parent ${marked ? "didn't have" : 'already had'} regs=${(wanted.regs >>> 0).toString(16)} stack=${slotsText(wanted)} marks:${stateText(env, state, frameno)}\n`,
      )
    if (nothing(wanted) || !marked) return
    lastIdx = state.lastInsnIdx
    firstIdx = state.firstInsnIdx
  }
}

/** propagate_precision: what the state that was found equal needs precise, the current one needs too. */
export function propagateFramePrecision(env: Env, old: VerifierState): void {
  for (let f = old.curframe; f >= 0; f--) {
    const frame = old.frames[f]!
    for (let i = 0; i < 10; i++) {
      if (!((frame.preciseRegs >> i) & 1) || !isScalar(frame.regs[i]!)) continue
      if (env.log.level & 2) env.say(`frame ${f}: propagating r${i}\n`)
      markFramePrecision(env, f, i, -1)
    }
    for (let spi = 0; spi < frame.stack.length; spi++) {
      if (!frame.slotIsPrecise(spi) || !isSpilledScalar(frame.stack[spi]!)) continue
      if (env.log.level & 2) env.say(`frame ${f}: propagating fp${-(spi + 1) * 8}\n`)
      markFramePrecision(env, f, -1, spi)
    }
  }
}
