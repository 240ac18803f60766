/** Maps as the verifier needs them: sizes, flags, special fields, and the bytes of frozen ones. */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { BPF_F_RDONLY_PROG, MapType, MapType as M } from '../../../linker/object/uapi.js'
import { type KernelProfile, versionAtLeast } from '../../kernel/profile.js'
import { type BtfRecord, type FieldKind, isKptr, parseRecord } from './btf-record.js'
import { parsePlainRecord } from './btf-record-plain.js'
import type { BtfView } from './btf-view.js'

const BPF_F_WRONLY_PROG = 1 << 8

const storages: readonly number[] = [M.SK_STORAGE, M.INODE_STORAGE, M.TASK_STORAGE, M.CGRP_STORAGE]
const hashes: readonly number[] = [M.HASH, M.LRU_HASH, M.ARRAY]
const locks: readonly number[] = [M.HASH, M.ARRAY, M.CGROUP_STORAGE, ...storages]
const pointers: readonly number[] = [...hashes, M.PERCPU_HASH, M.LRU_PERCPU_HASH, M.PERCPU_ARRAY, ...storages]

/** Map types whose values may hold a field (map_check_btf). */
const mapsOf: Readonly<Record<FieldKind, readonly number[]>> = {
  spin_lock: locks,
  res_spin_lock: locks,
  timer: hashes,
  wq: hashes,
  task_work: hashes,
  kptr_unref: pointers,
  kptr_ref: pointers,
  kptr_percpu: pointers,
  refcount: pointers,
  uptr: [M.TASK_STORAGE],
  list_head: hashes,
  rb_root: hashes,
  list_node: [],
  rb_node: [],
}

/** Map types whose values could hold kptrs later than others. */
const kptrMapsSince: ReadonlyMap<number, string> = new Map([
  [M.PERCPU_HASH, '6.3'],
  [M.LRU_PERCPU_HASH, '6.3'],
  ...storages.map(type => [type, '6.4'] as const),
])

const holdsYet = (profile: KernelProfile, type: number, kind: FieldKind): boolean =>
  !isKptr(kind) || versionAtLeast(profile.version, kptrMapsSince.get(type) ?? '5.19')

const fieldsAllowed = (profile: KernelProfile, def: MapDef, record: BtfRecord): boolean =>
  (def.flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)) === 0 &&
  record.fields.every(field => mapsOf[field.kind].includes(def.type) && holdsYet(profile, def.type, field.kind))

export class VerifierMap {
  readonly type: number
  readonly name: string
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly flags: number
  readonly record: BtfRecord | undefined
  /** Template of the inner maps, for maps of maps. */
  readonly inner: VerifierMap | undefined
  readonly hasBtf: boolean

  constructor(
    readonly def: MapDef,
    btf: BtfView | undefined,
    kernel: BtfView | undefined,
    profile: KernelProfile,
  ) {
    this.type = def.type
    this.name = def.name.slice(0, 15)
    this.keySize = def.keySize
    this.valueSize = def.valueSize
    // None is no size that a kernel takes: the loader gives the map one before it is made.
    this.maxEntries = Math.max(1, def.maxEntries)
    // dev_map_init_map: programs may look up, not change.
    this.flags = def.type === M.DEVMAP || def.type === M.DEVMAP_HASH ? def.flags | BPF_F_RDONLY_PROG : def.flags
    const record =
      btf && def.valueType
        ? profile.nestedFields
          ? parseRecord(btf, def.valueType, kernel)
          : parsePlainRecord(btf, def.valueType, kernel, profile)
        : undefined
    // Special fields that make no sense are no fields; where they may not be, the kernel refuses the map and loaders try again without BTF.
    const refused = record !== undefined && record !== 'invalid' && !fieldsAllowed(profile, def, record)
    this.hasBtf = btf !== undefined && def.valueType !== 0 && !refused
    this.record = refused || record === 'invalid' ? undefined : record
    // What is kept of an inner map to verify with has no name (bpf_map_meta_alloc).
    this.inner = def.inner ? new VerifierMap({ ...def.inner, name: '' }, btf, kernel, profile) : undefined
  }

  get programsMayRead(): boolean {
    return (this.flags & BPF_F_WRONLY_PROG) === 0
  }

  get programsMayWrite(): boolean {
    return (this.flags & BPF_F_RDONLY_PROG) === 0
  }

  /** Contents that no program and no user can change any more: a frozen map that is read-only for programs. */
  get constantBytes(): Uint8Array | undefined {
    return this.def.data?.readonly && this.flags & BPF_F_RDONLY_PROG ? this.def.data.bytes : undefined
  }

  /** Values can be pointed into directly (map_direct_value_addr). */
  get directValues(): boolean {
    return this.type === MapType.ARRAY || this.type === MapType.ARENA
  }
}
