/**
 * Takes values out of SSA, so that blocks can be copied without minding who uses what; mem2reg brings them back with the parameters that the
 * new graph needs.
 */
import { type Block, bitsOf, type Func, successors, terminatorOperands, type Value } from '../ir/ir.js'

/**
 * Values made in a region and used outside it are stored where they are made and loaded where they are used. `regionOf` numbers the regions;
 * blocks of none are outside of all.
 */
export function demote(func: Func, regionOf: (block: Block) => number | undefined): void {
  const defined = new Map<Value, number>()
  for (const block of func.blocks) {
    const region = regionOf(block)
    if (region === undefined) continue
    for (const param of block.params) defined.set(param, region)
    for (const inst of block.insts) defined.set(inst, region)
  }
  const slots = new Map<Value, Value>()
  const slotOf = (value: Value): Value => {
    let slot = slots.get(value)
    if (!slot) {
      slot = func.value('alloca', 'ptr', [], value.loc)
      slot.size = Math.max(1, bitsOf(value.type) >> 3)
      slot.align = slot.size
      slots.set(value, slot)
    }
    return slot
  }
  for (const block of func.blocks) {
    const here = regionOf(block)
    const out: Value[] = []
    const reload = (value: Value): Value => {
      const region = defined.get(value)
      if (region === undefined || region === here) return value
      // Truth values have no place in memory; they travel as a byte.
      const load = func.value('load', value.type === 'i1' ? 'i8' : value.type, [slotOf(value)], value.loc)
      load.align = slotOf(value).align
      out.push(load)
      if (value.type !== 'i1') return load
      const bit = func.value('icmp', 'i1', [load, func.const('i8', 0)], value.loc)
      bit.predicate = 'ne'
      out.push(bit)
      return bit
    }
    for (const inst of block.insts) {
      inst.args = inst.args.map(reload)
      out.push(inst)
    }
    mapOperands(block, reload)
    block.insts = out
  }
  if (slots.size === 0) return
  for (const block of func.blocks) {
    if (regionOf(block) === undefined) continue
    const out: Value[] = []
    const save = (value: Value): void => {
      const slot = slots.get(value)
      if (!slot) return
      let stored = value
      if (value.type === 'i1') {
        stored = func.value('zext', 'i8', [value], value.loc)
        out.push(stored)
      }
      const store = func.value('store', 'void', [slot, stored], value.loc)
      store.align = slot.align
      out.push(store)
    }
    block.params.forEach(save)
    for (const inst of block.insts) {
      out.push(inst)
      save(inst)
    }
    block.insts = out
  }
  func.entry.insts.unshift(...slots.values())
}

function mapOperands(block: Block, map: (value: Value) => Value): void {
  const { terminator } = block
  if (terminatorOperands(terminator).length > 0) {
    if (terminator.kind === 'condbr') terminator.condition = map(terminator.condition)
    else if (terminator.kind === 'switch') terminator.value = map(terminator.value)
    else if (terminator.kind === 'ret' && terminator.value) terminator.value = map(terminator.value)
    else if (terminator.kind === 'asmgoto') terminator.args = terminator.args.map(map)
  }
  for (const edge of successors(block)) edge.args = edge.args.map(map)
}
