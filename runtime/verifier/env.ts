/**
 * All that one verification knows (struct bpf_verifier_env): program, kernel, the path being walked, what was found out about
 * instructions. The checks are functions over it.
 */
import { NotImplemented } from '../../base/outcome.js'
import type { Insns } from '../../assembler/isa/insns.js'
import { formatInsn } from '../../assembler/syntax/pseudo-c.js'
import { BPF_PSEUDO_CALL } from '../../assembler/isa/opcodes.js'
import type { LineInfo } from '../../linker/object/bpf-object.js'
import type { PreparedObject, PreparedProgram } from '../../linker/object/prepared.js'
import { type HelperAsker, helperName } from '../kernel/helpers.js'
import type { MachineFacts } from '../kernel/machine.js'
import { ALL_PRIVILEGES, type Privileges } from '../kernel/privileges.js'
import type { KernelProfile } from '../kernel/profile.js'
import { type ProgTypeRow, progTypes } from '../kernel/prog-types.js'
import type { StructWrites } from '../kernel/struct-writes.js'
import { BPF_F_ANY_ALIGNMENT, BPF_F_STRICT_ALIGNMENT, BPF_F_TEST_STATE_FREQ, ProgType } from '../../linker/object/uapi.js'
import type { Effort } from './cost.js'
import type { LiveStack } from './explore/live-stack.js'
import type { Loops } from './explore/loops.js'
import { VerifierLog } from './log/log.js'
import { stateText } from './log/print-state.js'
import { BtfView } from './state/btf-view.js'
import {
  BPF_REG_SIZE,
  type ExploredState,
  type FuncState,
  type HistoryEntry,
  RefType,
  type Reference,
  VerifierState,
} from './state/frames.js'
import { boundsFault, syncBounds } from './state/bounds.js'
import { VerifierMap } from './state/maps.js'
import { isScalar, NOT_INIT, type RegState, setUnbounded, UNKNOWN_SCALAR } from './state/registers.js'
import { SpeculationMarks } from './state/speculation.js'
import * as w from './state/u64.js'

/** The program breaks a rule of the kernel; what the kernel says stands in the log. */
export class Rejection extends Error {
  /** The kernel's error, where something depends on it. */
  readonly errno: number

  constructor(message: string, errno: number) {
    // Some are caught again, at every call of a function whose arguments do not fit: a stack trace each time would cost.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = stackTraceLimit
    this.name = 'Rejection'
    this.errno = errno
  }
}

export const EFAULT = 14
export const EACCES = 13
export const EINVAL = 22
export const ENOTSUPP = 524

export interface SubprogArg {
  readonly type: number
  readonly memSize: number
  readonly btfId: number
}

export interface Subprog {
  start: number
  end: number
  readonly name: string
  /** BTF Func of the program; 0 without. */
  readonly type: number
  readonly global: boolean
  stackDepth: number
  hasTailCall: boolean
  tailCallReachable: boolean
  hasLdAbs: boolean
  isCallback: boolean
  isAsyncCallback: boolean
  isExceptionCallback: boolean
  changesPacket: boolean
  mightSleep: boolean
  /** Arguments of a function as its BTF gives them, once asked for; `fault` where they cannot be verified. */
  args: readonly SubprogArg[] | undefined
  argsFault: boolean
  unreliable: boolean
  called: boolean
  verified: boolean
  fastcallStackOff: number
  keepFastcallStack: boolean
}

interface Pending {
  readonly state: VerifierState
  readonly insnIdx: number
  readonly prevInsnIdx: number
  readonly logPosition: number
}

/** Sees what is known before an instruction. */
export type Observer = (slot: number, frame: FuncState) => void

export interface Limits {
  /** Wall-clock milliseconds; 0 for no limit. */
  readonly milliseconds: number
  /** Paths that may wait (BPF_COMPLEXITY_LIMIT_JMP_SEQ). */
  readonly jumpSequence: number
  /** Characters of log kept. */
  readonly logLength: number
}

