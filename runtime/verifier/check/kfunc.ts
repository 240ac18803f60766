/** Calls of kernel functions (kernel/bpf/verifier.c: check_kfunc_call, check_kfunc_args). */
import { BtfKind } from '../../../linker/btf/btf-types.js'
import { AttachType, ProgType } from '../../../linker/object/uapi.js'
import { ArgType, baseType, RegType, TypeFlag, typeFlags } from '../../kernel/reg-types.js'
import { EACCES, type Env, EFAULT, Rejection } from '../env.js'
import { kfuncAt } from '../explore/callbacks.js'
import { markChainPrecision } from '../explore/precision.js'
import { regTypeName } from '../log/print-state.js'
import { fieldOffset, hasField, type RecordField, structMeta } from '../state/btf-record.js'
import { type BtfView, kindName } from '../state/btf-view.js'
import { mapRegisters, RefType, Slot, StackSlot, typeAt } from '../state/frames.js'
import {
  constScalar,
  DynptrType,
  isAllocatedObject,
  isNonOwningRef,
  isNullScalar,
  mayBeNull,
  NOT_INIT,
  pointer,
  type RegState,
  UNKNOWN_SCALAR,
} from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { hasUnsafeModifiers, isTrusted, regBtfNames, structIdsMatch, TRUSTED_MODIFIERS } from './btf-access.js'
import { clearPacketPointers, releaseReference } from './call.js'
import { type CallbackKind, pushCallback } from './callback.js'
import { dynptrOf, flagOfKind, isRefcounted, processDynptr } from './dynptr.js'
import { isContextType } from './function-args.js'
import { bufferSize, callKfuncByBtf, scalarsOnly, sizedMemory } from './function-match.js'
import { giveAway, inTreeCallback, nodePointer, processNode, processRoot, setNonOwning } from './graph.js'
import { checkArgOffset, checkConstString, checkMemoryArgument } from './helper-args.js'
import { processIrqFlag } from './irq-flag.js'
import { advanceIterator, iteratorAt, type IterPlace, processIterator } from './iterator.js'
import { findKfunc, isIterNext, type Kfunc } from './kfunc-meta.js'
import { processMapField, recordOf } from './kptr.js'
import { processSpinLock, resLockKfuncs } from './lock.js'
import { mayAccessPacket } from './memory.js'
import { checkReturnCode } from './return.js'

const ALLOCATED = RegType.PTR_TO_BTF_ID | TypeFlag.MEM_ALLOC
const PERCPU_MAX = 512
const MAX_ERRNO = 4095
const { PTR_MAYBE_NULL, PTR_TRUSTED, PTR_UNTRUSTED, MEM_RCU, MEM_RDONLY, MEM_PERCPU } = TypeFlag

const callbackKinds: Readonly<Record<string, CallbackKind>> = {
  bpf_rbtree_add_impl: 'rbtree',
  bpf_wq_set_callback_impl: 'wq',
  bpf_task_work_schedule_signal_impl: 'task-work',
  bpf_task_work_schedule_resume_impl: 'task-work',
}

/** What the arguments tell (struct bpf_kfunc_call_arg_meta). */
interface Facts {
  readonly kfunc: Kfunc
  readonly btf: BtfView
  refObjId: number
  releaseRegno: number
  constant: w.U64 | undefined
  r0Size: number
  r0Rdonly: boolean
  map: RegState | undefined
  dynptr: RegState | undefined
  iterator: IterPlace | undefined
  root: RecordField | undefined
  argBtf: BtfView | undefined
  argBtfId: number
  owningRef: boolean
  subprogno: number
}

const flag = (facts: Facts, name: string): boolean => facts.kfunc.flags.includes(name)
/** Arguments of releasing functions are always trusted. */
const trustedOrRcu = (facts: Facts): boolean => flag(facts, 'trusted_args') || flag(facts, 'release') || flag(facts, 'rcu')

type ArgKind =
  | 'ctx'
  | 'null'
  | 'alloc'
  | 'refcounted'
  | 'dynptr'
  | 'iter'
  | 'list-head'
  | 'list-node'
  | 'rb-root'
  | 'rb-node'
  | 'const-str'
  | 'map'
  | 'wq'
  | 'task-work'
  | 'irq-flag'
  | 'res-lock'
  | 'btf'
  | 'callback'
  | 'mem'
  | 'mem-size'

