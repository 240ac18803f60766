/**
 * Blocks that end alike share their end. What goes on at the same place, or returns, is grouped by its last instruction; a group's common
 * end becomes a block of its own, whose predecessors are then looked at again.
 *
 * The verifier remembers the kind of pointer at every access and call, so those are shared only where they come from one place of the
 * source; anything else could meet with "same insn cannot be used with different pointers".
 */
import * as op from '../../assembler/isa/opcodes.js'
import { CALL, CALLX, EXIT, FP, isBranch, isSkbLoad, type MBlock, type MFunc, type MInsn, P_ASM } from './machine.js'

const MAX_ROUNDS = 64

function touchesMemory(insn: MInsn): boolean {
  if (insn.op >= 0x100) return false
  const cls = insn.op & 7
  if (cls === op.BPF_LDX) return insn.src !== FP
  return (cls === op.BPF_ST || cls === op.BPF_STX) && insn.dst !== FP
}

function same(a: MInsn, b: MInsn): boolean {
  if (a.op !== b.op || a.dst !== b.dst || a.src !== b.src || a.off !== b.off || a.imm !== b.imm || a.high !== b.high) return false
  if (a.slot !== b.slot || a.args !== b.args || a.op === P_ASM) return false
  if (a.symbol?.target !== b.symbol?.target || a.symbol?.addend !== b.symbol?.addend) return false
  if (a.core?.kind !== b.core?.kind || a.core?.type !== b.core?.type || a.core?.access !== b.core?.access) return false
  const delicate = touchesMemory(a) || a.op === CALL || a.op === CALLX || isSkbLoad(a)
  return !delicate || (a.loc !== 0 && a.loc === b.loc)
}

const keyOf = (block: MBlock, insn: MInsn) =>
  `${block.next?.id ?? 'x'} ${insn.op} ${insn.dst} ${insn.src} ${insn.off} ${insn.imm} ${insn.slot?.id} ${insn.symbol?.target.name}`

export function mergeTails(func: MFunc): void {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const groups = new Map<string, MBlock[]>()
    for (const block of func.blocks) {
      const { last } = block
      if (!last || isBranch(last) || (!block.next && last.op !== EXIT)) continue
      const key = keyOf(block, last)
      const group = groups.get(key)
      if (group) group.push(block)
      else groups.set(key, [block])
    }
    let changed = false
    for (const group of groups.values()) if (group.length > 1 && mergeGroup(func, group)) changed = true
    if (!changed) return
  }
}

/** Gives those of a group that agree with the first for long enough one common end. */
function mergeGroup(func: MFunc, group: readonly MBlock[]): boolean {
  const [first, ...others] = group as [MBlock, ...MBlock[]]
  // A return costs as much as the jump to it: only a longer end is worth sharing.
  const least = first.next ? 1 : 2
  let shared = first.insns.length
  const members: MBlock[] = []
  for (const block of others) {
    const length = commonEnd(first, block, shared)
    if (length < least) continue
    // A member that agrees on much less than the others waits for another round.
    if (members.length > 0 && length < shared) continue
    shared = length
    members.push(block)
  }
  if (members.length === 0) return false
  const whole = [first, ...members].find(block => block.insns.length === shared && block !== func.blocks[0])
  const tail = whole ?? splitEnd(func, first, shared)
  for (const block of [first, ...members]) {
    if (block === tail || (block === first && !whole)) continue
    block.insns.splice(block.insns.length - shared)
    block.next = tail
  }
  tail.depth = Math.min(...[first, ...members].map(block => block.depth))
  return true
}

function commonEnd(a: MBlock, b: MBlock, most: number): number {
  let length = 0
  while (
    length < most &&
    length < b.insns.length &&
    same(a.insns[a.insns.length - 1 - length]!, b.insns[b.insns.length - 1 - length]!)
  )
    length++
  return length
}

function splitEnd(func: MFunc, block: MBlock, length: number): MBlock {
  const tail = func.block()
  tail.insns = block.insns.splice(block.insns.length - length)
  tail.next = block.next
  tail.depth = block.depth
  tail.cold = block.cold
  block.next = tail
  func.blocks.push(tail)
  return tail
}
