/** Checkpoints: is the current state covered by one seen before, and is it worth remembering (is_state_visited). */
import { EINVAL, type Env, Rejection } from '../env.js'
import * as op from '../../../assembler/isa/opcodes.js'
import { RegType } from '../../kernel/reg-types.js'
import { stateText } from '../log/print-state.js'
import { EMPTY_SLOT, type ExploredState, Slot, typeAt, type VerifierState } from '../state/frames.js'
import { IterState, NOT_INIT, sameValue } from '../state/registers.js'
import * as w from '../state/u64.js'
import { statesEqual } from './equality.js'
import { sameCallsites } from './loops.js'
import { propagatePrecision } from './precision.js'

/** States kept for an instruction of an unprivileged program (BPF_COMPLEXITY_LIMIT_STATES). */
const MAX_STATES_UNPRIVILEGED = 64

/** clean_verifier_state: drops registers and slots that nothing reads any more. */
function clean(env: Env, state: VerifierState): void {
  state.cleaned = true
  env.liveStack.prepareQuery(env, state)
  const last = state.frames.length - 1
  state.frames.forEach((frame, f) => {
    const live = env.liveRegs[f === last ? state.insnIdx : state.frames[f + 1]!.callsite]!
    for (let i = 0; i < 10; i++) if (!((live >> i) & 1)) frame.regs[i] = NOT_INIT
    for (let spi = 0; spi < frame.stack.length; spi++)
      if (frame.stack[spi] !== EMPTY_SLOT && !env.liveStack.isAlive(env, f, spi)) frame.setSlot(spi, EMPTY_SLOT)
  })
}

function cleanLiveStates(env: Env, insnIdx: number, list: readonly ExploredState[]): void {
  for (let i = 0; i < list.length; i++) {
    const { state } = list[i]!
    if (state.cleaned || state.branches || state.insnIdx !== insnIdx || !sameCallsites(state, env.state)) continue
    if (env.loops.incomplete(state)) continue
    clean(env, state)
  }
}

/** states_maybe_looping: registers of the current frame are the same. */
function maybeLooping(old: VerifierState, current: VerifierState): boolean {
  if (old.frames.length !== current.frames.length) return false
  const a = old.frame.regs
  const b = current.frame.regs
  for (let i = 0; i < 11; i++) if (!sameValue(a[i]!, b[i]!)) return false
  return true
}

function iterDepthsDiffer(old: VerifierState, current: VerifierState): boolean {
  for (let f = old.curframe; f >= 0; f--) {
    const { stack } = old.frames[f]!
    for (let spi = 0; spi < stack.length; spi++) {
      const slot = stack[spi]!
      if (typeAt(slot, 0) !== Slot.ITER || slot.spilled.iterState !== IterState.ACTIVE) continue
      if (current.frames[f]!.stack[spi]!.spilled.iterDepth !== slot.spilled.iterDepth) return true
    }
  }
  return false
}

/** Whether the iterator that the current call advances is still active. */
function iteratorActive(env: Env): boolean {
  const reg = env.reg(1)
  if (reg.type !== RegType.PTR_TO_STACK) return false
  const spi = Math.trunc((-(reg.off + w.toSigned(reg.varOff.value)) - 1) / 8)
  return env.frameOf(reg).stack[spi]?.spilled.iterState === IterState.ACTIVE
}

/** maybe_free_verifier_state: forgets an evicted state once nothing needs it. */
export function maybeForget(env: Env, entry: ExploredState): void {
  if (entry.evicted && entry.state.branches === 0 && !env.loops.incomplete(entry.state)) {
    env.evictedSize--
    entry.evicted = false
  }
}

/** An explored state whose paths are not all walked: whether a further round of its loop adds nothing. An endless loop is refused. */
function coversLoop(env: Env, state: VerifierState, current: VerifierState, insnIdx: number): boolean {
  const { frame } = state
  if (frame.inAsyncCallbackFn && frame.asyncEntryCnt !== current.frame.asyncEntryCnt) return false
  if (!env.kernel.exactLoops) {
    if (!maybeLooping(state, current) || !statesEqual(env, state, current, 'not-exact')) return false
    env.sayLine(insnIdx, '; ')
    env.reject(`infinite loop detected at insn ${insnIdx}`)
  }
  if (env.isIterNext[insnIdx]) return statesEqual(env, state, current, 'range') && iteratorActive(env)
  const mayGoto = env.insns.code[insnIdx] === (op.BPF_JMP | op.BPF_JCOND)
  if (mayGoto && state.mayGotoDepth !== current.mayGotoDepth && statesEqual(env, state, current, 'range')) return true
  if (env.callsCallback[insnIdx]) return statesEqual(env, state, current, 'range')
  if (
    maybeLooping(state, current) &&
    statesEqual(env, state, current, 'exact') &&
    !iterDepthsDiffer(state, current) &&
    state.mayGotoDepth === current.mayGotoDepth &&
    state.callbackUnrollDepth === current.callbackUnrollDepth
  ) {
    env.sayLine(insnIdx, '; ')
    env.say(`infinite loop detected at insn ${insnIdx}\n`)
    env.say(`cur state:${stateText(env, current, current.curframe)}\n`)
    env.say(`old state:${stateText(env, state, current.curframe)}\n`)
    throw new Rejection(`infinite loop detected at insn ${insnIdx}`, EINVAL)
  }
  return false
}

