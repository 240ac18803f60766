/**
 * Between which numbers integers lie, read as signed: from constants, widths and arithmetic, from the branches that lead to a place, and through loops
 * (bounds that go on growing are given up first, then won back from the loop's own test). Nothing is taken from "signed overflow cannot
 * happen": a sum that may wrap can be anything.
 *
 * Bounds are doubles. Numbers of 64 bits beyond 2^53 count as unbounded.
 */
import { divisions, sumsAndBits, widthCasts } from './op-groups.js'
import { computeDominators, type Dominators } from './dominators.js'
import {
  type Block,
  bitsOf,
  type Edge,
  type Func,
  type IrType,
  type Op,
  type Predicate,
  signed,
  successors,
  Value,
} from './ir.js'
import { inverted, swapped } from './fold.js'

export interface Range {
  readonly lo: number
  readonly hi: number
}

export interface Ranges {
  /** What the value can be where the block runs. */
  at(value: Value, block: Block): Range
}

/** Rounds in which bounds may grow by themselves; then they go to what branches allow. */
const GROWING = 3
/** From this round on they go to the ends of the type: bounds that branches take from each other could grow for long. */
const SETTLING = 8
/** Rounds that win bounds back. */
const NARROWING = 2
const EXACT = 2 ** 53

/** More branches on one value than these are not remembered. */
const MAX_FACTS = 64

/** What an edge says of a value. */
interface Learnt {
  readonly value: Value
  readonly predicate: Predicate
  readonly other: Value
}

interface Incoming {
  readonly from: Block
  readonly edge: Edge
  readonly learnt: readonly Learnt[]
}

/** Holds in the blocks that one dominates. */
interface Fact {
  readonly block: Block
  readonly predicate: Predicate
  readonly other: Value
}

const full: Readonly<Record<IrType, Range>> = {
  void: { lo: 0, hi: 0 },
  i1: { lo: 0, hi: 1 },
  i8: { lo: -0x80, hi: 0x7f },
  i16: { lo: -0x8000, hi: 0x7fff },
  i32: { lo: -0x8000_0000, hi: 0x7fff_ffff },
  i64: { lo: Number.NEGATIVE_INFINITY, hi: Number.POSITIVE_INFINITY },
  ptr: { lo: Number.NEGATIVE_INFINITY, hi: Number.POSITIVE_INFINITY },
}

/** Ranges of the values `wanted`; of others only what these rest on is worked out. */
export function computeRanges(func: Func, wanted: Iterable<Value>, dominators: Dominators = computeDominators(func)): Ranges {
  return new RangeAnalysis(func, dominators).run(wanted)
}

/** What is worked out in a block: parameters by their positions, and instructions. */
interface Step {
  readonly block: Block
  readonly params: readonly number[]
  readonly insts: readonly Value[]
}

class RangeAnalysis implements Ranges {
  private readonly ranges: (Range | undefined)[]
  private readonly facts: (Fact[] | undefined)[] = []
  private readonly incoming: Incoming[][] = []

  constructor(
    func: Func,
    private readonly dominators: Dominators,
  ) {
    this.ranges = new Array(func.valueCount).fill(undefined)
    for (const block of dominators.order) this.incoming[block.id] = []
    for (const from of dominators.order) {
      if (from.terminator.kind === 'asmgoto') for (const each of from.terminator.results) this.ranges[each.id] = full[each.type]
      const known = factsOf(from)
      for (const edge of successors(from)) this.incoming[edge.block.id]!.push({ from, edge, learnt: known?.get(edge) ?? [] })
    }
    for (const block of dominators.order) {
      const edges = this.incoming[block.id]!
      if (edges.length !== 1) continue
      for (const { value, predicate, other } of edges[0]!.learnt) {
        const list = (this.facts[value.id] ??= [])
        if (list.length < MAX_FACTS) list.push({ block, predicate, other })
      }
    }
  }

  run(wanted: Iterable<Value>): this {
    const steps = this.stepsFor(wanted)
    for (let round = 0, changed = true; changed; round++) {
      changed = false
      for (const { block, params, insts } of steps) {
        for (const i of params) {
          const param = block.params[i]!
          const found = round < GROWING ? this.meet(block, i) : this.widen(block, i, param, round >= SETTLING)
          if (found) changed = this.grow(param, found) || changed
        }
        for (const inst of insts) {
          const found = this.transfer(inst, block)
          if (found) changed = this.grow(inst, found) || changed
        }
      }
    }
    for (let round = 0; round < NARROWING; round++) {
      for (const { block, params, insts } of steps) {
        for (const i of params) this.shrink(block.params[i]!, this.meet(block, i))
        for (const inst of insts) this.shrink(inst, this.transfer(inst, block))
      }
    }
    return this
  }

