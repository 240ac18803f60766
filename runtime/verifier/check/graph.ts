/** Lists and trees of allocated objects: their heads, nodes and the references to what is in them. */
import { RegType, TypeFlag } from '../../kernel/reg-types.js'
import { EFAULT, type Env } from '../env.js'
import { kfuncAt } from '../explore/callbacks.js'
import {
  type FieldKind,
  fieldOffset,
  fieldTypeNames,
  findField,
  hasField,
  type RecordField,
  structMeta,
} from '../state/btf-record.js'
import { mapRegisters, RefType } from '../state/frames.js'
import { pointer, type RegState } from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { structIdsMatch } from './btf-access.js'
import { recordOf } from './kptr.js'
import { isLock } from './lock.js'

const ALLOCATED = RegType.PTR_TO_BTF_ID | TypeFlag.MEM_ALLOC
const rbtreeApi = /^bpf_rbtree_(add_impl|add|remove|first|root|left|right)$/

/** in_rbtree_lock_required_cb: inside a comparison function of a tree. */
export function inTreeCallback(env: Env): boolean {
  const { frames } = env.state
  for (let i = frames.length - 1; i > 0; i--)
    if (frames[i]!.inCallbackFn && rbtreeApi.test(kfuncAt(env, frames[i]!.callsite))) return true
  return false
}

/** A pointer to the node of an element (mark_reg_graph_node). */
export function nodePointer(root: RecordField): RegState {
  const reg = pointer(ALLOCATED)
  reg.btf = root.btf
  reg.btfId = root.valueBtfId!
  reg.off = root.nodeOffset!
  return reg
}

/** ref_set_non_owning: the register refers to something that the structure owns. Changes `reg`. */
export function setNonOwning(env: Env, reg: RegState): void {
  if (!env.state.activeLocks) env.reject('verifier internal error: ref_set_non_owning w/o active lock', EFAULT)
  if (reg.type & TypeFlag.NON_OWN_REF) env.reject('verifier internal error: NON_OWN_REF already set', EFAULT)
  const record = structMeta(reg.btf!, reg.btfId, env.kernelBtf)
  reg.type |= TypeFlag.NON_OWN_REF
  if (hasField(record, 'refcount')) reg.type |= TypeFlag.MEM_RCU
}

/** ref_convert_owning_non_owning, then release: what was added belongs to the structure now. False where nothing was held. */
export function giveAway(env: Env, refObjId: number): boolean {
  if (!refObjId || !env.state.refs.some(ref => ref.type === RefType.PTR && ref.id === refObjId)) return false
  mapRegisters(env.state, reg => {
    if (reg.refObjId !== refObjId) return reg
    const copy = reg.clone()
    copy.refObjId = 0
    setNonOwning(env, copy)
    return copy
  })
  return env.releaseReference(refObjId)
}

/** check_reg_allocation_locked. */
function allocationLocked(env: Env, reg: RegState): boolean {
  const { state } = env
  const owner: object = reg.type === RegType.PTR_TO_MAP_VALUE ? reg.map! : reg.btf!
  if (!state.activeLocks) return false
  if (state.refs.some(ref => isLock(ref.type) && ref.id === reg.id && ref.owner === owner)) return true
  env.say('held lock and object are not in the same allocation\n')
  return false
}

/** Root argument (process_kf_arg_ptr_to_list_head and its twin). */
export function processRoot(env: Env, arg: number, kind: 'list_head' | 'rb_root'): RecordField {
  const regno = arg + 1
  const reg = env.reg(regno)
  if (reg.type !== RegType.PTR_TO_MAP_VALUE && reg.type !== ALLOCATED)
    env.reject(`arg#${arg} expected pointer to map value or allocated object`)
  if (reg.type === ALLOCATED && !reg.refObjId) env.reject('allocated object must be referenced')
  const name = fieldTypeNames[kind]
  if (!t.isConst(reg.varOff)) env.reject(`R${regno} doesn't have constant offset. ${name} has to be at the constant offset`)
  const record = recordOf(env, reg)
  const off = reg.off + w.toSigned(reg.varOff.value)
  const field = findField(record, off, [kind])
  if (!field) env.reject(`${name} not found at offset=${off >>> 0}`)
  if (!allocationLocked(env, reg)) env.reject(`bpf_spin_lock at off=${fieldOffset(record, 'spin_lock')} must be held for ${name}`)
  return field
}

/** Node argument, once its register was looked at (__process_kf_arg_ptr_to_graph_node). */
export function processNode(env: Env, arg: number, root: RecordField, head: FieldKind, node: FieldKind): void {
  const regno = arg + 1
  const reg = env.reg(regno)
  const name = fieldTypeNames[node]
  if (!t.isConst(reg.varOff)) env.reject(`R${regno} doesn't have constant offset. ${name} has to be at the constant offset`)
  const off = reg.off + w.toSigned(reg.varOff.value)
  if (!findField(recordOf(env, reg), off, [node])) env.reject(`${name} not found at offset=${off >>> 0}`)
  const element = root.btf!.name(root.valueBtfId!)
  if (!structIdsMatch(env, reg.btf!, reg.btfId, 0, root.btf!, root.valueBtfId!, true, !(reg.type & TypeFlag.MEM_ALLOC)))
    env.reject(
      `operation on ${fieldTypeNames[head]} expects arg#1 ${name} at offset=${root.nodeOffset} ` +
        `in struct ${element}, but arg is at offset=${off} in struct ${reg.btf!.name(reg.btfId)}`,
    )
  if (off !== root.nodeOffset)
    env.reject(`arg#1 offset=${off}, but expected ${name} at offset=${root.nodeOffset} in struct ${element}`)
}
