/**
 * Stores that nothing reads before they are overwritten, or before the object is gone. Within a block by bytes: a fill loses the parts that
 * later stores write anyway (`struct key k = {}` and then its members). Objects of the function whose address stays in it are also dead at
 * the function's end.
 */
import { bitsOf, type Func, type Value } from '../ir/ir.js'
import { type Access, AliasInfo, accessAt, accessOf } from './memory.js'
import type { FunctionPass } from './pass.js'

/** Stack objects up to this size are followed byte by byte. */
const MAX_OBJECT = 512

export const deadStores: FunctionPass = {
  kind: 'function',
  name: 'dead-stores',
  run(func) {
    if (!func.entry.insts.some(inst => inst.op === 'alloca')) return false
    const alias = new AliasInfo(func)
    let changed = false
    for (const block of func.blocks) {
      /** By object, the bytes that will be written again before anything reads them. */
      const dead = new Map<Value, Uint8Array>()
      if (block.terminator.kind === 'ret') for (const inst of func.entry.insts) if (inst.op === 'alloca') markAll(dead, inst)
      const kept: Value[] = []
      for (let i = block.insts.length - 1; i >= 0; i--) {
        const inst = block.insts[i]!
        const result = visit(func, inst, dead, alias)
        if (result === undefined) kept.push(inst)
        else {
          changed = true
          for (let j = result.length - 1; j >= 0; j--) kept.push(result[j]!)
        }
      }
      if (kept.length !== block.insts.length || changed) block.insts = kept.reverse()
    }
    return changed
  },
}

function markAll(dead: Map<Value, Uint8Array>, alloca: Value): void {
  if (alloca.size <= MAX_OBJECT) dead.set(alloca, new Uint8Array(alloca.size).fill(1))
}

/** What the instruction becomes; undefined where it stays. Updates `dead` for what stands before it. */
function visit(func: Func, inst: Value, dead: Map<Value, Uint8Array>, alias: AliasInfo): Value[] | undefined {
  switch (inst.op) {
    case 'store': {
      const access = accessOf(inst)
      const bytes = bytesOf(dead, access)
      if (inst.volatile || !bytes || access.offset === undefined) return undefined
      const end = access.offset + bitsOf(inst.args[1]!.type) / 8
      if (everyDead(bytes, access.offset, end)) return []
      bytes.fill(1, access.offset, end)
      return undefined
    }
    case 'memset': {
      if (inst.args.length > 2) {
        read(dead, accessAt(inst.args[0]!, 0, undefined), alias)
        return undefined
      }
      const access = accessAt(inst.args[0]!, 0, inst.size)
      const bytes = bytesOf(dead, access)
      if (inst.volatile || !bytes || access.offset === undefined) return undefined
      const left = shrink(func, inst, bytes, access.offset)
      bytes.fill(1, access.offset, access.offset + inst.size)
      return left
    }
    case 'memcpy':
    case 'memmove': {
      const sized = inst.args.length === 2
      const to = accessAt(inst.args[0]!, 0, sized ? inst.size : undefined)
      const bytes = sized ? bytesOf(dead, to) : undefined
      if (bytes && to.offset !== undefined && !inst.volatile) {
        if (everyDead(bytes, to.offset, to.offset + inst.size)) return []
        bytes.fill(1, to.offset, to.offset + inst.size)
      }
      read(dead, accessAt(inst.args[1]!, 0, sized ? inst.size : undefined), alias)
      return undefined
    }
    case 'load':
      read(dead, accessOf(inst), alias)
      return undefined
    case 'begin':
      markAll(dead, inst.args[0]!)
      return undefined
    case 'strlen':
    case 'strcmp':
      for (const arg of inst.args.slice(0, 2)) read(dead, accessAt(arg, 0, undefined), alias)
      return undefined
    case 'memcmp':
      for (const arg of inst.args.slice(0, 2)) read(dead, accessAt(arg, 0, inst.args.length > 2 ? undefined : inst.size), alias)
      return undefined
    case 'call':
    case 'callhelper':
    case 'callindirect':
    case 'atomicrmw':
    case 'cmpxchg':
    case 'fence':
    case 'loadskb':
    case 'asm':
      for (const object of [...dead.keys()]) if (!alias.isPrivate(object)) dead.delete(object)
      if (inst.op !== 'call' && inst.op !== 'callhelper' && inst.op !== 'callindirect')
        for (const arg of inst.args) if (arg.type === 'ptr') dead.delete(accessAt(arg, 0, undefined).base)
      return undefined
    default:
      return undefined
  }
}

function bytesOf(dead: Map<Value, Uint8Array>, access: Access): Uint8Array | undefined {
  const { base, offset, size } = access
  if (base.op !== 'alloca' || base.size > MAX_OBJECT || offset === undefined || size === undefined) return undefined
  if (offset < 0 || offset + size > base.size) return undefined
  let bytes = dead.get(base)
  if (!bytes) dead.set(base, (bytes = new Uint8Array(base.size)))
  return bytes
}

function everyDead(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (!bytes[i]) return false
  return true
}

/** What a read may see must have been written. */
function read(dead: Map<Value, Uint8Array>, access: Access, alias: AliasInfo): void {
  for (const [object, bytes] of dead) {
    if (object === access.base && access.offset !== undefined && access.size !== undefined) {
      bytes.fill(0, Math.max(0, access.offset), Math.max(0, access.offset + access.size))
    } else if (alias.mayOverlap({ base: object, offset: undefined, size: undefined }, access)) dead.delete(object)
  }
}

/**
 * The parts of a fill that are still wanted: undefined where that is all of it. Counted in the object's words of eight bytes: one store
 * clears a whole word, however little of it is wanted.
 */
function shrink(func: Func, inst: Value, bytes: Uint8Array, start: number): Value[] | undefined {
  const size = inst.size
  const words: { from: number; to: number }[] = []
  let left = 0
  for (let at = 0; at < size; ) {
    const to = Math.min(size, at + 8 - ((start + at) % 8))
    if (!everyDead(bytes, start + at, start + to)) {
      const last = words[words.length - 1]
      if (last && last.to === at) last.to = to
      else words.push({ from: at, to })
      left += to - at
    }
    at = to
  }
  if (left === size) return undefined
  return words.flatMap(({ from, to }) => {
    const part = fillPart(func, inst, from, to - from)
    return part.args[0] === inst.args[0] ? [part] : [part.args[0]!, part]
  })
}

function fillPart(func: Func, inst: Value, at: number, size: number): Value {
  const pointer = inst.args[0]!
  const place = at === 0 ? pointer : func.value('ptradd', 'ptr', [pointer, func.const('i64', at)], inst.loc)
  const part = func.value('memset', 'void', [place, inst.args[1]!], inst.loc)
  part.size = size
  let align = inst.align || 1
  while (at % align !== 0) align >>= 1
  part.align = align
  return part
}
