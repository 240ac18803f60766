/** Removes instructions and block parameters whose value nothing needs: marks from what has effects, sweeps the rest. */
import { type Edge, type Func, hasSideEffects, successorAt, terminatorOperands, type Value } from '../ir/ir.js'
import { quietFrom } from '../ir/object-lives.js'
import { removeUnreachable } from './cfg.js'
import type { FunctionPass } from './pass.js'

export const deadCode: FunctionPass = {
  kind: 'function',
  name: 'dead-code',
  run(func) {
    let changed = removeUnreachable(func)
    changed = removeLastBegins(func) || changed
    const live = new Uint8Array(func.valueCount)
    const work: Value[] = []
    const mark = (value: Value): void => {
      if (live[value.id]) return
      live[value.id] = 1
      work.push(value)
    }
    // Edges into the blocks that have parameters, by block id; of the parameters, by value id, the block and the position there.
    const incoming: Edge[][] = []
    const homes = new Int32Array(func.valueCount)
    const positions = new Int32Array(func.valueCount)
    for (const block of func.blocks) {
      if (block.params.length === 0) continue
      incoming[block.id] = []
      for (let i = 0; i < block.params.length; i++) {
        homes[block.params[i]!.id] = block.id
        positions[block.params[i]!.id] = i
      }
    }
    // Numbered loops, as in ir/uses.ts: this runs after nearly every other pass.
    for (const block of func.blocks) {
      const { insts } = block
      for (let i = 0; i < insts.length; i++) if (hasSideEffects(insts[i]!)) mark(insts[i]!)
      for (const value of terminatorOperands(block.terminator)) mark(value)
      for (let k = 0, edge = successorAt(block, 0); edge; edge = successorAt(block, ++k)) incoming[edge.block.id]?.push(edge)
    }
    for (let value = work.pop(); value !== undefined; value = work.pop()) {
      const { args } = value
      for (let i = 0; i < args.length; i++) mark(args[i]!)
      if (value.op !== 'blockparam') continue
      const at = positions[value.id]!
      for (const edge of incoming[homes[value.id]!] ?? []) mark(edge.args[at]!)
    }
    for (const block of func.blocks) {
      if (!allLive(block.insts, live)) {
        block.insts = block.insts.filter(inst => live[inst.id])
        changed = true
      }
      if (!allLive(block.params, live)) {
        const keep = block.params.map(param => live[param.id] === 1)
        block.params = block.params.filter((_, i) => keep[i])
        for (const edge of incoming[block.id]!) edge.args = edge.args.filter((_, i) => keep[i])
        changed = true
      }
    }
    return removeWrittenOnly(func) || changed
  },
}

function allLive(values: readonly Value[], live: Uint8Array): boolean {
  for (let i = 0; i < values.length; i++) if (!live[values[i]!.id]) return false
  return true
}

/** Lives of stack objects that begin where nothing is done with memory any more until the function returns, as at the end of their scope. */
function removeLastBegins(func: Func): boolean {
  if (!func.entry.insts.some(inst => inst.op === 'alloca')) return false
  let changed = false
  const quiet = quietFrom(func, func.blocks)
  for (const block of func.blocks) {
    const from = quiet[block.id]!
    if (block.terminator.kind === 'unreachable' || from >= block.insts.length) continue
    const kept = block.insts.filter((inst, i) => i < from || inst.op !== 'begin')
    if (kept.length === block.insts.length) continue
    block.insts = kept
    changed = true
  }
  return changed
}

/** Stack objects that are written and never read, with the writes. */
function removeWrittenOnly(func: Func): boolean {
  const candidates = new Map<Value, Value[]>()
  for (const inst of func.entry.insts) if (inst.op === 'alloca') candidates.set(inst, [])
  if (candidates.size === 0) return false
  /** The stack object that an address lies in, through any number of additions; remembered, because these chains can be long. */
  const objects = new Map<Value, Value | undefined>()
  const objectOf = (value: Value): Value | undefined => {
    if (value.op !== 'ptradd') return value.op === 'alloca' ? value : undefined
    let at = value
    while (at.op === 'ptradd' && !objects.has(at)) at = at.args[0]!
    const object = at.op === 'alloca' ? at : objects.get(at)
    for (let from = value; from !== at; from = from.args[0]!) objects.set(from, object)
    return object
  }
  const writesThrough = (pointer: Value): Value[] | undefined => {
    const root = objectOf(pointer)
    return root && candidates.get(root)
  }
  const spoil = (value: Value): void => {
    const root = objectOf(value)
    if (root) candidates.delete(root)
  }
  for (const block of func.blocks) {
    const { insts } = block
    for (let i = 0; i < insts.length; i++) {
      const inst = insts[i]!
      const { op, args } = inst
      if ((op === 'store' || op === 'memset' || op === 'memcpy' || op === 'memmove') && !inst.volatile) {
        writesThrough(args[0]!)?.push(inst)
        spoil(args[1]!)
      } else if (op === 'begin') candidates.get(args[0]!)?.push(inst)
      else if (op === 'ptradd') spoil(args[1]!)
      else for (let k = 0; k < args.length; k++) spoil(args[k]!)
    }
    for (const value of terminatorOperands(block.terminator)) spoil(value)
    for (let k = 0, edge = successorAt(block, 0); edge; edge = successorAt(block, ++k))
      for (let i = 0; i < edge.args.length; i++) spoil(edge.args[i]!)
    if (candidates.size === 0) return false
  }
  const dead = new Set<Value>()
  for (const [alloca, writes] of candidates) {
    dead.add(alloca)
    for (const write of writes) dead.add(write)
  }
  const isDead = (inst: Value): boolean => dead.has(inst) || (inst.op === 'ptradd' && candidates.has(objectOf(inst)!))
  for (const block of func.blocks) if (block.insts.some(isDead)) block.insts = block.insts.filter(inst => !isDead(inst))
  return true
}
