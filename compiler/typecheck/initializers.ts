/**
 * Initialisers: lists with designators and elided braces, strings, compound literals; the size of arrays that get it from their
 * initialiser (C11 6.7.9, GNU ranges).
 */
import type * as ast from '../parser/ast.js'
import { compatibleUnqualified } from './compatible.js'
import { evaluate, foldedConstant } from './constants.js'
import type { Context } from './context.js'
import { assignConvert } from './conversions.js'
import { checkTypeName } from './declarators.js'
import { checkExpr, checkValue, refuseFloat } from './expressions.js'
import { at, elementOf, errorExpr, rvalue } from './nodes.js'
import { findMember } from './records.js'
import { beginOf, type Place } from './report.js'
import { integerOf, isArray, isError, isFloat, isFunction, isRecord, isVoid, recordOf, sizeOf } from './type-facts.js'
import type { Expr, InitItem, InitValue } from './typed-ast.js'
import { type ArrayType, type CType, canonical, type Field, type RecordType } from './types.js'

export interface CheckedInit {
  readonly value: InitValue
  /** The object's type: with its element count where the declaration left it open. */
  readonly type: CType
}

/** One initialiser list being read: its items, and how far we are. */
interface Cursor {
  readonly items: ast.InitializerList['items']
  next: number
}

class Initialization {
  readonly items: InitItem[] = []
  /** Bytes from the start that are written so far; overlaps only come below it. */
  private end = 0

  constructor(
    readonly c: Context,
    readonly isStatic: boolean,
    /** The declared name: where clang points when the whole initialiser does not fit. */
    readonly place: Place | undefined,
  ) {}

  put(item: InitItem): void {
    const size = sizeOf(item.type)
    this.items.push(item)
    this.end = Math.max(this.end, item.offset + Math.max(size, 1))
  }

  /** Forgets what was stored into a range that is initialised again (C11 6.7.9p19). */
  forget(offset: number, size: number, bitField: Field | undefined, recordOffset: number): void {
    if (offset >= this.end) return
    for (let i = this.items.length - 1; i >= 0; i--) {
      const item = this.items[i]!
      if (bitField) {
        if (item.bitField && item.bitField.recordOffset === recordOffset && item.bitField.field === bitField)
          this.items.splice(i, 1)
        continue
      }
      if (item.offset >= offset && item.offset + sizeOf(item.type) <= offset + size && size > 0) this.items.splice(i, 1)
    }
  }
}

const isStringFor = (init: ast.Initializer, type: CType): init is ast.StringExpr => {
  if (init.kind !== 'string') return false
  const plain = canonical(type)
  const element = plain.kind === 'array' ? integerOf(plain.element) : undefined
  return element !== undefined && (element.size === 1 || element.size === 2 || element.size === 4)
}

/** The initialiser of an object of a type. `isStatic`: it must be constant. Undefined after diagnostics that leave nothing to store. */
export function checkInitializer(
  c: Context,
  type: CType,
  init: ast.Initializer,
  isStatic: boolean,
  place?: Place,
): CheckedInit | undefined {
  if (isError(type)) {
    checkLoose(c, init)
    return undefined
  }
  const work = new Initialization(c, isStatic, init.kind === 'init_list' ? undefined : place)
  const array = canonical(type)
  if (array.kind === 'array') {
    const string = stringOf(init, type)
    if (string) {
      const value = stringItem(work, string, type, 0)
      const count = array.count ?? value.bytes.length / value.elementSize
      const full = withCount(type, array, count)
      return { type: full, value: { type: full, items: work.items.map(item => ({ ...item, type: full })), whole: false } }
    }
    if (init.kind !== 'init_list') {
      const value = checkExpr(c, init)
      if (value.kind === 'compound_literal' && compatibleUnqualified(value.type, type) && value.decl.init) {
        const full = array.count === undefined ? value.type : type
        return { type: full, value: { ...value.decl.init, type: full } }
      }
      if (!isError(value.type))
        c.error(
          'T0402',
          place ?? init,
          `array initializer must be an initializer list${integerOf(array.element)?.size === 1 ? ' or string literal' : integerOf(array.element)?.size === 4 ? ' or wide string literal' : ''}`,
        )
      return undefined
    }
    const count = fillArray(work, type, array, 0, { items: init.items, next: 0 }, false, [])
    const full = array.count === undefined ? withCount(type, array, count) : type
    return { type: full, value: { type: full, items: work.items, whole: false } }
  }
  if (array.kind === 'record') {
    if (init.kind !== 'init_list') {
      const value = scalarValue(work, type, init)
      if (!value) return undefined
      putRecord(work, type, 0, value)
      return { type, value: { type, items: work.items, whole: work.items[0]?.value === value } }
    }
    if (!c.complete(type)) return undefined
    const cursor = { items: init.items, next: 0 }
    fillRecord(work, type, array, 0, cursor, false, [])
    reportExcess(work, cursor, array.union ? 'union' : 'struct')
    return { type, value: { type, items: work.items, whole: false } }
  }
  if (isVoid(type) || isFunction(type)) {
    checkLoose(c, init)
    return undefined
  }
  const scalar = scalarInit(work, type, init)
  if (!scalar) return undefined
  return { type, value: { type, items: [{ offset: 0, bitField: undefined, type, value: scalar }], whole: true } }
}

