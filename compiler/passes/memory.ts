/**
 * Which accesses can touch the same bytes, by provenance: an address is a base and, where it is known, a constant distance from it. Stack
 * objects and globals are apart from each other; a stack object whose address never leaves the function is apart from everything, and so is a
 * global whose address goes nowhere (confined-globals); the function's own objects cannot be what it was given as a parameter. And by type:
 * what is accessed as one C type is not accessed as another, where lowering says of which it is.
 */
import { bitsOf, type Func, type Global, successors, terminatorOperands, type Value } from '../ir/ir.js'

export interface Access {
  /** Alloca, global leaf, param or another value that addresses are counted from. */
  readonly base: Value
  /** Bytes from the base; undefined where a variable was added. */
  readonly offset: number | undefined
  /** Bytes; undefined where unknown. */
  readonly size: number | undefined
  /** The last address before constants alone were added, and their sum: tells `a[i].x` from `a[i].y`, in one iteration of a loop. */
  readonly anchor?: Value
  readonly distance?: number
  /** The objects, by their C types, that the access is to, where others cannot be meant. */
  readonly as?: readonly string[] | undefined
}

/** Takes an address apart. Variable distances and casts between address spaces are seen through, so that the object is still known. */
export function accessAt(pointer: Value, offset: number, size: number | undefined): Access {
  let base = pointer
  let sum: number | undefined = offset
  let anchor = pointer
  let distance = offset
  for (; base.op === 'ptradd' || base.op === 'addrspacecast'; base = base.args[0]!) {
    if (base.op === 'ptradd' && sum !== undefined) {
      const by = base.args[1]!
      sum = by.op === 'const' ? sum + Number(BigInt.asIntN(64, by.value)) : undefined
    }
    if (sum !== undefined) {
      anchor = base.args[0]!
      distance = sum
    }
  }
  if (base.op === 'global' && sum !== undefined) sum += base.offset
  return { base, offset: sum, size, anchor, distance }
}

export function accessOf(inst: Value): Access {
  const type = inst.op === 'store' ? inst.args[1]!.type : inst.type
  return { ...accessAt(inst.args[0]!, inst.offset, bitsOf(type) / 8), as: inst.accessedAs }
}

/**
 * What an instruction writes: an access, or `shared` for all memory that others than the function may hold the address of; undefined for nothing.
 */
export function writtenBy(inst: Value): Access | 'shared' | undefined {
  switch (inst.op) {
    case 'store':
      return accessOf(inst)
    case 'memset':
    case 'memcpy':
    case 'memmove':
      return accessAt(inst.args[0]!, 0, inst.args.length > 2 ? undefined : inst.size)
    case 'atomicrmw':
    case 'cmpxchg':
    case 'call':
    case 'callhelper':
    case 'callindirect':
    case 'loadskb':
    case 'fence':
      return 'shared'
    case 'asm':
      return inst.asm!.clobbersMemory || inst.asm!.volatile || inst.asm!.inputs.some(input => input.constraint === 'm')
        ? 'shared'
        : undefined
    default:
      return undefined
  }
}

function sameBase(a: Value, b: Value): boolean {
  return a === b || (a.op === 'global' && b.op === 'global' && a.global === b.global)
}

/** Whether two accesses, seen in one round of every loop, are to the same bytes. */
export function samePlace(a: Access, b: Access): boolean {
  if (a.size !== b.size) return false
  if (sameBase(a.base, b.base) && a.offset !== undefined && a.offset === b.offset) return true
  return a.anchor !== undefined && a.anchor === b.anchor && a.distance === b.distance
}

/**
 * Whether two accesses, seen in one round of every loop, are to different elements of one array: their addresses differ by the index alone, one
 * index is the other plus a constant, and neither access reaches beyond its element. Numbers that differ in 32 bits also differ when they
 * are extended, by one at least, so an overflow of the index does no harm.
 */
function distinctElements(a: Access, b: Access): boolean {
  const left = elementOf(a)
  const right = elementOf(b)
  if (!left || !right || left.array !== right.array || left.stride !== right.stride || left.extension !== right.extension)
    return false
  if (left.index !== right.index || left.plus === right.plus) return false
  // Indexes of 64 bits that are far apart could wrap onto each other when they are multiplied.
  const apart = BigInt.asIntN(64, left.plus - right.plus)
  return left.extension !== undefined || (apart < MAX_APART && apart > -MAX_APART)
}

interface Element {
  readonly array: Value
  readonly stride: number
  /** How the index became 64 bits wide. */
  readonly extension: 'zext' | 'sext' | undefined
  readonly index: Value
  /** A constant that is added to the index, as wide as that is. */
  readonly plus: bigint
}

