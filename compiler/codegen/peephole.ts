/**
 * After allocation, block by block: moves that change nothing, reloads of what a register still holds, results that nobody reads, and shifts that go on
 * where one before left off (a zero extension by shifts, and the shift that wanted it).
 */
import * as op from '../../assembler/isa/opcodes.js'
import {
  access,
  FP,
  isCopy,
  LD_IMM64,
  type MBlock,
  type MFunc,
  type MInsn,
  MOV32_K,
  MOV64_K,
  P_FRAME,
  successorBlocks,
  WRITES_DST,
} from './machine.js'
import { liveIntoBlocks, readMask, writeMask } from './physical-liveness.js'

const LOAD_SPILL = op.BPF_LDX | op.BPF_MEM | op.BPF_DW
const STORE_SPILL = op.BPF_STX | op.BPF_MEM | op.BPF_DW

export function peephole(func: MFunc): void {
  for (const block of func.blocks) forgetRedundant(block)
  removeDead(func)
}

/** What a register is known to hold: a number for each distinct value. */
class Known {
  private readonly registers = new Map<number, number>()
  private readonly slots = new Map<number, number>()
  private readonly constants = new Map<string, number>()
  private fresh = 0

  valueOf(register: number): number {
    let value = this.registers.get(register)
    if (value === undefined) {
      value = ++this.fresh
      this.registers.set(register, value)
    }
    return value
  }

  set(register: number, value: number): void {
    this.registers.set(register, value)
  }

  forget(mask: number): void {
    for (let register = 0; register <= 10; register++) if (mask & (1 << register)) this.registers.delete(register)
  }

  constant(key: string): number {
    let value = this.constants.get(key)
    if (value === undefined) {
      value = ++this.fresh
      this.constants.set(key, value)
    }
    return value
  }

  slot(id: number): number {
    let value = this.slots.get(id)
    if (value === undefined) {
      value = ++this.fresh
      this.slots.set(id, value)
    }
    return value
  }

  setSlot(id: number, value: number): void {
    this.slots.set(id, value)
  }

  holds(register: number, value: number): boolean {
    return this.registers.get(register) === value
  }

  holder(value: number): number | undefined {
    for (const [register, held] of this.registers) if (held === value) return register
    return undefined
  }
}

const isSpill = (insn: MInsn, code: number) => insn.op === code && insn.slot?.spill === true

function constantKey(insn: MInsn): string | undefined {
  if (insn.core) return undefined
  if (insn.op === MOV64_K) return String(BigInt.asUintN(64, BigInt(insn.imm)))
  if (insn.op === MOV32_K) return String(insn.imm >>> 0)
  if (insn.op === P_FRAME) return `slot ${insn.slot!.id} ${insn.imm}`
  if (insn.op === LD_IMM64 && insn.symbol) return `@${insn.symbol.target.name}+${insn.symbol.addend}`
  return undefined
}

function forgetRedundant(block: MBlock): void {
  const known = new Known()
  const out: MInsn[] = []
  for (const insn of block.insns) {
    let value: number | undefined
    if (isCopy(insn) && insn.src !== FP) value = known.valueOf(insn.src)
    else if (isSpill(insn, LOAD_SPILL)) {
      value = known.slot(insn.slot!.id)
      const holder = known.holder(value)
      if (holder !== undefined && holder !== insn.dst) {
        // The value is still in a register: a move is cheaper than memory, and the verifier keeps what it knows.
        insn.op = op.BPF_ALU64 | op.BPF_MOV | op.BPF_X
        insn.src = holder
        insn.slot = undefined
      }
    } else {
      const key = constantKey(insn)
      if (key !== undefined) value = known.constant(key)
    }
    if (value !== undefined) {
      if (known.holds(insn.dst, value)) continue
      known.set(insn.dst, value)
      out.push(insn)
      continue
    }
    if (isSpill(insn, STORE_SPILL)) {
      const stored = known.valueOf(insn.src)
      if (known.slot(insn.slot!.id) === stored) continue
      known.setSlot(insn.slot!.id, stored)
    }
    if (goesOnShifting(out[out.length - 1], insn)) {
      out[out.length - 1]!.imm += insn.imm
      continue
    }
    known.forget(writeMask(insn))
    out.push(insn)
  }
  block.insns = out
}

/** Shifts by a constant, with the bits that they shift. */
const SHIFTS = new Map<number, number>(
  [op.BPF_LSH, op.BPF_RSH, op.BPF_ARSH].flatMap(shift => [
    [op.BPF_ALU64 | shift | op.BPF_K, 64],
    [op.BPF_ALU | shift | op.BPF_K, 32],
  ]),
)

function goesOnShifting(before: MInsn | undefined, insn: MInsn): boolean {
  const bits = SHIFTS.get(insn.op)
  if (bits === undefined || !before || before.op !== insn.op || before.dst !== insn.dst || before.core || insn.core) return false
  return before.imm + insn.imm < bits
}

/** Instructions without effects whose result is not read. */
function removeDead(func: MFunc): void {
  const live = liveIntoBlocks(func)
  for (const block of func.blocks) {
    let after = 0
    for (const next of successorBlocks(block)) after |= live.get(next)!
    const out: MInsn[] = []
    for (let i = block.insns.length - 1; i >= 0; i--) {
      const insn = block.insns[i]!
      const written = writeMask(insn)
      if (isPure(insn) && (written & after) === 0) continue
      after = (after & ~written) | readMask(insn)
      out.push(insn)
    }
    block.insns = out.reverse()
  }
}

function isPure(insn: MInsn): boolean {
  if (insn.op === P_FRAME) return true
  if (insn.op >= 0x100) return false
  const cls = insn.op & 7
  return (
    (cls === op.BPF_ALU || cls === op.BPF_ALU64 || insn.op === LD_IMM64 || isSpill(insn, LOAD_SPILL)) &&
    (access(insn) & WRITES_DST) !== 0
  )
}