/** Whether the state at `insnIdx` needs no further walking. Otherwise it may be remembered as a new checkpoint. */
export function isStateVisited(env: Env, insnIdx: number): boolean {
  const current = env.state
  const forced = env.forceCheckpoint[insnIdx] !== 0 && env.kernel.forcedCheckpoints
  const forceNew =
    env.kernel.forcedCheckpoints &&
    (env.testStateFreq || forced || (env.kernel.longHistoryCheckpoint && current.history.length > 40))
  let addNew =
    forceNew ||
    env.testStateFreq ||
    (env.jmpsProcessed - env.prevJmpsProcessed >= 2 && env.insnProcessed - env.prevInsnProcessed >= 8)
  const list = env.statesAt(insnIdx, current)
  cleanLiveStates(env, insnIdx, list)
  let count = 0
  for (let at = 0; at < list.length; ) {
    const entry = list[at]!
    const { state } = entry
    count++
    if (state.insnIdx !== insnIdx) {
      at++
      continue
    }
    let hit = false
    let loop = false
    if (state.branches) {
      hit = loop = coversLoop(env, state, current, insnIdx)
      if (!hit && !forceNew && env.jmpsProcessed - env.prevJmpsProcessed < 20 && env.insnProcessed - env.prevInsnProcessed < 100)
        addNew = false
    } else {
      loop = env.kernel.exactLoops && env.loops.incomplete(state)
      hit = statesEqual(env, state, current, loop ? 'range' : 'not-exact')
    }
    if (hit) {
      entry.hitCnt++
      if (env.jmpPoint[insnIdx]) env.pushHistory(0)
      propagatePrecision(env, state, current)
      if (loop) env.loops.close(env, state, current)
      return true
    }
    if (addNew) entry.missCnt++
    const patience = forced && state.branches > 0 ? 64 : 3
    if (entry.missCnt > entry.hitCnt * patience + patience) {
      list.splice(at, 1)
      entry.evicted = true
      if (!env.kernel.peakIsMost && state.cleaned && !state.isLoopEntry) env.peakStates--
      env.evictedSize++
      env.exploredSize--
      maybeForget(env, entry)
    } else at++
  }
  if (env.maxStatesPerInsn < count) env.maxStatesPerInsn = count
  if (!addNew || (!env.capable && count > MAX_STATES_UNPRIVILEGED)) return false
  env.totalStates++
  if (env.effort) env.effort.states[insnIdx]!++
  env.exploredSize++
  if (!env.kernel.peakIsMost) env.peakStates++
  env.updatePeak()
  env.prevJmpsProcessed = env.jmpsProcessed
  env.prevInsnProcessed = env.insnProcessed
  for (const frame of env.capable ? current.frames : []) {
    frame.preciseRegs = 0
    frame.preciseLow = 0
    frame.preciseHigh = 0
  }
  const checkpoint = current.clone()
  for (const frame of current.frames) frame.clearWritten()
  checkpoint.insnIdx = insnIdx
  const entry: ExploredState = { state: checkpoint, missCnt: 0, hitCnt: 0, evicted: false }
  checkpoint.listed = entry
  env.loops.enter(env, checkpoint)
  current.parent = checkpoint
  current.firstInsnIdx = insnIdx
  current.dfsDepth = checkpoint.dfsDepth + 1
  current.history = []
  env.historyOpen = false
  list.unshift(entry)
  return false
}

/** update_branch_counts: one path of a state is done; its parents may be done with it. */
export function closeBranch(env: Env, from: VerifierState): void {
  let listed: ExploredState | undefined
  for (let state: VerifierState | undefined = from; state; ) {
    if (--state.branches) break
    env.loops.exit(env, state)
    const parent: VerifierState | undefined = state.parent
    if (listed) maybeForget(env, listed)
    listed = parent?.listed
    state = parent
  }
}
