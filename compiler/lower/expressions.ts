/**
 * Expressions. Four ways to ask: for a scalar's value, for an aggregate put somewhere, for the effects only, and as a condition that
 * decides between two blocks (so that `a && b` never becomes a number that is compared again).
 */
import { InternalError, NotImplemented } from '../../base/outcome.js'
import { type BinaryOp, type Block, bitsOf, type Predicate, type Value } from '../ir/ir.js'
import type { ArithmeticOp, CompareOp, Expr } from '../typecheck/typed-ast.js'
import { type CType, canonical } from '../typecheck/types.js'
import { lowerAtomic } from './atomics.js'
import { cutToBits } from './bit-fields.js'
import { lowerBuiltin } from './builtins.js'
import { lowerCall } from './calls.js'
import { lowerCoreEnum, lowerCoreField, lowerCoreType } from './core-access.js'
import type { FunctionContext } from './function-context.js'
import { bytesOf, irTypeOf, isAggregate, isSigned, isWide } from './ir-types.js'
import { lowerPlace, spaceOfPointer } from './lvalues.js'
import {
  addressOf,
  copyPlace,
  isVolatile,
  loadPlace,
  loadWords,
  type Place,
  storePlace,
  storeWords,
  temporaryPlace,
} from './places.js'
import { closeScope, lowerStatement } from './statements.js'
import {
  assignCombined,
  chooseNonZero,
  compareWords,
  computesWords,
  narrowed,
  rightOf,
  wordsNonZero,
  wordsOf,
} from './wide-integers.js'

/** The value of a scalar expression. */
export function lowerValue(fc: FunctionContext, expr: Expr): Value {
  if (isWide(expr.type)) throw new NotImplemented('integers of 128 bits in this place')
  const value = scalarOf(fc, expr)
  if (!value) throw new InternalError(`an expression of kind ${expr.kind} has no value`)
  return value
}

/** Evaluates for effects. */
export function lowerEffect(fc: FunctionContext, expr: Expr): void {
  switch (expr.kind) {
    case 'convert':
      if (expr.conversion !== 'address_space') {
        lowerEffect(fc, expr.operand)
        return
      }
      break
    case 'comma':
      lowerEffect(fc, expr.left)
      lowerEffect(fc, expr.right)
      return
    case 'load':
      if (isAggregate(expr.type) || !isVolatile(expr.object.type)) {
        lowerPlaceEffects(fc, expr.object)
        return
      }
      break
    case 'conditional':
      lowerConditionalEffect(fc, expr)
      return
    case 'logical': {
      const right = fc.builder.newBlock()
      const after = fc.builder.newBlock()
      if (expr.op === '&&') lowerCondition(fc, expr.left, right, after)
      else lowerCondition(fc, expr.left, after, right)
      fc.builder.place(right)
      lowerEffect(fc, expr.right)
      fc.startBlock(after)
      return
    }
    case 'statement_expr':
      lowerStatementExpr(fc, expr, result => lowerEffect(fc, result))
      return
    case 'incdec':
      if (isWide(expr.type)) stepWords(fc, expr)
      else lowerIncDec(fc, expr, false)
      return
    case 'atomic':
      lowerAtomic(fc, expr, false)
      return
    case 'int':
    case 'function':
    case 'var':
    case 'string':
      return
    case 'member':
    case 'index':
    case 'deref':
    case 'compound_literal':
      lowerPlaceEffects(fc, expr)
      return
    default:
      break
  }
  if (isAggregate(expr.type) && expr.kind !== 'assign') {
    lowerToMemory(fc, expr, temporaryPlace(fc.temporary(expr.type), expr.type))
    return
  }
  scalarOf(fc, expr)
}

function lowerPlaceEffects(fc: FunctionContext, expr: Expr): void {
  if (expr.kind !== 'var' && expr.kind !== 'string') lowerPlace(fc, expr)
}

