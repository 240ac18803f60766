/** Special fields of values: timers, task work, and pointers to kernel objects kept in maps (kptrs). */
import * as op from '../../../assembler/isa/opcodes.js'
import { baseType, RegType, TypeFlag, typeFlags } from '../../kernel/reg-types.js'
import { EACCES, type Env } from '../env.js'
import { markChainPrecision } from '../explore/precision.js'
import { regTypeName } from '../log/print-state.js'
import {
  type BtfRecord,
  fieldOffset,
  fieldTypeNames,
  findField,
  hasField,
  type RecordField,
  structMeta,
} from '../state/btf-record.js'
import { isAllocatedObject, isNullScalar, pointer, type RegState } from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { structIdsMatch } from './btf-access.js'
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

/** check_map_field_pointer: a field of a map's value that must be given with its map. */
export function processMapField(env: Env, regno: number, kind: 'timer' | 'task_work'): void {
  const reg = env.reg(regno)
  const map = reg.map!
  const name = fieldTypeNames[kind]
  if (!t.isConst(reg.varOff)) env.reject(`R${regno} doesn't have constant offset. ${name} has to be at the constant offset`)
  if (!map.hasBtf) env.reject(`map '${map.name}' has to have BTF in order to use ${name}`)
  if (!hasField(map.record, kind)) env.reject(`map '${map.name}' has no valid ${name}`)
  const place = fieldOffset(map.record, kind)
  const off = w.toSigned(reg.varOff.value) + reg.off
  if (off !== place) env.reject(`off ${off} doesn't point to 'struct ${name}' that is at ${place}`)
}
