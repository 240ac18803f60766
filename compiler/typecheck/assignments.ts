/** `=`, `op=`, `++` and `--`. */
import type * as ast from '../parser/ast.js'
import type { Context } from './context.js'
import { arithmeticConversions, assignConvert, promotedType } from './conversions.js'
import { checkExpr, checkValue, refuseFloat } from './expressions.js'
import { checkModifiable, toIndex } from './members.js'
import { at, bitFieldOf, bitsOfValue, convert, errorExpr, rvalue } from './nodes.js'
import { checkedStep, invalidOperands, warnShift, warnZeroDivision } from './operators.js'
import type { Place } from './report.js'
import { isError, isFloat, isInteger, isPointer, pointerOf, unqualified } from './type-facts.js'
import type { ArithmeticOp, Expr } from './typed-ast.js'

/** A wrong assignment leaves no "set but not used" behind. */
function countAsRead(c: Context, target: ast.Expr): void {
  const symbol = target.kind === 'identifier' ? c.lookup(target.name) : undefined
  if (symbol?.kind === 'variable') symbol.read = true
}

/** The target of an assignment: naming a variable there does not read it. */
function checkTarget(c: Context, target: ast.Expr, valueUsed: boolean): Expr {
  const symbol = target.kind === 'identifier' ? c.lookup(target.name) : undefined
  const wasRead = symbol?.kind === 'variable' && symbol.read
  const made = checkExpr(c, target)
  if (symbol?.kind === 'variable' && !wasRead && !valueUsed && !isError(made.type)) symbol.read = false
  return made
}

export function checkAssign(c: Context, expr: ast.Expr & { kind: 'assign' }): Expr {
  const made = expr.op === '=' ? checkSimpleAssign(c, expr) : checkCompoundAssign(c, expr, expr.op.slice(0, -1) as ArithmeticOp)
  if (isError(made.type)) countAsRead(c, expr.left)
  return made
}

function checkSimpleAssign(c: Context, expr: ast.Expr & { kind: 'assign' }): Expr {
  const target = checkTarget(c, expr.left, !c.discarded.has(expr))
  const value = checkValue(c, expr.right)
  if (!checkModifiable(c, target, expr, 'assignable') || isError(value.type)) return errorExpr(expr)
  if (isFloat(target.type)) {
    refuseFloat(c, rvalue(target))
    return errorExpr(expr)
  }
  const converted = assignConvert(c, value, target.type, { kind: 'assign' }, expr)
  if (isError(converted.type)) return errorExpr(expr)
  if (
    target.kind === 'var' &&
    value.kind === 'load' &&
    value.object.kind === 'var' &&
    value.object.decl === target.decl &&
    c.unevaluated === 0
  )
    c.warn('T0604', expr, `explicitly assigning value of variable of type ${c.quote(target.type)} to itself`, 'self-assign')
  return { kind: 'assign', target, value: converted, type: unqualified(target.type), ...at(expr) }
}

function checkCompoundAssign(c: Context, expr: ast.Expr & { kind: 'assign' }, op: ArithmeticOp): Expr {
  const target = checkTarget(c, expr.left, !c.discarded.has(expr))
  const value = checkValue(c, expr.right)
  if (!checkModifiable(c, target, expr, 'assignable') || isError(value.type)) return errorExpr(expr)
  const type = unqualified(target.type)
  const pointer = pointerOf(target.type)
  if (pointer) {
    if ((op !== '+' && op !== '-') || !isInteger(value.type)) return invalidOperands(c, expr, target.type, value.type)
    const elementSize = checkedStep(c, expr, pointer)
    if (elementSize === undefined) return errorExpr(expr)
    return { kind: 'compound_assign', op, target, value: toIndex(value), computation: type, elementSize, type, ...at(expr) }
  }
  if (isFloat(target.type)) {
    refuseFloat(c, rvalue(target))
    return errorExpr(expr)
  }
  if (!isInteger(target.type) || !isInteger(value.type)) return invalidOperands(c, expr, target.type, value.type)
  const own = promotedType(target.type, bitFieldOf(target)?.field.bits)!
  if (op === '<<' || op === '>>') {
    const count = convert(value, promotedType(value.type, bitsOfValue(value))!)
    warnShift(c, expr, count, own)
    return { kind: 'compound_assign', op, target, value: count, computation: own, elementSize: 0, type, ...at(expr) }
  }
  const common = arithmeticConversions(rvalue(target), value)
  if (op === '/' || op === '%') warnZeroDivision(c, expr, op, common.right)
  return { kind: 'compound_assign', op, target, value: common.right, computation: common.type, elementSize: 0, type, ...at(expr) }
}

export function checkIncDec(c: Context, expr: ast.Expr, operand: ast.Expr, increment: boolean, prefix: boolean): Expr {
  const place: Place = expr
  const target = checkTarget(c, operand, !c.discarded.has(expr))
  if (isError(target.type)) return errorExpr(place)
  if (!isInteger(target.type) && !isPointer(target.type)) countAsRead(c, operand)
  if (!isInteger(target.type) && !isPointer(target.type)) {
    if (isFloat(target.type)) refuseFloat(c, rvalue(target))
    else c.error('T0202', place, `cannot ${increment ? 'increment' : 'decrement'} value of type ${c.quote(target.type)}`)
    return errorExpr(place)
  }
  if (!checkModifiable(c, target, place, 'assignable')) return errorExpr(place)
  const pointer = pointerOf(target.type)
  const elementSize = pointer ? checkedStep(c, place, pointer) : 0
  if (elementSize === undefined) return errorExpr(place)
  return { kind: 'incdec', target, increment, prefix, elementSize, type: unqualified(target.type), ...at(place) }
}
