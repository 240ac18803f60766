/**
 * How often and where values are used, counted in one walk. The tables are by value id and age with the next change of the function.
 *
 * These run for nearly every pass, mostly before they have become machine code: until then `of` makes an object an element, so that
 * numbered loops take a fraction of the time.
 */
import { type Edge, type Func, successorAt, successors, type Terminator, terminatorOperands, type Value } from './ir.js'

/** Number of uses of each value: operands of instructions and terminators, and edge arguments. */
export function countUses(func: Func): Int32Array {
  const counts = new Int32Array(func.valueCount)
  const count = (values: readonly Value[]): void => {
    for (let k = 0; k < values.length; k++) counts[values[k]!.id]!++
  }
  const { blocks } = func
  for (let b = 0; b < blocks.length; b++) {
    const block = blocks[b]!
    const { insts } = block
    for (let i = 0; i < insts.length; i++) {
      const { args } = insts[i]!
      for (let k = 0; k < args.length; k++) counts[args[k]!.id]!++
    }
    count(terminatorOperands(block.terminator))
    for (let k = 0, edge = successorAt(block, 0); edge; edge = successorAt(block, ++k)) count(edge.args)
  }
  return counts
}

/** By value id: whether something outside its block uses it. */
export function usedElsewhere(func: Func): Uint8Array {
  const { blocks } = func
  const home = new Int32Array(func.valueCount).fill(-1)
  for (let b = 0; b < blocks.length; b++) {
    const { id, params, insts } = blocks[b]!
    for (let i = 0; i < params.length; i++) home[params[i]!.id] = id
    for (let i = 0; i < insts.length; i++) home[insts[i]!.id] = id
  }
  const table = new Uint8Array(func.valueCount)
  const use = (values: readonly Value[], at: number): void => {
    for (let k = 0; k < values.length; k++) {
      const { id } = values[k]!
      if (home[id] !== at) table[id] = 1
    }
  }
  for (let b = 0; b < blocks.length; b++) {
    const block = blocks[b]!
    const { id, insts } = block
    for (let i = 0; i < insts.length; i++) use(insts[i]!.args, id)
    use(terminatorOperands(block.terminator), id)
    for (let k = 0, edge = successorAt(block, 0); edge; edge = successorAt(block, ++k)) use(edge.args, id)
  }
  return table
}

/** All uses of each value, by value id, in block order. */
export function collectUses(func: Func): (Value | Terminator | Edge)[][] {
  const table: (Value | Terminator | Edge)[][] = Array.from({ length: func.valueCount }, () => [])
  eachUse(func, (value, user) => table[value.id]!.push(user))
  return table
}

/** Calls back for every use in the function. */
export function eachUse(func: Func, visit: (value: Value, user: Value | Terminator | Edge) => void): void {
  for (const block of func.blocks) {
    for (const inst of block.insts) for (const arg of inst.args) visit(arg, inst)
    for (const operand of terminatorOperands(block.terminator)) visit(operand, block.terminator)
    for (const edge of successors(block)) for (const arg of edge.args) visit(arg, edge)
  }
}

/** Replaces operands everywhere in one walk; `replacement` answers undefined for values that stay. Chains of replacements are followed. */
export function replaceUses(func: Func, replacement: (value: Value) => Value | undefined): void {
  const final = (value: Value): Value => {
    let at = value
    for (let next = replacement(at); next && next !== at; next = replacement(at)) at = next
    return at
  }
  const all = (values: Value[]) => {
    for (let i = 0; i < values.length; i++) values[i] = final(values[i]!)
  }
  for (const block of func.blocks) {
    for (const inst of block.insts) all(inst.args)
    const terminator = block.terminator
    if (terminator.kind === 'condbr') terminator.condition = final(terminator.condition)
    else if (terminator.kind === 'switch') terminator.value = final(terminator.value)
    else if (terminator.kind === 'ret' && terminator.value) terminator.value = final(terminator.value)
    else if (terminator.kind === 'asmgoto') all(terminator.args)
    for (const edge of successors(block)) all(edge.args)
  }
}
