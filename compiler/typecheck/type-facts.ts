/** Questions about types, and the small constructors of derived ones. Nothing here knows about scopes or diagnostics. */
import {
  boolType,
  type CanonicalType,
  type CType,
  canonical,
  charType,
  type EnumType,
  type FunctionType,
  type IntType,
  int128Type,
  intType,
  longLongType,
  longType,
  type PointerType,
  qualifiersOf,
  type RecordType,
  shortType,
  signedCharType,
  spaceShift,
  unsignedCharType,
  unsignedInt128Type,
  unsignedIntType,
  unsignedLongLongType,
  unsignedLongType,
  unsignedShortType,
} from './types.js'

export const isVoid = (type: CType): boolean => canonical(type).kind === 'void'
export const isError = (type: CType): boolean => canonical(type).kind === 'error'
export const isFloat = (type: CType): boolean => canonical(type).kind === 'float'

/** Integers, enums and `_Bool`. */
export function isInteger(type: CType): boolean {
  const { kind } = canonical(type)
  return kind === 'int' || kind === 'enum'
}

export function isArithmetic(type: CType): boolean {
  const { kind } = canonical(type)
  return kind === 'int' || kind === 'enum' || kind === 'float'
}

export function isScalar(type: CType): boolean {
  const { kind } = canonical(type)
  return kind === 'int' || kind === 'enum' || kind === 'pointer' || kind === 'float'
}

export const isPointer = (type: CType): boolean => canonical(type).kind === 'pointer'
export const isArray = (type: CType): boolean => canonical(type).kind === 'array'
export const isRecord = (type: CType): boolean => canonical(type).kind === 'record'
export const isFunction = (type: CType): boolean => canonical(type).kind === 'function'

export function pointerOf(type: CType): PointerType | undefined {
  const plain = canonical(type)
  return plain.kind === 'pointer' ? plain : undefined
}

export function recordOf(type: CType): RecordType | undefined {
  const plain = canonical(type)
  return plain.kind === 'record' ? plain : undefined
}

export function functionOf(type: CType): FunctionType | undefined {
  const plain = canonical(type)
  return plain.kind === 'function' ? plain : undefined
}

/** The integer type that values of the type have: itself, or an enum's underlying one. */
export function integerOf(type: CType): IntType | undefined {
  const plain = canonical(type)
  if (plain.kind === 'int') return plain
  return plain.kind === 'enum' ? plain.underlying : undefined
}

export function enumOf(type: CType): EnumType | undefined {
  const plain = canonical(type)
  return plain.kind === 'enum' ? plain : undefined
}

/** The address space an object of the type lives in. */
export const spaceOf = (type: CType): number => qualifiersOf(type) >> spaceShift

const pointers = new WeakMap<CType, PointerType>()

/** Pointer to a type; its address space is that of the pointee. One object for each pointee object. */
export function pointerTo(to: CType): PointerType {
  const known = pointers.get(to)
  if (known) return known
  const made: PointerType = { kind: 'pointer', to, space: spaceOf(to) }
  pointers.set(to, made)
  return made
}

export const voidPointer = pointerTo({ kind: 'void' })

/** The type with more qualifiers; the same object where they are there already. */
export function withQualifiers(type: CType, qualifiers: number): CType {
  if ((qualifiersOf(type) & qualifiers) === qualifiers) return type
  const plain = canonical(type)
  if (plain.kind === 'array') return { kind: 'array', element: withQualifiers(plain.element, qualifiers), count: plain.count }
  if (type.kind === 'qualified') return { kind: 'qualified', of: type.of, qualifiers: type.qualifiers | qualifiers }
  return { kind: 'qualified', of: type, qualifiers }
}

/** The type of a value: no qualifiers at the top; typedef names are kept where nothing has to be taken off below them. */
export function unqualified(type: CType): CType {
  let at = type
  for (;;) {
    if (at.kind === 'qualified') at = at.of
    else if (at.kind === 'tagged') at = at.of
    else if (at.kind === 'typedef' && at.to.kind !== 'record' && qualifiersOf(at) !== 0) at = at.to
    else return at
  }
}

