/** Special fields of map values and allocated objects (kernel/bpf/btf.c, btf_parse_fields): locks, timers, kptrs, list and tree heads. */
import { type BtfId, BtfKind, type BtfSet } from '../../../linker/btf/btf-types.js'
import { NotImplemented } from '../../../base/outcome.js'
import type { BtfView } from './btf-view.js'

export type FieldKind =
  | 'spin_lock'
  | 'res_spin_lock'
  | 'timer'
  | 'wq'
  | 'task_work'
  | 'list_head'
  | 'list_node'
  | 'rb_root'
  | 'rb_node'
  | 'refcount'
  | 'kptr_unref'
  | 'kptr_ref'
  | 'kptr_percpu'
  | 'uptr'

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

const structKinds: Readonly<Record<string, readonly [FieldKind, number]>> = {
  bpf_spin_lock: ['spin_lock', 4],
  bpf_res_spin_lock: ['res_spin_lock', 8],
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

/**
 * The record of a type; undefined where it has no special fields. `kernel` resolves what kptrs point to.
 * Throws NotImplemented for shapes that are not modelled.
 */
export function parseRecord(view: BtfView, id: BtfId, kernel: BtfView | undefined): BtfRecord | undefined {
  const fields: RecordField[] = []
  collect(view, id, kernel, 0, fields, 0)
  if (fields.length === 0 || fields.length > FIELDS_MAX) return undefined
  fields.sort((a, b) => a.offset - b.offset)
  return { fields }
}

function collect(view: BtfView, id: BtfId, kernel: BtfView | undefined, base: number, into: RecordField[], depth: number): void {
  if (depth > 4) return
  const type = view.resolved(id)
  if (type.kind === BtfKind.Struct || type.kind === BtfKind.Union) {
    const structId = view.skipModifiers(id)
    type.members.forEach((member, index) => {
      if (member.bitSize || member.bitOffset % 8) return
      one(view, member.type, kernel, base + member.bitOffset / 8, into, depth, structId, index)
    })
  } else if (type.kind === BtfKind.Datasec) {
    for (const { type: variable, offset } of type.vars) {
      const entry = view.type(variable)
      if (entry.kind === BtfKind.Var) one(view, entry.type, kernel, base + offset, into, depth, variable, -1)
    }
  }
}

function one(
  view: BtfView,
  id: BtfId,
  kernel: BtfView | undefined,
  offset: number,
  into: RecordField[],
  depth: number,
  owner: BtfId,
  component: number,
): void {
  let element = view.skipModifiers(id)
  let repeat = 1
  for (let type = view.type(element); type.kind === BtfKind.Array; type = view.type(element)) {
    repeat *= type.nelems
    element = view.skipModifiers(type.type)
  }
  if (repeat === 0) return
  const type = view.type(element)
  if (type.kind === BtfKind.Struct || type.kind === BtfKind.Union) {
    const special = type.kind === BtfKind.Struct ? structKinds[type.name] : undefined
    if (special) {
      const [kind, size] = special
      const graph = kind === 'list_head' || kind === 'rb_root' ? graphRoot(view, kind, owner, component) : {}
      for (let i = 0; i < repeat; i++)
        into.push({ kind, offset: offset + i * type.size, size: Math.min(size, type.size), ...graph })
      return
    }
    const nested: RecordField[] = []
    collect(view, element, kernel, 0, nested, depth + 1)
    if (nested.length * repeat > 128) throw new NotImplemented('more than 128 special fields in a value')
    for (let i = 0; i < repeat; i++)
      for (const field of nested) into.push({ ...field, offset: offset + i * type.size + field.offset })
    return
  }
  if (type.kind !== BtfKind.Ptr) return
  const tag = view.tags(type.type).find(name => ['kptr_untrusted', 'kptr', 'percpu_kptr', 'uptr'].includes(name))
  if (!tag) return
  const kind: FieldKind =
    tag === 'kptr_untrusted' ? 'kptr_unref' : tag === 'kptr' ? 'kptr_ref' : tag === 'uptr' ? 'uptr' : 'kptr_percpu'
  const target = view.skipModifiers(type.type)
  const pointee = view.type(target)
  if (pointee.kind !== BtfKind.Struct && pointee.kind !== BtfKind.Fwd && pointee.kind !== BtfKind.Union)
    throw new NotImplemented(`kptr to ${pointee.kind}`)
  const inKernel = kind === 'uptr' ? 0 : (kernel?.find(pointee.name, BtfKind.Struct) ?? 0)
  const place = inKernel ? { btf: kernel!, btfId: inKernel } : { btf: view, btfId: target }
  for (let i = 0; i < repeat; i++) into.push({ kind, offset: offset + i * 8, size: 8, ...place })
}

/** The `contains:struct:member` tag of a head. */
function graphRoot(view: BtfView, kind: FieldKind, owner: BtfId, component: number): Partial<RecordField> {
  const tag = declTagsOf(view, owner).find(entry => entry.component === component && entry.tag.startsWith('contains:'))
  if (!tag) return {}
  const [, structName, member] = tag.tag.split(':')
  const valueBtfId = view.find(structName!, BtfKind.Struct)
  const struct = valueBtfId ? view.struct(valueBtfId) : undefined
  const node = struct?.members.find(candidate => candidate.name === member)
  const want = kind === 'list_head' ? 'bpf_list_node' : 'bpf_rb_node'
  if (!node || view.name(view.skipModifiers(node.type)) !== want) return {}
  return { btf: view, valueBtfId, nodeOffset: node.bitOffset / 8 }
}

/** Special fields of a struct that programs allocate (btf_find_struct_meta); undefined where it has none. */
export function structMeta(view: BtfView, id: BtfId, kernel: BtfView | undefined): BtfRecord | undefined {
  if (view.kernel) return undefined
  return view.memo(id, () => parseRecord(view, id, kernel))
}
