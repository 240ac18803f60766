/** Walks all paths of a program, instruction by instruction (kernel/bpf/verifier.c: do_check, do_check_common). */
import * as op from '../../../assembler/isa/opcodes.js'
import { LimitReached } from '../../../base/outcome.js'
import { helperId } from '../../kernel/helper-names.js'
import { ArgType, baseType, RegType, TypeFlag } from '../../kernel/reg-types.js'
import { checkAlu } from '../check/alu.js'
import { checkConditionalJump } from '../check/branch.js'
import { clearPacketPointers, checkHelperCall } from '../check/call.js'
import { enterFunction } from '../check/callback.js'
import { dynptrRegister } from '../check/dynptr.js'
import { checkSubprogCall, prepareArgs } from '../check/function-args.js'
import { matchSubprog } from '../check/function-match.js'
import { checkKfuncCall } from '../check/kfunc.js'
import { checkAtomic, checkLoad, checkPointerOffset, checkStore, checkStoreImmediate } from '../check/memory.js'
import {
  checkHeldResources,
  checkReferenceLeak,
  checkResourceLeak,
  checkReturnCode,
  rangeWithinReturn,
  rejectRange,
} from '../check/return.js'
import { type Env, EACCES, EFAULT, EINVAL, Rejection } from '../env.js'
import { BPF_MAIN_FUNC, newFrame, VerifierState } from '../state/frames.js'
import { constScalar, DynptrType, isScalar, NOT_INIT, pointer, UNKNOWN_SCALAR } from '../state/registers.js'
import * as w from '../state/u64.js'
import { kfuncAt } from './callbacks.js'
import { findPreviousEntry, widenImpreciseScalars } from './loops.js'
import { markChainPrecision } from './precision.js'
import { kernelVariable } from './prepare.js'
import { closeBranch, isStateVisited } from './prune.js'

const SPIN_UNLOCK = helperId('spin_unlock')
const TAIL_CALL = helperId('tail_call')

/** What an instruction leads to: the next one in `env.insnIdx`, or the end of the path. */
type Next = 'go-on' | 'path-done'

/** 64-bit immediate loads (check_ld_imm). */
function checkLoadImmediate(env: Env, slot: number): void {
  const { insns } = env
  const dst = insns.dst[slot]!
  if ((insns.code[slot]! & 0x18) !== op.BPF_DW) env.reject('invalid BPF_LD_IMM insn')
  if (insns.off[slot] !== 0) env.reject('BPF_LD_IMM64 uses reserved fields')
  env.writeReg(dst)
  const imm = insns.imm[slot]!
  switch (insns.src[slot]) {
    case 0:
      env.regs[dst] = constScalar(w.u64(insns.imm[slot + 1]!, imm))
      return
    case op.BPF_PSEUDO_BTF_ID: {
      const variable = kernelVariable(env, slot)
      const reg = pointer(variable.type)
      if (baseType(variable.type) === RegType.PTR_TO_MEM) reg.memSize = variable.memSize
      else {
        reg.btf = env.kernelBtf
        reg.btfId = variable.btfId
      }
      env.regs[dst] = reg
      return
    }
    case op.BPF_PSEUDO_FUNC: {
      const subprog = env.subprogAt(slot + imm + 1)
      if (!env.program.functions[0]?.type) env.reject('missing btf func_info')
      if (env.subprogs[subprog]!.global) env.reject('callback function not static')
      if (subprog === 0) env.reject('callback function cannot be the main program')
      const reg = pointer(RegType.PTR_TO_FUNC)
      reg.subprogno = subprog
      env.regs[dst] = reg
      return
    }
    default: {
      const map = env.map(imm)
      if (insns.src[slot] === op.BPF_PSEUDO_MAP_VALUE) {
        if (map.name && map.type === 33) {
          env.setUnknown(dst)
          return
        }
        const reg = pointer(RegType.PTR_TO_MAP_VALUE)
        reg.map = map
        reg.off = insns.imm[slot + 1]!
        env.regs[dst] = reg
      } else {
        const reg = pointer(RegType.CONST_PTR_TO_MAP)
        reg.map = map
        env.regs[dst] = reg
      }
    }
  }
}

