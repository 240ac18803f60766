/**
 * Numbers that are never negative are widened with zeros instead of their sign, and shifted and divided as unsigned: sign extension costs two
 * instructions before -mcpu=v4, signed division many before it, and both lose bounds on the way. Compares stay as the author wrote them.
 */
import { computeRanges } from '../ir/ranges.js'
import type { Op } from '../ir/ir.js'
import type { FunctionPass } from './pass.js'

const unsignedForm: Partial<Record<Op, Op>> = { sext: 'zext', ashr: 'lshr', sdiv: 'udiv', srem: 'urem' }
const divisions: ReadonlySet<Op> = new Set<Op>(['sdiv', 'srem'])

export const unsignedForms: FunctionPass = {
  kind: 'function',
  name: 'unsigned-forms',
  run(func) {
    if (!func.blocks.some(block => block.insts.some(inst => unsignedForm[inst.op]))) return false
    const ranges = computeRanges(func)
    let changed = false
    for (const block of func.blocks) {
      for (const inst of block.insts) {
        const other = unsignedForm[inst.op]
        // The lowest bit of a truth value is its sign.
        if (!other || inst.args[0]!.type === 'i1') continue
        const decisive = divisions.has(inst.op) ? inst.args : inst.args.slice(0, 1)
        if (decisive.some(arg => ranges.at(arg, block).lo < 0)) continue
        inst.op = other
        changed = true
      }
    }
    return changed
  },
}
