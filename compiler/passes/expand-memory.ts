/**
 * Copies, fills and comparisons of a constant size become loads and stores, as wide as both sides' alignment allows. Stack objects of a word
 * or more are put on word boundaries first, which costs nothing in a frame of words. Copies from constants store the constants.
 */
import { type Block, type Func, type Global, type IrType, jump, type Value } from '../ir/ir.js'
import { alignmentAt, placeOf, raiseAlignment } from './alignment.js'
import type { FunctionPass } from './pass.js'

/** Accesses a single copy or fill is written out as; longer ones are loops by now (loop-memory), or refused. */
export const MAX_ACCESSES = 256

export const expandMemory: FunctionPass = {
  kind: 'function',
  name: 'expand-memory',
  run(func, _module, options, sink) {
    if (!func.blocks.some(block => block.insts.some(inst => inst.op.startsWith('mem') || inst.op.startsWith('str')))) return false
    raiseAlignment(func)
    const uses = equalityOnly(func)
    // Comparisons split blocks: the list grows while it is walked.
    for (let i = 0; i < func.blocks.length; i++) {
      const block = func.blocks[i]!
      const out: Value[] = []
      for (let at = 0; at < block.insts.length; at++) {
        const inst = block.insts[at]!
        if (inst.op === 'strlen' || inst.op === 'strcmp') {
          sink.error(
            'B0403',
            { start: inst.loc, end: inst.loc + 1 },
            `__builtin_${inst.args.length > 2 ? 'strncmp' : inst.op} of what is not known at compile time has no function to call in eBPF`,
            { hint: 'use bpf_strncmp, or a bounded loop' },
          )
          out.push(inst)
          continue
        }
        if (inst.op.startsWith('mem') && inst.args.length > 2) {
          sink.error('B0402', { start: inst.loc, end: inst.loc + 1 }, `${inst.op} of a size that is not known at compile time`, {
            hint: 'give a constant size, copy in a bounded loop, or use bpf_probe_read_kernel',
          })
          if (inst.op === 'memcmp') out.push(inst)
          continue
        }
        const steps = inst.size / pieceWidth(inst)
        if (inst.op.startsWith('mem') && steps > MAX_ACCESSES) {
          sink.error(
            'B0401',
            { start: inst.loc, end: inst.loc + 1 },
            `${inst.op} of ${inst.size} bytes is too long to be written out`,
            {
              hint: 'copy in a bounded loop, or keep the data in a map value',
            },
          )
          continue
        }
        if (inst.op === 'memcpy' || inst.op === 'memmove') expandCopy(func, inst, options.target.little, out)
        else if (inst.op === 'memset') expandFill(func, inst, out)
        else if (inst.op === 'memcmp') {
          if (uses.has(inst)) compareEqual(func, inst, out)
          else {
            const rest = block.insts.slice(at + 1)
            block.insts = out
            compareOrdered(func, block, inst, rest, i)
            break
          }
        } else out.push(inst)
      }
      if (block.insts !== out) block.insts = out
    }
    return true
  },
}

const integerOf = (bytes: number): IrType => (bytes === 8 ? 'i64' : bytes === 4 ? 'i32' : bytes === 2 ? 'i16' : 'i8')

/** Bytes of one access. */
export function pieceWidth(inst: Value): number {
  if (!inst.op.startsWith('mem')) return 1
  const to = alignmentAt(inst.args[0]!, 0, inst.align)
  return inst.op === 'memset' ? to : Math.min(to, alignmentAt(inst.args[1]!, 0, inst.align))
}

/** Cuts `size` bytes into pieces, none wider than `width` or than its offset allows. */
function pieces(size: number, width: number): { offset: number; width: number }[] {
  const list: { offset: number; width: number }[] = []
  for (let offset = 0; offset < size; ) {
    let piece = width
    while (offset + piece > size) piece >>= 1
    list.push({ offset, width: piece })
    offset += piece
  }
  return list
}

function makeLoad(func: Func, from: Value, offset: number, width: number, at: Value): Value {
  const load = func.value('load', integerOf(width), [from], at.loc)
  load.offset = offset
  load.align = width
  return load
}

