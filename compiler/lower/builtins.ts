/** Builtin functions that did not fold to constants. Bit counting is spelled out in shifts and masks, as the machine has no instruction. */
import { type BinaryOp, bitsOf, type IrType, type Value } from '../ir/ir.js'
import type { BuiltinName, Expr } from '../typecheck/typed-ast.js'
import { canonical } from '../typecheck/types.js'
import { lowerValue } from './expressions.js'
import type { FunctionContext } from './function-context.js'
import { alignmentOf, irTypeOf, isSigned } from './ir-types.js'
import { lowerPlace } from './lvalues.js'
import { addressOf, isVolatile, storePlace, temporaryPlace } from './places.js'
import { productOf } from './wide-integers.js'

type BuiltinExpr = Expr & { kind: 'builtin' }

export function lowerBuiltin(fc: FunctionContext, expr: BuiltinExpr): Value | undefined {
  const { builder } = fc
  const { name, args } = expr
  switch (name) {
    case 'memcpy':
    case 'memmove':
    case 'memset':
    case 'memcmp':
      return memoryFunction(fc, expr, name)
    case 'expect':
      return lowerValue(fc, args[0]!)
    case 'unreachable':
    case 'trap':
      fc.mark(expr)
      if (name === 'trap') builder.inst('trap', 'void')
      builder.terminate({ kind: 'unreachable', loc: builder.loc })
      fc.startUnreachable()
      return undefined
    case 'assume':
      return undefined
    case 'constant_p':
      return constantP(fc, expr)
    case 'bswap16':
    case 'bswap32':
    case 'bswap64': {
      const type: IrType = name === 'bswap16' ? 'i16' : name === 'bswap32' ? 'i32' : 'i64'
      const value = builder.resize(lowerValue(fc, args[0]!), type, false)
      fc.mark(expr)
      return builder.resize(builder.bswap(value), irTypeOf(expr.type), false)
    }
    case 'popcount':
    case 'popcountll':
    case 'parity':
    case 'parityll':
    case 'clz':
    case 'clzll':
    case 'ctz':
    case 'ctzll':
    case 'ffs':
    case 'ffsll': {
      const value = lowerValue(fc, args[0]!)
      fc.mark(expr)
      return builder.resize(countBits(fc, name, value), irTypeOf(expr.type), false)
    }
    case 'abs': {
      const value = lowerValue(fc, args[0]!)
      fc.mark(expr)
      const sign = op(fc, 'ashr', value, bitsOf(value.type) - 1)
      return builder.binary('sub', builder.binary('xor', value, sign), sign)
    }
    case 'add_overflow':
    case 'sub_overflow':
    case 'mul_overflow':
      return overflow(fc, expr, name)
    case 'fence': {
      fc.mark(expr)
      // A signal fence only binds the compiler.
      builder.inst('fence', 'void').order = args.length > 0 ? 0 : 5
      return undefined
    }
    case 'load_byte':
    case 'load_half':
    case 'load_word': {
      const skb = lowerValue(fc, args[0]!)
      const offset = builder.resize(lowerValue(fc, args[1]!), 'i32', false)
      fc.mark(expr)
      const value = builder.inst('loadskb', 'i64', [skb, offset])
      value.size = name === 'load_byte' ? 1 : name === 'load_half' ? 2 : 4
      return builder.resize(value, irTypeOf(expr.type), false)
    }
    case 'strlen':
    case 'strcmp':
    case 'strncmp': {
      const values = args.map((arg, i) => (i < 2 ? lowerValue(fc, arg) : builder.resize(lowerValue(fc, arg), 'i64', false)))
      fc.mark(expr)
      return name === 'strlen' ? builder.inst('strlen', 'i64', values) : builder.inst('strcmp', 'i32', values)
    }
    case 'frame_address':
    case 'return_address':
      fc.module.error('B0403', expr, `__builtin_${name} has no meaning in eBPF`)
      return builder.undef(irTypeOf(expr.type))
  }
}

/** Known here, or asked again after inlining; what the argument does never happens. */
function constantP(fc: FunctionContext, expr: BuiltinExpr): Value {
  const { builder } = fc
  const [arg] = expr.args
  const type = irTypeOf(expr.type)
  const place = arg!.kind === 'convert' ? arg!.operand : arg!
  const simple =
    place.kind === 'load' &&
    place.object.kind === 'var' &&
    place.object.decl.storage === 'automatic' &&
    !isVolatile(place.object.type)
  if (!simple) return builder.const(type, fc.aside(() => lowerValue(fc, arg!)).op === 'const' ? 1 : 0)
  const value = lowerValue(fc, arg!)
  fc.mark(expr)
  if (value.op === 'const') return builder.const(type, 1)
  return builder.cast('zext', builder.inst('isconst', 'i1', [value]), type)
}

