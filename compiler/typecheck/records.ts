/** Struct and union specifiers: tags, members, bit fields, and the record's layout. */
import type * as ast from '../parser/ast.js'
import type { Atom } from '../preprocessor/tokens.js'
import { type noAttributes, readAttributes } from './attributes.js'
import { foldedConstant } from './constants.js'
import type { Context } from './context.js'
import { applyDeclarator } from './declarators.js'
import { checkStaticAssert } from './declarations.js'
import { checkExpr } from './expressions.js'
import { type LayoutMember, layoutRecord } from './layout.js'
import { rvalue } from './nodes.js'
import { type Place, placeOfToken } from './report.js'
import { resolveSpecifiers } from './specifiers.js'
import { alignOf, isError, isFunction, isInteger, isVoid, recordOf, sizeOf } from './type-facts.js'
import { boolType, type CType, canonical, type Field, type RecordType } from './types.js'

function newRecord(c: Context, specifier: ast.RecordSpecifier): RecordType {
  return {
    kind: 'record',
    union: specifier.union,
    tag: specifier.name,
    complete: false,
    fields: [],
    size: 0,
    align: 1,
    packed: false,
    preserveAccessIndex: false,
    preserveStaticOffset: false,
    mayAlias: false,
    declTags: [],
    token: c.namePlace(specifier).token,
  }
}

/** The record type that a specifier names, declares or defines. */
export function checkRecord(c: Context, specifier: ast.RecordSpecifier, alone: boolean): CType {
  const type = findOrDeclare(c, specifier, alone)
  if (!type) return { kind: 'error' }
  const set = readAttributes(c, specifier.attributes)
  if (specifier.members) define(c, specifier, type, set)
  if (specifier.preserveAccessIndex) type.preserveAccessIndex = true
  if (set.preserveAccessIndex) preserveAccess(c, specifier, type)
  if (set.preserveStaticOffset) type.preserveStaticOffset = true
  if (set.mayAlias) type.mayAlias = true
  if (set.declTags.length) type.declTags = [...type.declTags, ...set.declTags]
  return type
}

/** The attribute holds for the record and for all that are defined in its body. */
function preserveAccess(c: Context, specifier: ast.RecordSpecifier, type: RecordType): void {
  type.preserveAccessIndex = true
  for (const member of specifier.members ?? []) {
    const inner = member.kind === 'member' ? member.specifiers.type : undefined
    const record = inner?.kind === 'record' ? c.definedBy.get(inner) : undefined
    if (inner?.kind === 'record' && record) preserveAccess(c, inner, record)
  }
}

function findOrDeclare(c: Context, specifier: ast.RecordSpecifier, alone: boolean): RecordType | undefined {
  const { name } = specifier
  if (name === undefined) return newRecord(c, specifier)
  const defines = specifier.members !== undefined
  const own = defines || alone
  if (defines && c.scope === c.fileScope) c.askTag(name)
  const known = own ? c.scope.tags.get(name) : c.lookupTag(name)
  if (known) {
    if (known.type.kind !== 'record' || known.type.union !== specifier.union) {
      c.error('T0004', specifier, `use of '${c.text(name)}' with tag type that does not match previous declaration`, {
        notes: [c.reporter.note('previous use is here', known.token)],
      })
      return undefined
    }
    if (defines && known.type.complete) {
      c.error('T0009', c.namePlace(specifier), `redefinition of '${c.text(name)}'`, {
        notes: [c.reporter.note('previous definition is here', known.token)],
      })
      return newRecord(c, specifier)
    }
    if (defines && known.type.fields.length === 0 && beingDefined.has(known.type)) {
      c.error('T0009', c.namePlace(specifier), `nested redefinition of '${c.text(name)}'`)
      return newRecord(c, specifier)
    }
    if (defines) {
      known.token = c.namePlace(specifier).token
      known.type.token = c.namePlace(specifier).token
    }
    return known.type
  }
  const type = newRecord(c, specifier)
  // A tag that is only mentioned belongs to the file: header definitions that are not read yet stand there.
  const scope = own ? c.scope : c.fileScope
  scope.tags.set(name, { type, token: c.namePlace(specifier).token })
  return type
}

