/**
 * Edges that already know what the block they lead to will decide go there directly, through a copy of what else the block does: flags that are
 * set on one branch and asked on the next. The bound that was checked and the use it guards then follow each other, which
 * is what older verifiers need. What the block loads may also be known, from a store on the way there. Loop heads are left alone. What depends on a variable that has no value there may go either way: it goes where
 * the variable is not used.
 */
import { sumsAndBits, widthCasts } from '../ir/op-groups.js'
import { computeDominators } from '../ir/dominators.js'
import { type Range, computeRanges } from '../ir/ranges.js'
import { foldBinary, foldCast, foldCompare } from '../ir/fold.js'
import {
  type BinaryOp,
  type Block,
  type CastOp,
  type Edge,
  type Func,
  jump,
  type Op,
  signed,
  successors,
  type Value,
} from '../ir/ir.js'
import { predecessors, removeUnreachable } from './cfg.js'
import { Cloner } from './clone.js'
import { demote } from './demote.js'
import { mem2reg } from './mem2reg.js'
import { storedBefore } from './stored-before.js'
import { AliasInfo } from './memory.js'
import type { FunctionPass } from './pass.js'

/** Instructions that may be copied for the sake of a known branch. */
const MAX_COPIED = 6

interface ThreadedEdge {
  readonly edge: Edge
  readonly outcome: number
}

interface Threaded {
  /** The block that decides, behind the one, if any, that leads to it alone. */
  readonly blocks: readonly Block[]
  readonly edges: ThreadedEdge[]
}

export const threadJumps: FunctionPass = {
  kind: 'function',
  name: 'thread-jumps',
  run(func, module, options, sink) {
    let changed = false
    for (let round = 0; round < 4; round++) {
      removeUnreachable(func)
      const found = findThreads(func)
      if (found.length === 0) break
      const regions = new Map(found.flatMap(({ blocks }, i) => blocks.map(block => [block, i])))
      demote(func, block => regions.get(block))
      const copies = new Map(found.map(each => [each.blocks[each.blocks.length - 1]!, copyFor(func, each)]))
      func.blocks = func.blocks.flatMap(block => [block, ...(copies.get(block) ?? [])])
      removeUnreachable(func)
      mem2reg.run(func, module, options, sink)
      changed = true
    }
    return changed
  },
}

function findThreads(func: Func): Threaded[] {
  const dominators = computeDominators(func)
  const incoming = predecessors(func, dominators.order)
  /** Made for the first load that is asked about: few blocks that decide load anything. */
  let alias: AliasInfo | undefined
  const busy = new Set<Block>()
  const found: Threaded[] = []
  for (const block of dominators.order) {
    const blocks = decidingFrom(block)
    if (!blocks || blocks.some(each => busy.has(each))) continue
    if (block.params.length === 0 && !block.insts.some(inst => inst.op === 'load')) continue
    if (blocks.some(each => incoming[each.id]!.some(({ from }) => dominators.dominates(each, from)))) continue
    const edges = incoming[block.id]!
    if (edges.length < 2 && (block.params.length === 0 || blocks.length > 1)) continue
    if (edges.some(({ from }) => from.terminator.kind === 'asmgoto')) continue
    const threaded: Threaded = { blocks, edges: [] }
    for (const { from, edge } of edges) {
      if (busy.has(from)) continue
      const outcome = (by: Edge) =>
        outcomeOf(
          blocks,
          by,
          load => storedBefore(from, load, (alias ??= new AliasInfo(func))),
          value => computeRanges(func, [value], dominators).at(value, from),
        )
      const one = outcome(edge)
      if (one !== undefined) threaded.edges.push({ edge, outcome: one })
      else if (from.terminator.kind === 'br') threaded.edges.push(...branchOnTruth(func, from, edge, outcome))
    }
    if (threaded.edges.length === 0) continue
    found.push(threaded)
    // A block next to one that is copied waits for the next round.
    for (const each of blocks) {
      busy.add(each)
      for (const { from } of incoming[each.id]!) busy.add(from)
      for (const edge of successors(each)) busy.add(edge.block)
    }
  }
  return found
}

