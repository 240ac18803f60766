/**
 * Loops that run a known number of times and that the author asked to be unrolled (`#pragma unroll`), or that are small, become straight code;
 * with a number in the pragma, any loop becomes one of so many copies. The number of rounds is found by running the loop's counters: header parameters that start as constants and go on by constant arithmetic. Values used after the
 * loop go through memory while blocks are copied; mem2reg, which follows, brings them back.
 */
import { computeDominators } from '../ir/dominators.js'
import { foldBinary, foldCast, foldCompare } from '../ir/fold.js'
import {
  type BinaryOp,
  type Block,
  type CastOp,
  type Edge,
  type Func,
  jump,
  successors,
  type UnrollHint,
  type Value,
} from '../ir/ir.js'
import { findLoops, type Loop } from '../ir/loops.js'
import { type IncomingEdge, predecessors, removeUnreachable } from './cfg.js'
import { Cloner } from './clone.js'
import { demote } from './demote.js'
import type { FunctionPass } from './pass.js'
import { stepsIterator } from './rotate-loops.js'

/** Instructions that `#pragma unroll` may make of a loop; `unroll(full)` is an order. */
const ENABLED_LIMIT = 16_384
const FULL_LIMIT = 1_000_000
/** Instructions that a loop may become without being asked; clang's threshold. Old kernels know no loops, and indexes become constants. */
const SMALL_LIMIT = 300
/** Rounds of a loop that are tried before its count is called unknown. */
const MAX_ROUNDS = 65_536

/** How a loop is to be copied. */
interface Plan {
  readonly loop: Loop
  readonly inside: ReadonlySet<Block>
  readonly exit: Block
  readonly rounds: number
  /** The copy that goes through the exit; undefined where any may. */
  readonly leaving: number | undefined
  /** The copies themselves are gone through several times. */
  readonly again: boolean
}

export const unroll: FunctionPass = {
  kind: 'function',
  name: 'unroll',
  run(func) {
    let changed = false
    const given = new Set<Block>()
    for (;;) {
      removeUnreachable(func)
      const dominators = computeDominators(func)
      const incoming = predecessors(func)
      const plans: Plan[] = []
      const busy = new Set<Loop>()
      // Inner loops come first, so that a count of theirs that is known does not depend on what is around. All that are apart go at once.
      for (const loop of findLoops(func, dominators).all) {
        if (given.has(loop.header) || (hintOf(loop) === undefined && loop.children.length > 0)) continue
        if (loop.children.some(child => busy.has(child))) {
          busy.add(loop)
          continue
        }
        given.add(loop.header)
        const plan = planFor(loop, incoming[loop.header.id]!, (a, b) => dominators.dominates(a, b))
        if (!plan) continue
        plans.push(plan)
        for (let at: Loop | undefined = loop; at; at = at.parent) busy.add(at)
      }
      if (plans.length === 0) break
      for (const head of carryOut(func, plans)) given.add(head)
      changed = true
    }
    return clearHints(func) || changed
  },
}

function clearHints(func: Func): boolean {
  let changed = false
  for (const block of func.blocks) {
    if (block.terminator.kind !== 'br' || block.terminator.unroll === undefined) continue
    block.terminator.unroll = undefined
    changed = true
  }
  return changed
}

function hintOf(loop: Loop): UnrollHint | undefined {
  for (const latch of loop.latches) {
    const terminator = latch.terminator
    if (terminator.kind !== 'br' || terminator.unroll === undefined || terminator.to.block !== loop.header) continue
    return terminator.unroll
  }
  return undefined
}

function planFor(loop: Loop, incoming: readonly IncomingEdge[], dominates: (a: Block, b: Block) => boolean): Plan | undefined {
  const hint = hintOf(loop)
  if (hint === 'disable' || loop.latches.length !== 1) return undefined
  const inside = new Set(loop.blocks)
  // Rounds over an iterator are taken for alike, so there is nothing to gain.
  if (!loop.blocks.every(isCopyable) || (hint === undefined && loop.blocks.some(stepsIterator))) return undefined
  const latch = loop.latches[0]!
  const back = successors(latch).filter(edge => edge.block === loop.header)
  if (back.length !== 1) return undefined
  let size = 0
  for (const block of loop.blocks) size += block.insts.length + 1
  const limit = hint === 'full' || typeof hint === 'number' ? FULL_LIMIT : hint === undefined ? SMALL_LIMIT : ENABLED_LIMIT
  if (size > limit) return undefined
  const most = typeof hint === 'number' ? MAX_ROUNDS : Math.min(MAX_ROUNDS, Math.floor(limit / size))
  const entering = incoming.filter(({ from }) => !inside.has(from)).map(({ edge }) => edge)
  for (const exit of loop.blocks) {
    const terminator = exit.terminator
    if (terminator.kind !== 'condbr' || !dominates(exit, latch)) continue
    const stays = inside.has(terminator.then.block)
    if (stays === inside.has(terminator.otherwise.block)) continue
    const rounds = countRounds(loop, terminator.condition, stays, entering, back[0]!, most)
    if (rounds === undefined) continue
    if (typeof hint === 'number' && rounds > hint + 1) {
      if (hint < 2 || size * hint > FULL_LIMIT) return undefined
      return { loop, inside, exit, rounds: hint, leaving: (rounds - 1) % hint, again: true }
    }
    if (size * rounds > limit) return undefined
    return { loop, inside, exit, rounds, leaving: rounds - 1, again: false }
  }
  // A number asked for where it is not known how many rounds there are: each copy tests whether it is the last.
  if (typeof hint !== 'number' || hint < 2 || size * hint > ENABLED_LIMIT) return undefined
  return { loop, inside, exit: loop.header, rounds: hint, leaving: undefined, again: true }
}

