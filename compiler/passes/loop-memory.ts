/**
 * Copies and fills that are too long to be written out become loops over pieces, which `expand-memory` then writes out. A verifier walks
 * such a loop round by round (kernels from 5.3), so its cost is that of the bytes, but the code stays small.
 */
import { type Block, type Func, jump, type Value } from '../ir/ir.js'
import { raiseAlignment } from './alignment.js'
import { MAX_ACCESSES, pieceWidth } from './expand-memory.js'
import type { FunctionPass } from './pass.js'

/** Accesses in one round. */
const PIECES = 16
/** Rounds at most: with more a program is nearer to the limit of a million instructions than its author would guess. */
const MAX_ROUNDS = 16384

export const loopMemory: FunctionPass = {
  kind: 'function',
  name: 'loop-memory',
  run(func) {
    if (!func.blocks.some(block => block.insts.some(isLong))) return false
    raiseAlignment(func)
    let changed = false
    // A block with a loop in it is split: the list grows while it is walked, and the rest of the block comes up again.
    for (let i = 0; i < func.blocks.length; i++) {
      const block = func.blocks[i]!
      const at = block.insts.findIndex(inst => isLong(inst) && inst.size / (pieceWidth(inst) * PIECES) <= MAX_ROUNDS)
      if (at < 0) continue
      loopOver(func, block, at, i)
      changed = true
    }
    return changed
  },
}

/** A move of overlapping bytes has an order of its own and is left alone. */
const isLong = (inst: Value): boolean =>
  (inst.op === 'memcpy' || inst.op === 'memset') && inst.args.length === 2 && inst.size / pieceWidth(inst) > MAX_ACCESSES

function loopOver(func: Func, block: Block, at: number, index: number): void {
  const inst = block.insts[at]!
  const width = pieceWidth(inst)
  const step = width * PIECES
  const whole = inst.size - (inst.size % step)
  const { loc } = inst
  const part = (place: Value, size: number, out: Value[]): void => {
    const moved = inst.args.map((arg, i) => {
      if (i === 1 && inst.op === 'memset') return arg
      const pointer = func.value('ptradd', 'ptr', [arg, place], loc)
      out.push(pointer)
      return pointer
    })
    const piece = func.value(inst.op, 'void', moved, loc)
    piece.size = size
    piece.align = width
    piece.volatile = inst.volatile
    out.push(piece)
  }

  const after = func.block(block.name)
  if (whole < inst.size) part(func.const('i64', whole), inst.size - whole, after.insts)
  after.insts.push(...block.insts.slice(at + 1))
  after.terminator = block.terminator

  const body = func.block()
  const offset = func.value('blockparam', 'i64', [], loc)
  body.params = [offset]
  part(offset, step, body.insts)
  const next = func.value('add', 'i64', [offset, func.const('i64', step)], loc)
  const more = func.value('icmp', 'i1', [next, func.const('i64', whole)], loc)
  more.predicate = 'ne'
  body.insts.push(next, more)
  body.terminator = {
    kind: 'condbr',
    condition: more,
    then: { block: body, args: [next] },
    otherwise: { block: after, args: [] },
    loc,
    likely: true,
    first: undefined,
  }

  block.insts = block.insts.slice(0, at)
  block.terminator = jump({ block: body, args: [func.const('i64', 0)] }, loc)
  func.blocks.splice(index + 1, 0, body, after)
}
