/**
 * C's rule about what may be the same object (C17 6.5p7), as clang applies it: an object of one type is not accessed as another, characters
 * excepted; and a member of a record is not accessed as a member of another record, nor as another member. Signedness and qualifiers make no
 * other type, all pointers count as one, enumerations count as characters, and unions and what is declared `may_alias` can be anything.
 */
import type { Names } from '../preprocessor/names.js'
import { type CType, canonical, type Field, type RecordType } from '../typecheck/types.js'

/** What an lvalue is a member of, however deeply, arrays and unions not between; `anything` in a union or where the author says so. */
export type Within = { readonly record: RecordType; readonly offset: number } | 'anything' | undefined

/** What a member at a distance in bytes is within, of a record that is itself within something. */
export function withinMember(outer: Within, type: CType, record: RecordType, byte: number): Within {
  if (outer === 'anything' || record.union || isMarked(type)) return 'anything'
  return outer
    ? { record: outer.record, offset: outer.offset + byte }
    : isOpenEnded(record)
      ? undefined
      : { record, offset: byte }
}

/** Of an element of an array, and of what was taken apart in another way. */
export function withinElement(outer: Within): Within {
  return outer === 'anything' ? 'anything' : undefined
}

/**
 * The objects that an access is to, from the outermost: members of records with their distances, then the scalar, then `char`. Two accesses can be to the
 * same only if the first of one is among those of the other. Undefined where it may be to anything.
 */
export function accessedObjects(type: CType, within: Within, names: Names): readonly string[] | undefined {
  if (within === 'anything' || isMarked(type)) return undefined
  const chain = within ? membersAt(within.record, within.offset, names) : []
  const scalar = scalarOf(type)
  if (chain.length === 0 && scalar === 'char') return undefined
  return scalar === 'char' ? [...chain, 'char'] : [...chain, scalar, 'char']
}

function scalarOf(type: CType): string {
  const plain = canonical(type)
  if (plain.kind === 'pointer') return 'pointer'
  if (plain.kind !== 'int' || (plain.size === 1 && plain.name !== '_Bool')) return 'char'
  return plain.name.replace(/^unsigned /, '')
}

/** The record and those within it that stand over a byte. */
function membersAt(record: RecordType, offset: number, names: Names): string[] {
  const chain: string[] = []
  for (let at: RecordType | undefined = record, left = offset; at; ) {
    // Records of one tag from several scopes count as one: no harm is done by that.
    chain.push(`${at.tag === undefined ? `record ${at.token}` : names.text(at.tag)}+${left}`)
    const field = fieldAt(at, left)
    if (!field) break
    left -= field.bitOffset >> 3
    let { type } = field
    for (let plain = canonical(type); plain.kind === 'array'; plain = canonical(type)) type = plain.element
    const inner = canonical(type)
    if (inner.kind !== 'record' || inner.union || isMarked(type) || isOpenEnded(inner)) break
    if (inner.size > 0) left %= inner.size
    at = inner
  }
  return chain
}

/** The last member that begins at or before a byte. */
function fieldAt(record: RecordType, byte: number): Field | undefined {
  return record.fields.findLast(field => field.bits === undefined && field.bitOffset >> 3 <= byte)
}

/** Whether an array without a length is its last member. */
function isOpenEnded(record: RecordType): boolean {
  const last = record.fields[record.fields.length - 1]
  const type = last && canonical(last.type)
  return type?.kind === 'array' && !type.count
}

function isMarked(type: CType): boolean {
  for (let at = type; ; ) {
    if (at.kind === 'typedef') {
      if (at.mayAlias) return true
      at = at.to
    } else if (at.kind === 'qualified' || at.kind === 'tagged') at = at.of
    else return at.kind === 'record' && at.mayAlias
  }
}
