/**
 * Edges that already know what the block they lead to will decide go there directly, through a copy of what else the block does: flags that are
 * set on one branch and asked on the next. The bound that was checked and the use it guards then follow each other, which
 * is what older verifiers need. Loop heads are left alone. What depends on a variable that has no value there may go either way: it goes where
 * the variable is not used.
 */
import { sumsAndBits, widthCasts } from '../ir/op-groups.js'
import { foldBinary, foldCast, foldCompare } from '../ir/fold.js'
import { type BinaryOp, type Block, type CastOp, type Edge, type Func, jump, type Op, successors, type Value } from '../ir/ir.js'
import { predecessors, removeUnreachable } from './cfg.js'
import { Cloner } from './clone.js'
import { demote } from './demote.js'
import { mem2reg } from './mem2reg.js'
import type { FunctionPass } from './pass.js'
import { reversePostorder } from '../ir/cfg.js'

/** Instructions of a block that may be copied for the sake of a known branch. */
const MAX_COPIED = 6

interface Threaded {
  readonly block: Block
  readonly edges: { readonly edge: Edge; readonly outcome: number }[]
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
      const regions = new Map(found.map(({ block }, i) => [block, i]))
      demote(func, block => regions.get(block))
      for (const each of found) copyFor(func, each)
      removeUnreachable(func)
      mem2reg.run(func, module, options, sink)
      changed = true
    }
    return changed
  },
}

function findThreads(func: Func): Threaded[] {
  const order = reversePostorder(func)
  const position = new Int32Array(func.blockCount).fill(-1)
  order.forEach((block, i) => {
    position[block.id] = i
  })
  const incoming = predecessors(func, order)
  const busy = new Set<Block>()
  const found: Threaded[] = []
  for (const block of order) {
    const { terminator } = block
    if (busy.has(block) || (terminator.kind !== 'condbr' && terminator.kind !== 'switch')) continue
    if (block.params.length === 0 || block.insts.length > MAX_COPIED || !block.insts.every(copyable)) continue
    const edges = incoming[block.id]!
    if (edges.some(({ from }) => position[from.id]! >= position[block.id]! || from.terminator.kind === 'asmgoto')) continue
    const threaded: Threaded = { block, edges: [] }
    for (const { from, edge } of edges) {
      if (busy.has(from)) continue
      const outcome = outcomeOf(block, edge)
      if (outcome !== undefined) threaded.edges.push({ edge, outcome })
    }
    if (threaded.edges.length === 0) continue
    found.push(threaded)
    // A block next to one that is copied waits for the next round.
    busy.add(block)
    for (const { from } of edges) busy.add(from)
    for (const edge of successors(block)) busy.add(edge.block)
  }
  return found
}

const pure: ReadonlySet<Op> = new Set<Op>([...sumsAndBits, 'mul', 'icmp', ...widthCasts, 'ptradd'])

function copyable(inst: Value): boolean {
  return pure.has(inst.op)
}

/** What is known of a value on one edge: a number, or that it is none in particular. */
type Known = bigint | 'undef'

/** Which successor the block goes on to when entered by the edge, if what the edge brings decides that. */
function outcomeOf(block: Block, edge: Edge): number | undefined {
  const known = new Map<Value, Known>()
  block.params.forEach((param, i) => {
    const arg = edge.args[i]!
    if (arg.op === 'const') known.set(param, arg.value)
    else if (arg.op === 'undef') known.set(param, 'undef')
  })
  if (known.size === 0) return undefined
  const get = (value: Value): Known | undefined => (value.op === 'const' ? value.value : known.get(value))
  for (const inst of block.insts) {
    const result = resultOf(inst, inst.args.map(get))
    if (result !== undefined) known.set(inst, result)
  }
  const { terminator } = block
  if (terminator.kind === 'condbr') {
    const condition = get(terminator.condition)
    if (condition === 'undef') return withoutUndef(block, known)
    return condition === undefined ? undefined : condition ? 0 : 1
  }
  if (terminator.kind !== 'switch') return undefined
  const value = get(terminator.value)
  if (value === undefined || value === 'undef') return undefined
  const hit = terminator.cases.findIndex(each => value >= each.low && value <= each.high)
  return hit < 0 ? terminator.cases.length : hit
}

function resultOf(inst: Value, args: readonly (Known | undefined)[]): Known | undefined {
  const { op } = inst
  const { type } = inst.args[0]!
  const [a, b] = args
  if (args.includes('undef')) {
    // A mask or a widening says something of the result all the same.
    if (op === 'and') return a === 0n || b === 0n ? 0n : undefined
    return op === 'icmp' || op === 'ptradd' || op === 'add' || op === 'sub' || op === 'trunc' ? 'undef' : undefined
  }
  if (typeof a !== 'bigint') return undefined
  if (args.length === 1) return foldCast(op as CastOp, type, inst.type, a)
  if (typeof b !== 'bigint') return undefined
  if (op === 'icmp') return foldCompare(inst.predicate, type, a, b) ? 1n : 0n
  return op === 'ptradd' ? undefined : foldBinary(op as BinaryOp, inst.type, a, b)
}

/** Of two successors the one that has no use for what is undefined; the other only if the first has. */
function withoutUndef(block: Block, known: ReadonlyMap<Value, Known>): number {
  const uses = (value: Value): boolean => known.get(value) === 'undef'
  const [first] = successors(block)
  const { block: next, args } = first!
  return args.some(uses) || next.insts.some(inst => inst.args.some(uses)) ? 1 : 0
}

/** One copy for each outcome, entered by the edges that lead to it. */
function copyFor(func: Func, { block, edges }: Threaded): void {
  const copies = new Map<number, Block>()
  for (const { edge, outcome } of edges) {
    let copy = copies.get(outcome)
    if (!copy) {
      copy = new Cloner(func).clone([block], false)[0]!
      copy.terminator = jump(successors(copy)[outcome]!, block.terminator.loc)
      copies.set(outcome, copy)
      func.blocks.splice(func.blocks.indexOf(block) + 1, 0, copy)
    }
    edge.block = copy
  }
}
