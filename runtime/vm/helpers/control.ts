/** Control flow: tail calls, loops, locks, and the values a traced function was called with. */
import { E2BIG, EINVAL, ENOENT } from '../errno.js'
import { VmFault } from '../fault.js'
import { ProgArray } from '../maps/object-arrays.js'
import type { Machine } from '../machine.js'
import { defineHelpers } from './table.js'

/** MAX_TAIL_CALL_CNT of the kernel. */
const MAX_TAIL_CALLS = 33
/** BPF_MAX_LOOPS of the kernel. */
const MAX_LOOPS = 1 << 23

function tailCall(m: Machine): void {
  const map = m.map(2)
  if (!(map instanceof ProgArray)) throw new VmFault(`map ${map.def.name} is no program array`)
  const index = m.u32(3)
  const number = index < map.def.maxEntries ? map.atIndex(index) : undefined
  const target = number === undefined ? undefined : m.programs[number]?.()
  if (!target) {
    m.ret(-ENOENT)
    return
  }
  if (++m.tailCalls > MAX_TAIL_CALLS) {
    m.ret(-ENOENT)
    return
  }
  m.tailCall = target
}

/** bpf_loop(nr_loops, callback, ctx, flags): callback(index, ctx) until it returns 1; the number of loops made. */
function loop(m: Machine): void {
  const count = m.u32(1)
  const [callbackLow, callbackHigh, ctxLow, ctxHigh] = [m.lo[2]!, m.hi[2]!, m.lo[3]!, m.hi[3]!]
  if (m.u64(4) !== 0n) {
    m.ret(-EINVAL)
    return
  }
  if (count > MAX_LOOPS) {
    m.ret(-E2BIG)
    return
  }
  let index = 0
  while (index < count) {
    m.setArg(1, index)
    m.lo[2] = ctxLow
    m.hi[2] = ctxHigh
    m.call(callbackLow, callbackHigh)
    index++
    if (m.lo[0] !== 0 || m.hi[0] !== 0) break
  }
  m.ret(index)
}

/** Locks: one CPU runs at a time, so a lock only remembers that it is held. */
function lock(m: Machine): void {
  const at = m.writable(1, 4)
  if (m.memory.view.getUint32(at, true) !== 0) throw new VmFault('this spin lock is held already')
  m.memory.view.setUint32(at, 1, true)
  m.ret(0)
}

function unlock(m: Machine): void {
  m.memory.view.setUint32(m.writable(1, 4), 0, true)
  m.ret(0)
}

/** Arguments of a traced function lie in the context, eight bytes each; their number is kept by the program type. */
function functionArgument(m: Machine): void {
  const count = (m.extras.get('arguments') as number | undefined) ?? 0
  const index = m.u32(2)
  const to = m.writable(3, 8)
  if (index >= count) {
    m.memory.view.setBigUint64(to, 0n, true)
    m.ret(-EINVAL)
    return
  }
  m.memory.bytes.copyWithin(to, m.u32(1) + index * 8, m.u32(1) + index * 8 + 8)
  m.ret(0)
}

function functionResult(m: Machine): void {
  const count = (m.extras.get('arguments') as number | undefined) ?? 0
  const to = m.writable(2, 8)
  m.memory.bytes.copyWithin(to, m.u32(1) + count * 8, m.u32(1) + count * 8 + 8)
  m.ret(0)
}

const BPF_PROG_TYPE_CGROUP_SOCKOPT = 25
/** Offset of `retval` in struct bpf_sockopt, which is the same value. */
const SOCKOPT_RETVAL = 36

function getRetval(m: Machine): void {
  if (m.programType === BPF_PROG_TYPE_CGROUP_SOCKOPT) m.ret(m.memory.view.getInt32(m.context + SOCKOPT_RETVAL, true))
  else m.ret((m.extras.get('retval') as number | undefined) ?? 0)
}

function setRetval(m: Machine): void {
  if (m.programType === BPF_PROG_TYPE_CGROUP_SOCKOPT) m.memory.view.setInt32(m.context + SOCKOPT_RETVAL, m.s32(1), true)
  else m.extras.set('retval', m.s32(1))
  m.ret(0)
}

defineHelpers([
  { id: 12, name: 'bpf_tail_call', run: tailCall },
  { id: 93, name: 'bpf_spin_lock', run: lock },
  { id: 94, name: 'bpf_spin_unlock', run: unlock },
  { id: 174, name: 'bpf_get_attach_cookie', run: m => m.ret64((m.extras.get('cookie') as bigint | undefined) ?? 0n) },
  { id: 173, name: 'bpf_get_func_ip', run: m => m.ret64((m.extras.get('ip') as bigint | undefined) ?? 0n) },
  { id: 181, name: 'bpf_loop', run: loop },
  { id: 183, name: 'bpf_get_func_arg', run: functionArgument },
  { id: 184, name: 'bpf_get_func_ret', run: functionResult },
  { id: 185, name: 'bpf_get_func_arg_cnt', run: m => m.ret((m.extras.get('arguments') as number | undefined) ?? 0) },
  { id: 186, name: 'bpf_get_retval', run: getRetval },
  { id: 187, name: 'bpf_set_retval', run: setRetval },
])
