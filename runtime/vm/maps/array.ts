/** Arrays, global data and per-CPU arrays: all values lie in one region, elements in a row (kernel/bpf/arraymap.c). */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { E2BIG, EEXIST, EINVAL } from '../errno.js'
import type { Region } from '../memory.js'
import { BPF_F_RDONLY_PROG, BPF_NOEXIST, defineMap, type MapScope, MapType, VmMap } from './map.js'

/** Value i of CPU c is at base + (c * count + i) * stride. */
export interface ArrayLayout {
  readonly base: number
  readonly stride: number
  readonly count: number
  readonly perCpu: boolean
}

class ArrayMap extends VmMap {
  protected readonly region: Region
  protected readonly stride: number

  constructor(
    def: MapDef,
    scope: MapScope,
    private readonly cpus: number,
  ) {
    super(def, scope)
    this.stride = (def.valueSize + 7) & ~7
    const one = def.maxEntries === 1 && cpus === 1
    this.region = scope.machine.memory.region(
      def.data ? `section ${def.data.section}` : `value of map ${def.name}`,
      one ? def.valueSize : this.stride * def.maxEntries * cpus,
      {
        writable: (def.flags & BPF_F_RDONLY_PROG) === 0,
        ...(!one && { stride: this.stride, high: def.valueSize }),
      },
    )
    if (def.data) scope.machine.memory.write(this.region.start, def.data.bytes)
  }

  override get perCpu(): boolean {
    return this.def.type === MapType.PERCPU_ARRAY
  }

  private indexAt(key: number): number {
    return this.m.memory.view.getUint32(key, true)
  }

  private addressOf(index: number, cpu: number): number {
    return this.region.start + (cpu * this.def.maxEntries + index) * this.stride
  }

  override lookup(key: number): number {
    const index = this.indexAt(key)
    return index >= this.def.maxEntries ? 0 : this.addressOf(index, this.perCpu ? this.m.env.cpu : 0)
  }

  override update(key: number, value: number, flags: number): number {
    if (this.badFlags(flags)) return -EINVAL
    const index = this.indexAt(key)
    if (index >= this.def.maxEntries) return -E2BIG
    if (flags & BPF_NOEXIST) return -EEXIST
    const target = this.addressOf(index, this.perCpu ? this.m.env.cpu : 0)
    this.writeValue(target, value, true)
    return 0
  }

  override remove(): number {
    return -EINVAL
  }

  override valuesOf(key: Uint8Array): Uint8Array[] | undefined {
    const index = this.indexAt(this.scratchKey(key))
    if (index >= this.def.maxEntries) return undefined
    return Array.from({ length: this.cpus }, (_, cpu) => {
      const at = this.addressOf(index, cpu)
      return this.m.memory.bytes.slice(at, at + this.def.valueSize)
    })
  }

  override setFromOutside(key: Uint8Array, values: readonly Uint8Array[], flags: number): number {
    if (this.badFlags(flags)) return -EINVAL
    const index = this.indexAt(this.scratchKey(key))
    if (index >= this.def.maxEntries) return -E2BIG
    if (flags & BPF_NOEXIST) return -EEXIST
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const value = values[cpu] ?? (values.length === 1 ? values[0] : undefined)
      if (!value) continue
      if (this.def.data?.readonly) this.m.constantsChanged ||= this.differs(this.addressOf(index, cpu), value)
      this.writeValue(this.addressOf(index, cpu), this.scratchValue(value), true)
    }
    return 0
  }

  private differs(at: number, value: Uint8Array): boolean {
    const { bytes } = this.m.memory
    return value.some((byte, index) => byte !== bytes[at + index])
  }

  override *keys(): Iterable<Uint8Array> {
    for (let index = 0; index < this.def.maxEntries; index++) {
      const key = new Uint8Array(4)
      new DataView(key.buffer).setUint32(0, index, true)
      yield key
    }
  }

  override valueBase(): number {
    return this.region.start
  }

  /** Where values lie, for code that is compiled in. */
  get layout(): ArrayLayout {
    return { base: this.region.start, stride: this.stride, count: this.def.maxEntries, perCpu: this.perCpu }
  }

  /** For bpf_map_lookup_percpu_elem. */
  lookupOn(key: number, cpu: number): number {
    const index = this.indexAt(key)
    return index >= this.def.maxEntries || cpu >= this.cpus ? 0 : this.addressOf(index, cpu)
  }
}

export { ArrayMap }

defineMap([MapType.ARRAY], (def, scope) => new ArrayMap(def, scope, 1))
defineMap([MapType.PERCPU_ARRAY], (def, scope) => new ArrayMap(def, scope, scope.machine.env.cpus))
