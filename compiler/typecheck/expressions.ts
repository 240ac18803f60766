/** Expressions: which file checks which kind, and the primary ones themselves. */
import type * as ast from '../parser/ast.js'
import { Keyword } from '../preprocessor/names.js'
import type { TokenIndex } from '../preprocessor/tokens.js'
import { checkAssign, checkIncDec } from './assignments.js'
import { builtinFunction, isBuiltinName } from './builtins.js'
import { checkCall } from './calls.js'
import { checkCast } from './casts.js'
import { checkConditional } from './conditional.js'
import type { Context } from './context.js'
import { checkTypeName } from './declarators.js'
import { checkChooseExpr, checkGeneric, checkOffsetof, checkTypesCompatible } from './generic.js'
import { checkCompoundLiteral } from './initializers.js'
import { floatConstant, floatExpr } from './floats.js'
import { functionNameKeywords, parseChar, parseNumber, parseString } from './literals.js'
import { checkAddress, checkDereference, checkIndex, checkMember } from './members.js'
import { suggestName } from './near-names.js'
import { at, bitFieldOf, convert, errorExpr, intExpr, rvalue } from './nodes.js'
import { checkBinary, checkUnaryArithmetic } from './operators.js'
import type { Place } from './report.js'
import { checkStatementExpr } from './statements.js'
import { alignOf, isError, isFloat, isFunction, isVoid, sizeOf, withQualifiers } from './type-facts.js'
import type { Expr } from './typed-ast.js'
import { type CType, charType, unsignedLongType } from './types.js'

/** The typed tree of an expression, lvalues not loaded. */
export function checkExpr(c: Context, expr: ast.Expr): Expr {
  switch (expr.kind) {
    case 'identifier':
      return checkIdentifier(c, expr)
    case 'number':
      return checkNumber(c, expr)
    case 'char': {
      const { value, type } = parseChar(c, expr, c.names.bytes(expr.text))
      return intExpr(expr, value, type)
    }
    case 'string':
      return checkString(c, expr)
    case 'unary':
      return checkUnary(c, expr)
    case 'postfix':
      return checkIncDec(c, expr, expr.operand, expr.op === '++', false)
    case 'binary':
      return checkBinary(c, expr)
    case 'assign':
      return checkAssign(c, expr)
    case 'conditional':
      return checkConditional(c, expr)
    case 'cast':
      return checkCast(c, expr)
    case 'compound_literal':
      return checkCompoundLiteral(c, expr)
    case 'call':
      return checkCall(c, expr)
    case 'index':
      return checkIndex(c, expr)
    case 'member':
      return checkMember(c, expr)
    case 'sizeof':
    case 'alignof':
      return checkSizeof(c, expr)
    case 'statement_expr':
      return checkStatementExpr(c, expr)
    case 'label_address':
      c.error('B0003', expr, 'labels have no address in eBPF: there is no jump to a computed place', {
        hint: "write a 'switch' over a number",
      })
      return errorExpr(expr)
    case 'generic':
      return checkGeneric(c, expr)
    case 'offsetof':
      return checkOffsetof(c, expr)
    case 'types_compatible':
      return checkTypesCompatible(c, expr)
    case 'choose_expr':
      return checkChooseExpr(c, expr)
    case 'va_arg':
      c.error('B0007', expr, 'variable arguments cannot be read in eBPF', {
        hint: 'pass an array and its length, or make the function a macro',
      })
      return errorExpr(expr)
  }
}

/** The value of an expression: arrays and functions decayed, objects loaded, floating point refused. */
export function checkValue(c: Context, expr: ast.Expr): Expr {
  return refuseFloat(c, rvalue(checkExpr(c, expr)))
}

/** eBPF has no floating point: a value of such a type is an error wherever it would be computed with. */
export function refuseFloat(c: Context, value: Expr): Expr {
  if (!isFloat(value.type) || floatConstant(value) !== undefined) return value
  if (c.unevaluated === 0) reportFloat(c, value, value.type)
  return errorExpr(value)
}

export function reportFloat(c: Context, place: Place, type: CType): void {
  const report = (): void =>
    c.error('B0001', place, `eBPF has no floating point: this is a value of type ${c.quote(type)}`, {
      hint: 'scale to integers (nanoseconds, per mille, fixed point with a shift)',
    })
  if (c.fn) c.fn.floats.push(report)
  else report()
}

function checkNumber(c: Context, expr: ast.Expr & { kind: 'number' }): Expr {
  const number = parseNumber(c, expr, c.text(expr.text))
  if (!number) return errorExpr(expr)
  if (number.kind === 'int') return intExpr(expr, number.value, number.type)
  return floatExpr(expr, number.value, number.type)
}

function stringExpr(place: Place, bytes: Uint8Array, element: CType & { kind: 'int' }): Expr & { kind: 'string' } {
  const type: CType = { kind: 'array', element, count: bytes.length / element.size }
  return { kind: 'string', bytes, elementSize: element.size, type, ...at(place) }
}

export function checkString(c: Context, expr: ast.StringExpr): Expr & { kind: 'string' } {
  const { bytes, element } = parseString(
    c,
    expr,
    expr.parts.map(part => c.names.bytes(part)),
  )
  return stringExpr(expr, bytes, element)
}