  /** What has to be worked out for the sake of some values, in the order of the blocks. */
  private stepsFor(wanted: Iterable<Value>): Step[] {
    const { order } = this.dominators
    const homes = new Map<Value, { readonly block: Block; readonly index: number }>()
    for (const block of order)
      block.params.forEach((param, index) => {
        homes.set(param, { block, index })
      })
    const needed = new Uint8Array(this.ranges.length)
    const work: Value[] = []
    const need = (value: Value): void => {
      if (value.op === 'const' || needed[value.id]) return
      needed[value.id] = 1
      work.push(value)
    }
    for (const value of wanted) need(value)
    for (let value = work.pop(); value !== undefined; value = work.pop()) {
      for (const { other } of this.facts[value.id] ?? []) need(other)
      if (value.op !== 'blockparam') {
        if (reads.has(value.op)) for (const arg of value.args) need(arg)
        continue
      }
      const home = homes.get(value)
      if (!home) continue
      for (const { edge, learnt } of this.incoming[home.block.id]!) {
        const arg = edge.args[home.index]
        if (!arg) continue
        need(arg)
        for (const each of learnt) if (each.value === arg) need(each.other)
      }
    }
    const steps: Step[] = []
    for (const block of order) {
      const params = block.params.flatMap((param, i) => (needed[param.id] ? [i] : []))
      const insts = block.insts.filter(inst => needed[inst.id])
      if (params.length > 0 || insts.length > 0) steps.push({ block, params, insts })
    }
    return steps
  }

  at(value: Value, block: Block): Range {
    return this.find(value, block) ?? full[value.type]
  }

  /** Undefined while nothing has come from there. */
  private find(value: Value, block: Block, range = this.base(value)): Range | undefined {
    const facts = range && this.facts[value.id]
    if (!facts) return range
    let found = range
    for (const fact of facts) if (this.dominators.dominates(fact.block, block)) found = this.refine(found, fact)
    return found
  }

  private base(value: Value): Range | undefined {
    switch (value.op) {
      case 'const':
        return constant(value)
      case 'undef':
      case 'global':
      case 'func':
      case 'param':
        return full[value.type]
      default:
        return this.ranges[value.id]
    }
  }

  private refine(range: Range, fact: Omit<Learnt, 'value'>): Range {
    const other = this.base(fact.other)
    if (!other) return range
    let { lo, hi } = range
    switch (fact.predicate) {
      case 'slt':
        hi = Math.min(hi, other.hi - 1)
        break
      case 'sle':
        hi = Math.min(hi, other.hi)
        break
      case 'sgt':
        lo = Math.max(lo, other.lo + 1)
        break
      case 'sge':
        lo = Math.max(lo, other.lo)
        break
      case 'eq':
        lo = Math.max(lo, other.lo)
        hi = Math.min(hi, other.hi)
        break
      case 'ne':
        if (other.lo !== other.hi) break
        if (other.lo === lo) lo++
        if (other.lo === hi) hi--
        break
      case 'ult':
      case 'ule':
        // Below what is not negative nothing is.
        if (other.lo < 0) break
        lo = Math.max(lo, 0)
        hi = Math.min(hi, fact.predicate === 'ult' ? other.hi - 1 : other.hi)
        break
      case 'ugt':
      case 'uge':
        if (other.lo < 0 || lo < 0) break
        lo = Math.max(lo, fact.predicate === 'ugt' ? other.lo + 1 : other.lo)
        break
    }
    // Nothing fits: the place is never reached, and what is said of it does not matter.
    return lo > hi ? range : { lo, hi }
  }

  /** What the parameter can be by the edges that bring it. With `over`, the bounds that go beyond it go to the ends of the type first. */
  private meet(block: Block, index: number, over?: Range): Range | undefined {
    let met: Range | undefined
    for (const { from, edge, learnt } of this.incoming[block.id]!) {
      const arg = edge.args[index]
      // Edges of an asm goto bring no arguments.
      if (!arg) return full[block.params[index]!.type]
      const own = this.base(arg)
      let range = own && this.find(arg, from, over ? stretch(own, over, full[arg.type]) : own)
      if (!range) continue
      for (const each of learnt) if (each.value === arg) range = this.refine(range, each)
      met = met ? { lo: Math.min(met.lo, range.lo), hi: Math.max(met.hi, range.hi) } : range
    }
    return met
  }

