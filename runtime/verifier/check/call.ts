/** Helper calls (kernel/bpf/verifier.c: check_helper_call). */
import { AttachType, MapType, ProgType } from '../../../linker/object/uapi.js'
import { BtfKind } from '../../../linker/btf/btf-types.js'
import { pathTargets, lsmHookSleeps } from '../../kernel/attach-targets.js'
import { helperId } from '../../kernel/helper-names.js'
import { type HelperProto, helperChangesPacket, helperName, helperProto } from '../../kernel/helpers.js'
import { machineAllows } from '../../kernel/machine.js'
import { ArgType, baseType, RegType, RetType, TypeFlag, typeFlags } from '../../kernel/reg-types.js'
import { EACCES, type Env, EFAULT } from '../env.js'
import { markChainPrecision } from '../explore/precision.js'
import { regTypeName } from '../log/print-state.js'
import { hasField } from '../state/btf-record.js'
import { type FuncState, mapRegisters, RefType } from '../state/frames.js'
import {
  DynptrType,
  isNullScalar,
  isPacketPointerAny,
  mayBeNull,
  NOT_INIT,
  pointer,
  type RegState,
  UNKNOWN_SCALAR,
} from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { attachProto } from './attach.js'
import { pushCallback } from './callback.js'
import { dynptrOf, unmarkDynptr } from './dynptr.js'
import { formatIsValid } from './format-string.js'
import { type CallMeta, checkHelperArg, constString, newMeta, setHelperNames } from './helper-args.js'
import { checkMapFunction } from './map-functions.js'
import { checkMemAccess } from './memory.js'
import { checkResourceLeak } from './return.js'

setHelperNames(id => helperName(id) ?? 'unknown')

const H = {
  tail_call: helperId('tail_call'),
  map_lookup_elem: helperId('map_lookup_elem'),
  get_local_storage: helperId('get_local_storage'),
  for_each_map_elem: helperId('for_each_map_elem'),
  timer_set_callback: helperId('timer_set_callback'),
  find_vma: helperId('find_vma'),
  snprintf: helperId('snprintf'),
  loop: helperId('loop'),
  dynptr_from_mem: helperId('dynptr_from_mem'),
  set_retval: helperId('set_retval'),
  dynptr_data: helperId('dynptr_data'),
  dynptr_write: helperId('dynptr_write'),
  per_cpu_ptr: helperId('per_cpu_ptr'),
  this_cpu_ptr: helperId('this_cpu_ptr'),
  user_ringbuf_drain: helperId('user_ringbuf_drain'),
  kptr_xchg: helperId('kptr_xchg'),
  get_smp_processor_id: helperId('get_smp_processor_id'),
  get_func_ip: helperId('get_func_ip'),
} as const

const idSet = (names: string): ReadonlySet<number> => new Set(names.split(' ').map(helperId))
const acquiring = idSet('sk_lookup_tcp sk_lookup_udp skc_lookup_tcp ringbuf_reserve kptr_xchg')
const casting = idSet(
  'tcp_sock sk_fullsock skc_to_tcp_sock skc_to_tcp6_sock skc_to_udp6_sock skc_to_mptcp_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock',
)
/** Helpers whose map is remembered for the instruction (record_func_map). */
const mapRecorded = idSet(
  'tail_call map_lookup_elem map_update_elem map_delete_elem map_push_elem map_pop_elem map_peek_elem for_each_map_elem redirect_map map_lookup_percpu_elem',
)
const mapWriting = idSet('map_delete_elem map_update_elem map_push_elem map_pop_elem')
const bounded = idSet('get_stack get_task_stack probe_read_str probe_read_kernel_str probe_read_user_str')
/** Effects beyond arguments and result that are modelled below; everything else with callbacks or odd results is refused. */
const BPF_F_RDONLY_PROG = 1 << 7
/** What a slice of a packet carries (reg_is_dynptr_slice_pkt). */
const PACKET_SLICE = TypeFlag.DYNPTR_TYPE_SKB | TypeFlag.DYNPTR_TYPE_XDP | TypeFlag.DYNPTR_TYPE_SKB_META

/** clear_all_pkt_pointers. */
export function clearPacketPointers(env: Env): void {
  const stale = env.kernel.hiddenStalePointers ? env.stale : UNKNOWN_SCALAR
  mapRegisters(env.state, reg =>
    isPacketPointerAny(reg) || (baseType(reg.type) === RegType.PTR_TO_MEM && reg.type & PACKET_SLICE) ? stale : reg,
  )
}