export class Env {
  readonly insns: Insns
  readonly log: VerifierLog
  readonly progType: ProgTypeRow
  /** For an extension: what is known of the program that it extends. */
  extended: Env | undefined = undefined
  readonly progBtf: BtfView | undefined
  readonly kernelBtf: BtfView | undefined
  readonly gpl: boolean
  readonly strictAlignment: boolean
  readonly testStateFreq: boolean
  /** Without CAP_BPF every number counts as precise, and much is refused (bpf_capable). */
  readonly capable: boolean
  /** Pointers may be used as numbers (allow_ptr_leaks), and stack may be read that was never written (allow_uninit_stack). */
  readonly perfmon: boolean
  /** Undefined where nothing is done against speculation (bypass_spec_v1, bypass_spec_v4). */
  readonly speculation: SpeculationMarks | undefined
  /** Who asks for helpers; with the attach target once that is known. */
  asker: HelperAsker
  /** Structs of the kernel that the program may write to (btf_struct_access of its verifier ops). */
  structWrites: StructWrites | undefined
  readonly subprogs: Subprog[] = []
  exceptionCallback = 0
  /** Stack by function as the statistics of an accepted program have it. */
  depthsSaid: number[] | undefined

  // The path being walked.
  state: VerifierState = new VerifierState()
  insnIdx = 0
  prevInsnIdx = -1
  historyOpen = false
  pending: Pending[] = []
  idGen = 0

  // What is known of instructions.
  readonly jmpPoint: Uint8Array
  readonly prunePoint: Uint8Array
  readonly forceCheckpoint: Uint8Array
  readonly callsCallback: Uint8Array
  readonly isIterNext: Uint8Array
  readonly jumpTarget: Uint8Array
  readonly fastcallPattern: Uint8Array
  /** Type of pointer that a load or store was seen with, plus one. */
  readonly ptrType: Int32Array
  /** Registers that may be read at or after an instruction (compute_live_registers). */
  readonly liveRegs: Uint16Array
  readonly explored: (ExploredState[] | undefined)[]
  liveStack!: LiveStack
  loops!: Loops
  /** Component of the program that each instruction is in, 0 where it is in no loop. */
  scc!: Int32Array
  /** Where the effort goes, when somebody asked. */
  effort: Effort | undefined = undefined
  observe: Observer | undefined = undefined
  everyPath = false
  /** Maps and other things remembered per call instruction. */
  readonly callMap = new Map<number, VerifierMap>()
  /** Calls that were seen with more than one map. */
  readonly mixedMaps = new Set<number>()
  /** Seen by some path; for dead code. */
  readonly seen: Uint8Array

  // Counters, as the kernel prints them.
  insnProcessed = 0
  jmpsProcessed = 0
  prevInsnProcessed = 0
  prevJmpsProcessed = 0
  maxStatesPerInsn = 0
  totalStates = 0
  peakStates = 0
  exploredSize = 0
  evictedSize = 0
  backedges = 0

  // What changed since the log last printed a state.
  scratchedRegs = 0
  scratchedSlots: Set<number> | undefined = new Set()
  private prevLine: LineInfo | undefined
  private insnTextStart = -1
  private insnTextLength = 0

  private readonly mapCache = new Map<number, VerifierMap>()
  private readonly deadline: number

  constructor(
    readonly object: PreparedObject,
    readonly program: PreparedProgram,
    readonly kernel: KernelProfile,
    logLevel: number,
    readonly limits: Limits,
    readonly machine: MachineFacts = {},
    readonly privileges: Privileges = ALL_PRIVILEGES,
  ) {
    const { insns } = program
    this.insns = insns
    this.log = new VerifierLog(logLevel, limits.logLength)
    const progType = progTypes.get(program.type)
    if (!progType) throw new NotImplemented(`program type ${program.type}`)
    this.progType = progType
    this.capable = privileges.bpf
    this.perfmon = privileges.perfmon
    this.speculation = privileges.perfmon ? undefined : new SpeculationMarks(insns.length)
    this.asker = privileges === ALL_PRIVILEGES ? program : { ...program, privileges }
    this.structWrites = progType.structWrites
    this.progBtf = object.btf ? new BtfView(object.btf, false) : undefined
    this.kernelBtf = object.kernelBtf ? new BtfView(object.kernelBtf, true) : undefined
    this.gpl = ['GPL', 'GPL v2', 'GPL and additional rights', 'Dual BSD/GPL', 'Dual MIT/GPL', 'Dual MPL/GPL'].includes(
      object.license,
    )
    this.strictAlignment = (program.flags & (BPF_F_STRICT_ALIGNMENT | BPF_F_ANY_ALIGNMENT)) === BPF_F_STRICT_ALIGNMENT
    this.testStateFreq = this.capable && (program.flags & BPF_F_TEST_STATE_FREQ) !== 0
    const { length } = insns
    this.jmpPoint = new Uint8Array(length + 1)
    this.prunePoint = new Uint8Array(length + 1)
    this.forceCheckpoint = new Uint8Array(length + 1)
    this.callsCallback = new Uint8Array(length + 1)
    this.isIterNext = new Uint8Array(length + 1)
    this.jumpTarget = new Uint8Array(length + 1)
    this.fastcallPattern = new Uint8Array(length + 1)
    this.ptrType = new Int32Array(length)
    this.liveRegs = new Uint16Array(length + 1)
    this.seen = new Uint8Array(length)
    this.explored = new Array<ExploredState[] | undefined>(length).fill(undefined)
    this.deadline = limits.milliseconds > 0 ? Date.now() + limits.milliseconds : 0
  }

