/** Writes operands into the template of an inline assembly: registers, numbers, symbols, addresses, labels, unique numbers. */
import { type AsmOperands, FP, type MBlock } from './machine.js'

export interface AsmNames {
  /** A label's name. */
  label(block: MBlock): string
  /** For `%=`: different in every instance. */
  readonly unique: number
}

/** The text for the assembler, or the operand that it names and that is not there. */
export function asmText(asm: AsmOperands, names: AsmNames): { readonly text: string } | { readonly fault: string } {
  let fault: string | undefined
  const text = asm.info.template.replace(
    /%(?:(%)|(=)|([a-zA-Z]?)(\d+))/g,
    (whole, percent, equals, modifier: string, digits: string) => {
      if (percent) return '%'
      if (equals) return String(names.unique)
      const number = Number(digits)
      const answer = modifier === 'l' ? labelText(asm, number, names) : operandText(asm, number, modifier)
      if (answer === undefined) fault ??= whole
      return answer ?? whole
    },
  )
  return fault === undefined ? { text } : { fault }
}

function labelText(asm: AsmOperands, number: number, names: AsmNames): string | undefined {
  const label = asm.labels[number]
  return label && names.label(label)
}

/** Constraint `r` is a whole register, however narrow the operand (BPFISelLowering, getRegForInlineAsmConstraint). */
function registerText(register: number, modifier: string): string {
  return `${modifier === 'w' ? 'w' : 'r'}${register}`
}

const signedText = (value: number) => (value < 0 ? `- ${-value}` : `+ ${value}`)

function operandText(asm: AsmOperands, number: number, modifier: string): string | undefined {
  if (number < asm.outputs.length) return registerText(asm.outputs[number]!, modifier)
  const input = asm.inputs[number - asm.outputs.length]
  if (!input) return undefined
  switch (input.kind) {
    case 'register':
      return registerText(input.register, modifier)
    case 'immediate':
      return String(input.value)
    case 'symbol': {
      const { target, addend } = input.symbol
      return addend ? `${target.name}+${addend}` : target.name
    }
    case 'memory': {
      const base = input.slot ? FP : input.register
      return `(r${base} ${signedText(input.offset + (input.slot?.offset ?? 0))})`
    }
  }
}
