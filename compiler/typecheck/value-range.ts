/**
 * How many bits the value of an integer expression can have, and whether it can be negative, as far as its form tells: what keeps
 * `-Wsign-compare` quiet where nothing can go wrong. After clang's rule of thumb (GetExprRange in its SemaChecking).
 */
import { bitFieldOf } from './nodes.js'
import { integerOf } from './type-facts.js'
import type { Expr } from './typed-ast.js'
import { boolType, type CType } from './types.js'

export interface ValueRange {
  /** Bits, the sign bit among them for values that can be negative. */
  readonly width: number
  readonly nonNegative: boolean
}

function ofType(type: CType): ValueRange {
  const integer = integerOf(type)
  if (!integer) return { width: 64, nonNegative: false }
  return integer === boolType ? { width: 1, nonNegative: true } : { width: integer.size * 8, nonNegative: !integer.signed }
}

const bitsOf = (value: bigint): number =>
  value < 0n ? (-value - 1n).toString(2).length + 1 : value === 0n ? 0 : value.toString(2).length

const join = (a: ValueRange, b: ValueRange): ValueRange => ({
  width: Math.max(a.width, b.width),
  nonNegative: a.nonNegative && b.nonNegative,
})

/** A range cut to what the type can hold. */
function within(range: ValueRange, type: CType): ValueRange {
  const whole = ofType(type)
  return range.width >= whole.width || (!range.nonNegative && whole.nonNegative) ? whole : range
}

export function rangeOf(expr: Expr): ValueRange {
  switch (expr.kind) {
    case 'int':
      return { width: bitsOf(expr.value), nonNegative: expr.value >= 0n }
    case 'load': {
      const bits = bitFieldOf(expr)?.field.bits
      const type = ofType(expr.type)
      return bits === undefined ? type : { width: bits, nonNegative: type.nonNegative }
    }
    case 'convert':
      return expr.conversion === 'int' || expr.conversion === 'same'
        ? within(rangeOf(expr.operand), expr.type)
        : ofType(expr.type)
    case 'compare':
    case 'logical':
    case 'not':
      return { width: 1, nonNegative: true }
    case 'conditional':
      return within(join(rangeOf(expr.then ?? expr.condition), rangeOf(expr.otherwise)), expr.type)
    case 'comma':
      return rangeOf(expr.right)
    case 'statement_expr':
      return expr.result ? rangeOf(expr.result) : ofType(expr.type)
    case 'arithmetic':
      return within(ofArithmetic(expr), expr.type)
    default:
      return ofType(expr.type)
  }
}

function ofArithmetic(expr: Expr & { kind: 'arithmetic' }): ValueRange {
  const a = rangeOf(expr.left)
  const b = rangeOf(expr.right)
  const nonNegative = a.nonNegative && b.nonNegative
  switch (expr.op) {
    case '&': {
      let width = Math.max(a.width, b.width)
      if (a.nonNegative) width = Math.min(width, a.width)
      if (b.nonNegative) width = Math.min(width, b.width)
      return { width, nonNegative: a.nonNegative || b.nonNegative }
    }
    case '|':
    case '^':
      return join(a, b)
    case '+':
      return { width: Math.max(a.width, b.width) + 1, nonNegative }
    case '*':
      return { width: a.width + b.width, nonNegative }
    case '%':
      return { width: Math.min(a.width, b.width), nonNegative }
    case '/':
      return { width: a.width, nonNegative }
    case '>>':
      if (expr.right.kind !== 'int' || expr.right.value < 0n) return a
      return { width: Math.max(a.nonNegative ? 0 : 1, a.width - Number(expr.right.value)), nonNegative: a.nonNegative }
    default:
      return ofType(expr.type)
  }
}
