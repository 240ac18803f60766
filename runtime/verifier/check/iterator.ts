/** Open-coded iterators on the stack: new, next, destroy (kernel/bpf/verifier.c: process_iter_arg, process_iter_next_call). */
import { RegType, TypeFlag } from '../../kernel/reg-types.js'
import { EFAULT, type Env } from '../env.js'
import { findPreviousEntry, sameCallsites, widenImpreciseScalars } from '../explore/loops.js'
import { allTypes, EMPTY_SLOT, type FuncState, RefType, Slot, StackSlot, type VerifierState } from '../state/frames.js'
import { IterState, knownScalar, pointer, type RegState } from '../state/registers.js'
import * as w from '../state/u64.js'
import { asNotNull } from './branch.js'
import { releaseReference } from './call.js'
import { objectSlot } from './dynptr.js'
import type { Kfunc } from './kfunc-meta.js'
import { checkMemAccess } from './memory.js'

/** Where the iterator of a call stands. */
export interface IterPlace {
  readonly frameno: number
  readonly spi: number
}

/** btf_check_iter_arg: the struct of an iterator, `struct bpf_iter_<type>`; 0 where the argument is none. */
function iteratorStruct(env: Env, kfunc: Kfunc, arg: number): number {
  const btf = env.kernelBtf!
  const pointee = btf.pointee(kfunc.proto.params[arg]!.type)
  if (pointee === undefined) return 0
  const id = btf.skipModifiers(pointee)
  const struct = btf.struct(id)
  return struct?.name.startsWith('bpf_iter_') && struct.size > 0 && struct.size % 8 === 0 ? id : 0
}

/** What an initialized iterator lacks: nothing, being one at all, or RCU protection. */
function initFault(frame: FuncState, spi: number, slots: number, env: Env, id: number): 'none' | 'not-one' | 'no-rcu' {
  for (let i = 0; i < slots; i++) {
    const slot = frame.stack[spi - i]!
    const { spilled } = slot
    if (spilled.type & TypeFlag.PTR_UNTRUSTED) return 'no-rcu'
    if ((i === 0) !== (spilled.refObjId !== 0)) return 'not-one'
    if (spilled.btf !== env.kernelBtf || spilled.btfId !== id) return 'not-one'
    if (slot.types !== allTypes(Slot.ITER)) return 'not-one'
  }
  return 'none'
}

/** process_iter_arg; gives the iterator's place and reference. */
export function processIterator(env: Env, kfunc: Kfunc, arg: number): { place: IterPlace; refObjId: number } | undefined {
  const regno = arg + 1
  const reg = env.reg(regno)
  const btf = env.kernelBtf!
  if (reg.type !== RegType.PTR_TO_STACK) env.reject(`arg#${arg} expected pointer to an iterator on stack`)
  const id = iteratorStruct(env, kfunc, arg)
  if (!id) env.reject(`expected valid iter pointer as arg #${arg}`)
  const label = `iter_${btf.name(id).slice(9)}`
  const slots = btf.struct(id)!.size / 8
  if (kfunc.flags.includes('iter_new')) {
    const spi = objectSlot(env, reg, 'iter', slots)
    const used = (): boolean => {
      const { stack } = env.frameOf(reg)
      for (let i = 0; i < slots; i++)
        for (let j = 0; j < 8; j++) if (((stack[spi - i]!.types >>> (j * 4)) & 15) === Slot.ITER) return true
      return false
    }
    if (spi === -1 || (spi >= 0 && used())) env.reject(`expected uninitialized ${label} as arg #${arg}`)
    for (let i = 0; i < slots * 8; i += 8) checkMemAccess(env, regno, i, 8, 'write', -1, false, false)
    start(env, kfunc, env.reg(regno), id, slots)
    return undefined
  }
  const spi = objectSlot(env, reg, 'iter', slots)
  const frame = env.frameOf(reg)
  const found = spi < 0 ? 'not-one' : initFault(frame, spi, slots, env, id)
  if (found === 'not-one') env.reject(`expected an initialized ${label} as arg #${arg}`)
  if (found === 'no-rcu') env.reject(`expected an RCU CS when using ${kfunc.name}`, 71)
  for (let i = 0; i < slots; i++) {
    env.liveStack.markRead(env, reg.frameno, env.insnIdx, spi - i)
    env.touchSlot(spi - i)
  }
  const { refObjId } = frame.stack[spi]!.spilled
  if (kfunc.flags.includes('iter_destroy')) {
    releaseReference(env, refObjId)
    for (let i = 0; i < slots; i++) {
      frame.setSlot(spi - i, EMPTY_SLOT)
      env.liveStack.markWrite(env, frame.frameno, spi - i)
    }
  }
  return { place: { frameno: reg.frameno, spi }, refObjId }
}

/** mark_stack_slots_iter. */
function start(env: Env, kfunc: Kfunc, reg: RegState, id: number, slots: number): void {
  const frame = env.frameOf(reg)
  const spi = objectSlot(env, reg, 'iter', slots)
  if (spi < 0) env.fail('iterator out of the stack')
  const reference = env.acquireReference(RefType.PTR)
  let type: number = RegType.PTR_TO_STACK
  if (kfunc.flags.includes('rcu_protected')) type |= env.inRcuSection ? TypeFlag.MEM_RCU : TypeFlag.PTR_UNTRUSTED
  for (let i = 0; i < slots; i++) {
    const value = pointer(type)
    value.refObjId = i === 0 ? reference : 0
    value.btf = env.kernelBtf
    value.btfId = id
    value.iterState = IterState.ACTIVE
    frame.setSlot(spi - i, new StackSlot(allTypes(Slot.ITER), value))
    env.touchSlot(spi - i)
    env.liveStack.markWrite(env, frame.frameno, spi - i)
  }
}

export const iteratorAt = (state: VerifierState, place: IterPlace): RegState =>
  state.frames[place.frameno]!.stack[place.spi]!.spilled

function setIterator(state: VerifierState, place: IterPlace, iterState: number, deeper: number): void {
  const frame = state.frames[place.frameno]!
  const slot = frame.stack[place.spi]!
  const value = slot.spilled.clone()
  value.iterState = iterState
  value.iterDepth += deeper
  frame.setSlot(place.spi, new StackSlot(slot.types, value))
}

/** process_iter_next_call: one path goes on with an element, the current one with none. */
export function advanceIterator(env: Env, place: IterPlace): void {
  const { state } = env
  if (iteratorAt(state, place).iterState === IterState.ACTIVE) {
    const { parent } = state
    if (!parent || parent.insnIdx !== env.insnIdx || !sameCallsites(parent, state))
      env.fail('bad parent state for iter next call', EFAULT)
    const previous = findPreviousEntry(env, parent, env.insnIdx)
    const queued = env.pushPath(env.insnIdx + 1, env.insnIdx)
    setIterator(queued, place, IterState.ACTIVE, 1)
    if (previous) widenImpreciseScalars(env, previous, queued)
    const { regs } = queued.frame
    regs[0] = asNotNull(regs[0]!)
  }
  setIterator(state, place, IterState.DRAINED, 0)
  env.regs[0] = knownScalar(w.ZERO)
}
