/** struct_ops maps on a certain kernel: the value moved into the kernel's layout, programs tied to members (libbpf 1.5: bpf_map__init_kern_struct_ops). */
import { essentialName, sizeOf, skipModifiers } from '../btf/btf-file.js'
import { type BtfId, BtfKind } from '../btf/btf-types.js'
import type { BpfObject, MapDef } from './bpf-object.js'
import { findSymbol } from './kernel-symbols.js'
import type { PrepareOptions } from './prepare-options.js'

/** What a struct_ops program is loaded with: the kernel's struct and the index of its member. */
export interface StructOpsTarget {
  readonly type: BtfId
  readonly member: number
}

export interface StructOpsResult {
  /** By index of the map. */
  readonly maps: ReadonlyMap<number, MapDef>
  /** By name of the program. */
  readonly programs: ReadonlyMap<string, StructOpsTarget>
  /** Programs that belong to members which the kernel does not have: libbpf does not load them. */
  readonly unused: ReadonlySet<string>
  readonly faults: readonly string[]
}

export function prepareStructOps(object: BpfObject, options: PrepareOptions): StructOpsResult {
  const maps = new Map<number, MapDef>()
  const programs = new Map<string, StructOpsTarget>()
  const unused = new Set<string>()
  const faults: string[] = []
  object.maps.forEach((def, index) => {
    if (!def.structOps || def.autocreate === false) return
    const result = prepareOne(object, def, options, programs, unused)
    if (typeof result === 'string') faults.push(`struct_ops ${def.name}: ${result}`)
    else maps.set(index, result)
  })
  return { maps, programs, unused, faults }
}

function prepareOne(
  object: BpfObject,
  def: MapDef,
  options: PrepareOptions,
  programs: Map<string, StructOpsTarget>,
  unused: Set<string>,
): MapDef | string {
  const btf = object.btf!
  const structOps = def.structOps!
  const local = btf.type(structOps.type)
  if (local.kind !== BtfKind.Struct) return 'is not a struct'
  const name = essentialName(local.name)
  if (!options.kernelBtf) return `struct ${name} must be looked up in the BTF of a kernel`
  const value = findSymbol(`bpf_struct_ops_${name}`, BtfKind.Struct, options)
  const kernelId = value?.btf.byName(name).find(id => value.btf.type(id).kind === BtfKind.Struct)
  if (!value || kernelId === undefined) return `the kernel has no struct_ops ${name}`
  const kernel = value.btf.type(kernelId)
  const valueType = value.btf.type(value.id)
  if (kernel.kind !== BtfKind.Struct || valueType.kind !== BtfKind.Struct) return `the kernel has no struct_ops ${name}`
  const data = valueType.members.find(member => member.type === kernelId)
  if (!data) return `struct bpf_struct_ops_${name} does not hold a struct ${name}`
  const bytes = new Uint8Array(valueType.size)
  const base = data.bitOffset / 8
  const functions: { offset: number; function: string }[] = []
  for (const member of local.members) {
    const from = member.bitOffset / 8
    const size = sizeOf(btf, member.type)
    if (size < 0) return `member ${member.name} has no size`
    const program = structOps.functions.find(candidate => candidate.offset === from)?.function
    const memberIndex = kernel.members.findIndex(candidate => candidate.name === member.name)
    const other = kernel.members[memberIndex]
    if (!other) {
      if (program !== undefined || structOps.bytes.subarray(from, from + size).some(byte => byte !== 0))
        return `the kernel's struct ${name} has no member ${member.name}`
      continue
    }
    if (member.bitSize || other.bitSize) return `member ${member.name} is a bit field`
    const to = base + other.bitOffset / 8
    const localType = skipModifiers(btf, member.type).type
    const kernelType = skipModifiers(value.btf, other.type)
    if (localType.kind !== kernelType.type.kind) return `member ${member.name} is of another kind in the kernel`
    if (localType.kind === BtfKind.Ptr) {
      if (program === undefined) continue
      if (kernelType.type.kind !== BtfKind.Ptr || skipModifiers(value.btf, kernelType.type.type).type.kind !== BtfKind.FuncProto)
        return `member ${member.name} is no function pointer in the kernel`
      const known = programs.get(program)
      if (known && (known.type !== kernelId || known.member !== memberIndex))
        return `program ${program} is used for two different members`
      programs.set(program, { type: kernelId, member: memberIndex })
      unused.delete(program)
      functions.push({ offset: to, function: program })
      continue
    }
    if (size !== sizeOf(value.btf, kernelType.id)) return `member ${member.name} has another size in the kernel`
    bytes.set(structOps.bytes.subarray(from, from + size), to)
  }
  return { ...def, valueSize: valueType.size, structOps: { ...structOps, kernel: { valueType: value.id, bytes, functions } } }
}
