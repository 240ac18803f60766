/**
 * Holds the verifier to its word: a program that it accepts is run in the checking interpreter on random inputs. It must not fault, it
 * must end, and before each instruction every number must lie within what some state recorded for it there (all paths walked, none
 * taken for covered by another).
 */
import { Insns } from '../../../../assembler/isa/insns.js'
import * as op from '../../../../assembler/isa/opcodes.js'
import { LimitReached } from '../../../../base/outcome.js'
import type { PreparedObject, PreparedProgram } from '../../../../linker/object/prepared.js'
import type { KernelProfile } from '../../../../runtime/kernel/profile.js'
import { RegType } from '../../../../runtime/kernel/reg-types.js'
import type { RegState } from '../../../../runtime/verifier/state/registers.js'
import { verifyProgram } from '../../../../runtime/verifier/verify.js'
import { Vm } from '../../../../runtime/vm/vm.js'
import type { Randoms } from '../randoms.js'
import { VALUE_SIZE } from './programs.js'

export interface Verified {
  readonly program: PreparedProgram
  /** Register states by slot; undefined where walking all paths takes too long: then only faults are looked for. */
  readonly states: readonly (readonly (readonly RegState[])[])[] | undefined
}

/** Paths of this many instructions in all are walked without pruning. */
const STATES = 5_000

/** Instructions that may be processed; a limit of time would make what a seed gives hang on the machine. */
const EFFORT = 20_000

/** Undefined for a program that is not accepted (by a kernel whose rules are not all there: against which nothing is found). */
export function verified(object: PreparedObject, program: PreparedProgram, profile: KernelProfile): Verified | undefined {
  const kernel = { ...profile, insnLimit: EFFORT }
  const seen = new Uint8Array(program.insns.length)
  const observe = (slot: number) => {
    seen[slot] = 1
  }
  if (verifyProgram(object, program, { kernel, unsettled: true, observe }).verdict !== 'accepted') return undefined
  const states: RegState[][][] = Array.from({ length: program.insns.length }, () => [])
  let count = 0
  const walked = verifyProgram(object, program, {
    kernel,
    everyPath: true,
    unsettled: true,
    observe: (slot, frame) => {
      if (++count > STATES) throw new LimitReached('states', STATES)
      states[slot]!.push(frame.regs.slice(0, 10))
    },
  })
  return {
    program: { ...program, insns: withoutDead(program.insns, seen) },
    states: walked.verdict === 'accepted' ? states : undefined,
  }
}

/** What no path reaches is never run, and may be malformed: the kernel replaces it as well (sanitize_dead_code). */
function withoutDead(insns: Insns, seen: Uint8Array): Insns {
  const live = new Insns(insns.length)
  live.copy(0, insns, 0, insns.length)
  for (let slot = 0; slot < insns.length; slot++) {
    if (insns.code[slot] === (op.BPF_LD | op.BPF_IMM | op.BPF_DW)) slot++
    else if (seen[slot] === 0) live.set(slot, op.BPF_JMP | op.BPF_JA, 0, 0, -1, 0)
  }
  return live
}

const within = (reg: RegState, lo: number, hi: number): boolean => {
  if (reg.type !== RegType.SCALAR_VALUE) return true
  const { umin, umax, smin, smax, varOff } = reg
  const [l, h] = [lo >>> 0, hi >>> 0]
  return (
    ((lo ^ varOff.value.lo) & ~varOff.mask.lo) === 0 &&
    ((hi ^ varOff.value.hi) & ~varOff.mask.hi) === 0 &&
    lo >= reg.s32min &&
    lo <= reg.s32max &&
    l >= reg.u32min &&
    l <= reg.u32max &&
    (h > umin.hi >>> 0 || (h === umin.hi >>> 0 && l >= umin.lo >>> 0)) &&
    (h < umax.hi >>> 0 || (h === umax.hi >>> 0 && l <= umax.lo >>> 0)) &&
    (hi > smin.hi || (hi === smin.hi && l >= smin.lo >>> 0)) &&
    (hi < smax.hi || (hi === smax.hi && l <= smax.lo >>> 0))
  )
}

const CORNERS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, -0x80000000, -1, -2, 64, 56]

/** What went wrong in `runs` runs of programs of one object, in words; nothing is what should be. */
export function violations(object: PreparedObject, programs: readonly Verified[], random: Randoms, runs: number): string[] {
  const vm = new Vm(object, { budget: 4_000_000 })
  const { machine } = vm
  const found: string[] = []
  const word = () => (random.below(3) ? random.next() | 0 : CORNERS[random.below(CORNERS.length)]!)
  for (const { program, states } of programs)
    for (let run = 0; run < runs; run++) {
      const value = new Uint8Array(VALUE_SIZE)
      const view = new DataView(value.buffer)
      for (let at = 0; at < VALUE_SIZE; at += 4) view.setInt32(at, random.below(3) ? word() : word() >> 24, true)
      vm.maps['values']!.set(new Uint8Array(4), value)
      const packet = new Uint8Array(14 + random.below(40)).map(() => random.below(256))
      let stray: string | undefined
      const onStep = ({ slot }: { readonly slot: number }) => {
        if (!states || stray !== undefined) return
        const { lo, hi } = machine
        if (states[slot]!.some(regs => regs.every((reg, i) => within(reg, lo[i]!, hi[i]!)))) return
        stray = `instruction ${slot}: ${Array.from({ length: 10 }, (_, i) => `r${i}=${hi[i]! >>> 0}:${lo[i]! >>> 0}`).join(' ')} is in none of its ${states[slot]!.length} states`
      }
      const ctx = { mark: word() >>> 0, priority: word() >>> 0, tc_index: 0 }
      try {
        const { fault } = vm.program(program.name).run({ packet, ctx, ...(states && { onStep }) })
        if (fault) found.push(`${program.name}: instruction ${fault.slot}: ${fault.message}`)
      } catch (error) {
        if (!(error instanceof LimitReached)) throw error
        found.push(`${program.name}: does not end`)
      }
      if (stray !== undefined) found.push(`${program.name}: ${stray}`)
    }
  return found
}
