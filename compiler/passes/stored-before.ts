/** What a load would bring at the end of a block, where a store in the block says so. */
import { type Block, bitsOf, type Op, type Value } from '../ir/ir.js'
import { type AliasInfo, accessAt, accessOf, samePlace } from './memory.js'

/** Instructions that are looked at, from the block's end. */
const REACH = 24

/** The number that was stored last to what is loaded; undefined where it was none, or where something else may have been written since. */
export function storedBefore(block: Block, load: Value, alias: AliasInfo): Value | undefined {
  const wanted = accessOf(load)
  for (let i = block.insts.length - 1; i >= Math.max(0, block.insts.length - REACH); i--) {
    const inst = block.insts[i]!
    if (inst.op === 'store') {
      const written = accessOf(inst)
      const stored = inst.args[1]!
      if (samePlace(written, wanted))
        return stored.type === load.type && !inst.volatile && bitsOf(stored.type) >= 8 ? stored : undefined
      if (alias.mayOverwrite(wanted, written)) return undefined
    } else if (fills.has(inst.op)) {
      if (alias.mayOverwrite(wanted, accessAt(inst.args[0]!, 0, inst.args.length > 2 ? undefined : inst.size))) return undefined
    } else if (writes.has(inst.op) && !alias.isPrivate(wanted.base)) return undefined
  }
  return undefined
}

const fills: ReadonlySet<Op> = new Set<Op>(['memset', 'memcpy', 'memmove'])
const writes: ReadonlySet<Op> = new Set<Op>([
  'atomicrmw',
  'cmpxchg',
  'call',
  'callhelper',
  'callindirect',
  'loadskb',
  'fence',
  'asm',
])