/** Puts an aggregate's value into a place that nothing in the expression refers to. */
export function lowerToMemory(fc: FunctionContext, expr: Expr, to: Place): void {
  const { builder } = fc
  if (isWide(expr.type) && computesWords(expr)) {
    storeWords(fc, to, wordsOf(fc, expr))
    return
  }
  switch (expr.kind) {
    case 'load':
      copyPlace(fc, to, lowerPlace(fc, expr.object), bytesOf(to.type))
      return
    case 'call':
      lowerCall(fc, expr, to)
      return
    case 'convert':
      lowerToMemory(fc, expr.operand, to)
      return
    case 'preserve_access': {
      const outer = fc.preserving
      fc.preserving = true
      lowerToMemory(fc, expr.operand, to)
      fc.preserving = outer
      return
    }
    case 'comma':
      lowerEffect(fc, expr.left)
      lowerToMemory(fc, expr.right, to)
      return
    case 'conditional': {
      if (!expr.then) {
        chooseNonZero(fc, expr.condition, expr.otherwise, to)
        return
      }
      const then = builder.newBlock()
      const otherwise = builder.newBlock()
      const after = builder.newBlock()
      lowerCondition(fc, expr.condition, then, otherwise)
      builder.place(then)
      lowerToMemory(fc, expr.then, to)
      builder.br(after)
      builder.place(otherwise)
      lowerToMemory(fc, expr.otherwise, to)
      fc.startBlock(after)
      return
    }
    case 'statement_expr':
      lowerStatementExpr(fc, expr, result => lowerToMemory(fc, result, to))
      return
    case 'assign': {
      const target = assignAggregate(fc, expr)
      copyPlace(fc, to, target)
      return
    }
    case 'compound_assign':
      copyPlace(fc, to, assignWords(fc, expr))
      return
    case 'incdec':
      storeWords(fc, to, stepWords(fc, expr))
      return
    default:
      copyPlace(fc, to, lowerPlace(fc, expr), bytesOf(to.type))
  }
}

/** Decides between two blocks; neither is placed. */
export function lowerCondition(fc: FunctionContext, expr: Expr, then: Block, otherwise: Block, likely?: boolean): void {
  const { builder } = fc
  switch (expr.kind) {
    case 'not':
      lowerCondition(fc, expr.operand, otherwise, then, likely === undefined ? undefined : !likely)
      return
    case 'logical': {
      const right = builder.newBlock()
      if (expr.op === '&&') lowerCondition(fc, expr.left, right, otherwise)
      else lowerCondition(fc, expr.left, then, right)
      builder.place(right)
      lowerCondition(fc, expr.right, then, otherwise, likely)
      return
    }
    case 'convert':
      // Widening a value or asking whether it is true changes nothing.
      if (expr.conversion === 'to_bool' || keepsTruth(expr)) {
        lowerCondition(fc, expr.operand, then, otherwise, likely)
        return
      }
      break
    case 'comma':
      lowerEffect(fc, expr.left)
      lowerCondition(fc, expr.right, then, otherwise, likely)
      return
    case 'builtin':
      if (expr.name === 'expect') {
        const expected = expr.args[1]
        const wanted = expected?.kind === 'convert' ? expected.operand : expected
        lowerCondition(fc, expr.args[0]!, then, otherwise, wanted?.kind === 'int' ? wanted.value !== 0n : likely)
        return
      }
      break
    default:
      break
  }
  const condition = truth(fc, expr)
  fc.mark(expr)
  builder.condbr(condition, then, otherwise, likely)
}

/** Whether the converted value is zero exactly when the operand is. */
function keepsTruth(expr: Expr & { kind: 'convert' }): boolean {
  if (expr.conversion === 'same' || expr.conversion === 'pointer') return true
  return expr.conversion === 'int' && (isTruth(expr.operand) || bytesOf(expr.type) >= bytesOf(expr.operand.type))
}

/** Whether the expression's value is 0 or 1 by what it is. */
function isTruth(expr: Expr): boolean {
  if (expr.kind === 'compare' || expr.kind === 'logical' || expr.kind === 'not') return true
  return (
    expr.kind === 'convert' && (expr.conversion === 'to_bool' || (expr.conversion !== 'pointer_to_int' && isTruth(expr.operand)))
  )
}

/** The expression compared with zero, as an i1. */
function truth(fc: FunctionContext, expr: Expr): Value {
  if (expr.kind === 'compare') return comparison(fc, expr)
  if (isWide(expr.type)) return wordsNonZero(fc, expr)
  return nonZero(fc, lowerValue(fc, expr))
}

