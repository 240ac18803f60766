/**
 * Bit fields: the smallest naturally placed unit of 1, 2, 4 or 8 bytes that holds all the field's bits is read, and written back with the
 * other bits kept. Where no such unit lies within the record (packed ones), the bytes that the field touches are taken in pieces. Bit offsets
 * count from the low end on little-endian machines and from the high end on big-endian ones.
 */
import { NotImplemented } from '../../base/outcome.js'
import { type BinaryOp, bitsOf, type IrType, type Value } from '../ir/ir.js'
import type { Field } from '../typecheck/types.js'
import type { FunctionContext } from './function-context.js'
import { integerOfBytes } from './ir-types.js'
import type { Place } from './places.js'

export interface BitRange {
  /** Bytes of the unit; other than 1, 2, 4 and 8 it is taken in pieces. */
  readonly unit: number
  /** Bits of the field within the unit, from its start in memory order. */
  readonly offset: number
  readonly width: number
  readonly signed: boolean
}

/**
 * Where a bit field's unit starts, in bytes from the start of the record, and the field within it. `size` is the record's; with `whole` only a
 * single access will do.
 */
export function bitRangeOf(
  field: Field,
  signed: boolean,
  size: number,
  whole = false,
): { readonly byte: number; readonly bits: BitRange } {
  const width = field.bits!
  for (const unit of [1, 2, 4, 8]) {
    const byte = Math.floor(field.bitOffset / (unit * 8)) * unit
    const offset = field.bitOffset - byte * 8
    if (offset + width <= unit * 8 && (byte + unit <= size || whole)) return { byte, bits: { unit, offset, width, signed } }
  }
  if (whole) throw new NotImplemented('a CO-RE access to a packed bit field across two 64-bit words')
  const byte = field.bitOffset >> 3
  const offset = field.bitOffset & 7
  return { byte, bits: { unit: (offset + width + 7) >> 3, offset, width, signed } }
}

interface Piece {
  /** Bytes from the start of the unit. */
  readonly at: number
  readonly bytes: number
  /** How far the piece's lowest bit is above the field's lowest; negative when below. */
  readonly shift: number
}

/** The unit cut into accesses, the widest first. */
function piecesOf(fc: FunctionContext, bits: BitRange): Piece[] {
  const pieces: Piece[] = []
  for (let at = 0; at < bits.unit; ) {
    const bytes = [8, 4, 2, 1].find(each => at + each <= bits.unit)!
    pieces.push({ at, bytes, shift: fc.module.little ? at * 8 - bits.offset : bits.offset + bits.width - (at + bytes) * 8 })
    at += bytes
  }
  return pieces
}

const isNatural = (bits: BitRange): boolean => [1, 2, 4, 8].includes(bits.unit)

function pieceAlign(place: Place, piece: Piece): number {
  let align = Math.min(place.align, piece.bytes)
  while (piece.at % align !== 0) align >>= 1
  return align
}

function loadPieces(fc: FunctionContext, place: Place, bits: BitRange, type: IrType, signed: boolean): Value {
  const { builder } = fc
  let value: Value | undefined
  for (const piece of piecesOf(fc, bits)) {
    const from = place.offset + piece.at
    const loaded = builder.load(integerOfBytes(piece.bytes), place.base, from, pieceAlign(place, piece), place.volatile)
    const wide = builder.resize(loaded, 'i64', false)
    const placed = piece.shift >= 0 ? binary(fc, 'shl', wide, piece.shift) : binary(fc, 'lshr', wide, -piece.shift)
    value = value ? builder.binary('or', value, placed) : placed
  }
  return builder.resize(cutToBits(fc, value!, { ...bits, signed }), type, signed)
}

function storePieces(fc: FunctionContext, place: Place, bits: BitRange, value: Value): void {
  const { builder } = fc
  const mask = (1n << BigInt(bits.width)) - 1n
  const field = builder.resize(value, 'i64', false)
  for (const piece of piecesOf(fc, bits)) {
    const type = integerOfBytes(piece.bytes)
    const all = (1n << BigInt(piece.bytes * 8)) - 1n
    const own = (piece.shift >= 0 ? mask >> BigInt(piece.shift) : mask << BigInt(-piece.shift)) & all
    const at = place.offset + piece.at
    const align = pieceAlign(place, piece)
    let bytes = piece.shift >= 0 ? binary(fc, 'lshr', field, piece.shift) : binary(fc, 'shl', field, -piece.shift)
    if (own !== all) {
      const before = builder.resize(builder.load(type, place.base, at, align, place.volatile), 'i64', false)
      const kept = builder.binary('and', before, builder.const('i64', ~own))
      bytes = builder.binary('or', kept, builder.binary('and', bytes, builder.const('i64', own)))
    }
    builder.store(place.base, builder.resize(bytes, type, false), at, align, place.volatile)
  }
}

/** Distance of the field's lowest bit from the unit's lowest bit. */
function shiftOf(fc: FunctionContext, bits: BitRange): number {
  return fc.module.little ? bits.offset : bits.unit * 8 - bits.offset - bits.width
}

/** Reads the field and extends it to `type`. */
export function loadBits(fc: FunctionContext, place: Place, bits: BitRange, type: IrType, signed: boolean): Value {
  if (!isNatural(bits)) return loadPieces(fc, place, bits, type, signed)
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
  if (!isNatural(bits)) return storePieces(fc, place, bits, value)
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
