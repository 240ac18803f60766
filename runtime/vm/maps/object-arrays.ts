/**
 * Maps whose values are objects of the kernel: programs (prog array), maps (array and hash of maps), devices, CPUs and sockets to
 * send packets to (devmap, cpumap, xskmap), cgroups. From outside their values are 4-byte numbers, as file descriptors are.
 */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { E2BIG, EEXIST, EINVAL, ENOENT } from '../errno.js'
import { BPF_ANY, BPF_EXIST, BPF_NOEXIST, defineMap, type MapScope, MapType, VmMap } from './map.js'

/** A table from key to a number; what the number means is the subclass's business. */
export class ObjectMap extends VmMap {
  protected readonly entries = new Map<string, { readonly key: Uint8Array; readonly value: Uint8Array }>()
  private readonly isArray: boolean
  /** Values in memory that programs may read (devmap and cpumap); by the text of the key. */
  private readonly readable = new Map<string, number>()

  constructor(def: MapDef, scope: MapScope) {
    super(def, scope)
    this.isArray = def.type !== MapType.DEVMAP_HASH && def.type !== MapType.HASH_OF_MAPS && def.type !== MapType.SOCKHASH
  }

  /** Maps that packets are sent through. */
  private get sends(): boolean {
    const { type } = this.def
    return type === MapType.DEVMAP || type === MapType.CPUMAP || type === MapType.XSKMAP || type === MapType.DEVMAP_HASH
  }

  private text(key: number): string {
    return String.fromCharCode(...this.m.memory.slice(key, this.def.keySize))
  }

  private slotAt(key: number): number {
    return this.m.memory.view.getUint32(key, true)
  }

  /** The number at a key in memory, or undefined. */
  at(key: number): number | undefined {
    const entry = this.entries.get(this.text(key))
    return entry && new DataView(entry.value.buffer).getUint32(0, true)
  }

  /** The number at an array index. */
  atIndex(index: number): number | undefined {
    const key = new Uint8Array(4)
    new DataView(key.buffer).setUint32(0, index, true)
    return this.at(this.scratchKey(key))
  }

  override lookup(key: number): number {
    const text = this.text(key)
    const entry = this.entries.get(text)
    if (!entry) return 0
    let address = this.readable.get(text)
    if (address === undefined) {
      address = this.m.memory.region(`value of map ${this.def.name}`, this.def.valueSize, { writable: false }).start
      this.readable.set(text, address)
    }
    this.m.memory.write(address, entry.value)
    return address
  }

  override update(key: number, value: number, flags: number): number {
    const refused = this.isArray ? this.arrayRefuses(key, flags) : this.hashRefuses(key, value, flags)
    if (refused !== 0) return refused
    const { bytes, view } = this.m.memory
    // Device 0 is none: the entry goes (__dev_map_update_elem).
    if (this.def.type === MapType.DEVMAP && view.getUint32(value, true) === 0) {
      this.entries.delete(this.text(key))
      return 0
    }
    this.entries.set(this.text(key), {
      key: bytes.slice(key, key + this.def.keySize),
      value: bytes.slice(value, value + Math.max(4, this.def.valueSize)),
    })
    return 0
  }

  /** bpf_fd_array_map_update_elem takes no flags at all, maps of devices, CPUs and sockets take those of arrays. */
  private arrayRefuses(key: number, flags: number): number {
    if (flags > (this.sends ? BPF_EXIST : BPF_ANY)) return -EINVAL
    if (this.slotAt(key) >= this.def.maxEntries) return -E2BIG
    if (flags === BPF_ANY) return 0
    const there = this.entries.has(this.text(key))
    if (flags === BPF_EXIST) return this.def.type === MapType.XSKMAP && !there ? -ENOENT : 0
    return this.def.type !== MapType.XSKMAP || there ? -EEXIST : 0
  }

  private hashRefuses(key: number, value: number, flags: number): number {
    const isDevmap = this.def.type === MapType.DEVMAP_HASH
    if (flags > BPF_EXIST || (isDevmap && this.m.memory.view.getUint32(value, true) === 0)) return -EINVAL
    const there = this.entries.has(this.text(key))
    if (there) return flags === BPF_NOEXIST ? -EEXIST : 0
    if (flags === BPF_EXIST && !isDevmap) return -ENOENT
    return this.entries.size >= this.def.maxEntries ? -E2BIG : 0
  }

  override remove(key: number): number {
    const outside = this.isArray && this.slotAt(key) >= this.def.maxEntries
    if (outside) return this.sends ? -EINVAL : -E2BIG
    return this.entries.delete(this.text(key)) || (this.isArray && this.sends) ? 0 : -ENOENT
  }

  override valuesOf(key: Uint8Array): Uint8Array[] | undefined {
    const entry = this.entries.get(this.text(this.scratchKey(key)))
    return entry && [entry.value.slice()]
  }

  override *keys(): Iterable<Uint8Array> {
    for (const { key } of [...this.entries.values()]) yield key.slice()
  }
}

/** Maps of maps: the value is the index of the inner map among the VM's maps. */
export class MapOfMaps extends ObjectMap {}

/** The value is the index of a program among the VM's programs. */
export class ProgArray extends ObjectMap {
  override lookup(): number {
    return 0
  }
}

/** Where bpf_redirect_map can send packets. */
export class RedirectMap extends ObjectMap {}

export class CgroupArray extends ObjectMap {}

defineMap([MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS], (def, scope) => new MapOfMaps(def, scope))
defineMap([MapType.PROG_ARRAY], (def, scope) => new ProgArray(def, scope))
defineMap([MapType.DEVMAP, MapType.DEVMAP_HASH, MapType.CPUMAP, MapType.XSKMAP], (def, scope) => new RedirectMap(def, scope))
defineMap([MapType.CGROUP_ARRAY], (def, scope) => new CgroupArray(def, scope))
