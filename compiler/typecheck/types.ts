/**
 * C types. Sugar (typedefs, qualifiers, type tags) stays in the tree because BTF and diagnostics want it; `canonical` looks
 * through it. Records and enums are compared by identity, everything else by structure (compatible.ts).
 */
import type { Atom, TokenIndex } from '../preprocessor/tokens.js'

export type CType =
  | VoidType
  | IntType
  | FloatType
  | PointerType
  | ArrayType
  | RecordType
  | EnumType
  | FunctionType
  | TypedefType
  | QualifiedType
  | TaggedType
  | ErrorType

export interface VoidType {
  readonly kind: 'void'
}

/** Integer types, `_Bool` and `char` among them. There is one object for each; compare by identity. */
export interface IntType {
  readonly kind: 'int'
  /** The name BTF gives it: `int`, `unsigned int`, `long`, `unsigned char`, `_Bool`, `__int128`, … */
  readonly name: string
  /** Bytes: 1, 2, 4, 8, 16. */
  readonly size: number
  readonly signed: boolean
  /** C11 6.3.1.1 conversion rank: _Bool 1, char 2, short 3, int 4, long 5, long long 6, __int128 7. */
  readonly rank: number
}

/** Only so that declarations in headers can be read and BTF written; using a value of it is an error. */
export interface FloatType {
  readonly kind: 'float'
  readonly name: string
  readonly size: number
}

export interface PointerType {
  readonly kind: 'pointer'
  readonly to: CType
  /** `__attribute__((address_space(n)))` of what it points to; 1 is the arena. */
  readonly space: number
}

export interface ArrayType {
  readonly kind: 'array'
  readonly element: CType
  /** Undefined while incomplete, and for a flexible array member. */
  readonly count: number | undefined
}

export interface Field {
  /** Undefined for an anonymous struct or union member, and for an unnamed bit field. */
  readonly name: Atom | undefined
  readonly type: CType
  /** From the start of the record, in bits; in bytes it is `bitOffset >> 3`. */
  readonly bitOffset: number
  /** Width of a bit field; undefined for an ordinary member. */
  readonly bits: number | undefined
  readonly index: number
  readonly declTags: readonly string[]
  readonly token: TokenIndex
}

export interface RecordType {
  readonly kind: 'record'
  readonly union: boolean
  readonly tag: Atom | undefined
  /** False while only declared, or inside its own body. */
  complete: boolean
  fields: readonly Field[]
  /** Bytes. */
  size: number
  align: number
  packed: boolean
  /** Accesses are recorded for CO-RE (`__attribute__((preserve_access_index))`). */
  preserveAccessIndex: boolean
  /** `preserve_static_offset`: loads and stores keep constant offsets. */
  preserveStaticOffset: boolean
  /** `may_alias`: members may be accessed as any other type. */
  mayAlias: boolean
  declTags: readonly string[]
  /** Where it was defined (or first declared). */
  token: TokenIndex
}

export interface EnumConstant {
  readonly name: Atom
  readonly value: bigint
  readonly index: number
}

export interface EnumType {
  readonly kind: 'enum'
  readonly tag: Atom | undefined
  complete: boolean
  /** What a value of the enum is: `unsigned int`, `int`, or a 64-bit type. */
  underlying: IntType
  constants: readonly EnumConstant[]
  preserveAccessIndex: boolean
  token: TokenIndex
}

export interface Param {
  readonly name: Atom | undefined
  /** After adjustment: arrays and functions are pointers. */
  readonly type: CType
  readonly declTags: readonly string[]
}

export interface FunctionType {
  readonly kind: 'function'
  readonly result: CType
  readonly params: readonly Param[]
  readonly variadic: boolean
  /** False for `()`. */
  readonly prototyped: boolean
}

export interface TypedefType {
  readonly kind: 'typedef'
  readonly name: Atom
  readonly to: CType
  readonly declTags: readonly string[]
  /** `__attribute__((aligned(n)))` on the typedef, bytes; absent for the type's own. */
  readonly align?: number
  /** `__attribute__((may_alias))`: what is accessed as this may be an object of any type. */
  readonly mayAlias?: boolean
}

export interface QualifiedType {
  readonly kind: 'qualified'
  readonly of: CType
  /** Bits of `Qualifier` in parser/ast.ts, and from `spaceShift` up the address space of the object; never 0. */
  readonly qualifiers: number
}

/** Where the address space stands among the bits of `QualifiedType.qualifiers`. */
export const spaceShift = 8
/** The bits of `QualifiedType.qualifiers` that C calls qualifiers. */
export const qualifierMask = (1 << spaceShift) - 1

/** `btf_type_tag`. */
export interface TaggedType {
  readonly kind: 'tagged'
  readonly tag: string
  readonly of: CType
}

/** The type of what was already complained about; agrees with everything. */
export interface ErrorType {
  readonly kind: 'error'
}

export type CanonicalType = Exclude<CType, TypedefType | QualifiedType | TaggedType>

/** The type without sugar at the top. */
export function canonical(type: CType): CanonicalType {
  let at = type
  for (;;) {
    if (at.kind === 'typedef') at = at.to
    else if (at.kind === 'qualified' || at.kind === 'tagged') at = at.of
    else return at
  }
}

/** All qualifiers at the top, through typedefs. An array has those of its elements (C11 6.7.3p9). */
export function qualifiersOf(type: CType): number {
  let bits = 0
  let at = type
  for (;;) {
    if (at.kind === 'typedef') at = at.to
    else if (at.kind === 'tagged') at = at.of
    else if (at.kind === 'qualified') {
      bits |= at.qualifiers
      at = at.of
    } else if (at.kind === 'array') at = at.element
    else return bits
  }
}

const int = (name: string, size: number, signed: boolean, rank: number): IntType => ({ kind: 'int', name, size, signed, rank })

export const voidType: VoidType = { kind: 'void' }
export const errorType: ErrorType = { kind: 'error' }
export const boolType = int('_Bool', 1, false, 1)
/** Plain char is signed for the BPF target. */
export const charType = int('char', 1, true, 2)
export const signedCharType = int('signed char', 1, true, 2)
export const unsignedCharType = int('unsigned char', 1, false, 2)
export const shortType = int('short', 2, true, 3)
export const unsignedShortType = int('unsigned short', 2, false, 3)
export const intType = int('int', 4, true, 4)
export const unsignedIntType = int('unsigned int', 4, false, 4)
export const longType = int('long', 8, true, 5)
export const unsignedLongType = int('unsigned long', 8, false, 5)
export const longLongType = int('long long', 8, true, 6)
export const unsignedLongLongType = int('unsigned long long', 8, false, 6)
export const int128Type = int('__int128', 16, true, 7)
export const unsignedInt128Type = int('unsigned __int128', 16, false, 7)
