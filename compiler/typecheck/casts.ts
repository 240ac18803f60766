/** Casts: `(type) value` (C11 6.5.4). */
import { beginOf } from './report.js'
import type * as ast from '../parser/ast.js'
import type { Context } from './context.js'
import { checkTypeName } from './declarators.js'
import { checkExpr, refuseFloat, reportFloat } from './expressions.js'
import { numericConstant } from './floats.js'
import { at, convert, errorExpr, rvalue } from './nodes.js'
import {
  integerOf,
  isError,
  isFloat,
  isInteger,
  isScalar,
  isVoid,
  pointerOf,
  recordOf,
  sizeOf,
  unqualified,
} from './type-facts.js'
import type { Expr } from './typed-ast.js'
import { boolType, canonical } from './types.js'

export function checkCast(c: Context, expr: ast.Expr & { kind: 'cast' }): Expr {
  const type = checkTypeName(c, expr.type)
  const raw = rvalue(checkExpr(c, expr.operand))
  if (isError(type)) return errorExpr(expr)
  if (isVoid(type)) return isError(raw.type) ? errorExpr(expr) : { ...convert(raw, type, true), ...at(expr) }
  const value = refuseFloat(c, raw)
  if (isError(value.type)) return errorExpr(expr)
  if (isFloat(type)) {
    if (numericConstant(value) !== undefined) return convert(value, type, true)
    if (c.unevaluated === 0) reportFloat(c, expr, type)
    return errorExpr(expr)
  }
  const record = recordOf(type)
  if (record) {
    if (record === recordOf(value.type)) return { ...value, ...at(expr) }
    if (record.union) return castToUnion(c, expr, value, record)
  }
  if (!isScalar(type)) {
    c.error('T0217', expr, `used type ${c.quote(type)} where arithmetic or pointer type is required`)
    return errorExpr(expr)
  }
  if (!isScalar(value.type)) {
    c.error('T0217', beginOf(value), `operand of type ${c.quote(value.type)} where arithmetic or pointer type is required`)
    return errorExpr(expr)
  }
  warnSizes(c, expr, value, type)
  return { ...convert(value, unqualified(type), true), ...at(expr) }
}

function warnSizes(c: Context, place: ast.Expr, value: Expr, type: Parameters<typeof isError>[0]): void {
  const target = integerOf(type)
  if (target && pointerOf(value.type) && target.size < 8 && canonical(type) !== boolType) {
    const fromVoid = isVoid(pointerOf(value.type)!.to)
    c.warn(
      'T0217',
      place,
      `cast to smaller integer type ${c.quote(type)} from ${c.quote(value.type)}`,
      fromVoid ? 'void-pointer-to-int-cast' : 'pointer-to-int-cast',
    )
  }
  const pointer = pointerOf(type)
  if (pointer && isInteger(value.type) && value.kind !== 'int' && sizeOf(value.type) < 8)
    c.warn(
      'T0217',
      place,
      `cast to ${c.quote(type)} from smaller integer type ${c.quote(value.type)}`,
      isVoid(pointer.to) ? 'int-to-void-pointer-cast' : 'int-to-pointer-cast',
    )
}

/** GNU: a cast to a union makes one with the member of the value's type set. */
function castToUnion(c: Context, expr: ast.Expr, value: Expr, record: NonNullable<ReturnType<typeof recordOf>>): Expr {
  const field = record.fields.find(member => canonical(member.type) === canonical(value.type))
  if (!field) {
    c.error('T0217', expr, `cast to union type from type ${c.quote(value.type)} not present in union`)
    return errorExpr(expr)
  }
  const decl = c.newVariable('', record, expr.token, { storage: c.fn ? 'automatic' : 'static' })
  decl.init = { type: record, whole: false, items: [{ offset: 0, bitField: undefined, type: field.type, value }] }
  return rvalue({ kind: 'compound_literal', decl, type: record, ...at(expr) })
}
