/** Reads and writes of the stack (kernel/bpf/verifier.c: check_stack_read_fixed_off, check_stack_write_fixed_off and their kin). */
import * as op from '../../../assembler/isa/opcodes.js'
import { RegType, baseType } from '../../kernel/reg-types.js'
import { EACCES, type Env } from '../env.js'
import { markChainPrecision, stackAccess } from '../explore/precision.js'
import { tnumText } from '../log/print-state.js'
import {
  allTypes,
  BPF_REG_SIZE,
  EMPTY_SLOT,
  type FuncState,
  isSpecial,
  isSpilled,
  isSpilledScalar,
  MAX_BPF_STACK,
  mapRegisters,
  scrubbed,
  setType,
  Slot,
  StackSlot,
  typeAt,
} from '../state/frames.js'
import {
  constScalar,
  isBounded,
  DynptrType,
  isNullScalar,
  isScalar,
  NOT_INIT,
  type RegState,
  UNKNOWN_SCALAR,
  valueWidth,
  withoutId,
} from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { BPF_MAX_VAR_OFF, linkScalar } from './alu.js'

/** Slot index of a frame offset. */
export const spiOf = (off: number): number => Math.trunc((-off - 1) / BPF_REG_SIZE)

function spillable(type: number): boolean {
  switch (baseType(type)) {
    case RegType.PTR_TO_MAP_VALUE:
    case RegType.PTR_TO_STACK:
    case RegType.PTR_TO_CTX:
    case RegType.PTR_TO_PACKET:
    case RegType.PTR_TO_PACKET_META:
    case RegType.PTR_TO_PACKET_END:
    case RegType.PTR_TO_FLOW_KEYS:
    case RegType.CONST_PTR_TO_MAP:
    case RegType.PTR_TO_SOCKET:
    case RegType.PTR_TO_SOCK_COMMON:
    case RegType.PTR_TO_TCP_SOCK:
    case RegType.PTR_TO_XDP_SOCK:
    case RegType.PTR_TO_BTF_ID:
    case RegType.PTR_TO_BUF:
    case RegType.PTR_TO_MEM:
    case RegType.PTR_TO_FUNC:
    case RegType.PTR_TO_MAP_KEY:
    case RegType.PTR_TO_ARENA:
      return true
    default:
      return false
  }
}

/** check_stack_access_within_bounds; grows the frame's stack to what is accessed. */
export function checkStackBounds(env: Env, regno: number, off: number, size: number, how: 'read' | 'write' | 'helper'): void {
  const reg = env.reg(regno)
  const frame = env.frameOf(reg)
  const extra = how === 'helper' ? ' indirect access to' : how === 'read' ? ' read from' : ' write to'
  const constant = t.isConst(reg.varOff)
  let low: number
  let high: number
  if (constant) {
    low = w.toSigned(reg.varOff.value) + off
    high = low + size
  } else {
    if (w.toSigned(reg.smax) >= BPF_MAX_VAR_OFF || w.toSigned(reg.smin) <= -BPF_MAX_VAR_OFF)
      env.reject(`invalid unbounded variable-offset${extra} stack R${regno}`, EACCES)
    low = w.toSigned(reg.smin) + off
    high = w.toSigned(reg.smax) + off + size
  }
  const lowest =
    how === 'write' || env.perfmon || (how === 'helper' && !env.kernel.typedHelperAccess) ? -MAX_BPF_STACK : -frame.allocatedStack
  if (low < lowest || low > -1 || high > 0 || size < 0) {
    if (constant) env.reject(`invalid${extra} stack R${regno} off=${off} size=${size}`, EACCES)
    const place = env.kernel.log === 'classic' ? '' : ` off=${off}`
    env.reject(`invalid variable-offset${extra} stack R${regno} var_off=${tnumText(reg.varOff)}${place} size=${size}`, EACCES)
  }
  env.growStack(frame, -low)
}

