/**
 * A block that only sets a register or two on the way from a branch to somewhere else goes before the branch, where the other side does not
 * mind: that saves its jump. `if (x) r = 1 else …; return r` becomes `r = 1; if x goto return`.
 */
import {
  access,
  isBranch,
  MOV32_K,
  MOV32_X,
  MOV64_K,
  MOV64_X,
  type MBlock,
  type MFunc,
  type MInsn,
  successorBlocks,
  WRITES_DST,
} from './machine.js'
import { liveIntoBlocks, readMask } from './physical-liveness.js'

/** More moves than this cost the other side more than the jump is worth. */
const MAX_MOVES = 1

const isMove = (insn: MInsn) =>
  (insn.op === MOV32_K || insn.op === MOV64_K || ((insn.op === MOV32_X || insn.op === MOV64_X) && insn.off === 0)) &&
  insn.core === undefined &&
  (access(insn) & WRITES_DST) !== 0

export function hoistMoves(func: MFunc): void {
  const live = liveIntoBlocks(func)
  const entries = new Map<MBlock, number>()
  for (const block of func.blocks) for (const next of successorBlocks(block)) entries.set(next, (entries.get(next) ?? 0) + 1)
  for (const block of func.blocks) {
    const branch = block.last
    if (!branch || branch.asm || !isBranch(branch) || !block.next) continue
    for (const side of ['target', 'next'] as const) {
      const arm: MBlock = side === 'target' ? branch.target! : block.next
      const other: MBlock = side === 'target' ? block.next : branch.target!
      if (arm === other || entries.get(arm) !== 1 || !arm.next || arm.insns.length === 0 || arm.insns.length > MAX_MOVES) continue
      if (arm.depth < block.depth || !arm.insns.every(isMove)) continue
      let written = 0
      for (const insn of arm.insns) written |= 1 << insn.dst
      if (written & (live.get(other)! | readMask(branch))) continue
      block.insns.splice(block.insns.length - 1, 0, ...arm.insns)
      const then: MBlock = arm.next
      if (side === 'target') branch.target = then
      else block.next = then
      arm.insns = []
      arm.next = then
    }
  }
}
