/** Numbers, character constants and string literals: from spelling to value and type. */
import { Keyword } from '../preprocessor/names.js'
import type { Context } from './context.js'
import type { Place } from './report.js'
import { fits } from './type-facts.js'
import {
  charType,
  type FloatType,
  type IntType,
  intType,
  longLongType,
  longType,
  unsignedCharType,
  unsignedIntType,
  unsignedLongLongType,
  unsignedLongType,
  unsignedShortType,
} from './types.js'

export const floatType: FloatType = { kind: 'float', name: 'float', size: 4 }
export const doubleType: FloatType = { kind: 'float', name: 'double', size: 8 }
export const longDoubleType: FloatType = { kind: 'float', name: 'long double', size: 8 }

export type NumberValue =
  | { readonly kind: 'int'; readonly value: bigint; readonly type: IntType }
  | { readonly kind: 'float'; readonly value: number; readonly type: FloatType }

const intSuffix = /^(u?(?:ll?)?|(?:ll?)u|u?wb|wbu|i)$/i

const shortDecimal = /^(?:0|[1-9][0-9]{0,8})$/

/** Takes a preprocessing number apart (C11 6.4.4); undefined after a diagnostic. */
export function parseNumber(c: Context, place: Place, text: string): NumberValue | undefined {
  // Most counts and values: no prefix, no suffix, in reach of any int.
  if (shortDecimal.test(text)) return { kind: 'int', value: BigInt(text), type: intType }
  const plain = text.includes("'") ? text.replaceAll("'", '') : text
  const hex = /^0[xX]/.test(plain)
  if (hex ? /[.pP]/.test(plain) : /[.eE]/.test(plain)) return parseFloating(c, place, plain, hex)
  const match = /^(0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+)(.*)$/.exec(plain)
  if (!match) {
    c.error('T0301', place, `invalid number '${text}'`)
    return undefined
  }
  const digits = match[1]!
  const suffix = match[2]!
  if (/^[fF]$/.test(suffix) && !hex) return parseFloating(c, place, plain, hex)
  if (suffix !== '' && (!intSuffix.test(suffix) || suffix.includes('lL') || suffix.includes('Ll'))) {
    c.error('T0301', place, `invalid suffix '${suffix}' on integer constant`)
    return undefined
  }
  const octal = /^0[0-9]/.test(digits)
  const bad = octal ? /[89]/.exec(digits)?.[0] : undefined
  if (bad) {
    c.error('T0301', place, `invalid digit '${bad}' in octal constant`)
    return undefined
  }
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits)
  if (value >> 64n) {
    c.error('T0302', place, 'integer literal is too large to be represented in any integer type')
    return undefined
  }
  return {
    kind: 'int',
    value,
    type: typeOfInteger(c, place, value, suffix.toLowerCase(), !hex && !octal && !/^0[bB]/.test(digits)),
  }
}

/** How many `l` a type takes, it, and its unsigned counterpart. */
const integerRanks: readonly (readonly [number, IntType, IntType])[] = [
  [0, intType, unsignedIntType],
  [1, longType, unsignedLongType],
  [2, longLongType, unsignedLongLongType],
]

/** The first type of the list in C11 6.4.4.1p5 that can hold the value. */
function typeOfInteger(c: Context, place: Place, value: bigint, suffix: string, decimal: boolean): IntType {
  const unsigned = suffix.includes('u')
  const longs = suffix.includes('ll') ? 2 : suffix.includes('l') ? 1 : 0
  for (const [rank, signed, plain] of integerRanks) {
    if (rank < longs) continue
    if (!unsigned && fits(value, signed)) return signed
    if ((unsigned || !decimal) && fits(value, plain)) return plain
  }
  c.warn(
    'T0302',
    place,
    'integer literal is too large to be represented in a signed integer type, interpreting as unsigned',
    'implicitly-unsigned-literal',
  )
  return unsignedLongLongType
}

