/**
 * Fields of map values that are the kernel's own: locks, timers, heads of lists and trees, pointers to its objects (struct btf_record of 6.12). Who
 * looks from outside sees zeros in their place, and what is written there from outside is lost (copy_map_value, bpf_obj_free_fields).
 */
import { sizeOf } from '../../../linker/btf/btf-file.js'
import { BtfKind, type BtfId, type BtfSet } from '../../../linker/btf/btf-types.js'

export interface SpecialField {
  readonly offset: number
  readonly size: number
  /** Locks stay as they are when the rest is freed. */
  readonly isLock: boolean
}

const SPECIAL: ReadonlySet<string> = new Set([
  'bpf_spin_lock',
  'bpf_res_spin_lock',
  'bpf_timer',
  'bpf_wq',
  'bpf_task_work',
  'bpf_list_head',
  'bpf_list_node',
  'bpf_rb_root',
  'bpf_rb_node',
  'bpf_refcount',
])
const POINTER_TAGS: ReadonlySet<string> = new Set(['kptr', 'kptr_ref', 'kptr_untrusted', 'percpu_kptr', 'uptr'])

function collect(btf: BtfSet, id: BtfId, offset: number, into: SpecialField[]): void {
  const type = btf.type(id)
  switch (type.kind) {
    case BtfKind.Typedef:
    case BtfKind.Const:
    case BtfKind.Volatile:
    case BtfKind.TypeTag:
    case BtfKind.Var:
      collect(btf, type.type, offset, into)
      return
    case BtfKind.Ptr: {
      const target = btf.type(type.type)
      if (target.kind === BtfKind.TypeTag && POINTER_TAGS.has(target.name)) into.push({ offset, size: 8, isLock: false })
      return
    }
    case BtfKind.Struct:
    case BtfKind.Union:
      if (SPECIAL.has(type.name)) into.push({ offset, size: type.size, isLock: type.name.endsWith('spin_lock') })
      else
        for (const member of type.members)
          if (member.bitSize === 0) collect(btf, member.type, offset + member.bitOffset / 8, into)
      return
    case BtfKind.Array: {
      const one: SpecialField[] = []
      collect(btf, type.type, 0, one)
      if (one.length === 0) return
      const size = sizeOf(btf, type.type)
      for (let i = 0; i < type.nelems; i++)
        for (const field of one) into.push({ ...field, offset: offset + i * size + field.offset })
      return
    }
    case BtfKind.Datasec:
      for (const variable of type.vars) collect(btf, variable.type, offset + variable.offset, into)
  }
}

const known = new WeakMap<BtfSet, Map<BtfId, readonly SpecialField[]>>()

/** The fields of a value of a type; none without BTF. */
export function specialFields(btf: BtfSet | undefined, id: BtfId): readonly SpecialField[] {
  if (!btf || id === 0) return []
  let types = known.get(btf)
  if (!types) {
    types = new Map()
    known.set(btf, types)
  }
  let fields = types.get(id)
  if (!fields) {
    const found: SpecialField[] = []
    collect(btf, id, 0, found)
    types.set(id, found)
    fields = found
  }
  return fields
}

/** Values of a type with zeros for what is the kernel's; the same bytes where there is nothing of it, else copies. */
export function withoutSpecialFields(btf: BtfSet | undefined, id: BtfId, values: readonly Uint8Array[]): Uint8Array[] {
  const fields = specialFields(btf, id)
  if (fields.length === 0) return [...values]
  return values.map(value => {
    const copy = value.slice()
    for (const { offset, size } of fields) copy.fill(0, offset, offset + size)
    return copy
  })
}
