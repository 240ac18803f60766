/** What is known about addresses from how they are made: their object and byte offset, and with that their alignment. */
import type { Func, Value } from '../ir/ir.js'

export interface Place {
  /** An alloca, a global leaf, or any value that is not an addition of a constant. */
  readonly base: Value
  readonly offset: number
}

/** Follows additions of constants. */
export function placeOf(pointer: Value, offset = 0): Place {
  let base = pointer
  let sum = offset
  while (base.op === 'ptradd' && base.args[1]!.op === 'const') {
    sum += Number(BigInt.asIntN(64, base.args[1]!.value))
    base = base.args[0]!
  }
  return base.op === 'global' ? { base, offset: sum + base.offset } : { base, offset: sum }
}

/** Bytes, a power of two up to 8: what `pointer + offset` is surely aligned to; at least `claimed`, which the program's types promise. */
export function alignmentAt(pointer: Value, offset: number, claimed: number): number {
  const { base, offset: sum } = placeOf(pointer, offset)
  let align = 1
  if (base.op === 'alloca') align = lowestPower(base.align || 1, sum)
  else if (base.op === 'global' && !base.global!.isExtern) align = lowestPower(base.global!.align || 1, sum)
  return Math.min(8, Math.max(align, claimed, 1))
}

/** The largest power of two that divides both. */
export function lowestPower(align: number, offset: number): number {
  let result = align
  while (offset % result !== 0) result >>= 1
  return result
}

/** Puts stack objects of a word or more on word boundaries, which costs nothing in a frame of words. Returns whether one was moved. */
export function raiseAlignment(func: Func): boolean {
  let changed = false
  for (const inst of func.entry.insts) {
    if (inst.op !== 'alloca') continue
    for (const word of [8, 4, 2]) {
      if (inst.size < word || inst.align >= word) continue
      inst.align = word
      changed = true
    }
  }
  return changed
}
