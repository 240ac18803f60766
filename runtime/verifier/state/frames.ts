/**
 * Frames, stack slots and whole states (struct bpf_func_state, bpf_stack_state, bpf_verifier_state). A state owns its frames; what
 * stands in them (register values, slots) is shared and replaced rather than changed.
 */
import { NOT_INIT, pointer, type RegState } from './registers.js'
import { RegType } from '../../kernel/reg-types.js'

export const MAX_BPF_STACK = 512
export const MAX_CALL_FRAMES = 8
export const BPF_REG_SIZE = 8
export const BPF_MAIN_FUNC = -1

/** What a byte of the stack holds. */
export const Slot = { INVALID: 0, SPILL: 1, MISC: 2, ZERO: 3, DYNPTR: 4, ITER: 5, IRQ_FLAG: 6 } as const

/** Eight bytes of stack: a type for each byte (index 0 is the lowest address's… last written; see `types`) and the spilled value. */
export class StackSlot {
  constructor(
    /** Eight 4-bit types; nibble i is slot_type[i] of the kernel, where byte offset -1 of the slot's top is index 0. */
    readonly types: number,
    readonly spilled: RegState,
  ) {}
}

export const typeAt = (slot: StackSlot, index: number): number => (slot.types >>> (index * 4)) & 15
export const allTypes = (type: number): number => (type * 0x11111111) >>> 0
export const setType = (types: number, index: number, type: number): number =>
  ((types & ~(15 << (index * 4))) | (type << (index * 4))) >>> 0
export const EMPTY_SLOT = new StackSlot(0, NOT_INIT)

/** is_spilled_reg: the topmost index decides. */
export const isSpilled = (slot: StackSlot): boolean => slot.types >>> 28 === Slot.SPILL
export const isSpilledScalar = (slot: StackSlot): boolean => isSpilled(slot) && slot.spilled.type === RegType.SCALAR_VALUE
/** All eight bytes are a spilled scalar. */
export const isSpilledScalar64 = (slot: StackSlot): boolean =>
  (slot.types & 15) === Slot.SPILL && slot.spilled.type === RegType.SCALAR_VALUE
/** is_stack_slot_special. */
export const isSpecial = (slot: StackSlot): boolean => {
  const top = slot.types >>> 28
  return top === Slot.SPILL || top === Slot.DYNPTR || top === Slot.ITER || top === Slot.IRQ_FLAG
}

/** Replaces every type but INVALID by MISC (scrub_spilled_slot over a slot). */
export function scrubbed(types: number): number {
  let result = 0
  for (let i = 0; i < 8; i++) if ((types >>> (i * 4)) & 15) result |= Slot.MISC << (i * 4)
  return result >>> 0
}

export interface RetvalRange {
  readonly min: number
  readonly max: number
}

export class FuncState {
  /** r0 to r10. */
  regs: RegState[] = []
  private slots: StackSlot[] = []
  /** `slots` belongs to another frame as well: whoever writes first copies. */
  private shared = false
  /** Bit i: register i is marked precise. Only of meaning in checkpoints. */
  preciseRegs = 0
  /** Slots 0 to 31 and 32 to 63 likewise. */
  preciseLow = 0
  preciseHigh = 0
  /** Bit i: register i was written since the last checkpoint; slots likewise, 0 to 31 and 32 to 63. For the log. */
  writtenRegs = 0
  writtenLow = 0
  writtenHigh = 0
  callbackRetRange: RetvalRange = { min: 0, max: 0 }
  inCallbackFn = false
  inAsyncCallbackFn = false
  inExceptionCallbackFn = false
  callbackDepth = 0
  asyncEntryCnt = 0
  /** What was held when this frame called the next one; what that one releases stays here until it returns (kernels before 6.14). */
  refsAtCall: readonly Reference[] = []

  constructor(
    /** Slot of the call, or BPF_MAIN_FUNC. */
    readonly callsite: number,
    readonly frameno: number,
    readonly subprogno: number,
  ) {}

  clone(): FuncState {
    const copy = new FuncState(this.callsite, this.frameno, this.subprogno)
    copy.regs = this.regs.slice()
    copy.slots = this.slots
    copy.shared = this.shared = true
    copy.preciseRegs = this.preciseRegs
    copy.preciseLow = this.preciseLow
    copy.preciseHigh = this.preciseHigh
    copy.writtenRegs = this.writtenRegs
    copy.writtenLow = this.writtenLow
    copy.writtenHigh = this.writtenHigh
    copy.callbackRetRange = this.callbackRetRange
    copy.inCallbackFn = this.inCallbackFn
    copy.inAsyncCallbackFn = this.inAsyncCallbackFn
    copy.inExceptionCallbackFn = this.inExceptionCallbackFn
    copy.callbackDepth = this.callbackDepth
    copy.asyncEntryCnt = this.asyncEntryCnt
    copy.refsAtCall = this.refsAtCall
    return copy
  }

  /** Slot i covers frame offsets -8*(i+1) to -8*i-1. */
  get stack(): readonly StackSlot[] {
    return this.slots
  }

  setSlot(spi: number, slot: StackSlot): void {
    if (this.shared) {
      this.slots = this.slots.slice()
      this.shared = false
    }
    this.slots[spi] = slot
  }

  /** Makes room for so many slots, with nothing in them. */
  growTo(count: number): void {
    for (let spi = this.slots.length; spi < count; spi++) this.setSlot(spi, EMPTY_SLOT)
  }

  get allocatedStack(): number {
    return this.stack.length * BPF_REG_SIZE
  }