/** destroy_if_dynptr_stack_slot. */
export function destroyDynptr(env: Env, frame: FuncState, spi: number): void {
  const slot = frame.stack[spi]
  if (!env.kernel.guardedDynptrs || !slot || typeAt(slot, 0) !== Slot.DYNPTR) return
  const first = slot.spilled.dynptrFirst ? spi : spi + 1
  const reg = frame.stack[first]!.spilled
  if (reg.dynptrType === DynptrType.RINGBUF || reg.dynptrType === DynptrType.FILE)
    env.reject('cannot overwrite referenced dynptr')
  env.touchSlot(first)
  env.touchSlot(first - 1)
  frame.setSlot(first, EMPTY_SLOT)
  frame.setSlot(first - 1, EMPTY_SLOT)
  const { id } = reg
  mapRegisters(env.state, other => (baseType(other.type) === RegType.PTR_TO_MEM && other.dynptrId === id ? env.stale : other))
  env.liveStack.markWrite(env, frame.frameno, first)
  env.liveStack.markWrite(env, frame.frameno, first - 1)
}

function scrubSpecial(env: Env, slot: StackSlot): StackSlot {
  return new StackSlot(
    (env.kernel.guardedDynptrs ? isSpecial(slot) : isSpilled(slot)) ? scrubbed(slot.types) : slot.types,
    NOT_INIT,
  )
}

/** Types of a slot in which `size` bytes from the lowest were spilled (save_register_state). */
function spilledTypes(env: Env, before: number, size: number): number {
  let types = before
  for (let i = 7; i >= 0; i--) {
    if (i > 7 - size) types = setType(types, i, Slot.SPILL)
    else {
      const type = (before >>> (i * 4)) & 15
      if (type !== Slot.INVALID && !(type === Slot.ZERO && env.kernel.spillNarrow)) types = setType(types, i, Slot.MISC)
    }
  }
  return types
}

/** check_fastcall_stack_contract. */
function checkFastcall(env: Env, frame: FuncState, slot: number, off: number): void {
  const subprog = env.subprogs[frame.subprogno]!
  if (subprog.fastcallStackOff <= off || env.fastcallPattern[slot]) return
  subprog.fastcallStackOff = -32768
  env.fastcallPattern.fill(0, subprog.start, subprog.end)
}

/** A store through a stack pointer; `valueRegno` is -1 for an immediate. */
export function checkStackWrite(env: Env, regno: number, off: number, size: number, valueRegno: number): void {
  const pointer = env.reg(regno)
  refuseVariable(env, pointer, off, size)
  const frame = env.frameOf(pointer)
  if (t.isConst(pointer.varOff)) writeFixed(env, frame, off + w.toSigned(pointer.varOff.value), size, valueRegno)
  else writeVariable(env, frame, pointer, off, size, valueRegno)
}

/** Whether kernels before 6.9 remember a number that is stored on the stack. */
function keepsPlainSpill({ kernel }: Env, reg: RegState, size: number): boolean {
  if (!isBounded(reg) || isNullScalar(reg)) return false
  return (kernel.narrowSpills || size === BPF_REG_SIZE) && (kernel.boundedSpills || t.isConst(reg.varOff))
}

function refuseVariable(env: Env, pointer: RegState, off: number, size: number): void {
  if (!env.kernel.variableStackAccess && !t.isConst(pointer.varOff))
    env.reject(`variable stack access var_off=${tnumText(pointer.varOff)} off=${off} size=${size}`, EACCES)
}

