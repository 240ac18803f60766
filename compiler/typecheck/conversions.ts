/**
 * The conversions of C11 6.3: promotions, the usual arithmetic conversions, and what may be assigned to what, with the complaints
 * clang has about it.
 */
import { beginOf, type Place } from './report.js'
import { Qualifier } from '../parser/ast.js'
import { compatible, compatibleUnqualified } from './compatible.js'
import type { Context } from './context.js'
import { reportFloat } from './expressions.js'
import { bitsOfValue, convert, errorExpr, isNullPointerConstant } from './nodes.js'
import {
  integerOf,
  isArithmetic,
  isError,
  isFloat,
  isFunction,
  isInteger,
  isScalar,
  isVoid,
  unqualified,
  unsignedOf,
} from './type-facts.js'
import type { Expr } from './typed-ast.js'
import {
  boolType,
  type CType,
  canonical,
  type IntType,
  intType,
  type PointerType,
  qualifierMask,
  qualifiersOf,
  unsignedIntType,
} from './types.js'

/** The type an integer has after the integer promotions (C11 6.3.1.1p2). `bits` is the width of the bit field it comes from. */
export function promotedType(type: CType, bits: number | undefined): IntType | undefined {
  const integer = integerOf(type)
  if (!integer) return undefined
  if (bits !== undefined && integer !== boolType) {
    const intBits = intType.size * 8
    if (bits < intBits || (bits === intBits && integer.signed)) return intType
    if (bits === intBits) return unsignedIntType
  }
  return integer.rank < intType.rank ? intType : integer
}

export function promote(value: Expr): Expr {
  const type = promotedType(value.type, bitsOfValue(value))
  return type ? convert(value, type) : value
}

/** The common type of two promoted integer types (C11 6.3.1.8). */
export function commonInteger(a: IntType, b: IntType): IntType {
  if (a === b) return a
  if (a.signed === b.signed) return a.rank > b.rank ? a : b
  const [signed, unsigned] = a.signed ? [a, b] : [b, a]
  if (unsigned.rank >= signed.rank) return unsigned
  return signed.size > unsigned.size ? signed : unsignedOf(signed)
}

/** Both operands brought to their common type; they must be integers. */
export function arithmeticConversions(left: Expr, right: Expr): { left: Expr; right: Expr; type: IntType } {
  const a = promote(left)
  const b = promote(right)
  const type = commonInteger(integerOf(a.type) ?? intType, integerOf(b.type) ?? intType)
  return { left: convert(a, type), right: convert(b, type), type }
}

/** Where a value goes, for the words of the message. */
export type AssignReason =
  | { readonly kind: 'assign' }
  | { readonly kind: 'initialize' }
  | { readonly kind: 'pass'; readonly index: number; readonly callee: string | undefined }
  | { readonly kind: 'return'; readonly from: string }

function phrase(c: Context, why: AssignReason, target: CType, value: CType): string {
  const to = c.quote(target)
  const from = c.quote(value)
  switch (why.kind) {
    case 'assign':
      return `assigning to ${to} from ${from}`
    case 'initialize':
      return `initializing ${to} with an expression of type ${from}`
    case 'pass':
      return `passing ${from} to parameter of type ${to}`
    case 'return':
      return `returning ${from} from a function with result type ${to}`
  }
}

function incompatiblePhrase(c: Context, why: AssignReason, target: CType, value: CType): string {
  const to = c.quote(target)
  const from = c.quote(value)
  switch (why.kind) {
    case 'assign':
      return `assigning to ${to} from incompatible type ${from}`
    case 'initialize':
      return `initializing ${to} with an expression of incompatible type ${from}`
    case 'pass':
      return `passing ${from} to parameter of incompatible type ${to}`
    case 'return':
      return `returning ${from} from a function with incompatible result type ${to}`
  }
}

/** Says in a hint which argument of which function it is. */
const extrasFor = (why: AssignReason): { hint?: string } =>
  why.kind === 'pass' && why.callee ? { hint: `this is argument ${why.index + 1} of '${why.callee}'` } : {}

/** Converts a value as by assignment (C11 6.5.16.1); complains as clang does, and gives a value of the target's type in any case. */
export function assignConvert(c: Context, value: Expr, target: CType, why: AssignReason, place: Place = value): Expr {
  const to = canonical(target)
  const from = canonical(value.type)
  if (to.kind === 'error' || from.kind === 'error') return value
  const wanted = unqualified(target)
  if (isFloat(target) && isArithmetic(value.type)) {
    if (c.unevaluated === 0) reportFloat(c, place, target)
    return errorExpr(value)
  }
  if (isArithmetic(target) && isArithmetic(value.type)) {
    warnLostValue(c, value, wanted, why.kind === 'assign' ? place : beginOf(value))
    return convert(value, wanted)
  }
  if (to.kind === 'pointer') {
    if (from.kind === 'pointer') {
      if (!isNullPointerConstant(value)) checkPointers(c, value, target, to, from, why, place)
      return convert(value, wanted)
    }
    if (isInteger(value.type)) {
      if (!isNullPointerConstant(value))
        c.warn(
          'T0210',
          place,
          `incompatible integer to pointer conversion ${phrase(c, why, target, value.type)}`,
          'int-conversion',
          {
            ...extrasFor(why),
            notes: [],
          },
        )
      return convert(value, wanted)
    }
  }
  if (isInteger(target) && from.kind === 'pointer') {
    if (canonical(target) !== boolType)
      c.warn(
        'T0210',
        place,
        `incompatible pointer to integer conversion ${phrase(c, why, target, value.type)}`,
        'int-conversion',
        extrasFor(why),
      )
    return convert(value, wanted)
  }
  if (to.kind === 'record' && from === to) return value
  if (to.kind === 'void' && from.kind === 'void') return value
  c.error('T0208', place, incompatiblePhrase(c, why, target, value.type), extrasFor(why))
  return { kind: 'int', value: 0n, type: { kind: 'error' }, token: value.token, first: value.first, last: value.last }
}