const beingDefined = new WeakSet<RecordType>()

interface Members {
  readonly fields: Omit<Field, 'bitOffset'>[]
  readonly layout: LayoutMember[]
  readonly names: Map<Atom, Place>
}

function define(c: Context, specifier: ast.RecordSpecifier, type: RecordType, set: ReturnType<typeof noAttributes>): void {
  const found: Members = { fields: [], layout: [], names: new Map() }
  beingDefined.add(type)
  const members = specifier.members ?? []
  members.forEach((member, i) => {
    if (member.kind === 'static_assert') checkStaticAssert(c, member)
    else checkMembers(c, specifier, member, i === members.length - 1, found)
  })
  const { offsets, size, align } = layoutRecord(found.layout, {
    union: specifier.union,
    packed: set.packed,
    pack: specifier.pack,
    align: set.align,
  })
  type.fields = found.fields.map((field, i): Field => ({ ...field, bitOffset: offsets[i]! }))
  type.size = size
  type.align = align
  type.packed = set.packed || specifier.pack > 0
  type.complete = true
  c.definedBy.set(specifier, type)
  beingDefined.delete(type)
}

function checkMembers(
  c: Context,
  record: ast.RecordSpecifier,
  member: ast.MemberDeclaration,
  last: boolean,
  found: Members,
): void {
  const only = member.declarators.length === 1 ? member.declarators[0]! : undefined
  const nameless = only && only.declarator.name === undefined && !only.bits && only.declarator.chunks.length === 0
  const base = resolveSpecifiers(c, member.specifiers, member.declarators.length === 0)
  if (member.declarators.length === 0 || nameless) {
    if (only) readAttributes(c, only.declarator.attributes, base.attributes)
    addAnonymous(c, member, base.type, base.attributes, found)
    return
  }
  member.declarators.forEach((item, i) => {
    const { type, attributes } = applyDeclarator(c, base.type, item.declarator, base.attributes, { fixed: true })
    const checked = attributes.align || !isError(type) ? type : base.type
    const lastMember = last && i === member.declarators.length - 1
    addMember(c, record, item, checked, attributes, lastMember, found)
  })
}

/** `struct { … };` as a member: its members are ours too. Clang takes a tagged record there only under `-fms-extensions`. */
function addAnonymous(
  c: Context,
  member: ast.MemberDeclaration,
  type: CType,
  set: ReturnType<typeof noAttributes>,
  found: Members,
): void {
  const record = recordOf(type)
  const written = member.specifiers.type
  if (!record || written?.kind !== 'record' || written.name !== undefined) {
    if (!isError(type)) c.warn('T0109', member, 'declaration does not declare anything', 'missing-declarations')
    return
  }
  collectNames(c, record, member, found.names)
  push(found, undefined, type, undefined, set, member.token)
}

/** The names an anonymous record adds to the one around it. */
function collectNames(c: Context, record: RecordType, place: Place, names: Map<Atom, Place>): void {
  for (const field of record.fields) {
    if (field.name !== undefined) noteName(c, field.name, placeOfToken(field.token), names, true)
    else if (field.bits === undefined) {
      const inner = recordOf(field.type)
      if (inner) collectNames(c, inner, place, names)
    }
  }
}

function noteName(c: Context, name: Atom, place: Place, names: Map<Atom, Place>, anonymous = false): void {
  const known = names.get(name)
  if (known)
    c.error(
      'T0008',
      place,
      anonymous ? `member of anonymous struct redeclares '${c.text(name)}'` : `duplicate member '${c.text(name)}'`,
      {
        notes: [c.reporter.note('previous declaration is here', known.token)],
      },
    )
  else names.set(name, place)
}