function writeFixed(env: Env, frame: FuncState, off: number, size: number, valueRegno: number): void {
  const slotIdx = env.insnIdx
  const { insns } = env
  const index = -off - 1
  const spi = spiOf(off)
  const aligned = off % BPF_REG_SIZE === 0
  const immediateStore = (insns.code[slotIdx]! & 0xe7) === (op.BPF_ST | op.BPF_MEM)
  if (!env.perfmon) guardSlot(env, frame.stack[spi]!, index, size, valueRegno)
  destroyDynptr(env, frame, spi)
  checkFastcall(env, frame, slotIdx, off)
  env.touchSlot(spi)
  let reg = valueRegno >= 0 ? env.reg(valueRegno) : undefined
  const before = frame.stack[spi]!
  if (size === BPF_REG_SIZE) {
    env.liveStack.markWrite(env, frame.frameno, spi)
    frame.markSlotWritten(spi)
  }
  const { kernel } = env
  if (reg && aligned && isScalar(reg) && env.capable && (kernel.spillNarrow || keepsPlainSpill(env, reg, size))) {
    const fits = valueWidth(reg) <= 8 * size
    if (!kernel.stackHistory && insns.dst[slotIdx] !== 10) markChainPrecision(env, valueRegno)
    if (fits && kernel.spillNarrow) {
      reg = linkScalar(env, reg)
      env.regs[valueRegno] = reg
    }
    let spilled = reg
    if (!fits && reg.id !== 0) {
      spilled = reg.clone()
      spilled.id = 0
    }
    frame.setSlot(spi, new StackSlot(spilledTypes(env, before.types, size), spilled))
    env.pushHistory(stackAccess(frame.frameno, spi))
    return
  }
  if (
    !reg &&
    aligned &&
    immediateStore &&
    env.capable &&
    (kernel.narrowSpills || size === BPF_REG_SIZE) &&
    (kernel.spillNarrow || insns.imm[slotIdx] !== 0)
  ) {
    frame.setSlot(spi, new StackSlot(spilledTypes(env, before.types, size), constScalar(w.fromS32(insns.imm[slotIdx]!))))
    env.pushHistory(stackAccess(frame.frameno, spi))
    return
  }
  if (reg && spillable(reg.type)) {
    if (size !== BPF_REG_SIZE) {
      env.sayLine(slotIdx, '; ')
      env.reject('invalid size of register spill', EACCES)
    }
    if (frame !== env.frame && reg.type === RegType.PTR_TO_STACK)
      env.reject('cannot spill pointers to stack into stack frame of the caller')
    frame.setSlot(spi, new StackSlot(allTypes(Slot.SPILL), reg))
    env.pushHistory(stackAccess(frame.frameno, spi))
    return
  }
  const scrubbedSlot = scrubSpecial(env, before)
  let type: number = Slot.MISC
  if ((reg && isNullScalar(reg)) || (!reg && immediateStore && insns.imm[slotIdx] === 0)) {
    markChainPrecision(env, valueRegno)
    type = Slot.ZERO
  }
  let { types } = scrubbedSlot
  for (let i = 0; i < size; i++) types = setType(types, (index - i) & 7, type)
  frame.setSlot(spi, new StackSlot(types, scrubbedSlot.spilled))
}

/** What may not be overwritten without CAP_PERFMON, and where a store that is passed over would show what was there before. */
function guardSlot(env: Env, slot: StackSlot, index: number, size: number, valueRegno: number): void {
  if (isSpilled(slot) && !isSpilledScalar(slot) && size !== BPF_REG_SIZE)
    env.reject('attempt to corrupt spilled pointer on stack', EACCES)
  let guarded = valueRegno >= 0 && spillable(env.reg(valueRegno).type)
  for (let i = 0; i < size && !guarded; i++) {
    const type = typeAt(slot, (index - i) & 7)
    guarded = type !== Slot.MISC && type !== Slot.ZERO
  }
  if (guarded) env.speculation!.nospecResult[env.insnIdx] = 1
}

function writeVariable(env: Env, frame: FuncState, pointer: RegState, off: number, size: number, valueRegno: number): void {
  const slotIdx = env.insnIdx
  const low = w.toSigned(pointer.smin) + off
  const high = w.toSigned(pointer.smax) + off + size
  const value = valueRegno >= 0 ? env.reg(valueRegno) : undefined
  const immediateStore = (env.insns.code[slotIdx]! & 0xe7) === (op.BPF_ST | op.BPF_MEM)
  const writingZero = value ? isNullScalar(value) : env.kernel.spillNarrow && immediateStore && env.insns.imm[slotIdx] === 0
  for (let i = low; i < high; i++) destroyDynptr(env, frame, spiOf(i))
  checkFastcall(env, frame, slotIdx, low)
  let zeroUsed = false
  for (let i = low; i < high; i++) {
    const index = -i - 1
    const spi = index >> 3
    const slot = frame.stack[spi]!
    const type = typeAt(slot, index & 7)
    env.touchSlot(spi)
    if (!env.perfmon && type !== Slot.MISC && type !== Slot.ZERO) {
      env.say(`spilled ptr in range of var-offset stack write; insn ${slotIdx}, ptr off: ${i}`)
      env.fail('spilled ptr in range of var-offset stack write')
    }
    if (
      env.kernel.spillNarrow &&
      writingZero &&
      type === Slot.SPILL &&
      isSpilledScalar(slot) &&
      t.isConstZero(slot.spilled.varOff)
    ) {
      zeroUsed = true
      continue
    }
    const clean = env.kernel.spillNarrow ? scrubSpecial(env, slot) : new StackSlot(slot.types, NOT_INIT)
    let newType: number = Slot.MISC
    if (writingZero && typeAt(clean, index & 7) === Slot.ZERO) {
      newType = Slot.ZERO
      zeroUsed = true
    }
    frame.setSlot(spi, new StackSlot(setType(clean.types, index & 7, newType), clean.spilled))
  }
  if (zeroUsed) markChainPrecision(env, valueRegno)
}

