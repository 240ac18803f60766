/**
 * Spills around calls that clobber little (kernel/bpf/verifier.c: mark_fastcall_patterns, 6.12): they do not count as stack while
 * nothing else uses the slots. Only how deep the stack is depends on it.
 */
import * as op from '../../../assembler/isa/opcodes.js'
import { helperId } from '../../kernel/helper-names.js'
import { helperProto } from '../../kernel/helpers.js'
import { RetType } from '../../kernel/reg-types.js'
import { kfuncAt } from './callbacks.js'
import type { Env } from '../env.js'

const CALL = op.BPF_JMP | op.BPF_CALL
const STX = op.BPF_STX | op.BPF_MEM | op.BPF_DW
const LDX = op.BPF_LDX | op.BPF_MEM | op.BPF_DW
const ALL = 0x3f
/** Calls that the kernel replaces by instructions on x86-64. */
const inlined = new Set(['get_smp_processor_id', 'get_current_task', 'get_current_task_btf'].map(helperId))
const inlinedKfuncs = new Set(['bpf_cast_to_kern_ctx', 'bpf_rdonly_cast'])

/** Spills of each call that vanish with it, by slot of the call. */
export interface FastcallInfo {
  readonly spills: ReadonlyMap<number, number>
}

export function markFastcalls(env: Env): FastcallInfo {
  const { insns } = env
  const spills = new Map<number, number>()
  if (!env.kernel.fastcalls) return { spills }
  for (const subprog of env.subprogs) {
    let lowest = 0
    for (let slot = subprog.start; slot < subprog.end; slot++)
      if (insns.code[slot] === STX && insns.dst[slot] === 10) lowest = Math.min(lowest, insns.off[slot]!)
    for (let slot = subprog.start; slot < subprog.end; slot++) {
      if (insns.code[slot] !== CALL) continue
      let clobbered = ALL
      let canInline = false
      if (insns.src[slot] === 0) {
        const proto = helperProto(env.kernel, env.asker, insns.imm[slot]!)
        if (typeof proto !== 'object' || 'notImplemented' in proto) continue
        clobbered = proto.ret === RetType.VOID ? 0 : 1
        proto.args.forEach((arg, i) => {
          if (arg) clobbered |= 1 << (i + 1)
        })
        canInline = proto.allowFastcall && inlined.has(proto.id)
      } else if (insns.src[slot] === op.BPF_PSEUDO_KFUNC_CALL) {
        const proto = env.kernelBtf?.funcProto(insns.imm[slot]!)
        if (!proto) continue
        clobbered = proto.type ? 1 : 0
        proto.params.forEach((_, i) => {
          clobbered |= 1 << (i + 1)
        })
        canInline = inlinedKfuncs.has(kfuncAt(env, slot))
      }
      if (clobbered === ALL) continue
      let expected = ~clobbered & ALL
      let count = 1
      let off = lowest
      for (; count <= 6; count++, off += 8) {
        const before = slot - count
        const after = slot + count
        if (before < 0 || after >= insns.length) break
        if (env.jumpTarget[before + 1] || env.jumpTarget[after]) break
        if (insns.code[before] !== STX || insns.code[after] !== LDX || insns.dst[before] !== 10 || insns.src[after] !== 10) break
        const reg = insns.src[before]!
        if (reg !== insns.dst[after] || !((1 << reg) & expected)) break
        if (insns.off[before] !== off || insns.off[after] !== off) break
        expected &= ~(1 << reg)
        env.fastcallPattern[before] = 1
        env.fastcallPattern[after] = 1
      }
      if (count === 1) continue
      if (canInline) spills.set(slot, count - 1)
      else subprog.keepFastcallStack = true
      subprog.fastcallStackOff = Math.min(subprog.fastcallStackOff, off)
    }
  }
  return { spills }
}

/** remove_fastcall_spills_fills, as far as stack depth is concerned. */
export function dropFastcallStack(env: Env, info: FastcallInfo): void {
  for (const subprog of env.subprogs) {
    let modified = false
    for (const slot of info.spills.keys())
      if (slot >= subprog.start && slot < subprog.end && env.fastcallPattern[slot - 1]) modified = true
    if (modified && !subprog.keepFastcallStack) subprog.stackDepth = -subprog.fastcallStackOff
  }
}
