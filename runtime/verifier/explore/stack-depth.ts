/** Stack of whole call chains (kernel/bpf/verifier.c: check_max_stack_depth). */
import * as op from '../../../assembler/isa/opcodes.js'
import { AttachType, ProgType } from '../../../linker/object/uapi.js'
import { kfuncAt } from './callbacks.js'
import { isLocalCall, isPseudoFunc } from './cfg.js'
import type { Env } from '../env.js'
import { MAX_BPF_STACK, MAX_CALL_FRAMES } from '../state/frames.js'

/** Smaller frames are not worth a private stack. */
const PRIVATE_STACK_MIN = 64

/** Frames are rounded as the JIT's are; up to 6.7 always as the interpreter's (round_up_stack_depth). */
const roundUp = (env: Env, depth: number): number =>
  env.kernel.stackOfJit ? Math.ceil(depth / 16) * 16 : Math.ceil(Math.max(depth, 1) / 32) * 32

/** bpf_enable_priv_stack: programs that can interrupt themselves get stacks of their own. */
function wantsPrivateStack(env: Env): boolean {
  if (!env.kernel.privateStack) return false
  switch (env.program.type) {
    case ProgType.KPROBE:
    case ProgType.TRACEPOINT:
    case ProgType.PERF_EVENT:
    case ProgType.RAW_TRACEPOINT:
      return true
    case ProgType.TRACING:
      return env.program.expectedAttachType !== AttachType.TRACE_ITER
    default:
      return false
  }
}

export function checkStackDepth(env: Env): void {
  const anyTailCall = env.subprogs.some(subprog => subprog.hasTailCall)
  const privateStack = !anyTailCall && wantsPrivateStack(env)
  const mode = env.subprogs.map(() => 'unknown' as 'unknown' | 'shared' | 'private')
  for (let i = env.subprogs.length - 1; i >= 0; i--)
    if (i === 0 || env.subprogs[i]!.isAsyncCallback) checkFrom(env, i, i === 0 && privateStack, mode)
}

function checkFrom(env: Env, root: number, privateOk: boolean, mode: ('unknown' | 'shared' | 'private')[]): void {
  const { subprogs, insns } = env
  const chain: { subprog: number; next: number }[] = []
  let depth = 0
  let current = root
  let slot = subprogs[root]!.start
  let reachable = false
  const enter = () => {
    const subprog = subprogs[current]!
    if (!privateOk) mode[current] = 'shared'
    if (
      env.kernel.callbackPacketLoads &&
      subprog.hasLdAbs &&
      (subprog.isCallback || chain.some(entry => subprogs[entry.subprog]!.isCallback))
    )
      env.reject('cannot use BPF_LD_[ABS|IND] within callback')
    if (current && subprog.hasTailCall && depth >= 256)
      env.reject(`tail_calls are not allowed when call stack of previous frames is ${depth} bytes. Too large`)
    const own = roundUp(env, subprog.stackDepth)
    if (privateOk && mode[current] === 'unknown' && own >= PRIVATE_STACK_MIN) mode[current] = 'private'
    if (mode[current] === 'private') {
      if (own > MAX_BPF_STACK) env.reject(`stack size of subprog ${current} is ${own}. Too large`)
    } else {
      depth += own
      if (depth > MAX_BPF_STACK) env.reject(`combined stack size of ${chain.length + 1} calls is ${depth}. Too large`)
    }
  }
  enter()
  for (;;) {
    const { end } = subprogs[current]!
    let entered = false
    for (; slot < end; slot++) {
      if (insns.code[slot] === (op.BPF_JMP | op.BPF_CALL) && insns.src[slot] === op.BPF_PSEUDO_KFUNC_CALL) {
        if (kfuncAt(env, slot) === 'bpf_throw')
          if (subprogs[current]!.isCallback || chain.some(entry => subprogs[entry.subprog]!.isCallback))
            env.reject(`bpf_throw kfunc (insn ${slot}) cannot be called from callback subprog ${current}`)
        continue
      }
      const call = isLocalCall(env, slot)
      if (!call && !isPseudoFunc(env, slot)) continue
      const target = env.subprogAt(slot + insns.imm[slot]! + 1)
      const callee = subprogs[target]!
      if (callee.isAsyncCallback) {
        if (!call) continue
        if (callee.isExceptionCallback) {
          // The kernel's line has no end.
          env.say(`insn ${slot} cannot call exception cb directly`)
          env.fail('exception callback called')
        }
      }
      chain.push({ subprog: current, next: slot + 1 })
      slot = callee.start
      current = target
      if (callee.hasTailCall) reachable = true
      if (chain.length >= MAX_CALL_FRAMES) env.reject(`the call stack of ${chain.length} frames is too deep !`)
      enter()
      entered = true
      break
    }
    if (entered) continue
    if (reachable)
      for (const entry of chain) {
        const subprog = subprogs[entry.subprog]!
        if (subprog.isExceptionCallback) env.reject('cannot tail call within exception cb')
        subprog.tailCallReachable = true
      }
    if (chain.length === 0) return
    if (mode[current] !== 'private') depth -= roundUp(env, subprogs[current]!.stackDepth)
    const back = chain.pop()!
    slot = back.next
    current = back.subprog
  }
}