/** Checks the expressions of an initialiser whose object makes no sense. */
function checkLoose(c: Context, init: ast.Initializer): void {
  if (init.kind !== 'init_list') checkExpr(c, init)
  else for (const item of init.items) checkLoose(c, item.value)
}

function withCount(type: CType, array: ArrayType, count: number): CType {
  if (array.count !== undefined) return type
  return { kind: 'array', element: elementOf(type), count }
}

/** The string that initialises a char array: itself, or alone in braces. */
function stringOf(init: ast.Initializer, type: CType): ast.StringExpr | undefined {
  if (isStringFor(init, type)) return init
  if (init.kind !== 'init_list' || init.items.length !== 1) return undefined
  const only = init.items[0]!
  return only.designators.length === 0 && isStringFor(only.value, type) ? only.value : undefined
}

function stringItem(work: Initialization, init: ast.StringExpr, type: CType, offset: number): Expr & { kind: 'string' } {
  const value = checkExpr(work.c, init) as Expr & { kind: 'string' }
  const array = canonical(type) as ArrayType
  const element = integerOf(array.element)!
  if (element.size !== value.elementSize)
    work.c.error('T0402', init, `initializing ${work.c.quote(type)} with a string of another character size`)
  const length = value.bytes.length / value.elementSize
  if (array.count !== undefined && length - 1 > array.count)
    work.c.warn('T0405', init, `initializer-string for char array is too long`, 'excess-initializers')
  work.put({ offset, bitField: undefined, type, value })
  return value
}

/** The value of a scalar's initialiser, which may stand in braces. */
function scalarInit(work: Initialization, type: CType, init: ast.Initializer): Expr | undefined {
  if (init.kind !== 'init_list') return scalarValue(work, type, init)
  const first = init.items[0]
  if (!first) {
    if (isRecord(type)) return undefined
    return zeroOf(work, type, init)
  }
  if (first.designators.length > 0) {
    work.c.error('T0403', first.designators[0]!, 'designator in initializer for scalar type ' + work.c.quote(type))
    return undefined
  }
  const value = scalarInit(work, type, first.value)
  const second = init.items[1]
  if (second) work.c.warn('T0401', second.value, 'excess elements in scalar initializer', 'excess-initializers')
  return value
}

const zeroOf = (work: Initialization, type: CType, place: Place): Expr =>
  assignConvert(
    work.c,
    { kind: 'int', value: 0n, type: { kind: 'int', name: 'int', size: 4, signed: true, rank: 4 }, ...at(place) },
    type,
    {
      kind: 'initialize',
    },
  )

function scalarValue(work: Initialization, type: CType, init: ast.Expr): Expr | undefined {
  return storedValue(work, type, rvalue(checkExpr(work.c, init)))
}