/** BPF_LD_ABS and BPF_LD_IND (check_ld_abs). */
function checkPacketLoad(env: Env, slot: number): void {
  const { insns, state } = env
  const code = insns.code[slot]!
  const indirect = (code & 0xe0) === op.BPF_IND
  if (!env.progType.ldAbs) env.reject('BPF_LD_[ABS|IND] instructions not allowed for this program type')
  for (let i = state.curframe; i > 0 && env.kernel.callbackPacketLoads; i--)
    if (state.frames[i]!.inCallbackFn) env.reject('cannot use BPF_LD_[ABS|IND] within callback')
  if (insns.dst[slot] !== 0 || insns.off[slot] !== 0 || (code & 0x18) === op.BPF_DW || (!indirect && insns.src[slot] !== 0))
    env.reject('BPF_LD_[ABS|IND] uses reserved fields')
  env.readReg(6)
  if (env.kernel.heldByPath) checkResourceLeak(env, false, true, 'BPF_LD_[ABS|IND]')
  else {
    checkReferenceLeak(env, false, 'BPF_LD_[ABS|IND] cannot be mixed with socket references')
    if (state.activeLocks) env.reject('BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region')
    if (state.activeRcuLocks) env.reject('BPF_LD_[ABS|IND] cannot be used inside bpf_rcu_read_lock-ed region')
    if (state.activePreemptLocks) env.reject('BPF_LD_[ABS|IND] cannot be used inside bpf_preempt_disable-ed region')
  }
  if (env.reg(6).type !== RegType.PTR_TO_CTX) env.reject('at the time of BPF_LD_ABS|IND R6 != pointer to skb')
  if (indirect) env.readReg(insns.src[slot]!)
  checkPointerOffset(env, env.reg(6), 6, false)
  env.clobberCallerSaved()
  env.setUnknown(0)
  if (state.curframe) {
    // The load may fail, which ends the function with 0.
    env.pushPath(slot + 1, slot)
    env.regs[0] = constScalar(w.ZERO)
    leaveFunction(env)
    env.insnIdx--
  }
}

/** Calls of the program's own functions (check_func_call). */
function checkFunctionCall(env: Env, slot: number): void {
  const target = env.subprogAt(slot + env.insns.imm[slot]! + 1)
  const subprog = env.subprogs[target]!
  let fault: Rejection | undefined
  try {
    checkSubprogCall(env, target)
  } catch (error) {
    if (!(error instanceof Rejection) || error.errno === EFAULT) throw error
    fault = error
  }
  if (subprog.global) {
    const { state } = env
    if (state.activeLocks) env.reject('global function calls are not allowed while holding a lock,\nuse static function instead')
    const atomic = state.activeRcuLocks || state.activePreemptLocks || state.activeIrqId || !env.sleepable
    if (env.kernel.sleepKnown && subprog.mightSleep && atomic)
      env.reject(
        'global functions that may sleep are not allowed in non-sleepable context,\ni.e., in a RCU/IRQ/preempt-disabled section, or in\na non-sleepable BPF program context',
      )
    if (!env.kernel.sleepKnown && state.activePreemptLocks)
      env.reject('global function calls are not allowed with preemption disabled,\nuse static function instead')
    if (fault) {
      env.say(`Caller passes invalid args into func#${target}${env.kernel.lazyGlobals ? ` ('${subprog.name}')` : ''}\n`)
      throw fault
    }
    env.say(
      env.kernel.lazyGlobals
        ? `Func#${target} ('${subprog.name}') is global and assumed valid.\n`
        : `Func#${target} is global and valid. Skipping.\n`,
    )
    if (subprog.changesPacket && env.kernel.globalsChangePackets) clearPacketPointers(env)
    subprog.called = true
    env.clobberCallerSaved()
    env.setUnknown(0)
    return
  }
  const caller = env.frame
  enterFunction(env, env.state, slot, target, (from, to) => {
    for (let i = 1; i <= 5; i++) to.regs[i] = from.regs[i]!
    to.writtenRegs = from.writtenRegs & 0x3e
  })
  for (let i = 0; i <= 5; i++) caller.regs[i] = NOT_INIT
  caller.writtenRegs |= 0x3f
  env.liveStack.resetChain()
  env.insnIdx = subprog.start - 1
  if (env.log.verbose) {
    env.say('caller:\n')
    env.printFrame(env.state.curframe - 1)
    env.say('callee:\n')
    env.printFrame(env.state.curframe)
  }
}

