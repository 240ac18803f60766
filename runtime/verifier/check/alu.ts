/** Arithmetic instructions (kernel/bpf/verifier.c: check_alu_op, adjust_reg_min_max_vals, adjust_ptr_min_max_vals). */
import * as op from '../../../assembler/isa/opcodes.js'
import { MapType } from '../../../linker/object/uapi.js'
import { baseType, RegType } from '../../kernel/reg-types.js'
import { EACCES, type Env } from '../env.js'
import { markChainPrecision } from '../explore/precision.js'
import { regTypeName } from '../log/print-state.js'
import { coerceSigned, coerceSignedSubreg, coerceToSize, zeroExtend } from '../state/bounds.js'
import {
  BPF_ADD_CONST,
  BPF_ADD_CONST32,
  BPF_ADD_CONST64,
  S32_MIN,
  constScalar,
  isExact,
  isPacketPointer,
  isScalar,
  knownScalar,
  mayBeNull,
  pointer,
  type RegState,
  setKnown,
  setUnbounded,
  setUnbounded32,
  UNKNOWN_SCALAR,
  valueWidth,
  withoutId,
} from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { constantAlu, scalarAlu } from './scalar-alu.js'
import { checkPointerStays, commitMask, maskPointer, maskValue } from './speculation.js'

export const BPF_MAX_VAR_OFF = 1 << 29

const operatorNames: Readonly<Record<number, string>> = {
  [op.BPF_ADD]: '+=',
  [op.BPF_SUB]: '-=',
  [op.BPF_MUL]: '*=',
  [op.BPF_DIV]: '/=',
  [op.BPF_OR]: '|=',
  [op.BPF_AND]: '&=',
  [op.BPF_LSH]: '<<=',
  [op.BPF_RSH]: '>>=',
  [op.BPF_NEG]: 'neg',
  [op.BPF_MOD]: '%=',
  [op.BPF_XOR]: '^=',
  [op.BPF_MOV]: '=',
  [op.BPF_ARSH]: 's>>=',
  [op.BPF_END]: 'endian',
}

/** assign_scalar_id_before_mov: source and copy get one id, so that what is learnt of one holds for the other. */
export function linkScalar(env: Env, reg: RegState): RegState {
  if (!isScalar(reg)) return reg
  const linked = reg.id & BPF_ADD_CONST ? withoutId(reg) : reg
  if (linked.id || (t.isConst(linked.varOff) && env.kernel.linkedOffsets)) return linked
  const copy = linked.clone()
  copy.id = env.newId()
  return copy
}

export function checkAlu(env: Env, slot: number): void {
  const { insns } = env
  const code = insns.code[slot]!
  const operation = code & 0xf0
  const wide = (code & 7) === op.BPF_ALU64
  const fromRegister = (code & 8) === op.BPF_X
  const dst = insns.dst[slot]!
  const src = insns.src[slot]!
  const off = insns.off[slot]!
  const imm = insns.imm[slot]!
  if (operation === op.BPF_END || operation === op.BPF_NEG) {
    if (operation === op.BPF_NEG) {
      if (fromRegister || src !== 0 || off !== 0 || imm !== 0) env.reject('BPF_NEG uses reserved fields')
    } else if (src !== 0 || off !== 0 || (imm !== 16 && imm !== 32 && imm !== 64) || (wide && (fromRegister || !env.kernel.v4)))
      env.reject('BPF_END uses reserved fields')
    env.readReg(dst)
    if (env.hidesPointer(dst)) env.reject(`R${dst} pointer arithmetic prohibited`, EACCES)
    env.writeReg(dst)
    if (operation === op.BPF_NEG && env.kernel.trackNeg && isScalar(env.reg(dst))) {
      const reg = env.edit(dst)
      scalarAlu(op.BPF_NEG, !wide, reg, reg, env.kernel)
      env.sync(reg)
    } else if (operation === op.BPF_END && env.kernel.trackByteSwaps && isScalar(env.reg(dst))) {
      swapBytes(env, dst, imm, wide || fromRegister)
    } else env.setUnknown(dst)
  } else if (operation === op.BPF_MOV) checkMov(env, wide, fromRegister, dst, src, off, imm)
  else if (operation > op.BPF_END) env.reject(`invalid BPF_ALU opcode ${operation.toString(16)}`)
  else {
    const signedOk = env.kernel.v4 && (operation === op.BPF_MOD || operation === op.BPF_DIV)
    if (fromRegister) {
      if (imm !== 0 || (off !== 0 && !(off === 1 && signedOk))) env.reject('BPF_ALU uses reserved fields')
      env.readReg(src)
    } else if (src !== 0 || (off !== 0 && !(off === 1 && signedOk))) env.reject('BPF_ALU uses reserved fields')
    env.readReg(dst)
    if ((operation === op.BPF_MOD || operation === op.BPF_DIV) && !fromRegister && imm === 0) env.reject('div by zero')
    if ((operation === op.BPF_LSH || operation === op.BPF_RSH || operation === op.BPF_ARSH) && !fromRegister)
      if (imm < 0 || imm >= (wide ? 64 : 32)) env.reject(`invalid shift ${imm}`)
    env.writeReg(dst)
    adjust(env, operation, wide, fromRegister, dst, src, imm)
  }
  const result = env.reg(dst)
  if (result !== UNKNOWN_SCALAR) checkSanity(env, dst)
}

