/**
 * Precision backtracking (kernel/bpf/verifier.c: mark_chain_precision, backtrack_insn): where an exact value decided something, the
 * registers and slots it came from are marked in all checkpoints back to its origin, so that pruning compares them exactly.
 */
import { helperId } from '../../kernel/helper-names.js'
import * as op from '../../../assembler/isa/opcodes.js'
import { EFAULT, type Env } from '../env.js'
import {
  BPF_MAIN_FUNC,
  type HistoryEntry,
  isSpilled,
  isSpilledScalar,
  MAX_CALL_FRAMES,
  type VerifierState,
} from '../state/frames.js'
import { isScalar } from '../state/registers.js'
import { stateText } from '../log/print-state.js'
import { isSyncCallbackCall } from './callbacks.js'
import { markFramePrecision, propagateFramePrecision } from './precision-frame.js'

/** Flags of a history entry: frame in bits 0 to 2, slot in bits 3 to 8. */
export const InsnFlag = { STACK_ACCESS: 1 << 9, DST_REG_STACK: 1 << 10, SRC_REG_STACK: 1 << 11 } as const
export const stackAccess = (frameno: number, spi: number): number => InsnFlag.STACK_ACCESS | (spi << 3) | frameno

const ARG_REGS = 0x3e

/** What is being traced back: registers and slots by frame. */
class Backtrack {
  frame = 0
  readonly regs = new Int32Array(MAX_CALL_FRAMES)
  readonly low = new Int32Array(MAX_CALL_FRAMES)
  readonly high = new Int32Array(MAX_CALL_FRAMES)

  reset(frame: number): void {
    this.frame = frame
    // For so few, a loop takes less than three calls of `fill`.
    for (let i = 0; i < MAX_CALL_FRAMES; i++) this.regs[i] = this.low[i] = this.high[i] = 0
  }

  get empty(): boolean {
    for (let i = 0; i <= this.frame; i++) if (this.regs[i] !== 0 || this.low[i] !== 0 || this.high[i] !== 0) return false
    return true
  }

  has(reg: number): boolean {
    return ((this.regs[this.frame]! >>> reg) & 1) !== 0
  }
  set(reg: number): void {
    this.regs[this.frame]! |= 1 << reg
  }
  clear(reg: number): void {
    this.regs[this.frame]! &= ~(1 << reg)
  }
  setIn(frame: number, reg: number): void {
    this.regs[frame]! |= 1 << reg
  }
  hasSlot(frame: number, spi: number): boolean {
    return (((spi < 32 ? this.low[frame]! : this.high[frame]!) >>> (spi & 31)) & 1) !== 0
  }
  setSlot(frame: number, spi: number): void {
    if (spi < 32) this.low[frame]! |= 1 << spi
    else this.high[frame]! |= 1 << (spi - 32)
  }
  clearSlot(frame: number, spi: number): void {
    if (spi < 32) this.low[frame]! &= ~(1 << spi)
    else this.high[frame]! &= ~(1 << (spi - 32))
  }
  get noSlots(): boolean {
    return this.low[this.frame] === 0 && this.high[this.frame] === 0
  }
}

const TAIL_CALL = helperId('tail_call')

const bt = new Backtrack()

const regMaskText = (mask: number): string => {
  const names: string[] = []
  for (let i = 0; i < 32; i++) if ((mask >>> i) & 1) names.push(`r${i}`)
  return names.join(',')
}
const slotMaskText = (low: number, high: number): string => {
  const names: number[] = []
  for (let i = 0; i < 64; i++) if (((i < 32 ? low : high) >>> (i & 31)) & 1) names.push(-(i + 1) * 8)
  return names.join(',')
}

function bug(env: Env, text: string): never {
  env.reject(text, EFAULT)
}

/** bt_sync_linked_regs. */
function syncLinked(history: HistoryEntry | undefined): void {
  const linked = history?.linked
  if (!linked) return
  const holds = (entry: number) => {
    const frame = entry >> 8
    const index = entry & 127
    return entry & 128 ? ((bt.regs[frame]! >>> index) & 1) !== 0 : bt.hasSlot(frame, index)
  }
  if (!linked.some(holds)) return
  for (const entry of linked) {
    if (entry & 128) bt.setIn(entry >> 8, entry & 127)
    else bt.setSlot(entry >> 8, entry & 127)
  }
}