function addMember(
  c: Context,
  record: ast.RecordSpecifier,
  item: ast.MemberDeclaration['declarators'][number],
  type: CType,
  set: ReturnType<typeof noAttributes>,
  last: boolean,
  found: Members,
): void {
  const { declarator } = item
  const { name } = declarator
  const label = name === undefined ? '' : c.text(name)
  if (name !== undefined) noteName(c, name, declarator, found.names)
  if (isError(type)) return
  if (isFunction(type)) {
    c.error('T0105', declarator, `field '${label}' declared as a function`)
    return
  }
  const flexible =
    type.kind !== 'error' && canonical(type).kind === 'array' && (canonical(type) as { count?: number }).count === undefined
  if (flexible) {
    const element = canonical(type) as { element: CType }
    c.complete(element.element)
    if (!record.union && !last) {
      c.error('T0108', declarator, `flexible array member '${label}' with type ${c.quote(type)} is not at the end of struct`)
      return
    }
  } else if (isVoid(type) || !c.complete(type)) {
    c.error('T0101', declarator, `field has incomplete type ${c.quote(type)}`)
    return
  }
  const bits = item.bits
    ? bitWidth(c, item.bits, name === undefined ? item.bits : declarator, type, label, name !== undefined)
    : undefined
  if (item.bits && bits === undefined) return
  push(found, name, type, bits, set, declarator.token)
}

function bitWidth(c: Context, expr: ast.Expr, place: Place, type: CType, name: string, named: boolean): number | undefined {
  const what = named ? `bit-field '${name}'` : 'anonymous bit-field'
  if (!isInteger(type)) {
    c.error('T0106', place, `${what} has non-integral type ${c.quote(type)}`)
    return undefined
  }
  const value = foldedConstant(rvalue(checkExpr(c, expr)))
  if (value === undefined) {
    c.error('T0106', place, `width of ${what} is not an integer constant expression`)
    return undefined
  }
  if (value < 0n) {
    c.error('T0106', place, `${what} has negative width (${value})`)
    return undefined
  }
  if (value === 0n && named) {
    c.error('T0106', place, `named ${what} has zero width`)
    return undefined
  }
  const width = canonical(type) === boolType ? 1 : sizeOf(type) * 8
  if (value > BigInt(width)) {
    c.error('T0106', place, `width of ${what} (${value} bits) exceeds the width of its type (${width} bits)`)
    return undefined
  }
  return Number(value)
}

function push(
  found: Members,
  name: Atom | undefined,
  type: CType,
  bits: number | undefined,
  set: ReturnType<typeof noAttributes>,
  token: number,
): void {
  found.fields.push({ name, type, bits, index: found.fields.length, declTags: set.declTags, token })
  found.layout.push({
    typeBits: sizeOf(type) * 8,
    typeAlign: alignOf(type) * 8,
    bits,
    named: name !== undefined || bits === undefined,
    align: set.align * 8,
    packed: set.packed,
  })
}

const memberPaths = new WeakMap<RecordType, Map<Atom, readonly Field[]>>()

/** The way to a member: through anonymous records, outermost first; undefined if there is no such member. The record must be complete. */
export function findMember(record: RecordType, name: Atom): readonly Field[] | undefined {
  let paths = memberPaths.get(record)
  if (!paths) {
    paths = new Map()
    for (const field of record.fields) {
      if (field.name !== undefined) {
        paths.set(field.name, [field])
        continue
      }
      const inner = field.bits === undefined ? recordOf(field.type) : undefined
      if (!inner) continue
      for (const nested of memberNames(inner)) paths.set(nested, [field, ...findMember(inner, nested)!])
    }
    memberPaths.set(record, paths)
  }
  return paths.get(name)
}

/** All names that members of the record have, those of anonymous records among them. */
export function memberNames(record: RecordType): Atom[] {
  const names: Atom[] = []
  for (const field of record.fields) {
    const inner = field.name === undefined && field.bits === undefined ? recordOf(field.type) : undefined
    if (field.name !== undefined) names.push(field.name)
    else if (inner) names.push(...memberNames(inner))
  }
  return names
}

/** Whether the record ends in an array without a size, directly or through its last member. */
export function flexibleMember(record: RecordType): Field | undefined {
  const last = record.fields.at(-1)
  const plain = last && canonical(last.type)
  return plain?.kind === 'array' && plain.count === undefined ? last : undefined
}
