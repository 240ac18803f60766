/** Special fields of map values and allocated objects (kernel/bpf/btf.c, btf_parse_fields): locks, timers, kptrs, list and tree heads. */
import { type BtfId, BtfKind, type BtfSet } from '../../../linker/btf/btf-types.js'
import { NotImplemented } from '../../../base/outcome.js'
import type { FieldKind } from '../../kernel/map-fields.js'
import type { BtfView } from './btf-view.js'

export type { FieldKind }

/** Name of a field's type in messages (btf_field_type_name). */
export const fieldTypeNames: Readonly<Record<FieldKind, string>> = {
  spin_lock: 'bpf_spin_lock',
  res_spin_lock: 'bpf_res_spin_lock',
  timer: 'bpf_timer',
  wq: 'bpf_wq',
  task_work: 'bpf_task_work',
  list_head: 'bpf_list_head',
  list_node: 'bpf_list_node',
  rb_root: 'bpf_rb_root',
  rb_node: 'bpf_rb_node',
  refcount: 'bpf_refcount',
  kptr_unref: 'kptr',
  kptr_ref: 'kptr',
  kptr_percpu: 'percpu_kptr',
  uptr: 'uptr',
}

/** Structs that are special fields, with their size in bytes. */
export const structKinds: Readonly<Record<string, readonly [FieldKind, number]>> = {
  bpf_spin_lock: ['spin_lock', 4],
  bpf_res_spin_lock: ['res_spin_lock', 4],
  bpf_timer: ['timer', 16],
  bpf_wq: ['wq', 16],
  bpf_task_work: ['task_work', 8],
  bpf_list_head: ['list_head', 16],
  bpf_list_node: ['list_node', 24],
  bpf_rb_root: ['rb_root', 16],
  bpf_rb_node: ['rb_node', 32],
  bpf_refcount: ['refcount', 4],
}

export interface RecordField {
  readonly kind: FieldKind
  /** Byte offset in the value. */
  readonly offset: number
  readonly size: number
  /** For kptrs: the type pointed to. */
  readonly btf?: BtfView
  readonly btfId?: BtfId
  /** For list heads and tree roots: type of the elements and offset of the node in them. */
  readonly valueBtfId?: BtfId
  readonly nodeOffset?: number
}

export interface BtfRecord {
  readonly fields: readonly RecordField[]
}

/** More special fields than this and the kernel sees none (BTF_FIELDS_MAX). */
const FIELDS_MAX = 11

export const hasField = (record: BtfRecord | undefined, ...kinds: readonly FieldKind[]): boolean =>
  record?.fields.some(field => kinds.includes(field.kind)) ?? false
export const fieldOffset = (record: BtfRecord | undefined, kind: FieldKind): number =>
  record?.fields.find(field => field.kind === kind)?.offset ?? -22
export const isKptr = (kind: FieldKind): boolean => kind === 'kptr_unref' || kind === 'kptr_ref' || kind === 'kptr_percpu'
export const findField = (record: BtfRecord | undefined, offset: number, kinds: readonly FieldKind[]): RecordField | undefined =>
  record?.fields.find(field => field.offset === offset && kinds.includes(field.kind))

/** Decl tags by the type they are on, worked out once a BTF. */
const declTags = new WeakMap<BtfSet, Map<BtfId, { readonly component: number; readonly tag: string }[]>>()
export function declTagsOf(view: BtfView, id: BtfId): readonly { readonly component: number; readonly tag: string }[] {
  let map = declTags.get(view.set)
  if (!map) {
    map = new Map()
    for (let i = 1; i < view.set.count; i++) {
      const type = view.set.type(i)
      if (type.kind !== BtfKind.DeclTag) continue
      const list = map.get(type.type) ?? []
      list.push({ component: type.componentIdx, tag: type.name })
      map.set(type.type, list)
    }
    declTags.set(view.set, map)
  }
  return map.get(id) ?? []
}

/** Alignment that a field must have to count (btf_field_type_align). */
const alignments: Partial<Readonly<Record<FieldKind, number>>> = { spin_lock: 4, res_spin_lock: 4, refcount: 4 }
/** A value may hold only one of each. */
const single: readonly FieldKind[] = ['spin_lock', 'res_spin_lock', 'timer', 'wq', 'task_work', 'refcount']
const repeatable: readonly FieldKind[] = ['kptr_unref', 'kptr_ref', 'kptr_percpu', 'uptr', 'list_head', 'rb_root']