  // ---- saying things

  /** Part of a message; the caller ends the line. */
  say(text: string): void {
    // What is `ringbuf_mem` now was the only memory that programs got from the kernel.
    if (this.kernel.ringbufWord) return this.log.write(text)
    const words = text.replaceAll('ringbuf_mem', 'alloc_mem')
    this.log.write(this.kernel.scalarWord ? words : words.replace(/\bscalar\b(?! value)/g, 'inv'))
  }

  /** Says a line and gives up on the program. */
  reject(message: string, errno = EINVAL): never {
    this.say(`${message}\n`)
    throw new Rejection(message, errno)
  }

  /** Gives up on the program; what there is to say was said. */
  fail(message: string, errno = EINVAL): never {
    throw new Rejection(message, errno)
  }

  /** Something that is not modelled was asked for: no verdict. */
  missing(feature: string): never {
    throw new NotImplemented(feature, `instruction ${this.insnIdx}`)
  }

  get pastDeadline(): boolean {
    return this.deadline > 0 && Date.now() > this.deadline
  }

  // ---- the current frame

  get frame(): FuncState {
    const { frames } = this.state
    return frames[frames.length - 1]!
  }

  get regs(): RegState[] {
    const { frames } = this.state
    return frames[frames.length - 1]!.regs
  }

  reg(number: number): RegState {
    return this.regs[number]!
  }

  /** The frame a stack pointer points into. */
  frameOf(reg: RegState): FuncState {
    return this.state.frames[reg.frameno]!
  }

  get sleepable(): boolean {
    return this.program.sleepable || this.state.inSleepable
  }

  /** in_rcu_cs. */
  get inRcuSection(): boolean {
    return this.state.activeRcuLocks > 0 || this.state.activeLocks > 0 || !this.sleepable
  }

  newId(): number {
    return ++this.idGen
  }

  /** Replaces a register by a changed clone. */
  edit(number: number): RegState {
    const copy = this.regs[number]!.clone()
    this.regs[number] = copy
    return copy
  }

  sync(reg: RegState): void {
    syncBounds(reg, this.kernel)
  }

  /** reg_bounds_sanity_check. */
  sanity(reg: RegState, context: string): void {
    if (!this.kernel.boundsSanity) return
    const fault = boundsFault(reg)
    if (fault === undefined) return
    const hex = (value: number) => `0x${(value >>> 0).toString(16)}`
    this.say(
      `REG INVARIANTS VIOLATION (${context}): ${fault} u64=[${w.toHex(reg.umin)}, ${w.toHex(reg.umax)}] ` +
        `s64=[${w.toHex(reg.smin)}, ${w.toHex(reg.smax)}] u32=[${hex(reg.u32min)}, ${hex(reg.u32max)}] ` +
        `s32=[${hex(reg.s32min)}, ${hex(reg.s32max)}] var_off=(${w.toHex(reg.varOff.value)}, ${w.toHex(reg.varOff.mask)})\n`,
    )
    setUnbounded(reg)
  }

  setUnknown(number: number): void {
    this.regs[number] = UNKNOWN_SCALAR
  }

  setNotInit(number: number): void {
    this.regs[number] = NOT_INIT
  }

  /** R0 to R5 after a call (clear_caller_saved_regs). */
  clobberCallerSaved(): void {
    const { frame } = this
    for (let i = 0; i <= 5; i++) {
      frame.regs[i] = NOT_INIT
      this.touch(i)
    }
    frame.writtenRegs |= 0x3f
  }

  /** is_pointer_value: what is no number must not be seen as one. */
  hidesPointer(number: number): boolean {
    return !this.perfmon && !isScalar(this.regs[number]!)
  }

  /** What is left in a register whose pointer is no longer valid (mark_reg_invalid). */
  get stale(): RegState {
    return this.perfmon ? UNKNOWN_SCALAR : NOT_INIT
  }

  touch(number: number): void {
    this.scratchedRegs |= 1 << number
  }

