/** Leaving the program or a function: what must have been given back, and what may be returned (check_return_code, 6.12). */
import { AttachType as A, ProgType as P } from '../../../linker/object/uapi.js'
import { EACCES, type Env } from '../env.js'
import { markChainPrecision } from '../explore/precision.js'
import { regTypeName } from '../log/print-state.js'
import { tnumPair } from '../log/print-state-classic.js'
import { RefType, type RetvalRange } from '../state/frames.js'
import { isScalar, type RegState } from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { attachProto, lsmRetvalRange, structOpsResult } from './attach.js'

/** check_reference_leak. */
export function checkReferenceLeak(env: Env, exceptionExit: boolean, note?: string): void {
  const { frame, state } = env
  if (!exceptionExit && frame.frameno && !(frame.inCallbackFn && !env.kernel.heldByPath)) return
  let lingering = false
  for (const ref of state.refs) {
    if (ref.type !== RefType.PTR) continue
    // callback_ref: of what a callback found held nothing is asked.
    if (!exceptionExit && !env.kernel.heldByPath && frame.inCallbackFn && ref.callbackFrame !== frame.frameno) continue
    env.say(`Unreleased reference id=${ref.id} alloc_insn=${ref.insnIdx}\n`)
    lingering = true
  }
  if (!lingering) return
  if (note) env.say(`${note}\n`)
  env.fail('reference leak')
}

/** check_resource_leak: everything that must not be held at an exit. `where` is "bpf_throw", "tail_call", "BPF_EXIT instruction in main prog". */
export function checkHeldResources(env: Env, exceptionExit: boolean, check: boolean): void {
  const { state } = env
  const where = exceptionExit ? 'bpf_throw' : 'BPF_EXIT instruction in main prog'
  if (!env.kernel.heldByPath) {
    if (state.activeLocks && (exceptionExit || !state.curframe || !env.kernel.callsUnderLock))
      env.reject(exceptionExit ? 'bpf_throw cannot be used inside bpf_spin_lock-ed region' : 'bpf_spin_unlock is missing')
    if (state.activeRcuLocks && (exceptionExit || !state.curframe))
      env.reject(exceptionExit ? 'bpf_throw cannot be used inside bpf_rcu_read_lock-ed region' : 'bpf_rcu_read_unlock is missing')
    if (state.activePreemptLocks && (exceptionExit || !state.curframe)) {
      const count = state.activePreemptLocks
      env.reject(
        exceptionExit
          ? 'bpf_throw cannot be used inside bpf_preempt_disable-ed region'
          : `${count} bpf_preempt_enable${count === 1 ? ' is' : '(s) are'} missing`,
      )
    }
    return checkReferenceLeak(env, exceptionExit)
  }
  checkResourceLeak(env, exceptionExit, check, where)
}

/** check_resource_leak (6.14): what must not be held where `where` names what would leave. */
export function checkResourceLeak(env: Env, exceptionExit: boolean, checkLocks: boolean, where: string): void {
  const { state } = env
  if (checkLocks && state.activeLocks) env.reject(`${where} cannot be used inside bpf_spin_lock-ed region`)
  checkReferenceLeak(env, exceptionExit, `${where} would lead to reference leak`)
  if (!checkLocks) return
  if (state.activeIrqId) env.reject(`${where} cannot be used inside bpf_local_irq_save-ed region`)
  if (state.activeRcuLocks) env.reject(`${where} cannot be used inside bpf_rcu_read_lock-ed region`)
  if (state.activePreemptLocks) env.reject(`${where} cannot be used inside bpf_preempt_disable-ed region`)
}

const rangeTnum = (range: RetvalRange): t.Tnum => t.tnumRange(w.fromS32(range.min), w.fromS32(range.max))

/** Whether a number lies in a range: by its bounds, before 6.8 by its known bits. */
const within = (env: Env, range: RetvalRange, reg: RegState, only32: boolean): boolean =>
  !env.kernel.returnRanges
    ? t.tnumIn(rangeTnum(range), reg.varOff)
    : only32
      ? range.min <= reg.s32min && reg.s32max <= range.max
      : w.sle(w.fromS32(range.min), reg.smin) && w.sle(reg.smax, w.fromS32(range.max))

/** verbose_invalid_scalar. */
export function rejectRange(env: Env, reg: RegState, range: RetvalRange, context: string, name: string): never {
  if (!env.kernel.returnRanges) {
    const value = t.isUnknown(reg.varOff) ? 'has unknown scalar value' : `has value ${tnumPair(reg.varOff)}`
    env.reject(`${context} the register ${name} ${value} should have been in ${tnumPair(rangeTnum(range))}`)
  }
  let text = `${context} the register ${name} has`
  let unknown = true
  if (w.slt(w.S64_MIN, reg.smin)) {
    text += ` smin=${w.toDecimal(reg.smin)}`
    unknown = false
  }
  if (w.slt(reg.smax, w.S64_MAX)) {
    text += ` smax=${w.toDecimal(reg.smax)}`
    unknown = false
  }
  if (unknown) text += ' unknown scalar value'
  env.reject(`${text} should have been in [${range.min}, ${range.max}]`)
}
export { within as rangeWithinReturn }

