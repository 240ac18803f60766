/**
 * Takes stack objects apart: an aggregate whose address never escapes becomes one object for each piece that is accessed, so that
 * mem2reg can make values of them. Copies and fills of the whole are split along the pieces. Objects whose address goes to a helper, a call, an
 * atomic or a comparison stay whole, as do those with accesses at unknown offsets.
 */
import { reversePostorder } from '../ir/cfg.js'
import { bitsOf, type Func, type IrType, successorAt, terminatorOperands, type Value } from '../ir/ir.js'
import type { FunctionPass } from './pass.js'

interface Slice {
  readonly inst: Value
  /** Which operand points into the object: 1 only for the source of a copy. */
  readonly operand: 0 | 1
  readonly start: number
  readonly end: number
}

interface Subject {
  readonly alloca: Value
  readonly slices: Slice[]
  readonly begins: Value[]
  escapes: boolean
}

interface Piece {
  readonly start: number
  end: number
  /** Bytes of the loads and stores if they agree; 0 when only copied. */
  width: number
  replacement: Value | undefined
}

/** Bytes of a stretch that is only ever copied, up to which it is cut into words that can become values. */
const COPIED_LIMIT = 64

export const sroa: FunctionPass = {
  kind: 'function',
  name: 'sroa',
  run(func) {
    let changed = false
    // A copy between two objects is split for one of them in a round; the other sees the result in the next.
    for (let round = 0; round < 8; round++) {
      if (!splitOnce(func)) break
      changed = true
    }
    return changed
  },
}

function splitOnce(func: Func): boolean {
  const subjects = new Map<Value, Subject>()
  for (const inst of func.entry.insts)
    if (inst.op === 'alloca') subjects.set(inst, { alloca: inst, slices: [], begins: [], escapes: false })
  if (subjects.size === 0) return false
  const derived = new Map<Value, { readonly subject: Subject; readonly offset: number }>()
  /** By value id: whether it is in `derived`, which next to nothing is. */
  const within = new Uint8Array(func.valueCount)
  const derive = (value: Value, subject: Subject, offset: number): void => {
    derived.set(value, { subject, offset })
    within[value.id] = 1
  }
  for (const subject of subjects.values()) derive(subject.alloca, subject, 0)

  const noteEscape = (value: Value): void => {
    if (within[value.id]) derived.get(value)!.subject.escapes = true
  }
  const noteEscapes = (values: readonly Value[]): void => {
    for (let i = 0; i < values.length; i++) noteEscape(values[i]!)
  }
  for (const block of reversePostorder(func)) {
    const { insts } = block
    for (let i = 0; i < insts.length; i++) {
      const inst = insts[i]!
      const pointer = inst.args[0]
      const base = pointer && within[pointer.id] ? derived.get(pointer) : undefined
      switch (inst.op) {
        case 'ptradd':
          if (!base) break
          if (inst.args[1]!.op === 'const')
            derive(inst, base.subject, base.offset + Number(BigInt.asIntN(64, inst.args[1]!.value)))
          else base.subject.escapes = true
          break
        case 'begin':
          base?.subject.begins.push(inst)
          break
        case 'load':
        case 'store': {
          if (inst.op === 'store') noteEscape(inst.args[1]!)
          if (!base) break
          if (inst.volatile) base.subject.escapes = true
          const start = base.offset + inst.offset
          const type = inst.op === 'load' ? inst.type : inst.args[1]!.type
          base.subject.slices.push({ inst, operand: 0, start, end: start + bitsOf(type) / 8 })
          break
        }
        case 'memset':
          if (inst.args.length > 2) noteEscapes(inst.args)
          else if (base) base.subject.slices.push({ inst, operand: 0, start: base.offset, end: base.offset + inst.size })
          break
        case 'memcpy':
        case 'memmove': {
          if (inst.args.length > 2) {
            noteEscapes(inst.args)
            break
          }
          const source = derived.get(inst.args[1]!)
          if (base && source && base.subject === source.subject) base.subject.escapes = true
          if (base) base.subject.slices.push({ inst, operand: 0, start: base.offset, end: base.offset + inst.size })
          if (source) source.subject.slices.push({ inst, operand: 1, start: source.offset, end: source.offset + inst.size })
          break
        }
        default:
          noteEscapes(inst.args)
      }
    }
    noteEscapes(terminatorOperands(block.terminator))
    for (let k = 0, edge = successorAt(block, 0); edge; edge = successorAt(block, ++k)) noteEscapes(edge.args)
  }

  // Objects with the most typed accesses decide where copies are cut.
  const order = [...subjects.values()]
    .filter(subject => !subject.escapes && subject.slices.length > 0)
    .map(subject => ({
      subject,
      typed: subject.slices.filter(slice => slice.inst.op === 'load' || slice.inst.op === 'store').length,
    }))
    .sort((a, b) => b.typed - a.typed)
  const touched = new Set<Value>()
  const taken = new Set<Subject>()
  const expansions = new Map<Value, Value[]>()
  let changed = false
  for (const { subject } of order) {
    if (subject.slices.some(slice => touched.has(slice.inst))) continue
    const pieces = piecesOf(subject)
    if (!pieces) continue
    split(func, subject, pieces, expansions)
    for (const slice of subject.slices) touched.add(slice.inst)
    taken.add(subject)
    changed = true
  }
  if (!changed) return false
  // Addresses into the whole have no uses any more.
  for (const [value, { subject }] of derived) if (value.op === 'ptradd' && taken.has(subject)) expansions.set(value, [])
  for (const block of func.blocks) {
    if (!block.insts.some(inst => expansions.has(inst))) continue
    block.insts = block.insts.flatMap(inst => expansions.get(inst) ?? [inst])
  }
  return true
}