const byStruct: Readonly<Record<string, ArgKind>> = {
  bpf_dynptr: 'dynptr',
  bpf_list_head: 'list-head',
  bpf_list_node: 'list-node',
  bpf_rb_root: 'rb-root',
  bpf_rb_node: 'rb-node',
}
/** As `byStruct`, looked at after the names of arguments. */
const byStructLater: Readonly<Record<string, ArgKind>> = { bpf_wq: 'wq', bpf_task_work: 'task-work' }

/** get_kfunc_ptr_arg_type. */
function pointerKind(env: Env, facts: Facts, arg: number): ArgKind {
  const { kfunc, btf } = facts
  const { params } = kfunc.proto
  const param = params[arg]!
  const { name } = param
  const reg = env.reg(arg + 1)
  const pointee = btf.pointee(param.type)!
  const targetId = btf.skipModifiers(pointee)
  const target = btf.type(targetId)
  const targetName = 'name' in target ? target.name : ''
  if (kfunc.name === 'bpf_cast_to_kern_ctx') return 'ctx'
  if (isContextType(env, btf, param.type)) return 'ctx'
  if (name.endsWith('__nullable') && isNullScalar(reg)) return 'null'
  if (name.endsWith('__alloc')) return 'alloc'
  if (name.endsWith('__refcounted_kptr')) return 'refcounted'
  if (targetName === 'bpf_dynptr' && target.kind === BtfKind.Struct) return 'dynptr'
  if (kfunc.flags.some(value => value.startsWith('iter_')) ? arg === 0 : name.endsWith('__iter')) return 'iter'
  if (target.kind === BtfKind.Struct && byStruct[targetName]) return byStruct[targetName]!
  if (name.endsWith('__str')) return 'const-str'
  if (name.endsWith('__map')) return 'map'
  if (target.kind === BtfKind.Struct && byStructLater[targetName]) return byStructLater[targetName]!
  if (name.endsWith('__irq_flag')) return 'irq-flag'
  if (target.kind === BtfKind.Struct && targetName === 'bpf_res_spin_lock') return 'res-lock'
  const isStruct = target.kind === BtfKind.Struct || target.kind === BtfKind.Union
  if (baseType(reg.type) === RegType.PTR_TO_BTF_ID || regBtfNames[baseType(reg.type)]) {
    if (!isStruct)
      env.reject(`kernel function ${kfunc.name} args#${arg} pointer type ${kindName(target)} ${targetName} is not supported`)
    return 'btf'
  }
  if (target.kind === BtfKind.FuncProto) return 'callback'
  const next = params[arg + 1]
  const sized =
    next !== undefined && /__szk?$/.test(next.name) && btf.isScalar(next.type) && env.reg(arg + 2).type === RegType.SCALAR_VALUE
  if (!btf.isScalar(pointee) && !scalarsOnly(env, btf, pointee, 0) && !(sized && targetId === 0))
    env.reject(
      `arg#${arg} pointer type ${kindName(target)} ${targetName} must point to ${sized ? 'void, ' : ''}scalar, or struct with scalar`,
    )
  return sized ? 'mem-size' : 'mem'
}

/** A scalar argument: constants, and sizes of what is returned. */
function scalarArg(env: Env, facts: Facts, arg: number, name: string): void {
  const regno = arg + 1
  const reg = env.reg(regno)
  if (reg.type !== RegType.SCALAR_VALUE) env.reject(`R${regno} is not a scalar`)
  if (name.endsWith('__k')) {
    if (facts.constant) env.reject('verifier internal error: only one constant argument permitted', EFAULT)
    if (!t.isConst(reg.varOff)) env.reject(`R${regno} must be a known constant`)
    markChainPrecision(env, regno)
    facts.constant = reg.varOff.value
    return
  }
  bufferSize(env, regno, name, facts)
}

