/**
 * When an explored state covers the current one, as kernels before 6.3 decide it: pointers of most kinds only where they are the same in
 * everything, ids included; numbers without regard to their links (kernel/bpf/verifier.c of 6.1: states_equal, regsafe, stacksafe).
 */
import { baseType, RegType } from '../../kernel/reg-types.js'
import type { Env } from '../env.js'
import { type FuncState, isSpilled, type Reference, Slot, typeAt, type VerifierState } from '../state/frames.js'
import { mayBeNull, rangeWithin, type RegState, sameHead, sameValue } from '../state/registers.js'
import { tnumIn } from '../state/tnum.js'

/** Ids of one frame of the old state, each with the one it stands for; an id of the current state may stand for several. */
type Ids = Map<number, number>

function checkIds(old: number, current: number, ids: Ids): boolean {
  const known = ids.get(old)
  if (known !== undefined) return known === current
  ids.set(old, current)
  return true
}

const covers = (old: RegState, current: RegState): boolean => rangeWithin(old, current) && tnumIn(old.varOff, current.varOff)

function regSafe(old: RegState, precise: boolean, current: RegState, ids: Ids, strictNumbers: boolean): boolean {
  const equal = sameValue(old, current)
  if (old.type === RegType.PTR_TO_STACK) return equal && old.frameno === current.frameno
  if (equal || old.type === RegType.NOT_INIT) return true
  if (current.type === RegType.NOT_INIT) return false
  switch (baseType(old.type)) {
    case RegType.SCALAR_VALUE:
      return !strictNumbers && current.type === RegType.SCALAR_VALUE && (!precise || covers(old, current))
    case RegType.PTR_TO_MAP_KEY:
    case RegType.PTR_TO_MAP_VALUE:
      if (mayBeNull(old.type)) return mayBeNull(current.type) && sameHead(old, current) && checkIds(old.id, current.id, ids)
      return sameHead(old, current) && covers(old, current)
    case RegType.PTR_TO_PACKET_META:
    case RegType.PTR_TO_PACKET:
      if (current.type !== old.type) return false
      if (old.range < 0 || current.range < 0) {
        if (old.range !== current.range) return false
      } else if (old.range > current.range) return false
      if (old.off !== current.off) return false
      if (old.id && !checkIds(old.id, current.id, ids)) return false
      return covers(old, current)
    default:
      return false
  }
}

function stackSafe(env: Env, old: FuncState, current: FuncState, ids: Ids): boolean {
  const strict = env.speculation?.exploreAluLimits ?? false
  for (let spi = 0; spi < old.stack.length; spi++) {
    const a = old.stack[spi]!
    if (a.types === 0) continue
    const b = current.stack[spi]
    for (let i = 0; i < 8; i++) {
      const type = typeAt(a, i)
      if (type === Slot.INVALID || (env.kernel.uninitStack && env.perfmon && type === Slot.MISC)) continue
      if (!b) return false
      const other = typeAt(b, i)
      if (type === Slot.MISC && other === Slot.ZERO) continue
      if (type !== other) return false
      if (i === 7 && isSpilled(a) && !regSafe(a.spilled, old.slotIsPrecise(spi), b.spilled, ids, strict)) return false
    }
  }
  return true
}

function sameRefs(old: readonly Reference[], current: readonly Reference[]): boolean {
  return (
    old.length === current.length &&
    old.every((ref, i) => ref.id === current[i]!.id && ref.insnIdx === current[i]!.insnIdx && ref.type === current[i]!.type)
  )
}

/** states_equal. */
export function statesEqualByKind(env: Env, old: VerifierState, current: VerifierState): boolean {
  if (old.frames.length !== current.frames.length) return false
  if (old.speculative && !current.speculative) return false
  if (old.activeLockId !== current.activeLockId || !sameRefs(old.refs, current.refs)) return false
  const last = old.frames.length - 1
  const strict = env.speculation?.exploreAluLimits ?? false
  for (let f = 0; f <= last; f++) {
    const a = old.frames[f]!
    const b = current.frames[f]!
    if (a.callsite !== b.callsite) return false
    if (f < last && !sameRefs(a.refsAtCall, b.refsAtCall)) return false
    const ids: Ids = new Map()
    const live = env.liveRegs[f === last ? old.insnIdx : old.frames[f + 1]!.callsite]!
    for (let i = 0; i < 11; i++)
      if ((live >> i) & 1 && !regSafe(a.regs[i]!, ((a.preciseRegs >> i) & 1) !== 0, b.regs[i]!, ids, strict)) return false
    if (!stackSafe(env, a, b, ids)) return false
  }
  return true
}
