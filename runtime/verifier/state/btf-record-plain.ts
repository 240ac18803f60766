/**
 * Special fields as kernels before 6.11 find them: among a value's own members, or a section's variables, not in nested structs and arrays
 * (kernel/bpf/btf.c of 6.1: btf_find_field, btf_parse_kptrs).
 */
import { type BtfId, BtfKind } from '../../../linker/btf/btf-types.js'
import { type FieldKind, fieldSince, kptrTags } from '../../kernel/map-fields.js'
import { type KernelProfile, versionAtLeast } from '../../kernel/profile.js'
import { type BtfRecord, type RecordField, structKinds } from './btf-record.js'
import type { BtfView } from './btf-view.js'

/** Kptrs that a value may have (BPF_MAP_VALUE_OFF_MAX). */
const KPTRS_MAX = 8

export function parsePlainRecord(
  view: BtfView,
  id: BtfId,
  kernel: BtfView | undefined,
  profile: KernelProfile,
): BtfRecord | undefined {
  const found: RecordField[] = []
  const known = (kind: FieldKind) => versionAtLeast(profile.version, fieldSince[kind])
  const look = (typeId: BtfId, offset: number): boolean => {
    const direct = view.skipModifiers(typeId)
    const type = view.type(direct)
    if (type.kind === BtfKind.Struct) {
      const special = structKinds[type.name]
      if (special && known(special[0])) found.push({ kind: special[0], offset, size: special[1] })
      return true
    }
    if (type.kind !== BtfKind.Ptr) return true
    const tags = view.tags(type.type)
    const row = kptrTags.find(
      entry =>
        tags.includes(entry.tag) &&
        versionAtLeast(profile.version, entry.since) &&
        (entry.last === undefined || versionAtLeast(entry.last, profile.version)),
    )
    if (!row) return true
    const target = view.type(view.skipModifiers(type.type))
    const name = 'name' in target ? target.name : ''
    const inKernel = kernel && name ? kernel.find(name, BtfKind.Struct) : 0
    if (!kernel || !inKernel) return false
    found.push({ kind: row.kind, offset, size: 8, btf: kernel, btfId: inKernel })
    return true
  }
  const type = view.resolved(id)
  let ok = true
  if (type.kind === BtfKind.Struct) {
    for (const member of type.members)
      if (!member.bitSize && member.bitOffset % 8 === 0 && !look(member.type, member.bitOffset / 8)) ok = false
  } else if (type.kind === BtfKind.Datasec) {
    for (const { type: variable, offset } of type.vars) {
      const entry = view.type(variable)
      if (entry.kind === BtfKind.Var && !look(entry.type, offset)) ok = false
    }
  }
  // What is there too often, or points to what the kernel does not have, is no field: the map is made all the same.
  const count = (...kinds: FieldKind[]) => found.filter(field => kinds.includes(field.kind)).length
  const kptrs = ok && count('kptr_unref', 'kptr_ref') <= KPTRS_MAX
  const fields = found.filter(({ kind }) => (kind === 'kptr_unref' || kind === 'kptr_ref' ? kptrs : count(kind) === 1))
  return fields.length === 0 ? undefined : { fields: fields.sort((a, b) => a.offset - b.offset) }
}