/** Size known, or left to be known after inlining: then it goes along as a third operand. */
function memoryFunction(fc: FunctionContext, expr: BuiltinExpr, name: 'memcpy' | 'memmove' | 'memset' | 'memcmp'): Value {
  const { builder } = fc
  const { value: first, align: firstAlign } = pointerWithAlign(fc, expr.args[0]!)
  let align = firstAlign
  let second: Value
  if (name === 'memset') second = builder.resize(lowerValue(fc, expr.args[1]!), 'i8', false)
  else {
    const source = pointerWithAlign(fc, expr.args[1]!)
    second = source.value
    align = Math.min(align, source.align)
  }
  const size = builder.resize(lowerValue(fc, expr.args[2]!), 'i64', false)
  fc.mark(expr)
  const value = builder.inst(name, name === 'memcmp' ? 'i32' : 'void', [first, second])
  if (size.op === 'const') value.size = Number(size.value)
  else value.args.push(size)
  value.align = align
  return name === 'memcmp' ? value : first
}

/** A pointer and what is known of its alignment: from the object it is taken of, or from the type behind a conversion to `void *`. */
function pointerWithAlign(fc: FunctionContext, expr: Expr): { readonly value: Value; readonly align: number } {
  let at = expr
  while (at.kind === 'convert' && (at.conversion === 'pointer' || at.conversion === 'same')) at = at.operand
  const object = at.kind === 'decay' ? at.array : at.kind === 'address' ? at.object : undefined
  if (object && object.kind !== 'function') {
    const place = lowerPlace(fc, object)
    return { value: addressOf(fc, place), align: place.align }
  }
  const value = lowerValue(fc, expr)
  const plain = canonical(at.type)
  const to = plain.kind === 'pointer' ? canonical(plain.to) : undefined
  return { value, align: !to || to.kind === 'void' || to.kind === 'function' ? 1 : alignmentOf(to) }
}

function op(fc: FunctionContext, name: BinaryOp, value: Value, by: bigint | number): Value {
  return fc.builder.binary(name, value, fc.builder.const(value.type, by))
}

function countBits(fc: FunctionContext, name: BuiltinName, value: Value): Value {
  const { builder } = fc
  const bits = bitsOf(value.type)
  if (name.startsWith('popcount')) return populationCount(fc, value)
  if (name.startsWith('parity')) return op(fc, 'and', populationCount(fc, value), 1)
  if (name.startsWith('clz')) {
    // Everything below the highest one becomes one; what stays zero is counted.
    let smeared = value
    for (let shift = 1; shift < bits; shift *= 2) smeared = builder.binary('or', smeared, op(fc, 'lshr', smeared, shift))
    return populationCount(fc, op(fc, 'xor', smeared, -1n))
  }
  // The ones below the lowest one: ~x & (x - 1).
  const below = builder.binary('and', op(fc, 'xor', value, -1n), op(fc, 'add', value, -1n))
  const zeros = populationCount(fc, below)
  if (name.startsWith('ctz')) return zeros
  const isZero = builder.icmp('eq', value, builder.const(value.type, 0))
  return builder.select(isZero, builder.const(value.type, 0), op(fc, 'add', zeros, 1))
}

function populationCount(fc: FunctionContext, value: Value): Value {
  const { builder } = fc
  let x = builder.binary('sub', value, op(fc, 'and', op(fc, 'lshr', value, 1), 0x5555555555555555n))
  x = builder.binary('add', op(fc, 'and', x, 0x3333333333333333n), op(fc, 'and', op(fc, 'lshr', x, 2), 0x3333333333333333n))
  x = op(fc, 'and', builder.binary('add', x, op(fc, 'lshr', x, 4)), 0x0f0f0f0f0f0f0f0fn)
  return op(fc, 'lshr', op(fc, 'mul', x, 0x0101010101010101n), bitsOf(value.type) - 8)
}

/**
 * Computes in the result's type and says whether the exact result does not fit. Operands narrower than 64 bits are computed with room to spare;
 * of 64-bit operands of one sign the usual tests are made, of others the exact result is worked out in two words.
 */
