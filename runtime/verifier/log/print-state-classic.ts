/**
 * Registers and stack as text, in the layout that kernel/bpf/verifier.c has before 6.8 (print_verifier_state of 6.1): every attribute of a
 * pointer also where it is 0, bounds one by one, `_w` behind what was written since the last checkpoint.
 */
import { baseType, RegType } from '../../kernel/reg-types.js'
import { BPF_REG_SIZE, type FuncState, isSpilled, RefType, typeAt, type VerifierState } from '../state/frames.js'
import { isPacketPointer, type RegState, S32_MAX, S32_MIN } from '../state/registers.js'
import { isConst, isUnknown, type Tnum } from '../state/tnum.js'
import * as w from '../state/u64.js'
import { regTypeName } from './print-state.js'

/** tnum_strn before 6.8: constants too as value and mask. */
export const tnumPair = (a: Tnum): string => `(${w.toHex(a.value)}; ${w.toHex(a.mask)})`

/** Types of which the id of a reference is printed (reg_type_may_be_refcounted_or_null). */
const refcounted = (type: number): boolean => {
  const base = baseType(type)
  return (
    base === RegType.PTR_TO_SOCKET ||
    base === RegType.PTR_TO_TCP_SOCK ||
    base === RegType.PTR_TO_MEM ||
    base === RegType.PTR_TO_BTF_ID
  )
}

function bounds(reg: RegState): string[] {
  const parts: string[] = []
  const add = (name: string, value: string, said: boolean) => {
    if (said) parts.push(`${name}=${value}`)
  }
  const { smin, smax, umin, umax } = reg
  add('smin', w.toDecimal(smin), !w.eq(smin, umin) && !w.eq(smin, w.S64_MIN))
  add('smax', w.toDecimal(smax), !w.eq(smax, umax) && !w.eq(smax, w.S64_MAX))
  add('umin', w.toUnsignedDecimal(umin), !w.isZero(umin))
  add('umax', w.toUnsignedDecimal(umax), !w.eq(umax, w.U64_MAX))
  add('var_off', tnumPair(reg.varOff), !isUnknown(reg.varOff))
  add('s32_min', String(reg.s32min), !w.eq(w.fromS32(reg.s32min), smin) && reg.s32min !== S32_MIN)
  add('s32_max', String(reg.s32max), !w.eq(w.fromS32(reg.s32max), smax) && reg.s32max !== S32_MAX)
  add('u32_min', String(reg.u32min | 0), !w.eq(w.fromU32(reg.u32min), umin) && reg.u32min !== 0)
  add('u32_max', String(reg.u32max | 0), !w.eq(w.fromU32(reg.u32max), umax) && reg.u32max !== 4294967295)
  return parts
}

function regText(reg: RegState, precise: boolean): string {
  const { type } = reg
  const mark = type === RegType.SCALAR_VALUE && precise ? 'P' : ''
  if ((type === RegType.SCALAR_VALUE || type === RegType.PTR_TO_STACK) && isConst(reg.varOff)) {
    const value = w.toDecimal(w.add(reg.varOff.value, w.fromS32(type === RegType.PTR_TO_STACK ? reg.off : 0)))
    return mark + (type === RegType.PTR_TO_STACK ? regTypeName(type) : '') + value
  }
  const base = baseType(type)
  const parts: string[] = []
  if (reg.id) parts.push(`id=${reg.id}`)
  if (refcounted(type) && reg.refObjId) parts.push(`ref_obj_id=${reg.refObjId}`)
  if (type !== RegType.SCALAR_VALUE) parts.push(`off=${reg.off}`)
  if (isPacketPointer(reg)) parts.push(`r=${reg.range}`)
  else if (base === RegType.CONST_PTR_TO_MAP || base === RegType.PTR_TO_MAP_KEY || base === RegType.PTR_TO_MAP_VALUE)
    parts.push(`ks=${reg.map!.keySize},vs=${reg.map!.valueSize}`)
  if (isConst(reg.varOff)) parts.push(`imm=${w.toHex(reg.varOff.value).slice(2)}`)
  else parts.push(...bounds(reg))
  return `${mark}${regTypeName(type)}${base === RegType.PTR_TO_BTF_ID ? reg.btf!.name(reg.btfId) : ''}(${parts.join(',')})`
}

const slotChars = '?rm0d'

function slotText(frame: FuncState, spi: number): string {
  const slot = frame.stack[spi]!
  if (!isSpilled(slot)) {
    let chars = ''
    for (let j = 0; j < BPF_REG_SIZE; j++) chars += slotChars[typeAt(slot, j)] ?? '?'
    return chars
  }
  const { spilled } = slot
  if (spilled.type !== RegType.SCALAR_VALUE) return regTypeName(spilled.type)
  return (frame.slotIsPrecise(spi) ? 'P' : '') + (isConst(spilled.varOff) ? w.toDecimal(spilled.varOff.value) : '')
}

/** print_verifier_state: all of a frame, or what the masks say. */
export function classicStateText(
  state: VerifierState,
  frameno: number,
  touched?: { readonly regs: number; readonly slots: ReadonlySet<number> | undefined },
): string {
  const frame = state.frames[frameno]!
  let text = frame.frameno ? ` frame${frame.frameno}:` : ''
  for (let i = 0; i < 11; i++) {
    const reg = frame.regs[i]!
    if (reg.type === RegType.NOT_INIT || (touched && !((touched.regs >> i) & 1))) continue
    text += ` R${i}${(frame.writtenRegs >> i) & 1 ? '_w' : ''}=${regText(reg, ((frame.preciseRegs >> i) & 1) !== 0)}`
  }
  for (let i = 0; i < frame.stack.length; i++) {
    if (frame.stack[i]!.types === 0 || (touched?.slots && !touched.slots.has(i))) continue
    text += ` fp${-(i + 1) * BPF_REG_SIZE}${frame.slotIsWritten(i) ? '_w' : ''}=${slotText(frame, i)}`
  }
  const refs = state.refs.filter(ref => ref.type === RefType.PTR)
  if (refs.length) text += ` refs=${refs.map(ref => ref.id).join(',')}`
  if (frame.inCallbackFn) text += ' cb'
  if (frame.inAsyncCallbackFn) text += ' async_cb'
  return text
}