/** How to cut the object; undefined where there is nothing to gain. */
function piecesOf(subject: Subject): Piece[] | undefined {
  const { alloca, slices } = subject
  if (slices.some(slice => slice.start < 0 || slice.end > alloca.size || slice.start >= slice.end)) return undefined
  const typed = slices
    .filter(slice => slice.inst.op === 'load' || slice.inst.op === 'store')
    .sort((a, b) => a.start - b.start || b.end - a.end)
  const pieces: Piece[] = []
  for (const slice of typed) {
    const last = pieces[pieces.length - 1]
    const width = slice.end - slice.start
    if (last && slice.start < last.end) {
      if (slice.start !== last.start || width !== last.width) last.width = 0
      last.end = Math.max(last.end, slice.end)
    } else pieces.push({ start: slice.start, end: slice.end, width, replacement: undefined })
  }
  const copied = slices.filter(slice => slice.inst.op !== 'load' && slice.inst.op !== 'store')
  if (copied.length === 0)
    return pieces.length === 1 && pieces[0]!.start === 0 && pieces[0]!.end === alloca.size ? undefined : pieces
  // Stretches between the pieces that copies and fills reach.
  const all: Piece[] = []
  let at = 0
  const fill = (end: number): void => {
    const start = Math.max(at, Math.min(...copied.map(slice => slice.start)))
    const stop = Math.min(end, Math.max(...copied.map(slice => slice.end)))
    if (start >= stop) return
    if (stop - start > COPIED_LIMIT) {
      all.push({ start, end: stop, width: 0, replacement: undefined })
      return
    }
    for (let from = start; from < stop; ) {
      let width = 8
      while (from % width !== 0 || from + width > stop) width >>= 1
      all.push({ start: from, end: from + width, width, replacement: undefined })
      from += width
    }
  }
  for (const piece of pieces) {
    fill(piece.start)
    all.push(piece)
    at = piece.end
  }
  fill(alloca.size)
  // Copies that end inside a piece would need it cut again.
  for (const piece of all) {
    for (const slice of copied) {
      const overlaps = slice.start < piece.end && slice.end > piece.start
      if (overlaps && (slice.start > piece.start || slice.end < piece.end)) return undefined
    }
  }
  if (all.length > 128) return undefined
  if (all.length === 1 && all[0]!.width === 0 && all[0]!.start === 0 && all[0]!.end === alloca.size) return undefined
  if (!all.some(piece => piece.width > 0)) return undefined
  return all
}