/** A load through a stack pointer; `dstRegno` is -1 where only the access is checked. */
export function checkStackRead(env: Env, regno: number, off: number, size: number, dstRegno: number): void {
  const pointer = env.reg(regno)
  refuseVariable(env, pointer, off, size)
  const frame = env.frameOf(pointer)
  const constant = t.isConst(pointer.varOff)
  if (dstRegno < 0 && !constant)
    env.reject(
      `variable offset stack pointer cannot be passed into helper function; var_off=${tnumText(pointer.varOff)} off=${off} size=${size}`,
      EACCES,
    )
  if (constant) readFixed(env, frame, off + w.toSigned(pointer.varOff.value), size, dstRegno)
  else {
    checkStackInitialized(env, regno, off, size, false, 'direct', undefined)
    const low = w.toSigned(pointer.smin) + off
    const high = w.toSigned(pointer.smax) + off
    readBytes(env, frame, low, high + size, dstRegno)
    checkFastcall(env, frame, env.insnIdx, low)
  }
}

/** mark_reg_stack_read: zero where every byte is known to be zero. */
function readBytes(env: Env, frame: FuncState, low: number, high: number, dstRegno: number): void {
  let zeros = 0
  for (let i = low; i < high; i++) {
    const index = -i - 1
    if (env.kernel.slotReadsShown) env.touchSlot(index >> 3)
    if (typeAt(frame.stack[index >> 3]!, index & 7) !== Slot.ZERO) break
    zeros++
  }
  env.regs[dstRegno] = zeros === high - low ? constScalar(w.ZERO) : UNKNOWN_SCALAR
}

function readFixed(env: Env, frame: FuncState, off: number, size: number, dstRegno: number): void {
  const index = -off - 1
  const spi = spiOf(off)
  const slot = frame.stack[spi] ?? EMPTY_SLOT
  const reg = slot.spilled
  if (env.kernel.slotReadsShown) env.touchSlot(spi)
  checkFastcall(env, env.frame, env.insnIdx, off)
  env.liveStack.markRead(env, frame.frameno, env.insnIdx, spi)
  if (isSpilled(slot)) {
    let spillSize = 1
    for (let i = 7; i > 0 && typeAt(slot, i - 1) === Slot.SPILL; i--) spillSize++
    if (size !== BPF_REG_SIZE || spillSize !== BPF_REG_SIZE) {
      if (!isScalar(reg)) {
        env.sayLine(env.insnIdx, '; ')
        env.reject('invalid size of register fill', EACCES)
      }
      if (dstRegno < 0) return
      if (size <= spillSize && off % BPF_REG_SIZE === 0 && (env.kernel.spillNarrow || size === spillSize)) {
        env.regs[dstRegno] = valueWidth(reg) > size * 8 ? withoutId(reg) : reg
      } else {
        let spills = 0
        let zeros = 0
        for (let i = 0; i < size; i++) {
          const type = typeAt(slot, (index - i) & 7)
          if (type === Slot.SPILL) spills++
          else if (type === Slot.ZERO) zeros++
          else if (type !== Slot.MISC && !(type === Slot.INVALID && env.perfmon))
            env.reject(`invalid read from stack off ${off}+${i} size ${size}`, EACCES)
        }
        if (spills === size && t.isConstZero(reg.varOff) && env.kernel.spillNarrow) {
          env.regs[dstRegno] = constScalar(w.ZERO)
        } else {
          env.regs[dstRegno] = zeros === size && env.kernel.spillNarrow ? constScalar(w.ZERO) : UNKNOWN_SCALAR
          return
        }
      }
    } else if (dstRegno >= 0) env.regs[dstRegno] = reg
    else if (!env.perfmon && !isScalar(reg)) env.reject(`leaking pointer from stack off ${off}`, EACCES)
    env.pushHistory(stackAccess(frame.frameno, spi))
    return
  }
  for (let i = 0; i < size; i++) {
    const type = typeAt(slot, (index - i) & 7)
    if (type === Slot.MISC || type === Slot.ZERO || (type === Slot.INVALID && env.perfmon)) continue
    env.reject(`invalid read from stack off ${off}+${i} size ${size}`, EACCES)
  }
  if (dstRegno >= 0) readBytes(env, frame, off, off + size, dstRegno)
}

