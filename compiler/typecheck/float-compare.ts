/**
 * Comparisons of an integer with a floating constant (`count >= LIMIT * 0.7`): an integer one says the same, so no floating point is left
 * for the program. clang finds this when it optimises.
 */
import { promote } from './conversions.js'
import { floatConstant } from './floats.js'
import { at, intExpr } from './nodes.js'
import type { Place } from './report.js'
import { integerOf } from './type-facts.js'
import type { CompareOp, Expr } from './typed-ast.js'
import { intType } from './types.js'

const swapped: Readonly<Record<CompareOp, CompareOp>> = { '<': '>', '>': '<', '<=': '>=', '>=': '<=', '==': '==', '!=': '!=' }

/**
 * The comparison without its constant's fraction; undefined where there is none. `floatSize`: bytes of the type it is made in, which decides
 * up to where integers become it exactly; beyond, the constant must be far enough below that rounding does not matter.
 */
export function compareWithFloat(place: Place, op: CompareOp, left: Expr, right: Expr, floatSize: number): Expr | undefined {
  const constant = floatConstant(right)
  if (constant === undefined)
    return floatConstant(left) === undefined ? undefined : compareWithFloat(place, swapped[op], right, left, floatSize)
  const value = promote(left)
  const type = integerOf(value.type)
  if (!type || Number.isNaN(constant)) return undefined
  const bits = BigInt(type.size * 8 - (type.signed ? 1 : 0))
  const exactBits = floatSize === 4 ? 24 : 53
  if (bits > exactBits && Math.abs(constant) >= 2 ** exactBits) return undefined
  const always = (truth: boolean): Expr => ({
    kind: 'comma',
    left: value,
    right: intExpr(place, truth ? 1n : 0n),
    type: intType,
    ...at(place),
  })
  if ((op === '==' || op === '!=') && !Number.isInteger(constant)) return always(op === '!=')
  const bound = op === '<' || op === '>=' ? Math.ceil(constant) : Math.floor(constant)
  if (bound > Number((1n << bits) - 1n)) return always(op === '<' || op === '<=' || op === '!=')
  if (bound < (type.signed ? -Number(1n << bits) : 0)) return always(op === '>' || op === '>=' || op === '!=')
  return { kind: 'compare', op, left: value, right: intExpr(place, BigInt(bound), value.type), type: intType, ...at(place) }
}
