/**
 * The builtins with a plain prototype: name (without `__builtin_`), result, parameters, what lowering sees, and how constants fold.
 * Builtins whose types depend on their arguments have handlers of their own (builtins.ts, atomics.ts, core-builtins.ts).
 */
import { Qualifier } from '../parser/ast.js'
import { pointerTo } from './type-facts.js'
import type { BuiltinName } from './typed-ast.js'
import {
  charType,
  type CType,
  type FunctionType,
  intType,
  longLongType,
  longType,
  unsignedIntType,
  unsignedLongLongType,
  unsignedLongType,
  unsignedShortType,
  voidType,
} from './types.js'

const constant = (of: CType): CType => ({ kind: 'qualified', of, qualifiers: Qualifier.const })

/** Words of the table's prototypes. */
const words: Readonly<Record<string, CType>> = {
  void: voidType,
  int: intType,
  unsigned: unsignedIntType,
  long: longType,
  ulong: unsignedLongType,
  llong: longLongType,
  ullong: unsignedLongLongType,
  u16: unsignedShortType,
  u32: unsignedIntType,
  u64: unsignedLongType,
  size: unsignedLongType,
  'void*': pointerTo(voidType),
  'cvoid*': pointerTo(constant(voidType)),
  'char*': pointerTo(charType),
  'cchar*': pointerTo(constant(charType)),
}

export interface TableBuiltin {
  readonly type: FunctionType
  /** Undefined where the call always folds. */
  readonly emit: BuiltinName | undefined
  /** The value on constant integer arguments. */
  readonly fold: ((...args: bigint[]) => bigint | undefined) | undefined
}

function entry(prototype: string, emit: BuiltinName | undefined, fold?: TableBuiltin['fold']): TableBuiltin {
  const [result, ...params] = prototype.split(' ') as [string, ...string[]]
  return {
    type: {
      kind: 'function',
      result: words[result]!,
      params: params.map(param => ({ name: undefined, type: words[param]!, declTags: [] })),
      variadic: false,
      prototyped: true,
    },
    emit,
    fold,
  }
}

const swap = (bytes: number) => (value: bigint) => {
  let swapped = 0n
  for (let i = 0; i < bytes; i++) swapped = (swapped << 8n) | ((value >> BigInt(8 * i)) & 0xffn)
  return swapped
}
const countOnes = (width: number) => (value: bigint) =>
  BigInt(BigInt.asUintN(width, value).toString(2).replaceAll('0', '').length)
const leadingZeros = (width: number) => (value: bigint) => {
  const plain = BigInt.asUintN(width, value)
  return plain === 0n ? undefined : BigInt(width - plain.toString(2).length)
}
const trailing = (value: bigint): bigint => {
  const text = value.toString(2)
  return BigInt(text.length - 1 - text.lastIndexOf('1'))
}
const trailingZeros = (width: number) => (value: bigint) => {
  const plain = BigInt.asUintN(width, value)
  return plain === 0n ? undefined : trailing(plain)
}
const firstSet = (width: number) => (value: bigint) => {
  const plain = BigInt.asUintN(width, value)
  return plain === 0n ? 0n : trailing(plain) + 1n
}
const parity = (width: number) => (value: bigint) => countOnes(width)(value) & 1n
const magnitude = (value: bigint): bigint => (value < 0n ? -value : value)

/** By name without `__builtin_`. */
export const builtinTable: Readonly<Record<string, TableBuiltin>> = {
  memcpy: entry('void* void* cvoid* size', 'memcpy'),
  memcpy_inline: entry('void void* cvoid* size', 'memcpy'),
  memmove: entry('void* void* cvoid* size', 'memmove'),
  memset: entry('void* void* int size', 'memset'),
  memset_inline: entry('void void* int size', 'memset'),
  memcmp: entry('int cvoid* cvoid* size', 'memcmp'),
  bcmp: entry('int cvoid* cvoid* size', 'memcmp'),
  bzero: entry('void void* size', 'memset'),
  strlen: entry('size cchar*', 'strlen'),
  strcmp: entry('int cchar* cchar*', 'strcmp'),
  strncmp: entry('int cchar* cchar* size', 'strncmp'),
  unreachable: entry('void', 'unreachable'),
  trap: entry('void', 'trap'),
  debugtrap: entry('void', 'trap'),
  bswap16: entry('u16 u16', 'bswap16', swap(2)),
  bswap32: entry('u32 u32', 'bswap32', swap(4)),
  bswap64: entry('u64 u64', 'bswap64', swap(8)),
  clz: entry('int unsigned', 'clz', leadingZeros(32)),
  clzl: entry('int ulong', 'clzll', leadingZeros(64)),
  clzll: entry('int ullong', 'clzll', leadingZeros(64)),
  ctz: entry('int unsigned', 'ctz', trailingZeros(32)),
  ctzl: entry('int ulong', 'ctzll', trailingZeros(64)),
  ctzll: entry('int ullong', 'ctzll', trailingZeros(64)),
  ffs: entry('int int', 'ffs', firstSet(32)),
  ffsl: entry('int long', 'ffsll', firstSet(64)),
  ffsll: entry('int llong', 'ffsll', firstSet(64)),
  popcount: entry('int unsigned', 'popcount', countOnes(32)),
  popcountl: entry('int ulong', 'popcountll', countOnes(64)),
  popcountll: entry('int ullong', 'popcountll', countOnes(64)),
  parity: entry('int unsigned', 'parity', parity(32)),
  parityl: entry('int ulong', 'parityll', parity(64)),
  parityll: entry('int ullong', 'parityll', parity(64)),
  abs: entry('int int', 'abs', magnitude),
  labs: entry('long long', 'abs', magnitude),
  llabs: entry('llong llong', 'abs', magnitude),
  frame_address: entry('void* unsigned', 'frame_address'),
}

/** Library functions that clang knows by their plain names. */
export const libraryNames: ReadonlySet<string> = new Set([
  'memcpy',
  'memmove',
  'memset',
  'memcmp',
  'bcmp',
  'strlen',
  'strcmp',
  'strncmp',
  'abs',
  'labs',
  'llabs',
])