function parseFloating(c: Context, place: Place, text: string, hex: boolean): NumberValue | undefined {
  const match = (
    hex ? /^(0[xX][0-9a-fA-F]*\.?[0-9a-fA-F]*[pP][+-]?[0-9]+)(.*)$/ : /^([0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?)(.*)$/
  ).exec(text)
  const suffix = match?.[2]?.toLowerCase() ?? ''
  if (!match || !['', 'f', 'l'].includes(suffix)) {
    c.error('T0301', place, `invalid suffix '${suffix}' on floating constant`)
    return undefined
  }
  const value = hex ? parseHexFloat(match[1]!) : Number(match[1])
  const type = suffix === 'f' ? floatType : suffix === 'l' ? longDoubleType : doubleType
  return { kind: 'float', value: suffix === 'f' ? Math.fround(value) : value, type }
}

function parseHexFloat(text: string): number {
  const [mantissa, exponent] = text.slice(2).toLowerCase().split('p') as [string, string]
  const [whole, fraction = ''] = mantissa.split('.') as [string, string?]
  return Number.parseInt(`${whole}${fraction}` || '0', 16) * 2 ** (Number(exponent) - 4 * fraction.length)
}

const simpleEscapes: Readonly<Record<number, number>> = {
  110: 10,
  116: 9,
  114: 13,
  48: 0,
  97: 7,
  98: 8,
  102: 12,
  118: 11,
  101: 27,
  69: 27,
  92: 92,
  39: 39,
  34: 34,
  63: 63,
}

const hexDigit = (byte: number): number =>
  byte >= 48 && byte <= 57 ? byte - 48 : byte >= 97 && byte <= 102 ? byte - 87 : byte >= 65 && byte <= 70 ? byte - 55 : -1

/**
 * The code units between the quotes. `unit` is the size of a unit in bytes: for 1 the source's bytes go through as they are, for wider ones
 * UTF-8 is decoded. Escapes that do not fit are reported.
 */
function decodeBody(c: Context, place: Place, bytes: Uint8Array, start: number, end: number, unit: number): number[] {
  const units: number[] = []
  const putCode = (code: number): void => {
    if (unit === 4) units.push(code)
    else if (unit === 2 && code > 0xffff) units.push(0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff))
    else if (unit === 2) units.push(code)
    else units.push(...new TextEncoder().encode(String.fromCodePoint(code)))
  }
  const limit = unit === 4 ? 0xffffffff : unit === 2 ? 0xffff : 0xff
  for (let i = start; i < end; ) {
    const byte = bytes[i]!
    if (byte !== 92) {
      if (unit === 1 || byte < 0x80) {
        units.push(byte)
        i++
        continue
      }
      const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      putCode(new TextDecoder().decode(bytes.subarray(i, Math.min(i + size, end))).codePointAt(0) ?? 0xfffd)
      i += size
      continue
    }
    const kind = bytes[++i]!
    i++
    if (kind === 120) {
      let value = 0
      let digits = 0
      for (let digit = hexDigit(bytes[i] ?? 0); i < end && digit >= 0; digit = hexDigit(bytes[++i] ?? 0)) {
        value = value * 16 + digit
        digits++
      }
      if (digits === 0) c.error('T0303', place, '\\x used with no following hex digits')
      else if (value > limit) c.error('T0303', place, 'hex escape sequence out of range')
      units.push(value % (limit + 1))
    } else if (kind >= 48 && kind <= 55) {
      let value = kind - 48
      for (let n = 0; n < 2 && i < end && bytes[i]! >= 48 && bytes[i]! <= 55; n++) value = value * 8 + bytes[i++]! - 48
      if (value > limit) c.error('T0303', place, 'octal escape sequence out of range')
      units.push(value & limit)
    } else if (kind === 117 || kind === 85) {
      const wanted = kind === 117 ? 4 : 8
      let value = 0
      let digits = 0
      while (digits < wanted && i < end && hexDigit(bytes[i]!) >= 0) {
        value = value * 16 + hexDigit(bytes[i++]!)
        digits++
      }
      if (digits < wanted || value > 0x10ffff) c.error('T0303', place, 'invalid universal character')
      else putCode(value)
    } else {
      const value = simpleEscapes[kind]
      if (value === undefined)
        c.warn('T0303', place, `unknown escape sequence '\\${String.fromCharCode(kind)}'`, 'unknown-escape-sequence')
      units.push(value ?? kind)
    }
  }
  return units
}

