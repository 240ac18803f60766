/** Unary and binary operators: arithmetic, shifts, comparisons, logic, pointer arithmetic. */
import type * as ast from '../parser/ast.js'
import { compatibleUnqualified } from './compatible.js'
import { arithmeticConversions, checkCondition, promote, promotedType } from './conversions.js'
import { constantTruth, foldArithmetic, foldCompare } from './constants.js'
import type { Context } from './context.js'
import { checkExpr, checkValue, refuseFloat, reportFloat } from './expressions.js'
import { compareWithFloat } from './float-compare.js'
import { commonFloat, floatConstant, floatExpr, foldFloats } from './floats.js'
import { toIndex } from './members.js'
import { at, bitFieldOf, convert, errorExpr, intExpr, isNullPointerConstant, rvalue } from './nodes.js'
import type { Place } from './report.js'
import {
  enumOf,
  integerOf,
  isArithmetic,
  isError,
  isFunction,
  isInteger,
  isScalar,
  isVoid,
  pointerOf,
  sizeOf,
  stepOf,
  wrap,
} from './type-facts.js'
import type { ArithmeticOp, CompareOp, Expr } from './typed-ast.js'
import { rangeOf } from './value-range.js'
import { type CType, canonical, type IntType, intType, longType, type PointerType } from './types.js'

export function checkUnaryArithmetic(c: Context, expr: ast.Expr & { kind: 'unary' }, op: '+' | '-' | '~' | '!'): Expr {
  const operand = checkValue(c, expr.operand)
  if (isError(operand.type)) return errorExpr(expr)
  const float = floatConstant(operand)
  if (float !== undefined && op !== '~')
    return op === '!' ? intExpr(expr, float === 0 ? 1n : 0n) : floatExpr(expr, op === '-' ? -float : float, operand.type)
  if (op === '!') {
    if (!isScalar(operand.type)) return invalidUnary(c, expr, operand.type)
    if (operand.kind === 'int') return intExpr(expr, operand.value === 0n ? 1n : 0n)
    return { kind: 'not', operand, type: intType, ...at(expr) }
  }
  if (!isInteger(operand.type)) return invalidUnary(c, expr, operand.type)
  const value = promote(operand)
  if (op === '+') return { ...value, ...at(expr) }
  if (value.kind === 'int') return intExpr(expr, op === '-' ? -value.value : ~value.value, value.type)
  return { kind: op === '-' ? 'negate' : 'complement', operand: value, type: value.type, ...at(expr) }
}

function invalidUnary(c: Context, place: Place, type: CType): Expr {
  c.error('T0202', place, `invalid argument type ${c.quote(type)} to unary expression`)
  return errorExpr(place)
}

export function invalidOperands(c: Context, place: Place, left: CType, right: CType): Expr {
  c.error('T0202', place, `invalid operands to binary expression (${c.quote(left)} and ${c.quote(right)})`)
  return errorExpr(place)
}

export function checkBinary(c: Context, expr: ast.Expr & { kind: 'binary' }): Expr {
  switch (expr.op) {
    case ',': {
      const left = refuseFloat(c, rvalue(checkExpr(c, expr.left)))
      const right = checkValue(c, expr.right)
      return { kind: 'comma', left, right, type: right.type, ...at(expr) }
    }
    case '&&':
    case '||':
      return checkLogical(c, expr, expr.op)
    default: {
      const left = checkValue(c, expr.left)
      const right = checkValue(c, expr.right)
      return binary(c, expr, expr.op, left, right)
    }
  }
}

function checkLogical(c: Context, expr: ast.Expr & { kind: 'binary' }, op: '&&' | '||'): Expr {
  const left = checkValue(c, expr.left)
  const truth = isError(left.type) ? undefined : constantTruth(left)
  const reached = truth === undefined ? undefined : truth === (op === '&&')
  const right = c.inBranch(reached, () => checkValue(c, expr.right))
  if (isError(left.type) || isError(right.type)) return errorExpr(expr)
  if (!isScalar(left.type) || !isScalar(right.type)) return invalidOperands(c, expr, left.type, right.type)
  if (left.kind === 'int' && right.kind === 'int') {
    const a = left.value !== 0n
    const b = right.value !== 0n
    return intExpr(expr, (op === '&&' ? a && b : a || b) ? 1n : 0n)
  }
  return { kind: 'logical', op, left: checkCondition(c, left), right: checkCondition(c, right), type: intType, ...at(expr) }
}

/** A binary operator on two values. */
export function binary(c: Context, place: Place, op: ArithmeticOp | CompareOp, left: Expr, right: Expr): Expr {
  if (isError(left.type) || isError(right.type)) return errorExpr(place)
  if (floatConstant(left) !== undefined || floatConstant(right) !== undefined) return binaryFloat(c, place, op, left, right)
  switch (op) {
    case '<':
    case '>':
    case '<=':
    case '>=':
    case '==':
    case '!=':
      return compare(c, place, op, left, right)
    case '<<':
    case '>>':
      return shift(c, place, op, left, right)
    case '+':
    case '-':
      if (pointerOf(left.type) || pointerOf(right.type)) return pointerArithmetic(c, place, op, left, right)
      return arithmetic(c, place, op, left, right)
    default:
      return arithmetic(c, place, op, left, right)
  }
}

