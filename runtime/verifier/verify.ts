/**
 * The verifier: decides for one program and one kernel as that kernel would, in the order of bpf_check (kernel/bpf/verifier.c, 6.12).
 * What is not modelled gives `not-implemented`, never `accepted`.
 */
import { BPF_CALL, BPF_JCOND, BPF_JMP, BPF_MEMSX, BPF_PSEUDO_KFUNC_CALL } from '../../assembler/isa/opcodes.js'
import { LimitReached, NotImplemented } from '../../base/outcome.js'
import type { PreparedObject, PreparedProgram } from '../../linker/object/prepared.js'
import { ProgType } from '../../linker/object/uapi.js'
import { markAccepted } from '../kernel/accepted.js'
import { helperId } from '../kernel/helper-names.js'
import type { MachineFacts } from '../kernel/machine.js'
import { ALL_PRIVILEGES, type Privileges } from '../kernel/privileges.js'
import type { KernelProfile } from '../kernel/profile.js'
import { RegType } from '../kernel/reg-types.js'
import { Effort } from './cost.js'
import { resolveAttachTarget } from './check/attach.js'
import { inlinedLoops } from './check/call.js'
import { asExtended, type ExtendedProgram } from './check/extension.js'
import { checkKnown, undecided } from './check/known.js'
import { Env, type Observer, Rejection } from './env.js'
import { DEFAULT_LOG_LIMIT } from './log/log.js'
import { kfuncAt } from './explore/callbacks.js'
import { checkGraph, checkSubprograms, collectSubprograms } from './explore/cfg.js'
import { dropFastcallStack, markFastcalls } from './explore/fastcall.js'
import { computeLiveRegisters } from './explore/live-registers.js'
import { LiveStack } from './explore/live-stack.js'
import { LoopEntries } from './explore/loop-entries.js'
import { components, LoopComponents } from './explore/loops.js'
import { checkPatterns } from './explore/prepare.js'
import { checkStackDepth } from './explore/stack-depth.js'
import { walkProgram } from './explore/walk.js'

const TAIL_CALL = helperId('tail_call')

export interface VerifyLimits {
  /** Wall-clock milliseconds after which the answer is `limit`; 0 for none. */
  readonly milliseconds?: number
  /** Paths waiting to be walked; the kernel's 8192 by default. */
  readonly jumpSequence?: number
  /** Characters of log kept, the last ones; 64 M by default. */
  readonly logLength?: number
}

export interface VerifyOptions {
  readonly kernel: KernelProfile
  /** Bits 1 (path that fails), 2 (all paths), 4 (statistics); 0 by default. */
  readonly logLevel?: number
  /** Capabilities of whoever loads the program; all by default. */
  readonly privileges?: Privileges
  /** Say `accepted` also for a kernel whose rules are not all there, to compare. */
  readonly unsettled?: boolean
  readonly limits?: VerifyLimits
  /** For an extension (freplace): the program that has the function it replaces. */
  readonly extends?: ExtendedProgram
  /** What is known of the machine; nothing by default. */
  readonly machine?: MachineFacts
  /** Count where the effort goes: `Verdict.effort`. */
  readonly effort?: boolean
  /** Called before each instruction is checked, with the frame it runs in; what it is given must not be changed. For tests of the verifier. */
  readonly observe?: Observer
  /** Walk every path to its end: no state is taken for covered by another. For tests of the verifier. */
  readonly everyPath?: boolean
}

export interface Verdict {
  readonly verdict: 'accepted' | 'rejected' | 'invalid' | 'limit' | 'not-implemented'
  /** The kernel's words for a rejection: the last line of its log before the statistics. Else what is missing or wrong. */
  readonly message: string
  /** Why a kernel rejects it that says nothing about it: our words. */
  readonly reason?: string
  /** The log, as far as the level asked for; without the time, which is the machine's. */
  readonly log: string
  /** Instructions processed. */
  readonly processed: number
  readonly totalStates: number
  readonly peakStates: number
  readonly maxStatesPerInsn: number
  /** Bytes of stack by subprogram. */
  readonly stackDepths: readonly number[]
  /** Where a rejection was noticed; undefined where it is of no instruction. */
  readonly faultSlot?: number
  /** When it was asked for. */
  readonly effort?: Effort
}