function checkPointers(
  c: Context,
  value: Expr,
  target: CType,
  to: PointerType,
  from: PointerType,
  why: AssignReason,
  place: Place,
): void {
  if (to.space !== from.space) {
    c.error('T0222', place, `${phrase(c, why, target, value.type)} changes address space of pointer`, {
      hint: 'cast it: in an arena program `cast_kern(ptr)` and `cast_user(ptr)` say which one is meant',
    })
    return
  }
  const a = qualifiersOf(to.to) & qualifierMask
  const b = qualifiersOf(from.to) & qualifierMask
  const toVoid = isVoid(to.to)
  const fromVoid = isVoid(from.to)
  if (!toVoid && !fromVoid && !compatibleUnqualified(to.to, from.to)) {
    const left = integerOf(to.to)
    const right = integerOf(from.to)
    if (left && right && left !== right && unsignedOf(left) === unsignedOf(right)) {
      c.warn(
        'T0209',
        place,
        `${phrase(c, why, target, value.type)} converts between pointers to integer types ${signWords(left, right)}`,
        'pointer-sign',
        extrasFor(why),
      )
      return
    }
    if (nestedQualifiersOnly(to.to, from.to)) {
      c.warn(
        'T0211',
        place,
        `${phrase(c, why, target, value.type)} discards qualifiers in nested pointer types`,
        'incompatible-pointer-types-discards-qualifiers',
        extrasFor(why),
      )
      return
    }
    const functions = isFunction(to.to) && isFunction(from.to)
    const words = functions ? 'incompatible function pointer types' : 'incompatible pointer types'
    c.warn(
      'T0209',
      place,
      `${words} ${phrase(c, why, target, value.type)}`,
      functions ? 'incompatible-function-pointer-types' : 'incompatible-pointer-types',
      extrasFor(why),
    )
    return
  }
  if (b & ~a & (Qualifier.const | Qualifier.volatile | Qualifier.restrict))
    c.warn(
      'T0211',
      place,
      `${phrase(c, why, target, value.type)} discards qualifiers`,
      'incompatible-pointer-types-discards-qualifiers',
      extrasFor(why),
    )
}

function signWords(left: IntType, right: IntType): string {
  return left.name === 'char' || right.name === 'char'
    ? "where one is of the unique plain 'char' type and the other is not"
    : 'with different sign'
}

/** Pointers to pointers (to …) that differ in inner qualifiers alone. */
function nestedQualifiersOnly(a: CType, b: CType): boolean {
  let left = canonical(a)
  let right = canonical(b)
  if (left.kind !== 'pointer' || right.kind !== 'pointer') return false
  while (left.kind === 'pointer' && right.kind === 'pointer') {
    const l: CType = left.to
    const r: CType = right.to
    left = canonical(l)
    right = canonical(r)
  }
  return compatible(left, right)
}

/** `u8 x = 300;`: a constant that the target cannot hold. */
function warnLostValue(c: Context, value: Expr, target: CType, place: Place): void {
  if (value.kind !== 'int') return
  const type = integerOf(target)
  const from = integerOf(value.type)
  if (!type || !from || type === boolType || type.size >= from.size) return
  const kept = BigInt.asUintN(type.size * 8, value.value)
  const signedKept = BigInt.asIntN(type.size * 8, value.value)
  if (value.value === kept || value.value === signedKept) return
  c.warnRuntime(
    'T0304',
    place,
    `implicit conversion from ${c.quote(value.type)} to ${c.quote(target)} changes value from ${value.value} to ${type.signed ? signedKept : kept}`,
    'constant-conversion',
  )
}

/** A value used as a condition: any scalar. Complains about others and says so by undefined. */
export function checkCondition(c: Context, value: Expr, place: Place = value): Expr {
  if (isError(value.type)) return value
  if (isFloat(value.type)) {
    if (c.unevaluated === 0) reportFloat(c, value, value.type)
    return errorExpr(value)
  }
  if (isScalar(value.type)) return value
  c.error('T0216', place, `statement requires expression of scalar type (${c.quote(value.type)} invalid)`)
  return { kind: 'int', value: 0n, type: { kind: 'error' }, token: value.token, first: value.first, last: value.last }
}

/** The default argument promotions, for arguments without a prototype (C11 6.5.2.2p6). */
export const defaultPromote = (value: Expr): Expr => (isInteger(value.type) ? promote(value) : value)
