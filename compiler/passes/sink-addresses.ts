/**
 * Addresses of elements are computed where they are used: an author writes `p = &a[i]; if (i >= n) return;`, and a verifier knows the bound only of
 * what is added after the comparison. An address of which every use stands in one successor, entered from nowhere else, moves there (LLVM's
 * InstCombine does so with everything that has no effects).
 */
import { reversePostorder } from '../ir/cfg.js'
import { type Block, type Func, successors, terminatorOperands, type Value } from '../ir/ir.js'
import { predecessors } from './cfg.js'
import type { FunctionPass } from './pass.js'

export const sinkAddresses: FunctionPass = {
  kind: 'function',
  name: 'sink-addresses',
  run(func) {
    const users = usersOfAddresses(func)
    if (users.size === 0) return false
    const incoming = predecessors(func)
    /** Where each address stands now. */
    const home = new Map<Value, Block>()
    const blockOf = (user: User): Block => (user.address && home.get(user.address)) ?? user.block
    let changed = false
    // What has moved is looked at again when its new block's turn comes.
    for (const block of reversePostorder(func)) {
      if (block.terminator.kind === 'asmgoto') continue
      const moved = new Map<Block, Value[]>()
      const gone = new Set<Value>()
      // The last first: what an address is made of can follow it.
      for (let i = block.insts.length - 1; i >= 0; i--) {
        const inst = block.insts[i]!
        const list = users.get(inst)
        if (!list || list.length === 0) continue
        const to = blockOf(list[0]!)
        if (to === block || list.some(user => blockOf(user) !== to)) continue
        const edges = incoming[to.id]!
        if (edges.length !== 1 || edges[0]!.from !== block) continue
        home.set(inst, to)
        gone.add(inst)
        const before = moved.get(to)
        if (before) before.unshift(inst)
        else moved.set(to, [inst])
      }
      if (gone.size === 0) continue
      changed = true
      block.insts = block.insts.filter(inst => !gone.has(inst))
      for (const [to, list] of moved) to.insts.unshift(...list)
    }
    return changed
  },
}

interface User {
  readonly block: Block
  /** The user, if it is an address that may move itself. */
  readonly address: Value | undefined
}

/** Additions to pointers that are not of constants, and what adds constants to those; with their uses. */
function usersOfAddresses(func: Func): Map<Value, User[]> {
  const users = new Map<Value, User[]>()
  const isAddress = (value: Value): boolean =>
    value.op === 'ptradd' && (value.args[1]!.op !== 'const' || users.has(value.args[0]!)) && value.args[1]!.op !== 'core'
  for (const block of reversePostorder(func)) for (const inst of block.insts) if (isAddress(inst)) users.set(inst, [])
  if (users.size === 0) return users
  for (const block of func.blocks) {
    for (const inst of block.insts)
      for (const arg of inst.args)
        if (arg.op === 'ptradd') users.get(arg)?.push({ block, address: users.has(inst) ? inst : undefined })
    for (const value of terminatorOperands(block.terminator)) users.get(value)?.push({ block, address: undefined })
    for (const edge of successors(block)) for (const arg of edge.args) users.get(arg)?.push({ block, address: undefined })
  }
  return users
}
