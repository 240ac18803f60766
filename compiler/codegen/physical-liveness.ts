/** Which of the machine's registers are live, after allocation: masks with a bit a register. */
import { isCall, type MBlock, type MFunc, type MInsn, machineReads, machineWrites, P_ASM, successorBlocks } from './machine.js'

const CALL_DESTROYS = 0b111111

export const readMask = machineReads

/** Registers that hold something else afterwards. */
export function writeMask(insn: MInsn): number {
  let mask = machineWrites(insn)
  if (isCall(insn)) mask |= CALL_DESTROYS
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
  const { blocks } = func
  const count = blocks.length
  // By position of the block.
  const live = new Int32Array(count)
  const reads = new Int32Array(count)
  const writes = new Int32Array(count)
  blocks.forEach((block, i) => {
    block.index = i
    let read = 0
    let written = 0
    for (const insn of block.insns) {
      read |= readMask(insn) & ~written
      written |= writeMask(insn)
    }
    reads[i] = read
    writes[i] = written
  })
  const next = blocks.map(block => successorBlocks(block).filter(to => blocks[to.index] === to))
  for (let changed = true; changed; ) {
    changed = false
    for (let i = count - 1; i >= 0; i--) {
      let out = 0
      for (const to of next[i]!) out |= live[to.index]!
      const now = reads[i]! | (out & ~writes[i]!)
      if (now === live[i]) continue
      live[i] = now
      changed = true
    }
  }
  return new Map(blocks.map((block, i) => [block, live[i]!]))
}
