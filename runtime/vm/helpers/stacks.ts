/**
 * Call stacks, which the test gives with the run's input (kernel/bpf/stackmap.c, 6.12). Without one there is none: -EFAULT, as where
 * the kernel could not walk it.
 */
import { EFAULT, EINVAL, EOPNOTSUPP } from '../errno.js'
import { VmFault } from '../fault.js'
import type { Machine } from '../machine.js'
import { StackTraceMap, stackBytes } from '../maps/stack-trace.js'
import { defineHelpers } from './table.js'

const SKIP_MASK = 0xff
const BPF_F_USER_STACK = 1 << 8
const BPF_F_FAST_STACK_CMP = 1 << 9
const BPF_F_REUSE_STACKID = 1 << 10
const BPF_F_USER_BUILD_ID = 1 << 11
/** sysctl_perf_event_max_stack. */
const MAX_DEPTH = 127

/** Addresses of a run's stacks, innermost first. */
export interface StackInput {
  readonly kernel?: readonly bigint[]
  readonly user?: readonly bigint[]
}

const STACKS = 'stacks'

export function setStacks(m: Machine, stacks: StackInput | undefined): void {
  m.extras.set(STACKS, stacks)
}

/** Frames after those to skip; undefined where there are none. */
function frames(m: Machine, flags: number, room: number): readonly bigint[] | undefined {
  const { kernel, user } = (m.extras.get(STACKS) as StackInput | undefined) ?? {}
  const all = flags & BPF_F_USER_STACK ? user : kernel
  const skip = flags & SKIP_MASK
  const depth = Math.min(room + skip, MAX_DEPTH)
  return all && all.length >= skip ? all.slice(skip, depth) : undefined
}

function stackId(m: Machine): void {
  const map = m.map(2)
  if (!(map instanceof StackTraceMap)) throw new VmFault(`map ${map.def.name} holds no stack traces`)
  const flags = m.u32(3)
  if (m.hi[3] !== 0 || flags & ~(SKIP_MASK | BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP | BPF_F_REUSE_STACKID)) {
    m.ret(-EINVAL)
    return
  }
  const stack = frames(m, flags, map.depth)
  if (!stack?.length) m.ret(-EFAULT)
  else m.ret(map.idOf(stack, (flags & BPF_F_FAST_STACK_CMP) !== 0, (flags & BPF_F_REUSE_STACKID) !== 0))
}

/** bpf_get_stack(ctx, buf, size, flags): bytes written, the rest of the buffer is zero. */
function getStack(m: Machine, otherTask: boolean): void {
  const size = m.u32(3)
  const to = m.writable(2, size)
  const flags = m.u32(4)
  const buildIds = (flags & BPF_F_USER_BUILD_ID) !== 0
  const each = buildIds ? 32 : 8
  m.memory.bytes.fill(0, to, to + size)
  if (m.hi[4] !== 0 || flags & ~(SKIP_MASK | BPF_F_USER_STACK | BPF_F_USER_BUILD_ID)) m.ret(-EINVAL)
  else if ((buildIds && !(flags & BPF_F_USER_STACK)) || size % each) m.ret(-EINVAL)
  else if (otherTask && flags & BPF_F_USER_STACK) m.ret(-EOPNOTSUPP)
  else {
    const stack = frames(m, flags, size / each)
    if (!stack) m.ret(-EFAULT)
    else {
      const bytes = stackBytes(stack, buildIds).subarray(0, size)
      m.memory.write(to, bytes)
      m.ret(bytes.length)
    }
  }
}

const ids = 'build ids are not known: entries hold addresses (BPF_STACK_BUILD_ID_IP)'

defineHelpers([
  { id: 27, name: 'bpf_get_stackid', run: stackId, partial: ids },
  { id: 67, name: 'bpf_get_stack', run: m => getStack(m, false), partial: ids },
  {
    id: 141,
    name: 'bpf_get_task_stack',
    run: m => getStack(m, m.u32(1) !== m.env.task.address),
    partial: "every task has the run's kernel stack",
  },
])