/** release_reference: drops it and everything that carries it. */
export function releaseReference(env: Env, refObjId: number): boolean {
  if (!env.releaseReference(refObjId)) return false
  mapRegisters(env.state, reg => (reg.refObjId === refObjId ? env.stale : reg))
  return true
}

function protoOf(env: Env, id: number): HelperProto {
  let found = helperProto(env.kernel, env.asker, id)
  if (typeof found === 'object' && 'name' in found) {
    const allowed = machineAllows(env.machine, found.name.slice(4))
    if (typeof allowed === 'string') return env.missing(allowed)
    if (!allowed) found = 'not-for-this-program'
  }
  if (found === 'unknown-helper') env.reject(`invalid func ${helperName(id) ?? 'unknown'}#${id}`)
  if (found === 'not-for-this-program') {
    const name = helperName(id) ?? 'unknown'
    env.reject(
      env.kernel.log === 'classic' ? `unknown func ${name}#${id}` : `program of this type cannot use helper ${name}#${id}`,
    )
  }
  if ('notImplemented' in found) return env.missing(found.notImplemented)
  return found
}

export function checkHelperCall(env: Env, slot: number): void {
  const id = env.insns.imm[slot]!
  const proto = protoOf(env, id)
  const label = `${proto.name}#${id}`
  if (!env.gpl && proto.gplOnly) env.reject('cannot call GPL-restricted function from non-GPL compatible program')
  if (proto.allowed) checkAllowed(env, proto)
  if (!env.sleepable && proto.mightSleep) env.reject('helper call might sleep in a non-sleepable prog')
  let changesData = helperChangesPacket(env.kernel, id)
  const meta = newMeta(id, proto.pktAccess)
  if (env.state.activeRcuLocks && proto.mightSleep) env.reject(`sleepable helper ${label} in rcu_read_lock region`)
  if (env.state.activePreemptLocks && proto.mightSleep) env.reject(`sleepable helper ${label} in non-preemptible region`)
  if (env.state.activeIrqId && proto.mightSleep) env.reject(`sleepable helper ${label} in IRQ-disabled region`)
  for (let i = 0; i < 5; i++) checkHelperArg(env, i, proto, meta)
  recordMap(env, slot, id, meta)
  for (let i = 0; i < meta.accessSize; i++) checkMemAccess(env, meta.regno, i, 1, 'write', -1, false, false)
  if (meta.releaseRegno) release(env, proto, meta, label)
  let perCpuAlloc = false
  /** Frame of a callback that is walked once, right after the call (before 6.7). */
  let entered: FuncState | undefined
  switch (id) {
    case H.tail_call:
      if (!env.kernel.tailCallsBesideCalls && env.subprogs.length > 1)
        env.reject('tail_calls are not allowed in programs with bpf-to-bpf calls')
      checkResourceLeak(env, false, true, 'tail_call')
      break
    case H.get_local_storage:
      if (!isNullScalar(env.reg(2))) env.reject("get_local_storage() doesn't support non-zero flags")
      if (env.kernel.preciseNulls) markChainPrecision(env, 2)
      break
    case H.for_each_map_elem:
      entered = pushCallback(env, slot, meta.subprogno, 'map-elem')
      break
    case H.timer_set_callback:
      pushCallback(env, slot, meta.subprogno, 'timer')
      break
    case H.find_vma:
      entered = pushCallback(env, slot, meta.subprogno, 'vma')
      break
    case H.user_ringbuf_drain:
      entered = pushCallback(env, slot, meta.subprogno, 'user-ringbuf')
      break
    case H.snprintf: {
      const length = w.toUnsigned(env.reg(5).varOff.value)
      if (length % 8) env.fail('snprintf data length')
      if (!formatIsValid(constString(env, 3), length / 8)) env.reject('Invalid format string')
      break
    }
    case H.loop: {
      markFlagsPrecise(env)
      if (!env.kernel.callbackLoops) {
        entered = pushCallback(env, slot, meta.subprogno, 'loop')
        break
      }
      markChainPrecision(env, 1)
      const { frame } = env
      if (frame.callbackDepth < w.toUnsigned(env.reg(1).umax)) pushCallback(env, slot, meta.subprogno, 'loop')
      else {
        frame.callbackDepth = 0
        if (env.log.level & 2) env.say(`frame${env.state.curframe} bpf_loop iteration limit reached\n`)
      }
      break
    }
    case H.dynptr_from_mem:
      if (env.reg(1).type !== RegType.PTR_TO_MAP_VALUE)
        env.reject(`Unsupported reg type ${regTypeName(env.reg(1).type)} for bpf_dynptr_from_mem data`, EACCES)
      break
    case H.set_retval:
      if (
        env.program.type === ProgType.LSM &&
        env.program.expectedAttachType === AttachType.LSM_CGROUP &&
        attachProto(env).type === 0
      )
        env.reject("BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!")
      break
    case H.dynptr_data: {
      const reg = dynptrArgument(env, proto)
      const dynptr = dynptrOf(env, reg)
      if (!dynptr) env.reject('verifier internal error: failed to obtain dynptr id', EFAULT)
      if (env.kernel.guardedDynptrs) meta.dynptrId = dynptr.id
      meta.refObjId = dynptr.refObjId
      break
    }
    case H.dynptr_write: {
      const kind = dynptrOf(env, dynptrArgument(env, proto))?.dynptrType ?? DynptrType.INVALID
      if (kind === DynptrType.INVALID) env.fail('dynptr of no type', EFAULT)
      if (kind === DynptrType.SKB || kind === DynptrType.SKB_META) changesData = true
      break
    }
    case H.per_cpu_ptr:
    case H.this_cpu_ptr:
      if (env.reg(1).type & TypeFlag.MEM_RCU) perCpuAlloc = true
      break
  }
  env.clobberCallerSaved()
  setResult(env, proto, meta, slot, perCpuAlloc)
  refineResult(env, id, proto, meta)
  checkMapFunction(env, meta.map, id, label)
  if (id === H.get_func_ip) {
    const { type } = env.program
    const ok =
      type === ProgType.KPROBE ||
      (type === ProgType.TRACING &&
        (env.program.expectedAttachType === AttachType.TRACE_FENTRY ||
          env.program.expectedAttachType === AttachType.TRACE_FEXIT ||
          env.program.expectedAttachType === AttachType.MODIFY_RETURN))
    if (!ok && type === ProgType.TRACING) env.reject(`func ${label} supported only for fentry/fexit/fmod_ret programs`)
    if (!ok) env.reject(`func ${label} not supported for program type ${type}`)
  }
  if (changesData && !(id === H.tail_call && env.kernel.tailCallReturns)) clearPacketPointers(env)
  if (entered) {
    env.state.frames.push(entered)
    env.liveStack.resetChain()
    env.insnIdx = env.subprogs[entered.subprogno]!.start - 1
  }
}

