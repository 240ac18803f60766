/** Storage that hangs on a kernel object: task, socket, inode or cgroup (kernel/bpf/bpf_local_storage.c). The key is its address. */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { ENOENT } from '../errno.js'
import { defineMap, type MapScope, MapType, VmMap } from './map.js'

export class LocalStorage extends VmMap {
  private readonly values = new Map<number, number>()
  private readonly free: number[] = []

  constructor(def: MapDef, scope: MapScope) {
    super(def, scope)
  }

  /** Address of the value that belongs to an object; 0 where there is none and none is to be made. */
  of(owner: number, create: boolean, initial: number): number {
    const found = this.values.get(owner)
    if (found !== undefined) return found
    if (!create) return 0
    const size = this.def.valueSize
    const { memory } = this.m
    const address = this.free.pop() ?? memory.region(`value of map ${this.def.name}`, size).start
    if (initial) memory.bytes.copyWithin(address, initial, initial + size)
    else memory.bytes.fill(0, address, address + size)
    this.values.set(owner, address)
    return address
  }

  drop(owner: number): number {
    const address = this.values.get(owner)
    if (address === undefined) return -ENOENT
    this.values.delete(owner)
    this.free.push(address)
    return 0
  }

  /** Values by the address of their owner. */
  *entries(): Iterable<{ readonly owner: number; readonly value: Uint8Array }> {
    for (const [owner, address] of this.values)
      yield { owner, value: this.m.memory.bytes.slice(address, address + this.def.valueSize) }
  }
}

defineMap(
  [MapType.TASK_STORAGE, MapType.SK_STORAGE, MapType.INODE_STORAGE, MapType.CGRP_STORAGE],
  (def, scope) => new LocalStorage(def, scope),
)