/** Inline assembly that jumps may be there several times, as `may_goto` may, unless it defines labels or brings results. */
function isCopyable({ terminator }: Block): boolean {
  return terminator.kind !== 'asmgoto' || (terminator.results.length === 0 && !terminator.asm.template.includes(':'))
}

/** How often the exit's condition is evaluated, the last time to leave; undefined where that is not known, or more than `most`. */
function countRounds(
  loop: Loop,
  condition: Value,
  stays: boolean,
  entering: readonly Edge[],
  back: Edge,
  most: number,
): number | undefined {
  const current = new Map<Value, bigint>()
  const { params } = loop.header
  params.forEach((param, i) => {
    const first = entering[0]?.args[i]
    if (first?.op === 'const' && entering.every(edge => edge.args[i]!.op === 'const' && edge.args[i]!.value === first.value))
      current.set(param, first.value)
  })
  for (let rounds = 1; rounds <= most; rounds++) {
    const known = new Map(current)
    const decided = evaluate(condition, known, 0)
    if (decided === undefined) return undefined
    if ((decided === 1n) !== stays) return rounds
    params.forEach((param, i) => {
      if (!current.has(param)) return
      const next = evaluate(back.args[i]!, known, 0)
      if (next === undefined) current.delete(param)
      else current.set(param, next)
    })
  }
  return undefined
}

/** The value in this round, if it follows from what is known. */
function evaluate(value: Value, known: Map<Value, bigint>, depth: number): bigint | undefined {
  if (value.op === 'const') return value.value
  const found = known.get(value)
  if (found !== undefined) return found
  if (depth > 32 || value.args.length === 0) return undefined
  let result: bigint | undefined
  switch (value.op) {
    case 'zext':
    case 'sext':
    case 'trunc': {
      const a = evaluate(value.args[0]!, known, depth + 1)
      if (a !== undefined) result = foldCast(value.op as CastOp, value.args[0]!.type, value.type, a)
      break
    }
    case 'add':
    case 'sub':
    case 'mul':
    case 'udiv':
    case 'sdiv':
    case 'urem':
    case 'srem':
    case 'and':
    case 'or':
    case 'xor':
    case 'shl':
    case 'lshr':
    case 'ashr':
    case 'icmp': {
      const a = evaluate(value.args[0]!, known, depth + 1)
      const b = a === undefined ? undefined : evaluate(value.args[1]!, known, depth + 1)
      if (a === undefined || b === undefined) break
      const { type } = value.args[0]!
      if (value.op === 'icmp') result = foldCompare(value.predicate, type, a, b) ? 1n : 0n
      else result = foldBinary(value.op as BinaryOp, value.type, a, b)
      break
    }
    default:
      break
  }
  if (result !== undefined) known.set(value, result)
  return result
}

/** Copies the loops of all plans, which are apart from each other, and drops the originals; gives the blocks that the copies begin with. */
function carryOut(func: Func, plans: readonly Plan[]): Block[] {
  const regions = new Map<Block, number>()
  plans.forEach(({ inside }, i) => {
    for (const block of inside) regions.set(block, i)
  })
  demote(func, block => regions.get(block))
  const copies = new Map<Block, { readonly head: Block; readonly blocks: readonly Block[] }>()
  for (const plan of plans) copies.set(plan.loop.header, copyRounds(func, plan))
  func.blocks = func.blocks.flatMap(block => copies.get(block)?.blocks ?? (regions.has(block) ? [] : [block]))
  for (const block of func.blocks) for (const edge of successors(block)) edge.block = copies.get(edge.block)?.head ?? edge.block
  return [...copies.values()].map(({ head }) => head)
}

/**
 * Copies the loop's blocks once a round and chains the copies. Only the copy `leaving` goes through the exit, or all where that is not known. Where
 * the row of copies is all there is (`again` is not set), it is the last and leaves for good; else it tests the loop's condition, and the last copy
 * leads back to the first.
 */
function copyRounds(func: Func, { loop, inside, exit, rounds, leaving, again }: Plan): { head: Block; blocks: Block[] } {
  const copies: Block[][] = []
  const cloners: Cloner[] = []
  for (let round = 0; round < rounds; round++) {
    const cloner = new Cloner(func)
    copies.push(cloner.clone(loop.blocks, false))
    cloners.push(cloner)
  }
  const heads = cloners.map(cloner => cloner.blocks.get(loop.header)!)
  cloners.forEach((cloner, round) => {
    const next = heads[round + 1] ?? (again ? heads[0]! : undefined)
    const branch = cloner.blocks.get(exit)!
    for (const block of copies[round]!) {
      const { terminator } = block
      if (terminator.kind === 'br' && terminator.to.block === heads[round]) terminator.unroll = undefined
      for (const edge of successors(block)) {
        if (edge.block !== heads[round]) continue
        if (next) edge.block = next
        else {
          // The last round leaves before it gets here.
          edge.block = func.block()
          edge.args = []
          copies[round]!.push(edge.block)
        }
      }
      if (leaving === undefined || block !== branch || terminator.kind !== 'condbr' || (again && round === leaving)) continue
      const stays = inside.has((exit.terminator as typeof terminator).then.block)
      const to = stays === (round !== leaving) ? terminator.then : terminator.otherwise
      block.terminator = jump(to, terminator.loc)
    }
  })
  return { head: heads[0]!, blocks: copies.flat() }
}
