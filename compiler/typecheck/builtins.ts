/** Calls of `__builtin_*`: by the table, or by a handler where the types depend on the arguments. */
import type * as ast from '../parser/ast.js'
import { checkAtomic, isAtomicName } from './atomics.js'
import { builtinTable, libraryNames, type TableBuiltin } from './builtin-table.js'
import { evaluate, integerConstant } from './constants.js'
import type { Context } from './context.js'
import { assignConvert, checkCondition, promote } from './conversions.js'
import { coreBuiltins } from './core-builtins.js'
import { checkExpr, checkValue } from './expressions.js'
import { at, convert, errorExpr, intExpr, rvalue } from './nodes.js'
import { integerOf, isError, isInteger, isVoid, pointerOf, sizeOf, unqualified } from './type-facts.js'
import type { BuiltinName, Expr, FunctionDecl } from './typed-ast.js'
import {
  boolType,
  type CType,
  type FunctionType,
  intType,
  longLongType,
  longType,
  unsignedIntType,
  unsignedLongLongType,
  unsignedLongType,
  voidType,
} from './types.js'

export type CallExpr = ast.Expr & { kind: 'call' }
export type BuiltinHandler = (c: Context, expr: CallExpr, name: string) => Expr

const prefix = '__builtin_'

export const isBuiltinName = (name: string): boolean => name.startsWith(prefix) || isAtomicName(name)

/** Builtins are no objects: their address cannot be taken. */
export const builtinFunction = (_c: Context, _name: string): FunctionDecl | undefined => undefined

/** What clang knows about a library function of that name. */
export function libraryBuiltin(name: string): { readonly name: BuiltinName; readonly type: FunctionType } | undefined {
  if (!libraryNames.has(name)) return undefined
  const known = builtinTable[name]!
  return known.emit ? { name: known.emit, type: known.type } : undefined
}

/** Names that `__has_builtin` says yes to. */
export const isKnownBuiltin = (name: string): boolean =>
  isAtomicName(name) ||
  (name.startsWith(prefix) && (name.slice(prefix.length) in builtinTable || name.slice(prefix.length) in handlers)) ||
  syntaxBuiltins.has(name)

/** Those the grammar itself knows. */
const syntaxBuiltins: ReadonlySet<string> = new Set([
  '__builtin_offsetof',
  '__builtin_types_compatible_p',
  '__builtin_choose_expr',
  '__builtin_va_arg',
])

export function checkBuiltinCall(c: Context, expr: CallExpr, name: string): Expr {
  if (isAtomicName(name)) return checkAtomic(c, expr, name)
  const short = name.slice(prefix.length)
  const handler = handlers[short]
  if (handler) return handler(c, expr, name)
  const known = Object.hasOwn(builtinTable, short) ? builtinTable[short] : undefined
  if (known) return callByTable(c, expr, name, known)
  c.error('T0221', expr.callee, `use of unknown builtin '${name}'`)
  for (const arg of expr.args) if (arg.kind !== 'type_name') checkExpr(c, arg)
  return errorExpr(expr)
}

/** The arguments' values, as many as there must be; undefined after a diagnostic. */
export function argumentValues(c: Context, expr: CallExpr, least: number, most = least): Expr[] | undefined {
  const values = expr.args.map(arg => {
    if (arg.kind !== 'type_name') return checkValue(c, arg)
    c.error('T0207', arg, 'expected expression, found a type')
    return errorExpr(arg)
  })
  if (values.length < least || values.length > most) {
    const few = values.length < least
    c.error(
      'T0207',
      few ? { token: expr.last, first: expr.last, last: expr.last } : expr,
      `too ${few ? 'few' : 'many'} arguments to function call, expected ${few ? least : most}, have ${values.length}`,
    )
    return undefined
  }
  return values.some(value => isError(value.type)) ? undefined : values
}

function callByTable(c: Context, expr: CallExpr, name: string, known: TableBuiltin): Expr {
  const { type, emit, fold } = known
  const values = argumentValues(c, expr, type.params.length)
  if (!values) return errorExpr(expr)
  const args = values.map((value, index) =>
    assignConvert(c, value, type.params[index]!.type, { kind: 'pass', index, callee: name }),
  )
  if (args.some(arg => isError(arg.type))) return errorExpr(expr)
  if (fold) {
    const constants = args.map(arg => evaluate(arg))
    if (constants.every(value => value?.kind === 'int')) {
      const value = fold(...constants.map(each => each.value))
      if (value !== undefined) return intExpr(expr, value, type.result)
    }
  }
  const folded = foldStrings(expr, emit, args)
  if (folded) return folded
  if (name === '__builtin_bzero') args.splice(1, 0, intExpr(expr, 0n, intType))
  return emitBuiltin(expr, emit!, args, type.result)
}

export const emitBuiltin = (expr: CallExpr, name: BuiltinName, args: readonly Expr[], type: CType): Expr => ({
  kind: 'builtin',
  name,
  args,
  type: unqualified(type),
  ...at(expr),
})