/** scalar_byte_swap, on a little-endian machine: `swap`, or cut to `bits`. */
function swapBytes(env: Env, dst: number, bits: number, swap: boolean): void {
  const reg = env.edit(dst)
  if (swap || bits !== 64) {
    reg.id = 0
    reg.off = 0
  }
  if (swap) {
    const { varOff } = reg
    setUnbounded(reg)
    reg.varOff = t.byteSwap(varOff, bits)
  }
  if (bits !== 64) coerceToSize(reg, bits / 8, env.kernel)
  env.sync(reg)
}

function checkSanity(env: Env, number: number): void {
  const reg = env.reg(number)
  env.sanity(reg, 'alu')
}

function checkMov(env: Env, wide: boolean, fromRegister: boolean, dst: number, src: number, off: number, imm: number): void {
  if (fromRegister) {
    if (!wide) {
      if (imm !== 0 || !(off === 0 || (env.kernel.v4 && (off === 8 || off === 16)))) env.reject('BPF_MOV uses reserved fields')
    } else if (off === op.BPF_ADDR_SPACE_CAST && env.kernel.arena) {
      if (imm !== 1 && imm !== 1 << 16) env.reject('addr_space_cast insn can only convert between address space 1 and 0')
      if (!env.object.maps.some(map => map.type === MapType.ARENA))
        env.reject('addr_space_cast insn can only be used in a program that has an associated arena')
    } else if (imm !== 0 || !(off === 0 || (env.kernel.v4 && (off === 8 || off === 16 || off === 32))))
      env.reject('BPF_MOV uses reserved fields')
    env.readReg(src)
  } else if (src !== 0 || off !== 0) env.reject('BPF_MOV uses reserved fields')
  env.writeReg(dst)
  if (!fromRegister) {
    env.regs[dst] = constScalar(wide ? w.fromS32(imm) : w.fromU32(imm))
    return
  }
  const source = env.reg(src)
  if (!imm && env.hidesPointer(src)) {
    if (!wide) env.reject(`R${src} partial copy of pointer`, EACCES)
    if (off) env.reject(`R${src} sign-extension part of pointer`, EACCES)
  }
  if (wide) {
    if (imm) {
      if (imm === 1) {
        const reg = pointer(RegType.PTR_TO_ARENA)
        reg.varOff = t.TNUM_UNKNOWN
        env.regs[dst] = UNKNOWN_SCALAR.clone()
        env.regs[dst]!.type = RegType.PTR_TO_ARENA
      } else env.setUnknown(dst)
    } else if (off === 0) {
      const linked = linkScalar(env, source)
      env.regs[src] = linked
      env.regs[dst] = linked
    } else if (isScalar(source)) {
      const fits = w.ult(source.umax, w.shl(w.ONE, off - 1))
      const linked = fits ? linkScalar(env, source) : source
      env.regs[src] = linked
      const reg = (fits ? linked : withoutId(linked)).clone()
      coerceSigned(reg, off >> 3)
      env.regs[dst] = reg
    } else env.setUnknown(dst)
    return
  }
  if (!isScalar(source)) {
    const reg = UNKNOWN_SCALAR.clone()
    zeroExtend(reg)
    env.sync(reg)
    env.regs[dst] = reg
    return
  }
  const fits = off === 0 ? env.kernel.linkedNarrowMoves && valueWidth(source) <= 32 : w.ult(source.umax, w.shl(w.ONE, off - 1))
  const linked = fits ? linkScalar(env, source) : source
  env.regs[src] = linked
  const reg = (fits ? linked : withoutId(linked)).clone()
  if (off) coerceSignedSubreg(reg, off >> 3)
  zeroExtend(reg)
  env.sync(reg)
  env.regs[dst] = reg
}

