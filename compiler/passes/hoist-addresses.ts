/**
 * In a loop over an iterator, or with may_goto, a verifier takes rounds for alike and forgets between which bounds numbers lie that it did not
 * need so far. An address made from such a number keeps them. So addresses that all rounds of such a loop make anew from what was known
 * before it are made before it, unless the loop itself asks about the number.
 */
import { sumsAndBits, widthCasts } from '../ir/op-groups.js'
import { type Block, type Func, jump, type Op, successors, type Value } from '../ir/ir.js'
import { findLoops, type Loop } from '../ir/loops.js'
import { type IncomingEdge, predecessors } from './cfg.js'
import type { FunctionPass } from './pass.js'
import { joinsRounds } from './rotate-loops.js'

export const hoistAddresses: FunctionPass = {
  kind: 'function',
  name: 'hoist-addresses',
  run(func) {
    // Most functions have no such loop.
    if (!func.blocks.some(joinsRounds)) return false
    let changed = false
    for (const loop of findLoops(func).all) {
      if (!loop.blocks.some(joinsRounds)) continue
      const moved = unchanging(loop)
      if (moved.length === 0) continue
      const before = blockBefore(func, loop, predecessors(func)[loop.header.id]!)
      if (!before) continue
      const set = new Set(moved)
      for (const block of loop.blocks) block.insts = block.insts.filter(inst => !set.has(inst))
      before.insts.push(...moved)
      changed = true
    }
    return changed
  },
}

const movable: ReadonlySet<Op> = new Set<Op>(['ptradd', 'mul', ...sumsAndBits, ...widthCasts])

/** Addresses that are the same in each round, and the arithmetic that they are made by, operands first. */
function unchanging(loop: Loop): Value[] {
  const home = new Map<Value, Block>()
  const asked = new Set<Value>()
  for (const block of loop.blocks) {
    for (const param of block.params) home.set(param, block)
    for (const inst of block.insts) {
      home.set(inst, block)
      if (inst.op === 'icmp') for (const arg of inst.args) asked.add(arg)
    }
    if (block.terminator.kind === 'asmgoto') for (const result of block.terminator.results) home.set(result, block)
  }
  const out = new Set<Value>()
  /** Whether the value is there before the loop, or can be made there; adds to `needed` what must be made. */
  const isBefore = (value: Value, needed: Value[]): boolean => {
    if (asked.has(value) && value.op !== 'const') return false
    if (!home.has(value) || out.has(value) || needed.includes(value)) return true
    if (!movable.has(value.op) || !value.args.every(arg => isBefore(arg, needed))) return false
    needed.push(value)
    return true
  }
  for (const block of loop.blocks)
    for (const inst of block.insts) {
      if (inst.op !== 'ptradd' || inst.args[1]!.op === 'const') continue
      const needed: Value[] = []
      if (isBefore(inst, needed)) for (const each of needed) out.add(each)
    }
  return [...out]
}

/** The block from which alone the loop is entered, with nothing else to go to; a new one where that has other ways. */
function blockBefore(func: Func, { header, latches }: Loop, incoming: readonly IncomingEdge[]): Block | undefined {
  const entering = incoming.filter(({ from }) => !latches.includes(from))
  const [entry] = entering
  if (!entry || entering.length !== 1 || entry.from.terminator.kind === 'asmgoto') return undefined
  if (successors(entry.from).length === 1) return entry.from
  const block = func.block()
  block.terminator = jump({ block: header, args: entry.edge.args }, entry.from.terminator.loc)
  entry.edge.block = block
  entry.edge.args = []
  func.blocks.splice(func.blocks.indexOf(header), 0, block)
  return block
}