/** Further conditions of single helpers. */
function checkAllowed(env: Env, proto: HelperProto): void {
  const { type, expectedAttachType: attach } = env.program
  const target = env.program.attachName
  let allowed: boolean
  switch (proto.allowed) {
    case 'bpf_sk_storage_tracing_allowed':
      // Tracepoints and iterators never come from the storage's own functions.
      allowed =
        attach === AttachType.TRACE_ITER ||
        attach === AttachType.TRACE_RAW_TP ||
        ((attach === AttachType.TRACE_FENTRY || attach === AttachType.TRACE_FEXIT) && !target.startsWith('bpf_sk_storage'))
      break
    case 'bpf_d_path_allowed':
      if (type === ProgType.TRACING && attach === AttachType.TRACE_ITER) allowed = true
      else if (type === ProgType.LSM) allowed = lsmHookSleeps(env.kernel.version, target.replace(/^bpf_lsm_/, ''))
      else allowed = pathTargets.has(target)
      break
    case 'bpf_ima_inode_hash_allowed':
      allowed = lsmHookSleeps(env.kernel.version, target.replace(/^bpf_lsm_/, ''))
      break
    default:
      return env.missing(`condition of ${proto.name}`)
  }
  if (!allowed) env.reject('helper call is not allowed in probe')
}

function dynptrArgument(env: Env, proto: HelperProto): RegState {
  return env.reg(proto.args.findIndex(arg => baseType(arg) === ArgType.PTR_TO_DYNPTR) + 1)
}

