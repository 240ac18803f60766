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
  /** By value id: one more than the region that makes the value; 0 for none, as values have that come later. */
  const defined = new Int32Array(func.valueCount)
  for (const block of func.blocks) {
    const region = regionOf(block)
    if (region === undefined) continue
    for (const param of block.params) defined[param.id] = region + 1
    for (const inst of block.insts) defined[inst.id] = region + 1
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
    const here = (regionOf(block) ?? -1) + 1
    const { insts } = block
    const isForeign = ({ id }: Value): boolean => id < defined.length && defined[id] !== 0 && defined[id] !== here
    /** The block's instructions as they become; empty while all stay. */
    let out: Value[] = []
    const reload = (value: Value): Value => {
      if (!isForeign(value)) return value
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
    let changed = false
    for (let i = 0; i < insts.length; i++) {
      const inst = insts[i]!
      if (inst.args.some(isForeign)) {
        if (!changed) out = insts.slice(0, i)
        changed = true
        inst.args = inst.args.map(reload)
      }
      if (changed) out.push(inst)
    }
    if (!changed) out = insts
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
  for (const edge of successors(block)) if (edge.args.length > 0) edge.args = edge.args.map(map)
}
