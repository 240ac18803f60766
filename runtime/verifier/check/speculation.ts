/**
 * Against Spectre, for programs loaded without CAP_PERFMON: paths that only a mispredicted jump or a masked pointer leads to are walked
 * too, and pointer arithmetic must be such that the kernel can mask it (kernel/bpf/verifier.c: sanitize_ptr_alu, sanitize_val_alu,
 * sanitize_check_bounds, sanitize_speculative_path; 6.12, and 6.18 for barriers in the place of refusals).
 */
import * as op from '../../../assembler/isa/opcodes.js'
import { RegType } from '../../kernel/reg-types.js'
import { EACCES, type Env, Rejection } from '../env.js'
import { tnumText } from '../log/print-state.js'
import { MAX_BPF_STACK } from '../state/frames.js'
import { type RegState, UNKNOWN_SCALAR } from '../state/registers.js'
import { AluState, type SpeculationMarks } from '../state/speculation.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { checkMapAccess } from './memory.js'

const PROHIBITED = 'pointer arithmetic with it prohibited for !root'
const E2BIG = 7

/** The way not taken by a comparison that is decided; nothing is known there of what was compared. */
export function pushUntaken(env: Env, target: number, slot: number): void {
  const { regs } = env.pushPath(target, slot, true).frame
  regs[env.insns.dst[slot]!] = UNKNOWN_SCALAR
  if ((env.insns.code[slot]! & 8) === op.BPF_X) regs[env.insns.src[slot]!] = UNKNOWN_SCALAR
}

/** update_alu_sanitation_state: all paths must mask an instruction alike. */
function setMask(env: Env, marks: SpeculationMarks, state: number, limit: number): void {
  const slot = env.insnIdx
  const before = marks.aluState[slot]!
  if (before && (before !== state || marks.aluLimit[slot] !== limit >>> 0)) {
    const verb = (env.insns.code[slot]! & 0xf0) === op.BPF_ADD ? 'add' : 'sub'
    env.reject(`R${env.insns.dst[slot]} tried to ${verb} from different maps, paths or scalars, ${PROHIBITED}`, EACCES)
  }
  marks.aluState[slot] = state
  marks.aluLimit[slot] = limit
}

/** sanitize_val_alu: a sum or difference of two numbers may not be one of a pointer on another path. */
export function maskValue(env: Env, fromRegister: boolean): void {
  if (env.speculation && fromRegister) setMask(env, env.speculation, AluState.NON_POINTER, 0)
}

/** What the first half of the masking of a pointer hands to the second. */
export interface PointerMask {
  readonly toLeft: boolean
  readonly state: number
  readonly limit: number
}

/** retrieve_ptr_limit: bytes that a pointer may move in the direction. */
function pointerLimit(env: Env, ptr: RegState, toLeft: boolean, offsetInDst: boolean): number {
  const { dst, src, code } = env.insns
  const slot = env.insnIdx
  let most: number
  let limit: number
  switch (ptr.type) {
    case RegType.PTR_TO_STACK:
      most = MAX_BPF_STACK + (toLeft ? 1 : 0)
      limit = -(w.toSigned(ptr.varOff.value) + ptr.off) >>> 0
      break
    case RegType.PTR_TO_MAP_VALUE:
      most = ptr.map!.valueSize
      limit = ((toLeft ? ptr.smin.lo : ptr.umax.lo) + ptr.off) >>> 0
      break
    default:
      return env.reject(
        `R${offsetInDst ? src[slot] : dst[slot]} has pointer with unsupported alu operation, ${PROHIBITED}`,
        EACCES,
      )
  }
  if (limit >= most) {
    const verb = (code[slot]! & 0xf0) === op.BPF_ADD ? 'add' : 'sub'
    env.reject(`R${dst[slot]} tried to ${verb} beyond pointer bounds, ${PROHIBITED}`, EACCES)
  }
  return limit
}

/**
 * sanitize_ptr_alu before the operation: `ptr` stands in the destination already. The path on which masking makes the offset 0 is
 * walked later.
 */
export function maskPointer(
  env: Env,
  operation: number,
  ptr: RegState,
  offset: RegState,
  pointerIsDst: boolean,
): PointerMask | undefined {
  const marks = env.speculation
  if (!marks || (env.insns.code[env.insnIdx]! & 8) === op.BPF_K) return undefined
  const constant = t.isConst(offset.varOff)
  const negative = w.isNegative(offset.smin)
  let mask: PointerMask | undefined
  if (!env.state.speculative) {
    const offsetInDst = !pointerIsDst && !env.kernel.copiedOffsets
    if (!constant && negative !== w.isNegative(offset.smax)) {
      const regno = offsetInDst ? env.insns.dst[env.insnIdx] : env.insns.src[env.insnIdx]
      env.reject(`R${regno} has unknown scalar with mixed signed bounds, ${PROHIBITED}`, EACCES)
    }
    const toLeft = (operation === op.BPF_ADD && negative) || (operation === op.BPF_SUB && !negative)
    const limit = pointerLimit(env, ptr, toLeft, offsetInDst)
    const state =
      (negative ? AluState.NEG_VALUE : 0) |
      (constant ? AluState.IMMEDIATE : 0) |
      (pointerIsDst ? AluState.SANITIZE_SRC : AluState.SANITIZE_DST)
    if (!constant) marks.exploreAluLimits = true
    mask = { toLeft, state, limit }
  }
  if (!constant) {
    try {
      env.pushPath(env.insnIdx + 1, env.insnIdx, true)
    } catch (error) {
      if (!(error instanceof Rejection)) throw error
      env.reject(`R${env.insns.dst[env.insnIdx]} could not be pushed for speculative verification, ${PROHIBITED}`, E2BIG)
    }
  }
  return mask
}

/** sanitize_ptr_alu after the operation: the mask covers how far the pointer really moved. */
export function commitMask(env: Env, mask: PointerMask | undefined, result: RegState): void {
  if (!mask) return
  const limit = pointerLimit(env, result, mask.toLeft, false)
  setMask(env, env.speculation!, mask.state, Math.abs((mask.limit - limit) | 0))
}

/** sanitize_check_bounds: the result points into what it came from. */
export function checkPointerStays(env: Env, dst: number): void {
  if (!env.speculation) return
  const reg = env.reg(dst)
  if (reg.type === RegType.PTR_TO_STACK) {
    const off = reg.off + w.toSigned(reg.varOff.value)
    if (!t.isConst(reg.varOff))
      env.reject(`R${dst} variable stack access prohibited for !root, var_off=${tnumText(reg.varOff)} off=${off}`, EACCES)
    if (off >= 0 || off < -MAX_BPF_STACK)
      env.reject(`R${dst} stack pointer arithmetic goes out of range, prohibited for !root; off=${off}`, EACCES)
  } else if (reg.type === RegType.PTR_TO_MAP_VALUE) {
    try {
      checkMapAccess(env, dst, reg.off, 1, false, 'helper')
    } catch (error) {
      if (!(error instanceof Rejection)) throw error
      env.reject(`R${dst} pointer arithmetic of map value goes out of range, prohibited for !root`, EACCES)
    }
  }
}