/** prepare_func_exit: back to the caller. */
function leaveFunction(env: Env): void {
  const { state } = env
  env.liveStack.commit()
  env.liveStack.update(env)
  const callee = state.frame
  const r0 = callee.regs[0]!
  if (r0.type === RegType.PTR_TO_STACK) env.reject('cannot return stack pointer to the caller')
  const caller = state.frames[state.curframe - 1]!
  if (callee.inCallbackFn) {
    if (!isScalar(r0)) env.reject('R0 not a scalar value', 13)
    markChainPrecision(env, 0)
    if (!rangeWithinReturn(env, callee.callbackRetRange, r0, false))
      rejectRange(env, r0, callee.callbackRetRange, 'At callback return', 'R0')
    if (env.kernel.callbackLoops && !env.callsCallback[callee.callsite])
      env.reject(`BUG: in callback at ${env.insnIdx}, callsite ${callee.callsite} !calls_callback`, EFAULT)
    env.insnIdx = callee.callsite + (env.kernel.callbackLoops ? 0 : 1)
  } else {
    caller.regs[0] = r0
    caller.writtenRegs = (caller.writtenRegs & ~1) | (callee.writtenRegs & 1)
    env.insnIdx = callee.callsite + 1
  }
  if (env.log.verbose) {
    env.say('returning from callee:\n')
    env.printFrame(state.curframe)
    env.say(`to caller at ${env.insnIdx}:\n`)
    env.printFrame(state.curframe - 1)
  }
  state.frames.pop()
  env.liveStack.resetChain()
  if (callee.inCallbackFn && env.kernel.callbackLoops) {
    const previous = findPreviousEntry(env, state, env.insnIdx)
    if (previous) widenImpreciseScalars(env, previous, state)
  }
}

function checkCall(env: Env, slot: number): Next {
  const { insns, state } = env
  const code = insns.code[slot]!
  const src = insns.src[slot]!
  if (
    (code & 8) !== op.BPF_K ||
    (src !== op.BPF_PSEUDO_KFUNC_CALL && insns.off[slot] !== 0) ||
    src > op.BPF_PSEUDO_KFUNC_CALL ||
    insns.dst[slot] !== 0 ||
    (code & 7) === op.BPF_JMP32
  )
    env.reject('BPF_CALL uses reserved fields')
  if (state.activeLocks && !env.kernel.callsUnderLock && (src === op.BPF_PSEUDO_CALL || insns.imm[slot] !== SPIN_UNLOCK))
    env.reject('function calls are not allowed while holding a lock')
  if (state.activeLocks) {
    const kfunc = src === op.BPF_PSEUDO_KFUNC_CALL ? kfuncAt(env, slot) : ''
    if ((src === 0 && insns.imm[slot] !== SPIN_UNLOCK) || (src === op.BPF_PSEUDO_KFUNC_CALL && !allowedUnderLock(env, kfunc)))
      env.reject('function calls are not allowed while holding a lock')
  }
  if (src === op.BPF_PSEUDO_CALL) checkFunctionCall(env, slot)
  else if (src === op.BPF_PSEUDO_KFUNC_CALL) {
    checkKfuncCall(env, slot)
    if (kfuncAt(env, slot) === 'bpf_throw') return exit(env, true)
  } else {
    checkHelperCall(env, slot)
    // A tail call that succeeds returns from the function; one that fails goes on.
    if (env.kernel.tailCallReturns && insns.imm[slot] === TAIL_CALL && state.curframe) {
      env.touch(0)
      env.pushPath(slot + 1, slot)
      clearPacketPointers(env)
      env.setUnknown(0)
      leaveFunction(env)
      env.insnIdx--
    }
  }
  env.touch(0)
  return 'go-on'
}

