/**
 * Hash maps of all kinds: plain, LRU, and both per CPU (kernel/bpf/hashtab.c). Entries lie in the VM's memory as
 * `next, older, newer, hash | key | value a CPU`, chained from a table of buckets, so that compiled code can walk them too.
 * Unlike the kernel's approximation, LRU maps here drop exactly the entry that was not used for the longest time.
 */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { E2BIG, EEXIST, EINVAL, ENOENT } from '../errno.js'
import type { Region } from '../memory.js'
import { BPF_EXIST, BPF_F_LOCK, BPF_F_RDONLY_PROG, BPF_NOEXIST, defineMap, type MapScope, MapType, VmMap } from './map.js'

const NEXT = 0
const OLDER = 4
const NEWER = 8
const HASH = 12
const HEADER = 16

/** Factor of the hash of keys (2^32 divided by the golden ratio). */
export const HASH_FACTOR = 0x9e3779b1 | 0
export const HASH_START = 0x811c9dc5 | 0

export interface HashLayout {
  /** A table of `bucketCount` addresses of first entries, 4 bytes each; the count is a power of two. */
  readonly buckets: number
  readonly bucketCount: number
  /** Offsets in an entry. */
  readonly nextAt: number
  readonly hashAt: number
  readonly keyAt: number
  readonly valueAt: number
  readonly keySize: number
  readonly valueSize: number
  /** Whether a value is nothing but its bytes: no locks, timers and their like. */
  readonly plainValue: boolean
  /** Distance of the values of two CPUs. */
  readonly valueStride: number
  readonly perCpu: boolean
}

export class HashMap extends VmMap {
  private readonly bucketTable: number
  private readonly bucketCount: number
  private readonly region: Region
  private readonly stride: number
  private readonly valueAt: number
  private readonly valueStride: number
  private used = 0
  private free: number[] = []
  private newest = 0
  private oldest = 0
  count = 0
  private readonly lru: boolean
  private readonly cpus: number

  constructor(def: MapDef, scope: MapScope) {
    super(def, scope)
    const { memory, env } = scope.machine
    this.lru = def.type === MapType.LRU_HASH || def.type === MapType.LRU_PERCPU_HASH
    this.cpus = def.type === MapType.PERCPU_HASH || def.type === MapType.LRU_PERCPU_HASH ? env.cpus : 1
    this.bucketCount = 2 ** Math.ceil(Math.log2(Math.max(2, def.maxEntries)))
    this.bucketTable = memory.reserve(this.bucketCount * 4)
    this.valueAt = HEADER + ((def.keySize + 7) & ~7)
    this.valueStride = (def.valueSize + 7) & ~7
    this.stride = this.valueAt + this.valueStride * this.cpus
    this.region = memory.region(`value of map ${def.name}`, this.stride * def.maxEntries, {
      stride: this.stride,
      low: this.valueAt,
      high: this.cpus === 1 ? this.valueAt + def.valueSize : this.stride,
      writable: (def.flags & BPF_F_RDONLY_PROG) === 0,
    })
  }

  override get perCpu(): boolean {
    return this.def.type === MapType.PERCPU_HASH || this.def.type === MapType.LRU_PERCPU_HASH
  }