/** Converts a value for an object of the type; for static objects it must be constant. */
function storedValue(work: Initialization, type: CType, raw: Expr): Expr | undefined {
  const { c, isStatic } = work
  const value = refuseFloat(c, raw)
  if (isError(value.type)) return undefined
  if (isFloat(type)) {
    refuseFloat(c, { ...value, type })
    return undefined
  }
  const converted = assignConvert(c, value, type, { kind: 'initialize' }, work.place ?? beginOf(value))
  if (isError(converted.type)) return undefined
  if (isStatic && c.unevaluated === 0 && !isConstantInit(converted)) {
    c.error('T0404', beginOf(value), 'initializer element is not a compile-time constant')
    return undefined
  }
  return converted
}

/** Stores a record's value; a static object takes over what a compound literal is made of. */
function putRecord(work: Initialization, type: CType, offset: number, value: Expr): void {
  const literal =
    work.isStatic && value.kind === 'load' && value.object.kind === 'compound_literal' ? value.object.decl.init : undefined
  if (!literal || literal.whole) {
    work.put({ offset, bitField: undefined, type, value })
    return
  }
  for (const item of literal.items)
    work.put({
      ...item,
      offset: item.offset + offset,
      bitField: item.bitField && { ...item.bitField, recordOffset: item.bitField.recordOffset + offset },
    })
}

/** Whether a static object may hold the value: a constant, or a record from a constant compound literal or object. */
function isConstantInit(value: Expr): boolean {
  if (evaluate(value, { constObjects: true })) return true
  if (value.kind !== 'load') return false
  if (value.object.kind === 'compound_literal')
    return value.object.decl.init?.items.every(item => isConstantInit(item.value)) ?? true
  return (
    value.object.kind === 'var' &&
    isRecord(value.type) &&
    value.object.decl.storage === 'static' &&
    value.object.decl.init !== undefined
  )
}

/** Initialises one subobject from the cursor's next item: consumes the item, or descends where its braces are left out. */
function fillSubobject(
  work: Initialization,
  type: CType,
  offset: number,
  cursor: Cursor,
  path: readonly ast.Designator[],
  bitField?: BitFieldPlace,
): void {
  const { c } = work
  const plain = canonical(type)
  const { value: init } = cursor.items[cursor.next]!
  if (path.length > 0) {
    if (plain.kind === 'array') fillArray(work, type, plain, offset, cursor, true, path)
    else if (plain.kind === 'record') fillRecord(work, type, plain, offset, cursor, true, path)
    else {
      c.error('T0403', path[0]!, `designator into a value of type ${c.quote(type)}`)
      cursor.next++
    }
    return
  }
  if (plain.kind === 'array') {
    const string = stringOf(init, type)
    if (string) {
      cursor.next++
      work.forget(offset, sizeOf(type), undefined, 0)
      stringItem(work, string, type, offset)
      return
    }
    if (init.kind === 'init_list') {
      cursor.next++
      work.forget(offset, sizeOf(type), undefined, 0)
      fillArray(work, type, plain, offset, { items: init.items, next: 0 }, false, [])
      return
    }
    if (init.kind === 'compound_literal') {
      const literal = checkExpr(c, init)
      if (literal.kind === 'compound_literal' && compatibleUnqualified(literal.type, type) && literal.decl.init) {
        cursor.next++
        for (const item of literal.decl.init.items)
          work.put({
            ...item,
            offset: item.offset + offset,
            bitField: item.bitField && { ...item.bitField, recordOffset: item.bitField.recordOffset + offset },
          })
        return
      }
    }
    fillArray(work, type, plain, offset, cursor, true, [])
    return
  }
  if (plain.kind === 'record') {
    if (init.kind === 'init_list') {
      cursor.next++
      work.forget(offset, plain.size, undefined, 0)
      const inner = { items: init.items, next: 0 }
      fillRecord(work, type, plain, offset, inner, false, [])
      reportExcess(work, inner, plain.union ? 'union' : 'struct')
      return
    }
    // A value of the record's own type fills it; any other starts on its first member.
    const value = isPlainScalar(init) ? undefined : rvalue(checkExpr(c, init))
    if (value && (isError(value.type) || recordOf(value.type) === plain)) {
      cursor.next++
      work.forget(offset, plain.size, undefined, 0)
      const stored = storedValue(work, type, value)
      if (stored) putRecord(work, type, offset, stored)
      return
    }
    if (plain.fields.length === 0) {
      cursor.next++
      return
    }
    fillRecord(work, type, plain, offset, cursor, true, [])
    return
  }
  cursor.next++
  const value = scalarInit(work, type, init)
  if (!value) return
  if (bitField) {
    work.forget(offset, 0, bitField.field, bitField.recordOffset)
    work.put({ offset, bitField, type, value })
  } else {
    work.forget(offset, sizeOf(type), undefined, 0)
    work.put({ offset, bitField: undefined, type, value })
  }
}

