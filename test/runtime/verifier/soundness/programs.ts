/**
 * Random programs of traffic control over one array map, the stack and the packet: arithmetic on unknown numbers, comparisons, spills,
 * accesses at variable offsets, short loops. The same seed gives the same programs.
 */
import { Insns } from '../../../../assembler/isa/insns.js'
import * as op from '../../../../assembler/isa/opcodes.js'
import { mapDef } from '../../../../linker/object/bpf-object.js'
import type { PreparedObject, PreparedProgram } from '../../../../linker/object/prepared.js'
import { MapType, ProgType } from '../../../../linker/object/uapi.js'
import type { Randoms } from '../randoms.js'

export const VALUE_SIZE = 64
const SIZES = [op.BPF_B, op.BPF_H, op.BPF_W, op.BPF_DW]
const OPERATIONS = [
  op.BPF_ADD,
  op.BPF_SUB,
  op.BPF_MUL,
  op.BPF_DIV,
  op.BPF_OR,
  op.BPF_AND,
  op.BPF_LSH,
  op.BPF_RSH,
  op.BPF_MOD,
  op.BPF_XOR,
  op.BPF_MOV,
  op.BPF_ARSH,
]
const JUMPS = [
  op.BPF_JEQ,
  op.BPF_JNE,
  op.BPF_JGT,
  op.BPF_JGE,
  op.BPF_JLT,
  op.BPF_JLE,
  op.BPF_JSGT,
  op.BPF_JSGE,
  op.BPF_JSLT,
  op.BPF_JSLE,
  op.BPF_JSET,
]
const CONSTANTS = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 56, 60, 63, 64, 127, 128, 255, 256, 4095, 32767, 65535, 0x7ffffffe, 0x7fffffff, -1, -2, -8,
  -64, -128, -32768, -2147483648,
]
/** Registers that hold numbers; 6 is the context, 7 the map value. */
const NUMBERS = [0, 1, 2, 3, 4, 5, 8, 9]

type Row = [code: number, dst: number, src: number, off: number, imm: number]

const map = mapDef({ name: 'values', type: MapType.ARRAY, keySize: 4, valueSize: VALUE_SIZE, maxEntries: 1 })

class Generator {
  private readonly rows: Row[] = []

  constructor(
    private readonly random: Randoms,
    /** With the instructions of -mcpu=v4. */
    private readonly v4: boolean,
  ) {}