/** adjust_reg_min_max_vals. */
function adjust(env: Env, operation: number, wide: boolean, fromRegister: boolean, dst: number, src: number, imm: number): void {
  const target = env.reg(dst)
  const source = fromRegister ? env.reg(src) : undefined
  if (target.type === RegType.PTR_TO_ARENA || source?.type === RegType.PTR_TO_ARENA) {
    if (target.type !== RegType.PTR_TO_ARENA) env.regs[dst] = source!
    return
  }
  const pointerTarget = !isScalar(target)
  if (source) {
    if (!isScalar(source)) {
      if (pointerTarget) {
        if (operation === op.BPF_SUB && env.perfmon) return env.setUnknown(dst)
        env.reject(`R${dst} pointer ${operatorNames[operation]} pointer prohibited`, EACCES)
      }
      markChainPrecision(env, dst)
      return adjustPointer(env, operation, wide, dst, source, target, false)
    }
    if (pointerTarget) {
      markChainPrecision(env, src)
      return adjustPointer(env, operation, wide, dst, target, source, true)
    }
  } else if (pointerTarget) return adjustPointer(env, operation, wide, dst, target, constScalar(w.fromS32(imm)), true)
  if (operation === op.BPF_ADD || operation === op.BPF_SUB) maskValue(env, fromRegister)
  const operand = source ?? constScalar(w.fromS32(imm))
  if (target.id === 0 && target.off === 0 && isExact(target) && isExact(operand)) {
    const value = constantAlu(operation, wide, target.varOff.value, operand.varOff.value)
    if (value) {
      env.regs[dst] = constScalar(value)
      return
    }
  }
  let reg = target.clone()
  env.regs[dst] = reg
  if ((operation === op.BPF_AND || operation === op.BPF_OR) && env.kernel.forkSignMasks && t.isConst(operand.varOff))
    forkSignMask(env, dst)
  reg = env.reg(dst)
  if (!env.kernel.freeOperands && !classicOperandOk(operation, wide, operand)) return env.setUnknown(dst)
  if (!scalarAlu(operation, !wide, reg, operand, env.kernel)) {
    env.setUnknown(dst)
    // Up to 6.9 what is not known of a 32-bit result is still its upper half.
    if (!env.kernel.freeOperands && !wide) {
      const low = env.edit(dst)
      zeroExtend(low)
      env.sync(low)
    }
    return
  }
  env.sync(reg)
  const self = fromRegister && src === dst
  const link = reg.id && !self ? linkedDifference(env, operation, wide, target, operand) : undefined
  if (link === undefined || reg.id & BPF_ADD_CONST) {
    reg.id = 0
    reg.off = 0
  } else {
    reg.id |= wide ? BPF_ADD_CONST64 : BPF_ADD_CONST32
    reg.off = link
  }
}

/** The constant by which a result differs from the register it came from; undefined where none is kept. */
function linkedDifference(env: Env, operation: number, wide: boolean, target: RegState, operand: RegState): number | undefined {
  const { linkedOffsets, linkedDifferences } = env.kernel
  if (!env.capable) return undefined
  if (!linkedDifferences) {
    const { value } = operand.varOff
    const kept = linkedOffsets && operation === op.BPF_ADD && wide && t.isConst(operand.varOff) && value.hi === 0 && value.lo >= 0
    return kept ? value.lo : undefined
  }
  if (operation !== op.BPF_ADD && operation !== op.BPF_SUB) return undefined
  if (wide ? !t.isConst(operand.varOff) : operand.varOff.mask.lo !== 0) return undefined
  const { lo, hi } = operand.varOff.value
  if (wide && hi !== lo >> 31) return undefined
  // The relation holds for 32 bits only of a value that fits them.
  if (!wide && target.umax.hi !== 0) return undefined
  if (operation === op.BPF_ADD) return lo
  return lo === S32_MIN ? undefined : -lo
}

