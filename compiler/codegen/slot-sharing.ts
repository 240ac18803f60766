/**
 * Local objects that are never in use at the same time share a place in the frame: inlining brings in many. An object is in use from
 * its first access on some path to its last; one whose address goes where it cannot be followed is in use everywhere.
 */
import { reversePostorder } from '../ir/cfg.js'
import { type Block, type Func, successors, terminatorOperands, type Value } from '../ir/ir.js'
import { overlap, type Segments } from './intervals.js'

/** More than this many objects times blocks is not looked into. */
const MAX_WORK = 1 << 24

export interface SharedPlace {
  readonly members: Value[]
  size: number
  align: number
  live: Segments
}

/** Groups of allocas for one place each, in the order of their first members. */
export function shareSlots(func: Func): SharedPlace[] {
  const allocas = func.entry.insts.filter(inst => inst.op === 'alloca')
  const alone = (alloca: Value): SharedPlace => ({
    members: [alloca],
    size: alloca.size,
    align: Math.max(1, alloca.align),
    live: [],
  })
  const order = reversePostorder(func)
  if (allocas.length < 2 || allocas.length * order.length > MAX_WORK) return allocas.map(alone)
  const live = liveness(func, order, allocas)
  const places: SharedPlace[] = []
  const rank = new Map(allocas.map((alloca, i) => [alloca, i]))
  const bySize = [...allocas].sort((a, b) => b.size - a.size || rank.get(a)! - rank.get(b)!)
  for (const alloca of bySize) {
    const segments = live.get(alloca)
    const place = segments && places.find(each => each.live.length > 0 && !overlap(each.live, segments))
    if (place) {
      place.members.push(alloca)
      place.align = Math.max(place.align, alloca.align)
      place.live = merge(place.live, segments)
    } else places.push({ ...alone(alloca), live: segments ? [...segments] : [] })
  }
  const first = (place: SharedPlace) => Math.min(...place.members.map(member => rank.get(member)!))
  return places.sort((a, b) => first(a) - first(b))
}

function merge(a: Segments, b: Segments): Segments {
  const pairs: [number, number][] = []
  for (const list of [a, b]) for (let i = 0; i < list.length; i += 2) pairs.push([list[i]!, list[i + 1]!])
  return pairs.sort((x, y) => x[0] - y[0]).flat()
}

/** Positions at which each object is in use, counted over the blocks in reverse postorder; absent for those that escape. */
function liveness(func: Func, order: readonly Block[], allocas: readonly Value[]): Map<Value, Segments> {
  const { uses, escaped } = traceUses(order, allocas)
  const words = (allocas.length + 31) >> 5
  const sets = () => new Int32Array(func.blockCount * words)
  const used = sets()
  const before = sets()
  const after = sets()
  for (const [index, list] of uses.entries())
    for (const { block } of list) used[block.id * words + (index >> 5)]! |= 1 << (index & 31)
  // `before`: an access happened on some way here. `after`: one may happen from here on. Both at the end of the block.
  const flow = (into: Int32Array, blocks: readonly Block[], step: (block: Block) => boolean) => {
    into.set(used)
    for (let changed = true; changed; ) {
      changed = false
      for (const block of blocks) if (step(block)) changed = true
    }
  }
  const join = (into: Int32Array, to: number, from: Int32Array, at: number): boolean => {
    let changed = false
    for (let w = 0; w < words; w++) {
      const old = into[to * words + w]!
      const now = old | from[at * words + w]!
      if (now !== old) {
        into[to * words + w] = now
        changed = true
      }
    }
    return changed
  }
  flow(before, order, block =>
    successors(block).reduce((changed, edge) => join(before, edge.block.id, before, block.id) || changed, false),
  )
  const backwards = [...order].reverse()
  // `after` here means: from the beginning of the block on.
  flow(after, backwards, block =>
    successors(block).reduce((changed, edge) => join(after, block.id, after, edge.block.id) || changed, false),
  )
  const result = new Map<Value, Segments>()
  const starts = blockStarts(order)
  allocas.forEach((alloca, index) => {
    if (escaped.has(alloca)) return
    const has = (set: Int32Array, block: Block) => (set[block.id * words + (index >> 5)]! & (1 << (index & 31))) !== 0
    result.set(
      alloca,
      segmentsOf(
        order,
        starts,
        uses[index]!,
        block => has(before, block),
        block => has(after, block),
      ),
    )
  })
  return result
}

function blockStarts(order: readonly Block[]): Int32Array {
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
}

function segmentsOf(
  order: readonly Block[],
  starts: Int32Array,
  uses: readonly Use[],
  before: (block: Block) => boolean,
  after: (block: Block) => boolean,
): Segments {
  const here = new Map<Block, { first: number; last: number }>()
  for (const { block, at } of uses) {
    const range = here.get(block)
    if (!range) here.set(block, { first: at, last: at })
    else {
      range.first = Math.min(range.first, at)
      range.last = Math.max(range.last, at)
    }
  }
  const enters = new Set<Block>()
  for (const block of order) if (before(block)) for (const edge of successors(block)) enters.add(edge.block)
  const segments: Segments = []
  order.forEach((block, i) => {
    const range = here.get(block)
    const reached = enters.has(block)
    const leaves = successors(block).some(edge => after(edge.block))
    let from = -1
    let to = -1
    if (range) {
      from = reached ? 0 : range.first
      to = leaves ? block.insts.length + 2 : range.last + 1
    } else if (reached && after(block)) {
      from = 0
      to = block.insts.length + 2
    }
    if (from < 0) return
    const start = starts[i]! + from
    if (segments.length > 0 && segments[segments.length - 1] === start) segments[segments.length - 1] = starts[i]! + to
    else segments.push(start, starts[i]! + to)
  })
  return segments
}

/** Uses of each object and of the addresses made from it, and the objects whose address goes into memory, numbers or assembly. */
function traceUses(order: readonly Block[], allocas: readonly Value[]) {
  const uses: Use[][] = allocas.map(() => [])
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
      for (const edge of successors(block))
        edge.args.forEach((arg, i) => {
          changed = carry(edge.block.params[i]!, arg) || changed
        })
    }
  }
  const note = (value: Value, block: Block, at: number) => {
    for (const origin of origins.get(value) ?? []) uses[origin]!.push({ block, at })
  }
  const lose = (value: Value) => {
    for (const origin of origins.get(value) ?? []) escaped.add(allocas[origin]!)
  }
  for (const block of order) {
    block.insts.forEach((inst, at) => {
      inst.args.forEach((arg, i) => {
        if (!origins.has(arg)) return
        if (inst.op === 'ptradd' || inst.op === 'opaque' || inst.op === 'select') return
        note(arg, block, at)
        const address = i === 0 && (inst.op === 'load' || inst.op === 'store' || inst.op === 'atomicrmw' || inst.op === 'cmpxchg')
        const blockwise = inst.op === 'memcpy' || inst.op === 'memmove' || inst.op === 'memset' || inst.op === 'memcmp'
        // A kernel function may answer with an address inside what it was given (bpf_dynptr_slice, bpf_iter_num_next).
        const passed = (inst.op === 'call' && inst.type !== 'ptr') || inst.op === 'callhelper' || inst.op === 'icmp'
        if (!address && !blockwise && !passed) lose(arg)
      })
    })
    for (const value of terminatorOperands(block.terminator)) {
      note(value, block, block.insts.length)
      lose(value)
    }
  }
  return { uses, escaped }
}
