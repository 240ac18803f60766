/** Expressions about types: `_Generic`, `__builtin_choose_expr`, `__builtin_types_compatible_p`, `__builtin_offsetof`. */
import type * as ast from '../parser/ast.js'
import { compatible, compatibleUnqualified } from './compatible.js'
import { integerConstant } from './constants.js'
import type { Context } from './context.js'
import { checkTypeName } from './declarators.js'
import { checkExpr, checkValue } from './expressions.js'
import { memberOf, toIndex } from './members.js'
import { at, bitFieldOf, convert, elementOf, errorExpr, intExpr, rvalue } from './nodes.js'
import { arithmeticConversions } from './conversions.js'
import { isArray, isError, isInteger, recordOf, sizeOf, unqualified } from './type-facts.js'
import type { Expr } from './typed-ast.js'
import { type CType, unsignedLongType } from './types.js'

export function checkGeneric(c: Context, expr: ast.Expr & { kind: 'generic' }): Expr {
  const { selector } = expr
  const type =
    selector.kind === 'type_name'
      ? checkTypeName(c, selector)
      : unqualified(c.notEvaluated(() => rvalue(checkExpr(c, selector))).type)
  if (isError(type)) return errorExpr(expr)
  const seen: CType[] = []
  let chosen: ast.Expr | undefined
  let fallback: ast.Expr | undefined
  for (const association of expr.associations) {
    if (!association.type) {
      if (fallback) c.error('T0218', association.value, 'duplicate default generic association')
      fallback = association.value
      continue
    }
    const candidate = checkTypeName(c, association.type)
    if (isError(candidate)) continue
    if (seen.some(other => compatible(other, candidate)))
      c.error(
        'T0218',
        association.type,
        `type ${c.quote(candidate)} in generic association compatible with previously specified type ${c.quote(seen.find(other => compatible(other, candidate))!)}`,
      )
    seen.push(candidate)
    if (!chosen && compatible(type, candidate)) chosen = association.value
  }
  const pick = chosen ?? fallback
  if (!pick) {
    c.error('T0218', selector, `controlling expression type ${c.quote(type)} not compatible with any generic association type`)
    return errorExpr(expr)
  }
  for (const association of expr.associations)
    if (association.value !== pick) c.notEvaluated(() => checkExpr(c, association.value))
  return checkExpr(c, pick)
}

export function checkChooseExpr(c: Context, expr: ast.Expr & { kind: 'choose_expr' }): Expr {
  const condition = c.notEvaluated(() => checkValue(c, expr.condition))
  if (isError(condition.type)) return errorExpr(expr)
  const value = integerConstant(condition)
  if (value === undefined) {
    c.error('T0215', expr.condition, "'__builtin_choose_expr' requires a constant expression")
    return errorExpr(expr)
  }
  const [pick, other] = value !== 0n ? [expr.then, expr.otherwise] : [expr.otherwise, expr.then]
  c.notEvaluated(() => checkExpr(c, other))
  return checkExpr(c, pick)
}

export function checkTypesCompatible(c: Context, expr: ast.Expr & { kind: 'types_compatible' }): Expr {
  const left = checkTypeName(c, expr.left)
  const right = checkTypeName(c, expr.right)
  if (isError(left) || isError(right)) return errorExpr(expr)
  return intExpr(expr, compatibleUnqualified(left, right) ? 1n : 0n)
}

/** The offset of a member: a constant, unless a subscript on the way is not. */
export function checkOffsetof(c: Context, expr: ast.Expr & { kind: 'offsetof' }): Expr {
  const type = checkTypeName(c, expr.type)
  if (isError(type)) return errorExpr(expr)
  if (!c.complete(type)) {
    c.error('T0101', expr, `offsetof of incomplete type ${c.quote(type)}`)
    return errorExpr(expr)
  }
  let object: Expr = { kind: 'deref', pointer: intExpr(expr, 0n, unsignedLongType), type, ...at(expr) }
  let offset = 0n
  let variable: Expr | undefined
  for (const step of expr.path) {
    if (step.kind === 'field') {
      const record = recordOf(object.type)
      if (!record || !c.complete(record)) {
        c.error('T0204', step, `offsetof requires struct or union type, ${c.quote(object.type)} invalid`)
        return errorExpr(expr)
      }
      const before = object
      object = memberOf(c, object, record, step.name, step, false)
      if (isError(object.type)) return errorExpr(expr)
      if (bitFieldOf(object)) {
        c.error('T0106', step, `cannot compute offset of bit-field '${c.text(step.name)}'`)
        return errorExpr(expr)
      }
      for (let at = object; at !== before && at.kind === 'member'; at = at.base) offset += BigInt(at.field.bitOffset >> 3)
      continue
    }
    if (!isArray(object.type)) {
      c.error('T0205', step, `offsetof requires array type, ${c.quote(object.type)} invalid`)
      return errorExpr(expr)
    }
    const element = elementOf(object.type)
    const index = checkValue(c, step.index)
    if (!isInteger(index.type)) {
      c.error('T0205', step.index, 'array subscript is not an integer')
      return errorExpr(expr)
    }
    const value = integerConstant(index)
    const size = BigInt(sizeOf(element))
    if (value !== undefined) offset += value * size
    else {
      const wide = convert(toIndex(index), unsignedLongType)
      const scaled: Expr = {
        kind: 'arithmetic',
        op: '*',
        left: wide,
        right: intExpr(step, size, unsignedLongType),
        type: unsignedLongType,
        ...at(step),
      }
      variable = variable ? { ...scaled, op: '+', left: variable, right: scaled } : scaled
    }
    object = { kind: 'index', base: object, index: toIndex(index), baseIsArray: true, type: element, ...at(step) }
  }
  const constant = intExpr(expr, offset, unsignedLongType)
  if (!variable) return constant
  const sum = arithmeticConversions(variable, constant)
  return { kind: 'arithmetic', op: '+', left: sum.left, right: sum.right, type: sum.type, ...at(expr) }
}