  private pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)]!
  }

  private emit(code: number, dst = 0, src = 0, off = 0, imm = 0): void {
    this.rows.push([code, dst, src, off, imm])
  }

  private constant(): number {
    const { random } = this
    if (random.below(4) > 0) return this.pick(CONSTANTS)
    return (random.next() >>> random.below(32)) | 0
  }

  make(): Row[] {
    const { random } = this
    this.emit(op.BPF_ALU64 | op.BPF_MOV | op.BPF_X, 6, 1)
    this.emit(op.BPF_ST | op.BPF_MEM | op.BPF_W, 10, 0, -4, 0)
    this.emit(op.BPF_LD | op.BPF_IMM | op.BPF_DW, 1, op.BPF_PSEUDO_MAP_FD, 0, 0)
    this.emit(0)
    this.emit(op.BPF_ALU64 | op.BPF_MOV | op.BPF_X, 2, 10)
    this.emit(op.BPF_ALU64 | op.BPF_ADD, 2, 0, 0, -4)
    this.emit(op.BPF_JMP | op.BPF_CALL, 0, 0, 0, 1)
    this.emit(op.BPF_JMP | op.BPF_JNE, 0, 0, 1, 0)
    this.emit(op.BPF_JMP | op.BPF_EXIT)
    this.emit(op.BPF_ALU64 | op.BPF_MOV | op.BPF_X, 7, 0)
    for (const register of NUMBERS)
      if (random.below(5) === 0) this.emit(op.BPF_ALU64 | op.BPF_MOV, register, 0, 0, this.constant())
      else if (random.below(4) === 0) this.emit(op.BPF_LDX | op.BPF_MEM | op.BPF_W, register, 6, this.pick([8, 32, 0, 40]))
      else {
        const size = this.pick(SIZES)
        const signed = size !== op.BPF_DW && random.below(4) === 0 && this.v4
        this.emit(op.BPF_LDX | (signed ? op.BPF_MEMSX : op.BPF_MEM) | size, register, 7, 8 * random.below(8))
      }
    const length = 4 + random.below(36)
    while (this.rows.length < 22 + length) this.step(22 + length)
    if (random.below(3) > 0) this.emit(op.BPF_ALU64 | op.BPF_MOV, 0, 0, 0, 0)
    this.emit(op.BPF_JMP | op.BPF_EXIT)
    return this.rows
  }

  private step(end: number): void {
    const { random } = this
    const dst = this.pick(NUMBERS)
    const src = this.pick(NUMBERS)
    switch (random.below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        return this.arithmetic(dst, src)
      case 5:
      case 6:
      case 7:
      case 8: {
        const off = 1 + random.below(Math.max(1, Math.min(6, end - this.rows.length)))
        const group = random.below(2) ? op.BPF_JMP : op.BPF_JMP32
        if (random.below(2)) this.emit(group | this.pick(JUMPS) | op.BPF_X, dst, src, off)
        else this.emit(group | this.pick(JUMPS), dst, 0, off, this.constant())
        // So that no jump leads behind the end.
        for (let i = 0; i < off; i++) this.arithmetic(this.pick(NUMBERS), this.pick(NUMBERS))
        return
      }
      case 9: {
        const size = this.pick(SIZES)
        this.emit(
          op.BPF_STX | op.BPF_MEM | size,
          10,
          src,
          -8 * (1 + random.below(6)) + (size === op.BPF_DW ? 0 : this.pick([0, 4])),
        )
        return
      }
      case 10:
        return this.emit(op.BPF_LDX | op.BPF_MEM | this.pick(SIZES), dst, 10, -8 * (1 + random.below(6)))
      case 11:
      case 12:
        return this.access(dst, src)
      case 13:
        return this.packet(dst)
      case 14:
        return this.emit(
          op.BPF_STX | op.BPF_ATOMIC | op.BPF_DW,
          7,
          src,
          8 * random.below(8),
          this.pick([op.BPF_ADD, op.BPF_ADD | op.BPF_FETCH, op.BPF_XCHG, op.BPF_OR | op.BPF_FETCH]),
        )
      default: {
        // A short loop that counts down.
        const body = 1 + random.below(3)
        this.emit(op.BPF_ALU64 | op.BPF_MOV, 9, 0, 0, 1 + random.below(6))
        for (let i = 0; i < body; i++) this.arithmetic(this.pick([0, 1, 2, 3, 4, 5, 8]), this.pick(NUMBERS))
        this.emit(op.BPF_ALU64 | op.BPF_ADD, 9, 0, 0, -1)
        this.emit(op.BPF_JMP | op.BPF_JNE, 9, 0, -(body + 2), 0)
      }
    }
  }

  /** One instruction. */
  private arithmetic(dst: number, src: number): void {
    const { random } = this
    const group = random.below(2) ? op.BPF_ALU64 : op.BPF_ALU
    switch (random.below(12)) {
      case 0:
        return this.emit(group | op.BPF_NEG, dst)
      case 1:
        return this.emit(op.BPF_ALU | op.BPF_END | this.pick([op.BPF_TO_LE, op.BPF_TO_BE]), dst, 0, 0, this.pick([16, 32, 64]))
      case 2:
        return this.emit(
          group | op.BPF_MOV | op.BPF_X,
          dst,
          src,
          group === op.BPF_ALU64 ? this.pick([0, 8, 16, 32]) : this.pick([0, 8, 16]),
        )
      default: {
        const operation = this.pick(OPERATIONS)
        const shift = operation === op.BPF_LSH || operation === op.BPF_RSH || operation === op.BPF_ARSH
        const divides = operation === op.BPF_DIV || operation === op.BPF_MOD
        const off = divides && random.below(3) === 0 && this.v4 ? 1 : 0
        if (!shift && random.below(2)) return this.emit(group | operation | op.BPF_X, dst, src, off)
        const width = group === op.BPF_ALU64 ? 64 : 32
        return this.emit(
          group | operation,
          dst,
          0,
          off,
          shift ? random.below(width) : divides ? this.constant() || 3 : this.constant(),
        )
      }
    }
  }

  /** An access of the map value or the stack at a variable offset, bounded more or less. */
  private access(dst: number, index: number): void {
    const { random } = this
    const bound = random.below(4)
    if (bound === 0) this.emit(op.BPF_ALU64 | op.BPF_AND, index, 0, 0, this.pick([7, 15, 31, 56, 63, 3]))
    else if (bound === 1) this.emit(op.BPF_JMP | op.BPF_JGT, index, 0, 3, this.pick([7, 31, 55, 56, 60, 63, 64]))
    else if (bound === 2) this.emit(op.BPF_JMP32 | op.BPF_JGE, index, 0, 3, this.pick([8, 32, 56, 57, 61, 64]))
    const base = random.below(4) ? 7 : 10
    const pointer = this.pick(NUMBERS.filter(each => each !== index))
    this.emit(op.BPF_ALU64 | op.BPF_MOV | op.BPF_X, pointer, base)
    this.emit(op.BPF_ALU64 | (random.below(6) ? op.BPF_ADD : op.BPF_SUB) | op.BPF_X, pointer, index)
    const off = base === 10 ? -this.pick([64, 72, 8]) : this.pick([0, 0, 1, 8, -1])
    if (random.below(2)) this.emit(op.BPF_LDX | op.BPF_MEM | this.pick(SIZES), dst, pointer, off)
    else this.emit(op.BPF_STX | op.BPF_MEM | this.pick(SIZES), pointer, random.below(3) ? index : 9, off)
    // The pointer is a number again.
    this.emit(op.BPF_ALU64 | op.BPF_MOV, pointer, 0, 0, this.constant())
  }

  private packet(dst: number): void {
    const { random } = this
    const [data, end] = dst === 4 || dst === 5 ? [2, 3] : [4, 5]
    this.emit(op.BPF_LDX | op.BPF_MEM | op.BPF_W, data, 6, 76)
    this.emit(op.BPF_LDX | op.BPF_MEM | op.BPF_W, end, 6, 80)
    const size = this.pick([1, 2, 8, 14, 20])
    const variable = random.below(2) === 0
    if (variable) {
      this.emit(op.BPF_ALU64 | op.BPF_AND, 8, 0, 0, this.pick([7, 15, 31]))
      this.emit(op.BPF_ALU64 | op.BPF_ADD | op.BPF_X, data, 8)
    }
    this.emit(op.BPF_ALU64 | op.BPF_MOV | op.BPF_X, dst, data)
    this.emit(op.BPF_ALU64 | op.BPF_ADD, dst, 0, 0, size)
    this.emit(op.BPF_JMP | this.pick([op.BPF_JGT, op.BPF_JGE]) | op.BPF_X, dst, end, 1)
    this.emit(op.BPF_LDX | op.BPF_MEM | this.pick(SIZES), dst, data, this.pick([0, 0, size - 1, Math.max(0, size - 8), size]))
    for (const register of new Set([dst, data, end])) this.emit(op.BPF_ALU64 | op.BPF_MOV, register, 0, 0, this.constant())
  }
}

