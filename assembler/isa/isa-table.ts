/**
 * The one table of valid instruction forms: RFC 9669 with its conformance groups, and the kernel's additions since (`may_goto`,
 * address-space casts, load-acquire and store-release). A form is an opcode byte plus what each other field must be; everything
 * that is not a form is invalid and says why. Both text syntaxes, the linker, the verifier and the VM read this table.
 *
 * The rules for reserved fields are those of the kernel's bpf_check (check_alu_op, check_cond_jmp_op, check_ld_imm, do_check of
 * 6.12), which agree with RFC 9669 section 3 ("unused fields must be zero").
 */
import type { Insns } from './insns.js'
import * as op from './opcodes.js'

/** Conformance groups of RFC 9669 section 2.4; `kernel` are forms newer than the RFC. */
export type ConformanceGroup = 'base32' | 'base64' | 'atomic32' | 'atomic64' | 'divmul32' | 'divmul64' | 'packet' | 'kernel'

/** What a field may hold: nothing (zero), a register number, any value, or one of the listed values. */
export type FieldRule = 'zero' | 'register' | 'any' | readonly number[]

export type InsnKind =
  | 'alu'
  | 'neg'
  | 'mov'
  | 'movsx'
  | 'addr_space_cast'
  | 'end'
  | 'bswap'
  | 'jump'
  | 'goto'
  | 'gotol'
  | 'may_goto'
  | 'call_helper'
  | 'call_local'
  | 'call_kfunc'
  | 'call_register'
  | 'exit'
  | 'ld_imm64'
  | 'ld_abs'
  | 'ld_ind'
  | 'load'
  | 'load_sx'
  | 'store'
  | 'store_imm'
  | 'atomic'
  | 'load_acquire'
  | 'store_release'

export interface InsnForm {
  /** Index in `forms`. */
  readonly id: number
  readonly kind: InsnKind
  /** Unique and stable, e.g. `add64_k`, `load_sx_h`, `cmpxchg_dw`. */
  readonly name: string
  readonly code: number
  readonly dst: FieldRule
  readonly src: FieldRule
  /** Jumps: slots from the next instruction. Loads and stores: bytes. Else a selector (signed division, sign extension). */
  readonly off: FieldRule
  /** Operand, bits of a byte swap, atomic operation, helper id, or distance in slots. */
  readonly imm: FieldRule
  /** 2 for a 64-bit immediate load. */
  readonly slots: 1 | 2
  readonly group: ConformanceGroup
  /** The lowest `-mcpu=vN` with which clang emits it; 0 where clang never does by itself. */
  readonly mcpu: 0 | 1 | 2 | 3 | 4
  /** First kernel that accepts it; empty where none does. */
  readonly kernel: string
}

/** A pattern that is no instruction. */
export interface InvalidInsn {
  readonly invalid: true
  readonly reason: string
}

const ZERO = 'zero'
const REG = 'register'
const ANY = 'any'

const table: InsnForm[] = []

type Rules = Partial<Pick<InsnForm, 'dst' | 'src' | 'off' | 'imm' | 'slots' | 'mcpu' | 'kernel'>>

function form(kind: InsnKind, name: string, code: number, group: ConformanceGroup, rules: Rules): void {
  table.push({
    id: table.length,
    kind,
    name,
    code,
    group,
    dst: ZERO,
    src: ZERO,
    off: ZERO,
    imm: ZERO,
    slots: 1,
    mcpu: 1,
    kernel: '3.18',
    ...rules,
  })
}

/** Names and numbers of the binary operations of section 4.1, without MOV. */
export const aluOperations: readonly { readonly name: string; readonly op: number; readonly sign: string }[] = [
  { name: 'add', op: op.BPF_ADD, sign: '+' },
  { name: 'sub', op: op.BPF_SUB, sign: '-' },
  { name: 'mul', op: op.BPF_MUL, sign: '*' },
  { name: 'div', op: op.BPF_DIV, sign: '/' },
  { name: 'or', op: op.BPF_OR, sign: '|' },
  { name: 'and', op: op.BPF_AND, sign: '&' },
  { name: 'lsh', op: op.BPF_LSH, sign: '<<' },
  { name: 'rsh', op: op.BPF_RSH, sign: '>>' },
  { name: 'mod', op: op.BPF_MOD, sign: '%' },
  { name: 'xor', op: op.BPF_XOR, sign: '^' },
  { name: 'arsh', op: op.BPF_ARSH, sign: 's>>' },
]

