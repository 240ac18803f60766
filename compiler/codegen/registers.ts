/**
 * Register allocation: greedy, as LLVM's. Intervals go to registers in order of length; one that finds none may drive out lighter ones; what is
 * driven out comes back, and what can do neither is split: first into a piece for each block that refers to it, then between calls, at last around
 * single instructions, with a home in the frame in between. Constants and addresses are made again instead of stored.
 *
 * r0 to r5 die at calls, so what lives across one competes for r6 to r9. All registers cost the same: nothing has to be saved.
 */
import * as op from '../../assembler/isa/opcodes.js'
import { InternalError } from '../../base/outcome.js'
import { coalesce, P_GONE } from './coalesce.js'
import {
  AFTER,
  BEFORE,
  collectRefs,
  covers,
  fixedSegments,
  lengthOf,
  liveSegments,
  type Numbering,
  number,
  READS,
  type Ref,
  type Segments,
  WRITE,
  WRITES,
  writePosition,
} from './intervals.js'
import {
  FP,
  type FrameSlot,
  isBranch,
  isCall,
  isCopy,
  LD_IMM64,
  type MFunc,
  MInsn,
  MOV32_K,
  MOV64_K,
  NONE,
  P_ASM,
  P_FRAME,
  renameRegister,
  VIRTUAL,
} from './machine.js'
import { Occupancy } from './occupancy.js'

/** Registers that values can be in. */
export const ALLOCATABLE = [1, 2, 3, 4, 5, 0, 6, 7, 8, 9] as const

export interface Interval {
  readonly register: number
  readonly segments: Segments
  refs: Ref[]
  /** 0 whole, 1 a block's piece, 2 between calls, 3 around one instruction. */
  readonly stage: number
  weight: number
  readonly length: number
  /** Where the value is between pieces; undefined while there is none, or where it is made again. */
  home: FrameSlot | undefined
  /** Makes the value again. */
  readonly remake: MInsn | undefined
  /** Instruction before which the piece is loaded, or NONE. */
  readonly reloadAt: number
  /** Instruction after which the piece is stored, or NONE. */
  readonly storeAt: number
  /** Registers it would like, best first. */
  hints: number[]
}

/** What copies tie to a register of the machine chooses first, then the long before the short. */
function keyOf(interval: Interval): number {
  return interval.length + (interval.hints.some(hint => hint < VIRTUAL) ? 2 ** 40 : 0)
}

export class AllocationFailure extends Error {
  constructor(readonly insn: MInsn) {
    super('no register')
  }
}

class Allocator {
  private readonly numbering: Numbering
  private readonly intervals: (Interval | undefined)[] = []
  private readonly assigned: number[] = []
  private readonly occupancy: Occupancy
  private readonly queue: Heap
  /** Calls before an instruction. */
  private readonly callsBefore: Int32Array
  private readonly code: MInsn[]
  /** For intervals that were split: what memory holds while no piece has it, for sharing of slots. */
  readonly homes = new Map<FrameSlot, Segments>()

  constructor(private readonly func: MFunc) {
    const before = number(func)
    coalesce(func, before)
    this.numbering = before
    this.code = before.code as MInsn[]
    this.callsBefore = new Int32Array(this.code.length + 1)
    for (let i = 0; i < this.code.length; i++) this.callsBefore[i + 1] = this.callsBefore[i]! + (isCall(this.code[i]!) ? 1 : 0)
    this.occupancy = new Occupancy(this.code.length * 4)
    this.queue = new Heap()
    fixedSegments(before, (register, start, end) => this.occupancy.fix(register, start, end))
    const refs = collectRefs(before, func.registerCount)
    const segments = liveSegments(before, refs)
    for (let register = VIRTUAL; register < func.registerCount; register++) {
      if (refs[register]!.length === 0) continue
      this.add(
        this.makeInterval(
          register,
          segments[register]!,
          refs[register]!,
          0,
          undefined,
          this.remakeOf(refs[register]!),
          NONE,
          NONE,
        ),
      )
    }
  }

