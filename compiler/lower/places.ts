/**
 * A place: what an lvalue denotes, before anything is loaded or stored. An address with a constant offset kept apart, so that an access
 * uses it as its own offset and `ctx + n` is never formed; the bits, for a bit field; and the CO-RE chain not yet closed.
 */
import { NotImplemented } from '../../base/outcome.js'
import { Qualifier } from '../parser/ast.js'
import type { Value } from '../ir/ir.js'
import { type CType, qualifiersOf } from '../typecheck/types.js'
import { accessedObjects, type Within, withinElement } from './access-type.js'
import { type BitRange, loadBits, storeBits } from './bit-fields.js'
import { type CoreChain, closeChain } from './core-access.js'
import type { FunctionContext } from './function-context.js'
import { alignmentOf, bytesOf, irTypeOf, isSigned } from './ir-types.js'

export interface Place {
  readonly base: Value
  /** Bytes. */
  readonly offset: number
  /** Bytes that base + offset is surely aligned to. */
  readonly align: number
  readonly type: CType
  readonly volatile: boolean
  readonly bits: BitRange | undefined
  readonly chain: CoreChain | undefined
  /** Address space of the object: 1 is the arena, whose addresses are converted before an access. */
  readonly space: number
  readonly within: Within
}

/** A whole object of ours. */
export function temporaryPlace(address: Value, type: CType): Place {
  return {
    base: address,
    offset: 0,
    align: alignmentOf(type),
    type,
    volatile: false,
    bits: undefined,
    chain: undefined,
    space: 0,
    within: undefined,
  }
}

export function isVolatile(type: CType): boolean {
  return (qualifiersOf(type) & Qualifier.volatile) !== 0
}

/** A part of a place at a constant distance. */
export function partOf(place: Place, offset: number, type: CType): Place {
  let align = place.align
  while (offset % align !== 0) align >>= 1
  const within = withinElement(place.within)
  return { ...place, offset: place.offset + offset, align, type, volatile: place.volatile || isVolatile(type), within }
}

/** The address as a value. */
export function addressOf(fc: FunctionContext, place: Place): Value {
  const closed = closeChain(fc, place)
  return fc.builder.ptraddConst(closed.base, closed.offset)
}

/** The place with an address that accesses take: arena addresses are the user's, the kernel's are made of them. */
function accessible(fc: FunctionContext, place: Place): Place {
  const closed = closeChain(fc, place)
  return closed.space === 0 ? closed : { ...closed, base: fromSpace(fc, closed.base, closed.space), space: 0 }
}

/** An address of another address space as one of the kernel's. */
export function fromSpace(fc: FunctionContext, address: Value, space: number): Value {
  if (space === 0) return address
  const cast = fc.builder.inst('addrspacecast', 'ptr', [address])
  cast.size = space
  return cast
}

/** The scalar stored at a place. */
export function loadPlace(fc: FunctionContext, from: Place): Value {
  const place = accessible(fc, from)
  const type = irTypeOf(place.type)
  if (place.bits) return loadBits(fc, place, place.bits, type, isSigned(place.type))
  const load = fc.builder.load(type, place.base, place.offset, Math.min(place.align, bytesOf(place.type)), place.volatile)
  load.accessedAs = accessedAs(fc, place)
  return load
}

export function storePlace(fc: FunctionContext, to: Place, value: Value): void {
  const place = accessible(fc, to)
  if (place.bits) {
    storeBits(fc, place, place.bits, value)
    return
  }
  const align = Math.min(place.align, bytesOf(place.type))
  fc.builder.store(place.base, value, place.offset, align, place.volatile).accessedAs = accessedAs(fc, place)
}

function accessedAs(fc: FunctionContext, { type, within }: Place): readonly string[] | undefined {
  const { names, options } = fc.module.context
  return options.noStrictAliasing ? undefined : accessedObjects(type, within, names)
}

/** The two words of a 128-bit integer. */
export function loadWords(fc: FunctionContext, from: Place): { readonly low: Value; readonly high: Value } {
  if (from.bits) throw new NotImplemented('bit fields of 128-bit integers')
  const place = accessible(fc, from)
  const word = (at: number) => fc.builder.load('i64', place.base, place.offset + at, Math.min(place.align, 8), place.volatile)
  const [first, second] = [word(0), word(8)]
  return fc.module.little ? { low: first, high: second } : { low: second, high: first }
}

export function storeWords(fc: FunctionContext, to: Place, { low, high }: { readonly low: Value; readonly high: Value }): void {
  if (to.bits) throw new NotImplemented('bit fields of 128-bit integers')
  const place = accessible(fc, to)
  const words = fc.module.little ? [low, high] : [high, low]
  words.forEach((word, i) => {
    fc.builder.store(place.base, word, place.offset + i * 8, Math.min(place.align, 8), place.volatile)
  })
}

/** Copies a whole object. */
export function copyPlace(fc: FunctionContext, to: Place, from: Place, size = bytesOf(to.type)): void {
  if (size === 0) return
  const copy = fc.builder.memory(
    'memcpy',
    addressOf(fc, accessible(fc, to)),
    addressOf(fc, accessible(fc, from)),
    size,
    Math.min(to.align, from.align),
  )
  copy.volatile = to.volatile || from.volatile
}
