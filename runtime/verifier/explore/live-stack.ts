/**
 * Which stack slots may still be read (kernel/bpf/liveness.c, 6.18): reads and writes are collected while the program is walked, by
 * chain of calls, and live slots follow from them by data flow over the function. Slots 0 to 31 and 32 to 63 are two words.
 */
import type { Env } from '../env.js'
import { MAX_CALL_FRAMES, type VerifierState } from '../state/frames.js'
import { successors } from './loops.js'

/** Marks of one frame's slots at every instruction of a function: two words each. */
class FrameMasks {
  readonly mayRead: Int32Array
  readonly mustWrite: Int32Array
  readonly mustWriteAcc: Int32Array
  readonly liveBefore: Int32Array

  constructor(count: number) {
    this.mayRead = new Int32Array(2 * count)
    this.mustWrite = new Int32Array(2 * count)
    this.mustWriteAcc = new Int32Array(2 * count)
    this.liveBefore = new Int32Array(2 * count)
  }
}

/** A function as called along one chain of calls. */
interface Instance {
  readonly callsites: readonly number[]
  readonly starts: readonly number[]
  readonly start: number
  readonly count: number
  readonly frames: (FrameMasks | undefined)[]
  readonly mustWriteSet: Uint8Array
  updated: boolean
  mustWriteDropped: boolean
}

export class LiveStack {
  private readonly instances = new Map<string, Instance>()
  private current: Instance | undefined
  private readonly accLow = new Int32Array(MAX_CALL_FRAMES)
  private readonly accHigh = new Int32Array(MAX_CALL_FRAMES)
  private writeInsn = 0
  /** Instructions of each subprogram in postorder. */
  private readonly postorders = new Map<number, Int32Array>()
  private query: Instance[] = []
  private queryInsn = 0

  /** The chain of calls changed: what follows belongs to another instance. */
  resetChain(): void {
    this.current = undefined
  }

  private instanceOf(env: Env, callsites: readonly number[], starts: readonly number[]): Instance {
    const key = callsites.join()
    let instance = this.instances.get(key)
    if (!instance) {
      const start = starts[starts.length - 1]!
      const subprog = env.subprogs[env.subprogOf(start)]!
      const count = subprog.end - subprog.start
      instance = {
        callsites,
        starts,
        start,
        count,
        frames: [],
        mustWriteSet: new Uint8Array(count),
        updated: false,
        mustWriteDropped: false,
      }
      this.instances.set(key, instance)
    }
    return instance
  }

  private lookup(env: Env, state: VerifierState, frameno: number): Instance {
    const callsites: number[] = []
    const starts: number[] = []
    for (let i = 0; i <= frameno; i++) {
      starts.push(env.subprogs[state.frames[i]!.subprogno]!.start)
      callsites.push(i < frameno ? state.frames[i + 1]!.callsite : starts[i]!)
    }
    return this.instanceOf(env, callsites, starts)
  }

  private ensure(env: Env): Instance {
    return (this.current ??= this.lookup(env, env.state, env.state.curframe))
  }

  private static masks(instance: Instance, frame: number): FrameMasks {
    return (instance.frames[frame] ??= new FrameMasks(instance.count))
  }

  private static read(instance: Instance, frame: number, insn: number, low: number, high: number): void {
    const masks = LiveStack.masks(instance, frame)
    const at = 2 * (insn - instance.start)
    const newLow = masks.mayRead[at]! | low
    const newHigh = masks.mayRead[at + 1]! | high
    if (newLow === masks.mayRead[at] && newHigh === masks.mayRead[at + 1]) return
    if (
      (newLow | masks.liveBefore[at]!) !== masks.liveBefore[at] ||
      (newHigh | masks.liveBefore[at + 1]!) !== masks.liveBefore[at + 1]
    )
      instance.updated = true
    masks.mayRead[at] = newLow
    masks.mayRead[at + 1] = newHigh
  }

  /** bpf_mark_stack_read. */
  markRead(env: Env, frame: number, insn: number, spi: number): void {
    LiveStack.read(this.ensure(env), frame, insn, spi < 32 ? 1 << spi : 0, spi < 32 ? 0 : 1 << (spi - 32))
  }

  /** bpf_mark_stack_write: within the instruction that `begin` named. */
  markWrite(_env: Env, frame: number, spi: number): void {
    if (spi < 32) this.accLow[frame]! |= 1 << spi
    else this.accHigh[frame]! |= 1 << (spi - 32)
  }

  /** bpf_reset_stack_write_marks. */
  begin(env: Env, insn: number): void {
    this.ensure(env)
    this.writeInsn = insn
    this.accLow.fill(0)
    this.accHigh.fill(0)
  }

  /** bpf_commit_stack_write_marks. */
  commit(): void {
    if (this.current) this.commitTo(this.current)
  }