/** Names, numbers and comparison signs of the conditional jumps of section 4.3. */
export const jumpOperations: readonly {
  readonly name: string
  readonly op: number
  readonly sign: string
  readonly v2: boolean
}[] = [
  { name: 'jeq', op: op.BPF_JEQ, sign: '==', v2: false },
  { name: 'jgt', op: op.BPF_JGT, sign: '>', v2: false },
  { name: 'jge', op: op.BPF_JGE, sign: '>=', v2: false },
  { name: 'jset', op: op.BPF_JSET, sign: '&', v2: false },
  { name: 'jne', op: op.BPF_JNE, sign: '!=', v2: false },
  { name: 'jsgt', op: op.BPF_JSGT, sign: 's>', v2: false },
  { name: 'jsge', op: op.BPF_JSGE, sign: 's>=', v2: false },
  { name: 'jlt', op: op.BPF_JLT, sign: '<', v2: true },
  { name: 'jle', op: op.BPF_JLE, sign: '<=', v2: true },
  { name: 'jslt', op: op.BPF_JSLT, sign: 's<', v2: true },
  { name: 'jsle', op: op.BPF_JSLE, sign: 's<=', v2: true },
]

/** Access sizes by their letter in instruction names: size bits, bytes. */
export const accessSizes: readonly { readonly letter: string; readonly bits: number; readonly bytes: 1 | 2 | 4 | 8 }[] = [
  { letter: 'b', bits: op.BPF_B, bytes: 1 },
  { letter: 'h', bits: op.BPF_H, bytes: 2 },
  { letter: 'w', bits: op.BPF_W, bytes: 4 },
  { letter: 'dw', bits: op.BPF_DW, bytes: 8 },
]

/** Atomic operations of section 5.3 by the immediate that selects them. */
export const atomicOperations: readonly { readonly name: string; readonly imm: number; readonly fetch: boolean }[] = [
  { name: 'add', imm: op.BPF_ADD, fetch: false },
  { name: 'or', imm: op.BPF_OR, fetch: false },
  { name: 'and', imm: op.BPF_AND, fetch: false },
  { name: 'xor', imm: op.BPF_XOR, fetch: false },
  { name: 'fetch_add', imm: op.BPF_ADD | op.BPF_FETCH, fetch: true },
  { name: 'fetch_or', imm: op.BPF_OR | op.BPF_FETCH, fetch: true },
  { name: 'fetch_and', imm: op.BPF_AND | op.BPF_FETCH, fetch: true },
  { name: 'fetch_xor', imm: op.BPF_XOR | op.BPF_FETCH, fetch: true },
  { name: 'xchg', imm: op.BPF_XCHG, fetch: true },
  { name: 'cmpxchg', imm: op.BPF_CMPXCHG, fetch: true },
]

const V4: Rules = { mcpu: 4, kernel: '6.6' }

function arithmetic(cls: number, width: '32' | '64'): void {
  const divmul: ConformanceGroup = width === '64' ? 'divmul64' : 'divmul32'
  const base: ConformanceGroup = width === '64' ? 'base64' : 'base32'
  for (const { name, op: operation } of aluOperations) {
    const division = operation === op.BPF_DIV || operation === op.BPF_MOD
    const group = division || operation === op.BPF_MUL ? divmul : base
    form('alu', `${name}${width}_k`, cls | operation | op.BPF_K, group, { dst: REG, imm: ANY })
    form('alu', `${name}${width}_x`, cls | operation | op.BPF_X, group, { dst: REG, src: REG })
    if (!division) continue
    form('alu', `s${name}${width}_k`, cls | operation | op.BPF_K, group, { dst: REG, off: [1], imm: ANY, ...V4 })
    form('alu', `s${name}${width}_x`, cls | operation | op.BPF_X, group, { dst: REG, src: REG, off: [1], ...V4 })
  }
  form('neg', `neg${width}`, cls | op.BPF_NEG, base, { dst: REG })
  form('mov', `mov${width}_k`, cls | op.BPF_MOV | op.BPF_K, base, { dst: REG, imm: ANY })
  form('mov', `mov${width}_x`, cls | op.BPF_MOV | op.BPF_X, base, { dst: REG, src: REG })
  for (const bits of width === '64' ? [8, 16, 32] : [8, 16])
    form('movsx', `movsx${width}_${bits}`, cls | op.BPF_MOV | op.BPF_X, base, { dst: REG, src: REG, off: [bits], ...V4 })
}

