/**
 * Live intervals: where each register holds something that will be read. Instructions are numbered in block order, four positions each:
 *
 *   4i    before it, where reloads go       4i+1  it reads
 *   4i+2  it writes                         4i+3  after it, where spill stores go
 *
 * An interval is a sorted list of half-open segments with holes between. Found by walking back from each read to the writes
 * that reach it, so the work is in proportion to the intervals themselves.
 */
import {
  access,
  isCall,
  type MBlock,
  type MFunc,
  type MInsn,
  machineReads,
  machineWrites,
  NONE,
  P_ASM,
  R0,
  READS_DST,
  READS_SRC,
  readsOf,
  successorBlocks,
  VIRTUAL,
  WRITES_DST,
  WRITES_SRC,
  writesOf,
} from './machine.js'

export const BEFORE = 0
export const READ = 1
export const WRITE = 2
export const AFTER = 3

/** A reference: instruction number times four, plus READS and WRITES. */
export type Ref = number
export const READS = 1
export const WRITES = 2

export interface Numbering {
  readonly code: readonly MInsn[]
  readonly blocks: readonly MBlock[]
  /** First instruction of a block, by its position; one more entry for the end. */
  readonly starts: Int32Array
  /** Position of an instruction's block. */
  readonly blockOf: Int32Array
  /** By position. */
  readonly predecessors: readonly (readonly number[])[]
}

export function number(func: MFunc): Numbering {
  const blocks = func.blocks
  const starts = new Int32Array(blocks.length + 1)
  blocks.forEach((block, index) => {
    block.index = index
    starts[index + 1] = starts[index]! + block.insns.length
  })
  const code: MInsn[] = []
  const blockOf = new Int32Array(starts[blocks.length]!)
  const predecessors: number[][] = blocks.map(() => [])
  blocks.forEach((block, index) => {
    blockOf.fill(index, starts[index], starts[index + 1])
    for (const insn of block.insns) code.push(insn)
    for (const target of successorBlocks(block)) predecessors[target.index]!.push(index)
  })
  return { code, blocks, starts, blockOf, predecessors }
}

/** References of every virtual register, in order. */
export function collectRefs(numbering: Numbering, registerCount: number): Ref[][] {
  const refs: Ref[][] = Array.from({ length: registerCount }, () => [])
  const add = (register: number, i: number, flag: number) => {
    if (register < VIRTUAL) return
    const list = refs[register]!
    const last = list.length - 1
    if (last >= 0 && list[last]! >> 2 === i) list[last]! |= flag
    else list.push(i * 4 + flag)
  }
  const { code } = numbering
  for (let i = 0; i < code.length; i++) {
    const insn = code[i]!
    if (insn.asm) {
      for (const register of readsOf(insn)) add(register, i, READS)
      for (const register of writesOf(insn)) add(register, i, WRITES)
      continue
    }
    // What else an instruction reads and writes are the machine's own registers.
    const mask = access(insn)
    if (mask & READS_DST) add(insn.dst, i, READS)
    if (mask & READS_SRC) add(insn.src, i, READS)
    if (mask & WRITES_DST) add(insn.dst, i, WRITES)
    if (mask & WRITES_SRC) add(insn.src, i, WRITES)
  }
  return refs
}

/** Pairs of start and end, sorted, not touching. */
export type Segments = number[]

/** Where an instruction's result comes to be: earlier than other results for early clobbers of an asm. */
export function writePosition(insn: MInsn, register: number, index: number): number {
  const asm = insn.asm
  if (asm) {
    const output = asm.outputs.indexOf(register)
    if (output >= 0 && asm.info.outputs[output]!.earlyClobber) return index * 4 + READ
  }
  return index * 4 + WRITE
}

/** Segments of every register, from its references. */
export function liveSegments(numbering: Numbering, refs: readonly (readonly Ref[])[]): Segments[] {
  const { blocks, predecessors } = numbering
  const liveIn = new Int32Array(blocks.length).fill(NONE)
  const liveOut = new Int32Array(blocks.length).fill(NONE)
  const touched = new Int32Array(blocks.length).fill(NONE)
  const writes = new Int32Array(blocks.length).fill(NONE)
  return refs.map((list, register) => {
    if (list.length === 0) return []
    const involved: number[] = []
    const touch = (block: number) => {
      if (touched[block] === register) return
      touched[block] = register
      involved.push(block)
    }
    const work: number[] = []
    let at = -1
    for (const ref of list) {
      const block = numbering.blockOf[ref >> 2]!
      if (block !== at) {
        at = block
        touch(block)
        if (ref & READS) {
          liveIn[block] = register
          work.push(block)
        }
      }
      if (ref & WRITES) writes[block] = register
    }
    while (work.length > 0) {
      const block = work.pop()!
      for (const from of predecessors[block]!) {
        liveOut[from] = register
        touch(from)
        if (writes[from] === register || liveIn[from] === register) continue
        liveIn[from] = register
        work.push(from)
      }
    }
    involved.sort((a, b) => a - b)
    return segmentsOf(numbering, register, list, involved, liveIn, liveOut)
  })
}

