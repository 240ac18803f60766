/**
 * The program as a graph (kernel/bpf/verifier.c: add_subprog_and_kfunc, check_subprogs, check_cfg): subprograms, jumps that stay in
 * them, instructions that are reached, and where states are compared.
 */
import * as op from '../../../assembler/isa/opcodes.js'
import { BTF_LINKAGE_GLOBAL, BtfKind } from '../../../linker/btf/btf-types.js'
import { helperChangesPacket, helperProto } from '../../kernel/helpers.js'
import { helperId } from '../../kernel/helper-names.js'
import { findKfunc, isIterNext } from '../check/kfunc-meta.js'
import type { Env, Subprog } from '../env.js'
import { declTagsOf } from '../state/btf-record.js'
import { isAsyncCallbackCall, isSyncCallbackCall, kfuncAt } from './callbacks.js'

const LD_IMM64 = op.BPF_LD | op.BPF_IMM | op.BPF_DW
const CALL = op.BPF_JMP | op.BPF_CALL
const TAIL_CALL = helperId('tail_call')
const MAX_SUBPROGS = 256
const BPF_F_XDP_DEV_BOUND_ONLY = 1 << 6

export const isPseudoFunc = (env: Env, slot: number): boolean =>
  env.insns.code[slot] === LD_IMM64 && env.insns.src[slot] === op.BPF_PSEUDO_FUNC
export const isLocalCall = (env: Env, slot: number): boolean =>
  env.insns.code[slot] === CALL && env.insns.src[slot] === op.BPF_PSEUDO_CALL

/** Finds all subprograms: the targets of calls and of function addresses. */
export function collectSubprograms(env: Env): void {
  const { insns, program } = env
  const starts = new Set([0])
  const add = (slot: number) => {
    if (slot < 0 || slot >= insns.length) env.reject('call to invalid destination')
    starts.add(slot)
    if (starts.size > MAX_SUBPROGS) env.reject('too many subprograms', 7)
  }
  for (let slot = 0; slot < insns.length; slot++) {
    const kfunc = insns.code[slot] === CALL && insns.src[slot] === op.BPF_PSEUDO_KFUNC_CALL
    if (!env.capable && (kfunc || isPseudoFunc(env, slot) || isLocalCall(env, slot)))
      env.reject('loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN', 1)
    if (isPseudoFunc(env, slot) || isLocalCall(env, slot)) add(slot + insns.imm[slot]! + 1)
    else if (kfunc) {
      if (!env.gpl) env.reject('cannot call kernel function from non-GPL compatible program')
      if (!env.kernelBtf) env.missing('kernel functions without the BTF of a kernel')
      // add_kfunc_call: also of calls that nothing reaches; 0 stands for a weak one that the kernel lacks.
      const id = insns.imm[slot]!
      const off = insns.off[slot]!
      if (off !== 0) {
        // Prepared programs name functions of the kernel itself; there is no array of the modules' BTF.
        env.say(
          off < 0
            ? 'negative offset disallowed for kernel module function call\n'
            : 'kfunc offset > 0 without fd_array is invalid\n',
        )
        env.reject('failed to find BTF for kernel function')
      }
      if (id !== 0 && !env.kernelBtf.isFunction(id)) env.reject(`kernel btf_id ${id >>> 0} is not a function`)
      if (kfuncAt(env, slot).startsWith('bpf_xdp_metadata_rx_')) {
        if (program.flags & BPF_F_XDP_DEV_BOUND_ONLY) env.missing('programs bound to a device')
        env.reject('metadata kfuncs require device-bound program')
      }
    }
  }
  const exception = exceptionCallback(env)
  if (exception > 0) add(exception)
  const known = new Map(program.functions.map(entry => [entry.slot, entry]))
  const sorted = [...starts].sort((a, b) => a - b)
  sorted.forEach((start, index) => {
    const entry = known.get(start)
    const subprog: Subprog = {
      start,
      end: sorted[index + 1] ?? insns.length,
      name: entry?.name ?? '',
      type: entry?.type ?? 0,
      global: entry !== undefined && entry.type !== 0 && entry.linkage === BTF_LINKAGE_GLOBAL && env.kernel.globalFunctions,
      stackDepth: 0,
      hasTailCall: false,
      tailCallReachable: false,
      hasLdAbs: false,
      isCallback: false,
      isAsyncCallback: false,
      isExceptionCallback: false,
      changesPacket: false,
      mightSleep: false,
      args: undefined,
      argsFault: false,
      unreliable: false,
      called: false,
      verified: false,
      fastcallStackOff: 0,
      keepFastcallStack: false,
    }
    if (exception > 0 && start === exception) {
      env.exceptionCallback = index
      subprog.isCallback = subprog.isAsyncCallback = subprog.isExceptionCallback = true
    }
    env.subprogs.push(subprog)
  })
  if (env.log.level & 2) for (const [i, subprog] of env.subprogs.entries()) env.say(`func#${i} @${subprog.start}\n`)
  if (env.progBtf && program.functions[0]?.type && program.functions.length !== env.subprogs.length)
    env.reject("number of funcs in func_info doesn't match number of subprogs")
}

