/**
 * Batch operations on maps as user space has them (BPF_MAP_LOOKUP_BATCH and its relatives: kernel/bpf/syscall.c, hashtab.c; 6.12). They
 * answer with an errno beside what was done: ENOENT with a lookup says that the end was reached, ENOSPC that the next bucket of a hash
 * map does not fit, ENOTSUPP that the map type has no such operation.
 */
import type { BtfSet } from '../../linker/btf/btf-types.js'
import { EINVAL, ENOENT, ENOSPC, ENOTSUPP } from './errno.js'
import { HashMap } from './maps/hash.js'
import { BPF_F_LOCK, MapType, type VmMap } from './maps/map.js'
import { withoutSpecialFields } from './maps/special-fields.js'

export interface BatchOptions {
  /** elem_flags: BPF_F_LOCK (4), or those of an update. */
  readonly flags?: number
}

export interface LookupBatch {
  /** At most so many elements; hash maps give whole buckets. */
  readonly count: number
  /** `next` of the batch before; the first batch has none. */
  readonly after?: Uint8Array | undefined
  readonly flags?: number
}

export interface BatchResult {
  /** Elements dealt with. */
  readonly count: number
  /** 0, or a positive errno. */
  readonly errno: number
}

export interface LookupBatchResult extends BatchResult {
  readonly keys: readonly Uint8Array[]
  /** Values of per-CPU maps one CPU after the other, each rounded up to 8 bytes. */
  readonly values: readonly Uint8Array[]
  /** Where the next batch goes on. */
  readonly next: Uint8Array | undefined
}

type Operation = 'lookup' | 'update' | 'delete' | 'lookup-delete'

/** Maps whose batches are made of single operations. */
const generic: Readonly<Record<number, readonly Operation[]>> = {
  [MapType.ARRAY]: ['lookup', 'update'],
  [MapType.PERCPU_ARRAY]: ['lookup', 'update'],
  [MapType.ARRAY_OF_MAPS]: ['lookup', 'update'],
  [MapType.LPM_TRIE]: ['lookup', 'update', 'delete'],
}

function has(map: VmMap, operation: Operation): boolean {
  return map instanceof HashMap || map.def.type === MapType.HASH_OF_MAPS || (generic[map.def.type]?.includes(operation) ?? false)
}

const badFlags = (map: VmMap, flags: number) => (flags & ~BPF_F_LOCK) !== 0 || ((flags & BPF_F_LOCK) !== 0 && !map.hasLock)

const rounded = (size: number) => (size + 7) & ~7

/** A value of one piece, as the kernel hands it over. */
function joined(map: VmMap, values: readonly Uint8Array[]): Uint8Array {
  if (!map.perCpu) return values[0]!
  const whole = new Uint8Array(rounded(map.def.valueSize) * values.length)
  for (const [cpu, value] of values.entries()) whole.set(value, cpu * rounded(map.def.valueSize))
  return whole
}

function parted(map: VmMap, value: Uint8Array): Uint8Array[] {
  if (!map.perCpu) return [value]
  const step = rounded(map.def.valueSize)
  return Array.from({ length: value.length / step }, (_, cpu) => value.slice(cpu * step, cpu * step + map.def.valueSize))
}

const word = (value: number) => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

const none = (errno: number): LookupBatchResult => ({ count: 0, errno, keys: [], values: [], next: undefined })

/** Buckets of a hash map from the one that `after` names on, as long as they fit. */
function lookupBuckets(map: HashMap, btf: BtfSet | undefined, { count, after }: LookupBatch, remove: boolean): LookupBatchResult {
  let bucket = after ? new DataView(after.buffer, after.byteOffset).getUint32(0, true) : 0
  if (bucket >= map.buckets) return none(ENOENT)
  const keys: Uint8Array[] = []
  const values: Uint8Array[] = []
  let errno = 0
  for (;;) {
    const here = map.keysOfBucket(bucket)
    if (here.length > count - keys.length) {
      if (keys.length === 0) errno = ENOSPC
      break
    }
    for (const key of here) {
      keys.push(key)
      values.push(joined(map, withoutSpecialFields(btf, map.def.valueType, map.valuesOf(key)!)))
    }
    if (remove) for (const key of here) map.remove(map.scratchKey(key))
    if (++bucket >= map.buckets) {
      errno = ENOENT
      break
    }
  }
  return { count: keys.length, errno, keys, values, next: word(bucket) }
}

/** generic_map_lookup_batch: key after key, `next` being the last one given. */
function lookupKeys(map: VmMap, btf: BtfSet | undefined, { count, after }: LookupBatch): LookupBatchResult {
  const keys: Uint8Array[] = []
  const values: Uint8Array[] = []
  const all = [...map.keys()]
  const last = after && all.findIndex(key => key.every((byte, index) => byte === after[index]))
  // A key that is gone makes the walk start again, as map_get_next_key does.
  for (const key of all.slice(last === undefined ? 0 : last + 1)) {
    if (keys.length === count) break
    const value = map.valuesOf(key)
    if (!value) continue
    keys.push(key)
    values.push(joined(map, withoutSpecialFields(btf, map.def.valueType, value)))
  }
  return { count: keys.length, errno: keys.length < count ? ENOENT : 0, keys, values, next: keys.at(-1) ?? after }
}

export function lookupBatch(map: VmMap, btf: BtfSet | undefined, request: LookupBatch, remove = false): LookupBatchResult {
  if (!has(map, remove ? 'lookup-delete' : 'lookup')) return none(ENOTSUPP)
  if (badFlags(map, request.flags ?? 0)) return none(EINVAL)
  if (request.count === 0) return none(0)
  if (map instanceof HashMap) return lookupBuckets(map, btf, request, remove)
  const found = lookupKeys(map, btf, request)
  if (remove) for (const key of found.keys) map.remove(map.scratchKey(key))
  return found
}

export function updateBatch(map: VmMap, keys: readonly Uint8Array[], values: readonly Uint8Array[], flags: number): BatchResult {
  if (!has(map, 'update')) return { count: 0, errno: ENOTSUPP }
  if (badFlags(map, flags)) return { count: 0, errno: EINVAL }
  for (const [count, key] of keys.entries()) {
    const result = map.setFromOutside(key, parted(map, values[count]!), flags)
    if (result < 0) return { count, errno: -result }
  }
  return { count: keys.length, errno: 0 }
}

export function deleteBatch(map: VmMap, keys: readonly Uint8Array[], flags: number): BatchResult {
  if (!has(map, 'delete')) return { count: 0, errno: ENOTSUPP }
  if (badFlags(map, flags)) return { count: 0, errno: EINVAL }
  for (const [count, key] of keys.entries()) {
    const result = map.remove(map.scratchKey(key))
    if (result < 0) return { count, errno: -result }
  }
  return { count: keys.length, errno: 0 }
}
