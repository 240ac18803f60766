/**
 * Instructions as text in the kernel's pseudo-C, in two spellings: `llvm`, exactly what llvm-objdump-19 prints, and `bpftool`,
 * what `bpftool prog dump xlated` and the verifier's log print (kernel/bpf/disasm.c, 6.12).
 */
import type { Insns } from '../isa/insns.js'
import { accessBytes, aluOperations, classify, type InsnForm, isForm, jumpOperations } from '../isa/isa-table.js'
import * as op from '../isa/opcodes.js'

export type PseudoCStyle = 'llvm' | 'bpftool'

/** What the printer cannot know from the instruction alone; each may answer undefined. */
export interface PseudoCNames {
  /** Behind a jump in the llvm style: `prog+0x10`, without its brackets. */
  label?(slot: number): string | undefined
  /** bpftool: a helper's name by id, without `#id`. */
  helper?(id: number): string | undefined
  /** bpftool: what a kfunc or local call calls. */
  callee?(slot: number, kind: number): string | undefined
  /** bpftool: a 64-bit immediate with a meaning, e.g. `map[id:5]`. */
  immediate?(slot: number, kind: number): string | undefined
}

const ALU_SIGN = new Map(aluOperations.map(({ op: operation, sign }) => [operation, sign]))
const JUMP_SIGN = new Map(jumpOperations.map(({ op: operation, sign }) => [operation, sign]))
const FETCH_NAME = new Map([
  [op.BPF_ADD, 'add'],
  [op.BPF_OR, 'or'],
  [op.BPF_AND, 'and'],
  [op.BPF_XOR, 'xor'],
])