/** The text of a string literal, without its terminating zero. */
export function stringText(c: Context, expr: ast.StringExpr): string {
  const { bytes } = checkString(c, expr)
  return new TextDecoder().decode(bytes.subarray(0, bytes.length - 1))
}

function checkIdentifier(c: Context, expr: ast.Expr & { kind: 'identifier' }): Expr {
  const { name } = expr
  if (functionNameKeywords.has(name)) {
    const text = c.fn ? c.fn.decl.name : ''
    const made = stringExpr(expr, new TextEncoder().encode(`${text}\0`), charType)
    return { ...made, type: { kind: 'array', element: withQualifiers(charType, 1), count: made.bytes.length } }
  }
  if (name === Keyword.__null) return intExpr(expr, 0n, unsignedLongType)
  const symbol = c.lookup(name)
  if (!symbol) return unknownName(c, expr)
  switch (symbol.kind) {
    case 'enumerator':
      return intExpr(expr, symbol.value, symbol.type)
    case 'variable': {
      const { decl } = symbol
      symbol.referenced = true
      symbol.read = true
      if (c.unevaluated === 0 && decl.storage === 'static') c.listVariable(decl)
      return { kind: 'var', decl, type: decl.type, ...at(expr) }
    }
    case 'function': {
      symbol.referenced = true
      if (c.unevaluated === 0) c.listFunction(symbol.decl)
      return { kind: 'function', decl: symbol.decl, type: symbol.decl.type, ...at(expr) }
    }
    case 'typedef':
      c.error('T0001', expr, `unexpected type name '${c.text(name)}': expected expression`)
      return errorExpr(expr)
  }
}

const reported = new WeakMap<Context, Set<number>>()

/** An undeclared name is told once a function. */
function unknownName(c: Context, expr: ast.Expr & { kind: 'identifier' }): Expr {
  const text = c.text(expr.name)
  if (isBuiltinName(text)) {
    const decl = builtinFunction(c, text)
    if (decl) return { kind: 'function', decl, type: decl.type, ...at(expr) }
    c.error('T0221', expr, `builtin functions must be directly called`)
    return errorExpr(expr)
  }
  let known = reported.get(c)
  if (!known) reported.set(c, (known = new Set()))
  if (!known.has(expr.name)) {
    known.add(expr.name)
    const near = suggestName(c, text, false)
    c.error('T0001', expr, `use of undeclared identifier '${text}'${near ? `; did you mean '${near}'?` : ''}`)
  }
  return errorExpr(expr)
}

function checkUnary(c: Context, expr: ast.Expr & { kind: 'unary' }): Expr {
  switch (expr.op) {
    case '&':
      return checkAddress(c, expr)
    case '*':
      return checkDereference(c, expr)
    case '++':
    case '--':
      return checkIncDec(c, expr, expr.operand, expr.op === '++', true)
    case '__extension__':
      return checkExpr(c, expr.operand)
    case '__real__':
    case '__imag__':
      c.error('B0001', expr, `complex numbers do not exist in eBPF`)
      return errorExpr(expr)
    default:
      return checkUnaryArithmetic(c, expr, expr.op)
  }
}

function checkSizeof(c: Context, expr: ast.Expr & { kind: 'sizeof' | 'alignof' }): Expr {
  const { operand } = expr
  let type: CType
  let align = 0
  const counts: Expr[] = []
  if (operand.kind === 'type_name') type = checkTypeName(c, operand, { counts })
  else {
    const value = c.notEvaluated(() => checkExpr(c, operand))
    if (value.kind !== 'load' && bitFieldOf(value)) {
      c.error('T0106', operand, `invalid application of '${expr.kind}' to bit-field`)
      return errorExpr(expr)
    }
    if (value.kind === 'var') align = value.decl.align
    type = value.type
  }
  if (isError(type)) return errorExpr(expr)
  if (isVoid(type) || isFunction(type)) {
    c.warn(
      'T0101',
      expr,
      `invalid application of '${expr.kind}' to a ${isVoid(type) ? 'void' : 'function'} type`,
      'pointer-arith',
    )
    return intExpr(expr, 1n, unsignedLongType)
  }
  if (!c.complete(type)) {
    if (expr.kind === 'alignof' && type.kind === 'array') return intExpr(expr, BigInt(alignOf(type)), unsignedLongType)
    c.error('T0101', expr, `invalid application of '${expr.kind}' to an incomplete type ${c.quote(type)}`)
    return errorExpr(expr)
  }
  if (expr.kind === 'alignof') return intExpr(expr, BigInt(Math.max(align, alignOf(type))), unsignedLongType)
  return counts.reduce<Expr>(
    (size, count) => ({
      kind: 'arithmetic',
      op: '*',
      left: convert(count, unsignedLongType),
      right: size,
      type: unsignedLongType,
      ...at(expr),
    }),
    intExpr(expr, BigInt(sizeOf(type)), unsignedLongType),
  )
}

/** A place that covers one token. */
export const tokenPlace = (token: TokenIndex): Place => ({ token, first: token, last: token })
