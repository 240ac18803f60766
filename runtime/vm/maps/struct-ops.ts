/**
 * struct_ops maps (kernel/bpf/bpf_struct_ops.c, 6.12): one value, the kernel's struct with programs for some of its members. A test
 * calls those members through `Vm.structOps`; writing key 0 registers the value with the kernel, which here only changes its state.
 */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { E2BIG, EBUSY, EINVAL, ENOENT, EOPNOTSUPP } from '../errno.js'
import { defineMap, type MapScope, MapType, VmMap } from './map.js'

export class StructOpsMap extends VmMap {
  private registered = false

  constructor(def: MapDef, scope: MapScope) {
    super(def, scope)
  }

  get isRegistered(): boolean {
    return this.registered
  }

  /** Offset of a member's pointer in the value to the program behind it. */
  get programs(): readonly { readonly offset: number; readonly function: string }[] {
    return this.def.structOps?.kernel?.functions ?? this.def.structOps?.functions ?? []
  }

  override lookup(): number {
    return 0
  }

  override update(key: number, _value: number, flags: number): number {
    if (flags !== 0) return -EINVAL
    if (this.m.memory.view.getUint32(key, true) !== 0) return -E2BIG
    if (this.registered) return -EBUSY
    this.registered = true
    return 0
  }

  override remove(): number {
    if (this.def.structOps?.link) return -EOPNOTSUPP
    if (!this.registered) return -ENOENT
    this.registered = false
    return 0
  }

  override valuesOf(key: Uint8Array): Uint8Array[] | undefined {
    if (new DataView(key.buffer, key.byteOffset).getUint32(0, true) !== 0) return undefined
    const image = this.def.structOps?.kernel?.bytes ?? this.def.structOps?.bytes ?? new Uint8Array(0)
    const value = new Uint8Array(this.def.valueSize)
    value.set(image.subarray(0, value.length))
    return [value]
  }

  override *keys(): Iterable<Uint8Array> {
    yield new Uint8Array(4)
  }
}

defineMap([MapType.STRUCT_OPS], (def, scope) => new StructOpsMap(def, scope))