function nonZero(fc: FunctionContext, value: Value): Value {
  const { builder } = fc
  if (value.type === 'i1') return value
  if (value.op === 'zext' && value.args[0]!.type === 'i1') return value.args[0]!
  // The machine compares words.
  const wide = value.type !== 'ptr' && bitsOf(value.type) < 32 ? builder.cast('zext', value, 'i32') : value
  return builder.icmp('ne', wide, builder.const(wide.type, 0))
}

// --- values ---

function scalarOf(fc: FunctionContext, expr: Expr): Value | undefined {
  const { builder } = fc
  switch (expr.kind) {
    case 'int':
      return builder.const(irTypeOf(expr.type), expr.value)
    case 'load': {
      const place = lowerPlace(fc, expr.object)
      fc.mark(expr)
      return loadPlace(fc, place)
    }
    case 'address': {
      if (expr.object.kind === 'function') return builder.funcAddress(fc.module.func(expr.object.decl))
      const place = lowerPlace(fc, expr.object)
      fc.mark(expr)
      return addressOf(fc, place)
    }
    case 'function':
      return builder.funcAddress(fc.module.func(expr.decl))
    case 'decay': {
      const place = lowerPlace(fc, expr.array)
      fc.mark(expr)
      return addressOf(fc, place)
    }
    case 'convert':
      return lowerConversion(fc, expr)
    case 'negate': {
      const value = lowerValue(fc, expr.operand)
      fc.mark(expr)
      return builder.binary('sub', builder.const(value.type, 0), value)
    }
    case 'complement': {
      const value = lowerValue(fc, expr.operand)
      fc.mark(expr)
      return builder.binary('xor', value, builder.const(value.type, -1n))
    }
    case 'not': {
      const value = truth(fc, expr.operand)
      fc.mark(expr)
      return builder.cast('zext', builder.not(value), irTypeOf(expr.type))
    }
    case 'arithmetic': {
      const left = lowerValue(fc, expr.left)
      const right = lowerValue(fc, expr.right)
      fc.mark(expr)
      return arithmetic(fc, expr.op, left, right, isSigned(expr.type))
    }
    case 'compare': {
      const value = comparison(fc, expr)
      return builder.cast('zext', value, irTypeOf(expr.type))
    }
    case 'pointer_add': {
      const pointer = lowerValue(fc, expr.pointer)
      const count = lowerValue(fc, expr.offset)
      fc.mark(expr)
      return pointerAdd(fc, pointer, count, expr.subtract, expr.elementSize)
    }
    case 'pointer_diff':
      return pointerDifference(fc, expr)
    case 'logical': {
      const after = builder.newBlock()
      const type = irTypeOf(expr.type)
      const yes = builder.newBlock()
      const no = builder.newBlock()
      lowerCondition(fc, expr, yes, no)
      builder.place(yes)
      builder.br(after, [builder.const(type, 1)])
      builder.place(no)
      builder.br(after, [builder.const(type, 0)])
      return joinHere(fc, after, type)
    }
    case 'conditional':
      return lowerConditional(fc, expr)
    case 'comma':
      lowerEffect(fc, expr.left)
      return scalarOf(fc, expr.right)
    case 'assign':
      return lowerAssign(fc, expr)
    case 'compound_assign':
      return lowerCompoundAssign(fc, expr)
    case 'incdec':
      return lowerIncDec(fc, expr, true)
    case 'call':
      return lowerCall(fc, expr, undefined)
    case 'statement_expr': {
      let value: Value | undefined
      lowerStatementExpr(fc, expr, result => {
        if (canonical(result.type).kind === 'void') lowerEffect(fc, result)
        else value = lowerValue(fc, result)
      })
      return value
    }
    case 'builtin':
      return lowerBuiltin(fc, expr)
    case 'atomic':
      return lowerAtomic(fc, expr, true)
    case 'core_field':
      return lowerCoreField(fc, expr)
    case 'core_type':
      fc.mark(expr)
      return lowerCoreType(fc, expr)
    case 'core_enum':
      fc.mark(expr)
      return lowerCoreEnum(fc, expr)
    case 'preserve_access': {
      const outer = fc.preserving
      fc.preserving = true
      const value = scalarOf(fc, expr.operand)
      fc.preserving = outer
      return value
    }
    case 'var':
    case 'string':
    case 'compound_literal':
    case 'deref':
    case 'member':
    case 'index': {
      // A member of a record value, or an lvalue whose load the tree left out.
      const place = lowerPlace(fc, expr)
      fc.mark(expr)
      return isAggregate(expr.type) ? addressOf(fc, place) : loadPlace(fc, place)
    }
  }
}