/** Kernel functions that may be called with a lock held (kfunc_spin_allowed): none that sleeps or takes a lock of its own. */
const lockedKfuncs =
  /^bpf_(list_(push_front|push_back)(_impl)?|list_pop_front|list_pop_back|list_front|list_back|rbtree_(add(_impl)?|remove|first|root|left|right)|refcount_acquire(_impl)?|res_spin_(lock|unlock)(_irqsave|_irqrestore)?)$/
const numberKfuncs = /^bpf_iter_num_(new|next|destroy)$/
const allowedUnderLock = (env: Env, name: string): boolean =>
  lockedKfuncs.test(name) || (env.kernel.numbersUnderLock && numberKfuncs.test(name))

/** BPF_EXIT, and bpf_throw. */
function exit(env: Env, exception: boolean): Next {
  const { state } = env
  checkHeldResources(env, exception, exception || state.curframe === 0)
  if (exception) return 'path-done'
  if (state.curframe) {
    leaveFunction(env)
    return 'go-on'
  }
  checkReturnCode(env, 0)
  return 'path-done'
}

/** One instruction. */
function checkInsn(env: Env): Next {
  const { insns } = env
  const slot = env.insnIdx
  const code = insns.code[slot]!
  switch (code & 7) {
    case op.BPF_ALU:
    case op.BPF_ALU64:
      checkAlu(env, slot)
      break
    case op.BPF_LDX:
      checkLoad(env, slot)
      break
    case op.BPF_STX:
      if ((code & 0xe0) === op.BPF_ATOMIC) checkAtomic(env, slot)
      else {
        if ((code & 0xe0) !== op.BPF_MEM || insns.imm[slot] !== 0) env.reject('BPF_STX uses reserved fields')
        checkStore(env, slot)
      }
      break
    case op.BPF_ST:
      if ((code & 0xe0) !== op.BPF_MEM || insns.src[slot] !== 0) env.reject('BPF_ST uses reserved fields')
      checkStoreImmediate(env, slot)
      break
    case op.BPF_LD: {
      const mode = code & 0xe0
      if (mode === op.BPF_ABS || mode === op.BPF_IND) checkPacketLoad(env, slot)
      else if (mode === op.BPF_IMM) {
        checkLoadImmediate(env, slot)
        env.insnIdx++
      } else env.reject('invalid BPF_LD mode')
      break
    }
    default: {
      const wide = (code & 7) === op.BPF_JMP
      env.jmpsProcessed++
      switch (code & 0xf0) {
        case op.BPF_CALL:
          if (checkCall(env, slot) === 'path-done') return 'path-done'
          break
        case op.BPF_JA:
          if ((code & 8) !== op.BPF_K || insns.src[slot] || insns.dst[slot] || (wide ? insns.imm[slot] : insns.off[slot]))
            env.reject('BPF_JA uses reserved fields')
          env.insnIdx += (wide ? insns.off[slot]! : insns.imm[slot]!) + 1
          return 'go-on'
        case op.BPF_EXIT: {
          if ((code & 8) !== op.BPF_K || insns.imm[slot] || insns.src[slot] || insns.dst[slot] || !wide)
            env.reject('BPF_EXIT uses reserved fields')
          return exit(env, false)
        }
        default:
          checkConditionalJump(env, slot)
      }
    }
  }
  env.insnIdx++
  return 'go-on'
}

/**
 * One instruction of a path that only a processor running ahead takes: it ends at a barrier, and where the program would be refused
 * there is one from now on (error_recoverable_with_nospec).
 */