arithmetic(op.BPF_ALU, '32')
arithmetic(op.BPF_ALU64, '64')
form('addr_space_cast', 'addr_space_cast', op.BPF_ALU64 | op.BPF_MOV | op.BPF_X, 'kernel', {
  dst: REG,
  src: REG,
  off: [op.BPF_ADDR_SPACE_CAST],
  imm: ANY,
  kernel: '6.9',
})
for (const [name, direction] of [
  ['le', op.BPF_TO_LE],
  ['be', op.BPF_TO_BE],
] as const)
  for (const bits of [16, 32, 64])
    form('end', `${name}${bits}`, op.BPF_ALU | op.BPF_END | direction, bits === 64 ? 'base64' : 'base32', {
      dst: REG,
      imm: [bits],
    })
for (const bits of [16, 32, 64])
  form('bswap', `bswap${bits}`, op.BPF_ALU64 | op.BPF_END, bits === 64 ? 'base64' : 'base32', { dst: REG, imm: [bits], ...V4 })

for (const [cls, width, group] of [
  [op.BPF_JMP, '64', 'base64'],
  [op.BPF_JMP32, '32', 'base32'],
] as const)
  for (const { name, op: operation, v2 } of jumpOperations) {
    const since: Rules = width === '32' ? { mcpu: 3, kernel: '5.1' } : v2 ? { mcpu: 2, kernel: '4.14' } : {}
    form('jump', `${name}${width}_k`, cls | operation | op.BPF_K, group, { dst: REG, off: ANY, imm: ANY, ...since })
    form('jump', `${name}${width}_x`, cls | operation | op.BPF_X, group, { dst: REG, src: REG, off: ANY, ...since })
  }
form('goto', 'goto', op.BPF_JMP | op.BPF_JA, 'base32', { off: ANY })
form('gotol', 'gotol', op.BPF_JMP32 | op.BPF_JA, 'base32', { imm: ANY, ...V4 })
form('may_goto', 'may_goto', op.BPF_JMP | op.BPF_JCOND, 'kernel', { off: ANY, kernel: '6.9' })
form('call_helper', 'call_helper', op.BPF_JMP | op.BPF_CALL, 'base32', { imm: ANY })
form('call_local', 'call_local', op.BPF_JMP | op.BPF_CALL, 'base32', { src: [op.BPF_PSEUDO_CALL], imm: ANY, kernel: '4.16' })
form('call_kfunc', 'call_kfunc', op.BPF_JMP | op.BPF_CALL, 'base32', {
  src: [op.BPF_PSEUDO_KFUNC_CALL],
  off: ANY,
  imm: ANY,
  kernel: '5.13',
})
form('call_register', 'callx', op.BPF_JMP | op.BPF_CALL | op.BPF_X, 'base32', { dst: REG, mcpu: 1, kernel: '' })
form('exit', 'exit', op.BPF_JMP | op.BPF_EXIT, 'base32', {})

for (const [source, name, kernel] of [
  [0, 'ld_imm64', '3.18'],
  [op.BPF_PSEUDO_MAP_FD, 'ld_map_fd', '3.18'],
  [op.BPF_PSEUDO_MAP_VALUE, 'ld_map_value', '5.2'],
  [op.BPF_PSEUDO_BTF_ID, 'ld_btf_id', '5.10'],
  [op.BPF_PSEUDO_FUNC, 'ld_func', '5.13'],
  [op.BPF_PSEUDO_MAP_IDX, 'ld_map_idx', '5.14'],
  [op.BPF_PSEUDO_MAP_IDX_VALUE, 'ld_map_idx_value', '5.14'],
] as const)
  form('ld_imm64', name, op.BPF_LD | op.BPF_IMM | op.BPF_DW, 'base64', { dst: REG, src: [source], imm: ANY, slots: 2, kernel })