const isComparison = (op: ArithmeticOp | CompareOp): op is CompareOp => op !== '<<' && op !== '>>' && /[<>=!]/.test(op)

/** Floating constants fold; with anything else but comparisons they would have to be computed at run time. */
function binaryFloat(c: Context, place: Place, op: ArithmeticOp | CompareOp, left: Expr, right: Expr): Expr {
  const value = foldFloats(op, left, right)
  const type = commonFloat(left.type, right.type)
  if (value !== undefined) return isComparison(op) ? intExpr(place, BigInt(value)) : floatExpr(place, value, type)
  if (!isArithmetic(left.type) || !isArithmetic(right.type)) return invalidOperands(c, place, left.type, right.type)
  const whole = isComparison(op) ? compareWithFloat(place, op, left, right, sizeOf(type)) : undefined
  if (whole) return whole
  if (c.unevaluated === 0) reportFloat(c, place, type)
  return errorExpr(place)
}

function arithmetic(c: Context, place: Place, op: ArithmeticOp, left: Expr, right: Expr): Expr {
  if (!isInteger(left.type) || !isInteger(right.type)) return invalidOperands(c, place, left.type, right.type)
  const both = arithmeticConversions(left, right)
  if (op === '/' || op === '%') warnZeroDivision(c, place, op, both.right)
  return arithmeticNode(c, place, op, both.left, both.right, both.type)
}

export function warnZeroDivision(c: Context, place: Place, op: string, right: Expr): void {
  if (right.kind === 'int' && right.value === 0n && c.unevaluated === 0)
    c.warnRuntime('T0304', place, `${op === '/' ? 'division' : 'remainder'} by zero is undefined`, 'division-by-zero')
}

/** An operation on operands of its type, folded where both are constants. */
function arithmeticNode(c: Context, place: Place, op: ArithmeticOp, left: Expr, right: Expr, type: IntType): Expr {
  if (left.kind === 'int' && right.kind === 'int') {
    const value = foldArithmetic(op, left.value, right.value, type)
    if (value !== undefined) {
      warnOverflow(c, place, op, left.value, right.value, value, type)
      return intExpr(place, value, type)
    }
  }
  return { kind: 'arithmetic', op, left, right, type, ...at(place) }
}

function warnOverflow(c: Context, place: Place, op: ArithmeticOp, a: bigint, b: bigint, value: bigint, type: IntType): void {
  if (!type.signed) return
  const exact = op === '+' ? a + b : op === '-' ? a - b : op === '*' ? a * b : value
  if (exact !== value)
    c.warnRuntime('T0306', place, `overflow in expression; result is ${value} with type ${c.quote(type)}`, 'integer-overflow')
}

/** Warns of a constant shift count outside the width of the promoted left operand. */
export function warnShift(c: Context, place: Place, right: Expr, type: IntType): void {
  if (right.kind !== 'int' || c.unevaluated > 0) return
  if (right.value < 0n) c.warnRuntime('T0305', place, 'shift count is negative', 'shift-count-negative')
  else if (right.value >= BigInt(type.size * 8))
    c.warnRuntime('T0305', place, 'shift count >= width of type', 'shift-count-overflow')
}

function shift(c: Context, place: Place, op: '<<' | '>>', left: Expr, right: Expr): Expr {
  if (!isInteger(left.type) || !isInteger(right.type)) return invalidOperands(c, place, left.type, right.type)
  const value = promote(left)
  const count = promote(right)
  const type = integerOf(value.type)!
  warnShift(c, place, count, type)
  return arithmeticNode(c, place, op, value, count, type)
}

function pointerArithmetic(c: Context, place: Place, op: '+' | '-', left: Expr, right: Expr): Expr {
  const a = pointerOf(left.type)
  const b = pointerOf(right.type)
  if (a && b) {
    if (op !== '-') return invalidOperands(c, place, left.type, right.type)
    if (!compatibleUnqualified(a.to, b.to)) {
      c.error('T0202', place, `${c.quote(left.type)} and ${c.quote(right.type)} are not pointers to compatible types`)
      return errorExpr(place)
    }
    const elementSize = checkedStep(c, place, a)
    if (elementSize === undefined) return errorExpr(place)
    return { kind: 'pointer_diff', left, right, elementSize, type: longType, ...at(place) }
  }
  if (op === '-' && !a) return invalidOperands(c, place, left.type, right.type)
  const [pointer, offset] = a ? [left, right] : [right, left]
  if (!isInteger(offset.type)) return invalidOperands(c, place, left.type, right.type)
  const elementSize = checkedStep(c, place, (a ?? b)!)
  if (elementSize === undefined) return errorExpr(place)
  return {
    kind: 'pointer_add',
    pointer,
    offset: toIndex(offset),
    subtract: op === '-',
    elementSize,
    type: pointer.type,
    ...at(place),
  }
}

