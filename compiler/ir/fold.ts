/**
 * What operations give on constants, as eBPF computes them: two's complement, shifts masked by the width, division by zero gives 0 and
 * remainder by zero the dividend (RFC 9669 section 4.1). Arguments and results are unsigned numbers of the type's width.
 */
import { type BinaryOp, bitsOf, type CastOp, type IrType, type Predicate, signed, wrap } from './ir.js'

export function foldBinary(op: BinaryOp, type: IrType, a: bigint, b: bigint): bigint {
  const bits = BigInt(bitsOf(type))
  switch (op) {
    case 'add':
      return wrap(type, a + b)
    case 'sub':
      return wrap(type, a - b)
    case 'mul':
      return wrap(type, a * b)
    case 'udiv':
      return b === 0n ? 0n : a / b
    case 'sdiv':
      return b === 0n ? 0n : wrap(type, signed(type, a) / signed(type, b))
    case 'urem':
      return b === 0n ? a : a % b
    case 'srem':
      return b === 0n ? a : wrap(type, signed(type, a) % signed(type, b))
    case 'and':
      return a & b
    case 'or':
      return a | b
    case 'xor':
      return a ^ b
    case 'shl':
      return wrap(type, a << (b & (bits - 1n)))
    case 'lshr':
      return a >> (b & (bits - 1n))
    case 'ashr':
      return wrap(type, signed(type, a) >> (b & (bits - 1n)))
  }
}

export function foldCompare(predicate: Predicate, type: IrType, a: bigint, b: bigint): boolean {
  switch (predicate) {
    case 'eq':
      return a === b
    case 'ne':
      return a !== b
    case 'ult':
      return a < b
    case 'ule':
      return a <= b
    case 'ugt':
      return a > b
    case 'uge':
      return a >= b
    case 'slt':
      return signed(type, a) < signed(type, b)
    case 'sle':
      return signed(type, a) <= signed(type, b)
    case 'sgt':
      return signed(type, a) > signed(type, b)
    case 'sge':
      return signed(type, a) >= signed(type, b)
  }
}

export function foldCast(op: CastOp, from: IrType, to: IrType, value: bigint): bigint {
  return op === 'sext' ? wrap(to, signed(from, value)) : wrap(to, value)
}

export function foldByteSwap(type: IrType, value: bigint): bigint {
  let rest = value
  let result = 0n
  for (let i = 0; i < bitsOf(type); i += 8) {
    result = (result << 8n) | (rest & 0xffn)
    rest >>= 8n
  }
  return result
}

/** The predicate that holds exactly when this one does not. */
export const inverted: Readonly<Record<Predicate, Predicate>> = {
  eq: 'ne',
  ne: 'eq',
  ult: 'uge',
  ule: 'ugt',
  ugt: 'ule',
  uge: 'ult',
  slt: 'sge',
  sle: 'sgt',
  sgt: 'sle',
  sge: 'slt',
}

/** The predicate with its operands exchanged. */
export const swapped: Readonly<Record<Predicate, Predicate>> = {
  eq: 'eq',
  ne: 'ne',
  ult: 'ugt',
  ule: 'uge',
  ugt: 'ult',
  uge: 'ule',
  slt: 'sgt',
  sle: 'sge',
  sgt: 'slt',
  sge: 'sle',
}
