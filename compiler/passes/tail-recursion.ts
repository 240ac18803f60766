/**
 * A function that ends with a call of itself starts over instead: eBPF has no recursion, and what is written so (hashes over the rest of a
 * buffer) is a loop. The entry keeps the stack objects and jumps to a new block whose parameters stand for the function's; each such call becomes
 * a jump there. Left alone where a stack object's address may still be in use in the next round.
 */
import { type Block, type Func, jump, successors, type Value } from '../ir/ir.js'
import { addressesKept } from './inline.js'
import type { FunctionPass } from './pass.js'
import { Replacements } from './rewrite.js'

export const tailRecursion: FunctionPass = {
  kind: 'function',
  name: 'tail-recursion',
  run(func) {
    if (func.naked || func.binding === 'weak') return false
    const ends = func.blocks.filter(block => endsWithOwnCall(func, block))
    if (ends.length === 0) return false
    const allocas = func.entry.insts.filter(inst => inst.op === 'alloca')
    if (addressesKept(func.blocks, allocas).size > 0 || ends.some(block => passesObject(block, allocas))) return false

    const { entry } = func
    const head = func.block('again')
    head.params = func.params.map(param => func.value('blockparam', param.type, [], param.loc))
    head.insts = entry.insts.filter(inst => inst.op !== 'alloca')
    head.terminator = entry.terminator
    entry.insts = allocas
    for (const block of ends) {
      const from = block === entry ? head : block
      const call = from.insts.pop()!
      from.terminator = jump({ block: head, args: call.args }, call.loc)
    }
    const replacements = new Replacements()
    func.params.forEach((param, i) => {
      replacements.set(param, head.params[i]!)
    })
    entry.terminator = { kind: 'unreachable', loc: entry.terminator.loc }
    func.blocks.splice(1, 0, head)
    replacements.apply(func)
    entry.terminator = jump({ block: head, args: [...func.params] }, entry.terminator.loc)
    return true
  },
}

/** Whether the block's last act is to call the function, with all that it wants, and to return what that gives. */
function endsWithOwnCall(func: Func, block: Block): boolean {
  const call = block.insts[block.insts.length - 1]
  if (call?.op !== 'call' || call.func !== func || call.args.length !== func.params.length) return false
  if (!call.args.every((arg, i) => arg.type === func.params[i]!.type)) return false
  let value: Value = call
  for (let at = block; ; ) {
    const { terminator } = at
    if (terminator.kind === 'ret') return terminator.value === undefined || terminator.value === value
    if (terminator.kind !== 'br') return false
    const { block: next, args } = terminator.to
    const index = args.indexOf(value)
    if (next.insts.length > 0 || next === block || next === at) return false
    if (index < 0 ? func.result !== 'void' : args.indexOf(value, index + 1) >= 0) return false
    if (index >= 0) value = next.params[index]!
    at = next
    if (usedElsewhere(func, value, next)) return false
  }
}

/** Whether a block parameter is used by more than the end of its block. */
function usedElsewhere(func: Func, value: Value, own: Block): boolean {
  return func.blocks.some(
    block =>
      block.insts.some(inst => inst.args.includes(value)) ||
      (block !== own && successors(block).some(edge => edge.args.includes(value))),
  )
}

function passesObject(block: Block, allocas: readonly Value[]): boolean {
  return block.insts[block.insts.length - 1]!.args.some(arg => {
    let base = arg
    while (base.op === 'ptradd') base = base.args[0]!
    return allocas.includes(base)
  })
}
