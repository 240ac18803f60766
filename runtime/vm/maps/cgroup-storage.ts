/** Storage of a cgroup the program is attached to (kernel/bpf/local_storage.c): one value, there from the start. */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { defineMap, type MapScope, MapType, VmMap } from './map.js'

export class CgroupStorage extends VmMap {
  private readonly values: number[] = []

  constructor(def: MapDef, scope: MapScope) {
    super(def, scope)
    const cpus = def.type === MapType.PERCPU_CGROUP_STORAGE ? scope.machine.env.cpus : 1
    for (let cpu = 0; cpu < cpus; cpu++)
      this.values.push(scope.machine.memory.region(`value of map ${def.name}`, def.valueSize).start)
  }

  override get perCpu(): boolean {
    return this.def.type === MapType.PERCPU_CGROUP_STORAGE
  }

  override valueBase(): number {
    return this.values[this.perCpu ? this.m.env.cpu : 0]!
  }

  override lookup(): number {
    return this.valueBase()
  }

  override valuesOf(): Uint8Array[] {
    return this.values.map(at => this.m.memory.bytes.slice(at, at + this.def.valueSize))
  }
}

defineMap([MapType.CGROUP_STORAGE, MapType.PERCPU_CGROUP_STORAGE], (def, scope) => new CgroupStorage(def, scope))