function makeStore(func: Func, to: Value, stored: Value, offset: number, width: number, at: Value): Value {
  const store = func.value('store', 'void', [to, stored], at.loc)
  store.offset = offset
  store.align = width
  return store
}

/** Bytes of a constant object from a place in it, zeros beyond its end as clang has them; undefined when they are not known at compile time. */
export function constantBytes(pointer: Value, offset: number, size: number): Uint8Array | undefined {
  const { base, offset: start } = placeOf(pointer, offset)
  if (base.op !== 'global') return undefined
  const global: Global = base.global!
  if (!global.readonly || global.isExtern || global.binding === 'weak' || start < 0) return undefined
  if (global.relocs.some(reloc => reloc.offset < start + size && reloc.offset + 8 > start)) return undefined
  const bytes = new Uint8Array(size)
  if (global.bytes) bytes.set(global.bytes.subarray(Math.min(start, global.bytes.length), start + size))
  return bytes
}

/** The bytes of a constant string up to its end; undefined when it is not known or has no end. */
export function constantString(pointer: Value): Uint8Array | undefined {
  const { base, offset } = placeOf(pointer, 0)
  if (base.op !== 'global' || offset > base.global!.size) return undefined
  const bytes = constantBytes(pointer, 0, base.global!.size - offset)
  const end = bytes ? bytes.indexOf(0) : -1
  return end < 0 ? undefined : bytes!.subarray(0, end)
}

export function integerFrom(bytes: Uint8Array, offset: number, width: number, little: boolean): bigint {
  let value = 0n
  for (let i = 0; i < width; i++) value = (value << 8n) | BigInt(bytes[little ? offset + width - 1 - i : offset + i]!)
  return value
}

function expandCopy(func: Func, inst: Value, little: boolean, out: Value[]): void {
  const [to, from] = inst.args as [Value, Value]
  const known = inst.volatile ? undefined : constantBytes(from, 0, inst.size)
  if (known) {
    for (const { offset, width } of pieces(inst.size, alignmentAt(to, 0, inst.align))) {
      const value = func.const(integerOf(width), integerFrom(known, offset, width, little))
      out.push(makeStore(func, to, value, offset, width, inst))
    }
    return
  }
  const list = pieces(inst.size, pieceWidth(inst))
  if (inst.op === 'memcpy') {
    for (const { offset, width } of list) {
      const load = makeLoad(func, from, offset, width, inst)
      out.push(load, makeStore(func, to, load, offset, width, inst))
    }
    return
  }
  // The areas may overlap: everything is read before anything is written.
  const loads = list.map(({ offset, width }) => makeLoad(func, from, offset, width, inst))
  for (const load of loads) out.push(load)
  list.forEach(({ offset, width }, i) => {
    out.push(makeStore(func, to, loads[i]!, offset, width, inst))
  })
}

function expandFill(func: Func, inst: Value, out: Value[]): void {
  const [to, fill] = inst.args as [Value, Value]
  const list = pieces(inst.size, pieceWidth(inst))
  let wide: Value | undefined
  if (fill.op !== 'const' && list.some(piece => piece.width > 1)) {
    const extended = func.value('zext', 'i64', [fill], inst.loc)
    wide = func.value('mul', 'i64', [extended, func.const('i64', 0x0101010101010101n)], inst.loc)
    out.push(extended, wide)
  }
  for (const { offset, width } of list) {
    const type = integerOf(width)
    let value: Value
    if (fill.op === 'const') value = func.const(type, fill.value * 0x0101010101010101n)
    else if (width === 1) value = fill
    else if (width === 8) value = wide!
    else {
      value = func.value('trunc', type, [wide!], inst.loc)
      out.push(value)
    }
    out.push(makeStore(func, to, value, offset, width, inst))
  }
}