function joinHere(fc: FunctionContext, after: Block, type: Value['type']): Value {
  const param = fc.func.value('blockparam', type, [], fc.builder.loc)
  after.params.push(param)
  fc.builder.place(after)
  return param
}

function lowerConversion(fc: FunctionContext, expr: Expr & { kind: 'convert' }): Value | undefined {
  const { builder } = fc
  const { operand } = expr
  if (isWide(operand.type) && (expr.conversion === 'int' || expr.conversion === 'int_to_pointer')) return narrowed(fc, expr)
  switch (expr.conversion) {
    case 'to_void':
      lowerEffect(fc, operand)
      return undefined
    case 'same':
    case 'pointer':
      return scalarOf(fc, operand)
    case 'to_bool': {
      const value = truth(fc, operand)
      fc.mark(expr)
      return builder.cast('zext', value, irTypeOf(expr.type))
    }
    case 'int': {
      const value = lowerValue(fc, operand)
      fc.mark(expr)
      return builder.resize(value, irTypeOf(expr.type), isSigned(operand.type))
    }
    case 'pointer_to_int': {
      const value = lowerValue(fc, operand)
      fc.mark(expr)
      return builder.resize(builder.cast('ptrtoint', value, 'i64'), irTypeOf(expr.type), false)
    }
    case 'int_to_pointer': {
      const value = lowerValue(fc, operand)
      fc.mark(expr)
      return builder.cast('inttoptr', builder.resize(value, 'i64', isSigned(operand.type)), 'ptr')
    }
    case 'address_space': {
      const value = lowerValue(fc, operand)
      fc.mark(expr)
      const cast = builder.cast('addrspacecast', value, 'ptr')
      if (cast === value) return value
      // Which way: `size` is the space it comes from, `offset` the one it goes to.
      cast.size = spaceOfPointer(operand.type)
      cast.offset = spaceOfPointer(expr.type)
      return cast
    }
  }
}

const signedOps: Readonly<Record<ArithmeticOp, BinaryOp>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'sdiv',
  '%': 'srem',
  '<<': 'shl',
  '>>': 'ashr',
  '&': 'and',
  '|': 'or',
  '^': 'xor',
}
const unsignedOps: Readonly<Record<ArithmeticOp, BinaryOp>> = { ...signedOps, '/': 'udiv', '%': 'urem', '>>': 'lshr' }

function arithmetic(fc: FunctionContext, op: ArithmeticOp, left: Value, right: Value, isSignedOp: boolean): Value {
  const { builder } = fc
  // A shift's count has its own type.
  const count = right.type === left.type ? right : builder.resize(right, left.type, false)
  return builder.binary((isSignedOp ? signedOps : unsignedOps)[op], left, count)
}

const signedPredicates: Readonly<Record<CompareOp, Predicate>> = {
  '<': 'slt',
  '>': 'sgt',
  '<=': 'sle',
  '>=': 'sge',
  '==': 'eq',
  '!=': 'ne',
}
const unsignedPredicates: Readonly<Record<CompareOp, Predicate>> = {
  '<': 'ult',
  '>': 'ugt',
  '<=': 'ule',
  '>=': 'uge',
  '==': 'eq',
  '!=': 'ne',
}

function comparison(fc: FunctionContext, expr: Expr & { kind: 'compare' }): Value {
  if (isWide(expr.left.type)) return compareWords(fc, expr)
  const left = lowerValue(fc, expr.left)
  const right = lowerValue(fc, expr.right)
  fc.mark(expr)
  const table = isSigned(expr.left.type) ? signedPredicates : unsignedPredicates
  return fc.builder.icmp(table[expr.op], left, right)
}

function pointerAdd(fc: FunctionContext, pointer: Value, count: Value, subtract: boolean, elementSize: number): Value {
  const { builder } = fc
  let offset = builder.binary('mul', builder.resize(count, 'i64', true), builder.const('i64', elementSize))
  if (subtract) offset = builder.binary('sub', builder.const('i64', 0), offset)
  return builder.ptradd(pointer, offset)
}

