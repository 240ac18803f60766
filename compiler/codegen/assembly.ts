/** A module as an assembly file: what our assembler and clang's take, with C lines as comments. Types and lines of .BTF are not in it. */
import { formatInsn } from '../../assembler/syntax/pseudo-c.js'
import type { SourceSet } from '../../base/source.js'
import type { Func, Global, Module } from '../ir/ir.js'
import type { FunctionCode } from './linear.js'

export interface AssemblyContext {
  readonly sources: SourceSet
}

export function printAssembly(module: Module, codes: readonly FunctionCode[], context: AssemblyContext): string {
  const lines: string[] = ['\t.text']
  for (const code of codes) printCode(code, context.sources, lines)
  for (const global of module.globals) if (!global.isExtern) printGlobal(global, lines)
  return `${lines.join('\n')}\n`
}

const quoted = (name: string) => (/^[\w.$]+$/.test(name) ? name : `"${name.replace(/["\\]/g, '\\$&')}"`)

function binding(of: Func | Global, lines: string[]): void {
  if (of.binding !== 'local') lines.push(`\t.${of.binding === 'weak' ? 'weak' : 'globl'}\t${quoted(of.name)}`)
  if (of.hidden) lines.push(`\t.hidden\t${quoted(of.name)}`)
}

function printCode(code: FunctionCode, sources: SourceSet, lines: string[]): void {
  const { func, insns } = code
  lines.push(func.section === undefined ? '\t.text' : `\t.section\t${quoted(func.section)},"ax",@progbits`)
  binding(func, lines)
  lines.push('\t.p2align\t3', `\t.type\t${quoted(func.name)},@function`, `${quoted(func.name)}:`)
  const relocs = new Map(code.relocs.map(reloc => [reloc.slot, reloc]))
  const cores = new Map(code.cores.map(({ slot, core }) => [slot, core]))
  let place = ''
  for (let slot = 0; slot < insns.length; slot++) {
    const label = code.labels.get(slot)
    if (label) lines.push(`${label}:`)
    const line = lineOf(sources, code.locs[slot]!)
    if (line && line !== place) {
      lines.push(`\t\t\t\t\t# ${line}`)
      place = line
    }
    let text = formatInsn(insns, slot).replace(/^ld_pseudo\t(r\d+), .*$/, '$1 = 0x0 ll')
    const opcode = insns.code[slot]!
    const wide = opcode === 0x18
    const target = branchTarget(code, slot)
    if (target !== undefined) text = text.replace(/(gotol? ).*$/, `$1${code.labels.get(target) ?? ''}`)
    const reloc = relocs.get(slot)
    if (reloc) {
      const name = quoted(typeof reloc.target === 'string' ? reloc.target : reloc.target.name)
      const addend = reloc.addend ? ` + ${reloc.addend}` : ''
      text = reloc.kind === 'call' ? `call ${name}` : text.replace(/= .* ll$/, `= ${name}${addend} ll`)
    }
    const core = cores.get(slot)
    if (core) text += `\t# CO-RE ${core.kind} ${core.access}`
    lines.push(`\t${text}`)
    if (wide) slot++
  }
  const end = `.Lfunc_end_${func.name.replace(/\W/g, '_')}`
  lines.push(`${end}:`, `\t.size\t${quoted(func.name)}, ${end}-${quoted(func.name)}`, '')
}

/** Slot a branch goes to, for those that have a label. */
function branchTarget(code: FunctionCode, slot: number): number | undefined {
  const { insns } = code
  const opcode = insns.code[slot]!
  const cls = opcode & 7
  if (cls !== 5 && cls !== 6) return undefined
  const operation = opcode & 0xf0
  if (operation === 0x80 || operation === 0x90) return undefined
  const target = slot + 1 + (opcode === 0x06 ? insns.imm[slot]! : insns.off[slot]!)
  return code.labels.has(target) ? target : undefined
}

function lineOf(sources: SourceSet, loc: number): string | undefined {
  const position = sources.presumed(loc)
  if (!position) return undefined
  return `${position.path}:${position.line}: ${sources.lineText(loc)!.trim()}`
}

function printGlobal(global: Global, lines: string[]): void {
  const literal = /^\.rodata\.str(\d+)/.exec(global.section)
  const nobits = /^\.bss(\.|$)/.test(global.section)
  const flags = literal ? '"aMS"' : global.readonly ? '"a"' : '"aw"'
  lines.push(
    `\t.section\t${quoted(global.section)},${flags},@${nobits ? 'nobits' : 'progbits'}${literal ? `,${literal[1]}` : ''}`,
  )
  binding(global, lines)
  if (global.align > 1) lines.push(`\t.p2align\t${Math.log2(global.align)}`)
  lines.push(`\t.type\t${quoted(global.name)},@object`, `${quoted(global.name)}:`)
  const bytes = global.bytes ?? new Uint8Array(0)
  const relocs = new Map(global.relocs.map(reloc => [reloc.offset, reloc]))
  let at = 0
  while (at < bytes.length) {
    const reloc = relocs.get(at)
    if (reloc) {
      lines.push(`\t.quad\t${quoted(reloc.target.name)}${reloc.addend ? ` + ${reloc.addend}` : ''}`)
      at += 8
      continue
    }
    const row: number[] = []
    while (at < bytes.length && row.length < 16 && !relocs.has(at)) row.push(bytes[at++]!)
    lines.push(`\t.byte\t${row.join(', ')}`)
  }
  if (global.size > bytes.length) lines.push(`\t.zero\t${global.size - bytes.length}`)
  lines.push(`\t.size\t${quoted(global.name)}, ${global.size}`, '')
}