/** Elements are no larger than this, so that distances of 32 bits times their size stay below 64. */
const MAX_STRIDE = 1 << 24
const MAX_APART = 1n << 32n

function elementOf(access: Access): Element | undefined {
  const { anchor, distance, size } = access
  if (anchor?.op !== 'ptradd' || distance === undefined || size === undefined) return undefined
  const [array, bytes] = anchor.args as [Value, Value]
  const factor = bytes.args[1]
  if (factor?.op !== 'const' || (bytes.op !== 'shl' && bytes.op !== 'mul')) return undefined
  const stride = bytes.op === 'shl' ? 2 ** Number(factor.value) : Number(BigInt.asIntN(64, factor.value))
  if (stride < 1 || stride > MAX_STRIDE || distance < 0 || distance + size > stride) return undefined
  let index = bytes.args[0]!
  const extension = index.op === 'zext' || index.op === 'sext' ? index.op : undefined
  if (extension) index = index.args[0]!
  const by = index.op === 'add' ? index.args[1]! : undefined
  if (by?.op !== 'const') return { array, stride, extension, index, plus: 0n }
  return { array, stride, extension, index: index.args[0]!, plus: by.value }
}

export class AliasInfo {
  /** Stack objects and globals whose address somebody else may hold, or is merged with others. */
  readonly escaped: ReadonlySet<Value | Global>

  constructor(func: Func) {
    this.escaped = escapedObjects(func)
  }

  /** Whether a helper or callee may read or write the object. */
  isPrivate(base: Value): boolean {
    return base.op === 'alloca' && !this.escaped.has(base)
  }

  /** Whether an address that is not counted from the object can still be one within it. */
  private isApart(base: Value): boolean {
    if (base.op === 'global') return base.global!.confined && !this.escaped.has(base.global!)
    return this.isPrivate(base)
  }

  mayOverlap(a: Access, b: Access): boolean {
    if (sameBase(a.base, b.base)) {
      if (a.offset === undefined || b.offset === undefined) return true
      const aEnd = a.size === undefined ? Number.POSITIVE_INFINITY : a.offset + a.size
      const bEnd = b.size === undefined ? Number.POSITIVE_INFINITY : b.offset + b.size
      return a.offset < bEnd && b.offset < aEnd
    }
    if (this.isApart(a.base) || this.isApart(b.base)) return false
    const aOwn = a.base.op === 'alloca'
    const bOwn = b.base.op === 'alloca'
    if (aOwn && bOwn) return false
    const aGlobal = a.base.op === 'global'
    const bGlobal = b.base.op === 'global'
    if ((aOwn && bGlobal) || (aGlobal && bOwn) || (aGlobal && bGlobal)) return false
    if ((aOwn && b.base.op === 'param') || (bOwn && a.base.op === 'param')) return false
    return a.as === undefined || b.as === undefined || a.as.includes(b.as[0]!) || b.as.includes(a.as[0]!)
  }

  /**
   * Whether a write there can change what is known here, both seen in one round of every loop. So one anchor is one address, and distances from
   * it can be compared even where a variable index is in it.
   */
  mayOverwrite(known: Access, written: Access): boolean {
    if (known.anchor !== undefined && known.anchor === written.anchor && known.size !== undefined && written.size !== undefined)
      return known.distance! < written.distance! + written.size && written.distance! < known.distance! + known.size
    return this.mayOverlap(known, written) && !distinctElements(known, written)
  }
}

/** Stack objects and globals whose address is stored, passed, compared, returned or merged with others. */
export function escapedObjects(func: Func): Set<Value | Global> {
  const escaped = new Set<Value | Global>()
  const rootOf = (value: Value): Value | Global | undefined => {
    let at = value
    while (at.op === 'ptradd' || at.op === 'addrspacecast') at = at.args[0]!
    return at.op === 'alloca' ? at : at.global
  }
  const leak = (value: Value): void => {
    if (value.type !== 'ptr') return
    const root = rootOf(value)
    if (root) escaped.add(root)
  }
  for (const block of func.blocks) {
    for (const inst of block.insts) {
      switch (inst.op) {
        case 'begin':
        case 'load':
        case 'ptradd':
        case 'addrspacecast':
        case 'memset':
        case 'memcpy':
        case 'memmove':
        case 'memcmp':
        case 'strlen':
        case 'strcmp':
          break
        case 'store':
          leak(inst.args[1]!)
          break
        case 'icmp':
          // Comparing with null tells nobody anything.
          if (inst.args[1]!.op !== 'const') inst.args.forEach(leak)
          break
        default:
          inst.args.forEach(leak)
      }
    }
    terminatorOperands(block.terminator).forEach(leak)
    for (const edge of successors(block)) edge.args.forEach(leak)
  }
  return escaped
}
