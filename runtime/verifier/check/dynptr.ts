/** Dynptrs on the stack and in registers (kernel/bpf/verifier.c: process_dynptr_func and its kin). */
import { ArgType, RegType, TypeFlag } from '../../kernel/reg-types.js'
import { type Env, EFAULT } from '../env.js'
import { dynptrTypeName } from '../log/print-state.js'
import { allTypes, EMPTY_SLOT, type FuncState, RefType, Slot, StackSlot, typeAt } from '../state/frames.js'
import { DynptrType, pointer, type RegState } from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { checkMemAccess } from './memory.js'
import { destroyDynptr, spiOf } from './stack.js'

const kinds: readonly (readonly [number, number])[] = [
  [TypeFlag.DYNPTR_TYPE_LOCAL, DynptrType.LOCAL],
  [TypeFlag.DYNPTR_TYPE_RINGBUF, DynptrType.RINGBUF],
  [TypeFlag.DYNPTR_TYPE_SKB, DynptrType.SKB],
  [TypeFlag.DYNPTR_TYPE_XDP, DynptrType.XDP],
  [TypeFlag.DYNPTR_TYPE_SKB_META, DynptrType.SKB_META],
  [TypeFlag.DYNPTR_TYPE_FILE, DynptrType.FILE],
]
const kindOfFlags = (type: number): number => kinds.find(([flag]) => type & flag)?.[1] ?? DynptrType.INVALID
export const flagOfKind = (kind: number): number => kinds.find(([, value]) => value === kind)?.[0] ?? 0

export const isRefcounted = (kind: number): boolean => kind === DynptrType.RINGBUF || kind === DynptrType.FILE

/** stack_slot_obj_get_spi: index of the slot an object starts at; -1 where it is refused, -2 where that stack is not in use yet. */
export function objectSlot(env: Env, reg: RegState, kind: string, slots: number): number {
  if (!t.isConst(reg.varOff)) {
    env.say(`${kind} has to be at a constant offset\n`)
    return -1
  }
  const off = reg.off + w.toSigned(reg.varOff.value)
  const spi = spiOf(off)
  if (off % 8 || spi + 1 < slots) {
    env.say(`cannot pass in ${kind} at an offset=${off}\n`)
    return -1
  }
  return spi - slots + 1 >= 0 && spi < env.frameOf(reg).stack.length ? spi : -2
}

/** Index of the slot a dynptr starts at as kernels before 6.3 see it, by the fixed offset alone; -1 where that stack is not in use. */
function plainSlot(env: Env, reg: RegState): number {
  const spi = spiOf(reg.off)
  return spi >= 1 && spi < env.frameOf(reg).stack.length ? spi : -1
}

/** is_dynptr_reg_valid_init, before 6.3. */
export function dynptrIsSet(env: Env, reg: RegState): boolean {
  const spi = plainSlot(env, reg)
  if (spi < 0) return false
  const { stack } = env.frameOf(reg)
  return (
    stack[spi]!.spilled.dynptrFirst &&
    stack[spi]!.types === allTypes(Slot.DYNPTR) &&
    stack[spi - 1]!.types === allTypes(Slot.DYNPTR)
  )
}

export const dynptrIsLocal = (env: Env, reg: RegState): boolean =>
  env.frameOf(reg).stack[plainSlot(env, reg)]?.spilled.dynptrType === DynptrType.LOCAL

/** Dynptr arguments before 6.3 (check_func_arg, mark_stack_slots_dynptr of 6.1). */
function processPlainDynptr(env: Env, regno: number, argType: number): void {
  const reg = env.reg(regno)
  if (reg.type === RegType.CONST_PTR_TO_DYNPTR) return
  const frame = env.frameOf(reg)
  const spi = plainSlot(env, reg)
  if (argType & TypeFlag.MEM_UNINIT) {
    const taken = (slot: number) => frame.stack[slot]!.types.toString(16).includes(String(Slot.DYNPTR))
    if (spi >= 0 && (taken(spi) || taken(spi - 1))) env.reject('Dynptr has to be an uninitialized dynptr')
    checkMemAccess(env, regno, 0, 8, 'write', -1, false, false)
    checkMemAccess(env, regno, 8, 8, 'write', -1, false, false)
    markSlots(env, env.reg(regno), argType, 0)
    return
  }
  if (!dynptrIsSet(env, reg)) env.reject(`Expected an initialized dynptr as arg #${regno}`)
  if (argType === ArgType.PTR_TO_DYNPTR) return
  const kind = kindOfFlags(argType)
  const name = kind === DynptrType.LOCAL || kind === DynptrType.RINGBUF ? dynptrTypeName(kind) : '<unknown>'
  if (frame.stack[spi]!.spilled.dynptrType !== kind) env.reject(`Expected a dynptr of type ${name} as arg #${regno}`)
}

/** State of the dynptr an argument stands for; undefined where there is none. */
export function dynptrOf(env: Env, reg: RegState): RegState | undefined {
  if (reg.type === RegType.CONST_PTR_TO_DYNPTR) return reg
  if (!env.kernel.guardedDynptrs) return env.frameOf(reg).stack[plainSlot(env, reg)]?.spilled
  const spi = objectSlot(env, reg, 'dynptr', 2)
  return spi < 0 ? undefined : env.frameOf(reg).stack[spi]!.spilled
}

/** __mark_dynptr_reg. */
export function dynptrRegister(kind: number, first: boolean, id: number): RegState {
  const reg = pointer(RegType.CONST_PTR_TO_DYNPTR)
  reg.id = id
  reg.dynptrType = kind
  reg.dynptrFirst = first
  return reg
}

