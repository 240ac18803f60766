/** How often and where values are used, counted in one walk. The tables are by value id and age with the next change of the function. */
import { type Edge, type Func, successors, type Terminator, terminatorOperands, type Value } from './ir.js'

/** Number of uses of each value: operands of instructions and terminators, and edge arguments. */
export function countUses(func: Func): Int32Array {
  const counts = new Int32Array(func.valueCount)
  for (const block of func.blocks) {
    for (const inst of block.insts) for (const arg of inst.args) counts[arg.id]!++
    for (const operand of terminatorOperands(block.terminator)) counts[operand.id]!++
    for (const edge of successors(block)) for (const arg of edge.args) counts[arg.id]!++
  }
  return counts
}

/** By value id: whether something outside its block uses it. */
export function usedElsewhere(func: Func): Uint8Array {
  const home = new Int32Array(func.valueCount).fill(-1)
  for (const block of func.blocks) {
    for (const param of block.params) home[param.id] = block.id
    for (const inst of block.insts) home[inst.id] = block.id
  }
  const table = new Uint8Array(func.valueCount)
  for (const block of func.blocks) {
    const { id } = block
    for (const inst of block.insts) for (const arg of inst.args) if (home[arg.id] !== id) table[arg.id] = 1
    for (const value of terminatorOperands(block.terminator)) if (home[value.id] !== id) table[value.id] = 1
    for (const edge of successors(block)) for (const arg of edge.args) if (home[arg.id] !== id) table[arg.id] = 1
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