for (const { letter, bits, bytes } of accessSizes) {
  const group: ConformanceGroup = bytes === 8 ? 'base64' : 'base32'
  form('load', `load_${letter}`, op.BPF_LDX | op.BPF_MEM | bits, group, { dst: REG, src: REG, off: ANY })
  if (bytes < 8)
    form('load_sx', `load_sx_${letter}`, op.BPF_LDX | op.BPF_MEMSX | bits, 'base64', { dst: REG, src: REG, off: ANY, ...V4 })
  form('store', `store_${letter}`, op.BPF_STX | op.BPF_MEM | bits, group, { dst: REG, src: REG, off: ANY })
  form('store_imm', `store_imm_${letter}`, op.BPF_ST | op.BPF_MEM | bits, group, { dst: REG, off: ANY, imm: ANY, mcpu: 4 })
  if (bytes < 8) {
    form('ld_abs', `ld_abs_${letter}`, op.BPF_LD | op.BPF_ABS | bits, 'packet', { imm: ANY })
    form('ld_ind', `ld_ind_${letter}`, op.BPF_LD | op.BPF_IND | bits, 'packet', { src: REG, imm: ANY })
  }
  if (bytes >= 4)
    for (const { name, imm } of atomicOperations) {
      const since: Rules = imm === op.BPF_ADD ? {} : { mcpu: 3, kernel: '5.12' }
      form('atomic', `${name}_${letter}`, op.BPF_STX | op.BPF_ATOMIC | bits, bytes === 8 ? 'atomic64' : 'atomic32', {
        dst: REG,
        src: REG,
        off: ANY,
        imm: [imm],
        ...since,
      })
    }
  const acquire: Rules = { dst: REG, src: REG, off: ANY, mcpu: 4, kernel: '6.15' }
  form('load_acquire', `load_acquire_${letter}`, op.BPF_STX | op.BPF_ATOMIC | bits, 'kernel', {
    ...acquire,
    imm: [op.BPF_LOAD_ACQ],
  })
  form('store_release', `store_release_${letter}`, op.BPF_STX | op.BPF_ATOMIC | bits, 'kernel', {
    ...acquire,
    imm: [op.BPF_STORE_REL],
  })
}

/** All valid forms. */
export const forms: readonly InsnForm[] = table

const byCode: InsnForm[][] = Array.from({ length: 256 }, () => [])
for (const entry of table) byCode[entry.code]!.push(entry)

const byName = new Map(table.map(entry => [entry.name, entry]))

/** The form of that name; throws for a name that is not in the table. */
export function formNamed(name: string): InsnForm {
  const found = byName.get(name)
  if (!found) throw new RangeError(`no instruction form is named ${name}`)
  return found
}

function holds(rule: FieldRule, value: number): boolean {
  if (rule === ANY) return true
  if (rule === ZERO) return value === 0
  if (rule === REG) return value < op.REG_COUNT
  return rule.includes(value)
}

/** Least and greatest value of each field of each form, in the order dst, src, off, imm: what a rule says, as numbers. */
const RANGES = 8
const ranges = new Int32Array(table.length * RANGES)
function setRange(at: number, rule: FieldRule): void {
  if (typeof rule === 'object') {
    if (rule.length !== 1) throw new RangeError('a list of more than one value is no range')
    ranges[at] = rule[0]!
    ranges[at + 1] = rule[0]!
  } else if (rule === ANY) {
    ranges[at] = -0x8000_0000
    ranges[at + 1] = 0x7fff_ffff
  } else if (rule === REG) ranges[at + 1] = op.REG_COUNT - 1
}
for (const { id, dst, src, off, imm } of table) {
  setRange(id * RANGES, dst)
  setRange(id * RANGES + 2, src)
  setRange(id * RANGES + 4, off)
  setRange(id * RANGES + 6, imm)
}

/** How much of a form fits; the fields that select among forms of one opcode weigh more than the others. */
function closeness(entry: InsnForm, insns: Insns, slot: number): number {
  const weigh = (rule: FieldRule, value: number) => (holds(rule, value) ? (typeof rule === 'object' ? 16 : 1) : 0)
  return (
    weigh(entry.dst, insns.dst[slot]!) +
    weigh(entry.src, insns.src[slot]!) +
    weigh(entry.off, insns.off[slot]!) +
    weigh(entry.imm, insns.imm[slot]!)
  )
}

function fault(field: string, rule: FieldRule, value: number): string | undefined {
  if (holds(rule, value)) return undefined
  if (rule === REG) return `${field} register r${value} does not exist`
  if (rule === ZERO) return `${field} must be 0, is ${value}`
  return `${field} must be ${(rule as readonly number[]).join(' or ')}, is ${value}`
}