const NOTHING = { log: '', processed: 0, totalStates: 0, peakStates: 0, maxStatesPerInsn: 0, stackDepths: [] }

export function verifyProgram(object: PreparedObject, program: PreparedProgram, options: VerifyOptions): Verdict {
  if (program.fault !== undefined) return { verdict: 'invalid', message: program.fault, ...NOTHING }
  const target = program.type === ProgType.EXT ? options.extends : undefined
  if (!target) return examine(object, program, options).verdict
  const { observe: _observe, effort: _effort, extends: _extends, ...rest } = options
  const { verdict, env } = examine(target.object, target.program, { ...rest, logLevel: 0 })
  if (verdict.verdict !== 'accepted') {
    const message = `${target.program.name}, which it extends, is not accepted: ${verdict.message}`
    return { verdict: verdict.verdict === 'rejected' ? 'invalid' : verdict.verdict, message, ...NOTHING }
  }
  return examine(object, asExtended(program, target.program), options, env).verdict
}

/** The verdict, and what was found out on the way. */
function examine(
  object: PreparedObject,
  program: PreparedProgram,
  options: VerifyOptions,
  extended?: Env,
): { readonly verdict: Verdict; readonly env: Env | undefined } {
  let env: Env | undefined
  const verdict = decide(object, program, options, made => {
    env = made
    made.extended = extended
  })
  return { verdict, env }
}

function decide(object: PreparedObject, program: PreparedProgram, options: VerifyOptions, begin: (env: Env) => void): Verdict {
  const logLevel = options.logLevel ?? 0
  let env: Env | undefined
  let walking = false
  const result = (verdict: Verdict['verdict'], message: string): Verdict => ({
    verdict,
    message,
    log: env ? env.log.all + statistics(env) : '',
    processed: env?.insnProcessed ?? 0,
    totalStates: env?.totalStates ?? 0,
    peakStates: env?.peakStates ?? 0,
    maxStatesPerInsn: env?.maxStatesPerInsn ?? 0,
    stackDepths: env?.subprogs.map(subprog => subprog.stackDepth) ?? [],
    ...(env?.effort && { effort: env.effort }),
    ...(verdict === 'rejected' && walking && env ? { faultSlot: env.insnIdx } : {}),
  })
  try {
    const limits = {
      milliseconds: options.limits?.milliseconds ?? 0,
      jumpSequence: options.limits?.jumpSequence ?? 8192,
      logLength: options.limits?.logLength ?? DEFAULT_LOG_LIMIT,
    }
    const { privileges = ALL_PRIVILEGES } = options
    const [loaded, own] = privileges.bpf ? [object, program] : withoutBtf(object, program)
    env = new Env(loaded, own, options.kernel, logLevel, limits, options.machine, privileges)
    begin(env)
    checkKnown(env)
    env.observe = options.observe
    env.everyPath = options.everyPath ?? false
    if (options.effort) env.effort = new Effort(program.insns.length)
    collectSubprograms(env)
    checkSubprograms(env)
    checkPatterns(env)
    checkGraph(env)
    resolveAttachTarget(env)
    const fastcalls = markFastcalls(env)
    env.scc = components(env)
    env.loops = env.kernel.loopComponents ? new LoopComponents(env.scc) : new LoopEntries()
    env.liveStack = new LiveStack()
    computeLiveRegisters(env)
    walking = true
    walkProgram(env)
    walking = false
    dropFastcallStack(env, fastcalls)
    checkStackDepth(env)
    checkLeftOver(env)
    if (!options.kernel.settled && !options.unsettled) {
      const open = options.kernel.documented ? undecided(env) : `all rules of Linux ${options.kernel.version}`
      if (open) return result('not-implemented', open)
    }
    addHiddenDepths(env)
    markAccepted(object, program)
    return result('accepted', '')
  } catch (error) {
    if (error instanceof Rejection) {
      const words = env?.log.lastLine ?? error.message
      return words === '' ? { ...result('rejected', ''), reason: error.message } : result('rejected', words)
    }
    if (error instanceof NotImplemented) return result('not-implemented', error.feature)
    if (error instanceof LimitReached) return result('limit', error.message)
    throw error
  }
}