/** All integer types, by the name BTF gives them. */
export const integerTypes: readonly IntType[] = [
  boolType,
  charType,
  signedCharType,
  unsignedCharType,
  shortType,
  unsignedShortType,
  intType,
  unsignedIntType,
  longType,
  unsignedLongType,
  longLongType,
  unsignedLongLongType,
  int128Type,
  unsignedInt128Type,
]

const counterparts = new Map<IntType, IntType>([
  [charType, unsignedCharType],
  [signedCharType, unsignedCharType],
  [shortType, unsignedShortType],
  [intType, unsignedIntType],
  [longType, unsignedLongType],
  [longLongType, unsignedLongLongType],
  [int128Type, unsignedInt128Type],
])

/** The unsigned type of the same rank. */
export const unsignedOf = (type: IntType): IntType => counterparts.get(type) ?? type

/** The type of `size` bytes, signed or not: `int` for 4, `long` for 8. */
export function integerOfSize(size: number, signed: boolean): IntType | undefined {
  switch (size) {
    case 1:
      return signed ? signedCharType : unsignedCharType
    case 2:
      return signed ? shortType : unsignedShortType
    case 4:
      return signed ? intType : unsignedIntType
    case 8:
      return signed ? longType : unsignedLongType
    case 16:
      return signed ? int128Type : unsignedInt128Type
    default:
      return undefined
  }
}

/** Values of an integer type, as C keeps them: reduced modulo 2^width, and signed where the type is. */
export function wrap(value: bigint, type: IntType): bigint {
  if (type === boolType) return value === 0n ? 0n : 1n
  return type.signed ? BigInt.asIntN(type.size * 8, value) : BigInt.asUintN(type.size * 8, value)
}

/** Whether a value is one that the type can hold. */
export const fits = (value: bigint, type: IntType): boolean => wrap(value, type) === value

/** Whether the type still lacks its size. Records known only lazily must be completed before. */
export function isIncomplete(type: CType): boolean {
  const plain = canonical(type)
  switch (plain.kind) {
    case 'void':
    case 'function':
      return true
    case 'array':
      return plain.count === undefined || isIncomplete(plain.element)
    case 'record':
    case 'enum':
      return !plain.complete
    default:
      return false
  }
}

/** Bytes of an object of the type. Incomplete types, void and functions have 0 here; callers ask `isIncomplete` first (GNU arithmetic wants 1 there). */
export function sizeOf(type: CType): number {
  const plain: CanonicalType = canonical(type)
  switch (plain.kind) {
    case 'int':
    case 'float':
      return plain.size
    case 'pointer':
      return 8
    case 'array':
      return plain.count === undefined ? 0 : plain.count * sizeOf(plain.element)
    case 'record':
      return plain.size
    case 'enum':
      return plain.underlying.size
    default:
      return 0
  }
}

/** Alignment in bytes as `_Alignof` gives it; an `aligned` on a typedef counts. */
export function alignOf(type: CType): number {
  let at = type
  for (;;) {
    if (at.kind === 'typedef') {
      if (at.align) return at.align
      at = at.to
    } else if (at.kind === 'qualified' || at.kind === 'tagged') at = at.of
    else break
  }
  switch (at.kind) {
    case 'int':
    case 'float':
      return at.size
    case 'pointer':
      return 8
    case 'array':
      return alignOf(at.element)
    case 'record':
      return at.align
    case 'enum':
      return at.underlying.size
    default:
      return 1
  }
}

/** Bytes one step of a pointer to the type moves: void and functions count 1 (GNU). */
export function stepOf(pointee: CType): number {
  const { kind } = canonical(pointee)
  return kind === 'void' || kind === 'function' ? 1 : sizeOf(pointee)
}
