/**
 * Stack traces by id (kernel/bpf/stackmap.c, 6.12): the id is a hash of the addresses, so that a stack met twice has one entry. Only
 * bpf_get_stackid fills the map; it is read from outside.
 */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { E2BIG, EEXIST, EINVAL, ENOENT, ENOMEM } from '../errno.js'
import { defineMap, type MapScope, MapType, VmMap } from './map.js'

export const BPF_F_STACK_BUILD_ID = 1 << 5
/** BPF_STACK_BUILD_ID_IP: no build id is known, the entry holds the address. */
const STATUS_IP = 2
const BUILD_ID_ENTRY = 32

const rotate = (value: number, by: number) => (value << by) | (value >>> (32 - by))

/** jhash2 of include/linux/jhash.h (Bob Jenkins' lookup3) with initval 0. */
export function jhash2(words: Int32Array): number {
  let a = (0xdeadbeef + words.length * 4) | 0
  let b = a
  let c = a
  let at = 0
  let left = words.length
  for (; left > 3; left -= 3, at += 3) {
    a = (a + words[at]!) | 0
    b = (b + words[at + 1]!) | 0
    c = (c + words[at + 2]!) | 0
    a = ((a - c) ^ rotate(c, 4)) | 0
    c = (c + b) | 0
    b = ((b - a) ^ rotate(a, 6)) | 0
    a = (a + c) | 0
    c = ((c - b) ^ rotate(b, 8)) | 0
    b = (b + a) | 0
    a = ((a - c) ^ rotate(c, 16)) | 0
    c = (c + b) | 0
    b = ((b - a) ^ rotate(a, 19)) | 0
    a = (a + c) | 0
    c = ((c - b) ^ rotate(b, 4)) | 0
    b = (b + a) | 0
  }
  if (left === 0) return c >>> 0
  if (left > 2) c = (c + words[at + 2]!) | 0
  if (left > 1) b = (b + words[at + 1]!) | 0
  a = (a + words[at]!) | 0
  c = ((c ^ b) - rotate(b, 14)) | 0
  a = ((a ^ c) - rotate(c, 11)) | 0
  b = ((b ^ a) - rotate(a, 25)) | 0
  c = ((c ^ b) - rotate(b, 16)) | 0
  a = ((a ^ c) - rotate(c, 4)) | 0
  b = ((b ^ a) - rotate(a, 14)) | 0
  c = ((c ^ b) - rotate(b, 24)) | 0
  return c >>> 0
}

/** Addresses as they lie in a stack's entry: 8 bytes each, or with build ids 32. */
export function stackBytes(addresses: readonly bigint[], buildIds: boolean): Uint8Array {
  const bytes = new Uint8Array(addresses.length * (buildIds ? BUILD_ID_ENTRY : 8))
  const view = new DataView(bytes.buffer)
  for (const [index, address] of addresses.entries()) {
    if (buildIds) view.setInt32(index * BUILD_ID_ENTRY, STATUS_IP, true)
    view.setBigUint64(buildIds ? index * BUILD_ID_ENTRY + 24 : index * 8, BigInt.asUintN(64, address), true)
  }
  return bytes
}

interface Bucket {
  readonly hash: number
  readonly addresses: readonly bigint[]
}

export class StackTraceMap extends VmMap {
  private readonly found = new Map<number, Bucket>()
  private readonly bucketCount: number

  constructor(def: MapDef, scope: MapScope) {
    super(def, scope)
    this.bucketCount = 2 ** Math.ceil(Math.log2(Math.max(1, def.maxEntries)))
  }

  get buildIds(): boolean {
    return (this.def.flags & BPF_F_STACK_BUILD_ID) !== 0
  }

  /** Addresses an entry has room for. */
  get depth(): number {
    return Math.floor(this.def.valueSize / (this.buildIds ? BUILD_ID_ENTRY : 8))
  }

  /** The id of a stack, which is put in if need be; a negated errno where another stack is in its place. */
  idOf(addresses: readonly bigint[], fastCompare: boolean, reuse: boolean): number {
    const words = new Int32Array(stackBytes(addresses, false).buffer)
    const hash = jhash2(words)
    const id = hash & (this.bucketCount - 1)
    const there = this.found.get(id)
    if (there && there.hash === hash) {
      if (fastCompare) return id
      if (there.addresses.length === addresses.length && there.addresses.every((each, index) => each === addresses[index]))
        return id
    }
    if (there && !reuse) return -EEXIST
    if (!there && this.found.size >= this.def.maxEntries) return -ENOMEM
    this.found.set(id, { hash, addresses })
    return id
  }

  override lookup(): number {
    return 0
  }

  override update(): number {
    return -EINVAL
  }

  override remove(key: number): number {
    const id = this.m.memory.view.getUint32(key, true)
    if (id >= this.bucketCount) return -E2BIG
    return this.found.delete(id) ? 0 : -ENOENT
  }

  override valuesOf(key: Uint8Array): Uint8Array[] | undefined {
    const bucket = this.found.get(new DataView(key.buffer, key.byteOffset).getUint32(0, true))
    if (!bucket) return undefined
    const value = new Uint8Array(this.def.valueSize)
    value.set(stackBytes(bucket.addresses, this.buildIds).subarray(0, value.length))
    return [value]
  }

  override *keys(): Iterable<Uint8Array> {
    for (const id of [...this.found.keys()].sort((a, b) => a - b)) {
      const key = new Uint8Array(4)
      new DataView(key.buffer).setUint32(0, id, true)
      yield key
    }
  }
}

defineMap([MapType.STACK_TRACE], (def, scope) => new StackTraceMap(def, scope))
