/** JavaScript values to bytes and back, by BTF (little endian). Type 0 means that nothing is known: numbers or plain bytes. */
import { BtfKind, type BtfComposite, type BtfId, type BtfSet } from '../../linker/btf/btf-types.js'
import { sizeOf, skipModifiers } from '../../linker/btf/btf-file.js'
import { ipBytes } from './packets/addresses.js'

export type BtfValue =
  | number
  | bigint
  | boolean
  | string
  | Uint8Array
  | readonly BtfValue[]
  | { readonly [name: string]: BtfValue }

/** Encodes a value into `size` fresh bytes. Throws a RangeError that names the field that does not fit. */
export function encodeValue(btf: BtfSet, id: BtfId, value: BtfValue, size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  if (value instanceof Uint8Array) bytes.set(value.subarray(0, size))
  else if (id === 0) putNumber(bytes, 0, size, value, 'value')
  else put(btf, id, value, bytes, 0, 'value')
  return bytes
}

/** Decodes bytes: 64-bit integers become bigints, char arrays strings, structs objects, arrays lists. */
export function decodeValue(btf: BtfSet, id: BtfId, bytes: Uint8Array): BtfValue {
  if (id === 0)
    return bytes.length <= 8 && [1, 2, 4, 8].includes(bytes.length) ? number(bytes, 0, bytes.length, false) : bytes.slice()
  return take(btf, id, bytes, 0)
}

function putNumber(bytes: Uint8Array, at: number, size: number, value: BtfValue, what: string): void {
  if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean')
    throw new RangeError(`${what} is a number`)
  let left = BigInt.asUintN(size * 8, BigInt(value))
  for (let i = 0; i < size; i++, left >>= 8n) bytes[at + i] = Number(left & 255n)
}

function members(btf: BtfSet, type: BtfComposite): { name: string; type: BtfId; bitOffset: number; bitSize: number }[] {
  return type.members.flatMap(member => {
    if (member.name !== '') return [{ ...member }]
    const { type: inner } = skipModifiers(btf, member.type)
    if (inner.kind !== BtfKind.Struct && inner.kind !== BtfKind.Union) return []
    return members(btf, inner).map(each => ({ ...each, bitOffset: each.bitOffset + member.bitOffset }))
  })
}

function put(btf: BtfSet, id: BtfId, value: BtfValue, bytes: Uint8Array, at: number, what: string): void {
  const { type } = skipModifiers(btf, id)
  switch (type.kind) {
    case BtfKind.Struct:
    case BtfKind.Union: {
      if (value instanceof Uint8Array) {
        bytes.set(value.subarray(0, type.size), at)
        return
      }
      if (typeof value !== 'object' || Array.isArray(value)) throw new RangeError(`${what} is a struct: give its fields`)
      const fields = members(btf, type)
      for (const [name, item] of Object.entries(value)) {
        const field = fields.find(each => each.name === name)
        if (!field) throw new RangeError(`${what} has no field ${name}; it has ${fields.map(each => each.name).join(', ')}`)
        if (field.bitSize > 0) putBits(bytes, at * 8 + field.bitOffset, field.bitSize, item)
        else put(btf, field.type, item, bytes, at + field.bitOffset / 8, `${what}.${name}`)
      }
      return
    }
    case BtfKind.Array: {
      const each = sizeOf(btf, type.type)
      if (typeof value === 'string' && each * type.nelems === 16 && isIpv6(value)) bytes.set(ipBytes(value), at)
      else if (typeof value === 'string') bytes.set(new TextEncoder().encode(value).subarray(0, each * type.nelems), at)
      else if (value instanceof Uint8Array) bytes.set(value.subarray(0, each * type.nelems), at)
      else if (Array.isArray(value))
        for (const [index, item] of value.slice(0, type.nelems).entries())
          put(btf, type.type, item, bytes, at + index * each, `${what}[${index}]`)
      else throw new RangeError(`${what} is an array`)
      return
    }
    case BtfKind.Enum:
    case BtfKind.Enum64:
      if (typeof value === 'string') {
        const named = type.values.find(each => each.name === value)
        if (!named) throw new RangeError(`${what}: the enum has no ${value}`)
        putNumber(bytes, at, type.size, named.value, what)
      } else putNumber(bytes, at, type.size, value, what)
      return
    default: {
      const size = sizeOf(btf, id)
      // An address as people write it goes in network order, as it is in packets.
      if (typeof value === 'string' && size === 4 && IPV4.test(value)) bytes.set(ipBytes(value), at)
      else putNumber(bytes, at, size, value, what)
    }
  }
}

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/
const isIpv6 = (text: string) => text.includes(':') && /^[0-9a-fA-F:.]+$/.test(text)

function putBits(bytes: Uint8Array, bit: number, width: number, value: BtfValue): void {
  let left = BigInt.asUintN(width, BigInt(value as number | bigint))
  for (let i = bit; i < bit + width; i++, left >>= 1n)
    bytes[i >> 3] = left & 1n ? bytes[i >> 3]! | (1 << (i & 7)) : bytes[i >> 3]! & ~(1 << (i & 7))
}

function number(bytes: Uint8Array, at: number, size: number, signed: boolean): number | bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (size === 8) return signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true)
  if (size === 4) return signed ? view.getInt32(at, true) : view.getUint32(at, true)
  if (size === 2) return signed ? view.getInt16(at, true) : view.getUint16(at, true)
  if (size === 1) return signed ? view.getInt8(at) : view.getUint8(at)
  let value = 0n
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]!)
  return value
}

function take(btf: BtfSet, id: BtfId, bytes: Uint8Array, at: number): BtfValue {
  const { type } = skipModifiers(btf, id)
  switch (type.kind) {
    case BtfKind.Struct:
    case BtfKind.Union: {
      const object: Record<string, BtfValue> = {}
      for (const field of members(btf, type))
        object[field.name] =
          field.bitSize > 0
            ? takeBits(bytes, at * 8 + field.bitOffset, field.bitSize)
            : take(btf, field.type, bytes, at + field.bitOffset / 8)
      return object
    }
    case BtfKind.Array: {
      const each = sizeOf(btf, type.type)
      const { type: element } = skipModifiers(btf, type.type)
      if (element.kind === BtfKind.Int && element.size === 1 && (element.char || isCharName(element.name))) {
        const part = bytes.subarray(at, at + type.nelems)
        const end = part.indexOf(0)
        return new TextDecoder().decode(end < 0 ? part : part.subarray(0, end))
      }
      return Array.from({ length: type.nelems }, (_, index) => take(btf, type.type, bytes, at + index * each))
    }
    case BtfKind.Int:
      return type.bool ? bytes[at] !== 0 : number(bytes, at, type.size, type.signed)
    case BtfKind.Enum:
    case BtfKind.Enum64:
      return number(bytes, at, type.size, type.signed)
    case BtfKind.Ptr:
      return number(bytes, at, 8, false)
    default:
      return bytes.slice(at, at + sizeOf(btf, id))
  }
}

/** clang marks plain `char` as a signed byte named so, without the char encoding. */
const isCharName = (name: string) => name === 'char'

function takeBits(bytes: Uint8Array, bit: number, width: number): BtfValue {
  let value = 0n
  for (let i = width - 1; i >= 0; i--) value = (value << 1n) | BigInt((bytes[(bit + i) >> 3]! >> ((bit + i) & 7)) & 1)
  return width > 32 ? value : Number(value)
}