/** process_kf_arg_ptr_to_btf_id. */
function matchStruct(env: Env, facts: Facts, arg: number, targetId: number): void {
  const { kfunc, btf } = facts
  const reg = env.reg(arg + 1)
  const own = baseType(reg.type) === RegType.PTR_TO_BTF_ID
  const regBtf = own ? reg.btf! : btf
  const regId = regBtf.skipModifiers(own ? reg.btfId : btf.find(regBtfNames[baseType(reg.type)]!, BtfKind.Struct))
  const regName = regBtf.name(regId)
  const targetName = btf.name(targetId)
  const alias = regName !== targetName && regName.replace(/___init$/, '') === targetName.replace(/___init$/, '') && regBtf === btf
  const strict = (flag(facts, 'release') && reg.refObjId !== 0) || alias
  const projection = (targetName === '__sk_buff' && regName === 'sk_buff') || (targetName === 'xdp_md' && regName === 'xdp_buff')
  const same = structIdsMatch(env, regBtf, regId, reg.off, btf, targetId, strict, !(reg.type & TypeFlag.MEM_ALLOC))
  if (!same && !projection)
    env.reject(
      `kernel function ${kfunc.name} args#${arg} expected pointer to ${kindName(btf.type(targetId))} ${targetName} ` +
        `but R${arg + 1} has a pointer to ${kindName(regBtf.type(regId))} ${regName}`,
    )
}

/** check_css_task_iter_allowlist. */
function cssTaskAllowed(env: Env): boolean {
  const { type, expectedAttachType } = env.program
  if (type === ProgType.LSM) return true
  return (type === ProgType.TRACING && expectedAttachType === AttachType.TRACE_ITER) || env.sleepable
}

function dynptrArg(env: Env, facts: Facts, arg: number): void {
  const { kfunc } = facts
  const regno = arg + 1
  const reg = env.reg(regno)
  let type: number = ArgType.PTR_TO_DYNPTR
  let clone = 0
  if (reg.type === RegType.CONST_PTR_TO_DYNPTR) type |= MEM_RDONLY
  const uninit = kfunc.proto.params[arg]!.name.endsWith('__uninit')
  if (uninit) type |= TypeFlag.MEM_UNINIT
  if (kfunc.name === 'bpf_dynptr_from_skb') type |= TypeFlag.DYNPTR_TYPE_SKB
  else if (kfunc.name === 'bpf_dynptr_from_xdp') type |= TypeFlag.DYNPTR_TYPE_XDP
  else if (kfunc.name === 'bpf_dynptr_from_skb_meta') type |= TypeFlag.DYNPTR_TYPE_SKB_META
  else if (kfunc.name === 'bpf_dynptr_clone' && uninit) {
    const parent = facts.dynptr?.dynptrType ?? DynptrType.INVALID
    if (parent === DynptrType.INVALID) env.reject('verifier internal error: no dynptr type for parent of clone', EFAULT)
    type |= flagOfKind(parent)
    clone = facts.dynptr!.refObjId
    if (isRefcounted(parent) && !clone) env.reject('verifier internal error: missing ref obj id for parent of clone', EFAULT)
  } else if (uninit) env.missing(`kfunc ${kfunc.name}`)
  processDynptr(env, regno, type, clone)
  if (!uninit) facts.dynptr = dynptrOf(env, reg)
}

function nodeArg(env: Env, facts: Facts, arg: number, tree: boolean): void {
  const { kfunc } = facts
  const reg = env.reg(arg + 1)
  if (!tree || /_add(_impl)?$/.test(kfunc.name)) {
    if (reg.type !== ALLOCATED) env.reject(`arg#${arg} expected pointer to allocated object`)
    if (!reg.refObjId) env.reject('allocated object must be referenced')
  } else if (env.kernel.log === 'plain') {
    if (!isNonOwningRef(reg.type) && !reg.refObjId)
      env.reject(`${kfunc.name} can only take non-owning or refcounted bpf_rb_node pointer`)
    if (inTreeCallback(env)) env.reject(`${kfunc.name} not allowed in rbtree cb`)
  } else {
    if (!isNonOwningRef(reg.type) || reg.refObjId) env.reject('rbtree_remove node input must be non-owning ref')
    if (inTreeCallback(env)) env.reject('rbtree_remove not allowed in rbtree cb')
  }
  if (!facts.root) return env.missing(`kfunc ${kfunc.name} without a root`)
  processNode(env, arg, facts.root, tree ? 'rb_root' : 'list_head', tree ? 'rb_node' : 'list_node')
  facts.argBtf = reg.btf
  facts.argBtfId = reg.btfId
}