function segmentsOf(
  numbering: Numbering,
  register: number,
  refs: readonly Ref[],
  involved: readonly number[],
  liveIn: Int32Array,
  liveOut: Int32Array,
): Segments {
  const segments: Segments = []
  const add = (start: number, end: number) => {
    if (start >= end) return
    const last = segments.length - 1
    if (last > 0 && segments[last]! >= start) segments[last] = Math.max(segments[last]!, end)
    else segments.push(start, end)
  }
  let r = 0
  for (const block of involved) {
    const first = numbering.starts[block]!
    const end = numbering.starts[block + 1]!
    let start = liveIn[block] === register ? first * 4 : NONE
    let last = start
    for (; r < refs.length && refs[r]! >> 2 < end; r++) {
      const ref = refs[r]!
      const index = ref >> 2
      if (ref & READS) last = index * 4 + WRITE
      if (ref & WRITES) {
        if (!(ref & READS)) {
          if (start !== NONE) add(start, last)
          start = writePosition(numbering.code[index]!, register, index)
        }
        last = index * 4 + AFTER
      }
    }
    if (liveOut[block] === register) last = end * 4
    if (start !== NONE) add(start, last)
  }
  return segments
}

/** Whether two intervals have a position in common. */
export function overlap(a: Segments, b: Segments): boolean {
  if (a.length > b.length) return overlap(b, a)
  // Few against many: look each up.
  if (a.length * 16 < b.length) {
    for (let i = 0; i < a.length; i += 2) {
      const at = firstEndingAfter(b, a[i]!)
      if (at < b.length && b[at]! < a[i + 1]!) return true
    }
    return false
  }
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i + 1]! <= b[j]!) i += 2
    else if (b[j + 1]! <= a[i]!) j += 2
    else return true
  }
  return false
}

/** Index of the first segment that ends after a position. */
export function firstEndingAfter(segments: Segments, position: number): number {
  let low = 0
  let high = segments.length >> 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (segments[middle * 2 + 1]! > position) high = middle
    else low = middle + 1
  }
  return low * 2
}

export function covers(segments: Segments, position: number): boolean {
  const at = firstEndingAfter(segments, position)
  return at < segments.length && segments[at]! <= position
}

/** Both together; they must not overlap. */
export function union(a: Segments, b: Segments): Segments {
  const [few, many] = a.length < b.length ? [a, b] : [b, a]
  if (few.length <= 8) {
    const out = many
    for (let i = 0; i < few.length; i += 2) insert(out, few[i]!, few[i + 1]!)
    return out
  }
  const out: Segments = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const takeA = j >= b.length || (i < a.length && a[i]! < b[j]!)
    const start = takeA ? a[i]! : b[j]!
    const end = takeA ? a[i + 1]! : b[j + 1]!
    if (takeA) i += 2
    else j += 2
    const last = out.length - 1
    if (last > 0 && out[last] === start) out[last] = end
    else out.push(start, end)
  }
  return out
}

function insert(segments: Segments, start: number, end: number): void {
  const at = firstEndingAfter(segments, start)
  const joinsBefore = at > 0 && segments[at - 1] === start
  const joinsAfter = at < segments.length && segments[at] === end
  if (joinsBefore && joinsAfter) segments.splice(at - 1, 2)
  else if (joinsBefore) segments[at - 1] = end
  else if (joinsAfter) segments[at] = start
  else segments.splice(at, 0, start, end)
}

export function lengthOf(segments: Segments): number {
  let sum = 0
  for (let i = 0; i < segments.length; i += 2) sum += segments[i + 1]! - segments[i]!
  return sum
}

/**
 * Where the machine's own registers are taken: by values that instructions want in them, and by what calls destroy. Calls back
 * with register, start and end.
 */
export function fixedSegments(numbering: Numbering, each: (register: number, start: number, end: number) => void): void {
  const { code, starts, blocks } = numbering
  // Per register: the position until which it is needed, going backwards; NONE while it is not.
  const needed = new Int32Array(VIRTUAL)
  for (let b = 0; b < blocks.length; b++) {
    needed.fill(NONE)
    const first = starts[b]!
    for (let i = starts[b + 1]! - 1; i >= first; i--) {
      const insn = code[i]!
      const writes = machineWrites(insn)
      for (let register = 0; writes >> register; register++) {
        if (!(writes & (1 << register))) continue
        const end = needed[register]!
        each(register, i * 4 + WRITE, end === NONE ? i * 4 + AFTER : end)
        needed[register] = NONE
      }
      if (isCall(insn)) for (let register = R0; register <= 5; register++) each(register, i * 4 + WRITE, i * 4 + AFTER)
      if (insn.op === P_ASM) for (const register of insn.asm!.info.clobbers) each(register, i * 4 + READ, i * 4 + AFTER)
      const reads = machineReads(insn)
      for (let register = 0; reads >> register; register++)
        if (reads & (1 << register) && needed[register] === NONE) needed[register] = i * 4 + WRITE
    }
    // Only parameters live into a block, the first.
    for (let register = 0; register < VIRTUAL; register++)
      if (needed[register] !== NONE) each(register, first * 4, needed[register]!)
  }
}
