/**
 * Numbers that are never negative are widened with zeros instead of their sign, and shifted and divided as unsigned: sign extension costs two
 * instructions before -mcpu=v4, signed division many before it, and both lose bounds on the way. Compares stay as the author wrote them.
 */
import { computeRanges } from '../ir/ranges.js'
import type { Block, Op, Value } from '../ir/ir.js'
import type { FunctionPass } from './pass.js'

const unsignedForm: ReadonlyMap<Op, Op> = new Map<Op, Op>([
  ['sext', 'zext'],
  ['ashr', 'lshr'],
  ['sdiv', 'udiv'],
  ['srem', 'urem'],
])
const divisions: ReadonlySet<Op> = new Set<Op>(['sdiv', 'srem'])

export const unsignedForms: FunctionPass = {
  kind: 'function',
  name: 'unsigned-forms',
  run(func) {
    const candidates: { readonly inst: Value; readonly block: Block; readonly other: Op; readonly decisive: readonly Value[] }[] =
      []
    for (const block of func.blocks) {
      for (const inst of block.insts) {
        const other = unsignedForm.get(inst.op)
        // The lowest bit of a truth value is its sign.
        if (other === undefined || inst.args[0]!.type === 'i1') continue
        const decisive = divisions.has(inst.op) ? inst.args : inst.args.slice(0, 1)
        candidates.push({ inst, block, other, decisive })
      }
    }
    if (candidates.length === 0) return false
    const ranges = computeRanges(
      func,
      candidates.flatMap(({ decisive }) => decisive),
    )
    let changed = false
    for (const { inst, block, other, decisive } of candidates) {
      if (decisive.some(arg => ranges.at(arg, block).lo < 0)) continue
      inst.op = other
      changed = true
    }
    return changed
  },
}
