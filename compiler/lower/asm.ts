/**
 * Inline assembly: operands are taken apart (`+r` is an output and an input tied to it, memory operands are addresses), and the
 * template is renumbered to match: `%N` counts outputs, then inputs, of the result; `%lN` counts the labels.
 */
import { type AsmInfo, bitsOf, type Edge, type IrType, type Value } from '../ir/ir.js'
import { evaluate } from '../typecheck/constants.js'
import type { AsmOperand, AsmStmt } from '../typecheck/typed-ast.js'
import { type CType, canonical } from '../typecheck/types.js'
import { helperNumber } from './calls.js'
import { lowerValue } from './expressions.js'
import type { FunctionContext } from './function-context.js'
import { bytesOf, irTypeOf } from './ir-types.js'
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
    outputs.push({
      type: registerType(constraint, operand.value.type),
      earlyClobber: operand.constraint.includes('&'),
      memory: false,
    })
    places.push(place)
    if (operand.constraint.includes('+'))
      ties.push({ value: inRegister(fc, loadPlace(fc, place), outputs[output]!.type), output })
  }
  for (const operand of stmt.inputs) {
    const input = lowerInput(fc, stmt, operand, numbers)
    if (!input) continue
    numbers.push(-1 - inputs.length)
    inputs.push(input)
    if (input.constraint === 'm') args.push(addressOf(fc, lowerPlace(fc, operand.value)))
    else {
      const constant = input.constraint === 'r' ? undefined : immediate(fc, operand, input.constraint)
      const to = input.tiedTo === undefined ? registerType(operand.constraint, operand.value.type) : outputs[input.tiedTo]!.type
      args.push(constant ?? inRegister(fc, lowerValue(fc, operand.value), to))
    }
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
      storePlace(fc, place, fitting(fc, results[i]!, place))
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
    storePlace(fc, place, fitting(fc, result, place))
  })
}

/** A register's contents cut to the object they go to. */
function fitting(fc: FunctionContext, value: Value, place: Place): Value {
  const wanted = irTypeOf(place.type)
  if (wanted === 'ptr' || value.type === 'ptr') return value
  return fc.builder.resize(value, wanted, false)
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

/** `r` is a whole register; `w` its low half. */
function registerType(constraint: string, type: CType): IrType {
  const value = irTypeOf(type)
  if (value === 'ptr' || value === 'i64') return value
  return constraint.includes('w') ? 'i32' : 'i64'
}

/**
 * A value as the register holds it. As with clang, what a cast to `short` or `char` cut off is still in the register: macros write
 * `"r"((short)x)` to get x as it is, without an extension. Words are widened with zeros.
 */
function inRegister(fc: FunctionContext, value: Value, to: IrType): Value {
  const { builder } = fc
  if (value.type === to || value.type === 'ptr') return value
  let whole = value
  if (bitsOf(value.type) < 32) {
    while (whole.op === 'trunc') whole = whole.args[0]!
    if (whole.type === 'ptr') return whole
  }
  return builder.resize(whole, to, false)
}

/** A constant for an immediate: its value with its sign, an address, or undefined where it is none. */
function immediate(fc: FunctionContext, operand: AsmOperand, constraint: InputClass): Value | undefined {
  const { builder } = fc
  // `call %[bpf_map_lookup_elem]`: the number behind the constant pointer.
  const helper = constraint === 'i' ? helperNumber(operand.value) : undefined
  if (helper !== undefined && canonical(operand.value.type).kind === 'pointer') return builder.const('i64', helper)
  const known = evaluate(operand.value, { constObjects: true })
  if (!known) return undefined
  if (known.kind === 'int') return builder.const('i64', BigInt.asIntN(8 * bytesOf(operand.value.type), known.value))
  const offset = Number(known.offset)
  if (known.base === undefined) return builder.const('i64', known.offset)
  if (constraint === 'ri') return undefined
  switch (known.base.kind) {
    case 'function':
      return offset === 0 ? builder.funcAddress(fc.module.func(known.base)) : undefined
    case 'var':
      return builder.global(fc.module.global(known.base), offset)
    default:
      return builder.global(fc.module.string(known.base.bytes, known.base.elementSize), offset)
  }
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
