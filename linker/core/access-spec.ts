/**
 * Access specs of CO-RE: what `0:1:2` of a local type names (parse), and the same path in a kernel's type (match). From libbpf 1.5,
 * relo_core.c: bpf_core_parse_spec, bpf_core_spec_match.
 */
import { essentialName, sizeOf, skipModifiers } from '../btf/btf-file.js'
import { type BtfArray, type BtfId, BtfKind, type BtfSet } from '../btf/btf-types.js'
import { CoreReloKind, type CoreRelo } from '../object/bpf-object.js'
import { fieldsCompatible, nameOf, typesCompatible, typesMatch } from './type-relations.js'

const MAX_ACCESSORS = 64

/** One step that means something: a named member, an index, or for an enum value the enumerator. */
export interface Accessor {
  /** Type the step is taken in; for an index the element's. */
  readonly type: BtfId
  readonly index: number
  /** Undefined for an index. */
  readonly name: string | undefined
}

export interface AccessSpec {
  readonly btf: BtfSet
  readonly root: BtfId
  readonly accessors: Accessor[]
  /** Every step, through anonymous members too. */
  readonly raw: number[]
  bitOffset: number
}

/** A relocation that libbpf refuses, with the reason; the object then does not load. */
export class CoreFault extends Error {
  override readonly name = 'CoreFault'
}

export const isFieldBased = (kind: number): boolean => kind <= CoreReloKind.FieldRshiftU64
export const isTypeBased = (kind: number): boolean =>
  (kind >= CoreReloKind.TypeIdLocal && kind <= CoreReloKind.TypeSize) || kind === CoreReloKind.TypeMatches
export const isEnumBased = (kind: number): boolean => kind === CoreReloKind.EnumvalExists || kind === CoreReloKind.EnumvalValue

/** An array without length that ends its struct: any index is in it. */
function isFlexible(btf: BtfSet, before: Accessor | undefined, array: BtfArray): boolean {
  if (before?.name === undefined || array.nelems > 0) return false
  const type = btf.type(before.type)
  return (type.kind === BtfKind.Struct || type.kind === BtfKind.Union) && before.index === type.members.length - 1
}

function checkedSize(btf: BtfSet, id: BtfId): number {
  const size = sizeOf(btf, id)
  if (size < 0) throw new CoreFault(`type ${id} has no size`)
  return size
}

/** Reads a relocation's access string in its local type. Throws a `CoreFault` where it makes no sense. */
export function parseSpec(btf: BtfSet, relo: CoreRelo): AccessSpec {
  const spec: AccessSpec = { btf, root: relo.type, accessors: [], raw: [], bitOffset: 0 }
  const fault = (why: string) =>
    new CoreFault(`access '${relo.access}' of [${relo.type}] ${describeType(btf, relo.type)}: ${why}`)
  if (isTypeBased(relo.kind)) {
    if (relo.access !== '0') throw fault('a type has no fields to access')
    return spec
  }
  if (!/^\d+(:\d+)*$/.test(relo.access)) throw fault('not numbers with colons between')
  spec.raw.push(...relo.access.split(':').map(Number))
  if (spec.raw.length > MAX_ACCESSORS) throw fault(`more than ${MAX_ACCESSORS} steps`)
  const root = skipModifiers(btf, relo.type)
  const first = spec.raw[0]!
  if (isEnumBased(relo.kind)) {
    if ((root.type.kind !== BtfKind.Enum && root.type.kind !== BtfKind.Enum64) || spec.raw.length > 1)
      throw fault('an enumerator of what is no enum')
    const value = root.type.values[first]
    if (!value) throw fault('no such enumerator')
    spec.accessors.push({ type: root.id, index: first, name: value.name })
    return spec
  }
  if (!isFieldBased(relo.kind)) throw fault(`unknown relocation kind ${relo.kind}`)
  spec.accessors.push({ type: root.id, index: first, name: undefined })
  spec.bitOffset = first * checkedSize(btf, root.id) * 8
  let { id } = root
  for (const index of spec.raw.slice(1)) {
    const current = skipModifiers(btf, id)
    const { type } = current
    if (type.kind === BtfKind.Struct || type.kind === BtfKind.Union) {
      const member = type.members[index]
      if (!member) throw fault(`${describeType(btf, current.id)} has no member ${index}`)
      spec.bitOffset += member.bitOffset
      if (member.name !== '') spec.accessors.push({ type: current.id, index, name: member.name })
      id = member.type
    } else if (type.kind === BtfKind.Array) {
      const element = skipModifiers(btf, type.type).id
      if (index >= type.nelems && !isFlexible(btf, spec.accessors.at(-1), type)) throw fault(`index ${index} of ${type.nelems}`)
      spec.accessors.push({ type: element, index, name: undefined })
      spec.bitOffset += index * checkedSize(btf, element) * 8
      id = element
    } else throw fault(`${describeType(btf, current.id)} has no parts`)
  }
  return spec
}

