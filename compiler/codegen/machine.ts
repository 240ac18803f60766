/**
 * The machine form: eBPF instructions with virtual registers, symbolic targets and references that become relocations. Selection makes it,
 * register allocation replaces the virtual registers, layout and linearisation turn it into slots.
 *
 * Two-address as the machine is: `d = a + b` is a move and an add. A block ends with at most one branch instruction (which has a
 * `target`) and goes on at `next`.
 */
import * as op from '../../assembler/isa/opcodes.js'
import type { Loc } from '../../base/source.js'
import type { AsmInfo, CoreAccess, Func, Global } from '../ir/ir.js'

/** Registers below are the machine's own, from here on virtual. */
export const VIRTUAL = 16
export const NONE = -1
export const R0 = 0
export const R6 = 6
export const FP = op.BPF_REG_FP

/** Pseudo operations, above the opcode bytes. */
export const P_ASM = 0x100
/** dst = address of `slot` plus imm: becomes a move and an add. */
export const P_FRAME = 0x101
/** Begins the block `target` within a chunk of selection; gone afterwards. */
export const P_LABEL = 0x102

export const MOV64_X = op.BPF_ALU64 | op.BPF_MOV | op.BPF_X
export const MOV64_K = op.BPF_ALU64 | op.BPF_MOV | op.BPF_K
export const MOV32_X = op.BPF_ALU | op.BPF_MOV | op.BPF_X
export const MOV32_K = op.BPF_ALU | op.BPF_MOV | op.BPF_K
export const ADD64_K = op.BPF_ALU64 | op.BPF_ADD | op.BPF_K
export const LD_IMM64 = op.BPF_LD | op.BPF_IMM | op.BPF_DW
export const CALL = op.BPF_JMP | op.BPF_CALL
export const CALLX = CALL | op.BPF_X
export const EXIT = op.BPF_JMP | op.BPF_EXIT

/** A place in the frame: a local object, or the home of a spilled register. */
export interface FrameSlot {
  /** Position among the function's slots. */
  readonly id: number
  /** Bytes. */
  readonly size: number
  readonly align: number
  /** The variable's name, for people. */
  readonly name: string | undefined
  readonly spill: boolean
  /** From r10, negative; set by frame.ts. */
  offset: number
}

/** An address that a relocation fills in. */
export interface SymbolRef {
  readonly target: Global | Func
  /** Bytes. */
  readonly addend: number
}

/** Operands of an inline assembly. */
export interface AsmOperands {
  readonly info: AsmInfo
  /** Registers, one an output; NONE for memory outputs. */
  outputs: number[]
  inputs: AsmInput[]
  /** Blocks that `%l0`… name. */
  labels: MBlock[]
}

export type AsmInput =
  | { readonly kind: 'register'; register: number }
  | { readonly kind: 'immediate'; readonly value: bigint }
  | { readonly kind: 'symbol'; readonly symbol: SymbolRef }
  | { readonly kind: 'memory'; register: number; readonly slot: FrameSlot | undefined; readonly offset: number }

export class MInsn {
  /** Opcode byte, or a pseudo operation. */
  op: number
  dst: number
  src: number
  off: number
  /** 32 bits, signed. */
  imm: number
  loc: Loc
  /** Upper half of a 64-bit immediate. */
  high = 0
  /** Added to `off` (loads, stores) or `imm` (P_FRAME). */
  slot: FrameSlot | undefined = undefined
  symbol: SymbolRef | undefined = undefined
  core: CoreAccess | undefined = undefined
  /** Of a conditional branch. */
  target: MBlock | undefined = undefined
  /** Of a conditional branch: it is not turned round, so that verifiers walk first what it falls into. */
  straight = false
  /** P_LABEL: where the block before it goes on. */
  next: MBlock | undefined = undefined
  asm: AsmOperands | undefined = undefined
  /** Calls: which of r1 to r5 are arguments, a bit each by number. Exit: 1 if r0 is a result. */
  args = 0

  constructor(code: number, dst: number, src: number, off: number, imm: number, loc: Loc) {
    this.op = code
    this.dst = dst
    this.src = src
    this.off = off
    this.imm = imm
    this.loc = loc
  }
}

