/** Texts of many instructions: programs say the same few hundred again and again, so each is put into words once. */
import { ascii } from '../../base/text-bytes.js'
import type { Insns } from '../isa/insns.js'
import { BPF_CALL, BPF_DW, BPF_EXIT, BPF_IMM, BPF_JA, BPF_JCOND, BPF_JMP, BPF_JMP32, BPF_LD } from '../isa/opcodes.js'
import { formatInsn, llvmTarget, type PseudoCNames, type PseudoCStyle } from './pseudo-c.js'

const LD_IMM64 = BPF_LD | BPF_IMM | BPF_DW
const CALL = BPF_JMP | BPF_CALL

const EXIT = BPF_JMP | BPF_EXIT
const GOTOL = BPF_JMP32 | BPF_JA

export class InsnTexts {
  /** By the lower half of the instruction (opcode, registers, offset), then by its immediate. */
  private readonly known = new Map<number, Map<number, Uint8Array>>()
  /** The same for jumps, whose offset becomes a label of its own: up to that. */
  private readonly jumps = new Map<number, Map<number, string>>()

  constructor(private readonly style: PseudoCStyle) {}

  /** `: ` and what `formatInsn` says, as UTF-8. */
  at(insns: Insns, slot: number, names: PseudoCNames): Uint8Array {
    const code = insns.code[slot]!
    const source = insns.src[slot]!
    const imm = insns.imm[slot]!
    const low = code | (insns.dst[slot]! << 8) | (source << 12)
    const make = () => ascii(`: ${formatInsn(insns, slot, this.style, names)}`)
    if (code === LD_IMM64) {
      if (this.style !== 'llvm' || !isEmpty(insns, slot + 1)) return make()
    } else if (((code & 7) === BPF_JMP || (code & 7) === BPF_JMP32) && code !== EXIT && (code !== CALL || source !== 0)) {
      // What these say depends on where they are.
      const operation = code & 0xf0
      if (this.style !== 'llvm' || operation === BPF_CALL || operation === BPF_JCOND || code === GOTOL) return make()
      const start = remembered(this.jumps, low, imm, () => this.jump(insns, slot))
      return ascii(start.endsWith(' ') ? start + llvmTarget(slot, insns.off[slot]!, names) : start)
    }
    return remembered(this.known, low | (insns.off[slot]! << 16), imm, make)
  }

  /** `: if r1 == 0x0 goto `; the whole text of what is no jump. */
  private jump(insns: Insns, slot: number): string {
    const text = formatInsn(insns, slot, this.style)
    return `: ${text.slice(0, text.lastIndexOf(' ') + 1) || text}`
  }
}

function remembered<Text>(known: Map<number, Map<number, Text>>, low: number, high: number, make: () => Text): Text {
  let same = known.get(low)
  if (!same) known.set(low, (same = new Map()))
  let text = same.get(high)
  if (text === undefined) same.set(high, (text = make()))
  return text
}

const isEmpty = ({ length, code, dst, src, off, imm }: Insns, slot: number): boolean =>
  slot < length && code[slot] === 0 && dst[slot] === 0 && src[slot] === 0 && off[slot] === 0 && imm[slot] === 0
