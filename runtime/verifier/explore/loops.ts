/**
 * Loops (kernel/bpf/verifier.c, 6.17 and later): strongly connected components of the program, visits of them, and the states whose
 * precision is only known once the loop was walked to its end.
 */
import * as op from '../../../assembler/isa/opcodes.js'
import type { Env } from '../env.js'
import { isSpilled, StackSlot, type VerifierState } from '../state/frames.js'
import { type RegState, isScalar, UNKNOWN_SCALAR } from '../state/registers.js'
import { IdMap, regsExact } from './equality.js'
import { markAllPrecise, propagatePrecision } from './precision.js'

const MAX_BACKEDGE_ITERS = 64

interface Visit {
  readonly key: string
  entry: VerifierState | undefined
  backedges: VerifierState[]
}

/** What is known of the loops that a path goes through. */
export interface Loops {
  /** Whether a walked state is part of a loop whose rounds are not all walked. */
  incomplete(state: VerifierState): boolean
  /** A new checkpoint. */
  enter(env: Env, state: VerifierState): void
  /** Everything from a checkpoint on has been walked. */
  exit(env: Env, state: VerifierState): void
  /** The current state was found to add nothing to `old`, which is in the same open loop. */
  close(env: Env, old: VerifierState, current: VerifierState): void
}

export class LoopComponents implements Loops {
  private readonly visits = new Map<string, Visit>()

  /** `scc`: what `components` found. */
  constructor(private readonly scc: Int32Array) {}

  /** compute_scc_callchain: the component a state is in with the calls that led there; undefined outside of loops. */
  private keyOf(state: VerifierState): string | undefined {
    let key = ''
    const last = state.frames.length - 1
    for (let i = 0; i <= last; i++) {
      const slot = i === last ? state.insnIdx : state.frames[i + 1]!.callsite
      const scc = this.scc[slot]!
      if (scc) return `${key}/${scc}`
      key += `,${slot}`
    }
    return undefined
  }

  /** incomplete_read_marks. */
  incomplete(state: VerifierState): boolean {
    if (this.visits.size === 0) return false
    const visit = state.loopKey === undefined ? undefined : this.visits.get(state.loopKey)
    return visit !== undefined && visit.backedges.length > 0
  }

  /** maybe_enter_scc. */
  enter(env: Env, state: VerifierState): void {
    const key = this.keyOf(state)
    state.loopKey = key
    if (key === undefined) return
    let visit = this.visits.get(key)
    if (!visit) this.visits.set(key, (visit = { key, entry: undefined, backedges: [] }))
    if (visit.entry) return
    visit.entry = state
    sayVisit(env, 'enter', visit)
  }

  /** maybe_exit_scc: the loop's entry has no open branches left, so its backedges can be settled. */
  exit(env: Env, state: VerifierState): void {
    if (this.visits.size === 0) return
    const visit = state.loopKey === undefined ? undefined : this.visits.get(state.loopKey)
    if (!visit || visit.entry !== state) return
    sayVisit(env, 'exit', visit)
    visit.entry = undefined
    env.backedges -= visit.backedges.length
    const { backedges } = visit
    for (let round = 0, changed = true; changed; round++) {
      if (round > MAX_BACKEDGE_ITERS) {
        for (const backedge of backedges) markAllPrecise(env, backedge)
        break
      }
      changed = false
      for (const backedge of backedges) if (propagatePrecision(env, backedge.equalState!, backedge)) changed = true
    }
    visit.backedges = []
  }

  /** add_scc_backedge. */
  close(env: Env, old: VerifierState, current: VerifierState): void {
    const visit = old.loopKey === undefined ? undefined : this.visits.get(old.loopKey)
    if (!visit) return
    sayVisit(env, 'backedge', visit)
    const backedge = current.clone()
    backedge.equalState = old
    backedge.insnIdx = env.insnIdx
    visit.backedges.unshift(backedge)
    env.backedges++
    env.updatePeak()
  }
}

/** What becomes of a loop, at level 2: the calls that led to it, and its number. */
function sayVisit(env: Env, what: string, visit: Visit): void {
  if (env.log.level & 2) env.say(`SCC ${what} (${visit.key.slice(1).replace('/', ',')})\n`)
}

