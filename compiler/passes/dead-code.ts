/** Removes instructions and block parameters whose value nothing needs: marks from what has effects, sweeps the rest. */
import { type Edge, type Func, hasSideEffects, successors, terminatorOperands, type Value } from '../ir/ir.js'
import { removeUnreachable } from './cfg.js'
import type { FunctionPass } from './pass.js'

export const deadCode: FunctionPass = {
  kind: 'function',
  name: 'dead-code',
  run(func) {
    let changed = removeUnreachable(func)
    const live = new Uint8Array(func.valueCount)
    const work: Value[] = []
    const mark = (value: Value): void => {
      if (live[value.id]) return
      live[value.id] = 1
      work.push(value)
    }
    const incoming: Edge[][] = []
    const home = new Map<Value, { readonly block: number; readonly index: number }>()
    for (const block of func.blocks) incoming[block.id] = []
    for (const block of func.blocks) {
      for (const edge of successors(block)) incoming[edge.block.id]!.push(edge)
      block.params.forEach((param, index) => {
        home.set(param, { block: block.id, index })
      })
    }
    for (const block of func.blocks) {
      for (const inst of block.insts) if (hasSideEffects(inst)) mark(inst)
      terminatorOperands(block.terminator).forEach(mark)
    }
    while (work.length) {
      const value = work.pop()!
      value.args.forEach(mark)
      if (value.op === 'blockparam') {
        const at = home.get(value)
        if (at) for (const edge of incoming[at.block]!) mark(edge.args[at.index]!)
      }
    }
    for (const block of func.blocks) {
      if (block.insts.some(inst => !live[inst.id])) {
        block.insts = block.insts.filter(inst => live[inst.id])
        changed = true
      }
      if (block.params.some(param => !live[param.id])) {
        const keep = block.params.map(param => live[param.id] === 1)
        block.params = block.params.filter((_, i) => keep[i])
        for (const edge of incoming[block.id]!) edge.args = edge.args.filter((_, i) => keep[i])
        changed = true
      }
    }
    return removeWrittenOnly(func) || changed
  },
}

/** Stack objects that are written and never read, with the writes. */
function removeWrittenOnly(func: Func): boolean {
  const candidates = new Map<Value, Value[]>()
  const derived = new Map<Value, Value>()
  for (const inst of func.entry.insts) {
    if (inst.op === 'alloca') {
      candidates.set(inst, [])
      derived.set(inst, inst)
    }
  }
  if (candidates.size === 0) return false
  const spoil = (value: Value): void => {
    const root = derived.get(value)
    if (root) candidates.delete(root)
  }
  // Addresses first: a use may stand before the definition in block order.
  for (let again = true; again; ) {
    again = false
    for (const block of func.blocks) {
      for (const inst of block.insts) {
        if (inst.op !== 'ptradd' || derived.has(inst)) continue
        const root = derived.get(inst.args[0]!)
        if (root) {
          derived.set(inst, root)
          again = true
        }
      }
    }
  }
  for (const block of func.blocks) {
    for (const inst of block.insts) {
      if ((inst.op === 'store' || inst.op === 'memset' || inst.op === 'memcpy' || inst.op === 'memmove') && !inst.volatile) {
        const root = derived.get(inst.args[0]!)
        if (root) candidates.get(root)?.push(inst)
        spoil(inst.args[1]!)
      } else if (inst.op === 'begin') candidates.get(inst.args[0]!)?.push(inst)
      else if (inst.op === 'ptradd') spoil(inst.args[1]!)
      else inst.args.forEach(spoil)
    }
    terminatorOperands(block.terminator).forEach(spoil)
    for (const edge of successors(block)) edge.args.forEach(spoil)
  }
  if (candidates.size === 0) return false
  const dead = new Set<Value>()
  for (const [alloca, writes] of candidates) {
    dead.add(alloca)
    for (const write of writes) dead.add(write)
  }
  for (const [value, root] of derived) if (candidates.has(root)) dead.add(value)
  for (const block of func.blocks)
    if (block.insts.some(inst => dead.has(inst))) block.insts = block.insts.filter(inst => !dead.has(inst))
  return true
}
