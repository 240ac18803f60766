/**
 * The ring buffer from user space to programs (kernel/bpf/ringbuf.c): the test puts records in, bpf_user_ringbuf_drain hands each to a
 * callback. What was not drained stays, and a full ring takes no more.
 */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { ENOSPC, ENOTSUPP } from '../errno.js'
import type { Region } from '../memory.js'
import { defineMap, type MapScope, MapType, VmMap } from './map.js'

const HEADER = 8

export class UserRingBuffer extends VmMap {
  private readonly records: Uint8Array[] = []
  private used = 0
  /** While a program drains, others get -EBUSY. */
  busy = false
  /** Times that user space was told of room in the ring. */
  wakeups = 0

  constructor(def: MapDef, scope: MapScope) {
    super(def, scope)
  }

  private sizeOf(record: Uint8Array): number {
    return (record.length + HEADER + 7) & ~7
  }

  /** Adds a record, from user space; 0 or -ENOSPC. */
  produce(record: Uint8Array): number {
    if (this.used + this.sizeOf(record) > this.def.maxEntries) return -ENOSPC
    this.records.push(record.slice())
    this.used += this.sizeOf(record)
    return 0
  }

  /** The oldest record, which stays until `release`. */
  peek(): Uint8Array | undefined {
    return this.records[0]
  }

  release(): void {
    const record = this.records.shift()
    if (record) this.used -= this.sizeOf(record)
  }

  private region: Region | undefined

  /** Puts a record where the program can read it; one at a time. */
  room(record: Uint8Array): number {
    this.region ??= this.m.memory.region(`record of user ring buffer ${this.def.name}`, this.def.maxEntries)
    this.region.end = this.region.start + record.length
    this.m.memory.write(this.region.start, record)
    return this.region.start
  }

  /** Records that wait. */
  get waiting(): number {
    return this.records.length
  }

  override lookup(): number {
    return 0
  }

  override update(): number {
    return -ENOTSUPP
  }

  override remove(): number {
    return -ENOTSUPP
  }
}

defineMap([MapType.USER_RINGBUF], (def, scope) => new UserRingBuffer(def, scope))