  private commitTo(instance: Instance): void {
    const relative = this.writeInsn - instance.start
    const seen = instance.mustWriteSet[relative] !== 0
    for (let frame = 0; frame < instance.callsites.length; frame++) {
      let low = this.accLow[frame]!
      let high = this.accHigh[frame]!
      if (low === 0 && high === 0 && !seen) continue
      const masks = LiveStack.masks(instance, frame)
      const at = 2 * relative
      const oldLow = masks.mustWrite[at]!
      const oldHigh = masks.mustWrite[at + 1]!
      if (seen) {
        low &= oldLow
        high &= oldHigh
      }
      if (oldLow !== low || oldHigh !== high) {
        masks.mustWrite[at] = low
        masks.mustWrite[at + 1] = high
        instance.updated = true
      }
      if (oldLow & ~low || oldHigh & ~high) instance.mustWriteDropped = true
    }
    instance.mustWriteSet[relative] = 1
  }

  private postorder(env: Env, start: number): Int32Array {
    const subprog = env.subprogOf(start)
    let order = this.postorders.get(subprog)
    if (!order) {
      order = postorderOf(env, env.subprogs[subprog]!.start)
      this.postorders.set(subprog, order)
    }
    return order
  }

  /** bpf_update_live_stack: settles all functions of the current chain of calls. */
  update(env: Env): void {
    this.resetChain()
    for (let frame = env.state.curframe; frame >= 0; frame--) {
      const instance = this.lookup(env, env.state, frame)
      if (!instance.updated) continue
      this.settle(env, instance)
      instance.updated = false
      instance.mustWriteDropped = false
    }
  }

  private settle(env: Env, instance: Instance): void {
    if (instance.mustWriteDropped) for (const masks of instance.frames) masks?.mustWriteAcc.fill(0)
    const order = this.postorder(env, instance.start)
    for (let changed = true; changed; ) {
      changed = false
      for (const masks of instance.frames) {
        if (!masks) continue
        for (const slot of order) {
          const next = successors(env, slot)
          if (next.length === 0) continue
          const at = 2 * (slot - instance.start)
          for (let half = 0; half < 2; half++) {
            let after = 0
            let acc = -1
            for (const to of next) {
              const place = 2 * (to - instance.start) + half
              after |= masks.liveBefore[place]!
              acc &= masks.mustWriteAcc[place]!
            }
            acc |= masks.mustWrite[at + half]!
            const before = (after & ~masks.mustWrite[at + half]!) | masks.mayRead[at + half]!
            if (before !== masks.liveBefore[at + half] || acc !== masks.mustWriteAcc[at + half]) {
              changed = true
              masks.liveBefore[at + half] = before
              masks.mustWriteAcc[at + half] = acc
            }
          }
        }
      }
    }
    if (instance.callsites.length < 2) return
    const depth = instance.callsites.length - 1
    const callsites = instance.callsites.slice(0, depth)
    const callsite = callsites[depth - 1]!
    callsites[depth - 1] = instance.starts[depth - 1]!
    const outer = this.instanceOf(env, callsites, instance.starts.slice(0, depth))
    this.writeInsn = callsite
    this.accLow.fill(0)
    this.accHigh.fill(0)
    for (let frame = 0; frame < depth; frame++) {
      const masks = instance.frames[frame]
      if (!masks) continue
      this.accLow[frame]! |= masks.mustWriteAcc[0]!
      this.accHigh[frame]! |= masks.mustWriteAcc[1]!
      LiveStack.read(outer, frame, callsite, masks.liveBefore[0]!, masks.liveBefore[1]!)
    }
    this.commitTo(outer)
  }

  /** bpf_live_stack_query_init. */
  prepareQuery(env: Env, state: VerifierState): void {
    this.query = state.frames.map((_, frame) => this.lookup(env, state, frame))
    this.queryInsn = state.insnIdx
  }

  private static alive(instance: Instance, insn: number, frame: number, spi: number): boolean {
    const masks = instance.frames[frame]
    if (!masks) return false
    const word = masks.liveBefore[2 * (insn - instance.start) + (spi < 32 ? 0 : 1)]!
    return ((word >>> (spi & 31)) & 1) !== 0
  }

  /** bpf_stack_slot_alive, for the state given to `prepareQuery`. */
  isAlive(env: Env, frame: number, spi: number): boolean {
    const last = this.query.length - 1
    const instance = this.query[last]!
    if (LiveStack.alive(instance, this.queryInsn, frame, spi)) return true
    for (let i = frame; i < last; i++) {
      const callsite = instance.callsites[i]!
      if (LiveStack.alive(this.query[i]!, env.callsCallback[callsite] ? callsite : callsite + 1, frame, spi)) return true
    }
    return false
  }
}

function postorderOf(env: Env, start: number): Int32Array {
  const order: number[] = []
  const state = new Map<number, number>()
  const work = [start]
  state.set(start, 0)
  while (work.length) {
    const slot = work[work.length - 1]!
    const next = successors(env, slot)
    const at = state.get(slot)!
    if (at < next.length) {
      state.set(slot, at + 1)
      const to = next[at]!
      if (!state.has(to) && to < env.insns.length) {
        state.set(to, 0)
        work.push(to)
      }
    } else {
      work.pop()
      order.push(slot)
    }
  }
  return Int32Array.from(order)
}