/** loop_flag_is_zero: only asked when the call may be inlined, but marks precision. */
function markFlagsPrecise(env: Env): void {
  const { insnIdx } = env
  const known = loopStates.get(env) ?? loopStates.set(env, new Map()).get(env)!
  const before = known.get(insnIdx)
  if (before === false) return
  const zero = isNullScalar(env.reg(4))
  if (zero) markChainPrecision(env, 4)
  const subprogno = env.reg(2).subprogno
  known.set(insnIdx, zero && (before === undefined || before === subprogno) ? subprogno : false)
}
const loopStates = new WeakMap<Env, Map<number, number | false>>()

/** Calls of bpf_loop that the kernel puts a loop in the place of (optimize_bpf_loop): one callback, no flags. */
export const inlinedLoops = (env: Env): readonly number[] =>
  [...(loopStates.get(env) ?? [])].filter(([, callee]) => callee !== false).map(([slot]) => slot)

/** record_func_map, record_func_key. */
function recordMap(env: Env, slot: number, id: number, meta: CallMeta): void {
  const { map } = meta
  if (mapRecorded.has(id)) {
    if (!map) env.reject('kernel subsystem misconfigured verifier')
    if (map.flags & BPF_F_RDONLY_PROG && mapWriting.has(id)) env.reject('write into map forbidden', EACCES)
    const before = env.callMap.get(slot)
    if (before && before !== map) env.mixedMaps.add(slot)
    env.callMap.set(slot, map)
  }
  if (id !== H.tail_call) return
  if (map?.type !== MapType.PROG_ARRAY)
    env.reject(env.kernel.log === 'plain' ? 'expected prog array map for tail call' : 'kernel subsystem misconfigured verifier')
  const index = env.reg(3)
  if (index.type === RegType.SCALAR_VALUE && t.isConst(index.varOff) && w.toUnsigned(index.varOff.value) < map.maxEntries)
    markChainPrecision(env, 3)
}

function release(env: Env, proto: HelperProto, meta: CallMeta, label: string): void {
  const reg = env.reg(meta.releaseRegno)
  let ok = false
  if (baseType(proto.args[meta.releaseRegno - 1]!) === ArgType.PTR_TO_DYNPTR) {
    unmarkDynptr(env, reg, id => releaseReference(env, id))
    ok = true
  } else if (proto.id === H.kptr_xchg && meta.refObjId) {
    const inRcu = env.inRcuSection
    ok = env.releaseReference(meta.refObjId)
    if (ok)
      mapRegisters(env.state, other => {
        if (other.refObjId !== meta.refObjId) return other
        if (inRcu && other.type & TypeFlag.MEM_ALLOC && other.type & TypeFlag.MEM_PERCPU) {
          const copy = other.clone()
          copy.refObjId = 0
          copy.type = (copy.type & ~TypeFlag.MEM_ALLOC) | TypeFlag.MEM_RCU
          return copy
        }
        return env.stale
      })
  } else if (meta.refObjId) ok = releaseReference(env, meta.refObjId)
  else ok = isNullScalar(reg)
  if (!ok) env.reject(`func ${label} reference has not been acquired before`)
}