/** Signed hexadecimal as LLVM prints immediates: `0x5`, `-0x5`. */
function llvmHex(value: number): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`
}

/** LLVM's `+0x4` and `- 0x4`, with or without the blank. */
function signedHex(value: number, blank: string): string {
  return value < 0 ? `-${blank}0x${(-value).toString(16)}` : `+${blank}0x${value.toString(16)}`
}

const plus = (value: number) => (value < 0 ? `${value}` : `+${value}`)

/**
 * The text of the instruction in a slot, without the slot's number. An invalid pattern prints as `<unknown>` in the llvm style
 * (as do the few valid ones that llvm-objdump-19 does not know) and as `(xx) invalid: reason` in bpftool's.
 */
export function formatInsn(insns: Insns, slot: number, style: PseudoCStyle = 'llvm', names: PseudoCNames = {}): string {
  const form = classify(insns, slot)
  if (style === 'llvm') return isForm(form) ? llvmText(insns, slot, form, names) : '<unknown>'
  const code = `(${insns.code[slot]!.toString(16).padStart(2, '0')})`
  return isForm(form) ? `${code} ${bpftoolText(insns, slot, form, names)}` : `${code} invalid: ${form.reason}`
}

/** Where a jump in a slot goes: `+0x5 <prog+0x10>`. */
export function llvmTarget(slot: number, distance: number, names: PseudoCNames): string {
  const label = names.label?.(slot + 1 + distance)
  return `${signedHex(distance, '')}${label ? ` <${label}>` : ''}`
}

function llvmText(insns: Insns, slot: number, form: InsnForm, names: PseudoCNames): string {
  const code = insns.code[slot]!
  const off = insns.off[slot]!
  const imm = insns.imm[slot]!
  const width = (code & 7) === op.BPF_ALU || (code & 7) === op.BPF_JMP32 ? 'w' : 'r'
  const dst = `${width}${insns.dst[slot]}`
  const src = (code & 8) === op.BPF_X ? `${width}${insns.src[slot]}` : llvmHex(imm)
  const size = accessBytes(code) * 8
  const target = (distance: number) => llvmTarget(slot, distance, names)
  switch (form.kind) {
    case 'alu':
      return `${dst} ${off === 1 ? 's' : ''}${ALU_SIGN.get(code & 0xf0)}= ${src}`
    case 'neg':
      return `${dst} = -${dst}`
    case 'mov':
      return `${dst} = ${src}`
    case 'movsx':
      return `${dst} = (s${off})${src}`
    case 'addr_space_cast':
      return `${dst} = addr_space_cast(${src}, 0x${(imm >>> 16).toString(16)}, 0x${(imm & 0xffff).toString(16)})`
    case 'end':
    case 'bswap': {
      const register = `r${insns.dst[slot]}`
      const swap = form.kind === 'bswap' ? 'bswap' : (code & 8) === op.BPF_TO_BE ? 'be' : 'le'
      return `${register} = ${swap}${imm} ${register}`
    }
    case 'jump':
      return `if ${dst} ${JUMP_SIGN.get(code & 0xf0)} ${src} goto ${target(off)}`
    case 'goto':
      return `goto ${target(off)}`
    case 'gotol':
      return `gotol ${target(imm)}`
    case 'may_goto':
      return `may_goto ${target(off)}`
    case 'call_helper':
    case 'call_local':
    case 'call_kfunc':
      return `call ${llvmHex(imm)}`
    case 'call_register':
      return `callx ${dst}`
    case 'exit':
      return 'exit'
    case 'ld_imm64': {
      const value = (BigInt(insns.imm[slot + 1]!) << 32n) | BigInt(imm >>> 0)
      const text = value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`
      if (insns.src[slot] === 0) return `${dst} = ${text} ll`
      return `ld_pseudo\t${dst}, 0x${insns.src[slot]!.toString(16)}, ${text}`
    }
    case 'ld_abs':
      return `r0 = *(u${size} *)skb[${llvmHex(imm)}]`
    case 'ld_ind':
      return `r0 = *(u${size} *)skb[r${insns.src[slot]}]`
    case 'load':
    case 'load_sx':
      return `r${insns.dst[slot]} = *(${form.kind === 'load' ? 'u' : 's'}${size} *)(r${insns.src[slot]} ${signedHex(off, ' ')})`
    case 'store':
      return `*(u${size} *)(r${insns.dst[slot]} ${signedHex(off, ' ')}) = r${insns.src[slot]}`
    case 'store_imm':
      return `*(u${size} *)(r${insns.dst[slot]} ${signedHex(off, ' ')}) = ${llvmHex(imm)}`
    case 'atomic':
      return llvmAtomic(insns, slot, size)
    // llvm-objdump-19 is older than these: it takes the one for an add, whose selecting bits it has, and does not know the other
    case 'load_acquire':
      return size >= 32 ? llvmAtomic(insns, slot, size) : '<unknown>'
    case 'store_release':
      return '<unknown>'
  }
}

function llvmAtomic(insns: Insns, slot: number, size: number): string {
  const imm = insns.imm[slot]!
  const src = insns.src[slot]!
  const where = `r${insns.dst[slot]} ${signedHex(insns.off[slot]!, ' ')}`
  // Without the alu32 feature, which llvm-objdump does not assume for BPF objects, of the 32-bit ones only the add is known,
  // and a fetching add is taken for it.
  const add = `lock *(u${size} *)(${where}) += r${src}`
  if (size === 32) return (imm & 0xf0) === op.BPF_ADD ? add : '<unknown>'
  if (imm === op.BPF_XCHG) return `r${src} = xchg_64(${where}, r${src})`
  if (imm === op.BPF_CMPXCHG) return `r0 = cmpxchg_64(${where}, r0, r${src})`
  if (imm & op.BPF_FETCH) return `r${src} = atomic_fetch_${FETCH_NAME.get(imm & 0xf0)}((u${size} *)(${where}), r${src})`
  return imm === op.BPF_LOAD_ACQ ? add : `lock *(u${size} *)(${where}) ${ALU_SIGN.get(imm)}= r${src}`
}