/** One instruction back. Returns false where that cannot be modelled: everything becomes precise. */
function backtrackInsn(env: Env, idx: number, subseqIdx: number, history: HistoryEntry | undefined): boolean {
  const { insns } = env
  const code = insns.code[idx]!
  if (code === 0) return true
  const kind = code & 7
  const operation = code & 0xf0
  const fromRegister = (code & 8) === op.BPF_X
  const dst = insns.dst[idx]!
  const src = insns.src[idx]!
  if (env.log.level & 2)
    env.say(
      `mark_precise: frame${bt.frame}: regs=${regMaskText(bt.regs[bt.frame]!)} stack=${slotMaskText(bt.low[bt.frame]!, bt.high[bt.frame]!)} before ${idx}: ${env.insnText(idx)}\n`,
    )
  syncLinked(history)
  const imm = insns.imm[idx]!
  const atomic = kind === op.BPF_STX && (code & 0xe0) === op.BPF_ATOMIC
  const fetches = (imm & op.BPF_FETCH) !== 0 && env.kernel.fetchedPrecision
  const atomicLoad = atomic && (fetches || imm === op.BPF_LOAD_ACQ) && imm !== op.BPF_STORE_REL
  if (kind === op.BPF_ALU || kind === op.BPF_ALU64) {
    if (!bt.has(dst)) return true
    if (operation === op.BPF_END || operation === op.BPF_NEG) return true
    if (operation === op.BPF_MOV) {
      bt.clear(dst)
      if (fromRegister && src !== 10) bt.set(src)
    } else if (fromRegister && src !== 10) bt.set(src)
  } else if (kind === op.BPF_LDX || atomicLoad) {
    let loaded = dst
    if (atomicLoad && imm !== op.BPF_LOAD_ACQ) loaded = imm === op.BPF_CMPXCHG ? 0 : src
    if (!bt.has(loaded)) return true
    bt.clear(loaded)
    if (!history || !(history.flags & InsnFlag.STACK_ACCESS)) return true
    bt.setSlot(history.flags & 7, (history.flags >> 3) & 63)
  } else if (kind === op.BPF_STX || kind === op.BPF_ST) {
    if (bt.has(dst)) return false
    if (!history || !(history.flags & InsnFlag.STACK_ACCESS)) return true
    const frame = history.flags & 7
    const spi = (history.flags >> 3) & 63
    if (!bt.hasSlot(frame, spi)) return true
    bt.clearSlot(frame, spi)
    if (kind === op.BPF_STX) bt.set(src)
  } else if (kind === op.BPF_JMP || kind === op.BPF_JMP32) {
    if (operation === op.BPF_CALL && kind === op.BPF_JMP) {
      const { regs } = bt
      if (src === op.BPF_PSEUDO_CALL) {
        const subprog = env.subprogAt(idx + imm + 1)
        if (subprog < 0) bug(env, 'verifier bug')
        if (env.subprogs[subprog]!.global) {
          if (regs[bt.frame]! & ARG_REGS) bug(env, `BUG regs ${regs[bt.frame]!.toString(16)}`)
          bt.clear(0)
          return true
        }
        if (regs[bt.frame]! & ~ARG_REGS) bug(env, `BUG regs ${regs[bt.frame]!.toString(16)}`)
        if (!bt.noSlots) bug(env, 'BUG stack slots')
        for (let i = 1; i <= 5; i++)
          if (bt.has(i)) {
            bt.clear(i)
            bt.setIn(bt.frame - 1, i)
          }
        leaveFrame(env)
        return true
      }
      if (isSyncCallbackCall(env, idx) && idx !== subseqIdx - 1) {
        if (regs[bt.frame]! & ~ARG_REGS) bug(env, `BUG regs ${regs[bt.frame]!.toString(16)}`)
        if (!bt.noSlots) bug(env, 'BUG stack slots')
        for (let i = 1; i <= 5; i++) bt.clear(i)
        leaveFrame(env)
        return true
      }
      if (src === op.BPF_PSEUDO_KFUNC_CALL && imm === 0) return false
      bt.clear(0)
      if (regs[bt.frame]! & ARG_REGS) bug(env, `BUG regs ${regs[bt.frame]!.toString(16)}`)
      if (src === 0 && imm === TAIL_CALL && env.kernel.tailCallReturns && subseqIdx - idx !== 1) enterFrame(env)
    } else if (operation === op.BPF_EXIT) {
      const fromCall =
        subseqIdx - 1 >= 0 &&
        insns.code[subseqIdx - 1] === (op.BPF_JMP | op.BPF_CALL) &&
        insns.src[subseqIdx - 1] === op.BPF_PSEUDO_CALL
      const r0 = fromCall && bt.has(0)
      // A callback's arguments are set by the function that calls it.
      const callbackArgs = env.kernel.callbackArgsSet && subseqIdx >= 0 && env.callsCallback[subseqIdx]
      if (callbackArgs) for (let i = 1; i <= 5; i++) bt.clear(i)
      if (fromCall && bt.regs[bt.frame]! & ARG_REGS) bug(env, `BUG regs ${bt.regs[bt.frame]!.toString(16)}`)
      bt.clear(0)
      enterFrame(env)
      if (r0) bt.set(0)
      return true
    } else if (fromRegister) {
      if (!bt.has(dst) && !bt.has(src)) return true
      if (!history || !(history.flags & InsnFlag.SRC_REG_STACK)) bt.set(src)
      if (!history || !(history.flags & InsnFlag.DST_REG_STACK)) bt.set(dst)
    }
  } else if (kind === op.BPF_LD) {
    const mode = code & 0xe0
    if (mode === op.BPF_IMM) {
      bt.clear(dst)
      return true
    }
    if (bt.has(dst)) return false
    if (subseqIdx !== idx + 1) enterFrame(env)
    return true
  }
  syncLinked(history)
  return true
}