  run(): void {
    for (let register = this.queue.pop(); register !== undefined; register = this.queue.pop()) {
      const interval = this.intervals[register]!
      if (this.tryAssign(interval) || this.tryEvict(interval)) continue
      if (interval.stage === 3) throw new AllocationFailure(this.code[interval.refs[0]! >> 2]!)
      this.split(interval)
    }
    this.rewrite()
  }

  // --- intervals ---

  private add(interval: Interval): void {
    this.intervals[interval.register] = interval
    this.assigned[interval.register] = NONE
    this.queue.push(interval.register, keyOf(interval))
  }

  private makeInterval(
    register: number,
    segments: Segments,
    refs: Ref[],
    stage: number,
    home: FrameSlot | undefined,
    remake: MInsn | undefined,
    reloadAt: number,
    storeAt: number,
  ): Interval {
    const length = lengthOf(segments)
    const interval: Interval = {
      register,
      segments,
      refs,
      stage,
      weight: 0,
      length,
      home,
      remake,
      reloadAt,
      storeAt,
      hints: this.hintsOf(register, refs),
    }
    interval.weight = stage === 3 ? Number.POSITIVE_INFINITY : this.weigh(interval)
    return interval
  }

  private frequency(index: number): number {
    const block = this.numbering.blocks[this.numbering.blockOf[index]!]!
    return 4 ** Math.min(block.depth, 5) * (block.cold ? 0.25 : 1)
  }

  private weigh(interval: Interval): number {
    let sum = 0
    for (const ref of interval.refs) sum += this.frequency(ref >> 2) * ((ref & 3) === 3 ? 2 : 1)
    if (interval.remake) sum *= 0.5
    // Results of an asm that jumps cannot be stored behind it.
    if (interval.refs.some(ref => ref & WRITES && isBranch(this.code[ref >> 2]!))) return Number.MAX_VALUE
    return sum / (interval.length + 60)
  }

  /** Registers that copies to and from it name. */
  private hintsOf(register: number, refs: readonly Ref[]): number[] {
    const hints: number[] = []
    for (const ref of refs) {
      const insn = this.code[ref >> 2]!
      if (isCopy(insn)) {
        const other = insn.dst === register ? insn.src : insn.dst
        if (other !== FP) hints.push(other)
      }
      if (hints.length >= 8) break
    }
    return hints
  }

  /** The one instruction that gives the value, if it needs nothing to do it again. */
  private remakeOf(refs: readonly Ref[]): MInsn | undefined {
    let found: MInsn | undefined
    for (const ref of refs) {
      if (!(ref & WRITES)) continue
      const insn = this.code[ref >> 2]!
      if (found || ref & READS) return undefined
      if (insn.op !== MOV64_K && insn.op !== MOV32_K && insn.op !== LD_IMM64 && insn.op !== P_FRAME) return undefined
      found = insn
    }
    // A copy of its own: the instruction itself may go away.
    return found && Object.assign(new MInsn(found.op, NONE, 0, 0, 0, 0), found)
  }

  // --- assignment ---

  private *candidates(interval: Interval): Generator<number> {
    let tried = 0
    for (const hint of interval.hints) {
      const register = hint < VIRTUAL ? hint : (this.assigned[hint] ?? NONE)
      if (register === NONE || register > 9 || tried & (1 << register)) continue
      tried |= 1 << register
      yield register
    }
    for (const register of ALLOCATABLE) if (!(tried & (1 << register))) yield register
  }

  private tryAssign(interval: Interval): boolean {
    for (const register of this.candidates(interval))
      if (this.occupancy.isFree(register, interval.segments)) {
        this.assign(interval, register)
        return true
      }
    return false
  }

  private assign(interval: Interval, register: number): void {
    this.assigned[interval.register] = register
    this.occupancy.take(register, interval.segments, interval.register)
  }

  private tryEvict(interval: Interval): boolean {
    let best = NONE
    let bestCost = interval.weight
    let bestVictims: number[] = []
    const weightOf = (register: number) => this.intervals[register]!.weight
    for (const register of this.candidates(interval)) {
      const victims = this.occupancy.victims(register, interval.segments, bestCost, weightOf)
      if (!victims) continue
      const cost = Math.max(...victims.map(weightOf))
      if (cost < bestCost) {
        best = register
        bestCost = cost
        bestVictims = victims
      }
    }
    if (best === NONE) return false
    for (const victim of bestVictims) {
      this.occupancy.release(best, this.intervals[victim]!.segments)
      this.assigned[victim] = NONE
      this.queue.push(victim, keyOf(this.intervals[victim]!))
    }
    this.assign(interval, best)
    return true
  }

