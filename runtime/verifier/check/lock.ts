/** Locks in values of maps and allocated objects (kernel/bpf/verifier.c: process_spin_lock). */
import { RegType } from '../../kernel/reg-types.js'
import type { Env } from '../env.js'
import { fieldOffset, hasField } from '../state/btf-record.js'
import { mapRegisters, RefType } from '../state/frames.js'
import { isNonOwningRef } from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { recordOf } from './kptr.js'

/** What a call does to a lock, by the type of the reference that it takes or gives back. */
export interface LockCall {
  readonly acquire: boolean
  readonly type: (typeof RefType)['LOCK' | 'RES_LOCK' | 'RES_LOCK_IRQ']
}

const RES_LOCKS: readonly number[] = [RefType.RES_LOCK, RefType.RES_LOCK_IRQ]
const LOCKS: readonly number[] = [RefType.LOCK, ...RES_LOCKS]
export const isLock = (type: number): boolean => LOCKS.includes(type)

/** Resilient locks (6.15): they may fail, and several may be held at once. */
export const resLockKfuncs: Readonly<Record<string, LockCall>> = {
  bpf_res_spin_lock: { acquire: true, type: RefType.RES_LOCK },
  bpf_res_spin_unlock: { acquire: false, type: RefType.RES_LOCK },
  bpf_res_spin_lock_irqsave: { acquire: true, type: RefType.RES_LOCK_IRQ },
  bpf_res_spin_unlock_irqrestore: { acquire: false, type: RefType.RES_LOCK_IRQ },
}

/** process_spin_lock. */
export function processSpinLock(env: Env, regno: number, { acquire, type }: LockCall): void {
  const reg = env.reg(regno)
  const { state } = env
  const resilient = type !== RefType.LOCK
  const name = resilient ? 'bpf_res_spin' : 'bpf_spin'
  if (!t.isConst(reg.varOff)) env.reject(`R${regno} doesn't have constant offset. ${name}_lock has to be at the constant offset`)
  const map = reg.type === RegType.PTR_TO_MAP_VALUE ? reg.map! : undefined
  if (map && !map.hasBtf) env.reject(`map '${map.name}' has to have BTF in order to use ${name}_lock`)
  const record = recordOf(env, reg)
  const field = resilient ? 'res_spin_lock' : 'spin_lock'
  if (!hasField(record, field)) env.reject(`${map ? 'map' : 'local'} '${map ? map.name : 'kptr'}' has no valid ${name}_lock`)
  const place = fieldOffset(record, field)
  const off = w.toSigned(reg.varOff.value) + reg.off
  if (off !== place) env.reject(`off ${off} doesn't point to 'struct ${name}_lock' that is at ${place}`)
  const owner: object = map ?? reg.btf!
  if (acquire) {
    if (!resilient && state.activeLocks) env.reject('Locking two bpf_spin_locks are not allowed')
    if (resilient && state.refs.some(ref => RES_LOCKS.includes(ref.type) && ref.id === reg.id && ref.owner === owner))
      env.reject('Acquiring the same lock again, AA deadlock detected')
    env.acquireReference(type, owner, reg.id)
    state.activeLocks++
    state.activeLockId = reg.id
    state.activeLockOwner = owner
    return
  }
  if (!state.activeLocks) env.reject(`${name}_unlock without taking a lock`)
  const held = state.refs.findIndex(ref => ref.type === type && ref.id === reg.id && ref.owner === owner)
  if (held < 0) env.reject(`${name}_unlock of different lock`)
  if (reg.id !== state.activeLockId || owner !== state.activeLockOwner) env.reject(`${name}_unlock cannot be out of order`)
  const before = state.refs.slice(0, held).findLast(ref => isLock(ref.type))
  state.refs = state.refs.filter((_, i) => i !== held)
  state.activeLocks--
  state.activeLockId = before?.id ?? 0
  state.activeLockOwner = before?.owner
  invalidateNonOwning(env)
}

/** invalidate_non_owning_refs: they lived as long as the lock was held. */
export function invalidateNonOwning(env: Env): void {
  mapRegisters(env.state, reg => (isNonOwningRef(reg.type) ? env.stale : reg))
}
