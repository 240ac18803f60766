/** Which registers may still be read at each instruction: textbook liveness (kernel/bpf/verifier.c: compute_live_registers, 6.15). */
import * as op from '../../../assembler/isa/opcodes.js'
import { helperProto } from '../../kernel/helpers.js'
import type { Env } from '../env.js'
import { successors } from './loops.js'

const ALL_CALLER_SAVED = 0x3f
const LD_IMM64 = op.BPF_LD | op.BPF_IMM | op.BPF_DW

/** Registers an instruction reads and writes, as masks `use | def << 16`. */
function useAndDef(env: Env, slot: number): number {
  const { insns } = env
  const code = insns.code[slot]!
  const kind = code & 7
  const operation = code & 0xf0
  const dst = 1 << insns.dst[slot]!
  const src = 1 << insns.src[slot]!
  const fromRegister = (code & 8) === op.BPF_X
  const both = (use: number, def: number) => use | (def << 16)
  switch (kind) {
    case op.BPF_LD: {
      const mode = code & 0xe0
      if (mode === op.BPF_IMM) return both(0, dst)
      // BPF_LD_ABS and BPF_LD_IND read r6 and clobber like a call.
      return both(mode === op.BPF_IND ? src | (1 << 6) : 1 << 6, ALL_CALLER_SAVED)
    }
    case op.BPF_LDX:
      return both(src, dst)
    case op.BPF_ST:
      return both(dst, 0)
    case op.BPF_STX: {
      if ((code & 0xe0) !== op.BPF_ATOMIC) return both(dst | src, 0)
      const imm = insns.imm[slot]!
      if (imm === op.BPF_CMPXCHG) return both(1 | dst | src, 1)
      if (imm === op.BPF_LOAD_ACQ) return both(src, dst)
      if (imm === op.BPF_STORE_REL) return both(dst | src, 0)
      return both(dst | src, imm & op.BPF_FETCH ? src : 0)
    }
    case op.BPF_ALU:
    case op.BPF_ALU64:
      if (operation === op.BPF_END) return both(dst, dst)
      if (operation === op.BPF_MOV) return both(fromRegister ? src : 0, dst)
      return both(fromRegister ? dst | src : dst, dst)
    default:
      switch (operation) {
        case op.BPF_JA:
        case op.BPF_JCOND:
          return 0
        case op.BPF_EXIT:
          return both(1, 0)
        case op.BPF_CALL:
          return both(callUse(env, slot), ALL_CALLER_SAVED)
        default:
          return both(fromRegister ? dst | src : dst, 0)
      }
  }
}

/** Argument registers of a call, as far as its prototype tells. */
function callUse(env: Env, slot: number): number {
  const { insns } = env
  const all = 0x3e
  if (insns.src[slot] === 0) {
    const proto = helperProto(env.kernel, env.asker, insns.imm[slot]!)
    if (typeof proto !== 'object' || 'notImplemented' in proto) return all
    let mask = 0
    proto.args.forEach((arg, i) => {
      if (arg !== 0) mask |= 1 << (i + 1)
    })
    return mask
  }
  if (insns.src[slot] === op.BPF_PSEUDO_KFUNC_CALL) {
    const proto = env.kernelBtf?.has(insns.imm[slot]!) ? env.kernelBtf.funcProto(insns.imm[slot]!) : undefined
    if (!proto) return all
    let mask = 0
    for (let i = 0; i < proto.params.length; i++) mask |= 1 << (i + 1)
    return mask
  }
  return all
}

export function computeLiveRegisters(env: Env): void {
  const { insns, liveRegs } = env
  const count = insns.length
  const masks = new Int32Array(count)
  for (let slot = 0; slot < count; slot++) if (insns.code[slot] !== 0) masks[slot] = useAndDef(env, slot)
  for (let changed = true; changed; ) {
    changed = false
    for (let slot = count - 1; slot >= 0; slot--) {
      if (insns.code[slot] === 0) continue
      let out = 0
      for (const next of successors(env, slot)) if (next < count) out |= liveRegs[next]!
      const before = (out & ~(masks[slot]! >>> 16)) | (masks[slot]! & 0xffff)
      if (before !== liveRegs[slot]) {
        liveRegs[slot] = before
        changed = true
      }
    }
  }
  if (env.log.level & 2 && env.kernel.liveRegsShown) sayLiveRegisters(env)
}

/** As the kernel prints them: component of a loop, instruction, registers. */
function sayLiveRegisters(env: Env): void {
  const { insns, liveRegs } = env
  env.say('Live regs before insn:\n')
  for (let slot = 0; slot < insns.length; slot++) {
    const scc = env.scc[slot]!
    let regs = ''
    for (let i = 0; i < 10; i++) regs += (liveRegs[slot]! >> i) & 1 ? i : '.'
    env.say(`${scc ? `${String(scc).padStart(3)} ` : '    '}${String(slot).padStart(3)}: ${regs} ${env.insnText(slot)}\n`)
    if (insns.code[slot] === LD_IMM64) slot++
  }
}