/** Successors of an instruction within its subprogram. */
export function successors(env: Env, slot: number): number[] {
  const { insns } = env
  const code = insns.code[slot]!
  const next = slot + (code === (op.BPF_LD | op.BPF_IMM | op.BPF_DW) ? 2 : 1)
  const kind = code & 7
  if (kind !== op.BPF_JMP && kind !== op.BPF_JMP32) return [next]
  const operation = code & 0xf0
  if (operation === op.BPF_EXIT) return []
  if (operation === op.BPF_CALL) return [next]
  const target = slot + 1 + (code === (op.BPF_JMP32 | op.BPF_JA) ? insns.imm[slot]! : insns.off[slot]!)
  return operation === op.BPF_JA ? [target] : [next, target]
}

/**
 * compute_scc: Tarjan's algorithm, without recursion. Gives the number of the component that an instruction is in, 0 for none: only
 * components of more than one instruction, or with an edge to itself, count.
 */
export function components(env: Env): Int32Array {
  const count = env.insns.length
  const scc = new Int32Array(count)
  const order = new Int32Array(count)
  const low = new Int32Array(count)
  const stack: number[] = []
  const onStack = new Uint8Array(count)
  let nextOrder = 1
  let nextScc = 1
  for (let start = 0; start < count; start++) {
    if (order[start] || env.insns.code[start] === 0) continue
    const work: { slot: number; successors: number[]; at: number }[] = []
    const open = (slot: number) => {
      order[slot] = low[slot] = nextOrder++
      stack.push(slot)
      onStack[slot] = 1
      work.push({ slot, successors: successors(env, slot), at: 0 })
    }
    open(start)
    while (work.length) {
      const top = work[work.length - 1]!
      if (top.at < top.successors.length) {
        const to = top.successors[top.at++]!
        if (to >= count) continue
        if (!order[to]) open(to)
        else if (onStack[to]) low[top.slot] = Math.min(low[top.slot]!, order[to]!)
        continue
      }
      work.pop()
      const { slot } = top
      if (work.length) {
        const parent = work[work.length - 1]!.slot
        low[parent] = Math.min(low[parent]!, low[slot]!)
      }
      if (low[slot] !== order[slot]) continue
      const members: number[] = []
      let member: number
      do {
        member = stack.pop()!
        onStack[member] = 0
        members.push(member)
      } while (member !== slot)
      if (members.length > 1 || top.successors.includes(slot)) {
        for (const entry of members) scc[entry] = nextScc
        nextScc++
      }
    }
  }
  return scc
}

function sameCallsites(a: VerifierState, b: VerifierState): boolean {
  if (a.frames.length !== b.frames.length) return false
  for (let i = a.frames.length - 1; i >= 0; i--) if (a.frames[i]!.callsite !== b.frames[i]!.callsite) return false
  return true
}
export { sameCallsites }

/** find_prev_entry: an open state at the same instruction, further up the path. */
export function findPreviousEntry(env: Env, current: VerifierState | undefined, insnIdx: number): VerifierState | undefined {
  if (!current) return undefined
  for (const { state } of env.statesAt(insnIdx, current))
    if (state.insnIdx === insnIdx && state.branches && sameCallsites(state, current) && state.dfsDepth < current.dfsDepth)
      return state
  return undefined
}

/** widen_imprecise_scalars: numbers that differ between rounds and decided nothing become unknown. */
export function widenImpreciseScalars(_env: Env, old: VerifierState, current: VerifierState): void {
  const ids = new IdMap(0)
  const widened = (oldReg: RegState, reg: RegState, precise: boolean): RegState =>
    isScalar(oldReg) && isScalar(reg) && !precise && !regsExact(oldReg, reg, ids) ? UNKNOWN_SCALAR : reg
  for (let f = old.curframe; f >= 0; f--) {
    const oldFrame = old.frames[f]!
    const frame = current.frames[f]!
    for (let i = 0; i < 11; i++)
      frame.regs[i] = widened(oldFrame.regs[i]!, frame.regs[i]!, ((oldFrame.preciseRegs >> i) & 1) !== 0)
    const slots = Math.min(oldFrame.stack.length, frame.stack.length)
    for (let i = 0; i < slots; i++) {
      const a = oldFrame.stack[i]!
      const b = frame.stack[i]!
      if (!isSpilled(a) || !isSpilled(b)) continue
      const reg = widened(a.spilled, b.spilled, oldFrame.slotIsPrecise(i))
      if (reg !== b.spilled) frame.setSlot(i, new StackSlot(b.types, reg))
    }
  }
}
