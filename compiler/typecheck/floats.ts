/**
 * Floating constants. eBPF has no floating point, but C lets a constant expression pass through it (`10E9` as a number of nanoseconds,
 * `(int) (1.5 * 2)`), and clang folds those. A floating constant is an `int` node of floating type whose value is kept here; it must
 * become an integer before anything is computed at run time.
 */
import type { Place } from './report.js'
import { integerOf, isFloat } from './type-facts.js'
import type { Expr } from './typed-ast.js'
import type { CType } from './types.js'

const values = new WeakMap<Expr, number>()

export function floatExpr(place: Place, value: number, type: CType): Expr {
  const made: Expr = { kind: 'int', value: 0n, type, token: place.token, first: place.first, last: place.last }
  values.set(made, value)
  return made
}

/** The value of a floating constant; undefined for everything else. */
export const floatConstant = (expr: Expr): number | undefined => values.get(expr)

/** The value of a floating or integer constant as a number. */
export function numericConstant(expr: Expr): number | undefined {
  const value = values.get(expr)
  if (value !== undefined) return value
  return expr.kind === 'int' && integerOf(expr.type) ? Number(expr.value) : undefined
}

/** `a op b` of constants of which one is floating; undefined where it does not fold. Comparisons give 0 or 1. */
export function foldFloats(op: string, left: Expr, right: Expr): number | undefined {
  const a = numericConstant(left)
  const b = numericConstant(right)
  if (a === undefined || b === undefined) return undefined
  switch (op) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      return a / b
    case '<':
      return a < b ? 1 : 0
    case '>':
      return a > b ? 1 : 0
    case '<=':
      return a <= b ? 1 : 0
    case '>=':
      return a >= b ? 1 : 0
    case '==':
      return a === b ? 1 : 0
    case '!=':
      return a !== b ? 1 : 0
    default:
      return undefined
  }
}

/** The floating type of an operation on the two: the larger. */
export function commonFloat(left: CType, right: CType): CType {
  if (!isFloat(left)) return right
  if (!isFloat(right)) return left
  return right.kind === 'float' && left.kind === 'float' && right.size > left.size ? right : left
}
