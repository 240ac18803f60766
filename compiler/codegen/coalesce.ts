/**
 * Copies between registers whose intervals do not overlap go away: both become one register. Copies in inner loops are tried first. This undoes
 * what two-address instructions and block parameters brought in, and keeps one register for a value from its check to its use.
 */
import { collectRefs, liveSegments, type Numbering, overlap, type Segments, union } from './intervals.js'
import { isCopy, type MFunc, MOV64_X, renameRegister, VIRTUAL } from './machine.js'

/** An instruction that is gone; its number stays taken until the end of allocation. */
export const P_GONE = 0x103

export function coalesce(func: MFunc, numbering: Numbering): void {
  const count = func.registerCount
  const segments: Segments[] = liveSegments(numbering, collectRefs(numbering, count))
  const leader = new Int32Array(count)
  for (let i = 0; i < count; i++) leader[i] = i
  const find = (register: number): number => {
    let at = register
    while (leader[at] !== at) {
      leader[at] = leader[leader[at]!]!
      at = leader[at]!
    }
    return at
  }
  const copies: number[] = []
  numbering.code.forEach((insn, i) => {
    if (isCopy(insn) && insn.dst >= VIRTUAL && insn.src >= VIRTUAL) copies.push(i)
  })
  const depth = (index: number) => numbering.blocks[numbering.blockOf[index]!]!.depth
  copies.sort((a, b) => depth(b) - depth(a) || a - b)
  for (const index of copies) {
    const { dst, src } = numbering.code[index]!
    const a = find(dst)
    const b = find(src)
    if (a === b || overlap(segments[a]!, segments[b]!)) continue
    const [into, from] = a < b ? [a, b] : [b, a]
    leader[from] = into
    segments[into] = union(segments[into]!, segments[from]!)
    segments[from] = []
  }
  for (const insn of numbering.code) {
    if (insn.asm) for (const register of registersOf(insn)) renameRegister(insn, register, find(register))
    else {
      if (insn.dst >= VIRTUAL) insn.dst = find(insn.dst)
      if (insn.src >= VIRTUAL) insn.src = find(insn.src)
    }
    if (insn.op === MOV64_X && insn.off === 0 && insn.dst === insn.src) insn.op = P_GONE
  }
}

function registersOf(insn: Parameters<typeof renameRegister>[0]): number[] {
  const out: number[] = []
  if (insn.dst >= VIRTUAL) out.push(insn.dst)
  if (insn.src >= VIRTUAL && insn.src !== insn.dst) out.push(insn.src)
  if (insn.asm) {
    for (const register of insn.asm.outputs) if (register >= VIRTUAL) out.push(register)
    for (const input of insn.asm.inputs)
      if ((input.kind === 'register' || input.kind === 'memory') && input.register >= VIRTUAL) out.push(input.register)
  }
  return out
}