/** The block, and if it goes on to one that others enter too, that one: where they branch by what little they compute. */
function decidingFrom(block: Block): Block[] | undefined {
  const { terminator } = block
  const blocks = terminator.kind === 'br' && block.params.length > 0 ? [block, terminator.to.block] : [block]
  const { kind } = blocks[blocks.length - 1]!.terminator
  if (kind !== 'condbr' && kind !== 'switch') return undefined
  let size = 0
  for (const { insts } of blocks) {
    size += insts.length
    if (size > MAX_COPIED || !insts.every(copyable)) return undefined
  }
  return blocks
}

/** Where one of two numbers is brought, and each of them decides otherwise, the block that brings them branches itself. */
function branchOnTruth(func: Func, from: Block, edge: Edge, outcomeOf: (edge: Edge) => number | undefined): ThreadedEdge[] {
  for (const [i, arg] of edge.args.entries()) {
    const either = numbersOf(func, arg)
    if (!either) continue
    const [then, otherwise] = either.numbers.map(number => ({ block: edge.block, args: edge.args.with(i, number) })) as [
      Edge,
      Edge,
    ]
    const outcomes = [outcomeOf(then), outcomeOf(otherwise)]
    if (outcomes[0] === undefined || outcomes[1] === undefined || outcomes[0] === outcomes[1]) continue
    const { loc } = from.terminator
    from.terminator = { kind: 'condbr', condition: either.condition, then, otherwise, loc, likely: undefined, first: undefined }
    return [
      { edge: then, outcome: outcomes[0] },
      { edge: otherwise, outcome: outcomes[1] },
    ]
  }
  return []
}

/** The condition by which a value is one of two numbers. */
function numbersOf(
  func: Func,
  value: Value,
): { readonly condition: Value; readonly numbers: readonly [Value, Value] } | undefined {
  const [condition, then, otherwise] = value.args
  if (value.op === 'zext' && condition!.type === 'i1')
    return { condition: condition!, numbers: [func.const(value.type, 1), func.const(value.type, 0)] }
  if (value.op === 'select' && then!.op === 'const' && otherwise!.op === 'const')
    return { condition: condition!, numbers: [then!, otherwise!] }
  if (value.op === 'icmp') return { condition: value, numbers: [func.const('i1', 1), func.const('i1', 0)] }
  return undefined
}

const addresses: ReadonlySet<Op> = new Set<Op>(['ptradd', 'addrspacecast'])
const pure: ReadonlySet<Op> = new Set<Op>([...sumsAndBits, 'mul', 'icmp', ...widthCasts, ...addresses])

function copyable(inst: Value): boolean {
  return pure.has(inst.op) || (inst.op === 'load' && !inst.volatile)
}

/** What is known of a value on one edge: a number, or that it is none in particular. */
type Known = bigint | 'undef'

