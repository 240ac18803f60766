/** `__sync_*`, `__atomic_*` and `__c11_atomic_*`: brought to one form, with the value's type taken from the pointer. */
import type { CallExpr } from './builtins.js'
import { argumentValues, emitBuiltin } from './builtins.js'
import { integerConstant } from './constants.js'
import type { Context } from './context.js'
import { assignConvert } from './conversions.js'
import { at, errorExpr, intExpr } from './nodes.js'
import { isInteger, isPointer, isVoid, pointerOf, sizeOf, unqualified } from './type-facts.js'
import type { Expr } from './typed-ast.js'
import { boolType, type CType, unsignedCharType, unsignedLongType, voidType } from './types.js'

type AtomicOp = (Expr & { kind: 'atomic' })['op']
type AtomicResult = (Expr & { kind: 'atomic' })['result']

/** How an atomic builtin's arguments stand, after the pointer. */
interface AtomicShape {
  readonly op: AtomicOp
  readonly result: AtomicResult
  /** `v` a value, `p` a pointer to the value, `e` the expected value, `E` a pointer to it, `r` where the result goes, `w` weak flag, `o` order. */
  readonly args: string
  /** The order where no argument gives it. */
  readonly order: number
}

const shape = (op: AtomicOp, result: AtomicResult, args: string, order = 5): AtomicShape => ({ op, result, args, order })

const shapes: Readonly<Record<string, AtomicShape>> = (() => {
  const table: Record<string, AtomicShape> = {
    __sync_bool_compare_and_swap: shape('compare_exchange', 'success', 'ev'),
    __sync_val_compare_and_swap: shape('compare_exchange', 'old', 'ev'),
    __sync_lock_test_and_set: shape('exchange', 'old', 'v', 2),
    __sync_swap: shape('exchange', 'old', 'v'),
    __sync_lock_release: shape('store', 'none', '0', 3),
    __atomic_load_n: shape('load', 'old', 'o'),
    __atomic_load: shape('load', 'old', 'ro'),
    __atomic_store_n: shape('store', 'none', 'vo'),
    __atomic_store: shape('store', 'none', 'po'),
    __atomic_exchange_n: shape('exchange', 'old', 'vo'),
    __atomic_exchange: shape('exchange', 'old', 'pro'),
    __atomic_compare_exchange_n: shape('compare_exchange', 'success', 'Evwoo'),
    __atomic_compare_exchange: shape('compare_exchange', 'success', 'Epwoo'),
    __c11_atomic_load: shape('load', 'old', 'o'),
    __c11_atomic_store: shape('store', 'none', 'vo'),
    __c11_atomic_exchange: shape('exchange', 'old', 'vo'),
    __c11_atomic_compare_exchange_strong: shape('compare_exchange', 'success', 'Evoo'),
    __c11_atomic_compare_exchange_weak: shape('compare_exchange', 'success', 'Evoo'),
  }
  for (const op of ['add', 'sub', 'and', 'or', 'xor', 'nand'] as const) {
    table[`__sync_fetch_and_${op}`] = shape(op, 'old', 'v')
    table[`__sync_${op}_and_fetch`] = shape(op, 'new', 'v')
    table[`__atomic_fetch_${op}`] = shape(op, 'old', 'vo')
    table[`__atomic_${op}_fetch`] = shape(op, 'new', 'vo')
    table[`__c11_atomic_fetch_${op}`] = shape(op, 'old', 'vo')
  }
  return table
})()

const others: ReadonlySet<string> = new Set([
  '__sync_synchronize',
  '__atomic_thread_fence',
  '__atomic_signal_fence',
  '__c11_atomic_thread_fence',
  '__c11_atomic_signal_fence',
  '__atomic_test_and_set',
  '__atomic_clear',
  '__atomic_always_lock_free',
  '__atomic_is_lock_free',
  '__c11_atomic_init',
])

const plainName = (name: string): string => name.replace(/^(__sync_\w+?)_(1|2|4|8|16)$/, '$1')

export const isAtomicName = (name: string): boolean =>
  (name.startsWith('__sync_') || name.startsWith('__atomic_') || name.startsWith('__c11_atomic_')) &&
  (plainName(name) in shapes || others.has(name))

export function checkAtomic(c: Context, expr: CallExpr, name: string): Expr {
  const known = shapes[plainName(name)]
  if (!known) return checkOther(c, expr, name)
  const wanted = 1 + known.args.replace('0', '').length
  // The __sync builtins take more arguments (the variables they protect) and ignore them.
  const values = argumentValues(c, expr, wanted, name.startsWith('__sync_') ? 99 : wanted)
  if (!values) return errorExpr(expr)
  const pointer = values[0]!
  const valueType = atomicTarget(c, expr, pointer)
  if (!valueType) return errorExpr(expr)
  if (name.startsWith('__sync_') && !isInteger(valueType) && !isPointer(valueType)) return notAtomic(c, expr, pointer)
  return build(c, expr, known, pointer, valueType, values.slice(1))
}

