/** Operations by what they have in common, of which passes make the sets that they look for. */
import { hasSideEffects, type Op, type Value } from './ir.js'

/** Sums and bits: one instruction each, which the verifier follows. */
export const sumsAndBits = ['add', 'sub', 'and', 'or', 'xor', 'shl', 'lshr', 'ashr'] as const satisfies readonly Op[]

export const divisions = ['udiv', 'sdiv', 'urem', 'srem'] as const satisfies readonly Op[]

/** Changes of width. */
export const widthCasts = ['zext', 'sext', 'trunc'] as const satisfies readonly Op[]

export const commutative: ReadonlySet<Op> = new Set<Op>(['add', 'mul', 'and', 'or', 'xor'])

/** What reads memory and does nothing else. */
const reading: ReadonlySet<Op> = new Set<Op>(['load', 'memcmp', 'strlen', 'strcmp', 'asm'])

/** Whether the instruction may read or write memory, or call what does. */
export function touchesMemory(inst: Value): boolean {
  return inst.op !== 'begin' && (hasSideEffects(inst) || reading.has(inst.op))
}
