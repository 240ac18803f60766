/**
 * When local objects are in use. An object is in use from its first access on some path to its last, and not between an access and the next
 * beginning of its life (`begin`), which is what keeps objects of a loop's body from being in use all around the loop; one whose address goes
 * where it cannot be followed is in use everywhere between its beginnings.
 */
import { type Block, type Func, successorAt, successors, terminatorOperands, type Value } from './ir.js'
import { touchesMemory } from './op-groups.js'

export interface ObjectLife {
  /** When it is in use: pairs of the first position and the one past the last, rising. */
  readonly spans: readonly number[]
  /** Where something may be written into it or its address goes somewhere, rising: all accesses but those that only read. */
  readonly writes: readonly number[]
}

/** Positions at which each object is in use, counted over the blocks in reverse postorder; absent for those that escape and have no beginning. */
export function objectLives(func: Func, order: readonly Block[], allocas: readonly Value[]): Map<Value, ObjectLife> {
  const { uses, begins, escaped } = traceUses(order, allocas)
  const words = (allocas.length + 31) >> 5
  const sets = () => new Int32Array(func.blockCount * words)
  /** Begun in the block; accessed in it after the last beginning; before the first. */
  const begun = sets()
  const usedLast = sets()
  const usedFirst = sets()
  allocas.forEach((_, index) => {
    const bit = (block: Block) => block.id * words + (index >> 5)
    const firstBegin = new Map<Block, number>()
    const lastBegin = new Map<Block, number>()
    for (const { block, at } of begins[index]!) {
      begun[bit(block)]! |= 1 << (index & 31)
      if (!firstBegin.has(block)) firstBegin.set(block, at)
      lastBegin.set(block, at)
    }
    for (const { block, at } of uses[index]!) {
      if (at < (firstBegin.get(block) ?? Number.POSITIVE_INFINITY)) usedFirst[bit(block)]! |= 1 << (index & 31)
      if (at > (lastBegin.get(block) ?? -1)) usedLast[bit(block)]! |= 1 << (index & 31)
    }
  })
  const before = sets()
  const after = sets()
  const next = order.map(block => successors(block).map(edge => edge.block.id))
  const join = (into: Int32Array, to: number, from: Int32Array, at: number): boolean => {
    let changed = false
    for (let w = 0; w < words; w++) {
      const old = into[to * words + w]!
      const now = old | (from[at * words + w]! & ~begun[to * words + w]!)
      if (now !== old) {
        into[to * words + w] = now
        changed = true
      }
    }
    return changed
  }
  // `before`: an access happened on some way to the end of the block, with no beginning since.
  before.set(usedLast)
  for (let changed = true; changed; ) {
    changed = false
    for (let i = 0; i < order.length; i++) for (const to of next[i]!) if (join(before, to, before, order[i]!.id)) changed = true
  }
  // `after`: one may happen from the start of the block on, with no beginning in between.
  after.set(usedFirst)
  for (let changed = true; changed; ) {
    changed = false
    for (let i = order.length - 1; i >= 0; i--)
      for (const to of next[i]!) if (join(after, order[i]!.id, after, to)) changed = true
  }
  // Whoever has the address of one that escapes may use it until its life begins again, and for ever where none is marked. But where nothing is
  // done with memory any more until the function returns, nobody does: all ways out of it end there.
  const quiet = quietFrom(func, order)
  const spans = allocas.map((alloca, index) => {
    const escapes = escaped.has(alloca)
    return escapes && begins[index]!.length === 0 ? undefined : new SpansOfObject(uses[index]!, begins[index]!, escapes, quiet)
  })
  const enters = sets()
  order.forEach((block, i) => {
    for (const to of next[i]!) for (let w = 0; w < words; w++) enters[to * words + w]! |= before[block.id * words + w]!
  })
  const starts = blockStarts(order)
  const has = (set: Int32Array, block: number, index: number) => (set[block * words + (index >> 5)]! & (1 << (index & 31))) !== 0
  order.forEach((block, i) => {
    for (let w = 0; w < words; w++) {
      const at = block.id * words + w
      for (let bits = enters[at]! | usedFirst[at]! | usedLast[at]! | begun[at]!; bits !== 0; bits &= bits - 1) {
        const index = w * 32 + 31 - Math.clz32(bits & -bits)
        spans[index]?.add(
          block,
          starts[i]!,
          has(enters, block.id, index),
          has(after, block.id, index),
          next[i]!.some(to => has(after, to, index)),
        )
      }
    }
  })
  const startOf = new Int32Array(func.blockCount)
  order.forEach((block, i) => {
    startOf[block.id] = starts[i]!
  })
  return new Map(
    allocas.flatMap((alloca, index) => {
      const collected = spans[index]
      if (!collected) return []
      const writes = uses[index]!.filter(use => use.writes).map(({ block, at }) => startOf[block.id]! + at)
      return [[alloca, { spans: collected.spans, writes }]]
    }),
  )
}

