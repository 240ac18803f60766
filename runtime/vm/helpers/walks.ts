/** Kfuncs that walk over tasks and their memory, look at cgroups, copy strings, lock, and tell a session's two calls apart. */
import { EFAULT, EINVAL, ENOENT } from '../errno.js'
import type { Machine } from '../machine.js'
import { HashMap } from '../maps/hash.js'
import { MAP_HANDLE } from '../memory.js'
import { objectsOf } from './files.js'
import { defineKfuncs } from './table.js'

/** Open-coded iterators by the address of their state. */
function walks(m: Machine): Map<number, { readonly items: readonly number[]; next: number }> {
  const all =
    (m.extras.get('walks') as Map<number, { readonly items: readonly number[]; next: number }> | undefined) ??
    new Map<number, { readonly items: readonly number[]; next: number }>()
  m.extras.set('walks', all)
  return all
}

/** Begins a walk whose state, of `size` bytes, register 1 points to. */
export function startWalk(m: Machine, size: number, items: readonly number[]): void {
  walks(m).set(m.writable(1, size), { items, next: 0 })
}

/** The next object of the walk in register 1, 0 behind the last. */
export function nextOfWalk(m: Machine): void {
  const state = walks(m).get(m.u32(1))
  m.retAddress(state?.items[state.next++] ?? 0)
}

export function endWalk(m: Machine): void {
  walks(m).delete(m.u32(1))
  m.ret(0)
}

const BPF_TASK_ITER_ALL_PROCS = 0
const BPF_TASK_ITER_ALL_THREADS = 1
const BPF_TASK_ITER_PROC_THREADS = 2

/** bpf_iter_task_new(it, task, flags): processes, all threads, or the threads of one process. */
function tasksNew(m: Machine): void {
  const [task, flags] = [m.u32(2), m.u32(3)]
  startWalk(m, 24, [])
  if (flags > BPF_TASK_ITER_PROC_THREADS || (flags === BPF_TASK_ITER_PROC_THREADS && task === 0)) {
    m.ret(-EINVAL)
    return
  }
  const objects = objectsOf(m)
  const field = (address: number, name: string) => objects.word(address, 'task_struct', name)
  const items = m.tasks.addresses().filter(address => {
    if (flags === BPF_TASK_ITER_ALL_THREADS) return true
    if (flags === BPF_TASK_ITER_ALL_PROCS) return field(address, 'tgid') === 0 || field(address, 'tgid') === field(address, 'pid')
    return field(address, 'tgid') === field(task, 'tgid')
  })
  startWalk(m, 24, items)
  m.ret(0)
}

/** bpf_iter_task_vma_new(it, task, addr): areas that end behind an address. */
function areasNew(m: Machine): void {
  const address = m.u64(3)
  const objects = objectsOf(m)
  const items = m.tasks
    .areas(m.u32(2))
    .filter(area => m.memory.view.getBigUint64(objects.addressOf(area, 'vm_area_struct', 'vm_end'), true) > address)
  startWalk(m, 8, items)
  m.ret(items.length > 0 ? 0 : -ENOENT)
}

/** The id of a cgroup object: of its kernfs node, as cgroup_id reads it. */
function cgroupId(m: Machine, cgroup: number): bigint {
  const objects = objectsOf(m)
  const node = objects.word(cgroup, 'cgroup', 'kn')
  return node === 0 ? 0n : m.memory.view.getBigUint64(objects.addressOf(node, 'kernfs_node', 'id'), true)
}

/** bpf_task_under_cgroup(task, ancestor): by the ids of the current task's cgroups. */
function underCgroup(m: Machine): void {
  const id = cgroupId(m, m.u32(2))
  const { cgroupAncestors, cgroupId: own } = m.env.task
  m.ret(own === id || cgroupAncestors.includes(id) ? 1 : 0)
}

/** bpf_copy_from_user_str(dst, size, src, flags): the length with its zero; flag 1 pads with zeros. */
function copyUserString(m: Machine, flags: bigint): void {
  const size = m.u32(2)
  const to = m.writable(1, size)
  if (flags & ~1n || size === 0) {
    m.ret(flags & ~1n ? -EINVAL : 0)
    return
  }
  const from = m.u32(3)
  const region = m.hi[3] === 0 ? m.memory.find(from) : undefined
  const { bytes } = m.memory
  let length = 0
  while (region && length < size - 1 && from + length < region.end && bytes[from + length] !== 0) length++
  if (!region || from + length >= region.end) {
    bytes.fill(0, to, flags ? to + size : to + 1)
    m.ret(-EFAULT)
    return
  }
  bytes.copyWithin(to, from, from + length)
  bytes.fill(0, to + length, flags ? to + size : to + length + 1)
  m.ret(length + 1)
}

const EDEADLK = 35

/** Locks that tell a deadlock with an error. */
function lock(m: Machine): void {
  const at = m.writable(1, 4)
  const held = m.memory.view.getUint32(at, true) !== 0
  if (!held) m.memory.view.setUint32(at, 1, true)
  m.ret(held ? -EDEADLK : 0)
}

function unlock(m: Machine): void {
  m.memory.view.setUint32(m.writable(1, 4), 0, true)
  m.ret(0)
}

/** Eight bytes that the two calls of a session share. */
function sessionCookie(m: Machine): void {
  let at = m.extras.get('session cookie') as number | undefined
  at ??= m.memory.region('cookie of a session', 8).start
  m.extras.set('session cookie', at)
  m.retAddress(at)
}

defineKfuncs({
  bpf_iter_task_new: tasksNew,
  bpf_iter_task_next: nextOfWalk,
  bpf_iter_task_destroy: endWalk,
  bpf_iter_task_vma_new: areasNew,
  bpf_iter_task_vma_next: nextOfWalk,
  bpf_iter_task_vma_destroy: endWalk,
  bpf_task_under_cgroup: underCgroup,
  bpf_session_is_return: m => m.ret(m.extras.get('returning') === true ? 1 : 0),
  bpf_session_cookie: sessionCookie,
  bpf_copy_from_user_str: m => copyUserString(m, m.u64(4)),
  // All tasks share the VM's memory.
  bpf_copy_from_user_task_str: m => copyUserString(m, m.u64(5)),
  bpf_map_sum_elem_count: m => {
    const map = m.hi[1] === MAP_HANDLE ? m.map(1) : m.maps.find((_, index) => m.memory.mapObject?.(index) === m.u32(1))
    m.ret64(map instanceof HashMap ? BigInt(map.count) : 0n)
  },
  bpf_res_spin_lock: lock,
  bpf_res_spin_unlock: unlock,
  bpf_res_spin_lock_irqsave: lock,
  bpf_res_spin_unlock_irqrestore: unlock,
})
