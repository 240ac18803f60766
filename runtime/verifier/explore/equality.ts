/** When an explored state covers the current one (kernel/bpf/verifier.c: states_equal, regsafe, stacksafe, refsafe). */
import { baseType, RegType } from '../../kernel/reg-types.js'
import type { Env } from '../env.js'
import {
  type FuncState,
  isSpilledScalar64,
  type Reference,
  RefType,
  Slot,
  type StackSlot,
  typeAt,
  type VerifierState,
} from '../state/frames.js'
import { BPF_ADD_CONST, isScalar, type RegState, rangeWithin, sameHead, sameUpToId, UNKNOWN_SCALAR } from '../state/registers.js'
import { tnumIn } from '../state/tnum.js'
import { statesEqualByKind } from './equality-by-kind.js'

/** How alike two states must be: `not-exact` for pruning, `exact` for endless loops, `range` for rounds of a loop. */
export type Exactness = 'not-exact' | 'exact' | 'range'

/** Which id of one state corresponds to which of the other. */
export class IdMap {
  private readonly old: number[] = []
  private readonly current: number[] = []

  constructor(private temporary: number) {}

  reset(temporary: number): void {
    this.old.length = 0
    this.current.length = 0
    this.temporary = temporary
  }

  /** check_ids. */
  check(oldId: number, currentId: number): boolean {
    if (oldId === 0 || currentId === 0) return oldId === currentId
    const { old, current } = this
    for (let i = 0; i < old.length; i++) {
      if (old[i] === oldId) return current[i] === currentId
      if (current[i] === currentId) return false
    }
    old.push(oldId)
    current.push(currentId)
    return true
  }

  /** check_scalar_ids: an old id of 0 asks for nothing; a current id of 0 is one of its own. */
  checkScalar(oldId: number, currentId: number): boolean {
    if (oldId === 0) return true
    const current = currentId || ++this.temporary
    if (!this.check(oldId, current)) return false
    return !(oldId & BPF_ADD_CONST) || this.check(oldId & ~BPF_ADD_CONST, current & ~BPF_ADD_CONST)
  }
}

/** regs_exact. */
export const regsExact = (old: RegState, current: RegState, ids: IdMap): boolean =>
  sameUpToId(old, current) && ids.check(old.id, current.id) && ids.check(old.refObjId, current.refObjId)

/** regsafe. */
function regSafe(
  old: RegState,
  oldPrecise: boolean,
  current: RegState,
  ids: IdMap,
  exact: Exactness,
  strictNumbers: boolean,
): boolean {
  if (exact === 'exact') return regsExact(old, current, ids)
  if (old.type === RegType.NOT_INIT && (exact === 'not-exact' || current.type === RegType.NOT_INIT)) return true
  if (old.type !== current.type) return false
  switch (baseType(old.type)) {
    case RegType.SCALAR_VALUE:
      if (strictNumbers) return sameUpToId(old, current) && ids.checkScalar(old.id, current.id)
      if (!oldPrecise && exact === 'not-exact') return true
      if (old.id !== 0 && ((old.id ^ current.id) & BPF_ADD_CONST) !== 0) return false
      if ((old.id & BPF_ADD_CONST) !== 0 && old.off !== current.off) return false
      if (!ids.checkScalar(old.id, current.id)) return false
      return old === current || (rangeWithin(old, current) && tnumIn(old.varOff, current.varOff))
    case RegType.PTR_TO_MAP_KEY:
    case RegType.PTR_TO_MAP_VALUE:
    case RegType.PTR_TO_MEM:
    case RegType.PTR_TO_BUF:
    case RegType.PTR_TO_TP_BUFFER:
      return (
        sameHead(old, current) &&
        rangeWithin(old, current) &&
        tnumIn(old.varOff, current.varOff) &&
        ids.check(old.id, current.id) &&
        ids.check(old.refObjId, current.refObjId)
      )
    case RegType.PTR_TO_PACKET_META:
    case RegType.PTR_TO_PACKET:
      if (old.range < 0 || current.range < 0) {
        if (old.range !== current.range) return false
      } else if (old.range > current.range) return false
      if (old.off !== current.off || !ids.check(old.id, current.id)) return false
      return rangeWithin(old, current) && tnumIn(old.varOff, current.varOff)
    case RegType.PTR_TO_STACK:
      return regsExact(old, current, ids) && old.frameno === current.frameno
    case RegType.PTR_TO_ARENA:
      return true
    default:
      return regsExact(old, current, ids)
  }
}

function allMisc(slot: StackSlot, uninitOk: boolean): boolean {
  for (let i = 0; i < 8; i++) {
    const type = typeAt(slot, i)
    if (type === Slot.MISC || (type === Slot.INVALID && uninitOk)) continue
    return false
  }
  return true
}

/** scalar_reg_for_stack: what a load of the whole slot would give, if that is a number. */
function asScalar(slot: StackSlot, uninitOk: boolean): RegState | undefined {
  if (isSpilledScalar64(slot)) return slot.spilled
  return allMisc(slot, uninitOk) ? UNKNOWN_SCALAR : undefined
}