/** Comparisons of memory of which only "equal or not" is asked. */
function equalityOnly(func: Func): Set<Value> {
  const found = new Set<Value>()
  for (const block of func.blocks) for (const inst of block.insts) if (inst.op === 'memcmp') found.add(inst)
  if (found.size === 0) return found
  const spoil = (value: Value): void => {
    found.delete(value)
  }
  for (const block of func.blocks) {
    for (const inst of block.insts) {
      const equality = inst.op === 'icmp' && (inst.predicate === 'eq' || inst.predicate === 'ne')
      if (equality && inst.args[1]!.op === 'const' && inst.args[1]!.value === 0n) continue
      inst.args.forEach(spoil)
    }
    const terminator = block.terminator
    if (terminator.kind === 'ret' && terminator.value) spoil(terminator.value)
    else if (terminator.kind === 'switch') spoil(terminator.value)
    else if (terminator.kind === 'br') terminator.to.args.forEach(spoil)
    else if (terminator.kind === 'asmgoto') terminator.args.forEach(spoil)
    if (terminator.kind === 'condbr') {
      terminator.then.args.forEach(spoil)
      terminator.otherwise.args.forEach(spoil)
    } else if (terminator.kind === 'switch') {
      for (const entry of terminator.cases) entry.to.args.forEach(spoil)
      terminator.otherwise.args.forEach(spoil)
    }
  }
  return found
}

/** All differences or'ed together: zero exactly when equal. The instruction itself becomes the widened answer. */
function compareEqual(func: Func, inst: Value, out: Value[]): void {
  const [a, b] = inst.args as [Value, Value]
  let sum: Value | undefined
  const make = (op: Value['op'], type: IrType, args: Value[]): Value => {
    const value = func.value(op, type, args, inst.loc)
    out.push(value)
    return value
  }
  for (const { offset, width } of pieces(inst.size, pieceWidth(inst))) {
    const left = makeLoad(func, a, offset, width, inst)
    const right = makeLoad(func, b, offset, width, inst)
    out.push(left, right)
    let difference = make('xor', left.type, [left, right])
    if (width < 8) difference = make('zext', 'i64', [difference])
    sum = sum ? make('or', 'i64', [sum, difference]) : difference
  }
  const unequal = make('icmp', 'i1', [sum ?? func.const('i64', 0), func.const('i64', 0)])
  unequal.predicate = 'ne'
  inst.op = 'zext'
  inst.args = [unequal]
  inst.size = 0
  out.push(inst)
}

/** Byte by byte, leaving at the first difference. The instruction becomes the parameter of the block where the paths meet. */
function compareOrdered(func: Func, block: Block, inst: Value, rest: Value[], index: number): void {
  const [a, b] = inst.args as [Value, Value]
  const size = inst.size
  const after = func.block(block.name)
  after.insts = rest
  after.terminator = block.terminator
  after.params = [inst]
  inst.op = 'blockparam'
  inst.args = []
  inst.size = 0
  const made: Block[] = []
  let current = block
  for (let offset = 0; offset < size; offset++) {
    const left = makeLoad(func, a, offset, 1, inst)
    const right = makeLoad(func, b, offset, 1, inst)
    const wideLeft = func.value('zext', 'i32', [left], inst.loc)
    const wideRight = func.value('zext', 'i32', [right], inst.loc)
    const difference = func.value('sub', 'i32', [wideLeft, wideRight], inst.loc)
    current.insts.push(left, right, wideLeft, wideRight, difference)
    if (offset === size - 1) {
      current.terminator = jump({ block: after, args: [difference] }, inst.loc)
      break
    }
    const differs = func.value('icmp', 'i1', [difference, func.const('i32', 0)], inst.loc)
    differs.predicate = 'ne'
    current.insts.push(differs)
    const next = func.block()
    current.terminator = {
      kind: 'condbr',
      condition: differs,
      then: { block: after, args: [difference] },
      otherwise: { block: next, args: [] },
      loc: inst.loc,
      likely: undefined,
      first: undefined,
    }
    made.push(next)
    current = next
  }
  if (size === 0) block.terminator = jump({ block: after, args: [func.const('i32', 0)] }, inst.loc)
  func.blocks.splice(index + 1, 0, ...made, after)
}
