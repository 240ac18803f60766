/**
 * Iterators (kernel/bpf/bpf_iter.c): a program that is called for one object after the other, at last without one, and writes text for
 * whoever reads. The context is `struct bpf_iter__TARGET` of the kernel's BTF: the reader's state, then pointers to the object.
 */
import { NotImplemented } from '../../../base/outcome.js'
import { SEQUENCE, type Sequence } from '../helpers/sequences.js'
import type { FixtureValue, KernelObjects } from '../kernel-objects.js'
import type { Machine } from '../machine.js'
import { AF_UNIX, IPPROTO_TCP, IPPROTO_UDP } from '../sockets.js'
import type { ProgramInfo, RunResult } from './table.js'
import type { Vm, VmProgram } from '../vm.js'

/** Fields of an iterator's context. */
export type IteratorItem = { readonly [field: string]: FixtureValue }

export interface IteratorResult {
  /** All that the program wrote. */
  readonly text: string
  /** The run for each object, and the last one without. */
  readonly runs: readonly RunResult[]
}

const OBJECTS = 'kernel objects'
const CONTEXT_BYTES = 64

/** The context of a call; fields that are not named are NULL. */
export function iteratorContext(m: Machine, program: ProgramInfo, item: IteratorItem): { address: number; size: number } {
  const objects = m.extras.get(OBJECTS) as KernelObjects
  const struct = `bpf_iter__${program.attachName}`
  if (!objects.has(struct)) throw new NotImplemented(`iterator ${program.attachName}: the kernel's BTF has no struct ${struct}`)
  const address = room(m, 'context of an iterator', CONTEXT_BYTES)
  const meta = room(m, 'struct bpf_iter_meta', 32)
  const sequence = room(m, 'struct seq_file', 256)
  if (!m.extras.has(SEQUENCE)) m.extras.set(SEQUENCE, { text: '' } satisfies Sequence)
  m.memory.writePointer(meta, sequence)
  const { number = 0n, session = 1n } = (m.extras.get('iteration') as { number: bigint; session: bigint } | undefined) ?? {}
  m.memory.view.setBigUint64(meta + 8, session, true)
  m.memory.view.setBigUint64(meta + 16, number, true)
  m.memory.writePointer(address, meta)
  objects.update(address, struct, item)
  m.setArg(1, address)
  return { address, size: CONTEXT_BYTES }
}

function room(m: Machine, name: string, size: number): number {
  let start = m.extras.get(`iterator ${name}`) as number | undefined
  start ??= m.memory.region(name, size, { writable: false }).start
  m.extras.set(`iterator ${name}`, start)
  m.memory.bytes.fill(0, start, start + size)
  return start
}

export interface IterateOptions {
  /** bpf_map_elem: the map whose elements are shown. */
  readonly map?: string
}

/** Runs an iterator over items, or over what the VM has of its target. */
export function iterate(
  vm: Vm,
  program: VmProgram,
  items: readonly IteratorItem[] | undefined,
  options: IterateOptions,
): IteratorResult {
  const { machine } = vm
  const sequence: Sequence = { text: '' }
  const session = ((machine.extras.get('sessions') as bigint | undefined) ?? 0n) + 1n
  machine.extras.set('sessions', session)
  machine.extras.set(SEQUENCE, sequence)
  const runs: RunResult[] = []
  let text = ''
  let number = 0n
  const call = (item: IteratorItem) => {
    machine.extras.set('iteration', { number, session })
    sequence.text = ''
    const run = program.run({ item })
    runs.push(run)
    text += sequence.text
    number++
  }
  for (const item of items ?? targets(vm, program.prepared.attachName, options)) call(item)
  call({})
  machine.extras.delete(SEQUENCE)
  machine.extras.delete('iteration')
  return { text, runs }
}

/** Objects of the VM that an iterator of a target visits. */
function targets(vm: Vm, target: string, options: IterateOptions): IteratorItem[] {
  const { tasks, sockets } = vm.machine
  const found = Targets[target]
  if (!found) throw new NotImplemented(`iterator ${target}: give it its items`)
  if (target === 'task' && tasks.addresses().length === 0)
    throw new RangeError('there are no tasks to iterate over: add them with addTask')
  return found({ vm, tasks: tasks.addresses(), sockets: sockets.list(), options })
}

interface TargetScope {
  readonly vm: Vm
  readonly tasks: readonly number[]
  readonly sockets: ReturnType<Machine['sockets']['list']>
  readonly options: IterateOptions
}

const Targets: Readonly<Record<string, (scope: TargetScope) => IteratorItem[]>> = {
  task: ({ tasks }) => tasks.map(task => ({ task })),
  task_vma: ({ vm, tasks }) => tasks.flatMap(task => vm.machine.tasks.areas(task).map(vma => ({ task, vma }))),
  bpf_map: ({ vm }) => vm.machine.maps.map(({ index }) => ({ map: vm.mapObject(index) })),
  bpf_map_elem: ({ vm, options }) => {
    const map = options.map === undefined ? undefined : vm.maps[options.map]?.map
    if (!map) throw new RangeError(`say the map whose elements are shown; there are ${Object.keys(vm.maps).join(', ')}`)
    const object = vm.mapObject(map.index)
    return [...map.keys()].flatMap(key => {
      const value = map.lookup(map.scratchKey(key))
      if (value === 0) return []
      return [{ map: object, key: vm.objects.place(`key of map ${map.def.name}`, key), value }]
    })
  },
  tcp: ({ sockets }) =>
    sockets
      .filter(({ protocol, family }) => protocol === IPPROTO_TCP && family !== AF_UNIX)
      .map(socket => ({ sk_common: socket.kernel(), uid: socket.uid })),
  udp: ({ sockets }) =>
    sockets
      .filter(({ protocol, family }) => protocol === IPPROTO_UDP && family !== AF_UNIX)
      .map(socket => ({ udp_sk: socket.kernel(), uid: socket.uid })),
  unix: ({ sockets }) =>
    sockets.filter(({ family }) => family === AF_UNIX).map(socket => ({ unix_sk: socket.kernel(), uid: socket.uid })),
}
