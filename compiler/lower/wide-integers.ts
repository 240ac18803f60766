/**
 * Integers of 128 bits (`__int128`). eBPF has no register for them: they live in memory as records of two words do, travel to functions as
 * those, and an operation on them is a few on their words. Multiplication is written out; division has no short form and is refused.
 */
import { NotImplemented } from '../../base/outcome.js'
import type { Value } from '../ir/ir.js'
import type { ArithmeticOp, CompareOp, Expr } from '../typecheck/typed-ast.js'
import { lowerToMemory, lowerValue } from './expressions.js'
import type { FunctionContext } from './function-context.js'
import { irTypeOf, isSigned, isWide } from './ir-types.js'
import { lowerPlace } from './lvalues.js'
import { loadWords, type Place, storeWords, temporaryPlace } from './places.js'

/** Two i64: the less and the more significant word. */
export interface Words {
  readonly low: Value
  readonly high: Value
}

/** The words of a 128-bit expression. */
export function wordsOf(fc: FunctionContext, expr: Expr): Words {
  const { builder } = fc
  switch (expr.kind) {
    case 'int':
      return { low: builder.const('i64', expr.value), high: builder.const('i64', expr.value >> 64n) }
    case 'load': {
      const place = lowerPlace(fc, expr.object)
      fc.mark(expr)
      return loadWords(fc, place)
    }
    case 'convert':
      if (isWide(expr.operand.type)) return wordsOf(fc, expr.operand)
      return widened(fc, expr, expr.operand)
    case 'negate': {
      const value = wordsOf(fc, expr.operand)
      fc.mark(expr)
      const zero = builder.const('i64', 0)
      return combine(fc, expr, '-', { low: zero, high: zero }, value)
    }
    case 'complement': {
      const { low, high } = wordsOf(fc, expr.operand)
      fc.mark(expr)
      const ones = builder.const('i64', -1n)
      return { low: builder.binary('xor', low, ones), high: builder.binary('xor', high, ones) }
    }
    case 'arithmetic': {
      const left = wordsOf(fc, expr.left)
      if (expr.op === '<<' || expr.op === '>>') {
        const count = shiftCount(fc, expr.right)
        fc.mark(expr)
        return shift(fc, expr.op, left, count, isSigned(expr.type))
      }
      const right = wordsOf(fc, expr.right)
      fc.mark(expr)
      return combine(fc, expr, expr.op, left, right)
    }
    default: {
      const place = temporaryPlace(fc.temporary(expr.type), expr.type)
      lowerToMemory(fc, expr, place)
      return loadWords(fc, place)
    }
  }
}

/** A narrower integer or a pointer in two words. */
function widened(fc: FunctionContext, expr: Expr, operand: Expr): Words {
  const { builder } = fc
  const value = lowerValue(fc, operand)
  fc.mark(expr)
  if (value.type === 'ptr') return { low: builder.cast('ptrtoint', value, 'i64'), high: builder.const('i64', 0) }
  return extend(fc, value, isSigned(operand.type))
}

function extend(fc: FunctionContext, value: Value, signed: boolean): Words {
  const { builder } = fc
  const low = builder.resize(value, 'i64', signed)
  return { low, high: signed ? builder.binary('ashr', low, builder.const('i64', 63)) : builder.const('i64', 0) }
}

/** Whether the expression makes a 128-bit number out of others; what does not is copied from where it stands. */
export function computesWords(expr: Expr): boolean {
  return ['int', 'convert', 'negate', 'complement', 'arithmetic'].includes(expr.kind)
}

/** The expression is not zero. */
export function wordsNonZero(fc: FunctionContext, expr: Expr): Value {
  const { low, high } = wordsOf(fc, expr)
  fc.mark(expr)
  return fc.builder.icmp('ne', fc.builder.binary('or', low, high), fc.builder.const('i64', 0))
}

