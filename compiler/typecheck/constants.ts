/**
 * Evaluation of constant expressions over the typed tree: integers with the width of their types, and addresses of objects with
 * static storage plus an offset. Pure: what cannot be evaluated gives undefined, and the caller says why it wanted a constant.
 */
import { Qualifier } from '../parser/ast.js'
import { integerOf, sizeOf, wrap } from './type-facts.js'
import type { ArithmeticOp, CompareOp, ConstantValue, Expr, FunctionDecl, VarDecl } from './typed-ast.js'
import { type IntType, intType, qualifiersOf, unsignedLongType } from './types.js'

type StringExpr = Expr & { kind: 'string' }

export type Constant =
  | { readonly kind: 'int'; readonly value: bigint }
  /** A base of undefined is an absolute address: `(void *) 1`. */
  | { readonly kind: 'address'; readonly base: VarDecl | FunctionDecl | StringExpr | undefined; readonly offset: bigint }

export interface EvaluateOptions {
  /** Read `const` objects with a constant initialiser, as clang's folding does. */
  readonly constObjects?: boolean
  /** Let automatic objects be bases too (for `__builtin_object_size` and pointer comparison). */
  readonly automatic?: boolean
  /** The value is needed before any optimisation: `__builtin_constant_p` answers no. */
  readonly now?: boolean
}

const integer = (value: bigint, type: IntType | undefined): Constant => ({ kind: 'int', value: type ? wrap(value, type) : value })
const truth = (value: boolean): Constant => ({ kind: 'int', value: value ? 1n : 0n })

/** The value of an integer operation in a type's own arithmetic; undefined for a division by zero or a shift out of range. */
export function foldArithmetic(op: ArithmeticOp, a: bigint, b: bigint, type: IntType): bigint | undefined {
  switch (op) {
    case '+':
      return wrap(a + b, type)
    case '-':
      return wrap(a - b, type)
    case '*':
      return wrap(a * b, type)
    case '/':
      return b === 0n ? undefined : wrap(a / b, type)
    case '%':
      return b === 0n ? undefined : wrap(a % b, type)
    case '&':
      return wrap(a & b, type)
    case '|':
      return wrap(a | b, type)
    case '^':
      return wrap(a ^ b, type)
    case '<<':
      return b < 0n || b >= BigInt(type.size * 8) ? undefined : wrap(a << b, type)
    case '>>':
      return b < 0n || b >= BigInt(type.size * 8) ? undefined : wrap(a >> b, type)
  }
}

export function foldCompare(op: CompareOp, a: bigint, b: bigint): boolean {
  switch (op) {
    case '<':
      return a < b
    case '>':
      return a > b
    case '<=':
      return a <= b
    case '>=':
      return a >= b
    case '==':
      return a === b
    case '!=':
      return a !== b
  }
}

/** Whether a constant compares unequal to zero; undefined where the linker decides (a weak symbol). */
function truthOf(value: Constant): boolean | undefined {
  if (value.kind === 'int') return value.value !== 0n
  if (value.base === undefined) return value.offset !== 0n
  return value.base.kind !== 'string' && value.base.weak ? undefined : true
}

/** Whether an expression is surely true or surely false; undefined where that shows only at run time. */
export function constantTruth(expr: Expr): boolean | undefined {
  if (expr.kind === 'int') return expr.value !== 0n
  const value = evaluate(expr)
  return value && truthOf(value)
}

export function evaluate(expr: Expr, options: EvaluateOptions = {}): Constant | undefined {
  const sub = (operand: Expr): Constant | undefined => evaluate(operand, options)
  switch (expr.kind) {
    case 'int':
      return { kind: 'int', value: expr.value }
    case 'convert':
      return evaluateConversion(expr, options)
    case 'address':
      return addressOf(expr.object, options)
    case 'decay':
      return addressOf(expr.array, options)
    case 'preserve_access':
      return sub(expr.operand)
    case 'load':
      return options.constObjects ? readConstObject(expr.object, options) : undefined
    case 'negate':
    case 'complement': {
      const operand = sub(expr.operand)
      if (operand?.kind !== 'int') return undefined
      return integer(expr.kind === 'negate' ? -operand.value : ~operand.value, integerOf(expr.type))
    }
    case 'not': {
      const operand = sub(expr.operand)
      const value = operand && truthOf(operand)
      return value === undefined ? undefined : truth(!value)
    }
    case 'arithmetic': {
      const left = sub(expr.left)
      const right = left && sub(expr.right)
      if (!left || !right) return undefined
      const type = integerOf(expr.type)
      if (left.kind === 'int' && right.kind === 'int') {
        const value = type && foldArithmetic(expr.op, left.value, right.value, type)
        return value === undefined ? undefined : { kind: 'int', value }
      }
      // Integers that are addresses in disguise: `(u64) &x + 8`.
      if (expr.op === '+' || expr.op === '-') return offsetAddress(left, right, expr.op === '-')
      return undefined
    }
    case 'compare': {
      const left = sub(expr.left)
      const right = left && sub(expr.right)
      if (!left || !right) return undefined
      const a = left.kind === 'int' ? { kind: 'address' as const, base: undefined, offset: left.value } : left
      const b = right.kind === 'int' ? { kind: 'address' as const, base: undefined, offset: right.value } : right
      if (a.base === b.base) return truth(foldCompare(expr.op, a.offset, b.offset))
      if (expr.op !== '==' && expr.op !== '!=') return undefined
      if ((a.base === undefined && a.offset !== 0n) || (b.base === undefined && b.offset !== 0n)) return undefined
      const other = truthOf(a.base === undefined ? b : a)
      return other === undefined ? undefined : truth(expr.op === '!=')
    }
    case 'logical': {
      const left = sub(expr.left)
      const first = left && truthOf(left)
      if (first === undefined) return undefined
      if (first === (expr.op === '||')) return truth(first)
      const right = sub(expr.right)
      const second = right && truthOf(right)
      return second === undefined ? undefined : truth(second)
    }
    case 'conditional': {
      const condition = sub(expr.condition)
      const value = condition && truthOf(condition)
      if (value === undefined) return undefined
      if (!value) return sub(expr.otherwise)
      return expr.then ? sub(expr.then) : condition
    }
    case 'pointer_add': {
      const pointer = sub(expr.pointer)
      const offset = pointer && sub(expr.offset)
      if (!pointer || offset?.kind !== 'int') return undefined
      return offsetAddress(pointer, { kind: 'int', value: offset.value * BigInt(expr.elementSize) }, expr.subtract)
    }
    case 'pointer_diff': {
      const left = sub(expr.left)
      const right = left && sub(expr.right)
      if (left?.kind !== 'address' || right?.kind !== 'address' || left.base !== right.base || expr.elementSize === 0)
        return undefined
      return { kind: 'int', value: (left.offset - right.offset) / BigInt(expr.elementSize) }
    }
    case 'builtin':
      if (expr.name === 'expect') return sub(expr.args[0]!)
      // Where a constant is wanted now, what is not constant by now never will be.
      return expr.name === 'constant_p' && options.now ? truth(false) : undefined
    default:
      return undefined
  }
}