/** False for an instruction that backtrackInsn, without a history entry, would leave everything as it is for: most of those that are gone back over. */
function concerns(code: number, dst: number): boolean {
  switch (code & 7) {
    case op.BPF_ALU:
    case op.BPF_ALU64:
    case op.BPF_LDX:
      return bt.has(dst)
    case op.BPF_JMP:
    case op.BPF_JMP32: {
      const operation = code & 0xf0
      return operation === op.BPF_CALL || operation === op.BPF_EXIT || (code & 8) === op.BPF_X
    }
    default:
      return true
  }
}

function leaveFrame(env: Env): void {
  if (bt.frame === 0) bug(env, 'BUG subprog exit from frame 0')
  bt.frame--
}

function enterFrame(env: Env): void {
  if (bt.frame === MAX_CALL_FRAMES - 1) bug(env, `BUG subprog enter from frame ${bt.frame}`)
  bt.frame++
}

/** mark_all_scalars_precise: in all checkpoints above a state. */
export function markAllPrecise(env: Env, from: VerifierState): void {
  if (env.log.level & 2) env.say(`mark_precise: frame${from.curframe}: falling back to forcing all scalars precise\n`)
  for (let state = from.parent; state; state = state.parent)
    for (const frame of state.frames) {
      for (let i = 0; i < 10; i++)
        if (isScalar(frame.regs[i]!) && !((frame.preciseRegs >> i) & 1)) {
          frame.preciseRegs |= 1 << i
          if (env.log.level & 2) env.say(`force_precise: frame${frame.frameno}: forcing r${i} to be precise\n`)
        }
      frame.stack.forEach((slot, spi) => {
        if (!isSpilledScalar(slot) || frame.slotIsPrecise(spi)) return
        frame.markSlotPrecise(spi)
        if (env.log.level & 2) env.say(`force_precise: frame${frame.frameno}: forcing fp${-(spi + 1) * 8} to be precise\n`)
      })
    }
}

/** mark_chain_precision: the value of a register of the current frame decided something. A negative register does nothing. */
export function markChainPrecision(env: Env, regno: number): void {
  if (regno < 0 || !env.capable) return
  const { state } = env
  if (!env.kernel.subprogPrecision) return markFramePrecision(env, state.curframe, regno, -1)
  bt.reset(state.curframe)
  if (!isScalar(state.frame.regs[regno]!)) return
  bt.set(regno)
  run(env, state, env.insnIdx)
}

/** The same for a number that was spilled. */
export function markSlotPrecision(env: Env, frameno: number, spi: number): void {
  if (!env.capable) return
  const { state } = env
  if (!env.kernel.subprogPrecision) return markFramePrecision(env, frameno, -1, spi)
  bt.reset(state.curframe)
  bt.setSlot(frameno, spi)
  run(env, state, env.insnIdx)
}

/**
 * propagate_precision: what a pruned-to state needs precise is needed of the state that was found equal. Returns whether a mark
 * was set that had not been there.
 */
