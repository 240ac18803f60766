/**
 * Bit fields: the smallest naturally placed unit of 1, 2, 4 or 8 bytes that holds all the field's bits is read, and written back with the
 * other bits kept. Bit offsets count from the low end on little-endian machines and from the high end on big-endian ones.
 */
import { NotImplemented } from '../../base/outcome.js'
import { type BinaryOp, bitsOf, type IrType, type Value } from '../ir/ir.js'
import type { Field } from '../typecheck/types.js'
import type { FunctionContext } from './function-context.js'
import { integerOfBytes } from './ir-types.js'
import type { Place } from './places.js'

export interface BitRange {
  /** Bytes of the unit. */
  readonly unit: number
  /** Bits of the field within the unit, from its start in memory order. */
  readonly offset: number
  readonly width: number
  readonly signed: boolean
}

/** Where a bit field's unit starts, in bytes from the start of the record, and the field within it. */
export function bitRangeOf(field: Field, signed: boolean): { readonly byte: number; readonly bits: BitRange } {
  const width = field.bits!
  for (const unit of [1, 2, 4, 8]) {
    const byte = Math.floor(field.bitOffset / (unit * 8)) * unit
    const offset = field.bitOffset - byte * 8
    if (offset + width <= unit * 8) return { byte, bits: { unit, offset, width, signed } }
  }
  throw new NotImplemented('a packed bit field across two 64-bit words')
}

/** Distance of the field's lowest bit from the unit's lowest bit. */
function shiftOf(fc: FunctionContext, bits: BitRange): number {
  return fc.module.little ? bits.offset : bits.unit * 8 - bits.offset - bits.width
}

/** Reads the field and extends it to `type`. */
export function loadBits(fc: FunctionContext, place: Place, bits: BitRange, type: IrType, signed: boolean): Value {
  const { builder } = fc
  const unitType = integerOfBytes(bits.unit)
  const unit = builder.load(unitType, place.base, place.offset, Math.min(place.align, bits.unit), place.volatile)
  const shift = shiftOf(fc, bits)
  // Shifts are done at a machine width.
  const wide: IrType = bits.unit === 8 || type === 'i64' ? 'i64' : 'i32'
  let value = builder.resize(unit, wide, false)
  const total = bitsOf(wide)
  if (signed) {
    value = binary(fc, 'shl', value, total - shift - bits.width)
    value = binary(fc, 'ashr', value, total - bits.width)
  } else {
    value = binary(fc, 'lshr', value, shift)
    if (shift + bits.width < bits.unit * 8)
      value = builder.binary('and', value, builder.const(wide, (1n << BigInt(bits.width)) - 1n))
  }
  return builder.resize(value, type, signed)
}

export function storeBits(fc: FunctionContext, place: Place, bits: BitRange, value: Value): void {
  const { builder } = fc
  const unitType = integerOfBytes(bits.unit)
  const align = Math.min(place.align, bits.unit)
  if (bits.width === bits.unit * 8) {
    builder.store(place.base, builder.resize(value, unitType, false), place.offset, align, place.volatile)
    return
  }
  const wide: IrType = bits.unit === 8 ? 'i64' : 'i32'
  const shift = shiftOf(fc, bits)
  const mask = ((1n << BigInt(bits.width)) - 1n) << BigInt(shift)
  const unit = builder.resize(builder.load(unitType, place.base, place.offset, align, place.volatile), wide, false)
  const kept = builder.binary('and', unit, builder.const(wide, ~mask))
  let placed = binary(fc, 'shl', builder.resize(value, wide, false), shift)
  placed = builder.binary('and', placed, builder.const(wide, mask))
  const joined = builder.binary('or', kept, placed)
  builder.store(place.base, builder.resize(joined, unitType, false), place.offset, align, place.volatile)
}

/** What reading the field back would give: the value of an assignment expression. */
export function cutToBits(fc: FunctionContext, value: Value, bits: BitRange): Value {
  const total = bitsOf(value.type)
  if (bits.width >= total) return value
  if (!bits.signed) return fc.builder.binary('and', value, fc.builder.const(value.type, (1n << BigInt(bits.width)) - 1n))
  return binary(fc, 'ashr', binary(fc, 'shl', value, total - bits.width), total - bits.width)
}

function binary(fc: FunctionContext, op: BinaryOp, value: Value, by: number): Value {
  return fc.builder.binary(op, value, fc.builder.const(value.type, by))
}
