/** Making expression nodes: places, conversions with folding of constants, loads, addresses and decays. */
import { compatible } from './compatible.js'
import { floatConstant, floatExpr, numericConstant } from './floats.js'
import type { Place } from './report.js'
import { integerOf, isVoid, pointerOf, pointerTo, unqualified, wrap } from './type-facts.js'
import type { Conversion, Expr } from './typed-ast.js'
import { boolType, type CType, canonical, intType, longType, qualifiersOf, unsignedLongType, voidType } from './types.js'

export type IntExpr = Expr & { kind: 'int' }

export const at = (place: Place): Place => ({ token: place.token, first: place.first, last: place.last })

/** From the start of one node to the end of another, pointing at a third. */
export const spanning = (first: Place, last: Place, token = first.token): Place => ({
  token,
  first: first.first,
  last: last.last,
})

export function intExpr(place: Place, value: bigint, type: CType = intType): IntExpr {
  const integer = integerOf(type)
  return {
    kind: 'int',
    value: integer ? wrap(value, integer) : value,
    type,
    token: place.token,
    first: place.first,
    last: place.last,
  }
}

/** A value that takes the place of one that could not be made; keeps later checks quiet. */
export const errorExpr = (place: Place): Expr => ({ kind: 'int', value: 0n, type: { kind: 'error' }, ...at(place) })

/** Whether the node denotes an object. */
export function isLvalue(expr: Expr): boolean {
  switch (expr.kind) {
    case 'var':
    case 'deref':
    case 'index':
    case 'string':
    case 'compound_literal':
      return true
    case 'member':
      return isLvalue(expr.base)
    default:
      return false
  }
}

/** Nodes that stand for an object and need a `load` to give a value: lvalues, and members of record values. */
export const isObject = (expr: Expr): boolean => expr.kind === 'member' || isLvalue(expr)

/** The bit field that an expression loads from or denotes, if it does. */
export function bitFieldOf(expr: Expr): (Expr & { kind: 'member' }) | undefined {
  const object = expr.kind === 'load' ? expr.object : expr
  return object.kind === 'member' && object.field.bits !== undefined ? object : undefined
}

/**
 * Bits of the bit field whose value an expression has: also of one that it assigns to, steps before reading, or has behind a comma. Such a value
 * is promoted by its width as the field itself is (clang and gcc agree; C11 6.3.1.1 only speaks of the field). Undefined for all else.
 */
export function bitsOfValue(expr: Expr): number | undefined {
  switch (expr.kind) {
    case 'comma':
      return bitsOfValue(expr.right)
    case 'assign':
    case 'compound_assign':
      return bitsOfValue(expr.target)
    case 'incdec':
      return expr.prefix ? bitsOfValue(expr.target) : undefined
    default:
      return bitFieldOf(expr)?.field.bits
  }
}

/** Notes that the address of the variable at the root of an lvalue escapes. */
export function markAddressTaken(expr: Expr): void {
  let object = expr
  for (;;) {
    if (object.kind === 'member') object = object.base
    else if (object.kind === 'index' && object.baseIsArray) object = object.base
    else if (object.kind === 'load') object = object.object
    else break
  }
  if (object.kind === 'var' || object.kind === 'compound_literal') object.decl.addressTaken = true
}

/** The value an expression has where a value is wanted: arrays and functions become pointers, objects are loaded. */
export function rvalue(expr: Expr): Expr {
  if (expr.kind === 'function') return { kind: 'address', object: expr, type: pointerTo(expr.type), ...at(expr) }
  const plain = canonical(expr.type)
  if (plain.kind === 'array') {
    markAddressTaken(expr)
    const element = qualifiersOf(expr.type) ? elementOf(expr.type) : plain.element
    return { kind: 'decay', array: expr, type: pointerTo(element), ...at(expr) }
  }
  // A dereferenced function pointer is the function again.
  if (plain.kind === 'function') return expr.kind === 'deref' ? expr.pointer : expr
  if (!isObject(expr)) return expr
  return { kind: 'load', object: expr, type: unqualified(expr.type), ...at(expr) }
}