function stackSafe(env: Env, old: FuncState, current: FuncState, ids: IdMap, exact: Exactness): boolean {
  const uninitOk = env.kernel.uninitStack && env.perfmon
  const strict = env.speculation?.exploreAluLimits ?? false
  for (let spi = 0; spi < old.stack.length; spi++) {
    const a = old.stack[spi]!
    const b = current.stack[spi]
    if (exact !== 'not-exact' && (!b || a.types !== b.types)) {
      // Byte by byte in the kernel, but only up to what either decided before.
      return false
    }
    if (a.types === 0) continue
    if (b && a === b && (exact === 'not-exact' ? !old.slotIsPrecise(spi) : false) && isScalar(a.spilled)) continue
    let whole = false
    for (let i = 0; i < 8; i++) {
      const type = typeAt(a, i)
      if (type === Slot.INVALID || (uninitOk && type === Slot.MISC)) continue
      if (!b) return false
      if (!whole) {
        const oldReg = asScalar(a, uninitOk)
        const currentReg = oldReg && asScalar(b, uninitOk)
        if (oldReg && currentReg) {
          if (!regSafe(oldReg, oldReg === a.spilled && old.slotIsPrecise(spi), currentReg, ids, exact, strict)) return false
          break
        }
        whole = true
      }
      const other = typeAt(b, i)
      if (type === Slot.MISC && other === Slot.ZERO) continue
      if (type !== other) return false
      if (i !== 7) continue
      const x = a.spilled
      const y = b.spilled
      switch (type) {
        case Slot.SPILL:
          if (!regSafe(x, old.slotIsPrecise(spi), y, ids, exact, strict)) return false
          break
        case Slot.DYNPTR:
          if (x.dynptrType !== y.dynptrType || x.dynptrFirst !== y.dynptrFirst || !ids.check(x.refObjId, y.refObjId)) return false
          break
        case Slot.ITER:
          if (
            x.type !== y.type ||
            x.btf !== y.btf ||
            x.btfId !== y.btfId ||
            x.iterState !== y.iterState ||
            !ids.check(x.refObjId, y.refObjId)
          )
            return false
          break
        case Slot.IRQ_FLAG:
          if (!ids.check(x.refObjId, y.refObjId) || x.iterState !== y.iterState) return false
          break
      }
    }
  }
  return true
}

function refsSafe(old: VerifierState, current: VerifierState, ids: IdMap): boolean {
  if (
    old.activeLocks !== current.activeLocks ||
    old.activePreemptLocks !== current.activePreemptLocks ||
    old.activeRcuLocks !== current.activeRcuLocks ||
    !ids.check(old.activeIrqId, current.activeIrqId) ||
    !ids.check(old.activeLockId, current.activeLockId) ||
    old.activeLockOwner !== current.activeLockOwner
  )
    return false
  return sameReferences(old.refs, current.refs, ids)
}

function sameReferences(old: readonly Reference[], current: readonly Reference[], ids: IdMap): boolean {
  if (old.length !== current.length) return false
  for (let i = 0; i < old.length; i++) {
    const a = old[i]!
    const b = current[i]!
    if (!ids.check(a.id, b.id) || a.type !== b.type) return false
    if (a.type !== RefType.PTR && a.type !== RefType.IRQ && a.owner !== b.owner) return false
  }
  return true
}

const ids = new IdMap(0)
const ALL_REGISTERS = 0x7ff

/** states_equal: whether all that can happen from `current` was seen from `old`. */
export function statesEqual(env: Env, old: VerifierState, current: VerifierState, exact: Exactness): boolean {
  if (!env.kernel.equalityByContent) return statesEqualByKind(env, old, current)
  if (old.frames.length !== current.frames.length) return false
  ids.reset(env.idGen)
  if (old.speculative && !current.speculative) return false
  if (old.inSleepable !== current.inSleepable) return false
  if (!refsSafe(old, current, ids)) return false
  const last = old.frames.length - 1
  const strict = env.speculation?.exploreAluLimits ?? false
  for (let f = 0; f <= last; f++) {
    const a = old.frames[f]!
    const b = current.frames[f]!
    if (a.callsite !== b.callsite || a.callbackDepth > b.callbackDepth) return false
    const all = exact !== 'not-exact' && !env.kernel.liveRounds
    const live = all ? ALL_REGISTERS : env.liveRegs[f === last ? old.insnIdx : old.frames[f + 1]!.callsite]!
    for (let i = 0; i < 11; i++)
      if ((live >> i) & 1 && !regSafe(a.regs[i]!, ((a.preciseRegs >> i) & 1) !== 0, b.regs[i]!, ids, exact, strict)) return false
    if (!stackSafe(env, a, b, ids, exact)) return false
    if (f < last && !env.kernel.heldByPath && !sameReferences(a.refsAtCall, b.refsAtCall, ids)) return false
  }
  return true
}
