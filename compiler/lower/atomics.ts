/** Atomic operations. Loads and stores are ordinary accesses that nothing may leave out; the rest is the machine's read-modify-write. */
import { bitsOf, type Value } from '../ir/ir.js'
import type { Expr } from '../typecheck/typed-ast.js'
import { lowerValue } from './expressions.js'
import type { FunctionContext } from './function-context.js'
import { bytesOf, irTypeOf, isSigned } from './ir-types.js'
import { spaceOfPointer } from './lvalues.js'
import { fromSpace } from './places.js'

/** `wanted`: whether anybody looks at the result; the forms that fetch the old value cost more. */
export function lowerAtomic(fc: FunctionContext, expr: Expr & { kind: 'atomic' }, wanted: boolean): Value | undefined {
  const { builder } = fc
  const pointer = fromSpace(fc, lowerValue(fc, expr.pointer), spaceOfPointer(expr.pointer.type))
  const type = irTypeOf(expr.valueType)
  const bytes = bytesOf(expr.valueType)
  const operand = (from: Expr): Value => {
    const value = lowerValue(fc, from)
    if (value.type === type) return value
    if (type === 'ptr') return builder.cast('inttoptr', builder.resize(value, 'i64', false), 'ptr')
    if (value.type === 'ptr') return builder.resize(builder.cast('ptrtoint', value, 'i64'), type, false)
    return builder.resize(value, type, isSigned(from.type))
  }
  switch (expr.op) {
    case 'load': {
      fc.mark(expr)
      const value = builder.load(type, pointer, 0, bytes, true)
      value.order = expr.order
      return value
    }
    case 'store': {
      const value = operand(expr.value!)
      fc.mark(expr)
      builder.store(pointer, value, 0, bytes, true).order = expr.order
      return undefined
    }
    case 'compare_exchange':
      return compareExchange(fc, expr, pointer, operand)
    case 'nand':
      fc.module.error('B0405', expr, 'eBPF has no atomic nand')
      return builder.undef(type)
    default: {
      const value = operand(expr.value!)
      fc.mark(expr)
      if (bitsOf(type) < 32) {
        fc.module.error('B0405', expr, `eBPF has no atomic operations on ${bitsOf(type)} bits`, 'use a 32-bit or 64-bit object')
        return builder.undef(type)
      }
      const operation = expr.op === 'exchange' ? 'xchg' : expr.op
      const fetch = (wanted && expr.result !== 'none') || operation === 'xchg'
      const old = builder.inst('atomicrmw', fetch ? type : 'void', [pointer, value])
      old.atomic = operation
      old.fetch = fetch
      old.order = expr.order
      old.align = bytes
      if (!fetch) return undefined
      return expr.result === 'new' && operation !== 'xchg' ? builder.binary(operation, old, value) : old
    }
  }
}

function compareExchange(
  fc: FunctionContext,
  expr: Expr & { kind: 'atomic' },
  pointer: Value,
  operand: (from: Expr) => Value,
): Value | undefined {
  const { builder } = fc
  const type = irTypeOf(expr.valueType)
  const bytes = bytesOf(expr.valueType)
  const expectedAddress = expr.expectedIsPointer ? lowerValue(fc, expr.expected!) : undefined
  const expected = expectedAddress ? builder.load(type, expectedAddress, 0, bytes) : operand(expr.expected!)
  const desired = operand(expr.value!)
  fc.mark(expr)
  const old = builder.inst('cmpxchg', type, [pointer, expected, desired])
  old.order = expr.order
  old.align = bytes
  old.fetch = true
  if (!expectedAddress && expr.result !== 'success') return old
  const success = builder.icmp('eq', old, expected)
  if (expectedAddress) {
    const failed = builder.newBlock()
    const after = builder.newBlock()
    builder.condbr(success, after, failed)
    builder.place(failed)
    builder.store(expectedAddress, old, 0, bytes)
    fc.startBlock(after)
  }
  return builder.cast('zext', success, irTypeOf(expr.type))
}