export class MBlock {
  insns: MInsn[] = []
  /** Where control goes on; undefined after an exit. */
  next: MBlock | undefined = undefined
  /** Loops around it. */
  depth = 0
  /** Position in `MFunc.blocks`, kept by whoever orders them. */
  index = 0
  /** Control goes on by a `goto` even into the block that follows: kernels before 6.9 let only jumps lead back (check_cfg). */
  jumps = false
  /** Source says that it rarely runs. */
  cold = false

  constructor(readonly id: number) {}

  get last(): MInsn | undefined {
    return this.insns[this.insns.length - 1]
  }
}

export class MFunc {
  blocks: MBlock[] = []
  readonly slots: FrameSlot[] = []
  private blockCount = 0
  private registers = VIRTUAL
  /** Bytes of stack, once laid out. */
  frameSize = 0

  constructor(readonly func: Func) {}

  block(): MBlock {
    return new MBlock(this.blockCount++)
  }

  register(): number {
    return this.registers++
  }

  /** One past the last virtual register. */
  get registerCount(): number {
    return this.registers
  }

  slot(size: number, align: number, name: string | undefined, spill: boolean): FrameSlot {
    const slot: FrameSlot = { id: this.slots.length, size, align, name, spill, offset: 0 }
    this.slots.push(slot)
    return slot
  }
}

export function isBranch(insn: MInsn): boolean {
  if (insn.op === P_ASM) return insn.asm!.labels.length > 0
  const cls = insn.op & 7
  return insn.op < 0x100 && (cls === op.BPF_JMP || cls === op.BPF_JMP32) && insn.target !== undefined
}

export function isCall(insn: MInsn): boolean {
  return insn.op === CALL || insn.op === CALLX || isSkbLoad(insn)
}

/** LD_ABS and LD_IND: read r6, write r0, destroy r1 to r5. */
export function isSkbLoad(insn: MInsn): boolean {
  return insn.op < 0x100 && (insn.op & 7) === op.BPF_LD && insn.op !== LD_IMM64
}

export function successorBlocks(block: MBlock): MBlock[] {
  const last = block.last
  const targets: MBlock[] = []
  if (last && isBranch(last)) {
    if (last.asm) targets.push(...last.asm.labels)
    else targets.push(last.target!)
  }
  if (block.next) targets.push(block.next)
  return targets
}

/** A plain copy of a whole register. */
export function isCopy(insn: MInsn): boolean {
  return insn.op === MOV64_X && insn.off === 0
}

const isAtomic = (code: number) => (code & 7) === op.BPF_STX && (code & 0xe0) === op.BPF_ATOMIC

/** Which fields an instruction reads and writes as registers; a mask of the constants below. */
export const READS_DST = 1
export const READS_SRC = 2
export const WRITES_DST = 4
export const WRITES_SRC = 8

export function access(insn: MInsn): number {
  const code = insn.op
  if (code >= 0x100) return code === P_FRAME ? WRITES_DST : 0
  const known = plainAccess[code]!
  return known === MORE ? accessBeyondOpcode(insn) : known
}

/** In `plainAccess`: the opcode alone does not say. */
const MORE = 0xff

/** What an instruction of an opcode reads and writes. */
const plainAccess = Uint8Array.from({ length: 0x100 }, (_, code) => {
  const x = (code & op.BPF_X) !== 0
  switch (code & 7) {
    case op.BPF_ALU:
    case op.BPF_ALU64: {
      const operation = code & 0xf0
      if (operation === op.BPF_MOV) return x ? READS_SRC | WRITES_DST : WRITES_DST
      if (operation === op.BPF_NEG || operation === op.BPF_END) return READS_DST | WRITES_DST
      return READS_DST | WRITES_DST | (x ? READS_SRC : 0)
    }
    case op.BPF_LDX:
      return READS_SRC | WRITES_DST
    case op.BPF_ST:
      return READS_DST
    case op.BPF_STX:
      return isAtomic(code) ? MORE : READS_DST | READS_SRC
    case op.BPF_LD:
      if (code === LD_IMM64) return WRITES_DST
      return (code & 0xe0) === op.BPF_IND ? READS_SRC : 0
    default:
      return MORE
  }
})

