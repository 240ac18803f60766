/** What the VM has, as a table: every map type and helper is done, partial with what is missing, or not implemented. */
import { helperNames } from '../kernel/helper-names.js'
import './helpers/all.js'
import { helperRows, kfuncsByName } from './helpers/table.js'
import './maps/all.js'
import { mapFactories, MapType, mapTypeName } from './maps/map.js'

export interface SupportRow {
  readonly kind: 'map' | 'helper' | 'kfunc'
  readonly name: string
  readonly status: 'done' | 'partial' | 'not implemented'
  /** What is missing of a partial one. */
  readonly missing: string
}

/** Where a map type is less than the kernel's. */
const partialMaps: Readonly<Record<number, string>> = {
  [MapType.LRU_HASH]: 'the order of eviction is exact, the kernel’s approximate',
  [MapType.LRU_PERCPU_HASH]: 'the order of eviction is exact, the kernel’s approximate',
  [MapType.BLOOM_FILTER]: 'exact: no false positives',
  [MapType.DEVMAP]: 'devices are numbers, their programs do not run',
  [MapType.DEVMAP_HASH]: 'devices are numbers, their programs do not run',
  [MapType.CPUMAP]: 'CPUs are numbers, their programs do not run',
  [MapType.XSKMAP]: 'sockets are numbers',
  [MapType.CGROUP_ARRAY]: 'cgroups are the low 32 bits of their ids',
  [MapType.PERF_EVENT_ARRAY]: 'no lost events; counters are what the test sets',
}

/** One row a map type, helper and kfunc; kfuncs only those there are. */
export function supportTable(): SupportRow[] {
  const row = (kind: SupportRow['kind'], name: string, there: boolean, missing: string | undefined): SupportRow => ({
    kind,
    name,
    status: there ? (missing ? 'partial' : 'done') : 'not implemented',
    missing: (there && missing) || '',
  })
  return [
    ...Object.values(MapType).map(type => row('map', mapTypeName(type), mapFactories.has(type), partialMaps[type])),
    ...helperNames
      .slice(1)
      .map((name, index) => row('helper', `bpf_${name}`, helperRows.has(index + 1), helperRows.get(index + 1)?.partial)),
    ...[...kfuncsByName.keys()].sort().map(name => row('kfunc', name, true, undefined)),
  ]
}