  /** A multiplicative hash over the key's words of 32 bits, then the bytes that are left; compiled code computes the same. */
  private hash(key: number): number {
    const { view, bytes } = this.m.memory
    const end = key + this.def.keySize
    let at = key
    let hash = HASH_START
    for (; at + 4 <= end; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at, true), HASH_FACTOR)
      hash ^= hash >>> 15
    }
    for (; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, HASH_FACTOR)
    return hash ^ (hash >>> 15)
  }

  /** Where things lie, for code that is compiled in; undefined where a lookup does more than look (LRU). */
  get layout(): HashLayout | undefined {
    if (this.lru) return undefined
    const { bucketTable: buckets, bucketCount, valueAt, valueStride, perCpu } = this
    return {
      buckets,
      bucketCount,
      keyAt: HEADER,
      keySize: this.def.keySize,
      valueSize: this.def.valueSize,
      plainValue: this.specialFields.length === 0,
      valueAt,
      valueStride,
      perCpu,
      hashAt: HASH,
      nextAt: NEXT,
    }
  }

  private equal(entry: number, key: number): boolean {
    const { bytes, view } = this.m.memory
    const at = entry + HEADER
    const size = this.def.keySize
    let i = 0
    for (; i + 4 <= size; i += 4) if (view.getInt32(at + i, true) !== view.getInt32(key + i, true)) return false
    for (; i < size; i++) if (bytes[at + i] !== bytes[key + i]) return false
    return true
  }

  private bucketOf(hash: number): number {
    return this.bucketTable + (hash & (this.bucketCount - 1)) * 4
  }

  private findEntry(key: number, hash: number): number {
    const { view } = this.m.memory
    for (let entry = view.getInt32(this.bucketOf(hash), true); entry !== 0; entry = view.getInt32(entry + NEXT, true))
      if (view.getInt32(entry + HASH, true) === hash && this.equal(entry, key)) return entry
    return 0
  }

  private unlinkUse(entry: number): void {
    const { view } = this.m.memory
    const older = view.getInt32(entry + OLDER, true)
    const newer = view.getInt32(entry + NEWER, true)
    if (older) view.setInt32(older + NEWER, newer, true)
    else this.oldest = newer
    if (newer) view.setInt32(newer + OLDER, older, true)
    else this.newest = older
  }

  /** Puts an entry at the newest end of the list of use, which is also the order of `keys`. */
  private linkUse(entry: number): void {
    const { view } = this.m.memory
    view.setInt32(entry + OLDER, this.newest, true)
    view.setInt32(entry + NEWER, 0, true)
    if (this.newest) view.setInt32(this.newest + NEWER, entry, true)
    else this.oldest = entry
    this.newest = entry
  }

  private touch(entry: number): void {
    if (!this.lru || entry === this.newest) return
    this.unlinkUse(entry)
    this.linkUse(entry)
  }

  private valueAddress(entry: number, cpu: number): number {
    return entry + this.valueAt + cpu * this.valueStride
  }

  override lookup(key: number): number {
    const entry = this.findEntry(key, this.hash(key))
    if (entry === 0) return 0
    this.touch(entry)
    return this.valueAddress(entry, this.perCpu ? this.m.env.cpu : 0)
  }

  lookupOn(key: number, cpu: number): number {
    const entry = cpu < this.cpus ? this.findEntry(key, this.hash(key)) : 0
    return entry === 0 ? 0 : this.valueAddress(entry, cpu)
  }

  /** An entry for a key that is not there; 0 when the map is full. */
  private insert(key: number, hash: number): number {
    const { view, bytes } = this.m.memory
    if (this.count >= this.def.maxEntries) {
      if (!this.lru || this.oldest === 0) return 0
      this.removeEntry(this.oldest)
    }
    const entry = this.free.pop() ?? this.region.start + this.used++ * this.stride
    const bucket = this.bucketOf(hash)
    view.setInt32(entry + NEXT, view.getInt32(bucket, true), true)
    view.setInt32(entry + HASH, hash, true)
    view.setInt32(bucket, entry, true)
    bytes.copyWithin(entry + HEADER, key, key + this.def.keySize)
    bytes.fill(0, entry + this.valueAt, entry + this.stride)
    this.linkUse(entry)
    this.count++
    return entry
  }

  private removeEntry(entry: number): void {
    const { view } = this.m.memory
    const hash = view.getInt32(entry + HASH, true)
    let link = this.bucketOf(hash)
    while (view.getInt32(link, true) !== entry) link = view.getInt32(link, true) + NEXT
    view.setInt32(link, view.getInt32(entry + NEXT, true), true)
    for (let cpu = 0; cpu < this.cpus; cpu++) this.freeFields(this.valueAddress(entry, cpu))
    this.unlinkUse(entry)
    this.free.push(entry)
    this.count--
  }

  private place(key: number, flags: number): number {
    if (this.badFlags(flags)) return -EINVAL
    const hash = this.hash(key)
    const entry = this.findEntry(key, hash)
    if (entry !== 0) {
      if (flags & BPF_NOEXIST) return -EEXIST
      this.touch(entry)
      return entry
    }
    if (flags & BPF_EXIST) return -ENOENT
    return this.insert(key, hash) || -E2BIG
  }

  override update(key: number, value: number, flags: number): number {
    const entry = this.place(key, flags)
    if (entry < 0) return entry
    const at = this.valueAddress(entry, this.perCpu ? this.m.env.cpu : 0)
    this.writeValue(at, value, (flags & BPF_F_LOCK) !== 0)
    return 0
  }

  override remove(key: number): number {
    const entry = this.findEntry(key, this.hash(key))
    if (entry === 0) return -ENOENT
    this.removeEntry(entry)
    return 0
  }

  override valuesOf(key: Uint8Array): Uint8Array[] | undefined {
    const at = this.scratchKey(key)
    const entry = this.findEntry(at, this.hash(at))
    if (entry === 0) return undefined
    return Array.from({ length: this.cpus }, (_, cpu) => {
      const value = this.valueAddress(entry, cpu)
      return this.m.memory.bytes.slice(value, value + this.def.valueSize)
    })
  }

  override setFromOutside(key: Uint8Array, values: readonly Uint8Array[], flags: number): number {
    const entry = this.place(this.scratchKey(key), flags)
    if (entry < 0) return entry
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const value = values[cpu] ?? (values.length === 1 ? values[0] : undefined)
      if (value) this.writeValue(this.valueAddress(entry, cpu), this.scratchValue(value), (flags & BPF_F_LOCK) !== 0)
    }
    return 0
  }

  /** Number of buckets, for batch operations. */
  get buckets(): number {
    return this.bucketCount
  }

  /** Keys of the elements that share a bucket. */
  keysOfBucket(bucket: number): Uint8Array[] {
    const { view, bytes } = this.m.memory
    const keys: Uint8Array[] = []
    for (let entry = view.getInt32(this.bucketTable + bucket * 4, true); entry !== 0; entry = view.getInt32(entry + NEXT, true))
      keys.push(bytes.slice(entry + HEADER, entry + HEADER + this.def.keySize))
    return keys
  }

  /** Oldest first; the map may change meanwhile. */
  override *keys(): Iterable<Uint8Array> {
    const all: Uint8Array[] = []
    const { view, bytes } = this.m.memory
    for (let entry = this.oldest; entry !== 0; entry = view.getInt32(entry + NEWER, true))
      all.push(bytes.slice(entry + HEADER, entry + HEADER + this.def.keySize))
    yield* all
  }
}

defineMap([MapType.HASH, MapType.LRU_HASH, MapType.PERCPU_HASH, MapType.LRU_PERCPU_HASH], (def, scope) => new HashMap(def, scope))
