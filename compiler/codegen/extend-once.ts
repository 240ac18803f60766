/**
 * A register holds more than a narrow value's own bits; what compares the value or uses it at full width clears the rest first. Where
 * several do, it is cleared once, behind the definition: the register that was compared with a bound is then the one that is used, and
 * verifiers know the bound of it. (Cleared at each use, the copies have nothing to do with each other. With 32-bit arithmetic, words need none
 * of this.)
 */
import { type Block, bitsOf, type Func, terminatorOperands, type Value } from '../ir/ir.js'
import { replaceUses } from '../ir/uses.js'
import { registerBits } from './register-bits.js'

export function extendOnce(func: Func, alu32: boolean): void {
  const enough = alu32 ? 16 : 32
  const isNarrow = (value: Value) => value.type !== 'ptr' && bitsOf(value.type) >= 8 && bitsOf(value.type) <= enough
  const demands = countDemands(func, isNarrow)
  if (demands.size === 0) return
  const bits = registerBits(func, alu32)
  const extensions = new Map<Value, Value[]>()
  for (const block of func.blocks)
    for (const inst of block.insts)
      if (inst.op === 'zext' && inst.type === 'i64' && demands.has(inst.args[0]!))
        extensions.set(inst.args[0]!, [...(extensions.get(inst.args[0]!) ?? []), inst])
  const replacements = new Map<Value, Value>()
  /** Uses that must go on reading the definition itself. */
  const made = new Set<Value>()
  const clear = (value: Value): Value[] => {
    if ((demands.get(value) ?? 0) < 2 || (value.op !== 'param' && bits[value.id]! <= bitsOf(value.type))) return []
    // A parameter has no place of its own, but the function's first instruction must have a line.
    const loc = value.loc || (func.entry.insts[0]?.loc ?? 0)
    const wide = func.value('zext', 'i64', [value], loc)
    const narrow = func.value('trunc', value.type, [wide], loc)
    made.add(wide)
    replacements.set(value, narrow)
    for (const same of extensions.get(value) ?? []) replacements.set(same, wide)
    return [wide, narrow]
  }
  for (const block of func.blocks) {
    const before = (block === func.entry ? func.params : block.params).flatMap(clear)
    const after = new Map<Value, Value[]>()
    for (const inst of block.insts) {
      const cleared = inst.op === 'asm' ? [] : clear(inst)
      if (cleared.length > 0) after.set(inst, cleared)
    }
    if (before.length > 0 || after.size > 0)
      block.insts = [...before, ...block.insts.flatMap(inst => [inst, ...(after.get(inst) ?? [])])]
  }
  if (replacements.size === 0) return
  const origins = new Map([...made].map(wide => [wide, wide.args[0]!]))
  replaceUses(func, value => replacements.get(value))
  for (const [wide, origin] of origins) wide.args[0] = origin
}

/** How many uses want the bits above each narrow value clear; only of values that some comparison asks about. */
function countDemands(func: Func, isNarrow: (value: Value) => boolean): Map<Value, number> {
  const counts = new Map<Value, number>()
  const compared = new Set<Value>()
  const demand = (value: Value): void => {
    if (isNarrow(value) && value.op !== 'const' && value.op !== 'undef') counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  const visit = (block: Block): void => {
    for (const inst of block.insts) {
      switch (inst.op) {
        case 'icmp':
          if (inst.predicate.startsWith('s')) break
          for (const arg of inst.args) {
            demand(arg)
            compared.add(arg)
          }
          break
        case 'zext':
          demand(inst.args[0]!)
          break
        case 'asm':
          // Programs compare in assembly, and count on the register being the variable's.
          for (const arg of inst.args) compared.add(arg.op === 'zext' ? arg.args[0]! : arg)
          inst.args.forEach(demand)
          break
        case 'udiv':
        case 'urem':
          inst.args.forEach(demand)
          break
        case 'lshr':
          demand(inst.args[0]!)
          break
        case 'call':
        case 'callhelper':
          for (const arg of inst.args) if (arg.type === 'i32') demand(arg)
          break
        default:
      }
    }
    if (block.terminator.kind === 'switch')
      for (const value of terminatorOperands(block.terminator)) {
        demand(value)
        compared.add(value)
      }
  }
  func.blocks.forEach(visit)
  for (const value of counts.keys()) if (!compared.has(value)) counts.delete(value)
  return counts
}
