/**
 * Calls: of functions of the unit and kernel functions by name, of helpers through constant function pointers (`(void *)6`), and of what only
 * turns out to be known later.
 */
import type { Func, Value } from '../ir/ir.js'
import { Qualifier } from '../parser/ast.js'
import type { Expr } from '../typecheck/typed-ast.js'
import { canonical, qualifiersOf } from '../typecheck/types.js'
import { lowerToMemory, lowerValue } from './expressions.js'
import type { FunctionContext } from './function-context.js'
import { passingOf, returnsByAddress, wordBytes } from './functions.js'
import { bytesOf, irTypeOf, isAggregate, isSigned } from './ir-types.js'
import { lowerPlace } from './lvalues.js'
import { addressOf, copyPlace, type Place, temporaryPlace } from './places.js'

/** A call; `to` takes a record result. The value is undefined for void and records. */
export function lowerCall(fc: FunctionContext, expr: Expr & { kind: 'call' }, to: Place | undefined): Value | undefined {
  const { builder } = fc
  const { functionType } = expr
  let target: Func | undefined
  let helper: number | undefined
  let pointer: Value | undefined
  const callee = directCallee(expr.callee)
  if (callee) target = fc.module.func(callee)
  else {
    helper = helperNumber(expr.callee)
    if (helper === undefined) pointer = lowerValue(fc, expr.callee)
  }

  const args: Value[] = []
  if (returnsByAddress(functionType))
    args.push(addressOf(fc, to ?? temporaryPlace(fc.temporary(functionType.result), functionType.result)))
  const taken = callee?.body && callee.type.variadic ? callee.type.params.length : expr.args.length
  expr.args.forEach((arg, i) => {
    const values = lowerArgument(fc, arg)
    if (i < taken) args.push(...values)
  })
  fc.mark(expr)
  const passing = returnsByAddress(functionType) ? undefined : passingOf(functionType.result)
  const type = passing?.kind === 'scalar' ? passing.type : 'void'
  let call: Value
  if (target) {
    call = builder.inst('call', type, args)
    call.func = target
  } else if (helper !== undefined) {
    call = builder.inst('callhelper', type, args)
    call.helper = helper
  } else call = builder.inst('callindirect', type, [pointer!, ...args])
  if (callee?.noReturn) {
    builder.terminate({ kind: 'unreachable', loc: builder.loc })
    fc.startUnreachable()
  }
  if (type === 'void') return undefined
  const wanted = irTypeOf(functionType.result)
  return wanted === type ? call : builder.cast('trunc', call, wanted)
}

function lowerArgument(fc: FunctionContext, arg: Expr): Value[] {
  const { builder } = fc
  if (!isAggregate(arg.type)) {
    const value = lowerValue(fc, arg)
    return [
      value.type === 'i8' || value.type === 'i16' || value.type === 'i1'
        ? builder.resize(value, 'i32', isSigned(arg.type))
        : value,
    ]
  }
  const passing = passingOf(arg.type)
  if (passing.kind === 'none') return []
  if (passing.kind === 'address') {
    const copy = temporaryPlace(fc.temporary(arg.type), arg.type)
    lowerToMemory(fc, arg, copy)
    return [copy.base]
  }
  if (passing.kind !== 'words') return [lowerValue(fc, arg)]
  // Whole registers are read from a copy with room to the end of the last one.
  const width = wordBytes(passing.types)
  const copy = builder.alloca(width, 8)
  builder.begin(copy)
  const place: Place = { ...temporaryPlace(copy, arg.type), align: 8 }
  if (bytesOf(arg.type) < width) builder.memory('memset', copy, builder.const('i8', 0), width, 8)
  if (arg.kind === 'load') copyPlace(fc, place, lowerPlace(fc, arg.object))
  else lowerToMemory(fc, arg, place)
  return passing.types.map((type, i) => builder.load(type, copy, i * 8, type === 'i32' ? 4 : 8))
}

function directCallee(callee: Expr): (Expr & { kind: 'function' })['decl'] | undefined {
  if (callee.kind === 'function') return callee.decl
  if (callee.kind === 'address') return directCallee(callee.object)
  if (callee.kind === 'convert' && callee.conversion === 'same') return directCallee(callee.operand)
  return undefined
}

/** The helper a constant function pointer stands for: a cast number, or a `const` variable initialised with one. */
export function helperNumber(callee: Expr): number | undefined {
  const constant = constantInteger(callee)
  if (constant !== undefined) return Number(constant)
  const object =
    callee.kind === 'load'
      ? callee.object
      : callee.kind === 'convert' && callee.operand.kind === 'load'
        ? callee.operand.object
        : undefined
  if (object?.kind !== 'var') return undefined
  const { decl } = object
  if ((qualifiersOf(decl.type) & Qualifier.const) === 0 || (qualifiersOf(decl.type) & Qualifier.volatile) !== 0) return undefined
  const item = decl.init?.items[0]
  if (!item || canonical(decl.type).kind !== 'pointer') return undefined
  const value = constantInteger(item.value)
  return value === undefined ? undefined : Number(value)
}

function constantInteger(expr: Expr): bigint | undefined {
  if (expr.kind === 'int') return expr.value
  if (
    expr.kind === 'convert' &&
    (expr.conversion === 'int_to_pointer' ||
      expr.conversion === 'int' ||
      expr.conversion === 'same' ||
      expr.conversion === 'pointer')
  )
    return constantInteger(expr.operand)
  return undefined
}