/** bpf_find_exception_callback_insn_off: 0 where the program names none. */
function exceptionCallback(env: Env): number {
  const main = env.program.functions[0]
  const btf = env.progBtf
  if (!main?.type || !btf) return 0
  const tags = declTagsOf(btf, main.type).filter(entry => entry.component === -1 && entry.tag.startsWith('exception_callback:'))
  if (tags.length === 0) return 0
  if (tags.length > 1) env.reject('multiple exception callback tags for main subprog')
  const name = tags[0]!.tag.slice('exception_callback:'.length)
  const id = btf.find(name, BtfKind.Func)
  if (!id) env.reject(`exception callback '${name}' could not be found in BTF`)
  const type = btf.type(id)
  if (type.kind === BtfKind.Func && type.linkage !== BTF_LINKAGE_GLOBAL)
    env.reject(`exception callback '${name}' must have global linkage`)
  const entry = env.program.functions.find(candidate => candidate.type === id)
  if (!entry) env.reject('exception callback type id not found in func_info')
  if (entry.slot === 0) env.reject('invalid exception callback insn_off in func_info: 0')
  return entry.slot
}

/** check_subprogs, and what check_btf_func says of functions that use old packet loads or tail calls. */
export function checkSubprograms(env: Env): void {
  const { insns } = env
  for (const subprog of env.subprogs) {
    for (let slot = subprog.start; slot < subprog.end; slot++) {
      const code = insns.code[slot]!
      if (code === CALL && insns.src[slot] === 0 && insns.imm[slot] === TAIL_CALL)
        subprog.hasTailCall = subprog.tailCallReachable = true
      const kind = code & 7
      const mode = code & 0xe0
      if (kind === op.BPF_LD && (mode === op.BPF_ABS || mode === op.BPF_IND)) subprog.hasLdAbs = true
      const operation = code & 0xf0
      if ((kind === op.BPF_JMP || kind === op.BPF_JMP32) && operation !== op.BPF_EXIT && operation !== op.BPF_CALL) {
        const target = slot + 1 + (code === (op.BPF_JMP32 | op.BPF_JA) ? insns.imm[slot]! : insns.off[slot]!)
        if (target < subprog.start || target >= subprog.end) env.reject(`jump out of range from insn ${slot} to ${target}`)
      }
      if (
        slot === subprog.end - 1 &&
        code !== (op.BPF_JMP | op.BPF_EXIT) &&
        code !== (op.BPF_JMP32 | op.BPF_JA) &&
        code !== (op.BPF_JMP | op.BPF_JA)
      )
        env.reject('last insn is not an exit or jmp')
    }
  }
  const hasInfo = (env.program.functions[0]?.type ?? 0) !== 0
  env.subprogs.forEach((subprog, index) => {
    if (index === 0) return
    if (!hasInfo) {
      if (subprog.hasLdAbs) env.reject('LD_ABS is not allowed in subprogs without BTF')
      if (subprog.hasTailCall) env.reject('tail_call is not allowed in subprogs without BTF')
      return
    }
    const proto = subprog.type ? env.progBtf!.funcProto(subprog.type) : undefined
    const ret = proto ? env.progBtf!.resolved(proto.type) : undefined
    const scalar =
      ret !== undefined &&
      (ret.kind === BtfKind.Enum || ret.kind === BtfKind.Enum64 || (ret.kind === BtfKind.Int && ret.size <= 8))
    if (!scalar && subprog.hasLdAbs) env.reject("LD_ABS is only allowed in functions that return 'int'.")
    if (!scalar && subprog.hasTailCall) env.reject("tail_call is only allowed in functions that return 'int'.")
  })
}