  // --- splitting ---

  private split(interval: Interval): void {
    for (let stage = interval.stage + 1; stage <= 3; stage++) {
      const clusters = this.clusters(interval, stage)
      if (stage < 3 && clusters.length === 1 && (interval.stage > 0 || this.isWithinOneBlock(interval))) continue
      this.splitInto(interval, clusters, stage)
      return
    }
    throw new InternalError('an interval around one instruction was to be split')
  }

  private isWithinOneBlock(interval: Interval): boolean {
    const first = this.numbering.blockOf[interval.refs[0]! >> 2]!
    const { segments } = interval
    return (
      segments[0]! >= this.numbering.starts[first]! * 4 && segments[segments.length - 1]! <= this.numbering.starts[first + 1]! * 4
    )
  }

  private clusters(interval: Interval, stage: number): Ref[][] {
    const clusters: Ref[][] = []
    let last = NONE
    for (const ref of interval.refs) {
      const index = ref >> 2
      const apart =
        last === NONE ||
        stage === 3 ||
        this.numbering.blockOf[last] !== this.numbering.blockOf[index] ||
        (stage === 2 && this.callsBefore[index]! > this.callsBefore[last + 1]!)
      if (apart) clusters.push([ref])
      else clusters[clusters.length - 1]!.push(ref)
      last = index
    }
    return clusters
  }

  private splitInto(interval: Interval, clusters: readonly Ref[][], stage: number): void {
    const { remake } = interval
    if (!remake && !interval.home) interval.home = this.func.slot(8, 8, undefined, true)
    const home = interval.home
    if (home && interval.stage === 0) this.homes.set(home, interval.segments)
    for (const refs of clusters) {
      const first = refs[0]!
      const last = refs[refs.length - 1]!
      const writes = refs.filter(ref => ref & WRITES)
      const lastWrite = writes.length > 0 ? writes[writes.length - 1]! >> 2 : NONE
      const comesIn = (first & READS) !== 0 && covers(interval.segments, (first >> 2) * 4)
      const goesOut = lastWrite !== NONE && (interval.storeAt !== NONE || covers(interval.segments, (last >> 2) * 4 + AFTER))
      if (remake && lastWrite !== NONE && refs.length === 1) {
        // Only made here: whoever needs it makes it again.
        this.code[lastWrite]!.op = P_GONE
        continue
      }
      if (refs.length === 1 && this.foldCopy(interval, first, comesIn, goesOut)) continue
      const register = this.func.register()
      for (const ref of refs) renameRegister(this.code[ref >> 2]!, interval.register, register)
      const store = goesOut && !remake
      const start = comesIn ? (first >> 2) * 4 + BEFORE : writePosition(this.code[first >> 2]!, register, first >> 2)
      const end = (last >> 2) * 4 + (store ? AFTER + 1 : last & WRITES ? AFTER : WRITE)
      this.add(
        this.makeInterval(
          register,
          [start, end],
          refs,
          stage,
          home,
          remake,
          comesIn ? first >> 2 : NONE,
          store ? lastWrite : NONE,
        ),
      )
    }
  }

  /** A copy from or to a value in memory is a load or a store. */
  private foldCopy(interval: Interval, ref: Ref, comesIn: boolean, goesOut: boolean): boolean {
    const insn = this.code[ref >> 2]!
    if (!isCopy(insn)) return false
    if (ref & WRITES && !(ref & READS) && interval.home) {
      if (insn.src === FP) return false
      if (goesOut) storeTo(insn, insn.src, interval.home)
      else insn.op = P_GONE
      return true
    }
    if (!(ref & WRITES) && comesIn) {
      const { dst } = insn
      if (interval.remake) Object.assign(insn, { ...interval.remake, dst, loc: insn.loc })
      else loadFrom(insn, dst, interval.home!)
      return true
    }
    return false
  }