/** `a ?: b`, with `a` evaluated once. */
export function chooseNonZero(fc: FunctionContext, condition: Expr, otherwise: Expr, to: Place): void {
  const { builder } = fc
  const yes = builder.newBlock()
  const no = builder.newBlock()
  const after = builder.newBlock()
  if (!isWide(condition.type)) throw new NotImplemented('a condition of one width as a value of 128 bits')
  const words = wordsOf(fc, condition)
  builder.condbr(builder.icmp('ne', builder.binary('or', words.low, words.high), builder.const('i64', 0)), yes, no)
  builder.place(yes)
  storeWords(fc, to, words)
  builder.br(after)
  builder.place(no)
  lowerToMemory(fc, otherwise, to)
  fc.startBlock(after)
}

export function compareWords(fc: FunctionContext, expr: Expr & { kind: 'compare' }): Value {
  const { builder } = fc
  const left = wordsOf(fc, expr.left)
  const right = wordsOf(fc, expr.right)
  fc.mark(expr)
  if (expr.op === '==' || expr.op === '!=') {
    const differs = builder.binary('or', builder.binary('xor', left.low, right.low), builder.binary('xor', left.high, right.high))
    return builder.icmp(expr.op === '==' ? 'eq' : 'ne', differs, builder.const('i64', 0))
  }
  const [a, b] = expr.op === '>' || expr.op === '<=' ? [right, left] : [left, right]
  const below = builder.select(
    builder.icmp('eq', a.high, b.high),
    builder.icmp('ult', a.low, b.low),
    builder.icmp(isSigned(expr.left.type) ? 'slt' : 'ult', a.high, b.high),
  )
  const isBelow: readonly CompareOp[] = ['<', '>']
  return isBelow.includes(expr.op) ? below : builder.not(below)
}

/** `target op= value`, computed with 128 bits; what went into the target. */
export function assignCombined(
  fc: FunctionContext,
  expr: Expr & { kind: 'compound_assign' },
  place: Place,
  operand: Words | Value,
  old: Words | Value,
): Words {
  const left = 'low' in old ? old : extend(fc, old, isSigned(expr.target.type))
  const signed = isSigned(expr.computation)
  const words = 'low' in operand ? combine(fc, expr, expr.op, left, operand) : shift(fc, expr.op, left, operand, signed)
  if (isWide(place.type)) storeWords(fc, place, words)
  return words
}

/** The right side of `op=` on 128 bits: words, or the count of a shift. */
export function rightOf(fc: FunctionContext, expr: Expr & { kind: 'compound_assign' }): Words | Value {
  return expr.op === '<<' || expr.op === '>>' ? shiftCount(fc, expr.value) : wordsOf(fc, expr.value)
}

function shiftCount(fc: FunctionContext, expr: Expr): Value {
  if (isWide(expr.type)) return wordsOf(fc, expr).low
  return fc.builder.resize(lowerValue(fc, expr), 'i64', false)
}

function combine(fc: FunctionContext, expr: Expr, op: ArithmeticOp, a: Words, b: Words): Words {
  const { builder } = fc
  switch (op) {
    case '+':
    case '-': {
      const name = op === '+' ? 'add' : 'sub'
      const low = builder.binary(name, a.low, b.low)
      const carry = builder.cast('zext', op === '+' ? builder.icmp('ult', low, a.low) : builder.icmp('ult', a.low, b.low), 'i64')
      return { low, high: builder.binary(name, builder.binary(name, a.high, b.high), carry) }
    }
    case '&':
    case '|':
    case '^': {
      const name = op === '&' ? 'and' : op === '|' ? 'or' : 'xor'
      return { low: builder.binary(name, a.low, b.low), high: builder.binary(name, a.high, b.high) }
    }
    case '*': {
      const { low, high } = productOf(fc, a.low, b.low)
      const crossed = builder.binary('add', builder.binary('mul', a.low, b.high), builder.binary('mul', a.high, b.low))
      return { low, high: builder.binary('add', high, crossed) }
    }
    default:
      return divide(fc, expr, op, a, b)
  }
}