/** Edges of an instruction in the order in which a depth-first search takes them: where to, and whether it may lead back. */
function edges(env: Env, slot: number): readonly (readonly [to: number, loopOk: boolean])[] {
  const { insns } = env
  const code = insns.code[slot]!
  const kind = code & 7
  const next = slot + (code === LD_IMM64 ? 2 : 1)
  if (isPseudoFunc(env, slot))
    return [
      [next, false],
      [slot + insns.imm[slot]! + 1, true],
    ]
  if (kind !== op.BPF_JMP && kind !== op.BPF_JMP32) return [[next, false]]
  switch (code & 0xf0) {
    case op.BPF_EXIT:
      return []
    case op.BPF_CALL:
      return isLocalCall(env, slot)
        ? [
            [next, false],
            [slot + insns.imm[slot]! + 1, false],
          ]
        : [[next, false]]
    case op.BPF_JA:
      return [[slot + 1 + (kind === op.BPF_JMP ? insns.off[slot]! : insns.imm[slot]!), true]]
    default:
      return [
        [slot + 1, true],
        [slot + 1 + insns.off[slot]!, true],
      ]
  }
}

/** check_cfg before 6.9, and without CAP_BPF: a depth-first search that allows edges back for jumps only, so no recursion (push_insn, 6.1). */
function refuseBackEdges(env: Env): void {
  const { length } = env.insns
  const state = new Uint8Array(length)
  const OPEN = 1
  const DONE = 2
  const path: { readonly slot: number; readonly edges: ReturnType<typeof edges>; at: number }[] = []
  const open = (slot: number) => {
    state[slot] = OPEN
    path.push({ slot, edges: edges(env, slot), at: 0 })
  }
  open(0)
  while (path.length) {
    const top = path[path.length - 1]!
    const edge = top.edges[top.at++]
    if (!edge) {
      state[top.slot] = DONE
      path.pop()
      continue
    }
    const [to, loopOk] = edge
    if (to < 0 || to >= length) {
      env.sayLine(top.slot, `${top.slot}: `)
      env.reject(`jump out of range from insn ${top.slot} to ${to}`)
    }
    if (state[to] === 0) open(to)
    else if (state[to] === OPEN && !(loopOk && env.capable)) {
      env.sayLine(top.slot, `${top.slot}: `)
      env.sayLine(to, `${to}: `)
      env.reject(`back-edge from insn ${top.slot} to ${to}`)
    }
  }
}