/**
 * By block id: the position in it from which nothing is done with memory until the function returns, past its end where there is none. Blocks that
 * stand before a successor in `order` are found; others may be missed.
 */
export function quietFrom(func: Func, order: readonly Block[]): Int32Array {
  const from = new Int32Array(func.blockCount).fill(0x7fffffff)
  for (let i = order.length - 1; i >= 0; i--) {
    const block = order[i]!
    let leadsToMore = block.terminator.kind === 'asmgoto'
    for (let k = 0, edge = successorAt(block, 0); edge && !leadsToMore; edge = successorAt(block, ++k))
      leadsToMore = from[edge.block.id] !== 0
    if (leadsToMore) continue
    let last = block.insts.length
    while (last > 0 && !touchesMemory(block.insts[last - 1]!)) last--
    from[block.id] = last
  }
  return from
}

/** Position of the first instruction of each block in `order`. */
export function blockStarts(order: readonly Block[]): Int32Array {
  const starts = new Int32Array(order.length + 1)
  order.forEach((block, i) => {
    starts[i + 1] = starts[i]! + block.insts.length + 2
  })
  return starts
}

interface Use {
  readonly block: Block
  /** Position in the block; the terminator's is one past the last instruction. */
  readonly at: number
  /** Not for a beginning. */
  readonly writes?: boolean
}

/** Collects the spans of one object, block by block in their order. */
class SpansOfObject {
  readonly spans: number[] = []
  private nextUse = 0
  private nextBegin = 0

  constructor(
    /** In the order of the blocks. */
    private readonly uses: readonly Use[],
    private readonly begins: readonly Use[],
    private readonly escapes: boolean,
    private readonly quiet: Int32Array,
  ) {}

  /** `enters`: its contents may come into the block; `wantedHere`, `wantedAfter`: they may be used from its start, its end on. */
  add(block: Block, start: number, enters: boolean, wantedHere: boolean, wantedAfter: boolean): void {
    const end = block.insts.length + 2
    const uses = positionsIn(this.uses, block, this.nextUse)
    const begins = positionsIn(this.begins, block, this.nextBegin)
    this.nextUse += uses.length
    this.nextBegin += begins.length
    if (uses.length === 0 && begins.length === 0) {
      if (enters && this.escapes) this.push(start, start + Math.min(end, this.quiet[block.id]!))
      else if (enters && wantedHere) this.push(start, start + end)
      return
    }
    // One stretch up to the first beginning, one between each and the next, one from the last.
    const cuts = [-1, ...begins, end]
    uses.sort((a, b) => a - b)
    let next = 0
    for (let stretch = 0; stretch + 1 < cuts.length; stretch++) {
      const reached = stretch === 0 && enters
      const leaves = this.escapes || (stretch + 2 === cuts.length && wantedAfter)
      const stop = this.escapes ? Math.min(cuts[stretch + 1]!, this.quiet[block.id]!) : cuts[stretch + 1]!
      const first = uses[next]
      let last = -1
      while (next < uses.length && uses[next]! < cuts[stretch + 1]!) last = uses[next++]!
      if (last >= 0) this.push(start + (reached ? 0 : first!), start + (leaves ? Math.max(stop, last + 1) : last + 1))
      else if (reached && leaves) this.push(start, start + stop)
    }
  }

  private push(from: number, to: number): void {
    const { spans } = this
    if (from === to) return
    if (spans.length > 0 && spans[spans.length - 1] === from) spans[spans.length - 1] = to
    else spans.push(from, to)
  }
}

/** Positions of what lies in the block, from an index of the list on. */
function positionsIn(list: readonly Use[], block: Block, from: number): number[] {
  const found: number[] = []
  for (let i = from; i < list.length && list[i]!.block === block; i++) found.push(list[i]!.at)
  return found
}