/** What btf_parse_fields refuses; the loader then does without BTF. */
class InvalidRecord extends Error {}

/** What a walk over a type looks for. */
interface Search {
  /** Resolves what kptrs point to. */
  readonly kernel: BtfView | undefined
  /** Fields of other kinds are ordinary bytes. */
  readonly kinds: (kind: FieldKind) => boolean
}

/**
 * The record of a type; undefined where it has no special fields, `invalid` where the kernel refuses them. `kernel` resolves what
 * kptrs point to.
 */
export function parseRecord(
  view: BtfView,
  id: BtfId,
  kernel: BtfView | undefined,
  kinds: Search['kinds'] = () => true,
): BtfRecord | 'invalid' | undefined {
  const fields: RecordField[] = []
  try {
    collect(view, id, { kernel, kinds }, 0, fields, 0)
  } catch (error) {
    if (error instanceof InvalidRecord) return 'invalid'
    throw error
  }
  if (fields.length === 0) return undefined
  const count = (kind: FieldKind) => fields.filter(field => field.kind === kind).length
  if (single.some(kind => count(kind) > 1)) return 'invalid'
  fields.sort((a, b) => a.offset - b.offset)
  if (fields.some((field, i) => i > 0 && field.offset < fields[i - 1]!.offset + fields[i - 1]!.size)) return 'invalid'
  const locked = count('spin_lock') > 0 || count('res_spin_lock') > 0
  if (!locked && (count('list_head') > 0 || count('rb_root') > 0)) return 'invalid'
  if (count('refcount') === 0 && count('list_node') > 0 && count('rb_node') > 0) return 'invalid'
  return { fields }
}

function collect(view: BtfView, id: BtfId, search: Search, base: number, into: RecordField[], depth: number): void {
  if (depth >= 32) throw new InvalidRecord()
  const type = view.resolved(id)
  if (type.kind === BtfKind.Struct || type.kind === BtfKind.Union) {
    const structId = view.skipModifiers(id)
    type.members.forEach((member, index) => {
      if (member.bitOffset % 8) throw new InvalidRecord()
      one(view, member.type, search, base + member.bitOffset / 8, into, depth, structId, index, undefined)
    })
  } else if (type.kind === BtfKind.Datasec) {
    for (const { type: variable, offset, size } of type.vars) {
      const entry = view.type(variable)
      if (entry.kind === BtfKind.Var) one(view, entry.type, search, base + offset, into, depth, variable, -1, size)
    }
  }
}

/** btf_find_field_one; types behind typedefs and qualifiers are not looked at. */
function one(
  view: BtfView,
  id: BtfId,
  search: Search,
  offset: number,
  into: RecordField[],
  depth: number,
  owner: BtfId,
  component: number,
  expectedSize: number | undefined,
): void {
  let element = id
  let repeat = 1
  for (let type = view.type(element); type.kind === BtfKind.Array; type = view.type(element)) {
    repeat *= type.nelems
    element = type.type
  }
  if (repeat === 0) return
  const type = view.type(element)
  const add = (fields: readonly RecordField[], size: number) => {
    if (fields.length === 0) return
    if (repeat > 1 && fields.some(field => !repeatable.includes(field.kind))) throw new InvalidRecord()
    if (into.length + fields.length * repeat > FIELDS_MAX) throw new InvalidRecord()
    for (let i = 0; i < repeat; i++) for (const field of fields) into.push({ ...field, offset: offset + i * size + field.offset })
  }
  if (type.kind === BtfKind.Struct || type.kind === BtfKind.Union) {
    const special = structKinds[type.name]
    if (expectedSize !== undefined && expectedSize !== (special ? special[1] : type.size) * repeat) return
    if (special && type.kind === BtfKind.Struct && search.kinds(special[0])) {
      const [kind, size] = special
      if (offset % (alignments[kind] ?? 8)) return
      if (type.size !== size) return
      const graph = kind === 'list_head' || kind === 'rb_root' ? graphRoot(view, kind, owner, component) : {}
      add([{ kind, offset: 0, size, ...graph }], size)
      return
    }
    const nested: RecordField[] = []
    collect(view, element, search, 0, nested, depth + 1)
    add(nested, type.size)
    return
  }
  const direct = type.kind === BtfKind.Volatile ? view.type(type.type) : type
  if (direct.kind !== BtfKind.Ptr || offset % 8) return
  if (expectedSize !== undefined && expectedSize !== 8 * repeat) return
  const tag = view.type(direct.type)
  if (tag.kind !== BtfKind.TypeTag || tag.attribute) return
  if (view.type(tag.type).kind === BtfKind.TypeTag) throw new InvalidRecord()
  const kind = kptrTags[tag.name]
  if (!kind) throw new InvalidRecord()
  if (!search.kinds(kind)) return
  const target = view.skipModifiers(tag.type)
  const pointee = view.type(target)
  if (pointee.kind !== BtfKind.Struct && pointee.kind !== BtfKind.Union) throw new InvalidRecord()
  const inKernel = kind === 'uptr' ? 0 : (search.kernel?.find(pointee.name, pointee.kind) ?? 0)
  add([{ kind, offset: 0, size: 8, ...(inKernel ? { btf: search.kernel!, btfId: inKernel } : { btf: view, btfId: target }) }], 8)
}