  /** Bounds that still grow go as far as the branches on the way let them, those of a loop's test above all; in the end to those of the type. */
  private widen(block: Block, index: number, param: Value, settle: boolean): Range | undefined {
    const found = this.meet(block, index)
    const known = this.ranges[param.id]
    if (!known || !found || (found.lo >= known.lo && found.hi <= known.hi)) return found
    return settle ? stretch(found, known, full[param.type]) : this.meet(block, index, known)
  }

  private grow(value: Value, found: Range): boolean {
    const known = this.ranges[value.id]
    if (!known) {
      this.ranges[value.id] = found
      return true
    }
    if (found.lo >= known.lo && found.hi <= known.hi) return false
    this.ranges[value.id] = { lo: Math.min(known.lo, found.lo), hi: Math.max(known.hi, found.hi) }
    return true
  }

  private shrink(value: Value, found: Range | undefined): void {
    const known = this.ranges[value.id]
    if (!known || !found) return
    const lo = Math.max(known.lo, found.lo)
    const hi = Math.min(known.hi, found.hi)
    if (lo <= hi) this.ranges[value.id] = { lo, hi }
  }

  private transfer(inst: Value, block: Block): Range | undefined {
    const { op, type, args } = inst
    if (type === 'void' || type === 'ptr') return undefined
    const all = full[type]
    switch (op) {
      case 'icmp':
        return all
      case 'zext':
      case 'sext':
      case 'trunc': {
        const a = this.find(args[0]!, block)
        return a && convert(op, a, args[0]!.type, type)
      }
      case 'select': {
        const a = this.find(args[1]!, block)
        const b = this.find(args[2]!, block)
        return a && b ? { lo: Math.min(a.lo, b.lo), hi: Math.max(a.hi, b.hi) } : (a ?? b)
      }
      case 'opaque':
        return this.find(args[0]!, block)
      case 'add':
      case 'sub':
      case 'mul':
      case 'and':
      case 'or':
      case 'xor':
      case 'shl':
      case 'lshr':
      case 'ashr':
      case 'udiv':
      case 'sdiv':
      case 'urem':
      case 'srem': {
        const a = this.find(args[0]!, block)
        const b = this.find(args[1]!, block)
        if (!a || !b) return undefined
        const found = arithmetic(op, a, b, bitsOf(type))
        // -0 and NaN never come out; what does not fit has wrapped.
        if (!found || found.lo < all.lo || found.hi > all.hi) return all
        return beyond(found.lo) || beyond(found.hi) ? clamp(found, all) : found
      }
      default:
        return all
    }
  }
}

/** What of a range lies outside of another goes to the ends of its type, or to zero. */
const stretch = (range: Range, { lo, hi }: Range, all: Range): Range => ({
  lo: range.lo >= lo ? range.lo : range.lo >= 0 ? 0 : all.lo,
  hi: range.hi <= hi ? range.hi : all.hi,
})

/** What `transfer` looks at the operands of. */
const reads: ReadonlySet<Op> = new Set<Op>([...sumsAndBits, 'mul', ...divisions, ...widthCasts, 'select', 'opaque'])

const beyond = (bound: number) => Number.isFinite(bound) && Math.abs(bound) > EXACT

function clamp(range: Range, all: Range): Range {
  return { lo: beyond(range.lo) ? all.lo : range.lo, hi: beyond(range.hi) ? all.hi : range.hi }
}

/** What is known of operands when control has taken an edge out of the block. */
function factsOf(from: Block): Map<Edge, Learnt[]> | undefined {
  const { terminator } = from
  if (terminator.kind !== 'switch' && terminator.kind !== 'condbr') return undefined
  const facts = new Map<Edge, Learnt[]>()
  if (terminator.kind === 'switch') {
    const { value } = terminator
    for (const { low, high, to } of terminator.cases)
      if (low === high) facts.set(to, [{ value, predicate: 'eq', other: constantLike(value, low) }])
    return facts
  }
  if (terminator.then.block === terminator.otherwise.block) return facts
  const add = (list: Learnt[], condition: Value, holds: boolean): void => {
    if (condition.type === 'i1' && condition.op === (holds ? 'and' : 'or'))
      for (const arg of condition.args) add(list, arg, holds)
    if (condition.op !== 'icmp') return
    const [a, b] = condition.args as [Value, Value]
    if (a.type === 'ptr' || a.type === 'i1') return
    const predicate = holds ? condition.predicate : inverted[condition.predicate]
    list.push({ value: a, predicate, other: b }, { value: b, predicate: swapped[predicate], other: a })
  }
  for (const [edge, holds] of [
    [terminator.then, true],
    [terminator.otherwise, false],
  ] as const) {
    const list: Learnt[] = []
    add(list, terminator.condition, holds)
    facts.set(edge, list)
  }
  return facts
}

