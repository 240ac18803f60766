/** What a load would bring at the end of a block, where a store in the block says so. */
import { type Block, bitsOf, type Value } from '../ir/ir.js'
import { type AliasInfo, accessOf, samePlace, writtenBy } from './memory.js'

/** Instructions that are looked at, from the block's end. */
const REACH = 24

/** The number that was stored last to what is loaded; undefined where it was none, or where something else may have been written since. */
export function storedBefore(block: Block, load: Value, alias: AliasInfo): Value | undefined {
  const wanted = accessOf(load)
  for (let i = block.insts.length - 1; i >= Math.max(0, block.insts.length - REACH); i--) {
    const inst = block.insts[i]!
    const written = writtenBy(inst)
    if (!written) continue
    if (written === 'shared') {
      if (!alias.isPrivate(wanted.base)) return undefined
      continue
    }
    if (inst.op === 'store' && samePlace(written, wanted)) {
      const stored = inst.args[1]!
      return stored.type === load.type && !inst.volatile && bitsOf(stored.type) >= 8 ? stored : undefined
    }
    if (alias.mayOverwrite(wanted, written)) return undefined
  }
  return undefined
}
