/** Bits of integers that are known whatever the program is given: through masks, constants, shifts by constants and changes of width. */
import { bitsOf, type Op, type Value } from './ir.js'

export interface KnownBits {
  /** Bits that are 0, within the width of the type. */
  readonly zero: bigint
  /** Bits that are 1. */
  readonly one: bigint
}

/** How many instructions back is looked; bit fields that are set one after the other make chains of four each. */
const DEPTH = 16

const nothing: KnownBits = { zero: 0n, one: 0n }

/** Of whose result something can be known. */
const telling: ReadonlySet<Op> = new Set<Op>(['const', 'undef', 'and', 'or', 'xor', 'shl', 'lshr', 'zext', 'trunc'])

/** `depth` counts down; callers leave it out. */
export function knownBits(value: Value, depth = DEPTH): KnownBits {
  if (!telling.has(value.op)) return nothing
  const width = BigInt(bitsOf(value.type))
  const all = (1n << width) - 1n
  if (value.op === 'const') return { zero: all & ~value.value, one: value.value }
  // Nobody put anything there; this is what machine code takes it for.
  if (value.op === 'undef') return { zero: all, one: 0n }
  if (depth === 0 || value.type === 'ptr') return nothing
  const { op, args } = value
  // Where two unknown values meet, each is looked at half as far: shared operands would be gone through again and again.
  const rest = args.length > 1 && args[1]!.op !== 'const' ? depth >> 1 : depth - 1
  const of = (index: number) => knownBits(args[index]!, rest)
  switch (op) {
    case 'and': {
      const b = of(1)
      if (b.zero === all) return b
      const a = of(0)
      return { zero: a.zero | b.zero, one: a.one & b.one }
    }
    case 'or': {
      const [a, b] = [of(0), of(1)]
      return { zero: a.zero & b.zero, one: a.one | b.one }
    }
    case 'xor': {
      const [a, b] = [of(0), of(1)]
      return { zero: (a.zero & b.zero) | (a.one & b.one), one: (a.zero & b.one) | (a.one & b.zero) }
    }
    case 'shl':
    case 'lshr': {
      const by = args[1]!
      if (by.op !== 'const' || by.value >= width) return nothing
      const a = of(0)
      if (op === 'shl') return { zero: ((a.zero << by.value) & all) | ((1n << by.value) - 1n), one: (a.one << by.value) & all }
      return { zero: (a.zero >> by.value) | (all & ~(all >> by.value)), one: a.one >> by.value }
    }
    case 'zext': {
      if (args[0]!.type === 'ptr') return nothing
      const a = of(0)
      return { zero: a.zero | (all & ~((1n << BigInt(bitsOf(args[0]!.type))) - 1n)), one: a.one }
    }
    case 'trunc': {
      const a = of(0)
      return { zero: a.zero & all, one: a.one & all }
    }
    default:
      return nothing
  }
}
