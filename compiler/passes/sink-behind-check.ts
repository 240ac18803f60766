/**
 * `while (n--) a[n]` takes one from n before it asks whether n is 0. A verifier learns from the question about n, not about n - 1 (before
 * 6.18.y, where 32-bit numbers stay linked), so a sum of a checked value and a number that is only used on one side of the check is made there.
 */
import { computeDominators } from '../ir/dominators.js'
import { type Block, successors, terminatorOperands, type Value } from '../ir/ir.js'
import type { FunctionPass } from './pass.js'

const MOVED: ReadonlySet<Value['op']> = new Set(['add', 'sub', 'ptradd'])

export const sinkBehindCheck: FunctionPass = {
  kind: 'function',
  name: 'sink-behind-check',
  run(func) {
    const candidates = new Map<Value, Block>()
    for (const block of func.blocks) {
      const { terminator } = block
      if (terminator.kind !== 'condbr' || terminator.condition.op !== 'icmp') continue
      const checked = terminator.condition.args
      for (const inst of block.insts)
        if (MOVED.has(inst.op) && inst.args[1]!.op === 'const' && checked.includes(inst.args[0]!) && inst.args[0]!.op !== 'const')
          candidates.set(inst, block)
    }
    if (candidates.size === 0) return false

    const users = new Map<Value, Set<Block>>([...candidates.keys()].map(inst => [inst, new Set<Block>()]))
    for (const block of func.blocks) {
      for (const inst of block.insts) for (const arg of inst.args) users.get(arg)?.add(block)
      for (const operand of terminatorOperands(block.terminator)) users.get(operand)?.add(block)
      for (const edge of successors(block)) for (const arg of edge.args) users.get(arg)?.add(block)
    }
    const { dominates, predecessors } = computeDominators(func)
    let changed = false
    for (const [inst, home] of candidates) {
      const blocks = [...users.get(inst)!]
      const side = successors(home).find(
        ({ block }) => predecessors[block.id]!.length === 1 && blocks.every(user => user !== home && dominates(block, user)),
      )
      if (!side || blocks.length === 0) continue
      home.insts.splice(home.insts.indexOf(inst), 1)
      side.block.insts.unshift(inst)
      changed = true
    }
    return changed
  },
}