function validInit(env: Env, reg: RegState): boolean {
  if (reg.type === RegType.CONST_PTR_TO_DYNPTR) return true
  const spi = objectSlot(env, reg, 'dynptr', 2)
  if (spi < 0) return false
  const { stack } = env.frameOf(reg)
  return (
    stack[spi]!.types === allTypes(Slot.DYNPTR) &&
    stack[spi - 1]!.types === allTypes(Slot.DYNPTR) &&
    stack[spi]!.spilled.dynptrFirst
  )
}

/** process_dynptr_func. */
export function processDynptr(env: Env, regno: number, argType: number, cloneRefObjId: number): void {
  if (!env.kernel.guardedDynptrs) return processPlainDynptr(env, regno, argType)
  const reg = env.reg(regno)
  if (reg.type !== RegType.PTR_TO_STACK && reg.type !== RegType.CONST_PTR_TO_DYNPTR)
    env.reject(`arg#${regno - 1} expected pointer to stack or const struct bpf_dynptr`)
  if (argType & TypeFlag.MEM_UNINIT) {
    const spi = reg.type === RegType.CONST_PTR_TO_DYNPTR ? -1 : objectSlot(env, reg, 'dynptr', 2)
    if (spi === -1) env.reject('Dynptr has to be an uninitialized dynptr')
    checkMemAccess(env, regno, 0, 8, 'write', -1, false, false)
    checkMemAccess(env, regno, 8, 8, 'write', -1, false, false)
    markSlots(env, env.reg(regno), argType, cloneRefObjId)
    return
  }
  if (reg.type === RegType.CONST_PTR_TO_DYNPTR && !(argType & TypeFlag.MEM_RDONLY))
    env.reject('cannot pass pointer to const bpf_dynptr, the helper mutates it')
  if (!validInit(env, reg)) env.reject(`Expected an initialized dynptr as arg #${regno - 1}`)
  const wanted = argType & ~TypeFlag.MEM_RDONLY
  const state = dynptrOf(env, reg)!
  if (wanted !== ArgType.PTR_TO_DYNPTR && (wanted & ~TypeFlag.OBJ_RELEASE) !== ArgType.PTR_TO_DYNPTR) {
    if (state.dynptrType !== kindOfFlags(argType))
      env.reject(`Expected a dynptr of type ${dynptrTypeName(kindOfFlags(argType))} as arg #${regno - 1}`)
  } else if (wanted !== ArgType.PTR_TO_DYNPTR && state.dynptrType !== kindOfFlags(argType))
    env.reject(`Expected a dynptr of type ${dynptrTypeName(kindOfFlags(argType))} as arg #${regno - 1}`)
  if (reg.type === RegType.PTR_TO_STACK) {
    const spi = objectSlot(env, reg, 'dynptr', 2)
    env.liveStack.markRead(env, reg.frameno, env.insnIdx, spi)
    env.liveStack.markRead(env, reg.frameno, env.insnIdx, spi - 1)
    env.touchSlot(spi)
    env.touchSlot(spi - 1)
  }
}

/** mark_stack_slots_dynptr. */
function markSlots(env: Env, reg: RegState, argType: number, cloneRefObjId: number): void {
  const frame = env.frameOf(reg)
  const spi = env.kernel.guardedDynptrs ? objectSlot(env, reg, 'dynptr', 2) : plainSlot(env, reg)
  if (spi < 0) env.fail('dynptr out of the stack')
  destroyDynptr(env, frame, spi)
  destroyDynptr(env, frame, spi - 1)
  const kind = kindOfFlags(argType)
  if (kind === DynptrType.INVALID) env.fail('dynptr of no type')
  const id = env.kernel.guardedDynptrs ? env.newId() : 0
  const first = dynptrRegister(kind, true, id)
  const second = dynptrRegister(kind, false, id)
  if (isRefcounted(kind)) first.refObjId = second.refObjId = cloneRefObjId || env.acquireReference(RefType.PTR)
  frame.setSlot(spi, new StackSlot(allTypes(Slot.DYNPTR), first))
  frame.setSlot(spi - 1, new StackSlot(allTypes(Slot.DYNPTR), second))
  env.touchSlot(spi)
  env.touchSlot(spi - 1)
  env.liveStack.markWrite(env, frame.frameno, spi)
  env.liveStack.markWrite(env, frame.frameno, spi - 1)
}

function invalidate(env: Env, frame: FuncState, spi: number): void {
  frame.setSlot(spi, EMPTY_SLOT)
  frame.setSlot(spi - 1, EMPTY_SLOT)
  env.liveStack.markWrite(env, frame.frameno, spi)
  env.liveStack.markWrite(env, frame.frameno, spi - 1)
}

/** unmark_stack_slots_dynptr: a submit or discard ends the dynptr and all its clones. `release` drops the reference. */
export function unmarkDynptr(env: Env, reg: RegState, release: (refObjId: number) => void): void {
  const frame = env.frameOf(reg)
  const spi = env.kernel.guardedDynptrs ? objectSlot(env, reg, 'dynptr', 2) : plainSlot(env, reg)
  if (spi < 0) env.fail('no dynptr')
  const state = frame.stack[spi]!.spilled
  if (!isRefcounted(state.dynptrType)) return invalidate(env, frame, spi)
  const { refObjId } = state
  release(refObjId)
  if (!env.kernel.guardedDynptrs) return invalidate(env, frame, spi)
  for (let i = 1; i < frame.stack.length; i++) {
    const slot = frame.stack[i]!
    if (slot.spilled.refObjId !== refObjId) continue
    if (typeAt(slot, 0) !== Slot.DYNPTR) env.reject('verifier internal error: misconfigured ref_obj_id', EFAULT)
    if (slot.spilled.dynptrFirst) invalidate(env, frame, i)
  }
}
