/**
 * `proto = eth->h_proto; if (eth + 1 > end) return;` reads before it asks, which a verifier refuses. What is read through a pointer that the end of
 * the block compares, and is used on one side of that comparison only, is read there (LLVM's InstCombine does so with every load), unless something
 * is written in between. Runs before loads are split into bytes and merged with others.
 */
import { computeDominators } from '../ir/dominators.js'
import { type Block, hasSideEffects, type Op, successors, terminatorOperands, type Value } from '../ir/ir.js'
import { sumsAndBits, widthCasts } from '../ir/op-groups.js'
import type { FunctionPass } from './pass.js'

/** What is made of a loaded value, with numbers at most, and goes along with it: widths, byte order, the shift and mask of a bit field. */
const MADE_OF: ReadonlySet<Op> = new Set<Op>([...widthCasts, ...sumsAndBits, 'bswap'])

export const readBehindCheck: FunctionPass = {
  kind: 'function',
  name: 'read-behind-check',
  run(func) {
    const candidates = new Map<Value, Block>()
    for (const block of func.blocks) for (const inst of readsBeforeCheck(block)) candidates.set(inst, block)
    if (candidates.size === 0) return false

    const users = new Map<Value, { readonly block: Block; readonly inst: Value | undefined }[]>()
    for (const inst of candidates.keys()) users.set(inst, [])
    for (const block of func.blocks) {
      for (const inst of block.insts) for (const arg of inst.args) users.get(arg)?.push({ block, inst })
      for (const operand of terminatorOperands(block.terminator)) users.get(operand)?.push({ block, inst: undefined })
      for (const edge of successors(block)) for (const arg of edge.args) users.get(arg)?.push({ block, inst: undefined })
    }
    const { dominates, predecessors } = computeDominators(func)
    /** Where each value that moved stands now. */
    const moved = new Map<Value, Block>()
    for (const [inst, home] of candidates) {
      const blocks = users.get(inst)!.map(user => (user.inst && moved.get(user.inst)) ?? user.block)
      if (blocks.length === 0) continue
      const side = successors(home).find(
        ({ block }) => predecessors[block.id]!.length === 1 && blocks.every(user => user !== home && dominates(block, user)),
      )
      if (!side) continue
      home.insts.splice(home.insts.indexOf(inst), 1)
      side.block.insts.unshift(inst)
      moved.set(inst, side.block)
    }
    return moved.size > 0
  },
}

/** The last first, so that what is made of a load has moved before its turn comes. */
function readsBeforeCheck(block: Block): Value[] {
  const { terminator, insts } = block
  if (terminator.kind !== 'condbr' || terminator.condition.op !== 'icmp') return []
  const checked = terminator.condition.args.filter(arg => arg.type === 'ptr' && arg.op !== 'const').map(origin)
  if (checked.length === 0) return []
  const reads = new Set<Value>()
  for (let i = insts.length - 1; i >= 0; i--) {
    const inst = insts[i]!
    if (hasSideEffects(inst)) break
    if (inst.op === 'load' && checked.includes(origin(inst.args[0]!))) reads.add(inst)
  }
  if (reads.size === 0) return []
  for (const inst of insts)
    if (
      MADE_OF.has(inst.op) &&
      inst.args.some(arg => reads.has(arg)) &&
      inst.args.every(arg => reads.has(arg) || arg.op === 'const')
    )
      reads.add(inst)
  return insts.filter(inst => reads.has(inst)).reverse()
}

/** The pointer that an address is counted from. */
function origin(pointer: Value): Value {
  let at = pointer
  while (at.op === 'ptradd') at = at.args[0]!
  return at
}
