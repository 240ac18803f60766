/** Helps the tests of the code generator: IR text to machine code, and machine code as text. */
import { formatInsn } from '../../../assembler/syntax/pseudo-c.js'
import { DiagnosticSink } from '../../../base/diagnostics.js'
import { compileFunction } from '../../../compiler/codegen/compile-function.js'
import type { FunctionCode } from '../../../compiler/codegen/linear.js'
import type { Func } from '../../../compiler/ir/ir.js'
import { readModule } from '../../../compiler/ir/read.js'
import { validateModule } from '../../../compiler/ir/validate.js'
import type { Cpu } from '../../../compiler/options.js'

export function compile(func: Func, cpu: Cpu, little = true): FunctionCode {
  const sink = new DiagnosticSink(0)
  const code = compileFunction(func, { target: { cpu, little }, sink }, 0)
  if (!code || sink.hasErrors) throw new Error(sink.all.map(each => `${each.code}: ${each.message}`).join('\n') || 'no code')
  return code
}

export function read(text: string): Func {
  const { module } = readModule(text)
  const faults = validateModule(module)
  if (faults.length) throw new Error(faults.join('\n'))
  return module.funcs[module.funcs.length - 1]!
}

/** One line an instruction, labels in front of branch targets, relocations behind. */
export function listing(code: FunctionCode): string {
  const lines: string[] = []
  const { insns } = code
  for (let slot = 0; slot < insns.length; slot++) {
    const label = code.labels.get(slot)
    if (label) lines.push(`${label.replace(/^\.LBB\d+_/, 'L')}:`)
    let text = formatInsn(insns, slot).replace(/\t/g, ' ')
    const op = insns.code[slot]!
    const jump = (op & 7) === 5 || (op & 7) === 6
    if (jump && text.includes('goto')) {
      const target = slot + 1 + (op === 6 ? insns.imm[slot]! : insns.off[slot]!)
      text = text.replace(/goto(l?) .*/, `goto$1 ${code.labels.get(target)?.replace(/^\.LBB\d+_/, 'L')}`)
    }
    const reloc = code.relocs.find(each => each.slot === slot)
    if (reloc)
      text += ` ; ${reloc.kind} ${typeof reloc.target === 'string' ? reloc.target : reloc.target.name}${reloc.addend ? `+${reloc.addend}` : ''}`
    const core = code.cores.find(each => each.slot === slot)
    if (core) text += ` ; core ${core.core.kind} ${core.core.access}`
    lines.push(`  ${text}`)
    if (op === 0x18) slot++
  }
  return `${lines.join('\n')}\n`
}
