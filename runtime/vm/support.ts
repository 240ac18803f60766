/** What the VM has, as a table: every program type, map type and helper is done, partial with what is missing, or not implemented. */
import { helperNames } from '../kernel/helper-names.js'
import { knownKfuncs } from '../kernel/kfuncs.js'
import { progTypes } from '../kernel/prog-types.js'
import './helpers/all.js'
import { helperRows, kfuncsByName } from './helpers/table.js'
import './maps/all.js'
import { mapFactories, MapType, mapTypeName } from './maps/map.js'
import './programs/all.js'
import { hasProgramKind } from './programs/table.js'

export interface SupportRow {
  readonly kind: 'program' | 'map' | 'helper' | 'kfunc'
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
  [MapType.STACK_TRACE]: 'stacks come with the run; build ids are not known',
  [MapType.STRUCT_OPS]: 'members are called by the test, no subsystem of the kernel calls them',
}

/** Where a program type is less than the kernel's, by `enum bpf_prog_type`. */
const partialPrograms: Readonly<Record<number, string>> = {
  2: 'registers are those of x86-64',
  19: 'the packet is not routed by the action taken',
  26: 'iterators: tasks, areas, maps, elements and sockets of the VM; items from the test for others',
  27: 'members are called by the test',
  28: 'runs alone: the program it replaces does not call it',
}

/** One row a program type, map type, helper and kfunc; kfuncs only those that are there. */
export function supportTable(): SupportRow[] {
  const row = (kind: SupportRow['kind'], name: string, there: boolean, missing: string | undefined): SupportRow => ({
    kind,
    name,
    status: there ? (missing ? 'partial' : 'done') : 'not implemented',
    missing: (there && missing) || '',
  })
  return [
    ...[...progTypes.values()].map(({ type, name }) => row('program', name, hasProgramKind(type), partialPrograms[type])),
    ...Object.values(MapType).map(type => row('map', mapTypeName(type), mapFactories.has(type), partialMaps[type])),
    ...helperNames
      .slice(1)
      .map((name, index) => row('helper', `bpf_${name}`, helperRows.has(index + 1), helperRows.get(index + 1)?.partial)),
    ...[...kfuncsByName.keys()].sort().map(name => row('kfunc', name, true, undefined)),
  ]
}

const TITLES: Readonly<Record<SupportRow['kind'], string>> = {
  program: 'Program types',
  map: 'Map types',
  helper: 'Helpers',
  kfunc: 'Kfuncs',
}

/** The table as the text of docs/vm-coverage.md. */
export function supportMarkdown(): string {
  const table = supportTable()
  const lines = [
    '# What the VM has',
    '',
    'Made by `npx vitest run test/runtime/vm/support.test.ts -u` from the tables the VM itself runs by; the same test fails when this file',
    'is out of date. _Partial_ says what is missing. Whatever is not implemented ends a run with an error that names it.',
    '',
    '| | done | partial | not implemented |',
    '| --- | ---: | ---: | ---: |',
  ]
  const kinds = ['program', 'map', 'helper'] as const
  for (const kind of kinds) {
    const count = (status: SupportRow['status']) => table.filter(row => row.kind === kind && row.status === status).length
    lines.push(`| ${TITLES[kind]} | ${count('done')} | ${count('partial')} | ${count('not implemented')} |`)
  }
  for (const kind of kinds) {
    lines.push('', `## ${TITLES[kind]}`, '', '| name | status | missing |', '| --- | --- | --- |')
    for (const { name, status, missing } of table.filter(row => row.kind === kind))
      lines.push(`| \`${name}\` | ${status} | ${missing} |`)
  }
  const kfuncs = table.filter(row => row.kind === 'kfunc').map(row => row.name)
  lines.push(
    '',
    `## ${TITLES.kfunc}`,
    '',
    `${kfuncs.length} are there: ${kfuncs.map(name => `\`${name}\``).join(', ')}. All others of the ${knownKfuncs.length} that bpfc knows end a run with an error.`,
    '',
  )
  return lines.join('\n')
}
