/**
 * Initialisers of automatic objects. Where items do not cover every byte, the whole object is cleared first, padding too: it may go to the
 * kernel as a map key, and the verifier wants every byte of that initialised.
 */
import type { Expr, InitItem, InitValue } from '../typecheck/typed-ast.js'
import { canonical } from '../typecheck/types.js'
import { bitRangeOf } from './bit-fields.js'
import { lowerToMemory, lowerValue } from './expressions.js'
import type { FunctionContext } from './function-context.js'
import { bytesOf, isAggregate, isSigned } from './ir-types.js'
import { addressOf, type Place, partOf, storePlace } from './places.js'

export function initialiseLocal(fc: FunctionContext, place: Place, init: InitValue): void {
  const { builder } = fc
  const size = bytesOf(place.type)
  if (!isAggregate(place.type)) {
    const item = init.items[0]
    const value = item ? lowerValue(fc, item.value) : undefined
    if (value) storePlace(fc, place, value)
    return
  }
  const only = init.items.length === 1 ? init.items[0]! : undefined
  // A bit field is not the whole of its unit, also where nothing else is given.
  const whole = init.whole || (only !== undefined && !only.bitField && only.offset === 0 && bytesOf(only.type) === size)
  if (!whole && !covered(init, size)) {
    const clear = builder.memory('memset', addressOf(fc, place), builder.const('i8', 0), size, place.align)
    clear.volatile = place.volatile
  }
  for (const item of init.items) initialiseItem(fc, place, item)
}

/** Whether the items leave no byte of the object out. */
function covered(init: InitValue, size: number): boolean {
  const ranges = init.items.map(item => ({
    start: item.offset,
    end: item.bitField ? item.offset : item.offset + bytesOf(item.type),
  }))
  ranges.sort((a, b) => a.start - b.start)
  let end = 0
  for (const range of ranges) {
    if (range.start > end) return false
    end = Math.max(end, range.end)
  }
  return end >= size
}

function initialiseItem(fc: FunctionContext, place: Place, item: InitItem): void {
  if (item.bitField) {
    const { field, record, recordOffset } = item.bitField
    const { byte, bits } = bitRangeOf(field, isSigned(field.type), record.size)
    const value = lowerValue(fc, item.value)
    storePlace(fc, { ...partOf(place, recordOffset + byte, item.type), bits }, value)
    return
  }
  const part = partOf(place, item.offset, item.type)
  if (item.value.kind === 'string' && canonical(item.type).kind === 'array') initialiseString(fc, part, item.value)
  else if (isAggregate(item.type)) lowerToMemory(fc, item.value, part)
  else {
    const value = lowerValue(fc, item.value)
    fc.mark(item.value)
    storePlace(fc, part, value)
  }
}

/** A char array takes the literal's bytes, cut or filled with zeros to its own size. */
function initialiseString(fc: FunctionContext, place: Place, literal: Expr & { kind: 'string' }): void {
  const size = bytesOf(place.type)
  if (size === 0) return
  const bytes = new Uint8Array(size)
  bytes.set(literal.bytes.subarray(0, size))
  fc.mark(literal)
  const constant = fc.module.constant(`__const.${fc.decl.name}`, bytes, place.align)
  fc.builder.memory('memcpy', addressOf(fc, place), fc.builder.global(constant), size, place.align)
}