/** Expressions that cannot have a record's type; saves checking them twice. */
const isPlainScalar = (init: ast.Expr): boolean => init.kind === 'number' || init.kind === 'char' || init.kind === 'string'

interface BitFieldPlace {
  readonly field: Field
  readonly record: RecordType
  readonly recordOffset: number
}

/**
 * Reads elements from the cursor. `elided`: the braces are left out, so the array takes what it needs and leaves the rest, and designators belong to
 * the list around it. `path`: designators that lead into this array, from the item the cursor is at. Returns the number of elements seen.
 */
function fillArray(
  work: Initialization,
  type: CType,
  array: ArrayType,
  offset: number,
  cursor: Cursor,
  elided: boolean,
  path: readonly ast.Designator[],
): number {
  const { c } = work
  const element = elementOf(type)
  if (!c.complete(element)) return 0
  const size = sizeOf(element)
  const limit = array.count ?? Number.POSITIVE_INFINITY
  let index = 0
  let seen = 0
  let pending = path
  while (cursor.next < cursor.items.length) {
    const item = cursor.items[cursor.next]!
    const designators = pending.length ? pending : elided ? [] : item.designators
    if (elided && !pending.length && item.designators.length) break
    pending = []
    let last = index
    let rest: readonly ast.Designator[] = []
    if (designators.length) {
      const first = designators[0]!
      if (first.kind === 'field') {
        c.error('T0403', first, `field designator cannot initialize ${c.quote(type)} array type`)
        cursor.next++
        continue
      }
      const range = designatedRange(work, first, limit)
      if (!range) {
        cursor.next++
        continue
      }
      index = range.low
      last = range.high
      rest = designators.slice(1)
    } else if (index >= limit) {
      if (elided) break
      if (limit > 0 || array.count !== undefined) {
        c.warn('T0401', item.value, 'excess elements in array initializer', 'excess-initializers')
        for (; cursor.next < cursor.items.length; cursor.next++) if (cursor.items[cursor.next]!.designators.length) break
        if (cursor.next >= cursor.items.length) break
        continue
      }
    }
    const start = cursor.next
    let after = start
    for (let at = index; at <= last; at++) {
      cursor.next = start
      fillSubobject(work, element, offset + at * size, cursor, rest)
      after = cursor.next
    }
    cursor.next = after
    index = last + 1
    seen = Math.max(seen, index)
    if (elided && index >= limit) break
  }
  return seen
}

/** `[a]` or `[a ... b]` against the array's size. */
function designatedRange(
  work: Initialization,
  designator: ast.Designator & { kind: 'index' },
  limit: number,
): { low: number; high: number } | undefined {
  const { c } = work
  const read = (expr: ast.Expr): number | undefined => {
    const value = checkValue(c, expr)
    const constant = foldedConstant(value)
    if (constant === undefined) {
      if (!isError(value.type)) c.error('T0215', expr, 'expression is not an integer constant expression')
      return undefined
    }
    if (constant < 0n) {
      c.error('T0403', expr, `array designator value '${constant}' is negative`)
      return undefined
    }
    if (Number(constant) >= limit) {
      c.error('T0403', expr, `array designator index (${constant}) exceeds array bounds (${limit})`)
      return undefined
    }
    return Number(constant)
  }
  const low = read(designator.index)
  const high = designator.to ? read(designator.to) : low
  if (low === undefined || high === undefined) return undefined
  if (high < low) {
    c.error('T0403', designator, `array designator range [${low}, ${high}] is empty`)
    return undefined
  }
  return { low, high }
}