/** Whether the result of an operation is computed at all, before 6.10: of an unknown operand for sums, differences and AND only. */
function classicOperandOk(operation: number, wide: boolean, operand: RegState): boolean {
  const known = wide ? t.isConst(operand.varOff) : t.subregIsConst(operand.varOff)
  const contradiction = wide
    ? (known && (!w.eq(operand.smin, operand.smax) || !w.eq(operand.umin, operand.umax))) ||
      w.slt(operand.smax, operand.smin) ||
      w.ult(operand.umax, operand.umin)
    : (known && (operand.s32min !== operand.s32max || operand.u32min !== operand.u32max)) ||
      operand.s32min > operand.s32max ||
      operand.u32min > operand.u32max
  if (contradiction) return false
  return known || operation === op.BPF_ADD || operation === op.BPF_SUB || operation === op.BPF_AND
}

/** maybe_fork_scalars: a value that is 0 or -1 is walked as either. */
function forkSignMask(env: Env, dst: number): void {
  const reg = env.reg(dst)
  const wide = w.eq(reg.smin, w.MINUS_ONE) && w.isZero(reg.smax)
  if (!wide && !(reg.s32min === -1 && reg.s32max === 0)) return
  const other = env.pushPath(env.insnIdx, env.insnIdx)
  const set = (value: w.U64): RegState => {
    if (wide) return knownScalar(value)
    const copy = reg.clone()
    copy.varOff = t.withSubreg(copy.varOff, t.tnumConst(value))
    copy.s32min = copy.s32max = value.lo
    copy.u32min = copy.u32max = value.lo >>> 0
    return copy
  }
  other.frame.regs[dst] = set(w.ZERO)
  env.regs[dst] = set(w.MINUS_ONE)
}

/** check_reg_sane_offset. */
function checkSaneOffset(env: Env, reg: RegState, type: number): void {
  const value = w.toSigned(reg.varOff.value)
  if (t.isConst(reg.varOff) && (value >= BPF_MAX_VAR_OFF || value <= -BPF_MAX_VAR_OFF))
    env.reject(`math between ${regTypeName(type)} pointer and ${w.toDecimal(reg.varOff.value)} is not allowed`)
  if (reg.off >= BPF_MAX_VAR_OFF || reg.off <= -BPF_MAX_VAR_OFF)
    env.reject(`${regTypeName(type)} pointer offset ${reg.off} is not allowed`)
  if (w.eq(reg.smin, w.S64_MIN))
    env.reject(`math between ${regTypeName(type)} pointer and register with unbounded min value is not allowed`)
  const smin = w.toSigned(reg.smin)
  if (smin >= BPF_MAX_VAR_OFF || smin <= -BPF_MAX_VAR_OFF)
    env.reject(`value ${w.toDecimal(reg.smin)} makes ${regTypeName(type)} pointer be out of bounds`)
}