/** Finds the local spec's path in a candidate; undefined where the candidate does not have it. */
export function matchSpec(local: AccessSpec, kind: number, btf: BtfSet, candidate: BtfId): AccessSpec | undefined {
  const spec: AccessSpec = { btf, root: candidate, accessors: [], raw: [], bitOffset: 0 }
  if (isTypeBased(kind)) {
    const relation = kind === CoreReloKind.TypeMatches ? typesMatch : typesCompatible
    return relation(local.btf, local.root, btf, candidate) ? spec : undefined
  }
  if (isEnumBased(kind)) {
    const { id, type } = skipModifiers(btf, candidate)
    if (type.kind !== BtfKind.Enum && type.kind !== BtfKind.Enum64) return undefined
    const want = essentialName(local.accessors[0]!.name!)
    const index = type.values.findIndex(value => essentialName(value.name) === want)
    if (index < 0) return undefined
    spec.accessors.push({ type: id, index, name: type.values[index]!.name })
    spec.raw.push(index)
    return spec
  }
  let id = candidate
  for (const [i, accessor] of local.accessors.entries()) {
    const current = skipModifiers(btf, id)
    if (accessor.name !== undefined) {
      const next = matchMember(local.btf, accessor, spec, current.id)
      if (next === undefined) return undefined
      id = next
      continue
    }
    id = current.id
    if (i > 0) {
      if (current.type.kind !== BtfKind.Array) return undefined
      if (accessor.index >= current.type.nelems && !isFlexible(btf, spec.accessors[i - 1], current.type)) return undefined
      id = skipModifiers(btf, current.type.type).id
    }
    if (spec.raw.length === MAX_ACCESSORS) throw new CoreFault('types are nested too deep')
    spec.accessors.push({ type: id, index: accessor.index, name: undefined })
    spec.raw.push(accessor.index)
    spec.bitOffset += accessor.index * checkedSize(btf, id) * 8
  }
  return spec
}

/** bpf_core_match_member: looks for a member of that name, through anonymous ones; gives the member's type. */
function matchMember(localBtf: BtfSet, accessor: Accessor, spec: AccessSpec, id: BtfId): BtfId | undefined {
  const { id: target, type } = skipModifiers(spec.btf, id)
  if (type.kind !== BtfKind.Struct && type.kind !== BtfKind.Union) return undefined
  const local = localBtf.type(accessor.type)
  if (local.kind !== BtfKind.Struct && local.kind !== BtfKind.Union) return undefined
  const wanted = local.members[accessor.index]!
  for (const [index, member] of type.members.entries()) {
    if (member.name !== '' && member.name !== wanted.name) continue
    if (spec.raw.length === MAX_ACCESSORS) throw new CoreFault('types are nested too deep')
    const { bitOffset } = spec
    const depth = spec.raw.length
    spec.raw.push(index)
    spec.bitOffset += member.bitOffset
    if (member.name === '') {
      const found = matchMember(localBtf, accessor, spec, member.type)
      if (found !== undefined) return found
    } else {
      if (!fieldsCompatible(localBtf, wanted.type, spec.btf, member.type)) return undefined
      spec.accessors.push({ type: target, index, name: member.name })
      return member.type
    }
    spec.raw.length = depth
    spec.bitOffset = bitOffset
  }
  return undefined
}

const KIND_WORDS: Readonly<Record<number, string>> = {
  [BtfKind.Struct]: 'struct ',
  [BtfKind.Union]: 'union ',
  [BtfKind.Enum]: 'enum ',
  [BtfKind.Enum64]: 'enum ',
}

/** `struct sock`, `enum <anonymous>`, `pid_t`. */
export function describeType(btf: BtfSet, id: BtfId): string {
  const type = btf.type(id)
  return (KIND_WORDS[type.kind] ?? '') + (nameOf(type) || '<anonymous>')
}

/** A spec as a person reads it: `struct sock.__sk_common.skc_family`, `pid_t`, `enum e::VALUE`. */
export function describeSpec(spec: AccessSpec, kind: number): string {
  const root = describeType(spec.btf, spec.root)
  if (isTypeBased(kind)) return root
  if (isEnumBased(kind)) return `${root}::${spec.accessors[0]?.name ?? '?'}`
  return spec.accessors.reduce(
    (text, { name, index }, i) => text + (name !== undefined ? `.${name}` : i > 0 || index > 0 ? `[${index}]` : ''),
    root,
  )
}
