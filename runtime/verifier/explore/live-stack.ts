/**
 * Which stack slots may still be read (kernel/bpf/liveness.c, 6.18): reads and writes are collected while the program is walked, by
 * chain of calls, and live slots follow from them by data flow over the function. Slots 0 to 31 and 32 to 63 are two words.
 */
import type { Env } from '../env.js'
import { BPF_REG_SIZE, MAX_CALL_FRAMES, type VerifierState } from '../state/frames.js'
import { successors } from './loops.js'

/** Marks of one frame's slots at every instruction of a function: two words each. */
class FrameMasks {
  readonly mayRead: Int32Array
  readonly mustWrite: Int32Array
  readonly mustWriteAcc: Int32Array
  readonly liveBefore: Int32Array
  /** Slots that came to life somewhere, or lost it, since live slots were worked out: two words each. */
  readonly grown = new Int32Array(2)
  readonly shrunk = new Int32Array(2)

  constructor(count: number) {
    this.mayRead = new Int32Array(2 * count)
    this.mustWrite = new Int32Array(2 * count)
    this.mustWriteAcc = new Int32Array(2 * count)
    this.liveBefore = new Int32Array(2 * count)
  }
}

/** A function as called along one chain of calls. */
interface Instance {
  /** The chain without its last call. */
  readonly outer: Instance | undefined
  /** Calls that lead here, and as the last entry the function's own start. */
  readonly callsites: readonly number[]
  readonly start: number
  readonly count: number
  readonly frames: (FrameMasks | undefined)[]
  readonly mustWriteSet: Uint8Array
  /** Chains that are one call longer. */
  readonly inner: Instance[]
  /** Instructions (from `start`) whose marks changed since live slots were worked out. */
  readonly touched: number[]
  updated: boolean
  mustWriteDropped: boolean
}

/** Edges between the instructions of a function, counted from its start: those of `i` stand from `at[i]` to `at[i + 1]`. */
interface Edges {
  readonly at: Int32Array
  readonly to: Int32Array
}

interface Flow {
  /** Instructions that are reached, from the last to the first. */
  readonly postorder: Int32Array
  /** The other way round: where an instruction stands in `postorder`. */
  readonly position: Int32Array
  readonly cyclic: boolean
  /** By position: to be worked out again. All zero between uses. */
  readonly dirty: Uint8Array
  readonly next: Edges
  readonly previous: Edges
}

export class LiveStack {
  private readonly roots: Instance[] = []
  private current: Instance | undefined
  private readonly accLow = new Int32Array(MAX_CALL_FRAMES)
  private readonly accHigh = new Int32Array(MAX_CALL_FRAMES)
  private accUsed = false
  private writeInsn = 0
  /** By subprogram. */
  private readonly flows = new Map<number, Flow>()
  private query: Instance[] = []
  private queryInsn = 0

  /** The chain of calls changed: what follows belongs to another instance. */
  resetChain(): void {
    this.current = undefined
  }

  private static create(env: Env, outer: Instance | undefined, callsite: number, start: number): Instance {
    const subprog = env.subprogs[env.subprogOf(start)]!
    const count = subprog.end - subprog.start
    return {
      outer,
      callsites: outer ? [...outer.callsites.slice(0, -1), callsite, start] : [start],
      start,
      count,
      frames: [],
      mustWriteSet: new Uint8Array(count),
      inner: [],
      touched: [],
      updated: false,
      mustWriteDropped: false,
    }
  }

  private lookup(env: Env, state: VerifierState, frameno: number): Instance {
    let instance: Instance | undefined
    for (let i = 0; i <= frameno; i++) {
      const { start } = env.subprogs[state.frames[i]!.subprogno]!
      const { callsite } = state.frames[i]!
      const siblings: Instance[] = instance ? instance.inner : this.roots
      const depth = i - 1
      let found: Instance | undefined
      for (const each of siblings)
        if (each.start === start && (i === 0 || each.callsites[depth] === callsite)) {
          found = each
          break
        }
      if (!found) siblings.push((found = LiveStack.create(env, instance, callsite, start)))
      instance = found
    }
    return instance!
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
    instance.touched.push(insn - instance.start)
    masks.grown[0]! |= newLow & ~masks.liveBefore[at]!
    masks.grown[1]! |= newHigh & ~masks.liveBefore[at + 1]!
    masks.mayRead[at] = newLow
    masks.mayRead[at + 1] = newHigh
  }

  /** bpf_mark_stack_read. */
  markRead(env: Env, frame: number, insn: number, spi: number): void {
    LiveStack.read(this.ensure(env), frame, insn, spi < 32 ? 1 << spi : 0, spi < 32 ? 0 : 1 << (spi - 32))
  }