/** Bytes of a pointer's step, or undefined after a diagnostic. */
export function checkedStep(c: Context, place: Place, pointer: PointerType): number | undefined {
  if (isVoid(pointer.to) || isFunction(pointer.to)) {
    c.warn(
      'T0202',
      place,
      `arithmetic on a pointer to ${isVoid(pointer.to) ? 'void' : `the function type ${c.quote(pointer.to)}`} is a GNU extension`,
      'gnu-pointer-arith',
    )
    return 1
  }
  if (!c.complete(pointer.to)) {
    c.error('T0101', place, `arithmetic on a pointer to an incomplete type ${c.quote(pointer.to)}`)
    return undefined
  }
  return stepOf(pointer.to)
}

function compare(c: Context, place: Place, op: CompareOp, left: Expr, right: Expr): Expr {
  const a = pointerOf(left.type)
  const b = pointerOf(right.type)
  const equality = op === '==' || op === '!='
  if (!a && !b) {
    if (!isInteger(left.type) || !isInteger(right.type)) return invalidOperands(c, place, left.type, right.type)
    const both = arithmeticConversions(left, right)
    warnSigns(c, place, left, right, both.type, equality)
    warnEnums(c, place, left, right)
    if (both.left.kind === 'int' && both.right.kind === 'int')
      return intExpr(place, foldCompare(op, both.left.value, both.right.value) ? 1n : 0n)
    return { kind: 'compare', op, left: both.left, right: both.right, type: intType, ...at(place) }
  }
  if (a && b) {
    const null1 = isNullPointerConstant(left)
    const null2 = isNullPointerConstant(right)
    if (a.space !== b.space && !null1 && !null2) {
      c.error(
        'T0222',
        place,
        `comparison between (${c.quote(left.type)} and ${c.quote(right.type)}) which are pointers to non-overlapping address spaces`,
      )
      return errorExpr(place)
    }
    const loose = (equality && (isVoid(a.to) || isVoid(b.to))) || null1 || null2
    if (!loose && !compatibleUnqualified(a.to, b.to))
      c.warn(
        'T0220',
        place,
        `comparison of distinct pointer types (${c.quote(left.type)} and ${c.quote(right.type)})`,
        'compare-distinct-pointer-types',
      )
    return { kind: 'compare', op, left, right: convert(right, left.type), type: intType, ...at(place) }
  }
  const [pointer, number] = a ? [left, right] : [right, left]
  if (!isInteger(number.type)) return invalidOperands(c, place, left.type, right.type)
  if (!isNullPointerConstant(number)) {
    if (equality)
      c.warn(
        'T0220',
        place,
        `comparison between pointer and integer (${c.quote(left.type)} and ${c.quote(right.type)})`,
        'pointer-integer-compare',
      )
    else
      c.warn(
        'T0220',
        place,
        `ordered comparison between pointer and integer (${c.quote(left.type)} and ${c.quote(right.type)})`,
        'pointer-integer-compare',
      )
  }
  return {
    kind: 'compare',
    op,
    left: convert(left, pointer.type),
    right: convert(right, pointer.type),
    type: intType,
    ...at(place),
  }
}

/** `-Wsign-compare`: one side is signed, may be negative, and is compared as unsigned. */
function warnSigns(c: Context, place: Place, left: Expr, right: Expr, type: IntType, equality: boolean): void {
  if (type.signed || c.unevaluated > 0) return
  const [a, b] = [signedSide(left), signedSide(right)]
  if (a === b) return
  const value = a ? left : right
  const other = a ? right : left
  if (rangeOf(value).nonNegative) return
  // Compared for equality, a negative value cannot hit what has fewer bits than the comparison.
  if (equality && rangeOf(other).width < type.size * 8) return
  c.warnRuntime(
    'T0220',
    place,
    `comparison of integers of different signs: ${c.quote(left.type)} and ${c.quote(right.type)}`,
    'sign-compare',
  )
}

const signedSide = (value: Expr): boolean => promotedType(value.type, bitFieldOf(value)?.field.bits)?.signed ?? false

/** `-Wenum-compare`: two different enums. */
function warnEnums(c: Context, place: Place, left: Expr, right: Expr): void {
  const a = enumOf(left.type)
  const b = enumOf(right.type)
  if (a && b && a !== b && a.tag !== undefined && b.tag !== undefined)
    c.warn(
      'T0220',
      place,
      `comparison of different enumeration types (${c.quote(left.type)} and ${c.quote(right.type)})`,
      'enum-compare',
    )
}

/** An integer constant of another place, brought to a type: for rewriting `++`. */
export const constantOf = (place: Place, value: bigint, type: CType): Expr => {
  const integer = integerOf(canonical(type))
  return intExpr(place, integer ? wrap(value, integer) : value, type)
}