function checkAhead(env: Env): Next {
  const slot = env.insnIdx
  const marks = env.speculation!
  if (marks.nospec[slot]) return 'path-done'
  env.liveStack.begin(env, slot)
  let done: Next
  try {
    done = checkInsn(env)
  } catch (error) {
    if (!(error instanceof Rejection) || (error.errno !== EACCES && error.errno !== EINVAL && error.errno !== 1)) throw error
    marks.nospec[slot] = 1
    marks.aluState[slot] = 0
    done = 'path-done'
  }
  env.liveStack.commit()
  return marks.nospecResult[slot] ? 'path-done' : done
}

/** do_check: until no path is left. */
function walk(env: Env): void {
  const { insns } = env
  const popLog = (env.log.level & 2) === 0
  let printState = false
  let previous = -1
  for (;;) {
    env.historyOpen = false
    env.prevInsnIdx = previous
    if (env.insnIdx >= insns.length) env.reject(`invalid insn idx ${env.insnIdx} insn_cnt ${insns.length}`, EFAULT)
    if (++env.insnProcessed > env.kernel.insnLimit) env.reject(`BPF program is too large. Processed ${env.insnProcessed} insn`, 7)
    if (env.effort) env.effort.at(env.insnIdx, env.insnProcessed)
    if ((env.insnProcessed & 1023) === 0 && env.pastDeadline) throw new LimitReached('time', env.limits.milliseconds)
    const { state } = env
    state.lastInsnIdx = previous
    state.insnIdx = env.insnIdx
    let done: Next = 'go-on'
    if (env.prunePoint[env.insnIdx] && !env.everyPath && isStateVisited(env, env.insnIdx)) {
      if (env.log.verbose)
        env.say(printState ? `\nfrom ${env.prevInsnIdx} to ${env.insnIdx}${env.pathNote}: safe\n` : `${env.insnIdx}: safe\n`)
      done = 'path-done'
    } else {
      if (env.jmpPoint[env.insnIdx]) env.pushHistory(0)
      if (env.log.verbose) {
        env.printInsn(printState)
        if (env.log.level & 2) printState = false
      }
      previous = env.insnIdx
      if (!state.speculative) env.seen[env.insnIdx] = 1
      if (env.observe) env.observe(env.insnIdx, env.frame)
      const isExit = insns.code[env.insnIdx] === (op.BPF_JMP | op.BPF_EXIT)
      if (state.speculative && env.kernel.nospecFallback) done = checkAhead(env)
      else {
        env.liveStack.begin(env, env.insnIdx)
        done = checkInsn(env)
        env.liveStack.commit()
      }
      if (isExit && done === 'go-on') printState = true
    }
    if (done === 'go-on') continue
    env.touchAll()
    env.liveStack.update(env)
    closeBranch(env, env.state)
    const next = env.popPath()
    if (!next) return
    env.state = next.state
    env.insnIdx = next.insnIdx
    previous = next.prevInsnIdx
    if (popLog) env.log.reset(next.logPosition)
    env.liveStack.resetChain()
    printState = true
  }
}

/** The entry is compared with its BTF too; what does not match makes calls of it unreliable, no more. */
function matchEntry(env: Env): void {
  try {
    if (!env.kernel.argTags) matchSubprog(env, 0, false)
    else if (env.program.functions[0]?.type) {
      const args = prepareArgs(env, 0)
      if (args.length !== 1 || args[0]!.type !== ArgType.PTR_TO_CTX) env.subprogs[0]!.unreliable = true
    }
  } catch (error) {
    if (!(error instanceof Rejection) || error.errno === EFAULT) throw error
    env.subprogs[0]!.unreliable = true
  }
}