/** check_cfg: marks where states are compared, and refuses code that nothing reaches. */
export function checkGraph(env: Env): void {
  const { insns } = env
  const { length } = insns
  if (!env.kernel.anyBackEdge || !env.capable) refuseBackEdges(env)
  const reached = new Uint8Array(length)
  const work: number[] = []
  const visit = (slot: number, from: number) => {
    if (slot >= length || slot < 0) {
      env.sayLine(from, `${from}: `)
      env.reject(`jump out of range from insn ${from} to ${slot}`)
    }
    if (!reached[slot]) {
      reached[slot] = 1
      work.push(slot)
    }
  }
  const branch = (slot: number) => {
    env.prunePoint[slot] = 1
    env.jmpPoint[slot] = 1
    env.jumpTarget[slot] = 1
  }
  const callees: [number, number][] = []
  const callInsn = (slot: number, size: number, local: boolean) => {
    visit(slot + size, slot)
    env.prunePoint[slot + size] = 1
    env.jmpPoint[slot + size] = 1
    if (!local) return
    const target = slot + insns.imm[slot]! + 1
    env.prunePoint[slot] = 1
    callees.push([env.subprogOf(slot), env.subprogOf(target)])
    branch(target)
    visit(target, slot)
  }
  reached[0] = 1
  work.push(0)
  if (env.exceptionCallback) visit(env.subprogs[env.exceptionCallback]!.start, 0)
  while (work.length) {
    const slot = work.pop()!
    const code = insns.code[slot]!
    const kind = code & 7
    if (isPseudoFunc(env, slot)) {
      callInsn(slot, 2, true)
      continue
    }
    if (kind !== op.BPF_JMP && kind !== op.BPF_JMP32) {
      visit(slot + (code === LD_IMM64 ? 2 : 1), slot)
      continue
    }
    switch (code & 0xf0) {
      case op.BPF_EXIT:
        break
      case op.BPF_CALL: {
        if (isAsyncCallbackCall(env, slot)) env.prunePoint[slot] = 1
        if (env.kernel.callbackLoops && isSyncCallbackCall(env, slot)) {
          env.callsCallback[slot] = 1
          env.forceCheckpoint[slot] = 1
          env.prunePoint[slot] = 1
          env.jmpPoint[slot] = 1
        }
        const subprog = env.subprogs[env.subprogOf(slot)]!
        if (code === CALL && insns.src[slot] === 0) {
          if (helperChangesPacket(env.kernel, insns.imm[slot]!)) subprog.changesPacket = true
          const proto = helperProto(env.kernel, env.asker, insns.imm[slot]!)
          if (typeof proto === 'object' && 'mightSleep' in proto && proto.mightSleep) subprog.mightSleep = true
        }
        if (code === CALL && insns.src[slot] === op.BPF_PSEUDO_KFUNC_CALL) {
          const kfunc = findKfunc(env, slot)
          if (kfunc && isIterNext(kfunc)) {
            env.prunePoint[slot] = 1
            env.forceCheckpoint[slot] = 1
          }
          if (kfunc?.flags.includes('sleepable')) subprog.mightSleep = true
          if (kfunc?.name === 'bpf_xdp_pull_data') subprog.changesPacket = true
        }
        callInsn(slot, 1, isLocalCall(env, slot))
        break
      }
      case op.BPF_JA: {
        if ((code & 8) !== op.BPF_K) env.fail('BPF_JA with a register')
        const target = slot + 1 + (kind === op.BPF_JMP ? insns.off[slot]! : insns.imm[slot]!)
        visit(target, slot)
        branch(target)
        break
      }
      default:
        env.prunePoint[slot] = 1
        if (code === (op.BPF_JMP | op.BPF_JCOND)) env.forceCheckpoint[slot] = 1
        visit(slot + 1, slot)
        branch(slot + insns.off[slot]! + 1)
        visit(slot + insns.off[slot]! + 1, slot)
    }
  }
  for (let slot = 0; slot < length; slot++) {
    if (!reached[slot]) env.reject(`unreachable insn ${slot}`)
    if (insns.code[slot] === LD_IMM64) {
      if (reached[slot + 1]) env.reject(`jump into the middle of ldimm64 insn ${slot}`)
      slot++
    }
  }
  for (let changed = true; changed; ) {
    changed = false
    for (const [caller, callee] of callees) {
      const a = env.subprogs[caller]!
      const b = env.subprogs[callee]!
      if (b.changesPacket && !a.changesPacket) changed = a.changesPacket = true
      if (b.mightSleep && !a.mightSleep) changed = a.mightSleep = true
    }
  }
}