function setResult(env: Env, proto: HelperProto, meta: CallMeta, slot: number, perCpuAlloc: boolean): void {
  const flags = typeFlags(proto.ret)
  const { id } = proto
  const label = `${proto.name}#${id}`
  let reg: RegState
  switch (baseType(proto.ret)) {
    case RetType.INTEGER:
      env.regs[0] = UNKNOWN_SCALAR
      return finishResult(env, id, meta, undefined)
    case RetType.VOID:
      env.regs[0] = NOT_INIT
      return
    case RetType.PTR_TO_MAP_VALUE:
      if (!meta.map) env.reject('kernel subsystem misconfigured verifier')
      if ((meta.map.type === MapType.ARRAY_OF_MAPS || meta.map.type === MapType.HASH_OF_MAPS) && !meta.map.inner)
        env.missing(`the maps in '${meta.map.name}': the object does not say of what kind they are, its loader decides`)
      reg = pointer(RegType.PTR_TO_MAP_VALUE | flags)
      if (id === H.map_lookup_elem && meta.constantKey >= 0 && meta.constantKey < meta.map.maxEntries)
        reg.type &= ~TypeFlag.PTR_MAYBE_NULL
      reg.map = meta.map
      reg.mapUid = meta.mapUid
      if (!mayBeNull(reg.type) && hasField(meta.map.record, 'spin_lock', 'res_spin_lock')) reg.id = env.newId()
      break
    case RetType.PTR_TO_SOCKET:
      reg = pointer(RegType.PTR_TO_SOCKET | flags)
      break
    case RetType.PTR_TO_SOCK_COMMON:
      reg = pointer(RegType.PTR_TO_SOCK_COMMON | flags)
      break
    case RetType.PTR_TO_TCP_SOCK:
      reg = pointer(RegType.PTR_TO_TCP_SOCK | flags)
      break
    case RetType.PTR_TO_MEM:
      reg = pointer(RegType.PTR_TO_MEM | flags)
      reg.memSize = meta.memSize
      break
    case RetType.PTR_TO_MEM_OR_BTF_ID: {
      const btf = meta.btf!
      const target = btf.resolved(meta.btfId)
      if (target.kind !== BtfKind.Struct && target.kind !== BtfKind.Union) {
        const size = btf.size(meta.btfId)
        if (size === undefined) env.reject(`unable to resolve the size of type '${btf.name(btf.skipModifiers(meta.btfId))}': -22`)
        reg = pointer(RegType.PTR_TO_MEM | flags)
        reg.memSize = size
      } else {
        reg = pointer(
          perCpuAlloc
            ? RegType.PTR_TO_BTF_ID | TypeFlag.MEM_ALLOC | TypeFlag.MEM_RCU
            : RegType.PTR_TO_BTF_ID | (flags & ~TypeFlag.MEM_RDONLY),
        )
        reg.btf = btf
        reg.btfId = meta.btfId
      }
      break
    }
    case RetType.PTR_TO_BTF_ID: {
      let type = RegType.PTR_TO_BTF_ID | flags
      if (id === H.kptr_xchg) {
        const field = meta.kptr!
        if (!field.btf!.kernel) {
          type |= TypeFlag.MEM_ALLOC
          if (field.kind === 'kptr_percpu') type |= TypeFlag.MEM_PERCPU
        }
        reg = pointer(type)
        reg.btf = field.btf
        reg.btfId = field.btfId!
      } else {
        const kernel = env.kernelBtf
        if (!kernel || !proto.retBtf) return env.missing(`result of ${proto.name} without the BTF of a kernel`)
        const btfId = kernel.find(proto.retBtf, BtfKind.Struct)
        if (!btfId) env.reject(`invalid return type ${baseType(proto.ret)} of func ${label}`)
        reg = pointer(type)
        reg.btf = kernel
        reg.btfId = btfId
      }
      break
    }
    default:
      return env.missing(`result type of ${proto.name}`)
  }
  if (mayBeNull(reg.type)) reg.id = env.newId()
  env.regs[0] = reg
  env.touch(0)
  void slot
  finishResult(env, id, meta, reg)
}

function finishResult(env: Env, id: number, meta: CallMeta, reg: RegState | undefined): void {
  if (!reg) return
  if (id === H.dynptr_data) reg.dynptrId = meta.dynptrId
  const lookupSocket = id === H.map_lookup_elem && (meta.map?.type === MapType.SOCKMAP || meta.map?.type === MapType.SOCKHASH)
  if (casting.has(id) || id === H.dynptr_data) reg.refObjId = meta.refObjId
  else if (acquiring.has(id) || lookupSocket) {
    const reference = env.acquireReference(RefType.PTR)
    reg.id = reference
    reg.refObjId = reference
  }
}

/** do_refine_retval_range. */
function refineResult(env: Env, id: number, proto: HelperProto, meta: CallMeta): void {
  if (proto.ret !== RetType.INTEGER) return
  if (bounded.has(id)) {
    const reg = UNKNOWN_SCALAR.clone()
    reg.smax = w.fromNumber(meta.msizeMax)
    reg.s32max = meta.msizeMax | 0
    reg.smin = w.fromS32(-4095)
    reg.s32min = -4095
    env.sync(reg)
    env.sanity(reg, 'retval')
    env.regs[0] = reg
  } else if (id === H.get_smp_processor_id && env.kernel.mixedBounds) {
    const reg = UNKNOWN_SCALAR.clone()
    const last = (env.machine.cpus ?? env.kernel.cpus) - 1
    reg.umax = reg.smax = w.fromS32(last)
    reg.u32max = last
    reg.s32max = last
    reg.umin = reg.smin = w.ZERO
    reg.u32min = 0
    reg.s32min = 0
    env.sync(reg)
    env.regs[0] = reg
  }
}
