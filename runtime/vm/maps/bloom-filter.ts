/** Bloom filters (kernel/bpf/bloom_filter.c). This one remembers exactly, so it never says "perhaps" of what was not added. */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { EINVAL, ENOENT, EOPNOTSUPP } from '../errno.js'
import { BPF_ANY, defineMap, type MapScope, MapType, VmMap } from './map.js'

export class BloomFilter extends VmMap {
  private readonly seen = new Set<string>()

  constructor(def: MapDef, scope: MapScope) {
    super(def, scope)
  }

  private text(value: number): string {
    return String.fromCharCode(...this.m.memory.slice(value, this.def.valueSize))
  }

  push(value: number, flags: number): number {
    if (flags !== BPF_ANY) return -EINVAL
    this.seen.add(this.text(value))
    return 0
  }

  peek(value: number): number {
    return this.seen.has(this.text(value)) ? 0 : -ENOENT
  }

  override lookup(): number {
    return 0
  }

  override update(_key: number, value: number, flags: number): number {
    return this.push(value, flags)
  }

  override remove(): number {
    return -EOPNOTSUPP
  }
}

defineMap([MapType.BLOOM_FILTER], (def, scope) => new BloomFilter(def, scope))