/** The bytes a pointer to a string literal points at, up to the terminating zero. */
function literalBytes(value: Expr): Uint8Array | undefined {
  const address = evaluate(value)
  if (address?.kind !== 'address' || address.base?.kind !== 'string') return undefined
  const { bytes } = address.base
  const start = Number(address.offset)
  const end = bytes.indexOf(0, start)
  return start < 0 || end < 0 ? undefined : bytes.subarray(start, end)
}

function foldStrings(expr: CallExpr, name: BuiltinName | undefined, args: readonly Expr[]): Expr | undefined {
  if (name === 'strlen') {
    const text = literalBytes(args[0]!)
    return text && intExpr(expr, BigInt(text.length), unsignedLongType)
  }
  if (name !== 'strcmp' && name !== 'strncmp') return undefined
  const a = literalBytes(args[0]!)
  const b = literalBytes(args[1]!)
  const limit = name === 'strncmp' ? integerConstant(args[2]!) : undefined
  if (!a || !b || (name === 'strncmp' && limit === undefined)) return undefined
  const most = limit === undefined ? Math.max(a.length, b.length) : Math.min(Number(limit), Math.max(a.length, b.length))
  for (let i = 0; i < most; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return intExpr(expr, difference < 0 ? -1n : 1n, intType)
  }
  return intExpr(expr, 0n, intType)
}

const refuse =
  (code: string, message: string, hint: string): BuiltinHandler =>
  (c, expr) => {
    c.error(code, expr, message, { hint })
    return errorExpr(expr)
  }

/** `__builtin_constant_p`: known now, or left for after inlining. */
const constantP: BuiltinHandler = (c, expr) => {
  const arg = expr.args[0]
  if (expr.args.length !== 1 || !arg || arg.kind === 'type_name') {
    argumentValues(c, expr, 1)
    return errorExpr(expr)
  }
  // The argument is never evaluated; only what constants it is made of counts.
  const value = rvalue(checkExpr(c, arg))
  if (isError(value.type)) return errorExpr(expr)
  const known = evaluate(value, { constObjects: true })
  if (known?.kind === 'int') return intExpr(expr, 1n)
  if (known) return intExpr(expr, known.base === undefined || (known.base.kind === 'string' && known.offset === 0n) ? 1n : 0n)
  if (!isInteger(value.type) && !pointerOf(value.type)) return intExpr(expr, 0n)
  return emitBuiltin(expr, 'constant_p', [value], intType)
}

const expect: BuiltinHandler = (c, expr, name) => {
  const values = argumentValues(c, expr, name.endsWith('probability') ? 3 : 2, 3)
  if (!values) return errorExpr(expr)
  const [value, wanted] = values
    .slice(0, 2)
    .map(each => (isInteger(each.type) || pointerOf(each.type) ? convert(each, longType) : each)) as [Expr, Expr]
  if (value.kind === 'int') return intExpr(expr, value.value, longType)
  return emitBuiltin(expr, 'expect', [value, wanted], longType)
}

const assume: BuiltinHandler = (c, expr) => {
  const values = argumentValues(c, expr, 1)
  return values ? emitBuiltin(expr, 'assume', [checkCondition(c, values[0]!)], voidType) : errorExpr(expr)
}

/** `__builtin_object_size(p, kind)`: bytes from `p` to the end of the object it points into, if that is visible. */
const objectSize: BuiltinHandler = (c, expr) => {
  const values = argumentValues(c, expr, 2)
  if (!values) return errorExpr(expr)
  const kind = integerConstant(values[1]!)
  if (kind === undefined || kind < 0n || kind > 3n) {
    c.error('T0221', expr, "argument to '__builtin_object_size' must be a constant between 0 and 3")
    return errorExpr(expr)
  }
  const unknown = kind >= 2n ? 0n : BigInt.asUintN(64, -1n)
  const place = evaluate(stripPointerCasts(values[0]!), { automatic: true })
  if (place?.kind !== 'address' || place.base === undefined || place.base.kind === 'function')
    return intExpr(expr, unknown, unsignedLongType)
  const whole = place.base.kind === 'string' ? place.base.bytes.length : sizeOf(place.base.type)
  const left = BigInt(whole) - place.offset
  return intExpr(expr, left < 0n ? 0n : left, unsignedLongType)
}

function stripPointerCasts(value: Expr): Expr {
  let at = value
  while (at.kind === 'convert' && (at.conversion === 'pointer' || at.conversion === 'same')) at = at.operand
  return at
}