  touchSlot(spi: number): void {
    this.scratchedSlots?.add(spi)
  }

  touchAll(): void {
    this.scratchedRegs = -1
    this.scratchedSlots = undefined
  }

  private cleanTouched(): void {
    this.scratchedRegs = 0
    if (this.scratchedSlots) this.scratchedSlots.clear()
    else this.scratchedSlots = new Set()
  }

  /** A register is read: it must hold something (check_reg_arg with SRC_OP). */
  readReg(number: number): RegState {
    if (number > 10) this.reject(`R${number} is invalid`)
    this.touch(number)
    const reg = this.regs[number]!
    if (reg === NOT_INIT || reg.type === 0) this.reject(`R${number} !read_ok`, EACCES)
    return reg
  }

  /** A register is about to be written (DST_OP_NO_MARK). */
  writeReg(number: number): void {
    if (number > 10) this.reject(`R${number} is invalid`)
    this.touch(number)
    if (number === 10) this.reject('frame pointer is read only', EACCES)
    this.frame.writtenRegs |= 1 << number
  }

  // ---- paths

  /** push_stack: the current state will be walked from `insnIdx` later. Returns the copy, for changes. */
  pushPath(insnIdx: number, prevInsnIdx: number, speculative = false): VerifierState {
    const copy = this.state.clone()
    if (speculative) copy.speculative = true
    this.pending.push({ state: copy, insnIdx, prevInsnIdx, logPosition: this.log.position })
    if (this.pending.length > this.limits.jumpSequence)
      this.reject(`The sequence of ${this.pending.length} jumps is too complex.`, 7)
    if (copy.parent) copy.parent.branches++
    return copy
  }

  /** push_async_cb: a fresh state for a callback that runs on its own. */
  pushAsync(insnIdx: number, prevInsnIdx: number, frame: FuncState, sleepable: boolean): VerifierState {
    const state = new VerifierState()
    state.branches = 1
    state.inSleepable = sleepable
    state.frames.push(frame)
    state.insnIdx = insnIdx
    this.pending.push({ state, insnIdx, prevInsnIdx, logPosition: this.log.position })
    if (this.pending.length > this.limits.jumpSequence)
      this.reject(`The sequence of ${this.pending.length} jumps is too complex for async cb.`, 7)
    return state
  }

  popPath(): Pending | undefined {
    return this.pending.pop()
  }

  /** push_jmp_history. */
  pushHistory(flags: number, linked?: readonly number[]): void {
    const { history } = this.state
    if (this.historyOpen) {
      const last = history[history.length - 1]!
      const entry: HistoryEntry = {
        idx: last.idx,
        prevIdx: last.prevIdx,
        flags: last.flags | flags,
        linked: linked ?? last.linked,
      }
      history[history.length - 1] = entry
      return
    }
    history.push({ idx: this.insnIdx, prevIdx: this.prevInsnIdx, flags, linked })
    this.historyOpen = true
  }

  /** Explored states of the hash bucket of an instruction (explored_state); newest first. */
  statesAt(insnIdx: number, state: VerifierState): ExploredState[] {
    const bucket = ((insnIdx ^ state.frame.callsite) >>> 0) % this.insns.length
    return (this.explored[bucket] ??= [])
  }

  /** update_peak_states. */
  updatePeak(): void {
    if (!this.kernel.peakIsMost) return
    const count = this.exploredSize + this.evictedSize + this.backedges
    if (count > this.peakStates) this.peakStates = count
  }

  // ---- stack

  /** grow_stack_state: `bytes` of stack are in use. */
  growStack(frame: FuncState, bytes: number): void {
    const slots = Math.ceil(bytes / BPF_REG_SIZE)
    if (frame.stack.length >= slots) return
    frame.growTo(slots)
    const subprog = this.subprogs[frame.subprogno]!
    if (subprog.stackDepth < slots * BPF_REG_SIZE) subprog.stackDepth = slots * BPF_REG_SIZE
  }

  // ---- references

  acquireReference(type: number, owner?: object, id = this.newId()): number {
    const { frame } = this
    const callbackFrame = frame.inCallbackFn ? frame.frameno : 0
    const reference: Reference = { type, id, insnIdx: this.insnIdx, owner, callbackFrame }
    this.state.refs = [...this.state.refs, reference]
    return id
  }