/** do_check_common: walks the program or one of its global functions from its entry. */
function walkFrom(env: Env, subprogno: number): void {
  env.resetLines()
  env.insnIdx = env.subprogs[subprogno]!.start
  const state = new VerifierState()
  state.branches = 1
  state.frames.push(newFrame(BPF_MAIN_FUNC, 0, subprogno))
  // Nothing is imprecise in an unprivileged program.
  if (!env.capable) state.frame.preciseRegs = state.frame.preciseLow = state.frame.preciseHigh = -1
  state.firstInsnIdx = env.insnIdx
  state.lastInsnIdx = -1
  env.state = state
  env.pending = []
  env.explored.fill(undefined)
  env.liveStack.resetChain()
  env.touchAll()
  const { regs } = state.frame
  if (subprogno || env.extended) {
    const { name } = env.subprogs[subprogno]!
    env.say(`Validating ${name}() func#${subprogno}...\n`)
    const args = prepareArgs(env, subprogno)
    if (env.subprogs[subprogno]!.isExceptionCallback) {
      state.frame.inExceptionCallbackFn = true
      if (args.length !== 1 || args[0]!.type !== ArgType.ANYTHING)
        env.reject('exception cb only supports single integer argument')
    }
    // btf_prepare_func_args gave ids of its own, which do_check_common replaces.
    if (!env.kernel.argTags) for (const arg of args) if (baseType(arg.type) === ArgType.PTR_TO_MEM) env.newId()
    args.forEach((arg, i) => {
      const nullable = arg.type & TypeFlag.PTR_MAYBE_NULL
      switch (baseType(arg.type)) {
        case ArgType.PTR_TO_CTX:
          regs[i + 1] = pointer(RegType.PTR_TO_CTX)
          return
        case ArgType.ANYTHING:
          regs[i + 1] = UNKNOWN_SCALAR
          return
        case ArgType.PTR_TO_DYNPTR:
          regs[i + 1] = dynptrRegister(DynptrType.LOCAL, true, env.newId())
          return
        case ArgType.PTR_TO_MEM: {
          const reg = pointer(RegType.PTR_TO_MEM | nullable | (arg.type & (TypeFlag.PTR_UNTRUSTED | TypeFlag.MEM_RDONLY)))
          reg.memSize = arg.memSize
          if (nullable || !env.kernel.untrustedMem) reg.id = env.newId()
          regs[i + 1] = reg
          return
        }
        case ArgType.PTR_TO_BTF_ID: {
          const reg = pointer(
            RegType.PTR_TO_BTF_ID | (arg.type & (TypeFlag.PTR_MAYBE_NULL | TypeFlag.PTR_UNTRUSTED | TypeFlag.PTR_TRUSTED)),
          )
          reg.btf = env.kernelBtf
          reg.btfId = arg.btfId
          reg.id = env.newId()
          regs[i + 1] = reg
          return
        }
        default:
          regs[i + 1] = UNKNOWN_SCALAR
      }
    })
  } else {
    regs[1] = pointer(RegType.PTR_TO_CTX)
    matchEntry(env)
  }
  walk(env)
  if ((env.log.level & 2) === 0) env.log.reset(0)
}

/** do_check_subprogs before 6.8: all global functions, called or not, and before the main program. */
function walkAllGlobals(env: Env): void {
  if (!env.program.functions[0]?.type) return
  env.subprogs.forEach((subprog, i) => {
    if (i === 0 || !subprog.global) return
    walkFrom(env, i)
    if (env.log.verbose) env.say(`Func#${i} is safe for any args that match its prototype\n`)
  })
}

/** do_check_main and do_check_subprogs: global functions that are called are verified on their own. */
export function walkProgram(env: Env): void {
  if (!env.kernel.lazyGlobals) {
    walkAllGlobals(env)
    return walkFrom(env, 0)
  }
  walkFrom(env, 0)
  if (!env.program.functions[0]?.type) return
  if (env.exceptionCallback) env.subprogs[env.exceptionCallback]!.called = true
  for (let found = true; found; ) {
    found = false
    env.subprogs.forEach((subprog, i) => {
      if (i === 0 || !subprog.global || !subprog.called || subprog.verified) return
      walkFrom(env, i)
      if (env.log.verbose) env.say(`Func#${i} ('${subprog.name}') is safe for any args that match its prototype\n`)
      subprog.verified = true
      found = true
    })
  }
}