/** The pointer argument `arg`; true where it also took the next one. */
function pointerArg(env: Env, facts: Facts, arg: number): boolean {
  const { kfunc, btf } = facts
  const regno = arg + 1
  const reg = env.reg(regno)
  const param = kfunc.proto.params[arg]!
  if (trustedOrRcu(facts) && (isNullScalar(reg) || mayBeNull(reg.type)) && !param.name.endsWith('__nullable'))
    env.reject(`Possibly NULL pointer passed to trusted arg${arg}`, EACCES)
  if (reg.refObjId) {
    if (flag(facts, 'release') && facts.refObjId)
      env.reject(`verifier internal error: more than one arg with ref_obj_id R${regno} ${reg.refObjId} ${facts.refObjId}`, EFAULT)
    facts.refObjId = reg.refObjId
    if (flag(facts, 'release')) facts.releaseRegno = regno
  }
  const pointee = btf.pointee(param.type)!
  const targetId = btf.skipModifiers(pointee)
  const kind = pointerKind(env, facts, arg)
  if (kind === 'null') return false
  if (kind === 'map') {
    if (!reg.map && !reg.btf) env.reject(`pointer in R${regno} isn't map pointer`)
    if (facts.map && reg.map && hasField(reg.map.record, 'wq', 'task_work')) {
      const { map } = facts
      const [owner, at] = hasField(reg.map.record, 'task_work') ? ['bpf_task_work', 2] : ['workqueue', 1]
      if (map.map !== reg.map || map.mapUid !== reg.mapUid)
        env.reject(
          `${owner} pointer in R${at} map_uid=${map.mapUid} doesn't match map pointer in R${at + 1} map_uid=${reg.mapUid}`,
        )
    }
    facts.map = reg
  }
  if ((kind === 'map' || kind === 'alloc' || kind === 'btf') && trustedOrRcu(facts) && !isTrusted(reg)) {
    if (!flag(facts, 'rcu')) env.reject(`R${regno} must be referenced or trusted`)
    if (!(reg.type & MEM_RCU)) env.reject(`R${regno} must be a rcu pointer`)
  }
  checkArgOffset(env, reg, regno, flag(facts, 'release') && reg.refObjId ? TypeFlag.OBJ_RELEASE : 0)
  switch (kind) {
    case 'ctx':
      if (reg.type !== RegType.PTR_TO_CTX) env.reject(`arg#${arg} expected pointer to ctx, but got ${regTypeName(reg.type)}`)
      return false
    case 'alloc':
      if (reg.type === ALLOCATED) {
        if (kfunc.name !== 'bpf_obj_drop_impl') env.reject(`arg#${arg} expected for bpf_obj_drop_impl()`)
      } else if (reg.type === (ALLOCATED | MEM_PERCPU)) {
        if (kfunc.name !== 'bpf_percpu_obj_drop_impl') env.reject(`arg#${arg} expected for bpf_percpu_obj_drop_impl()`)
      } else env.reject(`arg#${arg} expected pointer to allocated object`)
      if (!reg.refObjId) env.reject('allocated object must be referenced')
      facts.argBtf = reg.btf
      facts.argBtfId = reg.btfId
      return false
    case 'dynptr':
      dynptrArg(env, facts, arg)
      return false
    case 'iter': {
      if (kfunc.name === 'bpf_iter_css_task_new' && !cssTaskAllowed(env))
        env.reject('css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs')
      const found = processIterator(env, kfunc, arg)
      if (found) {
        facts.iterator = found.place
        facts.refObjId = found.refObjId
      }
      return false
    }
    case 'list-head':
    case 'rb-root':
      facts.root = processRoot(env, arg, kind === 'rb-root' ? 'rb_root' : 'list_head')
      return false
    case 'list-node':
    case 'rb-node':
      nodeArg(env, facts, arg, kind === 'rb-node')
      return false
    case 'map':
    case 'btf':
      if (
        (baseType(reg.type) !== RegType.PTR_TO_BTF_ID || (hasUnsafeModifiers(reg.type) && !(reg.type & MEM_RCU))) &&
        !regBtfNames[baseType(reg.type)]
      )
        env.reject(
          `arg#${arg} is ${regTypeName(reg.type)} expected ` +
            `${regTypeName(baseType(reg.type) | (typeFlags(reg.type) & TRUSTED_MODIFIERS))} or socket`,
        )
      matchStruct(env, facts, arg, kind === 'map' ? btf.find('bpf_map', BtfKind.Struct) : targetId)
      return false
    case 'mem': {
      const size = btf.size(pointee)
      const target = btf.type(targetId)
      if (size === undefined)
        env.reject(`arg#${arg} reference type('${kindName(target)} ${btf.name(targetId)}') size cannot be determined: -22`)
      checkMemoryArgument(env, regno, size)
      return false
    }
    case 'mem-size':
      sizedArg(env, facts, arg)
      return true
    case 'callback':
      if (reg.type !== RegType.PTR_TO_FUNC) env.reject(`arg${arg} expected pointer to func`)
      facts.subprogno = reg.subprogno
      return false
    case 'refcounted': {
      if (!isAllocatedObject(reg.type)) env.reject(`arg#${arg} is neither owning or non-owning ref`)
      if (!isNonOwningRef(reg.type) && reg.refObjId) facts.owningRef = true
      const record = recordOf(env, reg)
      if (!record) env.reject("verifier internal error: Couldn't find btf_record", EFAULT)
      if (!hasField(record, 'refcount')) env.reject(`arg#${arg} doesn't point to a type with bpf_refcount field`)
      facts.argBtf = reg.btf
      facts.argBtfId = reg.btfId
      return false
    }
    case 'const-str':
      if (reg.type !== RegType.PTR_TO_MAP_VALUE) env.reject(`arg#${arg} doesn't point to a const string`)
      checkConstString(env, regno)
      return false
    case 'wq': {
      if (reg.type !== RegType.PTR_TO_MAP_VALUE) env.reject(`arg#${arg} doesn't point to a map value`)
      const place = fieldOffset(reg.map!.record, 'wq')
      const off = w.toSigned(reg.varOff.value) + reg.off
      if (off !== place) env.reject(`off ${off} doesn't point to 'struct bpf_wq' that is at ${place}`)
      facts.map = reg
      return false
    }
    case 'task-work':
      if (reg.type !== RegType.PTR_TO_MAP_VALUE) env.reject(`arg#${arg} doesn't point to a map value`)
      processMapField(env, regno, 'task_work')
      facts.map = reg
      return false
    case 'irq-flag':
      processIrqFlag(env, kfunc.name, arg)
      return false
    case 'res-lock': {
      if (reg.type !== RegType.PTR_TO_MAP_VALUE && reg.type !== ALLOCATED)
        env.reject(`arg#${arg} doesn't point to map value or allocated object`)
      const call = resLockKfuncs[kfunc.name]
      if (!call) return env.missing(`kfunc ${kfunc.name}`)
      processSpinLock(env, regno, call)
      return false
    }
  }
}