const recvmsgLike: readonly number[] = [
  A.CGROUP_UDP4_RECVMSG,
  A.CGROUP_UDP6_RECVMSG,
  A.CGROUP_UNIX_RECVMSG,
  A.CGROUP_INET4_GETPEERNAME,
  A.CGROUP_INET6_GETPEERNAME,
  A.CGROUP_UNIX_GETPEERNAME,
  A.CGROUP_INET4_GETSOCKNAME,
  A.CGROUP_INET6_GETSOCKNAME,
  A.CGROUP_UNIX_GETSOCKNAME,
]

/** The range a program of that type must return; undefined where anything goes. */
function programRange(env: Env): { readonly range: RetvalRange; readonly only32?: true; readonly note?: string } | undefined {
  const { type, expectedAttachType } = env.program
  const of = (min: number, max: number) => ({ range: { min, max } })
  switch (type) {
    case P.CGROUP_SOCK_ADDR:
      if (recvmsgLike.includes(expectedAttachType)) return of(1, 1)
      if (expectedAttachType === A.CGROUP_INET4_BIND || expectedAttachType === A.CGROUP_INET6_BIND) return of(0, 3)
      return of(0, 1)
    case P.CGROUP_SKB:
      return expectedAttachType === A.CGROUP_INET_EGRESS ? of(0, 3) : of(0, 1)
    case P.CGROUP_SOCK:
    case P.SOCK_OPS:
    case P.CGROUP_DEVICE:
    case P.CGROUP_SYSCTL:
    case P.CGROUP_SOCKOPT:
      return of(0, 1)
    case P.RAW_TRACEPOINT:
      return env.program.attachBtfId ? of(0, 0) : undefined
    case P.TRACING:
      switch (expectedAttachType) {
        case A.TRACE_FENTRY:
        case A.TRACE_FEXIT:
          return of(0, 0)
        case A.TRACE_ITER:
          return of(0, 1)
        default:
          return undefined
      }
    case P.KPROBE:
      return expectedAttachType === A.TRACE_KPROBE_SESSION ? of(0, 1) : undefined
    case P.SK_LOOKUP:
      return of(0, 1)
    case P.LSM: {
      if (expectedAttachType === A.LSM_CGROUP) {
        const proto = attachProto(env)
        return proto.type === 0
          ? {
              ...of(1, 1),
              note: "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
            }
          : of(0, 1)
      }
      const range = env.kernel.lsmReturnRanges ? lsmRetvalRange(env) : undefined
      return range ? { range, only32: true } : undefined
    }
    case P.NETFILTER:
      return of(0, 1)
    default:
      return undefined
  }
}

/** Only a null pointer may stand for a pointer. */
const structOpsRange = (env: Env): ReturnType<typeof programRange> =>
  env.kernel.log === 'plain' && structOpsResult(env) ? { range: { min: 0, max: 0 } } : undefined

/** check_return_code, for R0 at an exit and R1 of bpf_throw. */
export function checkReturnCode(env: Env, regno: number): void {
  const frame = env.state.frames[0]!
  const isSubprog = frame.subprogno !== 0
  const { type, expectedAttachType } = env.program
  if (!isSubprog || frame.inExceptionCallbackFn) {
    if ((type === P.LSM && expectedAttachType !== A.LSM_CGROUP) || type === P.STRUCT_OPS) {
      if (attachProto(env).type === 0) return
    }
  }
  // A reference that the kernel takes over (6.14): check_return_code compares the types, not their names.
  const owned = type === P.STRUCT_OPS && !isSubprog && env.kernel.log === 'plain' ? structOpsResult(env) : 0
  if (owned && env.reg(regno).refObjId && env.reg(regno).btf === env.kernelBtf && env.reg(regno).btfId === owned)
    return env.missing('struct_ops programs that return a reference')
  const reg = env.readReg(regno)
  if (env.hidesPointer(regno)) env.reject(`R${regno} leaks addr as return value`, EACCES)
  let context = 'At program exit'
  let found: ReturnType<typeof programRange>
  if (frame.inAsyncCallbackFn) {
    context = env.kernel.returnRanges ? 'At async callback return' : 'At async callback'
    found = { range: frame.callbackRetRange }
  } else if (isSubprog && !frame.inExceptionCallbackFn) {
    if (!isScalar(reg)) env.reject(`At subprogram exit the register R${regno} is not a scalar value (${regTypeName(reg.type)})`)
    return
  } else {
    found = type === P.STRUCT_OPS ? structOpsRange(env) : programRange(env)
  }
  if (!found) return
  if (!isScalar(reg) && frame.inAsyncCallbackFn && !env.kernel.returnRanges)
    env.reject(`In async callback the register R0 is not a known value (${regTypeName(reg.type)})`)
  if (!isScalar(reg)) env.reject(`${context} the register R${regno} is not a known value (${regTypeName(reg.type)})`)
  if (env.kernel.returnRanges) markChainPrecision(env, regno)
  if (within(env, found.range, reg, found.only32 ?? false)) return
  if (found.note && !isSubprog) {
    try {
      rejectRange(env, reg, found.range, context, `R${regno}`)
    } finally {
      env.say(`${found.note}\n`)
    }
  }
  rejectRange(env, reg, found.range, context, `R${regno}`)
}

export { EACCES }