function program(name: string, rows: readonly Row[]): PreparedProgram {
  const insns = new Insns(rows.length)
  for (let slot = 0; slot < rows.length; slot++) insns.set(slot, ...rows[slot]!)
  return {
    name,
    section: 'tc',
    type: ProgType.SCHED_CLS,
    expectedAttachType: 0,
    sleepable: false,
    flags: 0,
    attachName: '',
    attachBtfId: 0,
    insns,
    functions: [{ name, slot: 0, type: 0, linkage: 1 }],
    lineInfo: [],
    autoload: true,
    fault: undefined,
  }
}

export const generated = (name: string, random: Randoms, v4 = true): PreparedProgram =>
  program(name, new Generator(random, v4).make())

/** Another one with one to three fields changed. */
export function mutated(name: string, from: PreparedProgram, random: Randoms): PreparedProgram {
  const insns = new Insns(from.insns.length)
  insns.copy(0, from.insns, 0, insns.length)
  for (let left = 1 + random.below(3); left > 0; left--) {
    const slot = random.below(insns.length)
    // Both halves of the load of the map stay: everything would be refused without them.
    if (insns.code[slot] === 0 || insns.src[slot] === op.BPF_PSEUDO_MAP_FD) continue
    switch (random.below(6)) {
      case 0:
        insns.code[slot]! ^= 1 << random.below(8)
        break
      case 1:
        insns.dst[slot] = random.below(11)
        break
      case 2:
        insns.src[slot] = random.below(11)
        break
      case 3:
        // The kernel takes an exit with an offset, the interpreter does not.
        if (insns.code[slot] !== (op.BPF_JMP | op.BPF_EXIT)) insns.off[slot]! += oneOf(random, [1, -1, 8, -8, 4])
        break
      case 4:
        insns.imm[slot] = oneOf(random, CONSTANTS)
        break
      default:
        insns.imm[slot]! ^= 1 << random.below(32)
    }
  }
  return { ...from, name, insns, functions: [{ ...from.functions[0]!, name }] }
}

const oneOf = (random: Randoms, list: readonly number[]): number => list[random.below(list.length)]!

export const objectOf = (programs: readonly PreparedProgram[]): PreparedObject => ({
  path: 'generated',
  license: 'GPL',
  programs,
  maps: [map],
  btf: undefined,
  kernelBtf: undefined,
})