/** Memory with its size in the next argument (check_kfunc_mem_size_reg). */
function sizedArg(env: Env, facts: Facts, arg: number): void {
  const { params } = facts.kfunc.proto
  const regno = arg + 1
  const buffer = env.reg(regno)
  const size = env.reg(regno + 1)
  if (!isNullScalar(buffer) || !params[arg]!.name.endsWith('__opt')) sizedMemory(env, arg)
  if (!params[arg + 1]!.name.endsWith('__szk')) return
  if (facts.constant) env.reject('verifier internal error: only one constant argument permitted', EFAULT)
  if (!t.isConst(size.varOff)) env.reject(`R${regno + 1} must be a known constant`)
  facts.constant = size.varOff.value
}

function checkArgs(env: Env, facts: Facts): void {
  const { kfunc, btf } = facts
  const { params } = kfunc.proto
  if (params.length > 5) env.reject(`Function ${kfunc.name} has ${params.length} > 5 args`)
  for (let i = 0; i < params.length; i++) {
    const param = params[i]!
    // What the kernel passes itself.
    if (param.name.endsWith('__ign') || param.name.endsWith('__prog')) continue
    if (btf.isScalar(param.type)) {
      scalarArg(env, facts, i, param.name)
      continue
    }
    const type = btf.resolved(param.type)
    if (type.kind !== BtfKind.Ptr) env.reject(`Unrecognized arg#${i} type ${kindName(type)}`)
    if (pointerArg(env, facts, i)) i++
  }
  if (flag(facts, 'release') && !facts.releaseRegno)
    env.reject(`release kernel function ${kfunc.name} expects refcounted PTR_TO_BTF_ID`)
}

