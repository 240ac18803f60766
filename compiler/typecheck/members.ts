/** Member access, subscripts, `*` and `&`. */
import { editDistance } from '../../base/edit-distance.js'
import type * as ast from '../parser/ast.js'
import { Qualifier } from '../parser/ast.js'
import type { Atom } from '../preprocessor/tokens.js'
import type { Context } from './context.js'
import { checkExpr, checkValue } from './expressions.js'
import { typoLimit } from './near-names.js'
import { at, bitFieldOf, convert, elementOf, errorExpr, isLvalue, isObject, markAddressTaken, rvalue } from './nodes.js'
import { findMember, memberNames } from './records.js'
import type { Place } from './report.js'
import {
  integerOf,
  isArray,
  isError,
  isFunction,
  isInteger,
  isRecord,
  isVoid,
  pointerOf,
  pointerTo,
  recordOf,
  withQualifiers,
} from './type-facts.js'
import type { Expr } from './typed-ast.js'
import { type CType, canonical, longType, qualifiersOf, type RecordType, unsignedLongType } from './types.js'

/** The `.` or `->` before the member's name: where clang complains about what stands before it. */
const operatorOf = (expr: ast.Expr & { kind: 'member' }): Place => ({ token: expr.token - 1, first: expr.first, last: expr.last })

export function checkMember(c: Context, expr: ast.Expr & { kind: 'member' }): Expr {
  const base = expr.arrow ? checkValue(c, expr.base) : checkExpr(c, expr.base)
  if (isError(base.type)) return errorExpr(expr)
  let object = base
  if (expr.arrow) {
    const pointer = pointerOf(base.type)
    if (!pointer) {
      c.error(
        'T0204',
        operatorOf(expr),
        `member reference type ${c.quote(base.type)} is not a pointer${isRecord(base.type) ? "; did you mean to use '.'?" : ''}`,
      )
      if (!isRecord(base.type)) return errorExpr(expr)
      if (base.kind === 'load') object = base.object
    } else object = { kind: 'deref', pointer: base, type: pointer.to, ...at(base) }
  } else if (pointerOf(base.type) && isRecord(pointerOf(base.type)!.to)) {
    c.error('T0204', operatorOf(expr), `member reference type ${c.quote(base.type)} is a pointer; did you mean to use '->'?`)
    const value = rvalue(base)
    object = { kind: 'deref', pointer: value, type: pointerOf(base.type)!.to, ...at(base) }
  }
  const record = recordOf(object.type)
  if (!record) {
    c.error('T0204', operatorOf(expr), `member reference base type ${c.quote(object.type)} is not a structure or union`)
    return errorExpr(expr)
  }
  if (!c.complete(record)) {
    c.error('T0101', operatorOf(expr), `incomplete definition of type ${c.quote(object.type)}`, {
      notes: [c.reporter.note(`forward declaration of ${c.quote(record)}`, record.token)],
    })
    return errorExpr(expr)
  }
  return memberOf(c, object, record, expr.name, expr, expr.arrow)
}

/** The member of an object by name, with the anonymous records on the way as members of their own. */
export function memberOf(c: Context, object: Expr, record: RecordType, name: Atom, place: Place, arrow: boolean): Expr {
  const path = findMember(record, name)
  if (!path) {
    const text = c.text(name)
    const near = memberNames(record)
      .map(member => c.text(member))
      .map(member => ({ member, edits: editDistance(text, member, typoLimit(text)) }))
      .filter(({ edits }) => edits <= typoLimit(text))
      .sort((a, b) => a.edits - b.edits)[0]
    c.error('T0203', place, `no member named '${text}' in ${c.quote(record)}${near ? `; did you mean '${near.member}'?` : ''}`, {
      notes: near ? [] : [c.reporter.note(`${c.quote(record)} is defined here`, record.token)],
    })
    return errorExpr(place)
  }
  let made = object
  let of = record
  path.forEach((field, i) => {
    const qualifiers = qualifiersOf(made.type)
    const type = qualifiers ? withQualifiers(field.type, qualifiers & ~Qualifier.restrict) : field.type
    made = { kind: 'member', base: made, record: of, field, arrow: arrow && i === 0, type, ...at(place) }
    if (i < path.length - 1) of = recordOf(field.type)!
  })
  return made
}