const kptrTags: Readonly<Record<string, FieldKind>> = {
  kptr_untrusted: 'kptr_unref',
  kptr: 'kptr_ref',
  percpu_kptr: 'kptr_percpu',
  uptr: 'uptr',
}

/** The `contains:struct:member` tag of a head (btf_find_graph_root, btf_parse_graph_root). */
function graphRoot(view: BtfView, kind: FieldKind, owner: BtfId, component: number): Partial<RecordField> {
  const tag = declTagsOf(view, owner).find(entry => entry.component === component && entry.tag.startsWith('contains:'))
  const [, structName, member] = tag?.tag.split(':') ?? []
  const valueBtfId = structName ? view.find(structName, BtfKind.Struct) : 0
  const nodes = valueBtfId && member ? view.struct(valueBtfId)?.members.filter(candidate => candidate.name === member) : undefined
  if (nodes?.length !== 1) throw new InvalidRecord()
  const [node] = nodes
  const type = view.type(node!.type)
  const want = kind === 'list_head' ? 'bpf_list_node' : 'bpf_rb_node'
  if (type.kind !== BtfKind.Struct || type.name !== want || node!.bitOffset % 64) throw new InvalidRecord()
  return { btf: view, valueBtfId, nodeOffset: node!.bitOffset / 8 }
}

/** Whether a member of this type makes its struct one that has a record (btf_parse_struct_metas); arrays do not. */
function isSpecial(view: BtfView, id: BtfId): boolean {
  const type = view.type(id)
  if (type.kind === BtfKind.Struct) return allocatedKinds.includes(structKinds[type.name]?.[0])
  const direct = type.kind === BtfKind.Volatile ? view.type(type.type) : type
  if (direct.kind !== BtfKind.Ptr) return false
  const tag = view.type(direct.type)
  return tag.kind === BtfKind.TypeTag && !tag.attribute && inAllocations(kptrTags[tag.name])
}
/** A resilient lock alone makes no record (6.18). */
const allocatedKinds: readonly (FieldKind | undefined)[] = [
  'spin_lock',
  'list_head',
  'list_node',
  'rb_root',
  'rb_node',
  'refcount',
]

/** Timers, work and pointers to a task's memory are special in values of maps only (btf_parse_struct_metas). */
const onlyInMaps: readonly FieldKind[] = ['timer', 'wq', 'task_work', 'uptr']
const inAllocations = (kind: FieldKind | undefined): boolean => kind !== undefined && !onlyInMaps.includes(kind)

/** Special fields of a struct that programs allocate (btf_find_struct_meta); undefined where it has none. */
export function structMeta(view: BtfView, id: BtfId, kernel: BtfView | undefined): BtfRecord | undefined {
  if (view.kernel) return undefined
  return view.memo(id, () => {
    if (!view.struct(id)?.members.some(member => isSpecial(view, member.type))) return undefined
    const record = parseRecord(view, id, kernel, inAllocations)
    // The kernel refuses such a BTF whole, and the loader does without it.
    if (record === 'invalid') throw new NotImplemented(`BTF with a struct ${view.name(id)} that the kernel refuses`)
    return record
  })
}