/** Sections in which the program must not sleep, or in which pointers are protected. */
function trackSections(env: Env, kfunc: Kfunc): void {
  const { state } = env
  const { name } = kfunc
  const sleepable = kfunc.flags.includes('sleepable')
  if (state.activeRcuLocks) {
    const lock = name === 'bpf_rcu_read_lock'
    const unlock = name === 'bpf_rcu_read_unlock'
    if ((lock || unlock) && inTreeCallback(env))
      env.reject('Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback', EACCES)
    if (lock) env.reject(`nested rcu read lock (kernel function ${name})`)
    if (unlock) {
      const unprotected = (reg: RegState): RegState => {
        if (!(reg.type & MEM_RCU)) return reg
        const copy = reg.clone()
        copy.type = (copy.type & ~(MEM_RCU | PTR_MAYBE_NULL)) | PTR_UNTRUSTED
        return copy
      }
      mapRegisters(state, unprotected)
      for (const frame of state.frames)
        frame.stack.forEach((slot, i) => {
          if (typeAt(slot, 0) !== Slot.ITER) return
          const changed = unprotected(slot.spilled)
          if (changed !== slot.spilled) frame.setSlot(i, new StackSlot(slot.types, changed))
        })
      state.activeRcuLocks = 0
    } else if (sleepable) env.reject(`kernel func ${name} is sleepable within rcu_read_lock region`, EACCES)
  } else if (name === 'bpf_rcu_read_lock') state.activeRcuLocks = 1
  else if (name === 'bpf_rcu_read_unlock') env.reject(`unmatched rcu read unlock (kernel function ${name})`)
  if (state.activePreemptLocks) {
    if (name === 'bpf_preempt_disable') state.activePreemptLocks++
    else if (name === 'bpf_preempt_enable') state.activePreemptLocks--
    else if (sleepable) env.reject(`kernel func ${name} is sleepable within non-preemptible region`, EACCES)
  } else if (name === 'bpf_preempt_disable') state.activePreemptLocks++
  else if (name === 'bpf_preempt_enable') env.reject(`unmatched attempt to enable preemption (kernel function ${name})`)
}

/** Result of a kfunc that returns something its prototype does not tell. */
function specialResult(env: Env, facts: Facts): RegState | undefined {
  const { kfunc, btf } = facts
  const of = (type: number, view: BtfView | undefined, id: number): RegState => {
    const reg = pointer(type)
    reg.btf = view
    reg.btfId = id
    return reg
  }
  switch (kfunc.name) {
    case 'bpf_obj_new_impl':
    case 'bpf_percpu_obj_new_impl': {
      const percpu = kfunc.name === 'bpf_percpu_obj_new_impl'
      const value = facts.constant ?? w.ZERO
      if (value.hi !== 0) env.reject('local type ID argument must be in range [0, U32_MAX]')
      const own = env.progBtf
      if (!own) env.reject('bpf_obj_new/bpf_percpu_obj_new requires prog BTF')
      const id = value.lo >>> 0
      const type = own.has(id) ? own.type(id) : undefined
      if (type?.kind !== BtfKind.Struct) env.reject('bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct')
      if (percpu) {
        if (type.size > PERCPU_MAX) env.reject(`bpf_percpu_obj_new type size (${type.size}) is greater than ${PERCPU_MAX}`)
        if (!scalarsOnly(env, own, id, 0)) env.reject('bpf_percpu_obj_new type ID argument must be of a struct of scalars')
        if (structMeta(own, id, env.kernelBtf)) env.reject('bpf_percpu_obj_new type ID argument must not contain special fields')
      }
      return of(ALLOCATED | (percpu ? MEM_PERCPU : 0), own, id)
    }
    case 'bpf_refcount_acquire_impl':
      return of(ALLOCATED, facts.argBtf, facts.argBtfId)
    case 'bpf_list_pop_front':
    case 'bpf_list_pop_back':
    case 'bpf_list_front':
    case 'bpf_list_back':
    case 'bpf_rbtree_remove':
    case 'bpf_rbtree_first':
    case 'bpf_rbtree_root':
    case 'bpf_rbtree_left':
    case 'bpf_rbtree_right':
      return nodePointer(facts.root!)
    case 'bpf_cast_to_kern_ctx': {
      const typeName = Object.entries(ProgType).find(([, value]) => value === env.program.type)?.[0]
      const convert = btf.struct(btf.find('bpf_ctx_convert', BtfKind.Struct))
      const member = convert?.members.find(entry => entry.name === `BPF_PROG_TYPE_${typeName}_kern`)
      if (!member) return env.missing(`kernel context of ${typeName}`)
      const id = btf.skipModifiers(member.type)
      if (!btf.struct(id)) env.reject(`kern ctx type id ${id} is not a struct`)
      return of(RegType.PTR_TO_BTF_ID | PTR_TRUSTED, btf, id)
    }
    case 'bpf_rdonly_cast': {
      const id = (facts.constant ?? w.ZERO).lo >>> 0
      if (env.kernel.untrustedMem) {
        if (id !== 0 && !btf.has(id)) env.reject(`Unknown type ID ${id} passed to kfunc bpf_rdonly_cast`)
        if (id === 0) return pointer(RegType.PTR_TO_MEM | MEM_RDONLY | PTR_UNTRUSTED)
        if (!isComposite(btf, id)) env.reject('kfunc bpf_rdonly_cast type ID argument must be of a struct or void')
      } else if (!btf.has(id) || !isComposite(btf, id)) env.reject('kfunc bpf_rdonly_cast type ID argument must be of a struct')
      return of(RegType.PTR_TO_BTF_ID | PTR_UNTRUSTED, btf, id)
    }
    case 'bpf_dynptr_slice':
    case 'bpf_dynptr_slice_rdwr': {
      if (!facts.constant) env.reject('verifier internal error: bpf_dynptr_slice(_rdwr) no constant size', EFAULT)
      const reg = pointer(RegType.PTR_TO_MEM | flagOfKind(facts.dynptr!.dynptrType))
      reg.memSize = w.toUnsigned(facts.constant)
      if (kfunc.name === 'bpf_dynptr_slice') reg.type |= MEM_RDONLY
      else if (!mayAccessPacket(env, 'write')) env.reject('the prog does not allow writes to packet data')
      if (!facts.dynptr!.id) env.reject('verifier internal error: no dynptr id', EFAULT)
      reg.dynptrId = facts.dynptr!.id
      return reg
    }
    default:
      return undefined
  }
}