  // --- result ---

  private rewrite(): void {
    const before = new Map<number, MInsn[]>()
    const after = new Map<number, MInsn[]>()
    const put = (map: Map<number, MInsn[]>, index: number, insn: MInsn) => {
      const list = map.get(index)
      if (list) list.push(insn)
      else map.set(index, [insn])
    }
    this.intervals.forEach((interval, register) => {
      if (!interval || this.assigned[register] === NONE) return
      const { reloadAt, storeAt, home, remake } = interval
      if (reloadAt !== NONE) {
        const insn = new MInsn(P_GONE, register, 0, 0, 0, this.code[reloadAt]!.loc)
        if (remake) Object.assign(insn, { ...remake, dst: register, loc: insn.loc })
        else loadFrom(insn, register, home!)
        put(before, reloadAt, insn)
      }
      if (storeAt !== NONE) {
        const insn = new MInsn(P_GONE, FP, register, 0, 0, this.code[storeAt]!.loc)
        storeTo(insn, register, home!)
        put(after, storeAt, insn)
      }
    })
    let index = 0
    for (const block of this.func.blocks) {
      const out: MInsn[] = []
      for (const insn of block.insns) {
        for (const load of before.get(index) ?? []) out.push(this.physical(load))
        if (insn.op !== P_GONE) {
          this.physical(insn)
          if (!(isCopy(insn) && insn.dst === insn.src)) out.push(insn)
        }
        for (const store of after.get(index) ?? []) out.push(this.physical(store))
        index++
      }
      block.insns = out
    }
  }

  private physical(insn: MInsn): MInsn {
    const map = (register: number) => (register >= VIRTUAL ? this.assigned[register]! : register)
    insn.dst = map(insn.dst)
    insn.src = map(insn.src)
    if (insn.op === P_ASM) {
      insn.asm!.outputs = insn.asm!.outputs.map(map)
      for (const input of insn.asm!.inputs)
        if (input.kind === 'register' || input.kind === 'memory') input.register = map(input.register)
    }
    return insn
  }
}

function loadFrom(insn: MInsn, register: number, slot: FrameSlot): void {
  insn.op = op.BPF_LDX | op.BPF_MEM | op.BPF_DW
  insn.dst = register
  insn.src = FP
  insn.off = 0
  insn.slot = slot
}

function storeTo(insn: MInsn, register: number, slot: FrameSlot): void {
  insn.op = op.BPF_STX | op.BPF_MEM | op.BPF_DW
  insn.dst = FP
  insn.src = register
  insn.off = 0
  insn.slot = slot
}

/** Largest key first; among equals the smallest register, so that the order is the same everywhere. */
class Heap {
  private readonly items: { register: number; key: number }[] = []

  push(register: number, key: number): void {
    const { items } = this
    let at = items.length
    items.push({ register, key })
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.before(at, parent)) break
      this.swap(at, parent)
      at = parent
    }
  }

  pop(): number | undefined {
    const { items } = this
    const top = items[0]
    const last = items.pop()
    if (!top || !last) return undefined
    if (items.length === 0) return top.register
    items[0] = last
    let at = 0
    for (;;) {
      let best = at
      for (const child of [at * 2 + 1, at * 2 + 2]) if (child < items.length && this.before(child, best)) best = child
      if (best === at) return top.register
      this.swap(at, best)
      at = best
    }
  }

  private before(a: number, b: number): boolean {
    const x = this.items[a]!
    const y = this.items[b]!
    return x.key > y.key || (x.key === y.key && x.register < y.register)
  }

  private swap(a: number, b: number): void {
    const saved = this.items[a]!
    this.items[a] = this.items[b]!
    this.items[b] = saved
  }
}

export interface Allocation {
  /** Positions where the homes of spilled values are in use, for sharing them. */
  readonly homes: ReadonlyMap<FrameSlot, Segments>
}

/** Gives every virtual register a real one, changing the function in place. Throws `AllocationFailure` where an asm asks for too many. */
export function allocateRegisters(func: MFunc): Allocation {
  const allocator = new Allocator(func)
  allocator.run()
  return { homes: allocator.homes }
}
