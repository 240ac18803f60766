/**
 * Numbers that are never negative are widened with zeros instead of their sign, and shifted and divided as unsigned: sign extension costs two
 * instructions before -mcpu=v4, signed division many before it, and both lose bounds on the way. Compares stay as the author wrote them, but
 * for those of 32 bits where the machine only has compares of 64: a copy with the sign extended would be compared, and the number itself not
 * be bounded.
 */
import { computeRanges } from '../ir/ranges.js'
import type { Block, Op, Predicate, Value } from '../ir/ir.js'
import type { FunctionPass } from './pass.js'

const unsignedForm: ReadonlyMap<Op, Op> = new Map<Op, Op>([
  ['sext', 'zext'],
  ['ashr', 'lshr'],
  ['sdiv', 'udiv'],
  ['srem', 'urem'],
])
const unsignedPredicate: ReadonlyMap<Predicate, Predicate> = new Map<Predicate, Predicate>([
  ['slt', 'ult'],
  ['sle', 'ule'],
  ['sgt', 'ugt'],
  ['sge', 'uge'],
])
const divisions: ReadonlySet<Op> = new Set<Op>(['sdiv', 'srem'])

export const unsignedForms: FunctionPass = {
  kind: 'function',
  name: 'unsigned-forms',
  run(func, _module, { target }) {
    const halves = target.cpu !== 'v1' && target.cpu !== 'v2'
    const candidates: { readonly inst: Value; readonly block: Block; readonly decisive: readonly Value[] }[] = []
    for (const block of func.blocks) {
      for (const inst of block.insts) {
        const compares = inst.op === 'icmp' && !halves && inst.args[0]!.type === 'i32' && unsignedPredicate.has(inst.predicate)
        // The lowest bit of a truth value is its sign.
        if (!compares && (!unsignedForm.has(inst.op) || inst.args[0]!.type === 'i1')) continue
        const decisive = compares || divisions.has(inst.op) ? inst.args : inst.args.slice(0, 1)
        candidates.push({ inst, block, decisive })
      }
    }
    if (candidates.length === 0) return false
    const ranges = computeRanges(
      func,
      candidates.flatMap(({ decisive }) => decisive),
    )
    let changed = false
    for (const { inst, block, decisive } of candidates) {
      if (decisive.some(arg => ranges.at(arg, block).lo < 0)) continue
      if (inst.op === 'icmp') inst.predicate = unsignedPredicate.get(inst.predicate)!
      else inst.op = unsignedForm.get(inst.op)!
      changed = true
    }
    return changed
  },
}