function offsetAddress(left: Constant, right: Constant, subtract: boolean): Constant | undefined {
  if (left.kind === 'int' && right.kind === 'address' && !subtract) return { ...right, offset: right.offset + left.value }
  if (left.kind === 'address' && right.kind === 'int')
    return { ...left, offset: left.offset + (subtract ? -right.value : right.value) }
  return undefined
}

function evaluateConversion(expr: Expr & { kind: 'convert' }, options: EvaluateOptions): Constant | undefined {
  const operand = evaluate(expr.operand, options)
  if (!operand) return undefined
  const type = integerOf(expr.type)
  switch (expr.conversion) {
    case 'int':
    case 'same':
      if (operand.kind === 'int') return integer(operand.value, type)
      return !type || type.size === 8 ? operand : undefined
    case 'to_bool': {
      const value = truthOf(operand)
      return value === undefined ? undefined : truth(value)
    }
    case 'pointer_to_int':
      if (operand.kind === 'int') return integer(operand.value, type)
      if (operand.base === undefined) return integer(operand.offset, type)
      return type?.size === 8 ? operand : undefined
    case 'int_to_pointer':
      return operand.kind === 'int' ? { kind: 'address', base: undefined, offset: BigInt.asUintN(64, operand.value) } : operand
    case 'pointer':
    case 'address_space':
      return operand
    case 'to_void':
      return undefined
  }
}

/** The address of the object that an lvalue denotes. */
export function addressOf(object: Expr, options: EvaluateOptions = {}): Constant | undefined {
  switch (object.kind) {
    case 'function':
      return { kind: 'address', base: object.decl, offset: 0n }
    case 'var':
    case 'compound_literal':
      return object.decl.storage === 'static' || options.automatic
        ? { kind: 'address', base: object.decl, offset: 0n }
        : undefined
    case 'string':
      return { kind: 'address', base: object, offset: 0n }
    case 'deref':
      return evaluate(object.pointer, options)
    case 'member': {
      const base = addressOf(object.base, options)
      return base && offsetAddress(base, { kind: 'int', value: BigInt(object.field.bitOffset >> 3) }, false)
    }
    case 'index': {
      const base = object.baseIsArray ? addressOf(object.base, options) : evaluate(object.base, options)
      const index = base && evaluate(object.index, options)
      if (!base || index?.kind !== 'int') return undefined
      return offsetAddress(base, { kind: 'int', value: index.value * BigInt(sizeOf(object.type)) }, false)
    }
    default:
      return undefined
  }
}

/** What a `const` integer object was initialised with. */
function readConstObject(object: Expr, options: EvaluateOptions): Constant | undefined {
  if (object.kind !== 'var' || !object.decl.init?.whole) return undefined
  const bits = qualifiersOf(object.decl.type)
  if (!(bits & Qualifier.const) || bits & Qualifier.volatile || !integerOf(object.decl.type) || object.decl.weak) return undefined
  const item = object.decl.init.items[0]
  return item && evaluate(item.value, options)
}

/** The value of an integer constant expression, in clang's sense (folding what it folds); undefined where it is none. */
export function integerConstant(expr: Expr): bigint | undefined {
  if (expr.kind === 'int') return expr.value
  const value = evaluate(expr, { now: true })
  return value?.kind === 'int' ? value.value : undefined
}

/** As `integerConstant`, where clang also reads `const` objects: case labels, enumerators, widths of bit fields, designators, assertions. */
export function foldedConstant(expr: Expr): bigint | undefined {
  if (expr.kind === 'int') return expr.value
  const value = evaluate(expr, { now: true, constObjects: true })
  return value?.kind === 'int' ? value.value : undefined
}

/**
 * The value a static initialiser stores, as object writers want it: an integer of the expression's type (an absolute address counts as
 * `unsigned long`), or an address of a symbol plus an offset in bytes. Undefined where the expression is no constant.
 */
export function constantValue(expr: Expr): ConstantValue | undefined {
  const value = evaluate(expr, { constObjects: true })
  if (!value) return undefined
  if (value.kind === 'int') return { kind: 'int', value: value.value, type: integerOf(expr.type) ?? intType }
  if (value.base === undefined) return { kind: 'int', value: BigInt.asUintN(64, value.offset), type: unsignedLongType }
  return { kind: 'address', base: value.base, offset: Number(value.offset) }
}
