/**
 * What a log alone tells of a program: instructions, C lines, names of what is called and sizes of maps, as far as they were
 * printed. For logs without their object; and finding the program of an object that a log is about.
 */
import { Insns } from '../../../assembler/isa/insns.js'
import * as op from '../../../assembler/isa/opcodes.js'
import { type LineInfo, type MapDef, mapDef } from '../../../linker/object/bpf-object.js'
import type { PreparedObject, PreparedProgram } from '../../../linker/object/prepared.js'
import { readReg, readState } from './state-text.js'

const INSN = /^(\d+): \(([0-9a-f]{2})\) (.*?)(?:\s+; .*)?$/
const LINE = /^; (.*?)(?: @ ([^\s:]+):(\d+))?$/
/** Slots of the largest program that the kernel takes. */
const MAX_SLOTS = 1_000_000

interface LogInsn {
  readonly slot: number
  readonly code: number
  readonly text: string
}

function readInsn(line: string): LogInsn | undefined {
  const found = INSN.exec(line)
  if (!found || Number(found[1]) >= MAX_SLOTS) return undefined
  return { slot: Number(found[1]), code: Number.parseInt(found[2]!, 16), text: found[3]! }
}

/** Names behind `call` by slot: helpers and kernel functions; the log has them where an object lacks the kernel's BTF. */
export function calleesOfLog(log: string): Map<number, string> {
  const names = new Map<number, string>()
  for (const line of log.split('\n')) {
    const insn = readInsn(line)
    const name = insn && /^call ([A-Za-z_]\w*)#\d+/.exec(insn.text)?.[1]
    if (insn && name && name !== 'unknown' && name !== 'unk') names.set(insn.slot, name)
  }
  return names
}

/** Puts the operands of the kernel's text (kernel/bpf/disasm.c: print_bpf_insn) back into columns; what is not printed stays 0. */
function decode(insns: Insns, { slot, code, text }: LogInsn): void {
  const registers = [...text.matchAll(/\b[rw](\d{1,2})\b/g)].map(found => Number(found[1]))
  const memory = /\([rw](\d+) ?([-+]\d+)\)/.exec(text)
  const jump = /goto pc([-+]\d+)/.exec(text)
  const group = code & 7
  let dst = registers[0] ?? 0
  let src = registers[1] ?? 0
  let off = memory ? Number(memory[2]) : jump ? Number(jump[1]) : 0
  let imm = 0
  if (group === op.BPF_ST || group === op.BPF_STX) {
    dst = memory ? Number(memory[1]) : dst
    src = group === op.BPF_STX ? (registers[registers.length - 1] ?? 0) : 0
  } else if (group === op.BPF_LDX) src = memory ? Number(memory[1]) : src
  const constant = /(?:=|==|!=|[<>&]=?) (-?(?:0x[0-9a-f]+|\d+))\b(?! \*)/i.exec(text)
  if (constant && group !== op.BPF_LDX) imm = Number(BigInt.asIntN(32, wide(constant[1]!)))
  if (group === op.BPF_JMP || group === op.BPF_JMP32) {
    const kind = code & 0xf0
    if (kind === op.BPF_CALL) {
      const local = /^call pc([-+]\d+)/.exec(text)
      const id = /#(-?\d+)/.exec(text)
      dst = 0
      src = local ? op.BPF_PSEUDO_CALL : 0
      imm = Number(local?.[1] ?? id?.[1] ?? 0) | 0
    } else if (kind === op.BPF_JA && group === op.BPF_JMP32) {
      imm = off
      off = 0
    } else if ((code & op.BPF_X) === 0) src = 0
  }
  insns.set(slot, code, dst, src, off, imm)
}

const wide = (text: string): bigint => (text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text))

/** A program made of a log: its gaps (what no path printed) are instructions with code 0. */
export function programOfLog(log: string, name: string): { readonly object: PreparedObject; readonly program: PreparedProgram } {
  const found: LogInsn[] = []
  const lineInfo = new Map<number, LineInfo>()
  const maps = new Map<string, MapDef>()
  let line: Omit<LineInfo, 'slot'> | undefined
  let length = 0
  for (const text of log.split('\n')) {
    const insn = readInsn(text)
    const source = LINE.exec(text)
    if (source) line = { path: source[2] ?? '', text: source[1]!, line: Number(source[3] ?? 0), column: 0 }
    if (insn) {
      found.push(insn)
      length = Math.max(length, insn.slot + 2)
      if (line && !lineInfo.has(insn.slot)) lineInfo.set(insn.slot, { ...line, slot: insn.slot })
    }
    if (text.includes('map_value')) collectMaps(text, maps)
  }
  const insns = new Insns(length)
  for (const insn of found) decode(insns, insn)
  const program: PreparedProgram = {
    name,
    section: '',
    type: 0,
    expectedAttachType: 0,
    sleepable: false,
    flags: 0,
    attachName: '',
    attachBtfId: 0,
    insns,
    functions: [{ name, slot: 0, type: 0, linkage: 1 }],
    lineInfo: [...lineInfo.values()].sort((a, b) => a.slot - b.slot),
    autoload: true,
    fault: undefined,
  }
  const object: PreparedObject = {
    path: '',
    license: '',
    programs: [program],
    maps: [...maps.values()],
    btf: undefined,
    kernelBtf: undefined,
  }
  return { object, program }
}

function collectMaps(text: string, maps: Map<string, MapDef>): void {
  for (const value of readState(text.slice(text.indexOf(' ; ') + 1)).values.values()) {
    const reg = readReg(value)
    const name = reg.fields.get('map')
    if (!reg.kind.startsWith('map_value') || !name || maps.has(name)) continue
    maps.set(name, mapDef({ name, keySize: Number(reg.fields.get('ks') ?? 0), valueSize: Number(reg.fields.get('vs') ?? 0) }))
  }
}

/** The program of an object whose instructions are those of a log (the kernel changes no opcode before it logs); undefined where none has them. */
export function programFor(
  log: string,
  programs: readonly PreparedProgram[],
  name: string | undefined,
): PreparedProgram | undefined {
  const insns: LogInsn[] = []
  for (const line of log.split('\n')) {
    const insn = readInsn(line)
    if (insn) insns.push(insn)
  }
  const named = programs.filter(program => program.name === name)
  const candidates = named.length > 0 ? named : programs
  if (insns.length === 0) return candidates.length === 1 ? candidates[0] : undefined
  return candidates.find(program => insns.every(({ slot, code }) => program.insns.code[slot] === code))
}