interface LiteralShape {
  readonly prefix: string
  /** Offset of the first byte after the opening quote. */
  readonly start: number
}

function shapeOf(bytes: Uint8Array, quote: number): LiteralShape {
  const open = bytes.indexOf(quote)
  return { prefix: String.fromCharCode(...bytes.subarray(0, open)), start: open + 1 }
}

/** Bytes of a character of a literal with that prefix. */
const unitOf = (prefix: string): number => (prefix === 'L' || prefix === 'U' ? 4 : prefix === 'u' ? 2 : 1)

export function parseChar(c: Context, place: Place, bytes: Uint8Array): { value: bigint; type: IntType } {
  const { prefix, start } = shapeOf(bytes, 39)
  const units = decodeBody(c, place, bytes, start, bytes.length - 1, unitOf(prefix))
  if (units.length === 0) {
    c.error('T0303', place, 'empty character constant')
    return { value: 0n, type: intType }
  }
  if (prefix === '') {
    if (units.length === 1) return { value: BigInt((units[0]! << 24) >> 24), type: intType }
    c.warn('T0303', place, 'multi-character character constant', units.length > 4 ? 'four-char-constants' : 'multichar')
    return {
      value: BigInt.asIntN(
        32,
        units.reduce((value, unit) => (value << 8n) | BigInt(unit & 255), 0n),
      ),
      type: intType,
    }
  }
  if (units.length > 1) c.error('T0303', place, 'wide character constants may not contain multiple characters')
  const type = prefix === 'L' ? intType : prefix === 'U' ? unsignedIntType : prefix === 'u' ? unsignedShortType : unsignedCharType
  return { value: BigInt(units[0]!), type }
}

export interface StringValue {
  /** The characters and a terminating zero, in the target's byte order. */
  readonly bytes: Uint8Array
  readonly element: IntType
}

/** Adjacent string literals as one (C11 6.4.5). `parts` are the spellings. */
export function parseString(c: Context, place: Place, parts: readonly Uint8Array[]): StringValue {
  let prefix = ''
  for (const part of parts) {
    const own = shapeOf(part, 34).prefix
    if (own === '' || own === prefix) continue
    if (prefix !== '') c.error('T0303', place, 'unsupported non-standard concatenation of string literals')
    prefix = own
  }
  const unit = unitOf(prefix)
  const units: number[] = []
  for (const part of parts) {
    const { start } = shapeOf(part, 34)
    for (const value of decodeBody(c, place, part, start, part.length - 1, unit)) units.push(value)
  }
  units.push(0)
  const bytes = new Uint8Array(units.length * unit)
  const view = new DataView(bytes.buffer)
  const { little } = c.target
  units.forEach((value, i) => {
    if (unit === 1) bytes[i] = value
    else if (unit === 2) view.setUint16(i * 2, value, little)
    else view.setUint32(i * 4, value, little)
  })
  const element = unit === 1 ? charType : prefix === 'L' ? intType : prefix === 'U' ? unsignedIntType : unsignedShortType
  return { bytes, element }
}

/** Atoms that stand for the function's name. */
export const functionNameKeywords: ReadonlySet<number> = new Set([
  Keyword.__func__,
  Keyword.__FUNCTION__,
  Keyword.__PRETTY_FUNCTION__,
])
