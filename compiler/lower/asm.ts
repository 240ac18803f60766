/**
 * Inline assembly: operands are taken apart (`+r` is an output and an input tied to it, memory operands are addresses), and the
 * template is renumbered to match: `%N` counts outputs, then inputs, of the result; `%lN` counts the labels.
 */
import type { AsmInfo, Edge, IrType, Value } from '../ir/ir.js'
import type { AsmOperand, AsmStmt } from '../typecheck/typed-ast.js'
import { lowerValue } from './expressions.js'
import type { FunctionContext } from './function-context.js'
import { irTypeOf, isSigned } from './ir-types.js'
import { lowerPlace } from './lvalues.js'
import { addressOf, loadPlace, type Place, storePlace } from './places.js'

type InputClass = AsmInfo['inputs'][number]['constraint']

export function lowerAsm(fc: FunctionContext, stmt: AsmStmt): void {
  const { builder } = fc
  const outputs: { type: IrType; earlyClobber: boolean; memory: boolean }[] = []
  const inputs: { constraint: InputClass; tiedTo: number | undefined }[] = []
  const args: Value[] = []
  const places: Place[] = []
  /** For each operand as written: its number, negative for inputs until all outputs are known. */
  const numbers: number[] = []
  const ties: { value: Value; output: number }[] = []

  for (const operand of stmt.outputs) {
    const place = lowerPlace(fc, operand.value)
    const constraint = operand.constraint.replace(/[=+&%\s]/g, '')
    if (isMemory(constraint)) {
      numbers.push(-1 - inputs.length)
      inputs.push({ constraint: 'm', tiedTo: undefined })
      args.push(addressOf(fc, place))
      continue
    }
    const output = outputs.length
    numbers.push(output)
    outputs.push({ type: irTypeOf(operand.value.type), earlyClobber: operand.constraint.includes('&'), memory: false })
    places.push(place)
    if (operand.constraint.includes('+')) ties.push({ value: loadPlace(fc, place), output })
  }
  for (const operand of stmt.inputs) {
    const input = lowerInput(fc, stmt, operand, numbers)
    if (!input) continue
    numbers.push(-1 - inputs.length)
    inputs.push(input)
    args.push(
      input.constraint === 'm'
        ? addressOf(fc, lowerPlace(fc, operand.value))
        : inRegister(fc, operand, lowerValue(fc, operand.value)),
    )
  }
  for (const { value, output } of ties) {
    inputs.push({ constraint: 'r', tiedTo: output })
    args.push(value)
  }

  const clobbers: number[] = []
  let clobbersMemory = false
  for (const name of stmt.clobbers) {
    const register = /^[rw](\d+)$/.exec(name.replace(/^%/, ''))
    if (name === 'memory') clobbersMemory = true
    else if (register) clobbers.push(Number(register[1]))
  }
  const asm: AsmInfo = {
    template: renumber(stmt, numbers, outputs.length),
    volatile: stmt.volatile || outputs.length === 0 || stmt.labels.length > 0,
    outputs,
    inputs,
    clobbers,
    clobbersMemory,
  }
  fc.mark(stmt)
  if (stmt.labels.length > 0) {
    const results = outputs.map(output => fc.func.value('asmresult', output.type, [], builder.loc))
    results.forEach((result, i) => {
      result.offset = i
    })
    const next = builder.newBlock()
    // Edges of an asm goto carry no arguments: each label gets a block of its own to carry them.
    const landings = stmt.labels.map(label => builder.newBlock(label.name))
    const labels: Edge[] = landings.map(block => ({ block, args: [] }))
    builder.terminate({ kind: 'asmgoto', asm, args, results, next: { block: next, args: [] }, labels, loc: builder.loc })
    landings.forEach((landing, i) => {
      builder.place(landing)
      builder.br(fc.labelBlock(stmt.labels[i]!))
    })
    builder.place(next)
    places.forEach((place, i) => {
      storePlace(fc, place, results[i]!)
    })
    return
  }
  const value = builder.inst('asm', outputs[0]?.type ?? 'void', args)
  value.asm = asm
  places.forEach((place, i) => {
    let result = value
    if (i > 0) {
      result = builder.inst('asmresult', outputs[i]!.type, [value])
      result.offset = i
    }
    storePlace(fc, place, result)
  })
}

function isMemory(constraint: string): boolean {
  return /^[mo]+$/.test(constraint)
}

function lowerInput(
  fc: FunctionContext,
  stmt: AsmStmt,
  operand: AsmOperand,
  numbers: readonly number[],
): { constraint: InputClass; tiedTo: number | undefined } | undefined {
  const constraint = operand.constraint.replace(/[=+&%\s,]/g, '')
  const tied = /^\d+$/.exec(constraint) ? Number(constraint) : symbolicTie(stmt, constraint)
  if (tied !== undefined) {
    const output = numbers[tied]
    return { constraint: 'r', tiedTo: output !== undefined && output >= 0 ? output : undefined }
  }
  if (isMemory(constraint)) return { constraint: 'm', tiedTo: undefined }
  if (constraint === 'i' || constraint === 'n' || constraint === 's') return { constraint: 'i', tiedTo: undefined }
  if (constraint === 'g' || /^[rinm]+$/.test(constraint)) {
    const immediate = constraint === 'g' || /[in]/.test(constraint)
    return { constraint: immediate ? 'ri' : 'r', tiedTo: undefined }
  }
  if (constraint === 'w' || constraint === 'r' || constraint === 'p') return { constraint: 'r', tiedTo: undefined }
  fc.module.error('B0407', operand, `unknown constraint '${operand.constraint}' in inline assembly`)
  return undefined
}

function symbolicTie(stmt: AsmStmt, constraint: string): number | undefined {
  const name = /^\[(.+)\]$/.exec(constraint)?.[1]
  const index = name === undefined ? -1 : stmt.outputs.findIndex(output => output.name === name)
  return index < 0 ? undefined : index
}

/** Values of less than a word go into a register extended. */
function inRegister(fc: FunctionContext, operand: AsmOperand, value: Value): Value {
  return value.type === 'i8' || value.type === 'i16' || value.type === 'i1'
    ? fc.builder.resize(value, 'i32', isSigned(operand.value.type))
    : value
}

function renumber(stmt: AsmStmt, numbers: readonly number[], outputs: number): string {
  const operands = [...stmt.outputs, ...stmt.inputs]
  const final = (index: number): string => {
    const number = numbers[index]
    return number === undefined ? '' : String(number >= 0 ? number : outputs - 1 - number)
  }
  return stmt.template.replace(
    /%(%|=|[a-zA-Z]?)(?:\[([^\]]*)\]|(\d+))?/g,
    (whole, modifier: string, name?: string, digits?: string) => {
      if (modifier === '%' || modifier === '=') return whole
      if (name === undefined && digits === undefined) return whole
      if (modifier === 'l') {
        const label =
          name === undefined
            ? Number(digits) - operands.length
            : stmt.labels.findIndex(each => each.name.replace(/\.\d+$/, '') === name)
        return `%l${label}`
      }
      const index = name === undefined ? Number(digits) : operands.findIndex(operand => operand.name === name)
      return `%${modifier}${final(index)}`
    },
  )
}