  slotIsPrecise(spi: number): boolean {
    return spi < 32 ? ((this.preciseLow >>> spi) & 1) !== 0 : ((this.preciseHigh >>> (spi - 32)) & 1) !== 0
  }

  slotIsWritten(spi: number): boolean {
    return spi < 32 ? ((this.writtenLow >>> spi) & 1) !== 0 : ((this.writtenHigh >>> (spi - 32)) & 1) !== 0
  }

  markSlotWritten(spi: number): void {
    if (spi < 32) this.writtenLow |= 1 << spi
    else this.writtenHigh |= 1 << (spi - 32)
  }

  clearWritten(): void {
    this.writtenRegs = 0
    this.writtenLow = 0
    this.writtenHigh = 0
  }

  markSlotPrecise(spi: number): void {
    if (spi < 32) this.preciseLow |= 1 << spi
    else this.preciseHigh |= 1 << (spi - 32)
  }
}

/** A new frame: nothing readable but the frame pointer. */
export function newFrame(callsite: number, frameno: number, subprogno: number): FuncState {
  const frame = new FuncState(callsite, frameno, subprogno)
  for (let i = 0; i < 10; i++) frame.regs.push(NOT_INIT)
  const fp = pointer(RegType.PTR_TO_STACK)
  fp.frameno = frameno
  frame.regs.push(fp)
  return frame
}

/** What the program holds and must give back. */
export const RefType = { PTR: 1, LOCK: 2, IRQ: 3, RES_LOCK: 4, RES_LOCK_IRQ: 5 } as const
export interface Reference {
  readonly type: number
  readonly id: number
  /** Slot that took it. */
  readonly insnIdx: number
  /** For locks: the map or BTF it is in. */
  readonly owner: object | undefined
  /** Frame of the callback that took it, 0 outside of callbacks; older kernels let no other frame give it back. */
  readonly callbackFrame: number
}

/** An instruction of the path, kept where it cannot be inferred: jump targets, stack accesses, linked registers. */
export interface HistoryEntry {
  readonly idx: number
  readonly prevIdx: number
  /** See InsnFlag in explore/precision.ts. */
  flags: number
  /** Linked registers, as `frame << 8 | isReg << 7 | index`; undefined for none. */
  linked: readonly number[] | undefined
}

export class VerifierState {
  frames: FuncState[] = []
  parent: VerifierState | undefined = undefined
  branches = 0
  insnIdx = 0
  speculative = false
  inSleepable = false
  refs: readonly Reference[] = []
  activeLocks = 0
  activeRcuLocks = 0
  activePreemptLocks = 0
  activeIrqId = 0
  activeLockId = 0
  activeLockOwner: object | undefined = undefined
  firstInsnIdx = 0
  lastInsnIdx = 0
  history: HistoryEntry[] = []
  dfsDepth = 0
  callbackUnrollDepth = 0
  mayGotoDepth = 0
  /** Dead parts were dropped already. */
  cleaned = false
  /** For backedges of a loop: the state this one was found equal to. */
  equalState: VerifierState | undefined = undefined
  /** The entry of the list of explored states that holds this one. */
  listed: ExploredState | undefined = undefined
  /** Of a checkpoint in a loop: the loop and the calls that led there (see explore/loops.ts). */
  loopKey: string | undefined = undefined
  /** The state that begins the loop it is in, and whether it begins one itself (see explore/loop-entries.ts). */
  loopEntry: VerifierState | undefined = undefined
  isLoopEntry = false

  get curframe(): number {
    return this.frames.length - 1
  }

  get frame(): FuncState {
    return this.frames[this.frames.length - 1]!
  }

  clone(): VerifierState {
    const copy = new VerifierState()
    copy.frames = this.frames.map(frame => frame.clone())
    copy.parent = this.parent
    copy.branches = this.branches
    copy.insnIdx = this.insnIdx
    copy.speculative = this.speculative
    copy.inSleepable = this.inSleepable
    copy.refs = this.refs
    copy.activeLocks = this.activeLocks
    copy.activeRcuLocks = this.activeRcuLocks
    copy.activePreemptLocks = this.activePreemptLocks
    copy.activeIrqId = this.activeIrqId
    copy.activeLockId = this.activeLockId
    copy.activeLockOwner = this.activeLockOwner
    copy.firstInsnIdx = this.firstInsnIdx
    copy.lastInsnIdx = this.lastInsnIdx
    copy.history = this.history.slice()
    copy.dfsDepth = this.dfsDepth
    copy.callbackUnrollDepth = this.callbackUnrollDepth
    copy.mayGotoDepth = this.mayGotoDepth
    copy.equalState = this.equalState
    return copy
  }
}

/** Entry of the list of states seen at an instruction. */
export interface ExploredState {
  readonly state: VerifierState
  missCnt: number
  hitCnt: number
  /** Evicted, kept only while something refers to it. */
  evicted: boolean
}

/**
 * Applies a change to every register value of a state: registers and spilled ones (bpf_for_each_reg_in_vstate). `change` returns
 * its argument where nothing changes.
 */
export function mapRegisters(state: VerifierState, change: (reg: RegState) => RegState): void {
  for (const frame of state.frames) {
    const { regs, stack } = frame
    for (let i = 0; i < 11; i++) {
      const reg = regs[i]!
      const changed = change(reg)
      if (changed !== reg) regs[i] = changed
    }
    for (let i = 0; i < stack.length; i++) {
      const slot = stack[i]!
      if (!isSpilled(slot)) continue
      const changed = change(slot.spilled)
      if (changed !== slot.spilled) frame.setSlot(i, new StackSlot(slot.types, changed))
    }
  }
}