const hex = (value: number) => `0x${value.toString(16).padStart(2, '0')}`

/**
 * The form of the instruction in a slot, or why there is none. The second slot of a 64-bit immediate load is not an instruction:
 * ask for the first, and go on by `slots`.
 */
export function classify(insns: Insns, slot: number): InsnForm | InvalidInsn {
  const code = insns.code[slot]!
  const candidates = byCode[code]!
  if (candidates.length === 0) return { invalid: true, reason: `opcode ${hex(code)} is not an instruction` }
  const dst = insns.dst[slot]!
  const src = insns.src[slot]!
  const off = insns.off[slot]!
  const imm = insns.imm[slot]!
  for (const entry of candidates) {
    const at = entry.id * RANGES
    if (
      imm >= ranges[at + 6]! &&
      imm <= ranges[at + 7]! &&
      off >= ranges[at + 4]! &&
      off <= ranges[at + 5]! &&
      src >= ranges[at + 2]! &&
      src <= ranges[at + 3]! &&
      dst <= ranges[at + 1]! &&
      dst >= ranges[at]!
    )
      return entry.slots === 2 ? (secondSlotFault(insns, slot) ?? entry) : entry
  }
  return { invalid: true, reason: invalidity(candidates, insns, slot) }
}

/** Why no form of an opcode fits: what is wrong with the one that comes closest. */
function invalidity(candidates: readonly InsnForm[], insns: Insns, slot: number): string {
  let best = candidates[0]!
  let bestFit = -1
  for (const entry of candidates) {
    const score = closeness(entry, insns, slot)
    if (score > bestFit) {
      best = entry
      bestFit = score
    }
  }
  const reason =
    fault('destination', best.dst, insns.dst[slot]!) ??
    fault('source', best.src, insns.src[slot]!) ??
    fault('offset', best.off, insns.off[slot]!) ??
    fault('immediate', best.imm, insns.imm[slot]!) ??
    'no form fits'
  return `${best.name} (${hex(best.code)}): ${reason}`
}

function secondSlotFault(insns: Insns, slot: number): InvalidInsn | undefined {
  const second = slot + 1
  if (second >= insns.length)
    return { invalid: true, reason: 'a 64-bit immediate load needs two slots, the program ends after one' }
  const { code, dst, src, off } = insns
  if (code[second] === 0 && dst[second] === 0 && src[second] === 0 && off[second] === 0) return undefined
  return { invalid: true, reason: 'the second slot of a 64-bit immediate load may hold nothing but its immediate' }
}

/** Whether `classify` found an instruction. */
export function isForm(result: InsnForm | InvalidInsn): result is InsnForm {
  return !('invalid' in result)
}

/** An instruction taken apart: its form and its fields. `immHigh` is the upper half of a 64-bit immediate, else 0. */
export interface DecodedInsn {
  readonly form: InsnForm
  readonly dst: number
  readonly src: number
  readonly off: number
  readonly imm: number
  readonly immHigh: number
}

/** Takes the instruction in a slot apart. */
export function decode(insns: Insns, slot: number): DecodedInsn | InvalidInsn {
  const result = classify(insns, slot)
  if (!isForm(result)) return result
  return {
    form: result,
    dst: insns.dst[slot]!,
    src: insns.src[slot]!,
    off: insns.off[slot]!,
    imm: insns.imm[slot]!,
    immHigh: result.slots === 2 ? insns.imm[slot + 1]! : 0,
  }
}

/** Writes an instruction into a slot (two for a 64-bit immediate load); returns how many it took. Fields are not checked. */
export function encode(insn: DecodedInsn, into: Insns, slot: number): 1 | 2 {
  into.set(slot, insn.form.code, insn.dst, insn.src, insn.off, insn.imm)
  if (insn.form.slots === 2) into.set(slot + 1, 0, 0, 0, 0, insn.immHigh)
  return insn.form.slots
}

/** Bytes that a load, store or atomic instruction with this opcode touches. */
export function accessBytes(code: number): 1 | 2 | 4 | 8 {
  const bits = code & 0x18
  return bits === op.BPF_B ? 1 : bits === op.BPF_H ? 2 : bits === op.BPF_W ? 4 : 8
}