/** What the first argument points to, if atomic operations can work on it. */
function atomicTarget(c: Context, expr: CallExpr, pointer: Expr): CType | undefined {
  const type = pointerOf(pointer.type)
  if (!type || isVoid(type.to) || !c.complete(type.to)) {
    notAtomic(c, expr, pointer)
    return undefined
  }
  return unqualified(type.to)
}

function notAtomic(c: Context, expr: CallExpr, pointer: Expr): Expr {
  const what = isPointer(pointer.type) ? 'a pointer to integer or pointer' : 'a pointer'
  c.error('T0221', expr.callee, `address argument to atomic builtin must be ${what} (${c.quote(pointer.type)} invalid)`)
  return errorExpr(expr)
}

function build(c: Context, expr: CallExpr, known: AtomicShape, pointer: Expr, valueType: CType, rest: readonly Expr[]): Expr {
  let value: Expr | undefined
  let expected: Expr | undefined
  let resultPointer: Expr | undefined
  let order = known.order
  let orderSeen = false
  let next = 0
  for (const letter of known.args) {
    if (letter === '0') {
      value = assignConvert(c, intExpr(expr, 0n), valueType, { kind: 'assign' })
      continue
    }
    const arg = rest[next++]!
    switch (letter) {
      case 'v':
        value = operandOf(c, known.op, arg, valueType, next)
        break
      case 'p':
        value = loadThrough(c, arg)
        break
      case 'e':
        expected = assignConvert(c, arg, valueType, { kind: 'pass', index: next, callee: undefined })
        break
      case 'E':
        expected = arg
        break
      case 'r':
        resultPointer = arg
        break
      case 'o':
        if (!orderSeen) order = orderOf(arg)
        orderSeen = true
        break
      default:
        break
    }
  }
  if (value?.type.kind === 'error' || expected?.type.kind === 'error') return errorExpr(expr)
  const success = known.result === 'success'
  const type = known.result === 'none' ? voidType : success ? boolType : valueType
  const made: Expr = {
    kind: 'atomic',
    op: known.op,
    pointer,
    value,
    expected,
    expectedIsPointer: known.args.includes('E'),
    result: known.result,
    order,
    valueType,
    type,
    ...at(expr),
  }
  if (!resultPointer) return made
  const target = pointerOf(resultPointer.type)
  if (!target) return notAtomic(c, expr, resultPointer)
  const place: Expr = { kind: 'deref', pointer: resultPointer, type: target.to, ...at(expr) }
  const stored: Expr = { kind: 'assign', target: place, value: made, type: valueType, ...at(expr) }
  return { kind: 'convert', conversion: 'to_void', operand: stored, explicit: false, type: voidType, ...at(expr) }
}

/** The operand of an operation; adding to an atomic pointer takes a byte count. */
function operandOf(c: Context, op: AtomicOp, arg: Expr, valueType: CType, index: number): Expr {
  const arithmetic = op !== 'store' && op !== 'exchange' && op !== 'compare_exchange'
  const type = arithmetic && isPointer(valueType) ? unsignedLongType : valueType
  return assignConvert(c, arg, type, { kind: 'pass', index, callee: undefined })
}

function loadThrough(c: Context, pointer: Expr): Expr {
  const type = pointerOf(pointer.type)
  if (!type) {
    c.error('T0221', pointer, `argument of atomic builtin must be a pointer (${c.quote(pointer.type)} invalid)`)
    return errorExpr(pointer)
  }
  const object: Expr = { kind: 'deref', pointer, type: type.to, ...at(pointer) }
  return { kind: 'load', object, type: unqualified(type.to), ...at(pointer) }
}

/** C11's memory orders by number; consume counts as acquire. Unknown at compile time: the strongest. */
function orderOf(arg: Expr): number {
  const value = integerConstant(arg)
  return value === undefined || value < 0n || value > 5n ? 5 : Number(value)
}

function checkOther(c: Context, expr: CallExpr, name: string): Expr {
  if (name.endsWith('_fence') || name === '__sync_synchronize') {
    const values = argumentValues(c, expr, 0, 9)
    return values ? emitBuiltin(expr, 'fence', name.includes('signal') ? [intExpr(expr, 0n)] : [], voidType) : errorExpr(expr)
  }
  const values = argumentValues(c, expr, 1, 3)
  if (!values) return errorExpr(expr)
  if (name.endsWith('lock_free')) {
    const size = integerConstant(values[0]!)
    return intExpr(expr, size === 4n || size === 8n ? 1n : 0n, boolType)
  }
  const pointer = values[0]!
  const valueType = name === '__c11_atomic_init' ? atomicTarget(c, expr, pointer) : unsignedCharType
  if (!valueType || sizeOf(valueType) === 0) return errorExpr(expr)
  if (name === '__atomic_test_and_set')
    return build(c, expr, shape('exchange', 'old', 'vo'), pointer, valueType, [intExpr(expr, 1n), values[1] ?? intExpr(expr, 5n)])
  if (name === '__atomic_clear')
    return build(c, expr, shape('store', 'none', 'vo'), pointer, valueType, [intExpr(expr, 0n), values[1] ?? intExpr(expr, 5n)])
  return build(c, expr, shape('store', 'none', 'v', 0), pointer, valueType, values.slice(1))
}