/** Whether the instruction does no more with its argument than to read through it, or to compare it. */
function onlyReads(inst: Value, arg: number): boolean {
  const copies = inst.op === 'memcpy' || inst.op === 'memmove'
  return inst.op === 'load' || inst.op === 'memcmp' || inst.op === 'icmp' || (copies && arg === 1)
}

/** By function, its address parameters that it stores, or passes to who may store them: into the object of another parameter, for one. */
const keptParams = new WeakMap<Func, ReadonlySet<Value> | 'all'>()

/** Looks at what a function does with its parameters, while it still has a body. */
export function noteKeptParams(func: Func): ReadonlySet<Value> | 'all' {
  const known = keptParams.get(func)
  if (known) return known
  // One that calls itself is asked for while it is looked at.
  keptParams.set(func, 'all')
  const addresses = func.params.filter(param => param.type === 'ptr')
  const kept = func.naked
    ? 'all'
    : func.isDeclaration || addresses.length === 0
      ? new Set<Value>()
      : traceUses(func.blocks, addresses).escaped
  keptParams.set(func, kept)
  return kept
}

/** Whether the address may still be somewhere after the call. */
export function keepsArgument(call: Value, index: number): boolean {
  // A kernel function may answer with an address inside what it was given (bpf_dynptr_slice, bpf_iter_num_next).
  if (call.type === 'ptr') return true
  const callee = call.func!
  const kept = noteKeptParams(callee)
  return kept === 'all' || (callee.params[index] !== undefined && kept.has(callee.params[index]))
}

/** Uses of each object and of the addresses made from it, and the objects whose address goes into memory, numbers or assembly. */
function traceUses(order: readonly Block[], allocas: readonly Value[]) {
  const uses: Use[][] = allocas.map(() => [])
  const begins: Use[][] = allocas.map(() => [])
  const escaped = new Set<Value>()
  /** Objects that an address may point into. */
  const origins = new Map<Value, Set<number>>(allocas.map((alloca, i) => [alloca, new Set([i])]))
  const carry = (to: Value, from: Value): boolean => {
    const source = origins.get(from)
    if (!source) return false
    let target = origins.get(to)
    if (!target) {
      target = new Set()
      origins.set(to, target)
    }
    const size = target.size
    for (const origin of source) target.add(origin)
    return target.size !== size
  }
  for (let changed = true; changed; ) {
    changed = false
    for (const block of order) {
      for (const inst of block.insts)
        if (inst.op === 'ptradd' || inst.op === 'opaque') changed = carry(inst, inst.args[0]!) || changed
        else if (inst.op === 'select') {
          changed = carry(inst, inst.args[1]!) || changed
          changed = carry(inst, inst.args[2]!) || changed
        }
      for (const { block: to, args } of successors(block))
        for (let i = 0; i < args.length; i++) if (args[i]!.type === 'ptr') changed = carry(to.params[i]!, args[i]!) || changed
    }
  }
  const note = (value: Value, block: Block, at: number, writes: boolean) => {
    for (const origin of origins.get(value) ?? []) uses[origin]!.push({ block, at, writes })
  }
  const lose = (value: Value) => {
    for (const origin of origins.get(value) ?? []) escaped.add(allocas[origin]!)
  }
  for (const block of order) {
    block.insts.forEach((inst, at) => {
      if (inst.op === 'begin') {
        for (const origin of origins.get(inst.args[0]!) ?? []) begins[origin]!.push({ block, at })
        return
      }
      if (inst.op === 'ptradd' || inst.op === 'opaque' || inst.op === 'select') return
      inst.args.forEach((arg, i) => {
        if (arg.type !== 'ptr' || !origins.has(arg)) return
        note(arg, block, at, !onlyReads(inst, i))
        const address = i === 0 && (inst.op === 'load' || inst.op === 'store' || inst.op === 'atomicrmw' || inst.op === 'cmpxchg')
        const blockwise = inst.op === 'memcpy' || inst.op === 'memmove' || inst.op === 'memset' || inst.op === 'memcmp'
        const passed = (inst.op === 'call' && !keepsArgument(inst, i)) || inst.op === 'callhelper' || inst.op === 'icmp'
        if (!address && !blockwise && !passed) lose(arg)
      })
    })
    for (const value of terminatorOperands(block.terminator)) {
      note(value, block, block.insts.length, true)
      lose(value)
    }
  }
  return { uses, begins, escaped }
}