const integerOf = (bytes: number): IrType => (bytes === 8 ? 'i64' : bytes === 4 ? 'i32' : bytes === 2 ? 'i16' : 'i8')

function split(func: Func, subject: Subject, pieces: readonly Piece[], expansions: Map<Value, Value[]>): void {
  const { alloca } = subject
  for (const piece of pieces) {
    const made = func.value('alloca', 'ptr', [], alloca.loc)
    made.size = piece.end - piece.start
    // An object of its own may be aligned as well as its size allows.
    made.align = Math.max(piece.width, largestDivisor(alloca.align || 1, piece.start))
    made.name = alloca.name
    piece.replacement = made
  }
  expansions.set(
    alloca,
    pieces.map(piece => piece.replacement!),
  )
  for (const begin of subject.begins)
    expansions.set(
      begin,
      pieces.map(piece => func.value('begin', 'void', [piece.replacement!], begin.loc)),
    )
  for (const slice of subject.slices) {
    const { inst } = slice
    const pieceAt = pieces.filter(piece => piece.start < slice.end && piece.end > slice.start)
    if (inst.op === 'load' || inst.op === 'store') {
      const piece = pieceAt[0]!
      inst.args[0] = piece.replacement!
      inst.offset = slice.start - piece.start
      if (piece.width > 0) inst.align = Math.max(inst.align, piece.width)
      continue
    }
    const made: Value[] = []
    for (const piece of pieceAt) splitCopy(func, inst, slice, piece, made)
    expansions.set(inst, made)
  }
}

/** The part of a copy or fill that falls on one piece. */
function splitCopy(func: Func, inst: Value, slice: Slice, piece: Piece, made: Value[]): void {
  const size = piece.end - piece.start
  const within = piece.start - slice.start
  const mine = piece.replacement!
  if (inst.op === 'memset') {
    const fill = inst.args[1]!
    const type = integerOf(piece.width)
    if (piece.width > 0 && fill.op === 'const') {
      const value = func.const(type, BigInt.asUintN(piece.width * 8, 0x0101010101010101n * fill.value))
      const store = func.value('store', 'void', [mine, value], inst.loc)
      store.align = piece.width
      made.push(store)
    } else {
      const part = func.value('memset', 'void', [mine, fill], inst.loc)
      part.size = size
      part.align = mine.align
      made.push(part)
    }
    return
  }
  const other = inst.args[slice.operand === 0 ? 1 : 0]!
  const align = largestDivisor(inst.align || 1, within)
  if (piece.width > 0) {
    const [from, fromOffset, fromAlign] = slice.operand === 0 ? [other, within, align] : [mine, 0, piece.width]
    const [to, toOffset, toAlign] = slice.operand === 0 ? [mine, 0, piece.width] : [other, within, align]
    const load = func.value('load', integerOf(piece.width), [from], inst.loc)
    load.offset = fromOffset
    load.align = fromAlign
    const store = func.value('store', 'void', [to, load], inst.loc)
    store.offset = toOffset
    store.align = toAlign
    made.push(load, store)
    return
  }
  let there = other
  if (within !== 0) {
    there = func.value('ptradd', 'ptr', [other, func.const('i64', within)], inst.loc)
    made.push(there)
  }
  const part = func.value('memcpy', 'void', slice.operand === 0 ? [mine, there] : [there, mine], inst.loc)
  part.size = size
  part.align = align
  made.push(part)
}

/** The largest power of two up to `align` that divides `offset`. */
function largestDivisor(align: number, offset: number): number {
  let result = align
  while (offset % result !== 0) result >>= 1
  return result
}