export function propagatePrecision(env: Env, old: VerifierState, current: VerifierState): boolean {
  if (!env.capable) return false
  if (!env.kernel.subprogPrecision) {
    propagateFramePrecision(env, old)
    return false
  }
  bt.reset(current.curframe)
  for (let f = old.curframe; f >= 0; f--) {
    const frame = old.frames[f]!
    const names: string[] = []
    for (let i = 0; i < 10; i++)
      if ((frame.preciseRegs >> i) & 1 && isScalar(frame.regs[i]!)) {
        bt.setIn(f, i)
        names.push(`r${i}`)
      }
    for (let spi = 0; spi < frame.stack.length; spi++)
      if (frame.slotIsPrecise(spi) && isSpilled(frame.stack[spi]!) && isScalar(frame.stack[spi]!.spilled)) {
        bt.setSlot(f, spi)
        names.push(`fp${-(spi + 1) * 8}`)
      }
    if (names.length && env.log.level & 2) env.say(`frame ${f}: propagating ${names.join(',')}\n`)
  }
  if (bt.empty) return false
  return run(env, current, current === env.state ? env.insnIdx : current.insnIdx)
}

/** __mark_chain_precision, with what is wanted already in `bt`. */
function run(env: Env, from: VerifierState, insnIdx: number): boolean {
  let state = from
  let firstIdx = state.firstInsnIdx
  let lastIdx = insnIdx
  let subseqIdx = -1
  let skipFirst = true
  let changed = false
  const { insns } = env
  const told = (env.log.level & 2) !== 0
  for (;;) {
    const { history } = state
    let end = history.length
    let last = end > 0 ? history[end - 1] : undefined
    if (told) env.say(`mark_precise: frame${bt.frame}: last_idx ${lastIdx} first_idx ${firstIdx} subseq_idx ${subseqIdx} \n`)
    if (lastIdx < 0) {
      if (
        state.curframe === 0 &&
        state.frames[0]!.subprogno > 0 &&
        state.frames[0]!.callsite === BPF_MAIN_FUNC &&
        bt.noSlots &&
        (bt.regs[bt.frame]! & ~ARG_REGS) === 0
      )
        return changed
      bug(
        env,
        `BUG backtracking func entry subprog ${state.frames[0]!.subprogno} reg_mask ${(bt.regs[bt.frame]! >>> 0).toString(16)} stack_mask ${(bt.low[bt.frame]! >>> 0).toString(16)}`,
      )
    }
    for (let i = lastIdx; ; ) {
      if (skipFirst) skipFirst = false
      else {
        const entry = last?.idx === i ? last : undefined
        if (entry || told || concerns(insns.code[i]!, insns.dst[i]!)) {
          if (!backtrackInsn(env, i, subseqIdx, entry)) {
            markAllPrecise(env, from)
            return true
          }
          if (bt.empty) return changed
        }
      }
      subseqIdx = i
      // get_prev_insn_idx
      const recorded = last?.idx === i
      if (i === state.firstInsnIdx && (end === 0 || (end === 1 && recorded))) break
      if (recorded) {
        i = last!.prevIdx
        last = --end > 0 ? history[end - 1] : undefined
      } else i--
      if (i >= insns.length || i < 0) bug(env, `BUG backtracking idx ${i}`)
    }
    if (!state.parent) break
    state = state.parent
    for (let f = bt.frame; f >= 0; f--) {
      const frame = state.frames[f]!
      const regMask = bt.regs[f]!
      for (let i = 0; regMask >>> i !== 0 && i < 32; i++) {
        if (!((regMask >>> i) & 1)) continue
        if (!isScalar(frame.regs[i]!) || (frame.preciseRegs >> i) & 1) bt.regs[f]! &= ~(1 << i)
        else {
          frame.preciseRegs |= 1 << i
          changed = true
        }
      }
      if (bt.low[f] !== 0 || bt.high[f] !== 0)
        for (let spi = 0; spi < 64; spi++) {
          if (!bt.hasSlot(f, spi)) continue
          if (spi >= frame.stack.length) bug(env, `BUG backtracking (stack slot ${spi}, total slots ${frame.stack.length})`)
          if (!isSpilledScalar(frame.stack[spi]!) || frame.slotIsPrecise(spi)) bt.clearSlot(f, spi)
          else {
            frame.markSlotPrecise(spi)
            changed = true
          }
        }
      if (env.log.level & 2)
        env.say(
          `mark_precise: frame${f}: parent state regs=${regMaskText(bt.regs[f]!)} stack=${slotMaskText(bt.low[f]!, bt.high[f]!)}: ${stateText(env, state, f)}\n`,
        )
    }
    if (bt.empty) return changed
    subseqIdx = firstIdx
    lastIdx = state.lastInsnIdx
    firstIdx = state.firstInsnIdx
  }
  if (!bt.empty) {
    markAllPrecise(env, from)
    return true
  }
  return changed
}
