/** Special fields of values: locks, timers, and pointers to kernel objects kept in maps (kptrs). */
import * as op from '../../../assembler/isa/opcodes.js'
import { baseType, RegType, TypeFlag, typeFlags } from '../../kernel/reg-types.js'
import { EACCES, type Env } from '../env.js'
import { markChainPrecision } from '../explore/precision.js'
import { regTypeName } from '../log/print-state.js'
import { type BtfRecord, fieldOffset, findField, hasField, type RecordField, structMeta } from '../state/btf-record.js'
import { mapRegisters, RefType } from '../state/frames.js'
import { isAllocatedObject, isNonOwningRef, isNullScalar, pointer, type RegState } from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { structIdsMatch } from './btf-access.js'
import { inTreeCallback } from './graph.js'
import type { CallMeta } from './helper-args.js'
import { checkPointerOffset } from './memory.js'

/** reg_btf_record: the special fields of what a pointer points to. */
export function recordOf(env: Env, reg: RegState): BtfRecord | undefined {
  if (reg.type === RegType.PTR_TO_MAP_VALUE) return reg.map!.record
  if (isAllocatedObject(reg.type)) return structMeta(reg.btf!, reg.btfId, env.kernelBtf)
  return undefined
}

/** Objects whose release waits for an RCU grace period (rcu_protected_types). */
const rcuProtected = new Set(['prog_test_ref_kfunc', 'cgroup', 'bpf_cpumask', 'task_struct', 'bpf_crypto_ctx'])

function loadType(env: Env, field: RecordField): number {
  const kernelType = field.btf!.kernel
  const safe =
    field.kind === 'kptr_percpu' ||
    (field.kind === 'kptr_ref' && (!kernelType || rcuProtected.has(field.btf!.name(field.btfId!))))
  if (!safe || !env.inRcuSection || !env.kernel.rcuKptrs) return TypeFlag.PTR_MAYBE_NULL | TypeFlag.PTR_UNTRUSTED
  let type: number = TypeFlag.PTR_MAYBE_NULL | TypeFlag.MEM_RCU
  if (field.kind === 'kptr_percpu') type |= TypeFlag.MEM_PERCPU
  else if (!kernelType) type |= TypeFlag.MEM_ALLOC
  const record = kernelType ? undefined : structMeta(field.btf!, field.btfId!, env.kernelBtf)
  if (hasField(record, 'list_node', 'rb_node')) type |= TypeFlag.NON_OWN_REF
  return type
}

/** check_map_kptr_access: plain loads and stores of a kptr field. */
export function checkKptrAccess(env: Env, valueRegno: number, field: RecordField): void {
  const code = env.insns.code[env.insnIdx]!
  if ((code & 0xe0) !== op.BPF_MEM) env.reject('kptr in map can only be accessed using BPF_MEM instruction mode', EACCES)
  const kind = code & 7
  if (kind !== op.BPF_LDX && (field.kind === 'kptr_ref' || field.kind === 'kptr_percpu'))
    env.reject('store to referenced kptr disallowed', EACCES)
  if (kind !== op.BPF_LDX && field.kind === 'uptr') env.reject('store to uptr disallowed', EACCES)
  if (kind === op.BPF_LDX) {
    if (field.kind === 'uptr') {
      const reg = pointer(RegType.PTR_TO_MEM | TypeFlag.PTR_MAYBE_NULL)
      reg.memSize = field.btf!.size(field.btfId!) ?? 0
      reg.id = env.newId()
      env.regs[valueRegno] = reg
      return
    }
    const reg = pointer(RegType.PTR_TO_BTF_ID | loadType(env, field))
    reg.btf = field.btf
    reg.btfId = field.btfId!
    reg.id = env.newId()
    env.regs[valueRegno] = reg
  } else if (kind === op.BPF_STX) {
    const value = env.reg(valueRegno)
    if (isNullScalar(value)) return markChainPrecision(env, valueRegno)
    matchKptrType(env, field, value, valueRegno)
  } else if (kind === op.BPF_ST) {
    if (env.insns.imm[env.insnIdx]) env.reject(`BPF_ST imm must be 0 when storing to kptr at off=${field.offset}`, EACCES)
  } else env.reject('kptr in map can only be accessed using BPF_LDX/BPF_STX/BPF_ST', EACCES)
}