function overflow(fc: FunctionContext, expr: BuiltinExpr, name: 'add_overflow' | 'sub_overflow' | 'mul_overflow'): Value {
  const { builder } = fc
  const [a, b, to] = expr.args as [Expr, Expr, Expr]
  const pointer = canonical(to.type)
  const resultType = pointer.kind === 'pointer' ? pointer.to : a.type
  const left = lowerValue(fc, a)
  const right = lowerValue(fc, b)
  const address = lowerValue(fc, to)
  fc.mark(expr)
  const type = irTypeOf(resultType)
  const bits = bitsOf(type)
  const isSignedResult = isSigned(resultType)
  const signs = { x: isSigned(a.type), y: isSigned(b.type) }
  const operation = name === 'add_overflow' ? 'add' : name === 'sub_overflow' ? 'sub' : 'mul'
  const x = builder.resize(left, 'i64', signs.x)
  const y = builder.resize(right, 'i64', signs.y)
  const zero = builder.const('i64', 0)
  let result: Value
  let overflowed: Value
  if (bitsOf(left.type) <= 32 && bitsOf(right.type) <= 32) {
    const exact = builder.binary(operation, x, y)
    // The product of two unsigned words may fill all 64 bits; all other results have a sign.
    const unsigned = operation === 'mul' && !signs.x && !signs.y
    result = builder.resize(exact, type, false)
    if (unsigned && isSignedResult) overflowed = builder.icmp('ugt', exact, builder.const('i64', (1n << BigInt(bits - 1)) - 1n))
    else if (bits < 64) overflowed = builder.icmp('ne', builder.resize(result, 'i64', isSignedResult), exact)
    else if (isSignedResult || unsigned || (operation === 'add' && !signs.x && !signs.y)) overflowed = builder.const('i1', 0)
    else overflowed = builder.icmp('slt', exact, zero)
  } else if (signs.x !== isSignedResult || signs.y !== isSignedResult || bits < 64 || (operation === 'mul' && isSignedResult)) {
    const exact = twoWords(fc, operation, x, y, signs)
    result = builder.resize(exact.low, type, false)
    const low = builder.resize(result, 'i64', isSignedResult)
    const high = isSignedResult ? op(fc, 'ashr', low, 63) : zero
    const differs = builder.binary('or', builder.binary('xor', low, exact.low), builder.binary('xor', high, exact.high))
    overflowed = builder.icmp('ne', differs, zero)
  } else {
    result = builder.binary(operation, x, y)
    if (operation === 'mul') {
      const back = builder.binary('udiv', result, x)
      const differs = builder.cast('zext', builder.icmp('ne', back, y), 'i32')
      const nonZero = builder.cast('zext', builder.icmp('ne', x, zero), 'i32')
      overflowed = builder.icmp('ne', builder.binary('and', differs, nonZero), builder.const('i32', 0))
    } else if (!isSignedResult) overflowed = operation === 'add' ? builder.icmp('ult', result, x) : builder.icmp('ult', x, y)
    else {
      const first = builder.binary('xor', result, x)
      const second = operation === 'add' ? builder.binary('xor', result, y) : builder.binary('xor', x, y)
      overflowed = builder.icmp('slt', builder.binary('and', first, second), zero)
    }
  }
  storePlace(fc, temporaryPlace(address, resultType), result)
  return builder.cast('zext', overflowed, irTypeOf(expr.type))
}

/** The exact sum, difference or product of two 64-bit numbers, each with its own sign, as 128 bits of two's complement. */
function twoWords(
  fc: FunctionContext,
  operation: 'add' | 'sub' | 'mul',
  x: Value,
  y: Value,
  signs: { readonly x: boolean; readonly y: boolean },
): { readonly low: Value; readonly high: Value } {
  const { builder } = fc
  const zero = builder.const('i64', 0)
  const low = builder.binary(operation, x, y)
  const signOf = (value: Value, signed: boolean) => (signed ? op(fc, 'ashr', value, 63) : zero)
  const signX = signOf(x, signs.x)
  const signY = signOf(y, signs.y)
  if (operation !== 'mul') {
    const carry = builder.cast('zext', operation === 'add' ? builder.icmp('ult', low, x) : builder.icmp('ult', x, y), 'i64')
    return { low, high: builder.binary(operation, builder.binary(operation, signX, signY), carry) }
  }
  const { high: unsigned } = productOf(fc, x, y)
  // A negative operand was taken for itself plus 2^64.
  const tooMuch = builder.binary('add', builder.binary('and', signX, y), builder.binary('and', signY, x))
  return { low, high: builder.binary('sub', unsigned, tooMuch) }
}
