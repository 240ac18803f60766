/** Which of the machine's registers are live, after allocation: masks with a bit a register. */
import { CALL, CALLX, isCall, type MBlock, type MFunc, type MInsn, P_ASM, readsOf, successorBlocks, writesOf } from './machine.js'

const CALL_DESTROYS = 0b111111

export function readMask(insn: MInsn): number {
  let mask = 0
  for (const register of readsOf(insn)) if (register >= 0) mask |= 1 << register
  return mask
}

/** Registers that hold something else afterwards. */
export function writeMask(insn: MInsn): number {
  let mask = 0
  for (const register of writesOf(insn)) if (register >= 0) mask |= 1 << register
  if (isCall(insn) || insn.op === CALL || insn.op === CALLX) mask |= CALL_DESTROYS
  if (insn.op === P_ASM) for (const register of insn.asm!.info.clobbers) mask |= 1 << register
  return mask
}

/** Live registers before a list of instructions, given those after it. */
export function liveBefore(insns: readonly MInsn[], after: number): number {
  let live = after
  for (let i = insns.length - 1; i >= 0; i--) live = (live & ~writeMask(insns[i]!)) | readMask(insns[i]!)
  return live
}

/** Live registers at the beginning of every block. */
export function liveIntoBlocks(func: MFunc): Map<MBlock, number> {
  const live = new Map<MBlock, number>(func.blocks.map(block => [block, 0]))
  const uses = new Map<MBlock, { reads: number; writes: number }>()
  for (const block of func.blocks) {
    let reads = 0
    let writes = 0
    for (const insn of block.insns) {
      reads |= readMask(insn) & ~writes
      writes |= writeMask(insn)
    }
    uses.set(block, { reads, writes })
  }
  for (let changed = true; changed; ) {
    changed = false
    for (let i = func.blocks.length - 1; i >= 0; i--) {
      const block = func.blocks[i]!
      let out = 0
      for (const next of successorBlocks(block)) out |= live.get(next) ?? 0
      const { reads, writes } = uses.get(block)!
      const now = reads | (out & ~writes)
      if (now !== live.get(block)) {
        live.set(block, now)
        changed = true
      }
    }
  }
  return live
}