/** adjust_ptr_min_max_vals: pointer plus or minus number; `pointerIsDst` where the pointer is the destination. */
function adjustPointer(
  env: Env,
  operation: number,
  wide: boolean,
  dst: number,
  ptr: RegState,
  offset: RegState,
  pointerIsDst: boolean,
): void {
  const known = t.isConst(offset.varOff)
  if (
    (known && (!w.eq(offset.smin, offset.smax) || !w.eq(offset.umin, offset.umax))) ||
    w.slt(offset.smax, offset.smin) ||
    w.ult(offset.umax, offset.umin)
  )
    return env.setUnknown(dst)
  if (!wide) {
    if (operation === op.BPF_SUB && env.perfmon) return env.setUnknown(dst)
    env.reject(`R${dst} 32-bit pointer arithmetic prohibited`, EACCES)
  }
  if (mayBeNull(ptr.type))
    env.reject(`R${dst} pointer arithmetic on ${regTypeName(ptr.type)} prohibited, null-check it first`, EACCES)
  switch (baseType(ptr.type)) {
    case RegType.PTR_TO_CTX:
    case RegType.PTR_TO_MAP_VALUE:
    case RegType.PTR_TO_MAP_KEY:
    case RegType.PTR_TO_STACK:
    case RegType.PTR_TO_PACKET_META:
    case RegType.PTR_TO_PACKET:
    case RegType.PTR_TO_TP_BUFFER:
    case RegType.PTR_TO_BTF_ID:
    case RegType.PTR_TO_MEM:
    case RegType.PTR_TO_BUF:
    case RegType.PTR_TO_FUNC:
    case RegType.CONST_PTR_TO_DYNPTR:
      break
    default: {
      const zero = known && w.isZero(offset.smin) && operation === op.BPF_ADD
      const ok =
        (ptr.type === RegType.PTR_TO_FLOW_KEYS && known) ||
        ((ptr.type === RegType.CONST_PTR_TO_MAP || ptr.type === RegType.PTR_TO_FLOW_KEYS) && zero)
      if (!ok) env.reject(`R${dst} pointer arithmetic on ${regTypeName(ptr.type)} prohibited`, EACCES)
    }
  }
  env.regs[dst] = ptr
  checkSaneOffset(env, offset, ptr.type)
  checkSaneOffset(env, ptr, ptr.type)
  const summing = operation === op.BPF_ADD || operation === op.BPF_SUB
  const mask = summing ? maskPointer(env, operation, ptr, offset, pointerIsDst) : undefined
  const reg = ptr.clone()
  env.regs[dst] = reg
  // The pointer is copied with the mark of whether it was written.
  if (
    !pointerIsDst &&
    env.kernel.log === 'liveness' &&
    env.kernel.copiedOffsets &&
    !((env.frame.writtenRegs >> env.insns.src[env.insnIdx]!) & 1)
  )
    env.frame.writtenRegs &= ~(1 << dst)
  const step = w.toSigned(offset.smin)
  if (known && operation === op.BPF_ADD && isExact(ptr) && ptr.off + step === ((ptr.off + step) | 0)) {
    // Only the fixed part changes: what would be forgotten of 32 bits follows from the rest again.
    reg.off = ptr.off + step
    checkSaneOffset(env, reg, ptr.type)
    checkPointerStays(env, dst)
    return commitMask(env, mask, reg)
  }
  setUnbounded32(reg)
  switch (operation) {
    case op.BPF_ADD: {
      const fixed = ptr.off + step
      if (known && fixed === (fixed | 0)) {
        reg.off = fixed
        break
      }
      const smin = w.add(ptr.smin, offset.smin)
      const smax = w.add(ptr.smax, offset.smax)
      if (w.saddOverflows(ptr.smin, offset.smin, smin) || w.saddOverflows(ptr.smax, offset.smax, smax)) {
        reg.smin = w.S64_MIN
        reg.smax = w.S64_MAX
      } else {
        reg.smin = smin
        reg.smax = smax
      }
      const umin = w.add(ptr.umin, offset.umin)
      const umax = w.add(ptr.umax, offset.umax)
      if (w.ult(umin, ptr.umin) || w.ult(umax, ptr.umax)) {
        reg.umin = w.ZERO
        reg.umax = w.U64_MAX
      } else {
        reg.umin = umin
        reg.umax = umax
      }
      reg.varOff = t.tnumAdd(ptr.varOff, offset.varOff)
      if (isPacketPointer(ptr)) {
        reg.id = env.newId()
        reg.range = 0
      }
      break
    }
    case op.BPF_SUB: {
      if (!pointerIsDst) env.reject(`R${dst} tried to subtract pointer from scalar`, EACCES)
      if (ptr.type === RegType.PTR_TO_STACK) env.reject(`R${dst} subtraction from stack pointer prohibited`, EACCES)
      const fixed = ptr.off - step
      if (known && fixed === (fixed | 0)) {
        reg.off = fixed
        break
      }
      const smin = w.sub(ptr.smin, offset.smax)
      const smax = w.sub(ptr.smax, offset.smin)
      if (w.ssubOverflows(ptr.smin, offset.smax, smin) || w.ssubOverflows(ptr.smax, offset.smin, smax)) {
        reg.smin = w.S64_MIN
        reg.smax = w.S64_MAX
      } else {
        reg.smin = smin
        reg.smax = smax
      }
      if (w.ult(ptr.umin, offset.umax)) {
        reg.umin = w.ZERO
        reg.umax = w.U64_MAX
      } else {
        reg.umin = w.sub(ptr.umin, offset.umax)
        reg.umax = w.sub(ptr.umax, offset.umin)
      }
      reg.varOff = t.tnumSub(ptr.varOff, offset.varOff)
      if (isPacketPointer(ptr)) {
        reg.id = env.newId()
        if (w.isNegative(offset.smin)) reg.range = 0
      }
      break
    }
    case op.BPF_AND:
    case op.BPF_OR:
    case op.BPF_XOR:
      env.reject(`R${dst} bitwise operator ${operatorNames[operation]} on pointer prohibited`, EACCES)
    default:
      env.reject(`R${dst} pointer arithmetic with ${operatorNames[operation]} operator prohibited`, EACCES)
  }
  checkSaneOffset(env, reg, ptr.type)
  env.sync(reg)
  checkPointerStays(env, dst)
  commitMask(env, mask, reg)
}

export { setKnown }