function constantLike(value: Value, number: bigint): Value {
  const leaf = new Value(value.id, 'const', value.type)
  leaf.value = number
  return leaf
}

function constant(value: Value): Range {
  if (value.type === 'ptr' || value.type === 'void') return full[value.type]
  const number = value.type === 'i1' ? Number(value.value & 1n) : Number(signed(value.type, value.value))
  return Math.abs(number) > EXACT ? full[value.type] : { lo: number, hi: number }
}

function convert(op: 'zext' | 'sext' | 'trunc', a: Range, from: IrType, to: IrType): Range {
  if (op === 'trunc') {
    const all = full[to]
    if (to === 'i1') return a.lo >= 0 && a.hi <= 1 ? a : all
    return a.lo >= all.lo && a.hi <= all.hi ? a : all
  }
  if (from === 'i1') return op === 'sext' ? { lo: -a.hi, hi: -a.lo } : a
  if (op === 'sext' || a.lo >= 0) return a
  return { lo: 0, hi: 2 ** bitsOf(from) - 1 }
}

type Arithmetic = 'add' | 'sub' | 'mul' | 'and' | 'or' | 'xor' | 'shl' | 'lshr' | 'ashr' | 'udiv' | 'sdiv' | 'urem' | 'srem'

/** The exact result, which may not fit the type; undefined where nothing can be said. */
function arithmetic(op: Arithmetic, a: Range, b: Range, width: number): Range | undefined {
  const known = b.lo === b.hi ? b.lo : undefined
  switch (op) {
    case 'add':
      return finite(a.lo + b.lo, a.hi + b.hi)
    case 'sub':
      return finite(a.lo - b.hi, a.hi - b.lo)
    case 'mul': {
      const corners = [a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi]
      return finite(Math.min(...corners), Math.max(...corners))
    }
    case 'and':
      if (a.lo < 0 && b.lo < 0) return undefined
      return { lo: 0, hi: Math.min(a.lo >= 0 ? a.hi : Number.POSITIVE_INFINITY, b.lo >= 0 ? b.hi : Number.POSITIVE_INFINITY) }
    case 'or':
    case 'xor':
      if (a.lo < 0 || b.lo < 0) return undefined
      return finite(0, 2 ** Math.ceil(Math.log2(Math.max(a.hi, b.hi) + 1)) - 1)
    case 'shl':
      return known === undefined || known < 0 || known >= width ? undefined : finite(a.lo * 2 ** known, a.hi * 2 ** known)
    case 'lshr':
      if (known === undefined || known < 0 || known >= width) return a.lo >= 0 ? { lo: 0, hi: a.hi } : undefined
      if (a.lo >= 0) return { lo: Math.floor(a.lo / 2 ** known), hi: Math.floor(a.hi / 2 ** known) }
      return known === 0 ? a : { lo: 0, hi: 2 ** (width - known) - 1 }
    case 'ashr':
      if (known === undefined || known < 0 || known >= width) return { lo: Math.min(a.lo, 0), hi: Math.max(a.hi, -1) }
      return { lo: Math.floor(a.lo / 2 ** known), hi: Math.floor(a.hi / 2 ** known) }
    case 'udiv':
      if (a.lo < 0) return known !== undefined && known > 1 ? { lo: 0, hi: Math.floor((2 ** width - 1) / known) } : undefined
      // By zero the machine gives zero.
      return known !== undefined && known > 0
        ? { lo: Math.floor(a.lo / known), hi: Math.floor(a.hi / known) }
        : { lo: 0, hi: a.hi }
    case 'urem':
      // By zero the machine gives the dividend.
      if (known !== undefined && known > 0) return { lo: 0, hi: a.lo >= 0 ? Math.min(a.hi, known - 1) : known - 1 }
      return a.lo >= 0 ? { lo: 0, hi: a.hi } : undefined
    case 'sdiv':
      if (a.lo >= 0 && b.lo >= 0 && known === undefined) return { lo: 0, hi: a.hi }
      return known !== undefined && known > 0 ? { lo: Math.trunc(a.lo / known) + 0, hi: Math.trunc(a.hi / known) + 0 } : undefined
    case 'srem':
      if (a.lo >= 0 && known === undefined) return { lo: 0, hi: a.hi }
      if (known === undefined || known <= 0) return undefined
      return { lo: a.lo >= 0 ? 0 : Math.max(a.lo, 1 - known), hi: a.hi <= 0 ? 0 : Math.min(a.hi, known - 1) }
  }
}

function finite(lo: number, hi: number): Range | undefined {
  return Number.isFinite(lo) && Number.isFinite(hi) && Math.abs(lo) <= EXACT && Math.abs(hi) <= EXACT ? { lo, hi } : undefined
}