const isComposite = (btf: BtfView, id: number): boolean => {
  const { kind } = btf.type(id)
  return kind === BtfKind.Struct || kind === BtfKind.Union
}

function setResult(env: Env, facts: Facts): void {
  const { kfunc, btf } = facts
  const { regs } = env
  const type = btf.resolved(kfunc.proto.type)
  const acquire = flag(facts, 'acquire')
  const special = type.kind === BtfKind.Ptr ? specialResult(env, facts) : undefined
  const pointeeId = type.kind === BtfKind.Ptr ? btf.skipModifiers(type.type) : 0
  const pointee = type.kind === BtfKind.Ptr ? btf.type(pointeeId) : undefined
  const toStruct = pointee?.kind === BtfKind.Struct || pointee?.kind === BtfKind.Union
  if (acquire && !toStruct && !special) env.reject('acquire kernel function does not return PTR_TO_BTF_ID')
  if (btf.isScalar(kfunc.proto.type)) {
    // The path on which the lock was not taken went its own way.
    regs[0] = resLockKfuncs[kfunc.name]?.acquire ? constScalar(w.ZERO) : UNKNOWN_SCALAR
    return
  }
  if (type.kind === BtfKind.Void) {
    regs[0] = NOT_INIT
    return
  }
  if (type.kind !== BtfKind.Ptr) return env.missing(`result of kfunc ${kfunc.name}`)
  let reg: RegState
  if (special) reg = special
  else if (pointee!.kind === BtfKind.Void) {
    if (flag(facts, 'ret_null') || acquire) return env.missing(`result of kfunc ${kfunc.name}`)
    regs[0] = UNKNOWN_SCALAR
    return
  } else if (!toStruct) {
    if (!facts.r0Size) {
      const size = btf.size(pointeeId)
      if (size !== undefined) {
        facts.r0Size = size
        facts.r0Rdonly = true
      }
    }
    if (!facts.r0Size)
      env.reject(
        `kernel function ${kfunc.name} returns pointer type ${kindName(pointee!)} ${btf.name(pointeeId)} is not supported`,
      )
    reg = pointer(RegType.PTR_TO_MEM | (facts.r0Rdonly ? MEM_RDONLY : 0))
    reg.memSize = facts.r0Size
    reg.refObjId = facts.refObjId
  } else {
    reg = pointer(RegType.PTR_TO_BTF_ID)
    reg.btf = btf
    reg.btfId = pointeeId
    if (kfunc.name === 'bpf_get_kmem_cache') reg.type |= PTR_UNTRUSTED
    if (facts.iterator && isIterNext(kfunc))
      reg.type |= iteratorAt(env.state, facts.iterator).type & MEM_RCU ? MEM_RCU : PTR_TRUSTED
  }
  // An owner that is held makes bpf_refcount_acquire succeed.
  const mayFail = flag(facts, 'ret_null') && !(kfunc.name === 'bpf_refcount_acquire_impl' && facts.owningRef)
  if (mayFail) {
    reg.type |= PTR_MAYBE_NULL
    reg.id = env.newId()
  }
  if (acquire) {
    const reference = env.acquireReference(RefType.PTR)
    if (mayFail) reg.id = reference
    reg.refObjId = reference
  } else if (facts.root && special) setNonOwning(env, reg)
  if (!reg.id && hasField(recordOf(env, reg), 'spin_lock', 'res_spin_lock')) reg.id = env.newId()
  regs[0] = reg
}