/** The distance is a multiple of the element size: a shift, and for odd factors a multiplication by the inverse. */
function pointerDifference(fc: FunctionContext, expr: Expr & { kind: 'pointer_diff' }): Value {
  const { builder } = fc
  const left = lowerValue(fc, expr.left)
  const right = lowerValue(fc, expr.right)
  fc.mark(expr)
  let value = builder.binary('sub', builder.cast('ptrtoint', left, 'i64'), builder.cast('ptrtoint', right, 'i64'))
  let size = BigInt(expr.elementSize || 1)
  let shift = 0
  while ((size & 1n) === 0n) {
    size >>= 1n
    shift++
  }
  value = builder.binary('ashr', value, builder.const('i64', shift))
  if (size > 1n) {
    // Newton's iteration doubles the number of right bits each time; 3 are right at the start.
    let inverse = size
    for (let bits = 3; bits < 64; bits *= 2) inverse = BigInt.asUintN(64, inverse * (2n - size * inverse))
    value = builder.binary('mul', value, builder.const('i64', inverse))
  }
  return builder.resize(value, irTypeOf(expr.type), true)
}

// --- assignment ---

function lowerAssign(fc: FunctionContext, expr: Expr & { kind: 'assign' }): Value | undefined {
  if (isAggregate(expr.type)) {
    assignAggregate(fc, expr)
    return undefined
  }
  const value = lowerValue(fc, expr.value)
  const place = lowerPlace(fc, expr.target)
  fc.mark(expr)
  storePlace(fc, place, value)
  return place.bits ? cutToBits(fc, value, place.bits) : value
}

function assignAggregate(fc: FunctionContext, expr: Expr & { kind: 'assign' }): Place {
  let source: Place
  if (expr.value.kind === 'load') source = lowerPlace(fc, expr.value.object)
  else {
    // The value may depend on what the target holds: it is completed before the target is touched.
    source = temporaryPlace(fc.temporary(expr.value.type), expr.value.type)
    lowerToMemory(fc, expr.value, source)
  }
  const target = lowerPlace(fc, expr.target)
  fc.mark(expr)
  copyPlace(fc, target, source)
  return target
}

/** `op=` on a 128-bit object; where it stands. */
function assignWords(fc: FunctionContext, expr: Expr & { kind: 'compound_assign' }): Place {
  const operand = rightOf(fc, expr)
  const place = lowerPlace(fc, expr.target)
  fc.mark(expr)
  assignCombined(fc, expr, place, operand, loadWords(fc, place))
  return place
}

/** `++` and `--` on a 128-bit object; the value of the expression. */
function stepWords(fc: FunctionContext, expr: Expr & { kind: 'incdec' }) {
  const { builder } = fc
  const place = lowerPlace(fc, expr.target)
  fc.mark(expr)
  const old = loadWords(fc, place)
  const low = builder.binary('add', old.low, builder.const('i64', expr.increment ? 1 : -1))
  const carries = builder.icmp('eq', expr.increment ? low : old.low, builder.const('i64', 0))
  const high = builder.binary(expr.increment ? 'add' : 'sub', old.high, builder.cast('zext', carries, 'i64'))
  storeWords(fc, place, { low, high })
  return expr.prefix ? { low, high } : old
}

function lowerCompoundAssign(fc: FunctionContext, expr: Expr & { kind: 'compound_assign' }): Value {
  const { builder } = fc
  if (isWide(expr.computation)) {
    const right = rightOf(fc, expr)
    const target = lowerPlace(fc, expr.target)
    fc.mark(expr)
    const { low } = assignCombined(fc, expr, target, right, loadPlace(fc, target))
    const value = builder.resize(low, irTypeOf(expr.target.type), false)
    storePlace(fc, target, value)
    return target.bits ? cutToBits(fc, value, target.bits) : value
  }
  const operand = lowerValue(fc, expr.value)
  const place = lowerPlace(fc, expr.target)
  fc.mark(expr)
  const old = loadPlace(fc, place)
  let result: Value
  if (canonical(expr.computation).kind === 'pointer') result = pointerAdd(fc, old, operand, expr.op === '-', expr.elementSize)
  else {
    const wide = builder.resize(old, irTypeOf(expr.computation), isSigned(expr.target.type))
    const combined = arithmetic(fc, expr.op, wide, operand, isSigned(expr.computation))
    result = narrow(fc, combined, expr.target.type, isSigned(expr.computation))
  }
  storePlace(fc, place, result)
  return place.bits ? cutToBits(fc, result, place.bits) : result
}