/** The element type of an array type, with the qualifiers the array has through typedefs. */
export function elementOf(type: CType): CType {
  const plain = canonical(type)
  if (plain.kind !== 'array') return type
  const bits = qualifiersOf(type)
  if (bits === qualifiersOf(plain.element)) return plain.element
  return { kind: 'qualified', of: plain.element, qualifiers: bits }
}

const make = (operand: Expr, type: CType, conversion: Conversion, explicit: boolean): Expr => ({
  kind: 'convert',
  conversion,
  operand,
  explicit,
  type,
  ...at(operand),
})

/**
 * Brings a value to a type, whatever it takes; whether C allows it was asked before. Integers go to pointers, and pointers to integers,
 * through a 64-bit integer.
 */
export function convert(value: Expr, type: CType, explicit = false): Expr {
  const from = canonical(value.type)
  const to = canonical(type)
  if (from.kind === 'error' || to.kind === 'error') return value
  if (to.kind === 'void') return from.kind === 'void' ? value : make(value, voidType, 'to_void', explicit)
  // A cast makes an ordinary value of a bit field: it is not promoted by its width any more.
  if (from === to && explicit && bitFieldOf(value)) return make(value, type, 'same', true)
  if (from === to) return value.type === type || !explicit ? value : retyped(value, type)
  const target = integerOf(type)
  if (to.kind === 'float') {
    const number = numericConstant(value)
    return number === undefined
      ? make(value, type, 'same', explicit)
      : floatExpr(value, to.size === 4 ? Math.fround(number) : number, type)
  }
  if (target) {
    if (target === boolType && to.kind === 'int') {
      const float = floatConstant(value)
      if (float !== undefined) return intExpr(value, float === 0 ? 0n : 1n, type)
      if (value.kind === 'int') return intExpr(value, value.value === 0n ? 0n : 1n, type)
      return make(value, type, 'to_bool', explicit)
    }
    if (from.kind === 'pointer') {
      const wide = target.size === 8 && to.kind === 'int' ? type : unsignedLongType
      const number = make(value, wide, 'pointer_to_int', explicit)
      return wide === type ? number : make(number, type, 'int', explicit)
    }
    const float = from.kind === 'float' ? floatConstant(value) : undefined
    if (float !== undefined) return intExpr(value, Number.isFinite(float) ? BigInt(Math.trunc(float)) : 0n, type)
    if (value.kind === 'int') return intExpr(value, value.value, type)
    const source = integerOf(value.type)
    return make(value, type, source === target ? 'same' : 'int', explicit)
  }
  if (to.kind === 'pointer') {
    if (from.kind === 'pointer') {
      if (from.space !== to.space) return make(value, type, 'address_space', explicit)
      if (!explicit && compatible(from.to, to.to)) return value
      return make(value, type, 'pointer', explicit)
    }
    const source = integerOf(value.type)
    if (source) {
      const wide = source.signed ? longType : unsignedLongType
      return make(source.size === 8 ? value : convert(value, wide), type, 'int_to_pointer', explicit)
    }
  }
  return make(value, type, 'same', explicit)
}

function retyped(value: Expr, type: CType): Expr {
  return value.kind === 'int' ? intExpr(value, value.value, type) : make(value, type, 'same', true)
}

/** An integer constant 0, or such a constant cast to `void *`. */
export function isNullPointerConstant(value: Expr): boolean {
  if (value.kind === 'int') return value.value === 0n && canonical(value.type).kind !== 'error'
  if (value.kind !== 'convert' || value.conversion !== 'int_to_pointer' || !value.explicit) return false
  const pointer = pointerOf(value.type)
  return pointer !== undefined && isVoid(pointer.to) && qualifiersOf(pointer.to) === 0 && isNullPointerConstant(value.operand)
}