/** map_kptr_match_type. */
export function matchKptrType(env: Env, field: RecordField, reg: RegState, regno: number): void {
  const target = field.btf!.name(field.btfId!)
  let name = ''
  const matches = (): boolean => {
    if (baseType(reg.type) !== RegType.PTR_TO_BTF_ID) return false
    let allowed: number
    if (reg.btf!.kernel) {
      allowed = TypeFlag.PTR_MAYBE_NULL | TypeFlag.PTR_TRUSTED | TypeFlag.MEM_RCU
      if (field.kind === 'kptr_unref') allowed |= TypeFlag.PTR_UNTRUSTED
    } else {
      allowed = TypeFlag.PTR_MAYBE_NULL | TypeFlag.MEM_ALLOC
      if (field.kind === 'kptr_percpu') allowed |= TypeFlag.MEM_PERCPU
    }
    if (typeFlags(reg.type) & ~allowed) return false
    if ((field.kind === 'kptr_percpu') !== ((reg.type & TypeFlag.MEM_PERCPU) !== 0)) return false
    name = reg.btf!.name(reg.btfId)
    checkPointerOffset(env, reg, regno, true)
    return structIdsMatch(
      env,
      reg.btf!,
      reg.btfId,
      reg.off,
      field.btf!,
      field.btfId!,
      field.kind !== 'kptr_unref',
      !(reg.type & TypeFlag.MEM_ALLOC),
    )
  }
  if (matches()) return
  const plain = regTypeName(RegType.PTR_TO_BTF_ID)
  const or = field.kind === 'kptr_unref' ? ` or ${regTypeName(RegType.PTR_TO_BTF_ID | TypeFlag.PTR_UNTRUSTED)}${target}` : ''
  env.reject(`invalid kptr access, R${regno} type=${regTypeName(reg.type)}${name} expected=${plain}${target}${or}`)
}

/** process_kptr_func: the destination of bpf_kptr_xchg. */
export function processKptr(env: Env, regno: number, meta: CallMeta): void {
  const reg = env.reg(regno)
  let record: BtfRecord | undefined
  if (isAllocatedObject(reg.type)) record = recordOf(env, reg)
  else {
    const map = reg.map!
    if (!map.hasBtf) env.reject(`map '${map.name}' has to have BTF in order to use bpf_kptr_xchg`)
    record = map.record
    meta.map = map
  }
  if (!t.isConst(reg.varOff)) env.reject(`R${regno} doesn't have constant offset. kptr has to be at the constant offset`)
  if (!hasField(record, 'kptr_unref', 'kptr_ref', 'kptr_percpu')) env.reject(`R${regno} has no valid kptr`)
  const off = reg.off + w.toSigned(reg.varOff.value)
  const field = findField(record, off, ['kptr_unref', 'kptr_ref', 'kptr_percpu'])
  if (!field) env.reject(`off=${off} doesn't point to kptr`, EACCES)
  if (field.kind === 'kptr_unref') env.reject(`off=${off} kptr isn't referenced kptr`, EACCES)
  meta.kptr = field
}

/** process_spin_lock. */
export function processSpinLock(env: Env, regno: number, lock: boolean): void {
  const reg = env.reg(regno)
  const { state } = env
  if (inTreeCallback(env)) env.reject("can't spin_{lock,unlock} in rbtree cb", EACCES)
  if (!t.isConst(reg.varOff)) env.reject(`R${regno} doesn't have constant offset. bpf_spin_lock has to be at the constant offset`)
  const map = reg.type === RegType.PTR_TO_MAP_VALUE ? reg.map! : undefined
  if (map && !map.hasBtf) env.reject(`map '${map.name}' has to have BTF in order to use bpf_spin_lock`)
  const record = recordOf(env, reg)
  if (!hasField(record, 'spin_lock'))
    env.reject(`${map ? 'map' : 'local'} '${map ? map.name : 'kptr'}' has no valid bpf_spin_lock`)
  const place = fieldOffset(record, 'spin_lock')
  const off = w.toSigned(reg.varOff.value) + reg.off
  if (off !== place) env.reject(`off ${off} doesn't point to 'struct bpf_spin_lock' that is at ${place}`)
  const owner: object = map ?? reg.btf!
  if (lock) {
    if (state.activeLocks) env.reject('Locking two bpf_spin_locks are not allowed')
    env.acquireReference(RefType.LOCK, owner, reg.id)
    state.activeLocks++
    state.activeLockId = reg.id
    state.activeLockOwner = owner
    return
  }
  if (!state.activeLocks) env.reject('bpf_spin_unlock without taking a lock')
  const held = state.refs.findIndex(ref => ref.type === RefType.LOCK && ref.id === reg.id && ref.owner === owner)
  if (held < 0) env.reject('bpf_spin_unlock of different lock')
  state.refs = state.refs.filter((_, i) => i !== held)
  state.activeLocks--
  state.activeLockId = 0
  state.activeLockOwner = undefined
  invalidateNonOwning(env)
}

/** invalidate_non_owning_refs: they lived as long as the lock was held. */
export function invalidateNonOwning(env: Env): void {
  mapRegisters(env.state, reg => (isNonOwningRef(reg.type) ? env.stale : reg))
}

/** process_timer_func. */
export function processTimer(env: Env, regno: number, meta: CallMeta): void {
  const reg = env.reg(regno)
  const map = reg.map!
  if (!t.isConst(reg.varOff)) env.reject(`R${regno} doesn't have constant offset. bpf_timer has to be at the constant offset`)
  if (!map.hasBtf) env.reject(`map '${map.name}' has to have BTF in order to use bpf_timer`)
  if (!hasField(map.record, 'timer')) env.reject(`map '${map.name}' has no valid bpf_timer`)
  const place = fieldOffset(map.record, 'timer')
  const off = w.toSigned(reg.varOff.value) + reg.off
  if (off !== place) env.reject(`off ${off} doesn't point to 'struct bpf_timer' that is at ${place}`)
  meta.mapUid = reg.mapUid
  meta.map = map
}