export function checkIndex(c: Context, expr: ast.Expr & { kind: 'index' }): Expr {
  let base = checkExpr(c, expr.base)
  let index = checkExpr(c, expr.index)
  if (isError(base.type) || isError(index.type)) return errorExpr(expr)
  if (isInteger(base.type) && !isInteger(index.type)) [base, index] = [index, base]
  index = rvalue(index)
  const array = isArray(base.type) && isObject(base)
  if (!array) base = rvalue(base)
  const pointer = pointerOf(base.type)
  if (!array && !pointer) {
    c.error('T0205', expr, 'subscripted value is not an array, pointer, or vector')
    return errorExpr(expr)
  }
  const type = array ? elementOf(base.type) : pointer!.to
  if (!isInteger(index.type)) {
    c.error('T0205', expr, 'array subscript is not an integer')
    return errorExpr(expr)
  }
  if (isFunction(type)) {
    c.error('T0205', expr, `subscript of pointer to function type ${c.quote(type)}`)
    return errorExpr(expr)
  }
  if (!isVoid(type) && !c.complete(type)) {
    c.error('T0101', expr, `subscript of pointer to incomplete type ${c.quote(type)}`)
    return errorExpr(expr)
  }
  return { kind: 'index', base, index: toIndex(index), baseIsArray: array, type, ...at(expr) }
}

/** An integer as a 64-bit element count. */
export const toIndex = (value: Expr): Expr => convert(value, integerOf(value.type)?.signed ? longType : unsignedLongType)

export function checkDereference(c: Context, expr: ast.Expr & { kind: 'unary' }): Expr {
  const pointer = checkValue(c, expr.operand)
  if (isError(pointer.type)) return errorExpr(expr)
  const type = pointerOf(pointer.type)
  if (!type) {
    if (pointer.kind === 'function') return { ...pointer, ...at(expr) }
    c.error('T0212', expr, `indirection requires pointer operand (${c.quote(pointer.type)} invalid)`)
    return errorExpr(expr)
  }
  // `*f` of a function designator is the function.
  if (isFunction(type.to) && pointer.kind === 'address') return pointer.object
  if (isVoid(type.to) && c.unevaluated === 0)
    c.warn('T0212', expr, `ISO C does not allow indirection on operand of type ${c.quote(pointer.type)}`, 'void-ptr-dereference')
  return { kind: 'deref', pointer, type: type.to, ...at(expr) }
}

export function checkAddress(c: Context, expr: ast.Expr & { kind: 'unary' }): Expr {
  const object = checkExpr(c, expr.operand)
  if (isError(object.type)) return errorExpr(expr)
  return addressOfObject(c, object, expr)
}

export function addressOfObject(c: Context, object: Expr, place: Place): Expr {
  if (object.kind === 'function') return { kind: 'address', object, type: pointerTo(object.type), ...at(place) }
  if (!isLvalue(object)) {
    c.error('T0213', place, `cannot take the address of an rvalue of type ${c.quote(object.type)}`)
    return errorExpr(place)
  }
  if (bitFieldOf(object)) {
    c.error('T0213', place, 'address of bit-field requested')
    return errorExpr(place)
  }
  if (isVoid(object.type) && qualifiersOf(object.type) === 0 && object.kind !== 'deref' && object.kind !== 'var') {
    c.error('T0213', place, "cannot take the address of an expression of type 'void'")
    return errorExpr(place)
  }
  if (c.unevaluated === 0) markAddressTaken(object)
  return { kind: 'address', object, type: pointerTo(object.type), ...at(place) }
}

/** The type an lvalue may be assigned through, or why not (C11 6.3.2.1p1). */
export function checkModifiable(c: Context, object: Expr, place: Place, what: string): boolean {
  if (isError(object.type)) return false
  if (!isLvalue(object)) {
    c.error('T0201', place, `expression is not ${what}`)
    return false
  }
  const plain = canonical(object.type)
  if (plain.kind === 'array') {
    c.error('T0201', place, `array type ${c.quote(object.type)} is not assignable`)
    return false
  }
  if (plain.kind === 'function') {
    c.error('T0201', place, 'non-object type is not assignable')
    return false
  }
  if (plain.kind === 'void' || (plain.kind === 'record' && !c.complete(plain))) {
    c.error('T0101', place, `incomplete type ${c.quote(object.type)} is not assignable`)
    return false
  }
  if (qualifiersOf(object.type) & Qualifier.const || hasConstMember(object.type)) {
    const name =
      object.kind === 'var' ? `variable '${object.decl.name}' with const-qualified type ${c.quote(object.type)}` : undefined
    c.error('T0214', place, name ? `cannot assign to ${name}` : 'read-only variable is not assignable')
    return false
  }
  return true
}

function hasConstMember(type: CType): boolean {
  const record = recordOf(type)
  if (!record) return false
  return record.fields.some(field => qualifiersOf(field.type) & Qualifier.const || hasConstMember(field.type))
}