/** Atomics and jumps. */
function accessBeyondOpcode(insn: MInsn): number {
  const code = insn.op
  if ((code & 7) === op.BPF_STX) {
    const writes = (insn.imm & op.BPF_FETCH) !== 0 && insn.imm !== op.BPF_CMPXCHG
    return READS_DST | READS_SRC | (writes ? WRITES_SRC : 0)
  }
  if (insn.target) return READS_DST | ((code & op.BPF_X) !== 0 ? READS_SRC : 0)
  return code === CALLX ? READS_DST : 0
}

export const isCmpxchg = (insn: MInsn) => insn.op < 0x100 && isAtomic(insn.op) && insn.imm === op.BPF_CMPXCHG

/** Registers an instruction reads, implied ones included; one entry an occurrence. */
export function readsOf(insn: MInsn): number[] {
  const out: number[] = []
  const mask = access(insn)
  if (mask & READS_DST) out.push(insn.dst)
  if (mask & READS_SRC) out.push(insn.src)
  if (insn.op === CALL || insn.op === CALLX) {
    for (let i = 1; i <= 5; i++) if (insn.args & (1 << i)) out.push(i)
  } else if (insn.op === EXIT && insn.args) out.push(R0)
  else if (isSkbLoad(insn)) out.push(R6)
  else if (isCmpxchg(insn)) out.push(R0)
  else if (insn.asm)
    for (const input of insn.asm.inputs)
      if ((input.kind === 'register' || input.kind === 'memory') && input.register !== NONE) out.push(input.register)
  return out
}

/** Registers an instruction writes with something useful. Calls write r0 and besides destroy r1 to r5. */
export function writesOf(insn: MInsn): number[] {
  const out: number[] = []
  const mask = access(insn)
  if (mask & WRITES_DST) out.push(insn.dst)
  if (mask & WRITES_SRC) out.push(insn.src)
  if (isCall(insn) || isCmpxchg(insn)) out.push(R0)
  else if (insn.asm) for (const output of insn.asm.outputs) if (output !== NONE) out.push(output)
  return out
}

/** The machine's own registers among those of `readsOf`: a mask with a bit a register. */
export function machineReads(insn: MInsn): number {
  const mask = access(insn)
  let out = 0
  if (mask & READS_DST && insn.dst < VIRTUAL) out = bit(insn.dst)
  if (mask & READS_SRC && insn.src < VIRTUAL) out |= bit(insn.src)
  if (insn.op === CALL || insn.op === CALLX) out |= insn.args & 0b111110
  else if (insn.op === EXIT) out |= insn.args ? bit(R0) : 0
  else if (insn.asm) {
    for (const input of insn.asm.inputs)
      if ((input.kind === 'register' || input.kind === 'memory') && input.register < VIRTUAL) out |= bit(input.register)
  } else if (isSkbLoad(insn)) out |= bit(R6)
  else if (isCmpxchg(insn)) out |= bit(R0)
  return out
}

/** As `machineReads`, of `writesOf`. */
export function machineWrites(insn: MInsn): number {
  const mask = access(insn)
  let out = 0
  if (mask & WRITES_DST && insn.dst < VIRTUAL) out = bit(insn.dst)
  if (mask & WRITES_SRC && insn.src < VIRTUAL) out |= bit(insn.src)
  if (insn.asm) {
    for (const output of insn.asm.outputs) if (output < VIRTUAL) out |= bit(output)
  } else if (isCall(insn) || isCmpxchg(insn)) out |= bit(R0)
  return out
}

const bit = (register: number) => (register === NONE ? 0 : 1 << register)

/** Puts `to` in the place of the register `from`, wherever the instruction names it. */
export function renameRegister(insn: MInsn, from: number, to: number): void {
  const mask = access(insn)
  if (mask & (READS_DST | WRITES_DST) && insn.dst === from) insn.dst = to
  if (mask & (READS_SRC | WRITES_SRC) && insn.src === from) insn.src = to
  if (!insn.asm) return
  insn.asm.outputs = insn.asm.outputs.map(register => (register === from ? to : register))
  for (const input of insn.asm.inputs)
    if ((input.kind === 'register' || input.kind === 'memory') && input.register === from) input.register = to
}
