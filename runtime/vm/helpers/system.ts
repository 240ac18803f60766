/** Time, random numbers, the processor and the current task: all answered from the environment that the test sets. */
import { EINVAL } from '../errno.js'
import { VmFault } from '../fault.js'
import type { Machine } from '../machine.js'
import { objectsOf } from './files.js'
import { defineHelpers, defineKfuncs } from './table.js'

const pair = (m: Machine, high: number, low: number) => {
  m.lo[0] = low
  m.hi[0] = high
}

/** bpf_get_current_comm: the name, cut to the buffer and padded with zeros. */
function currentComm(m: Machine): void {
  const size = m.u32(2)
  const at = m.writable(1, size)
  const name = new TextEncoder().encode(m.env.task.comm).subarray(0, Math.max(0, Math.min(15, size - 1)))
  m.memory.bytes.fill(0, at, at + size)
  m.memory.write(at, name)
  m.ret(0)
}

/** The task_struct of the current task: the fixture that the test set, else one that holds what the environment says of the task. */
function currentTask(m: Machine): void {
  const { task } = m.env
  if (task.address === 0) task.address = ownTask(m)
  if (task.address === m.extras.get(OWN_TASK)) {
    const { pid, tgid, comm } = task
    objectsOf(m).updateKnown(task.address, 'task_struct', { pid, tgid, comm })
  }
  m.retAddress(task.address)
}

const OWN_TASK = 'task_struct of the environment'

function ownTask(m: Machine): number {
  const objects = objectsOf(m)
  if (!objects.has('task_struct')) throw new VmFault('the current task has no task_struct: set it with vm.setCurrentTask')
  const known = m.extras.get(OWN_TASK) as number | undefined
  if (known !== undefined) return known
  const address = objects.build({ struct: 'task_struct' })
  const parent = objects.build({ struct: 'task_struct' })
  objects.updateKnown(parent, 'task_struct', { pid: 1, tgid: 1, comm: 'init' })
  objects.updateKnown(address, 'task_struct', { group_leader: address, real_parent: parent, parent })
  m.extras.set(OWN_TASK, address)
  return address
}

function ancestorCgroup(m: Machine): void {
  m.ret64(m.env.task.cgroupAncestors[m.u32(1)] ?? 0n)
}

/** bpf_get_ns_current_pid_tgid(dev, ino, nsdata, size): the namespace must be the task's own (kernel/bpf/helpers.c, 6.12). */
function namespacePid(m: Machine): void {
  const size = m.u32(4)
  const at = m.writable(3, size)
  const { pid, tgid, pidNamespace } = m.env.task
  const match = !pidNamespace || (BigInt(pidNamespace.device) === m.u64(1) && BigInt(pidNamespace.inode) === m.u64(2))
  m.memory.bytes.fill(0, at, at + size)
  if (size !== 8 || !match) {
    m.ret(-EINVAL)
    return
  }
  m.memory.view.setUint32(at, pidNamespace?.pid ?? pid, true)
  m.memory.view.setUint32(at + 4, pidNamespace?.tgid ?? tgid, true)
  m.ret(0)
}

/** The signal's number is in a register. */
function sendSignal(m: Machine, register: number): void {
  const number = m.u32(register)
  const isSignal = number > 0 && number <= 64
  if (isSignal) m.signals.push(number)
  m.ret(isSignal ? 0 : -EINVAL)
}

/** Ticks of the timer; they begin five minutes before 32 bits wrap (INITIAL_JIFFIES). */
export const jiffies = ({ env }: Machine): bigint =>
  0x1_0000_0000n - 300n * BigInt(env.hz) + (env.ktime * BigInt(env.hz)) / 1_000_000_000n

defineHelpers([
  { id: 5, name: 'bpf_ktime_get_ns', run: m => m.ret64(m.env.ktime) },
  { id: 7, name: 'bpf_get_prandom_u32', run: m => m.retAddress(m.env.random()) },
  { id: 8, name: 'bpf_get_smp_processor_id', run: m => m.retAddress(m.env.cpu) },
  { id: 14, name: 'bpf_get_current_pid_tgid', run: m => pair(m, m.env.task.tgid, m.env.task.pid) },
  { id: 15, name: 'bpf_get_current_uid_gid', run: m => pair(m, m.env.task.gid, m.env.task.uid) },
  { id: 16, name: 'bpf_get_current_comm', run: currentComm },
  { id: 35, name: 'bpf_get_current_task', run: currentTask },
  { id: 42, name: 'bpf_get_numa_node_id', run: m => m.retAddress(m.env.numaNode) },
  { id: 80, name: 'bpf_get_current_cgroup_id', run: m => m.ret64(m.env.task.cgroupId) },
  { id: 109, name: 'bpf_send_signal', run: m => sendSignal(m, 1) },
  { id: 117, name: 'bpf_send_signal_thread', run: m => sendSignal(m, 1) },
  {
    id: 118,
    name: 'bpf_jiffies64',
    run: m => m.ret64(jiffies(m)),
  },
  { id: 120, name: 'bpf_get_ns_current_pid_tgid', run: namespacePid },
  { id: 123, name: 'bpf_get_current_ancestor_cgroup_id', run: ancestorCgroup },
  { id: 125, name: 'bpf_ktime_get_boot_ns', run: m => m.ret64(m.env.ktime + m.env.suspended) },
  { id: 158, name: 'bpf_get_current_task_btf', run: currentTask },
  { id: 160, name: 'bpf_ktime_get_coarse_ns', run: m => m.ret64(m.env.ktime) },
  { id: 208, name: 'bpf_ktime_get_tai_ns', run: m => m.ret64(m.env.ktime + m.env.taiOffset) },
])

/** bpf_send_signal_task(task, sig, type, value). */
defineKfuncs({ bpf_send_signal_task: m => sendSignal(m, 2) })