/** Unsigned by a power of two is a shift or a mask; all else would be a call of a library function, which clang refuses too. */
function divide(fc: FunctionContext, expr: Expr, op: ArithmeticOp, a: Words, b: Words): Words {
  const { builder } = fc
  const type = expr.kind === 'compound_assign' ? expr.computation : expr.type
  const divisor = b.low.op === 'const' && b.high.op === 'const' ? (b.high.value << 64n) | b.low.value : 0n
  if (!isSigned(type) && divisor > 0n && (divisor & (divisor - 1n)) === 0n) {
    if (op === '/') return shift(fc, '>>', a, builder.const('i64', BigInt(divisor.toString(2).length - 1)), false)
    const mask = divisor - 1n
    return {
      low: builder.binary('and', a.low, builder.const('i64', BigInt.asUintN(64, mask))),
      high: builder.binary('and', a.high, builder.const('i64', mask >> 64n)),
    }
  }
  fc.module.error(
    'B0403',
    expr,
    'eBPF has no division of 128-bit integers, and no library function to call for it',
    'bring both sides to 64 bits first, or divide by a power of two',
  )
  return { low: builder.undef('i64'), high: builder.undef('i64') }
}

/** The unsigned product of two words, from products of halves, none of which can be too large. */
export function productOf(fc: FunctionContext, x: Value, y: Value): Words {
  const { builder } = fc
  const lowHalf = (value: Value) => builder.binary('and', value, builder.const('i64', 0xffff_ffffn))
  const highHalf = (value: Value) => builder.binary('lshr', value, builder.const('i64', 32))
  const product = (one: Value, two: Value) => builder.binary('mul', one, two)
  const sum = (one: Value, two: Value) => builder.binary('add', one, two)
  const middle = sum(product(highHalf(x), lowHalf(y)), highHalf(product(lowHalf(x), lowHalf(y))))
  const other = sum(product(lowHalf(x), highHalf(y)), lowHalf(middle))
  return { low: product(x, y), high: sum(product(highHalf(x), highHalf(y)), sum(highHalf(middle), highHalf(other))) }
}

/** Counts of 128 and more mean nothing in C. */
function shift(fc: FunctionContext, op: ArithmeticOp, value: Words, count: Value, signed: boolean): Words {
  const { builder } = fc
  const constant = (number: number) => builder.const('i64', number)
  const within = builder.binary('and', count, constant(63))
  // What leaves one word for the other: shifted once more than the mask allows, so that a count of 0 moves nothing.
  const left = builder.binary('xor', within, constant(63))
  const far = builder.icmp('ne', builder.binary('and', count, constant(64)), constant(0))
  if (op === '<<') {
    const moved = builder.binary('shl', value.low, within)
    const carried = builder.binary('lshr', builder.binary('lshr', value.low, constant(1)), left)
    const high = builder.binary('or', builder.binary('shl', value.high, within), carried)
    return { low: builder.select(far, constant(0), moved), high: builder.select(far, moved, high) }
  }
  const name = signed ? 'ashr' : 'lshr'
  const moved = builder.binary(name, value.high, within)
  const carried = builder.binary('shl', builder.binary('shl', value.high, constant(1)), left)
  const low = builder.binary('or', builder.binary('lshr', value.low, within), carried)
  const fill = signed ? builder.binary('ashr', value.high, constant(63)) : constant(0)
  return { low: builder.select(far, moved, low), high: builder.select(far, fill, moved) }
}

/** The integer type conversions to less than 128 bits: the low word, cut. */
export function narrowed(fc: FunctionContext, expr: Expr & { kind: 'convert' }): Value {
  const { low } = wordsOf(fc, expr.operand)
  fc.mark(expr)
  const { builder } = fc
  return expr.conversion === 'int_to_pointer'
    ? builder.cast('inttoptr', low, 'ptr')
    : builder.resize(low, irTypeOf(expr.type), false)
}
