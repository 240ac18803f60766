/** What changed from one BTF to another, by name: the question "does this kernel still have what my program reads". */
import { BtfFile } from './btf-file.js'
import { type BtfComposite, type BtfEnum, type BtfId, BtfKind, type BtfSet, type BtfType } from './btf-types.js'
import { typeText } from './type-text.js'

export interface TypeChange {
  /** `struct`, `union`, `enum`, `typedef`, `func`, `var`, `int`. */
  readonly kind: string
  readonly name: string
  readonly change: 'added' | 'removed' | 'changed'
  /** For changed types, one line each: `size 8 -> 16`, `+ u32 mark @64`, `- int state`, `moved family @0 -> @64`. */
  readonly details: readonly string[]
}

const KINDS: Readonly<Record<number, string>> = {
  [BtfKind.Int]: 'int',
  [BtfKind.Float]: 'int',
  [BtfKind.Struct]: 'struct',
  [BtfKind.Union]: 'union',
  [BtfKind.Enum]: 'enum',
  [BtfKind.Enum64]: 'enum',
  [BtfKind.Typedef]: 'typedef',
  [BtfKind.Func]: 'func',
  [BtfKind.Var]: 'var',
}

/** Compares all named types, of split BTF its own. Where a name stands for several types, they are compared in order. The result is sorted by kind and name. */
export function diffBtf(before: BtfSet, after: BtfSet): TypeChange[] {
  const [old, now] = [index(before), index(after)]
  const changes: TypeChange[] = []
  for (const [key, ids] of old) {
    const [kind, name] = split(key)
    const others = now.get(key)
    if (!others) {
      changes.push({ kind, name, change: 'removed', details: [] })
      continue
    }
    const details = ids.flatMap((id, i) =>
      others[i] === undefined ? ['one fewer of that name'] : compare(before, id, after, others[i]),
    )
    if (others.length > ids.length) details.push('one more of that name')
    if (details.length > 0) changes.push({ kind, name, change: 'changed', details })
  }
  for (const key of now.keys()) {
    const [kind, name] = split(key)
    if (!old.has(key)) changes.push({ kind, name, change: 'added', details: [] })
  }
  const key = (change: TypeChange) => `${change.kind} ${change.name}`
  return changes.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))
}

const split = (key: string): [string, string] => {
  const at = key.indexOf(' ')
  return [key.slice(0, at), key.slice(at + 1)]
}

function index(btf: BtfSet): Map<string, BtfId[]> {
  const found = new Map<string, BtfId[]>()
  for (let id = btf instanceof BtfFile ? btf.firstId : 1; id < btf.count; id++) {
    const type = btf.type(id)
    const kind = KINDS[type.kind]
    if (!kind || !('name' in type) || type.name === '') continue
    const key = `${kind} ${type.name}`
    const ids = found.get(key)
    if (ids) ids.push(id)
    else found.set(key, [id])
  }
  return found
}

function compare(before: BtfSet, oldId: BtfId, after: BtfSet, newId: BtfId): string[] {
  const [old, now] = [before.type(oldId), after.type(newId)]
  const details: string[] = []
  if ('size' in old && 'size' in now && old.size !== now.size) details.push(`size ${old.size} -> ${now.size}`)
  if (isComposite(old) && isComposite(now)) details.push(...compareMembers(before, old, after, now))
  else if (isEnum(old) && isEnum(now)) details.push(...compareValues(old, now))
  else if (old.kind === BtfKind.Int && now.kind === BtfKind.Int) {
    if (old.signed !== now.signed) details.push(old.signed ? 'signed -> unsigned' : 'unsigned -> signed')
  } else if ('type' in old && 'type' in now) {
    const texts = [
      typeText(before, old.kind === BtfKind.Func ? oldId : old.type),
      typeText(after, now.kind === BtfKind.Func ? newId : now.type),
    ]
    if (texts[0] !== texts[1]) details.push(`${texts[0]} -> ${texts[1]}`)
  }
  return details
}

const isComposite = (type: BtfType): type is BtfComposite => type.kind === BtfKind.Struct || type.kind === BtfKind.Union
const isEnum = (type: BtfType): type is BtfEnum => type.kind === BtfKind.Enum || type.kind === BtfKind.Enum64

interface FlatMember {
  readonly text: string
  readonly place: string
}

/** Members by name; those of anonymous structs count as their holder's, as they do in C. */
function flatten(
  btf: BtfSet,
  type: BtfComposite,
  base = 0,
  into = new Map<string, FlatMember>(),
  depth = 0,
): Map<string, FlatMember> {
  for (const member of type.members) {
    const offset = base + member.bitOffset
    const inner = member.name === '' ? btf.type(member.type) : undefined
    if (inner && isComposite(inner) && depth < 16) flatten(btf, inner, offset, into, depth + 1)
    else if (member.name !== '')
      into.set(member.name, {
        text: typeText(btf, member.type),
        place: `@${offset}${member.bitSize ? `:${member.bitSize}` : ''}`,
      })
  }
  return into
}

function compareMembers(before: BtfSet, old: BtfComposite, after: BtfSet, now: BtfComposite): string[] {
  const [olds, news] = [flatten(before, old), flatten(after, now)]
  const details: string[] = []
  for (const [name, member] of olds) {
    const other = news.get(name)
    if (!other) details.push(`- ${member.text} ${name}`)
    else {
      if (member.place !== other.place) details.push(`moved ${name} ${member.place} -> ${other.place}`)
      if (member.text !== other.text) details.push(`${name}: ${member.text} -> ${other.text}`)
    }
  }
  for (const [name, member] of news) if (!olds.has(name)) details.push(`+ ${member.text} ${name} ${member.place}`)
  return details
}

function compareValues(old: BtfEnum, now: BtfEnum): string[] {
  const olds = new Map(old.values.map(({ name, value }) => [name, value]))
  const news = new Map(now.values.map(({ name, value }) => [name, value]))
  const details: string[] = []
  for (const [name, value] of olds) {
    const other = news.get(name)
    if (other === undefined) details.push(`- ${name}`)
    else if (other !== value) details.push(`${name}: ${value} -> ${other}`)
  }
  for (const [name, value] of news) if (!olds.has(name)) details.push(`+ ${name} = ${value}`)
  return details
}