/** Which successor of the last block is gone on to when the first is entered by the edge, if what the edge brings decides that. */
function outcomeOf(
  blocks: readonly Block[],
  edge: Edge,
  loaded: (load: Value) => Value | undefined,
  rangeOf: (value: Value) => Range,
): number | undefined {
  const known = new Map<Value, Known>()
  const note = (value: Value, is: Value | undefined): void => {
    if (is?.op === 'const') known.set(value, is.value)
    else if (is?.op === 'undef') known.set(value, 'undef')
  }
  const [first] = blocks as [Block]
  first.params.forEach((param, i) => {
    note(param, edge.args[i])
  })
  for (const { insts } of blocks) for (const inst of insts) if (inst.op === 'load') note(inst, loaded(inst))
  if (known.size === 0) return undefined
  const get = (value: Value): Known | undefined => (value.op === 'const' ? value.value : known.get(value))
  for (const block of blocks) {
    for (const inst of block.insts) {
      if (inst.op === 'load') continue
      const result = resultOf(inst, inst.args.map(get))
      if (result !== undefined) known.set(inst, result)
    }
    if (block.terminator.kind !== 'br') break
    const { to } = block.terminator
    to.block.params.forEach((param, i) => {
      const brought = get(to.args[i]!)
      if (brought !== undefined) known.set(param, brought)
    })
  }
  const block = blocks[blocks.length - 1]!
  const { terminator } = block
  if (terminator.kind === 'condbr') {
    const condition = get(terminator.condition)
    if (condition === 'undef') return withoutUndef(block, known)
    const holds = condition ?? signOfDifference(terminator.condition, get, rangeOf)
    return holds === undefined ? undefined : holds ? 0 : 1
  }
  if (terminator.kind !== 'switch') return undefined
  const value = get(terminator.value)
  if (value === undefined || value === 'undef') return undefined
  const hit = terminator.cases.findIndex(each => value >= each.low && value <= each.high)
  return hit < 0 ? terminator.cases.length : hit
}

/** Whether a known number less one that is known by its bounds is below zero (or is not), where that is asked: what is left of a buffer. */
function signOfDifference(
  condition: Value,
  get: (value: Value) => Known | undefined,
  rangeOf: (value: Value) => Range,
): boolean | undefined {
  if (condition.op !== 'icmp' || (condition.predicate !== 'slt' && condition.predicate !== 'sge')) return undefined
  const [difference, zero] = condition.args as [Value, Value]
  if (difference.op !== 'sub' || zero.op !== 'const' || zero.value !== 0n) return undefined
  const whole = get(difference.args[0]!)
  if (typeof whole !== 'bigint') return undefined
  const { lo, hi } = rangeOf(difference.args[1]!)
  const number = Number(signed(difference.type, whole))
  if (number < 0 || lo < 0) return undefined
  return number >= hi ? condition.predicate === 'sge' : number < lo ? condition.predicate === 'slt' : undefined
}

function resultOf(inst: Value, args: readonly (Known | undefined)[]): Known | undefined {
  const { op } = inst
  if (addresses.has(op)) return args.includes('undef') ? 'undef' : undefined
  const { type } = inst.args[0]!
  const [a, b] = args
  if (args.includes('undef')) {
    // A mask or a widening says something of the result all the same.
    if (op === 'and') return a === 0n || b === 0n ? 0n : undefined
    return op === 'icmp' || op === 'add' || op === 'sub' || op === 'trunc' ? 'undef' : undefined
  }
  if (typeof a !== 'bigint') return undefined
  if (args.length === 1) return foldCast(op as CastOp, type, inst.type, a)
  if (typeof b !== 'bigint') return undefined
  if (op === 'icmp') return foldCompare(inst.predicate, type, a, b) ? 1n : 0n
  return foldBinary(op as BinaryOp, inst.type, a, b)
}

/** Of two successors the one that has no use for what is undefined; the other only if the first has. */
function withoutUndef(block: Block, known: ReadonlyMap<Value, Known>): number {
  const uses = (value: Value): boolean => known.get(value) === 'undef'
  const [first] = successors(block)
  const { block: next, args } = first!
  return args.some(uses) || next.insts.some(inst => inst.args.some(uses)) ? 1 : 0
}

/** One copy for each outcome, entered by the edges that lead to it. Gives the copies, to be put behind the original: the last one first. */
function copyFor(func: Func, { blocks, edges }: Threaded): Block[] {
  const copies = new Map<number, Block>()
  const rows: Block[][] = []
  for (const { edge, outcome } of edges) {
    let copy = copies.get(outcome)
    if (!copy) {
      const row = new Cloner(func).clone(blocks, false)
      const last = row[row.length - 1]!
      last.terminator = jump(successors(last)[outcome]!, last.terminator.loc)
      copy = row[0]!
      copies.set(outcome, copy)
      rows.unshift(row)
    }
    edge.block = copy
  }
  return rows.flat()
}
