/**
 * Takes equal types of a BTF together. Two types are equal when nothing that C could see tells them apart, however they refer to
 * each other: types start in classes of what they hold themselves, and classes are split by the classes that their references
 * are in, until nothing splits any more. Forward declarations become the type that they declare, where there is but one.
 * (libbpf's btf__dedup reaches about the same by comparing graphs one by one.)
 */
import { BtfBuilder } from './btf-builder.js'
import { type BtfId, BtfKind, type BtfSet, type BtfType } from './btf-types.js'
import { references, remapType } from './remap.js'

export interface DedupResult {
  readonly btf: BtfBuilder
  /** New id by old id. */
  readonly ids: Uint32Array
}

/** A new set of types with duplicates gone, in the order of their first occurrence. Variables and sections stay as they are. */
export function dedupBtf(btf: BtfSet): DedupResult {
  const forwarded = new Uint32Array(btf.count)
  for (let id = 0; id < btf.count; id++) forwarded[id] = id
  let classes = refine(btf, forwarded)
  // A forward declaration resolved makes types equal that only differed in it.
  if (resolveForwards(btf, classes, forwarded)) classes = refine(btf, forwarded)
  const ids = new Uint32Array(btf.count)
  const first = new Map<number, BtfId>()
  const kept: BtfId[] = []
  for (let id = 1; id < btf.count; id++) {
    if (forwarded[id] !== id) continue
    const known = first.get(classes[id]!)
    if (known !== undefined) ids[id] = known
    else {
      kept.push(id)
      ids[id] = kept.length
      first.set(classes[id]!, kept.length)
    }
  }
  for (let id = 1; id < btf.count; id++) if (forwarded[id] !== id) ids[id] = ids[forwarded[id]!]!
  const builder = new BtfBuilder()
  for (const id of kept) builder.add(remapType(btf.type(id), old => ids[old]!))
  return { btf: builder, ids }
}

/** Class of every type; equal types have equal classes. */
function refine(btf: BtfSet, forwarded: Uint32Array): Uint32Array {
  const { count } = btf
  let classes = new Uint32Array(count)
  const names = new Map<string, number>()
  for (let id = 1; id < count; id++) {
    const key = ownContent(btf.type(id), id)
    let number = names.get(key)
    if (number === undefined) names.set(key, (number = names.size + 1))
    classes[id] = number
  }
  const refs: Uint32Array[] = new Array(count)
  for (let id = 1; id < count; id++) refs[id] = Uint32Array.from(references(btf.type(id)), ref => forwarded[ref] ?? 0)
  let known = names.size
  for (;;) {
    const next = new Uint32Array(count)
    const split = new Map<string, number>()
    for (let id = 1; id < count; id++) {
      let key = `${classes[id]}`
      for (const ref of refs[id]!) key += `,${classes[ref]}`
      let number = split.get(key)
      if (number === undefined) split.set(key, (number = split.size + 1))
      next[id] = number
    }
    classes = next
    if (split.size === known) return classes
    known = split.size
  }
}

/** All that a type says without its references. */
function ownContent(type: BtfType, id: BtfId): string {
  switch (type.kind) {
    case BtfKind.Var:
    case BtfKind.Datasec:
      return `${type.kind}!${id}`
    case BtfKind.Enum:
    case BtfKind.Enum64:
      return `${type.kind}|${type.name}|${type.size}|${type.signed}|${type.values.map(({ name, value }) => `${name}=${value}`).join()}`
    case BtfKind.Struct:
    case BtfKind.Union:
      return `${type.kind}|${type.name}|${type.size}|${type.kindFlag}|${type.members.map(member => `${member.name}@${member.bitOffset}:${member.bitSize}`).join()}`
    case BtfKind.FuncProto:
      return `${type.kind}|${type.params.map(param => param.name).join()}`
    default:
      return JSON.stringify({ ...type, type: 0, indexType: 0 })
  }
}

/** Points forward declarations to the one type that they can mean; says whether there were any. */
function resolveForwards(btf: BtfSet, classes: Uint32Array, forwarded: Uint32Array): boolean {
  const full = new Map<string, { id: BtfId; several: boolean }>()
  const keyOf = (type: BtfType): { key: string; isForward: boolean } | undefined => {
    switch (type.kind) {
      case BtfKind.Struct:
      case BtfKind.Union:
        return type.name === '' ? undefined : { key: `${type.kind} ${type.name}`, isForward: false }
      case BtfKind.Fwd:
        return { key: `${type.union ? BtfKind.Union : BtfKind.Struct} ${type.name}`, isForward: true }
      case BtfKind.Enum:
      case BtfKind.Enum64:
        // An enum without values is a forward declaration.
        return type.name === '' ? undefined : { key: `enum ${type.name} ${type.size}`, isForward: type.values.length === 0 }
      default:
        return undefined
    }
  }
  for (let id = 1; id < btf.count; id++) {
    const found = keyOf(btf.type(id))
    if (!found || found.isForward) continue
    const known = full.get(found.key)
    if (!known) full.set(found.key, { id, several: false })
    // Types that differ only in forward declarations below them still have the same content of their own.
    else if (classes[known.id] !== classes[id] && ownContent(btf.type(known.id), 0) !== ownContent(btf.type(id), 0))
      known.several = true
  }
  let any = false
  for (let id = 1; id < btf.count; id++) {
    const found = keyOf(btf.type(id))
    if (!found?.isForward) continue
    const target = full.get(found.key)
    if (!target || target.several) continue
    forwarded[id] = target.id
    any = true
  }
  return any
}