/** Of a lock that may fail: the path on which it was not taken. */
function pushFailedLock(env: Env, slot: number): void {
  const { regs } = env.pushPath(slot + 1, slot).frame
  for (let i = 1; i <= 5; i++) regs[i] = NOT_INIT
  const error = UNKNOWN_SCALAR.clone()
  error.smin = w.fromS32(-MAX_ERRNO)
  error.s32min = -MAX_ERRNO
  error.smax = w.fromS32(-1)
  error.s32max = -1
  env.sync(error)
  env.sanity(error, 's32_range')
  regs[0] = error
}

/** check_kfunc_call. */
export function checkKfuncCall(env: Env, slot: number): void {
  // Fine as long as nothing reaches it; see checkLeftOver.
  if (env.insns.imm[slot] === 0 && env.insns.off[slot] === 0) return
  const name = kfuncAt(env, slot)
  const kfunc = findKfunc(env, slot)
  if (!kfunc) return env.missing(`kfunc ${name || 'of a module'}`)
  if (kfunc.allowed === undefined) return env.missing(`condition of kfunc ${name}`)
  if (!env.kernel.trustedPointers) return callKfuncByBtf(env, kfunc)
  if (!kfunc.allowed) env.reject(`calling kernel function ${name} is not allowed`, EACCES)
  // Compilers call it where they found what has no defined behaviour.
  if (name === '__bpf_trap') env.reject('unexpected __bpf_trap() due to uninitialized variable?')
  if (kfunc.flags.includes('rcu_protected') && !kfunc.flags.includes('iter_new')) return env.missing(`kfunc ${name}`)
  env.isIterNext[slot] = isIterNext(kfunc) ? 1 : 0
  if (resLockKfuncs[name]?.acquire) pushFailedLock(env, slot)
  if (kfunc.flags.includes('sleepable') && !env.sleepable)
    env.reject(`program must be sleepable to call sleepable kfunc ${name}`, EACCES)
  const facts: Facts = {
    kfunc,
    btf: env.kernelBtf!,
    refObjId: 0,
    releaseRegno: 0,
    constant: undefined,
    r0Size: 0,
    r0Rdonly: false,
    map: undefined,
    dynptr: undefined,
    iterator: undefined,
    root: undefined,
    argBtf: undefined,
    argBtfId: 0,
    owningRef: false,
    subprogno: 0,
  }
  checkArgs(env, facts)
  const label = `${name}#${kfunc.id}`
  const callback = callbackKinds[name]
  if (callback) {
    try {
      pushCallback(env, slot, facts.subprogno, callback)
    } catch (error) {
      if (error instanceof Rejection) env.say(`kfunc ${label} failed callback verification\n`)
      throw error
    }
  }
  if (name === 'bpf_session_cookie') {
    facts.r0Size = 8
    facts.r0Rdonly = false
  }
  env.frame.writtenRegs |= 0x3f
  trackSections(env, kfunc)
  if (env.state.activeIrqId && kfunc.flags.includes('sleepable'))
    env.reject(`kernel func ${name} is sleepable within IRQ-disabled region`, EACCES)
  if (facts.releaseRegno && !releaseReference(env, env.reg(facts.releaseRegno).refObjId))
    env.reject(`kfunc ${label} reference has not been acquired before`)
  if (name === 'bpf_list_push_front_impl' || name === 'bpf_list_push_back_impl' || name === 'bpf_rbtree_add_impl')
    if (!giveAway(env, env.reg(2).refObjId)) env.reject(`kfunc ${label} conversion of owning ref to non-owning failed`)
  if (name === 'bpf_throw' && !env.exceptionCallback) checkReturnCode(env, 1)
  for (let i = 0; i <= 5; i++) env.regs[i] = NOT_INIT
  setResult(env, facts)
  if (name === 'bpf_xdp_pull_data') clearPacketPointers(env)
  if (facts.iterator && isIterNext(kfunc)) advanceIterator(env, facts.iterator)
}
