/**
 * Storage that hangs on a kernel object: task, socket, inode or cgroup (kernel/bpf/bpf_local_storage.c). To programs the key is the
 * object; from outside, where the kernel takes a file descriptor, it is a socket's number, a task's pid, or the object's address.
 */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { EBADF, EEXIST, EINVAL, ENOENT } from '../errno.js'
import { BPF_EXIST, BPF_NOEXIST, defineMap, type MapScope, MapType, VmMap } from './map.js'

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
    this.freeFields(address)
    this.free.push(address)
    return 0
  }

  /** The object that a key from outside stands for; 0 where there is none such. */
  private ownerAt(key: Uint8Array): number {
    const number = new DataView(key.buffer, key.byteOffset).getUint32(0, true)
    if (this.def.type === MapType.SK_STORAGE) return this.m.sockets.byNumber(number)?.address ?? 0
    return this.def.type === MapType.TASK_STORAGE ? this.m.tasks.byPid(number) : number
  }

  override valuesOf(key: Uint8Array): Uint8Array[] | undefined {
    const at = this.values.get(this.ownerAt(key))
    return at === undefined ? undefined : [this.m.memory.bytes.slice(at, at + this.def.valueSize)]
  }

  override setFromOutside(key: Uint8Array, values: readonly Uint8Array[], flags: number): number {
    const owner = this.ownerAt(key)
    if (owner === 0) return -EBADF
    if (this.badFlags(flags)) return -EINVAL
    const there = this.values.has(owner)
    if (there && flags & BPF_NOEXIST) return -EEXIST
    if (!there && flags & BPF_EXIST) return -ENOENT
    this.writeValue(this.of(owner, true, 0), this.scratchValue(values[0]!), there)
    return 0
  }

  /** From outside; programs delete through helpers. */
  override remove(key: number): number {
    const owner = this.ownerAt(this.m.memory.bytes.slice(key, key + 4))
    return owner === 0 ? -EBADF : this.drop(owner)
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