  /** Drops a pointer reference; false where there is none of that id. The last one takes its place, as in the kernel's array. */
  releaseReference(id: number, type: number = RefType.PTR): boolean {
    const { refs } = this.state
    const at = refs.findIndex(ref => ref.type === type && ref.id === id)
    if (at < 0) return false
    const { frame } = this
    if (!this.kernel.heldByPath && frame.inCallbackFn && refs[at]!.callbackFrame !== frame.frameno) return false
    const rest = refs.slice()
    if (this.kernel.heldByPath) rest.splice(at, 1)
    else {
      rest[at] = rest[rest.length - 1]!
      rest.pop()
    }
    this.state.refs = rest
    return true
  }

  // ---- maps

  map(index: number): VerifierMap {
    let map = this.mapCache.get(index)
    if (!map) {
      map = new VerifierMap(this.object.maps[index]!, this.progBtf, this.kernelBtf, this.kernel)
      this.mapCache.set(index, map)
    }
    return map
  }

  // ---- subprograms

  /** Index of the subprogram that starts at a slot; -1 for none. */
  subprogAt(slot: number): number {
    const index = this.subprogOf(slot)
    return this.subprogs[index]?.start === slot ? index : -1
  }

  /** Index of the subprogram that contains a slot. */
  subprogOf(slot: number): number {
    let low = 0
    let high = this.subprogs.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.subprogs[middle]!.start <= slot) low = middle
      else high = middle - 1
    }
    return low
  }

  // ---- the log

  resetLines(): void {
    this.prevLine = undefined
  }

  /** verbose_linfo: the source line, unless it was the last one printed. */
  sayLine(slot: number, prefix: string): void {
    if (this.log.level === 0) return
    const { lineInfo } = this.program
    if (lineInfo.length === 0) return
    let low = 0
    let high = lineInfo.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (lineInfo[middle]!.slot <= slot) low = middle
      else high = middle - 1
    }
    const line = lineInfo[low]!
    const previous = this.prevLine
    const places = this.kernel.linePlaces
    if (line === previous || (places && previous && previous.path === line.path && previous.line === line.line)) return
    const place = places ? ` @ ${line.path.slice(line.path.lastIndexOf('/') + 1)}:${line.line}` : ''
    this.say(`${prefix}${line.text.trimStart()}${place}\n`)
    this.prevLine = line
  }

  /** Behind the numbers of a jump that only a processor running ahead takes. */
  get pathNote(): string {
    return this.state.speculative ? ' (speculative execution)' : ''
  }

  insnText(slot: number): string {
    return formatInsn(this.insns, slot, 'bpftool', {
      helper: id => helperName(id) ?? 'unknown',
      callee: (at, kind) => {
        if (kind === BPF_PSEUDO_CALL) return undefined
        const id = this.insns.imm[at]!
        return this.kernelBtf?.has(id) ? this.kernelBtf.name(id) : '<error>'
      },
    })
  }

  /** Before an instruction is checked: the state so far, the line, the instruction. */
  printInsn(fromBranch: boolean): void {
    if (!this.log.verbose) return
    if ((this.log.level & 2) !== 0 && fromBranch) {
      this.say(
        `\nfrom ${this.prevInsnIdx} to ${this.insnIdx}${this.pathNote}:${stateText(this, this.state, this.state.curframe)}\n`,
      )
    }
    if (this.scratchedRegs !== 0 || this.scratchedSlots === undefined || this.scratchedSlots.size > 0) this.printTouched()
    this.sayLine(this.insnIdx, '; ')
    const text = `${this.insnIdx}: ${this.insnText(this.insnIdx)}\n`
    this.insnTextLength = text.length
    this.say(text)
    this.insnTextStart = this.log.position
  }

  /** print_insn_state: what changed, behind the instruction if nothing was printed since. */
  printTouched(): void {
    if (!this.log.verbose) return
    const text = stateText(this, this.state, this.state.curframe, { regs: this.scratchedRegs, slots: this.scratchedSlots })
    if (this.insnTextStart >= 0 && this.insnTextStart === this.log.position) {
      this.log.reset(this.insnTextStart - 1)
      const length = this.insnTextLength
      const align = Math.ceil(Math.max(length + 4, 40) / 8) * 8 - length - 1
      this.say(`${' '.repeat(Math.max(align, 1))};${text}\n`)
    } else this.say(`${this.insnIdx}:${text}\n`)
    this.cleanTouched()
  }

  printFrame(frameno: number): void {
    if (this.log.verbose) this.say(`${stateText(this, this.state, frameno)}\n`)
  }

  get isTracingLike(): boolean {
    return this.program.type === ProgType.TRACING || this.program.type === ProgType.LSM
  }
}