/** A computed integer in the type of the object it goes to. */
function narrow(fc: FunctionContext, value: Value, type: CType, isSignedValue: boolean): Value {
  const plain = canonical(type)
  if (plain.kind === 'int' && plain.name === '_Bool') return fc.builder.cast('zext', nonZero(fc, value), 'i8')
  return fc.builder.resize(value, irTypeOf(type), isSignedValue)
}

function lowerIncDec(fc: FunctionContext, expr: Expr & { kind: 'incdec' }, wanted: boolean): Value {
  const { builder } = fc
  const place = lowerPlace(fc, expr.target)
  fc.mark(expr)
  const old = loadPlace(fc, place)
  let result: Value
  if (canonical(expr.target.type).kind === 'pointer')
    result = builder.ptraddConst(old, expr.increment ? expr.elementSize : -expr.elementSize)
  else {
    const wide = bitsOf(old.type) < 32 ? builder.resize(old, 'i32', isSigned(expr.target.type)) : old
    const sum = builder.binary('add', wide, builder.const(wide.type, expr.increment ? 1 : -1))
    result = narrow(fc, sum, expr.target.type, isSigned(expr.target.type))
  }
  storePlace(fc, place, result)
  if (!wanted || !expr.prefix) return old
  return place.bits ? cutToBits(fc, result, place.bits) : result
}

// --- choices and statements within expressions ---

function lowerConditional(fc: FunctionContext, expr: Expr & { kind: 'conditional' }): Value | undefined {
  const { builder } = fc
  if (canonical(expr.type).kind === 'void' || isAggregate(expr.type)) {
    if (isAggregate(expr.type)) lowerToMemory(fc, expr, temporaryPlace(fc.temporary(expr.type), expr.type))
    else lowerConditionalEffect(fc, expr)
    return undefined
  }
  const after = builder.newBlock()
  const otherwise = builder.newBlock()
  const then = builder.newBlock()
  const type = irTypeOf(expr.type)
  if (expr.then) {
    lowerCondition(fc, expr.condition, then, otherwise)
    builder.place(then)
    const value = lowerValue(fc, expr.then)
    builder.br(after, [value])
  } else {
    const value = lowerValue(fc, expr.condition)
    builder.condbr(nonZero(fc, value), then, otherwise)
    builder.place(then)
    builder.br(after, [
      type === 'ptr' || value.type === 'ptr' ? value : builder.resize(value, type, isSigned(expr.condition.type)),
    ])
  }
  builder.place(otherwise)
  const value = lowerValue(fc, expr.otherwise)
  builder.br(after, [value])
  return joinHere(fc, after, type)
}

function lowerConditionalEffect(fc: FunctionContext, expr: Expr & { kind: 'conditional' }): void {
  const { builder } = fc
  const after = builder.newBlock()
  const otherwise = builder.newBlock()
  const then = builder.newBlock()
  lowerCondition(fc, expr.condition, then, otherwise)
  builder.place(then)
  if (expr.then) lowerEffect(fc, expr.then)
  builder.br(after)
  builder.place(otherwise)
  lowerEffect(fc, expr.otherwise)
  fc.startBlock(after)
}

/** `({ … })`: the body with its scope; the result is evaluated before the scope's cleanups. */
function lowerStatementExpr(
  fc: FunctionContext,
  expr: Expr & { kind: 'statement_expr' },
  onResult: (result: Expr) => void,
): void {
  const { body, result } = expr
  const depth = fc.scopes.length
  // What is inside was written in a context of its own.
  const outer = fc.preserving
  fc.scopes.push({ node: body, cleanups: [], objects: [] })
  const last = body.body[body.body.length - 1]
  const lastIsResult = result !== undefined && last?.kind === 'expr' && last.expr === result
  const count = lastIsResult ? body.body.length - 1 : body.body.length
  for (let i = 0; i < count; i++) lowerStatement(fc, body.body[i]!)
  if (result) onResult(result)
  fc.preserving = outer
  closeScope(fc, depth)
}