function bpftoolText(insns: Insns, slot: number, form: InsnForm, names: PseudoCNames): string {
  const code = insns.code[slot]!
  const off = insns.off[slot]!
  const imm = insns.imm[slot]!
  const width = (code & 7) === op.BPF_ALU || (code & 7) === op.BPF_JMP32 ? 'w' : 'r'
  const dst = `${width}${insns.dst[slot]}`
  const source = (code & 8) === op.BPF_X
  const size = accessBytes(code) * 8
  const there = (register: number) => `(r${register} ${plus(off)})`
  switch (form.kind) {
    case 'alu':
      return `${dst} ${off === 1 ? 's' : ''}${ALU_SIGN.get(code & 0xf0)}= ${source ? `${width}${insns.src[slot]}` : imm}`
    case 'neg':
      return `${dst} = -${dst}`
    case 'mov':
      return `${dst} = ${source ? `${width}${insns.src[slot]}` : imm}`
    case 'movsx':
      return `${dst} = (s${off})${width}${insns.src[slot]}`
    case 'addr_space_cast':
      return `${dst} = addr_space_cast(r${insns.src[slot]}, ${imm >>> 16}, ${imm & 0xffff})`
    case 'end':
    case 'bswap': {
      const swap = form.kind === 'bswap' ? 'bswap' : (code & 8) === op.BPF_TO_BE ? 'be' : 'le'
      return `r${insns.dst[slot]} = ${swap}${imm} r${insns.dst[slot]}`
    }
    case 'jump':
      return `if ${dst} ${JUMP_SIGN.get(code & 0xf0)} ${source ? `${width}${insns.src[slot]}` : `0x${(imm >>> 0).toString(16)}`} goto pc${plus(off)}`
    case 'goto':
      return `goto pc${plus(off)}`
    case 'gotol':
      return `gotol pc${plus(imm)}`
    case 'may_goto':
      return `may_goto pc${plus(off)}`
    case 'call_helper': {
      const name = names.helper?.(imm)
      return `call ${name ?? 'unknown'}#${imm}`
    }
    case 'call_local':
      return `call pc${names.callee?.(slot, insns.src[slot]!) ?? plus(imm)}`
    case 'call_kfunc':
      return `call ${names.callee?.(slot, insns.src[slot]!) ?? 'kernel-function'}#${imm}`
    case 'call_register':
      return `callx ${dst}`
    case 'exit':
      return 'exit'
    case 'ld_imm64': {
      const kind = insns.src[slot]!
      const name = names.immediate?.(slot, kind)
      const value = (BigInt(insns.imm[slot + 1]! >>> 0) << 32n) | BigInt(imm >>> 0)
      return `${dst} = ${name ?? `0x${value.toString(16)}`}`
    }
    case 'ld_abs':
      return `r0 = *(u${size} *)skb[${imm}]`
    case 'ld_ind':
      return `r0 = *(u${size} *)skb[r${insns.src[slot]} + ${imm}]`
    case 'load':
    case 'load_sx':
      return `r${insns.dst[slot]} = *(${form.kind === 'load' ? 'u' : 's'}${size} *)${there(insns.src[slot]!)}`
    case 'store':
      return `*(u${size} *)${there(insns.dst[slot]!)} = r${insns.src[slot]}`
    case 'store_imm':
      return `*(u${size} *)${there(insns.dst[slot]!)} = ${imm}`
    case 'atomic': {
      const src = `r${insns.src[slot]}`
      const typed = `(u${size} *)${there(insns.dst[slot]!)}`
      const wide = size === 64 ? '64' : ''
      if (imm === op.BPF_XCHG) return `${src} = atomic${wide}_xchg(${typed}, ${src})`
      if (imm === op.BPF_CMPXCHG) return `r0 = atomic${wide}_cmpxchg(${typed}, r0, ${src})`
      if (imm & op.BPF_FETCH) return `${src} = atomic${wide}_fetch_${FETCH_NAME.get(imm & 0xf0)}(${typed}, ${src})`
      return `lock *${typed} ${ALU_SIGN.get(imm)}= ${src}`
    }
    case 'load_acquire':
      return `r${insns.dst[slot]} = load_acquire((u${size} *)${there(insns.src[slot]!)})`
    case 'store_release':
      return `store_release((u${size} *)${there(insns.dst[slot]!)}, r${insns.src[slot]})`
  }
}