  /** bpf_mark_stack_write: within the instruction that `begin` named. */
  markWrite(_env: Env, frame: number, spi: number): void {
    this.accUsed = true
    if (spi < 32) this.accLow[frame]! |= 1 << spi
    else this.accHigh[frame]! |= 1 << (spi - 32)
  }

  /** bpf_reset_stack_write_marks. */
  begin(env: Env, insn: number): void {
    this.ensure(env)
    this.writeInsn = insn
    this.clearWrites()
  }

  private clearWrites(): void {
    if (!this.accUsed) return
    this.accUsed = false
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
        masks.shrunk[0]! |= low & ~oldLow & masks.liveBefore[at]! & ~masks.mayRead[at]!
        masks.shrunk[1]! |= high & ~oldHigh & masks.liveBefore[at + 1]! & ~masks.mayRead[at + 1]!
        masks.grown[0]! |= oldLow & ~low
        masks.grown[1]! |= oldHigh & ~high
        masks.mustWrite[at] = low
        masks.mustWrite[at + 1] = high
        instance.updated = true
        instance.touched.push(relative)
      }
      if (oldLow & ~low || oldHigh & ~high) instance.mustWriteDropped = true
    }
    instance.mustWriteSet[relative] = 1
  }

  private flow(env: Env, start: number): Flow {
    const subprog = env.subprogOf(start)
    let flow = this.flows.get(subprog)
    if (!flow) this.flows.set(subprog, (flow = flowOf(env, env.subprogs[subprog]!.start, env.subprogs[subprog]!.end)))
    return flow
  }

  /** bpf_update_live_stack: settles all functions of the current chain of calls. */
  update(env: Env): void {
    this.resetChain()
    for (let frame = env.state.curframe; frame >= 0; frame--) {
      const instance = this.lookup(env, env.state, frame)
      if (!instance.updated) continue
      if (env.log.level & 2 && env.kernel.liveStackShown) settleAloud(env, instance, this.flow(env, instance.start))
      this.settle(env, instance)
      instance.updated = false
      instance.mustWriteDropped = false
    }
  }

  private settle(env: Env, instance: Instance): void {
    const flow = this.flow(env, instance.start)
    const { touched } = instance
    for (const masks of instance.frames) {
      if (!masks) continue
      const { grown, shrunk } = masks
      // What is written for certain matters to callers only; where less of it is certain than was, it is collected afresh.
      const afresh = instance.mustWriteDropped && instance.outer !== undefined
      // In a loop, the order decides whether a slot lives that came to life in one place and lost it in another: then it is the kernel's.
      const mixed = flow.cyclic && (grown[0]! & shrunk[0]!) | (grown[1]! & shrunk[1]!)
      if (afresh) masks.mustWriteAcc.fill(0)
      if (afresh || mixed) settleAll(masks, flow)
      else settleFrom(masks, flow, touched)
      grown.fill(0)
      shrunk.fill(0)
    }
    touched.length = 0
    if (instance.callsites.length < 2) return
    const depth = instance.callsites.length - 1
    const callsite = instance.callsites[depth - 1]!
    const outer = instance.outer!
    this.writeInsn = callsite
    this.clearWrites()
    this.accUsed = true
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

/** Numbers of slots as the kernel prints them: places in the frame. */
function slotsText(low: number, high: number): string {
  const places: number[] = []
  for (let spi = 0; spi < 64; spi++) if (((spi < 32 ? low : high) >>> (spi & 31)) & 1) places.push(-(spi + 1) * BPF_REG_SIZE)
  return places.join(',')
}

/** log_mask_change. */
function sayChange(
  env: Env,
  chain: string,
  what: string,
  frame: number,
  slot: number,
  before: Int32Array,
  low: number,
  high: number,
): void {
  const [oldLow = 0, oldHigh = 0] = before
  if (oldLow === low && oldHigh === high) return
  const more = slotsText(low & ~oldLow, high & ~oldHigh)
  const less = slotsText(oldLow & ~low, oldHigh & ~high)
  env.say(`${chain} frame ${frame} insn ${slot} ${more && `+${what} ${more} `}${less && `-${what} ${less}`}\n`)
}

/** update_instance for level 2 of the log: all instructions in the kernel's order until nothing changes, each change said. */
function settleAloud(env: Env, instance: Instance, flow: Flow): void {
  const chain = `(${instance.callsites.join(',')})`
  if (instance.mustWriteDropped) for (const masks of instance.frames) masks?.mustWriteAcc.fill(0)
  let rounds = 0
  for (let changed = true; changed; ) {
    changed = false
    rounds++
    instance.frames.forEach((masks, frame) => {
      if (!masks) return
      for (const insn of flow.postorder) {
        const at = 2 * insn
        const slot = instance.start + insn
        const shown =
          masks.mayRead[at] ||
          masks.mayRead[at + 1] ||
          masks.mustWrite[at] ||
          masks.mustWrite[at + 1] ||
          insn === 0 ||
          env.prunePoint[slot]
        const before = shown ? [masks.liveBefore.slice(at, at + 2), masks.mustWriteAcc.slice(at, at + 2)] : undefined
        if (!settleOne(masks, flow.next, insn)) continue
        changed = true
        if (!before) continue
        sayChange(env, chain, 'live', frame, slot, before[0]!, masks.liveBefore[at]!, masks.liveBefore[at + 1]!)
        sayChange(env, chain, 'written', frame, slot, before[1]!, masks.mustWriteAcc[at]!, masks.mustWriteAcc[at + 1]!)
      }
    })
  }
  env.say(`${chain} live stack update done in ${rounds} iterations\n`)
}

/** Works out one instruction; whether anything changed. */
function settleOne(masks: FrameMasks, next: Edges, insn: number): boolean {
  const { mayRead, mustWrite, mustWriteAcc, liveBefore } = masks
  const first = next.at[insn]!
  const last = next.at[insn + 1]!
  if (first === last) return false
  let afterLow = 0
  let afterHigh = 0
  let accLow = -1
  let accHigh = -1
  for (let i = first; i < last; i++) {
    const to = 2 * next.to[i]!
    afterLow |= liveBefore[to]!
    afterHigh |= liveBefore[to + 1]!
    accLow &= mustWriteAcc[to]!
    accHigh &= mustWriteAcc[to + 1]!
  }
  const at = 2 * insn
  accLow |= mustWrite[at]!
  accHigh |= mustWrite[at + 1]!
  const beforeLow = (afterLow & ~mustWrite[at]!) | mayRead[at]!
  const beforeHigh = (afterHigh & ~mustWrite[at + 1]!) | mayRead[at + 1]!
  if (
    beforeLow === liveBefore[at] &&
    beforeHigh === liveBefore[at + 1] &&
    accLow === mustWriteAcc[at] &&
    accHigh === mustWriteAcc[at + 1]
  )
    return false
  liveBefore[at] = beforeLow
  liveBefore[at + 1] = beforeHigh
  mustWriteAcc[at] = accLow
  mustWriteAcc[at + 1] = accHigh
  return true
}

/** All instructions in the kernel's order, until nothing changes. */
function settleAll(masks: FrameMasks, flow: Flow): void {
  for (let changed = true; changed; ) {
    changed = false
    for (const insn of flow.postorder) if (settleOne(masks, flow.next, insn)) changed = true
  }
}

/** Only what lies behind the instructions whose marks changed, in the same order. */
function settleFrom(masks: FrameMasks, flow: Flow, touched: readonly number[]): void {
  const { previous, position, postorder, dirty } = flow
  let lowest = dirty.length
  for (let i = 0; i < touched.length; i++) {
    const at = position[touched[i]!]!
    dirty[at] = 1
    if (at < lowest) lowest = at
  }
  while (lowest < dirty.length) {
    let again = dirty.length
    for (let at = dirty.indexOf(1, lowest); at >= 0; at = dirty.indexOf(1, at + 1)) {
      dirty[at] = 0
      const insn = postorder[at]!
      if (!settleOne(masks, flow.next, insn)) continue
      for (let i = previous.at[insn]!; i < previous.at[insn + 1]!; i++) {
        const before = position[previous.to[i]!]!
        dirty[before] = 1
        if (before <= at && before < again) again = before
      }
    }
    lowest = again
  }
}

function flowOf(env: Env, start: number, end: number): Flow {
  const count = end - start
  const postorder = postorderOf(env, start)
  const position = new Int32Array(count)
  for (let i = 0; i < postorder.length; i++) {
    postorder[i]! -= start
    position[postorder[i]!] = i
  }
  const next: number[][] = Array.from({ length: count }, () => [])
  const previous: number[][] = Array.from({ length: count }, () => [])
  let cyclic = false
  for (const insn of postorder)
    for (const target of successors(env, insn + start)) {
      const to = target - start
      next[insn]!.push(to)
      previous[to]!.push(insn)
      if (position[to]! >= position[insn]!) cyclic = true
    }
  const dirty = new Uint8Array(postorder.length)
  return { postorder, position, cyclic, dirty, next: edgesOf(next), previous: edgesOf(previous) }
}

function edgesOf(lists: readonly (readonly number[])[]): Edges {
  const at = new Int32Array(lists.length + 1)
  for (let i = 0; i < lists.length; i++) at[i + 1] = at[i]! + lists[i]!.length
  const to = new Int32Array(at[lists.length]!)
  for (let i = 0; i < lists.length; i++) to.set(lists[i]!, at[i]!)
  return { at, to }
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