/** What a call wants of memory, filled in while its arguments are checked. */
export interface RawAccess {
  rawMode: boolean
  accessSize: number
  regno: number
}

/** Who reads or overwrites a range: the instruction itself, or a helper. */
export type StackUse = 'direct' | 'helper-read' | 'helper-write'

/** check_stack_range_initialized: the bytes may be read, by the program or (`helper`) by the kernel, which may also overwrite them. */
export function checkStackInitialized(
  env: Env,
  regno: number,
  off: number,
  size: number,
  zeroSizeAllowed: boolean,
  how: StackUse,
  meta: RawAccess | undefined,
): void {
  const reg = env.reg(regno)
  const frame = env.frameOf(reg)
  if (size === 0 && !zeroSizeAllowed) env.reject('invalid zero-sized read', EACCES)
  const typed = env.kernel.typedHelperAccess
  const extra = how === 'direct' || typed ? '' : ' indirect'
  const clobber = how !== 'direct' && (how === 'helper-write' || !typed)
  checkStackBounds(
    env,
    regno,
    off,
    size,
    how === 'direct' ? 'read' : typed ? (how === 'helper-write' ? 'write' : 'read') : 'helper',
  )
  let low: number
  let high: number
  let raw = meta
  const constant = t.isConst(reg.varOff)
  if (constant) low = high = w.toSigned(reg.varOff.value) + off
  else {
    if (env.speculation) {
      if (!env.kernel.nospecFallback)
        env.reject(`R${regno}${extra} variable offset stack access prohibited for !root, var_off=${tnumText(reg.varOff)}`, EACCES)
      env.speculation.nospec[env.insnIdx] = 1
    }
    if (raw?.rawMode) raw = undefined
    low = w.toSigned(reg.smin) + off
    high = w.toSigned(reg.smax) + off
  }
  if (raw?.rawMode) {
    for (let i = low; i < high + size; i++) {
      const index = -i - 1
      const slot = frame.stack[index >> 3]
      if (env.kernel.guardedDynptrs && slot && typeAt(slot, index & 7) === Slot.DYNPTR)
        env.reject(`potential write to dynptr at off=${i} disallowed`, EACCES)
    }
    raw.accessSize = size
    raw.regno = regno
    return
  }
  for (let i = low; i < high + size; i++) {
    const index = -i - 1
    const spi = index >> 3
    const slot = frame.stack[spi] ?? EMPTY_SLOT
    const type = typeAt(slot, index & 7)
    if (type === Slot.MISC) {
    } else if (type === Slot.ZERO || (type === Slot.INVALID && env.perfmon)) {
      if (clobber) frame.setSlot(spi, new StackSlot(setType(slot.types, index & 7, Slot.MISC), slot.spilled))
    } else if (isSpilled(slot) && (env.perfmon || isScalar(slot.spilled))) {
      if (clobber) frame.setSlot(spi, new StackSlot(scrubbed(slot.types), UNKNOWN_SCALAR))
    } else if (constant) env.reject(`invalid${extra} read from stack R${regno} off ${low}+${i - low} size ${size}`, EACCES)
    else env.reject(`invalid${extra} read from stack R${regno} var_off ${tnumText(reg.varOff)}+${i - low} size ${size}`, EACCES)
    env.liveStack.markRead(env, frame.frameno, env.insnIdx, spi)
  }
}