/** `__builtin_add_overflow(a, b, &result)`: whether the exact result does not fit. */
function overflow(emit: 'add_overflow' | 'sub_overflow' | 'mul_overflow', operand: CType | undefined): BuiltinHandler {
  return (c, expr, name) => {
    const values = argumentValues(c, expr, 3)
    if (!values) return errorExpr(expr)
    const target = pointerOf(values[2]!.type)
    if (!target || !isInteger(target.to)) {
      c.error(
        'T0221',
        values[2]!,
        `result argument to overflow builtin must be a pointer to a non-const integer (${c.quote(values[2]!.type)} invalid)`,
      )
      return errorExpr(expr)
    }
    for (const value of values.slice(0, 2))
      if (!isInteger(value.type)) {
        c.error('T0221', value, `operand argument to overflow builtin must be an integer (${c.quote(value.type)} invalid)`)
        return errorExpr(expr)
      }
    const args = operand
      ? values.map((value, index) =>
          index < 2 ? assignConvert(c, value, operand, { kind: 'pass', index, callee: name }) : value,
        )
      : values
    return emitBuiltin(expr, emit, args, boolType)
  }
}

const overflowHandlers = (): Record<string, BuiltinHandler> => {
  const made: Record<string, BuiltinHandler> = {}
  const widths: readonly (readonly [string, CType | undefined])[] = [
    ['', undefined],
    ['s', intType],
    ['u', unsignedIntType],
    ['sl', longType],
    ['ul', unsignedLongType],
    ['sll', longLongType],
    ['ull', unsignedLongLongType],
  ]
  for (const op of ['add', 'sub', 'mul'] as const)
    for (const [word, type] of widths) {
      const typed = word === '' ? op : word.startsWith('s') ? `s${op}${word.slice(1)}` : `u${op}${word.slice(1)}`
      made[`${typed}_overflow`] = overflow(`${op}_overflow`, type)
    }
  return made
}

/** `__builtin_preserve_access_index(e)`: e, with its accesses recorded for CO-RE. */
const preserveAccessIndex: BuiltinHandler = (c, expr) => {
  const arg = expr.args[0]
  if (expr.args.length !== 1 || !arg || arg.kind === 'type_name') {
    argumentValues(c, expr, 1)
    return errorExpr(expr)
  }
  const operand = rvalue(checkExpr(c, arg))
  if (isError(operand.type)) return errorExpr(expr)
  return { kind: 'preserve_access', operand, type: operand.type, ...at(expr) }
}

/** Arguments that are only looked at by the compiler: the value is the first one. */
const firstArgument: BuiltinHandler = (c, expr) => {
  const values = argumentValues(c, expr, 1, 3)
  return values ? { ...values[0]!, ...at(expr) } : errorExpr(expr)
}

const classify: BuiltinHandler = (c, expr) => {
  const values = argumentValues(c, expr, 1)
  if (!values) return errorExpr(expr)
  const { type } = values[0]!
  return intExpr(expr, isVoid(type) ? 0n : isInteger(type) ? 1n : pointerOf(type) ? 5n : 12n)
}

/** `__builtin_*g` of any unsigned integer type. */
const countGeneric =
  (narrow: BuiltinName, wide: BuiltinName): BuiltinHandler =>
  (c, expr) => {
    const values = argumentValues(c, expr, 1, 2)
    const type = values && integerOf(values[0]!.type)
    if (!values || !type) return errorExpr(expr)
    return emitBuiltin(expr, type.size === 8 ? wide : narrow, [promote(values[0]!)], intType)
  }

const noAddressHint =
  'eBPF programs have no return addresses in memory; bpf_get_func_ip() and bpf_get_stack() say where a program was entered from'

const handlers: Readonly<Record<string, BuiltinHandler>> = {
  constant_p: constantP,
  expect,
  expect_with_probability: expect,
  assume,
  object_size: objectSize,
  dynamic_object_size: objectSize,
  preserve_access_index: preserveAccessIndex,
  assume_aligned: firstArgument,
  launder: firstArgument,
  classify_type: classify,
  popcountg: countGeneric('popcount', 'popcountll'),
  return_address: refuse('B0008', '__builtin_return_address does not exist in eBPF', noAddressHint),
  extract_return_addr: refuse('B0008', '__builtin_extract_return_addr does not exist in eBPF', noAddressHint),
  alloca: refuse(
    'B0010',
    'alloca cannot be built: eBPF has a fixed stack of 512 bytes',
    'use an array of constant size, or a per-CPU array map for more',
  ),
  alloca_with_align: refuse(
    'B0010',
    'alloca cannot be built: eBPF has a fixed stack of 512 bytes',
    'use an array of constant size',
  ),
  setjmp: refuse('B0010', 'setjmp cannot be built for eBPF', 'return a code and test it'),
  longjmp: refuse('B0010', 'longjmp cannot be built for eBPF', 'return a code and test it'),
  va_start: refuse('B0007', 'variable arguments cannot be read in eBPF', 'pass an array and its length'),
  va_end: refuse('B0007', 'variable arguments cannot be read in eBPF', 'pass an array and its length'),
  va_copy: refuse('B0007', 'variable arguments cannot be read in eBPF', 'pass an array and its length'),
  ...overflowHandlers(),
  ...coreBuiltins,
}