/** As `fillArray`, for the members of a record; a union takes one. */
function fillRecord(
  work: Initialization,
  type: CType,
  record: RecordType,
  offset: number,
  cursor: Cursor,
  elided: boolean,
  path: readonly ast.Designator[],
): void {
  const { c } = work
  if (!c.complete(type)) return
  const members = record.fields.filter(field => field.name !== undefined || field.bits === undefined)
  let position = 0
  let designated = false
  let pending = path
  while (cursor.next < cursor.items.length) {
    const item = cursor.items[cursor.next]!
    if (elided && !pending.length && item.designators.length) break
    const designators = pending.length ? pending : elided ? [] : item.designators
    pending = []
    let rest: readonly ast.Designator[] = []
    if (designators.length) {
      const first = designators[0]!
      if (first.kind === 'index') {
        c.error('T0403', first, `array designator cannot initialize non-array type ${c.quote(type)}`)
        cursor.next++
        continue
      }
      const way = findMember(record, first.name)
      if (!way) {
        c.error('T0403', first, `field designator '${c.text(first.name)}' does not refer to any field in type ${c.quote(type)}`)
        cursor.next++
        continue
      }
      position = members.indexOf(way[0]!)
      // Into an anonymous record: the same designator once more, inside it.
      rest = way.length > 1 ? designators : designators.slice(1)
      if (record.union) forgetOthers(work, record, offset, way[0]!)
    } else if (position >= members.length || (record.union && position > 0)) break
    const field = members[position]!
    const bitField = field.bits === undefined ? undefined : { field, record, recordOffset: offset }
    if (
      !isArray(field.type) ||
      (canonical(field.type) as ArrayType).count !== undefined ||
      cursor.items[cursor.next]!.value.kind === 'init_list' ||
      rest.length ||
      work.isStatic
    )
      fillSubobject(work, field.type, offset + (field.bitOffset >> 3), cursor, rest, bitField)
    else {
      c.error('T0402', cursor.items[cursor.next]!.value, 'initialization of flexible array member is not allowed')
      cursor.next++
    }
    position++
    designated ||= designators.length > 0
    if (record.union && elided) break
    if (elided && position >= members.length) break
  }
  const missing = members[position]
  const last = cursor.items.at(-1)
  if (
    missing?.name !== undefined &&
    last &&
    position > 0 &&
    !record.union &&
    !elided &&
    !designated &&
    !isZeroList(c, cursor.items)
  )
    c.warn('T0604', behind(last.value), `missing field '${c.text(missing.name)}' initializer`, 'missing-field-initializers')
}

/** `{0}` is the way to say "all zeros". */
const isZeroList = (c: Context, items: Cursor['items']): boolean => {
  const only = items.length === 1 ? items[0]!.value : undefined
  return only?.kind === 'number' && c.text(only.text) === '0'
}

/** The closing brace, or a comma before it. */
const behind = (place: Place): Place => ({ token: place.last + 1, first: place.last + 1, last: place.last + 1 })

/** A union's other members lose what they were given. */
function forgetOthers(work: Initialization, record: RecordType, offset: number, kept: Field): void {
  if (isRecord(kept.type) || isArray(kept.type)) return
  work.forget(offset, record.size, undefined, 0)
}

function reportExcess(work: Initialization, cursor: Cursor, what: string): void {
  const item = cursor.items[cursor.next]
  if (item) work.c.warn('T0401', item.value, `excess elements in ${what} initializer`, 'excess-initializers')
}

/** `(type){…}`: an object of its own, automatic in a function, static outside. */
export function checkCompoundLiteral(c: Context, expr: ast.Expr & { kind: 'compound_literal' }): Expr {
  const type = checkTypeName(c, expr.type)
  if (isError(type)) {
    checkLoose(c, expr.init)
    return errorExpr(expr)
  }
  const open = isArray(type) && (canonical(type) as ArrayType).count === undefined
  if (isVoid(type) || isFunction(type) || (!open && !c.complete(type))) {
    c.error('T0101', expr, `variable has incomplete type ${c.quote(type)}`)
    return errorExpr(expr)
  }
  const isStatic = !c.fn
  const checked = checkInitializer(c, type, expr.init, isStatic)
  if (!checked) return errorExpr(expr)
  const decl = c.newVariable('.compoundliteral', checked.type, expr.token, { storage: isStatic ? 'static' : 'automatic' })
  decl.init = checked.value
  return { kind: 'compound_literal', decl, type: checked.type, ...at(expr) }
}
