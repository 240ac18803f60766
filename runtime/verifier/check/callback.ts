/** Callbacks: functions of the program that a helper or kfunc calls (kernel/bpf/verifier.c: push_callback_call). */
import { MapType } from '../../../linker/object/uapi.js'
import { BtfKind } from '../../../linker/btf/btf-types.js'
import { RegType } from '../../kernel/reg-types.js'
import { EFAULT, type Env, Rejection } from '../env.js'
import { kfuncAt } from '../explore/callbacks.js'
import { findField } from '../state/btf-record.js'
import { MAX_CALL_FRAMES, newFrame, BPF_MAIN_FUNC, type FuncState, type VerifierState } from '../state/frames.js'
import { DynptrType, NOT_INIT, pointer, S32_MAX, S32_MIN, UNKNOWN_SCALAR } from '../state/registers.js'
import { dynptrRegister } from './dynptr.js'
import { checkSubprogCall } from './function-args.js'
import { nodePointer, setNonOwning } from './graph.js'
import { recordOf } from './kptr.js'

export type CallbackKind = 'map-elem' | 'loop' | 'timer' | 'vma' | 'user-ringbuf' | 'rbtree' | 'wq' | 'task-work'

const forEachMaps: readonly number[] = [
  MapType.ARRAY,
  MapType.PERCPU_ARRAY,
  MapType.HASH,
  MapType.LRU_HASH,
  MapType.PERCPU_HASH,
  MapType.LRU_PERCPU_HASH,
]

/** Sets up the registers that the kernel calls a callback with. */
function setArguments(env: Env, kind: CallbackKind, slot: number, caller: FuncState, callee: FuncState): void {
  const { regs } = callee
  const keyAndValue = (map: (typeof caller.regs)[number]) => {
    const key = pointer(RegType.PTR_TO_MAP_KEY)
    const value = pointer(RegType.PTR_TO_MAP_VALUE)
    key.map = value.map = map.map
    key.mapUid = value.mapUid = map.mapUid
    regs[2] = key
    regs[3] = value
  }
  for (let i = 1; i <= 5; i++) regs[i] = NOT_INIT
  callee.callbackRetRange = { min: 0, max: 1 }
  switch (kind) {
    case 'map-elem': {
      const map = env.callMap.get(slot)!
      if (!env.kernel.callbackLoops && env.mixedMaps.has(slot)) env.reject('tail_call abusing map_ptr')
      if (!forEachMaps.includes(map.type)) env.reject('callback function not allowed for map', 524)
      regs[1] = caller.regs[1]!
      keyAndValue(caller.regs[1]!)
      regs[4] = caller.regs[3]!
      break
    }
    case 'loop':
      regs[1] = UNKNOWN_SCALAR
      regs[2] = caller.regs[3]!
      break
    case 'timer':
    case 'wq':
    case 'task-work': {
      const source = caller.regs[kind === 'task-work' ? 3 : 1]!
      const map = pointer(RegType.CONST_PTR_TO_MAP)
      map.map = source.map
      map.mapUid = source.mapUid
      regs[1] = map
      keyAndValue(source)
      callee.inAsyncCallbackFn = true
      callee.callbackRetRange = kind === 'task-work' ? { min: S32_MIN, max: S32_MAX } : { min: 0, max: 0 }
      return
    }
    case 'vma': {
      const kernel = env.kernelBtf
      if (!kernel) return env.missing('bpf_find_vma without the BTF of a kernel')
      regs[1] = caller.regs[1]!
      const vma = pointer(RegType.PTR_TO_BTF_ID)
      vma.btf = kernel
      vma.btfId = kernel.find('vm_area_struct', BtfKind.Struct)
      regs[2] = vma
      regs[3] = caller.regs[4]!
      break
    }
    case 'user-ringbuf':
      regs[0] = NOT_INIT
      regs[1] = dynptrRegister(DynptrType.LOCAL, true, env.newId())
      regs[2] = caller.regs[3]!
      break
    case 'rbtree': {
      const root = caller.regs[1]!
      const field = findField(recordOf(env, root), root.off, ['rb_root'])
      if (!field?.btf) return env.fail('no tree', EFAULT)
      for (const regno of [1, 2]) {
        const node = nodePointer(field)
        setNonOwning(env, node)
        regs[regno] = node
      }
      break
    }
    default:
      return env.missing(`callback of ${kfuncAt(env, slot)}`)
  }
  callee.inCallbackFn = true
}

/** setup_func_entry: a new frame on top of a state. */
export function enterFunction(
  env: Env,
  state: VerifierState,
  callsite: number,
  subprogno: number,
  fill: (caller: FuncState, callee: FuncState) => void,
): void {
  if (state.curframe + 1 >= MAX_CALL_FRAMES) env.reject(`the call stack of ${state.curframe + 2} frames is too deep`, 7)
  const caller = state.frame
  const callee = newFrame(callsite, state.curframe + 1, subprogno)
  env.touchAll()
  caller.refsAtCall = state.refs
  fill(caller, callee)
  state.frames.push(callee)
}

/**
 * push_callback_call: queues the callback to be walked. Kernels before 6.7 walk it once in the place of the call: for them it returns the
 * frame, which the caller enters when the call itself is done.
 */
export function pushCallback(env: Env, slot: number, subprogno: number, kind: CallbackKind): FuncState | undefined {
  const caller = env.frame
  try {
    checkSubprogCall(env, subprogno)
  } catch (error) {
    if (!(error instanceof Rejection) || error.errno === EFAULT) throw error
  }
  const subprog = env.subprogs[subprogno]!
  subprog.isCallback = true
  if (kind === 'timer' || kind === 'wq' || kind === 'task-work') {
    subprog.isAsyncCallback = true
    const callee = newFrame(BPF_MAIN_FUNC, 0, subprogno)
    env.touchAll()
    callee.asyncEntryCnt = caller.asyncEntryCnt + 1
    env.pushAsync(subprog.start, slot, callee, kind !== 'timer')
    setArguments(env, kind, slot, caller, callee)
    return undefined
  }
  if (!env.kernel.callbackLoops) {
    const { state } = env
    enterFunction(env, state, slot, subprogno, (from, to) => setArguments(env, kind, slot, from, to))
    for (let i = 0; i <= 5; i++) caller.regs[i] = NOT_INIT
    caller.writtenRegs |= 0x3f
    if (env.log.verbose) {
      env.say('caller:\n')
      env.printFrame(state.curframe - 1)
      env.say('callee:\n')
      env.printFrame(state.curframe)
    }
    return state.frames.pop()
  }
  const state = env.pushPath(subprog.start, slot)
  enterFunction(env, state, slot, subprogno, (from, to) => setArguments(env, kind, slot, from, to))
  state.callbackUnrollDepth++
  state.frames[state.curframe - 1]!.callbackDepth++
  caller.callbackDepth = 0
  return undefined
}
