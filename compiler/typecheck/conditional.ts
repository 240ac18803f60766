/** `a ? b : c`, and GNU's `a ?: c`: the common type of the two arms (C11 6.5.15). */
import { constantTruth } from './constants.js'
import type * as ast from '../parser/ast.js'
import { compatibleUnqualified } from './compatible.js'
import type { Context } from './context.js'
import { arithmeticConversions, checkCondition, promote } from './conversions.js'
import { checkValue } from './expressions.js'
import { at, convert, errorExpr, intExpr, isNullPointerConstant } from './nodes.js'
import type { Place } from './report.js'
import { isError, isInteger, isPointer, isVoid, pointerOf, pointerTo, recordOf, withQualifiers } from './type-facts.js'
import type { Expr } from './typed-ast.js'
import { type CType, qualifiersOf, voidType } from './types.js'

export function checkConditional(c: Context, expr: ast.Expr & { kind: 'conditional' }): Expr {
  const condition = checkCondition(c, checkValue(c, expr.condition))
  const truth = constantTruth(condition)
  const arm = expr.then
  const then = arm && c.inBranch(truth, () => checkValue(c, arm))
  const otherwise = c.inBranch(truth === undefined ? undefined : !truth, () => checkValue(c, expr.otherwise))
  const first = then ?? condition
  if (isError(condition.type) || isError(first.type) || isError(otherwise.type)) return errorExpr(expr)
  const arms = unify(c, expr, first, otherwise)
  if (!arms) return errorExpr(expr)
  const made: Expr = {
    kind: 'conditional',
    condition,
    then: then ? arms.left : undefined,
    otherwise: arms.right,
    type: arms.type,
    ...at(expr),
  }
  return foldConditional(made)
}

/** A constant condition with constant arms is a constant. */
function foldConditional(expr: Expr & { kind: 'conditional' }): Expr {
  const { condition, then, otherwise } = expr
  if (condition.kind !== 'int' || otherwise.kind !== 'int' || (then && then.kind !== 'int')) return expr
  const value = condition.value !== 0n ? ((then as typeof otherwise | undefined) ?? condition).value : otherwise.value
  return intExpr(expr, value, expr.type)
}

interface Arms {
  readonly left: Expr
  readonly right: Expr
  readonly type: CType
}

const both = (left: Expr, right: Expr, type: CType): Arms => ({ left: convert(left, type), right: convert(right, type), type })

function unify(c: Context, place: Place, left: Expr, right: Expr): Arms | undefined {
  if (isInteger(left.type) && isInteger(right.type)) {
    if (left.type === right.type && !promotes(left)) return { left, right, type: left.type }
    return arithmeticConversions(left, right)
  }
  if (isVoid(left.type) || isVoid(right.type)) return both(left, right, voidType)
  const record = recordOf(left.type)
  if (record && record === recordOf(right.type)) return { left, right, type: left.type }
  if (isPointer(left.type) || isPointer(right.type)) {
    const type = pointerType(c, place, left, right)
    if (type) return both(left, right, type)
    if (type === null) return undefined
  }
  c.error('T0219', place, `incompatible operand types (${c.quote(left.type)} and ${c.quote(right.type)})`)
  return undefined
}

const promotes = (value: Expr): boolean => promote(value).type !== value.type

/** The type of a conditional with pointer arms; null after a diagnostic, undefined where the arms do not go together at all. */
function pointerType(c: Context, place: Place, left: Expr, right: Expr): CType | undefined | null {
  const a = pointerOf(left.type)
  const b = pointerOf(right.type)
  if (a && isNullPointerConstant(right)) return left.type
  if (b && isNullPointerConstant(left)) return right.type
  if (a && b) {
    if (a.space !== b.space) {
      c.error(
        'T0222',
        place,
        `conditional operator with the second and third operands of type (${c.quote(left.type)} and ${c.quote(right.type)}) which are pointers to non-overlapping address spaces`,
      )
      return null
    }
    const qualifiers = qualifiersOf(a.to) | qualifiersOf(b.to)
    if (isVoid(a.to) || isVoid(b.to)) return pointerTo(withQualifiers(isVoid(a.to) ? a.to : b.to, qualifiers))
    if (compatibleUnqualified(a.to, b.to))
      return qualifiersOf(a.to) === qualifiers ? left.type : pointerTo(withQualifiers(a.to, qualifiers))
    c.warn('T0219', place, `pointer type mismatch (${c.quote(left.type)} and ${c.quote(right.type)})`, 'pointer-type-mismatch')
    return pointerTo(withQualifiers(voidType, qualifiers))
  }
  const pointer = a ? left : right
  const other = a ? right : left
  if (!isInteger(other.type)) return undefined
  c.warn(
    'T0219',
    place,
    `pointer/integer type mismatch in conditional expression (${c.quote(left.type)} and ${c.quote(right.type)})`,
    'conditional-type-mismatch',
  )
  return pointer.type
}