/** Who lacks CAP_BPF cannot load BTF: libbpf leaves it out, and lines and functions with it. */
function withoutBtf(object: PreparedObject, program: PreparedProgram): [PreparedObject, PreparedProgram] {
  const functions = program.functions.map(entry => ({ ...entry, type: 0 }))
  return [
    { ...object, btf: undefined },
    { ...program, functions, lineInfo: [] },
  ]
}

/**
 * What only the removal of dead code could have saved: loads that the JIT has no instruction for (convert_ctx_accesses), tail calls by one of
 * several maps (do_misc_fixups), kernel functions that are not there (fixup_kfunc_call).
 */
function checkLeftOver(env: Env): void {
  const { insns } = env
  if (!env.kernel.arenaSignedLoads)
    for (let slot = 0; slot < insns.length; slot++)
      if (env.ptrType[slot] === RegType.PTR_TO_ARENA + 1 && (insns.code[slot]! & 0xe0) === BPF_MEMSX)
        env.reject('sign extending loads from arena are not supported yet')
  if (env.speculation)
    for (const slot of env.mixedMaps) if (insns.imm[slot] === TAIL_CALL) env.reject('tail_call abusing map_ptr')
  for (let slot = 0; slot < insns.length; slot++)
    if (
      env.seen[slot] &&
      insns.code[slot] === (BPF_JMP | BPF_CALL) &&
      insns.src[slot] === BPF_PSEUDO_KFUNC_CALL &&
      insns.imm[slot] === 0
    )
      env.reject('invalid kernel function call not eliminated in verifier pass')
}

/** Stack that the kernel's own code takes in an accepted program: of loops in the place of bpf_loop, of may_goto, of a callback it adds; functions that nothing reaches are gone. */
function addHiddenDepths(env: Env): void {
  const { insns, kernel, subprogs } = env
  const extra = new Map<number, number>()
  const take = (slot: number, bytes: number) => {
    const subprog = env.subprogOf(slot)
    extra.set(subprog, Math.max(extra.get(subprog) ?? 0, bytes))
  }
  for (const slot of inlinedLoops(env)) take(slot, 24 + (-subprogs[env.subprogOf(slot)]!.stackDepth & 7))
  let throws = false
  for (let slot = 0; slot < insns.length; slot++) {
    if (!env.seen[slot]) continue
    if (insns.code[slot] === (BPF_JMP | BPF_JCOND)) take(slot, kernel.timedMayGoto ? 16 : 8)
    if (kfuncAt(env, slot) === 'bpf_throw') throws = true
  }
  for (const [subprog, bytes] of extra) subprogs[subprog]!.stackDepth += bytes
  env.depthsSaid = subprogs.filter(subprog => !env.capable || env.seen[subprog.start]).map(subprog => subprog.stackDepth)
  if (throws && env.exceptionCallback === 0) env.depthsSaid.push(0)
}

/** print_verification_stats, without the time. */
function statistics(env: Env): string {
  const depth =
    (env.log.level & 4) !== 0
      ? `stack depth ${(env.depthsSaid ?? env.subprogs.map(subprog => subprog.stackDepth)).join('+')}\n`
      : ''
  return `${depth}processed ${env.insnProcessed} insns (limit ${env.kernel.insnLimit}) max_states_per_insn ${env.maxStatesPerInsn} total_states ${env.totalStates} peak_states ${env.peakStates} mark_read 0\n`
}
