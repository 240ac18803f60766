/** Tasks, their memory and registers, per-CPU variables, symbols of the kernel, and changes to what a traced function returns. */
import { EAGAIN, E2BIG, EINVAL, ENOENT, EFAULT } from '../errno.js'
import { VmFault } from '../fault.js'
import type { Machine } from '../machine.js'
import { CgroupArray } from '../maps/object-arrays.js'
import { BtfKind } from '../../../linker/btf/btf-types.js'
import { socketOf } from './sockets.js'
import { defineHelpers, defineKfuncs } from './table.js'

/** bpf_find_vma(task, addr, callback, ctx, flags): callback(task, vma, ctx) with the area that holds the address. */
function findArea(m: Machine): void {
  const [taskLow, callbackLow, callbackHigh, ctxLow, ctxHigh] = [m.lo[1]!, m.lo[3]!, m.hi[3]!, m.lo[4]!, m.hi[4]!]
  if (m.u64(5) !== 0n) {
    m.ret(-EINVAL)
    return
  }
  const area = m.tasks.areaAt(m.u32(1), m.u64(2))
  if (m.isNull(1) || area === 0) {
    m.ret(-ENOENT)
    return
  }
  m.setArg(1, taskLow)
  m.setArg(2, area)
  m.lo[3] = ctxLow
  m.hi[3] = ctxHigh
  m.call(callbackLow, callbackHigh)
  m.ret(0)
}

function registers(m: Machine): void {
  const at = m.tasks.registers(m.u32(1))
  if (at === 0) throw new VmFault('this task is not known: add it with `addTask`')
  m.retAddress(at)
}

function copyFromTask(m: Machine): void {
  const size = m.u32(2)
  const to = m.writable(1, size)
  if (m.u64(5) !== 0n) m.ret(-EINVAL)
  else if (size > 0 && !m.memory.access(m.hi[3]!, m.u32(3), size, false)) {
    m.memory.bytes.fill(0, to, to + size)
    m.ret(-EFAULT)
  } else {
    m.memory.bytes.copyWithin(to, m.u32(3), m.u32(3) + size)
    m.ret(0)
  }
}

/** Offset of `ax` in struct pt_regs, where a function's result is. */
const RESULT_REGISTER = 80

function overrideReturn(m: Machine): void {
  m.memory.view.setBigUint64(m.u32(1) + RESULT_REGISTER, m.u64(2), true)
  m.overridden = BigInt.asIntN(64, m.u64(2))
  m.ret(0)
}

/** Name, with its zero, as a caller hands it over; undefined where it has none. */
function nameAt(m: Machine, register: number, size: number): string | undefined {
  const at = m.readable(register, size)
  if (size <= 1 || m.memory.bytes[at + size - 1] !== 0) return undefined
  const bytes = m.memory.bytes.slice(at, at + size - 1)
  const end = bytes.indexOf(0)
  return new TextDecoder('latin1').decode(end < 0 ? bytes : bytes.subarray(0, end))
}

function symbol(m: Machine): void {
  const to = m.writable(4, 8)
  const name = nameAt(m, 1, m.u32(2))
  m.memory.view.setBigUint64(to, 0n, true)
  const address = name === undefined ? undefined : m.env.symbols.get(name)
  if (m.u64(3) !== 0n || name === undefined) m.ret(-EINVAL)
  else if (address === undefined) m.ret(-ENOENT)
  else {
    m.memory.view.setBigUint64(to, BigInt.asUintN(64, address), true)
    m.ret(0)
  }
}

/** bpf_btf_find_by_name_kind: the id in the kernel's own BTF. */
function findType(m: Machine): void {
  const name = nameAt(m, 1, m.u32(2))
  const kind = m.u32(3)
  if (m.u64(4) !== 0n || name === undefined) m.ret(-EINVAL)
  else {
    const { kernelBtf } = m
    const id = kernelBtf?.byName(name).find(each => kernelBtf.type(each).kind === kind && kind !== BtfKind.Void)
    m.ret(id ?? -ENOENT)
  }
}

function perCpu(m: Machine, cpu: number): void {
  const variable = m.perCpuVariables.get(m.u32(1))
  if (cpu >= m.env.cpus) m.retAddress(0)
  else m.retAddress(m.u32(1) + cpu * (variable ?? 0))
}

/** The id in a cgroup array, or the errno of why there is none. */
function cgroupIn(m: Machine, register: number, index: number): number {
  const map = m.map(register)
  if (!(map instanceof CgroupArray)) throw new VmFault(`map ${map.def.name} holds no cgroups`)
  if (index >= map.def.maxEntries) return -E2BIG
  return map.atIndex(index) ?? -EAGAIN
}

function taskUnderCgroup(m: Machine): void {
  const cgroup = cgroupIn(m, 1, m.u32(2))
  if (cgroup < 0) m.ret(cgroup)
  else {
    const { cgroupAncestors, cgroupId } = m.env.task
    m.ret([...cgroupAncestors, cgroupId].some(id => Number(BigInt.asUintN(32, id)) === cgroup) ? 1 : 0)
  }
}

function packetUnderCgroup(m: Machine): void {
  const cgroup = cgroupIn(m, 2, m.u32(3))
  if (cgroup < 0) m.ret(cgroup)
  else {
    const socket = socketOf(m, 1)?.fixture
    const ids = socket?.cgroupId === undefined ? m.env.task.cgroupAncestors : [...(socket.cgroupAncestors ?? []), socket.cgroupId]
    m.ret(ids.some(id => Number(BigInt.asUintN(32, id)) === cgroup) ? 1 : 0)
  }
}

const numbers = 'cgroups in arrays are the low 32 bits of their ids'

defineHelpers([
  { id: 33, name: 'bpf_skb_under_cgroup', run: packetUnderCgroup, partial: numbers },
  { id: 37, name: 'bpf_current_task_under_cgroup', run: taskUnderCgroup, partial: numbers },
  { id: 58, name: 'bpf_override_return', run: overrideReturn },
  { id: 153, name: 'bpf_per_cpu_ptr', run: m => perCpu(m, m.u32(2)) },
  { id: 154, name: 'bpf_this_cpu_ptr', run: m => perCpu(m, m.env.cpu) },
  { id: 167, name: 'bpf_btf_find_by_name_kind', run: findType },
  { id: 175, name: 'bpf_task_pt_regs', run: registers },
  { id: 179, name: 'bpf_kallsyms_lookup_name', run: symbol },
  { id: 180, name: 'bpf_find_vma', run: findArea },
  { id: 191, name: 'bpf_copy_from_user_task', run: copyFromTask, partial: "all tasks share the VM's memory" },
])

defineKfuncs({
  bpf_task_from_pid: m => m.retAddress(m.tasks.byPid(m.u32(1))),
  bpf_task_from_vpid: m => m.retAddress(m.tasks.byPid(m.u32(1))),
})
