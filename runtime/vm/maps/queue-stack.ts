/** Queues and stacks (kernel/bpf/queue_stack_maps.c): values without keys. */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { E2BIG, EINVAL, ENOENT } from '../errno.js'
import { BPF_ANY, BPF_EXIST, defineMap, type MapScope, MapType, VmMap } from './map.js'

export class QueueMap extends VmMap {
  private readonly values: Uint8Array[] = []

  constructor(def: MapDef, scope: MapScope) {
    super(def, scope)
  }

  /** bpf_map_push_elem: BPF_EXIST drops the oldest value of a full map. */
  push(value: number, flags: number): number {
    if (flags !== BPF_ANY && flags !== BPF_EXIST) return -EINVAL
    if (this.values.length >= this.def.maxEntries) {
      if (flags !== BPF_EXIST) return -E2BIG
      this.values.shift()
    }
    this.values.push(this.m.memory.bytes.slice(value, value + this.def.valueSize))
    return 0
  }

  /** bpf_map_pop_elem and peek: writes the value, or zeros when there is none. */
  take(value: number, remove: boolean): number {
    const { bytes } = this.m.memory
    const last = this.def.type === MapType.STACK
    const taken = last ? this.values[this.values.length - 1] : this.values[0]
    if (!taken) {
      bytes.fill(0, value, value + this.def.valueSize)
      return -ENOENT
    }
    bytes.set(taken, value)
    if (remove) {
      if (last) this.values.pop()
      else this.values.shift()
    }
    return 0
  }

  override lookup(): number {
    return 0
  }

  override update(_key: number, value: number, flags: number): number {
    return this.push(value, flags)
  }

  override remove(): number {
    return -EINVAL
  }

  /** The values in the order in which pops would give them. */
  all(): Uint8Array[] {
    const copy = this.values.map(value => value.slice())
    return this.def.type === MapType.STACK ? copy.reverse() : copy
  }
}

defineMap([MapType.QUEUE, MapType.STACK], (def, scope) => new QueueMap(def, scope))
