/** How C types look in the IR. */
import { NotImplemented } from '../../base/outcome.js'
import type { IrType } from '../ir/ir.js'
import { alignOf, integerOf, sizeOf } from '../typecheck/type-facts.js'
import { type CType, canonical } from '../typecheck/types.js'

/** Bytes to an integer type; only 1, 2, 4 and 8 have one. */
export function integerOfBytes(bytes: number): IrType {
  switch (bytes) {
    case 1:
      return 'i8'
    case 2:
      return 'i16'
    case 4:
      return 'i32'
    case 8:
      return 'i64'
    default:
      throw new NotImplemented(`integers of ${bytes * 8} bits`)
  }
}

/** The IR type of a scalar's value; `_Bool` is an i8 of 0 or 1. Records, arrays and functions have none. */
export function irTypeOf(type: CType): IrType {
  const plain = canonical(type)
  switch (plain.kind) {
    case 'void':
      return 'void'
    case 'int':
      return integerOfBytes(plain.size)
    case 'enum':
      return integerOfBytes(plain.underlying.size)
    case 'pointer':
    case 'function':
    case 'array':
      return 'ptr'
    case 'float':
      throw new NotImplemented('floating point arithmetic')
    default:
      throw new NotImplemented(`a value of kind ${plain.kind} in a register`)
  }
}

/** Whether values of the type live in memory: 128-bit integers do, for want of a register. */
export function isAggregate(type: CType): boolean {
  const { kind } = canonical(type)
  return kind === 'record' || kind === 'array' || isWide(type)
}

/** An integer of two words. */
export function isWide(type: CType): boolean {
  const plain = canonical(type)
  return (plain.kind === 'int' && plain.size === 16) || (plain.kind === 'enum' && plain.underlying.size === 16)
}

export function isSigned(type: CType): boolean {
  return integerOf(type)?.signed ?? false
}

/** Bytes; 0 for incomplete types and `void`. */
export function bytesOf(type: CType): number {
  return sizeOf(type)
}

/** Alignment in bytes that an object of the type has, at least 1 and at most what the IR speaks of. */
export function alignmentOf(type: CType): number {
  return Math.max(1, alignOf(type))
}
