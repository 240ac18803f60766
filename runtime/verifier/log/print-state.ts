/** Registers and stack as text, in the layout of kernel/bpf/log.c (6.12 and 6.18; 6.12 adds `_w` where a register was written). */
import { baseType, RegType, TypeFlag } from '../../kernel/reg-types.js'
import { BPF_REG_SIZE, type FuncState, Slot, typeAt, type VerifierState } from '../state/frames.js'
import {
  BPF_ADD_CONST,
  DynptrType,
  isNonOwningRef,
  isPacketPointer,
  IterState,
  type RegState,
  S32_MAX,
  S32_MIN,
} from '../state/registers.js'
import { isConst, isUnknown, type Tnum } from '../state/tnum.js'
import * as w from '../state/u64.js'
import type { Env } from '../env.js'
import { classicStateText } from './print-state-classic.js'
import type { U64 } from '../state/u64.js'

const typeNames: Readonly<Record<number, string>> = {
  [RegType.NOT_INIT]: '?',
  [RegType.SCALAR_VALUE]: 'scalar',
  [RegType.PTR_TO_CTX]: 'ctx',
  [RegType.CONST_PTR_TO_MAP]: 'map_ptr',
  [RegType.PTR_TO_MAP_VALUE]: 'map_value',
  [RegType.PTR_TO_STACK]: 'fp',
  [RegType.PTR_TO_PACKET]: 'pkt',
  [RegType.PTR_TO_PACKET_META]: 'pkt_meta',
  [RegType.PTR_TO_PACKET_END]: 'pkt_end',
  [RegType.PTR_TO_FLOW_KEYS]: 'flow_keys',
  [RegType.PTR_TO_SOCKET]: 'sock',
  [RegType.PTR_TO_SOCK_COMMON]: 'sock_common',
  [RegType.PTR_TO_TCP_SOCK]: 'tcp_sock',
  [RegType.PTR_TO_TP_BUFFER]: 'tp_buffer',
  [RegType.PTR_TO_XDP_SOCK]: 'xdp_sock',
  [RegType.PTR_TO_BTF_ID]: 'ptr_',
  [RegType.PTR_TO_MEM]: 'mem',
  [RegType.PTR_TO_ARENA]: 'arena',
  [RegType.PTR_TO_BUF]: 'buf',
  [RegType.PTR_TO_FUNC]: 'func',
  [RegType.PTR_TO_MAP_KEY]: 'map_key',
  [RegType.CONST_PTR_TO_DYNPTR]: 'dynptr_ptr',
}

/** reg_type_str. */
export function regTypeName(type: number): string {
  const base = baseType(type)
  const flag = (bit: number, text: string) => (type & bit ? text : '')
  return (
    flag(TypeFlag.MEM_RDONLY, 'rdonly_') +
    flag(TypeFlag.MEM_RINGBUF, 'ringbuf_') +
    flag(TypeFlag.MEM_USER, 'user_') +
    flag(TypeFlag.MEM_PERCPU, 'percpu_') +
    flag(TypeFlag.MEM_RCU, 'rcu_') +
    flag(TypeFlag.PTR_UNTRUSTED, 'untrusted_') +
    flag(TypeFlag.PTR_TRUSTED, 'trusted_') +
    typeNames[base] +
    (type & TypeFlag.PTR_MAYBE_NULL ? (base === RegType.PTR_TO_BTF_ID ? 'or_null_' : '_or_null') : '')
  )
}

const dynptrNames: Readonly<Record<number, string>> = {
  [DynptrType.LOCAL]: 'local',
  [DynptrType.RINGBUF]: 'ringbuf',
  [DynptrType.SKB]: 'skb',
  [DynptrType.XDP]: 'xdp',
  [DynptrType.SKB_META]: 'skb_meta',
  [DynptrType.FILE]: 'file',
}
export const dynptrTypeName = (type: number): string => dynptrNames[type] ?? '<invalid>'
const iterStateNames: Readonly<Record<number, string>> = { [IterState.ACTIVE]: 'active', [IterState.DRAINED]: 'drained' }
export const iterTypeName = (reg: RegState): string => (reg.btf && reg.btfId ? reg.btf.name(reg.btfId).slice(9) : '<invalid>')

function unum(value: U64): string {
  return value.hi === 0 && value.lo >>> 0 <= 65535 ? String(value.lo) : w.toHex(value)
}

function snum(value: U64): string {
  const small = value.hi === value.lo >> 31 && value.lo >= -32768 && value.lo <= 32767
  return small ? String(value.lo) : w.toHex(value)
}

/** tnum_strn. */
export function tnumText(a: Tnum): string {
  if (isConst(a)) return unum(a.value)
  return `(${w.toHex(a.value)}; ${w.toHex(a.mask)})`
}

function ranges(reg: RegState): string[] {
  const narrow = (value: number): U64 => (value >= -32768 && value <= 32767 ? w.fromS32(value) : w.fromU32(value))
  const rows: { name: string; value: U64; omit: boolean; negative: boolean }[] = []
  const row = (name: string, value: U64, omit: boolean) =>
    rows.push({ name, value, omit, negative: name[0] === 's' && w.isNegative(value) })
  row('smin', reg.smin, w.eq(reg.smin, w.S64_MIN))
  row('smax', reg.smax, w.eq(reg.smax, w.S64_MAX))
  row('umin', reg.umin, w.isZero(reg.umin))
  row('umax', reg.umax, w.eq(reg.umax, w.U64_MAX))
  row('smin32', narrow(reg.s32min), reg.s32min === S32_MIN)
  row('smax32', narrow(reg.s32max), reg.s32max === S32_MAX)
  row('umin32', w.fromU32(reg.u32min), reg.u32min === 0)
  row('umax32', w.fromU32(reg.u32max), reg.u32max === 4294967295)
  const out: string[] = []
  for (let i = 0; i < rows.length; i++) {
    const first = rows[i]!
    if (first.omit) continue
    let text = `${first.name}=`
    for (let j = i + 2; j < rows.length; j += 2) {
      const other = rows[j]!
      if (other.omit || !w.eq(other.value, first.value) || other.negative !== first.negative) continue
      other.omit = true
      text += `${other.name}=`
    }
    out.push(text + (first.name[0] === 's' ? snum(first.value) : unum(first.value)))
  }
  return out
}

/** print_reg_state. */
export function regText(frame: FuncState, reg: RegState, precise: boolean): string {
  const type = reg.type
  let text = type === RegType.SCALAR_VALUE && precise ? 'P' : ''
  if (type === RegType.SCALAR_VALUE && isConst(reg.varOff)) return text + snum(reg.varOff.value)
  text += regTypeName(type)
  if (type === RegType.PTR_TO_ARENA) return text
  if (type === RegType.PTR_TO_STACK) {
    if (frame.frameno !== reg.frameno) text += `[${reg.frameno}]`
    if (isConst(reg.varOff)) return text + snum(w.add(reg.varOff.value, w.fromS32(reg.off)))
  }
  if (baseType(type) === RegType.PTR_TO_BTF_ID) text += reg.btf!.name(reg.btfId)
  const parts: string[] = []
  if (reg.id)
    parts.push(`id=${reg.id & ~BPF_ADD_CONST}${reg.id & BPF_ADD_CONST ? (reg.off >= 0 ? `+${reg.off}` : String(reg.off)) : ''}`)
  if (reg.refObjId) parts.push(`ref_obj_id=${reg.refObjId}`)
  if (isNonOwningRef(type)) parts.push('non_own_ref')
  const base = baseType(type)
  if (base === RegType.CONST_PTR_TO_MAP || base === RegType.PTR_TO_MAP_KEY || base === RegType.PTR_TO_MAP_VALUE) {
    if (reg.map!.name) parts.push(`map=${reg.map!.name}`)
    parts.push(`ks=${reg.map!.keySize},vs=${reg.map!.valueSize}`)
  }
  if (type !== RegType.SCALAR_VALUE && reg.off) parts.push(`off=${snum(w.fromS32(reg.off))}`)
  if (isPacketPointer(reg)) parts.push(`r=${unum(w.fromS32(reg.range))}`)
  if (base === RegType.PTR_TO_MEM) parts.push(`sz=${unum(w.fromU32(reg.memSize))}`)
  if (type === RegType.CONST_PTR_TO_DYNPTR) parts.push(`type=${dynptrTypeName(reg.dynptrType)}`)
  if (isConst(reg.varOff)) {
    if (!w.isZero(reg.varOff.value)) parts.push(`imm=${snum(reg.varOff.value)}`)
  } else {
    parts.push(...ranges(reg))
    if (!isUnknown(reg.varOff)) parts.push(`var_off=${tnumText(reg.varOff)}`)
  }
  return `${text}(${parts.join(',')})`
}

const slotChars = '?rm0dif'

/** print_verifier_state: a frame's registers and slots, all or those given by the masks. */
export function stateText(
  env: Env,
  state: VerifierState,
  frameno: number,
  touched?: { readonly regs: number; readonly slots: ReadonlySet<number> | undefined },
): string {
  if (env.kernel.log === 'classic') return classicStateText(state, frameno, touched)
  const frame = state.frames[frameno]!
  let text = frame.frameno ? ` frame${frame.frameno}:` : ''
  // Until 6.17: what was written since the last checkpoint.
  const marked = env.kernel.log === 'liveness'
  for (let i = 0; i < 11; i++) {
    const reg = frame.regs[i]!
    if (reg.type === RegType.NOT_INIT || (touched && !((touched.regs >> i) & 1))) continue
    text += ` R${i}${marked && (frame.writtenRegs >> i) & 1 ? '_w' : ''}=${regText(frame, reg, ((frame.preciseRegs >> i) & 1) !== 0)}`
  }
  for (let i = 0; i < frame.stack.length; i++) {
    const slot = frame.stack[i]!
    if (slot.types === 0 || (touched && touched.slots && !touched.slots.has(i))) continue
    let chars = ''
    for (let j = 0; j < BPF_REG_SIZE; j++) chars += slotChars[typeAt(slot, j)]
    const place = ` fp${-(i + 1) * BPF_REG_SIZE}${marked && frame.slotIsWritten(i) ? '_w' : ''}`
    switch (typeAt(slot, 7)) {
      case Slot.SPILL:
        text += `${place}=${chars.slice(0, chars.indexOf('r'))}${regText(frame, slot.spilled, frame.slotIsPrecise(i))}`
        break
      case Slot.DYNPTR: {
        i++
        const reg = frame.stack[i]!.spilled
        const parts: string[] = []
        if (reg.id) parts.push(`id=${reg.id}`)
        if (reg.refObjId) parts.push(`ref_id=${reg.refObjId}`)
        // The kernel's field shares its place with the mark of a dynptr's first slot.
        parts.push('dynptr_id=1')
        text += ` fp${-(i + 1) * BPF_REG_SIZE}${marked && frame.slotIsWritten(i) ? '_w' : ''}=dynptr_${dynptrTypeName(reg.dynptrType)}(${parts.join(',')})`
        break
      }
      case Slot.ITER: {
        const reg = slot.spilled
        if (!reg.refObjId) continue
        text += `${place}=iter_${iterTypeName(reg)}(ref_id=${reg.refObjId},state=${iterStateNames[reg.iterState] ?? '<invalid>'},depth=${reg.iterDepth})`
        break
      }
      default:
        text += `${place}=${chars}`
    }
  }
  // Where the first has no id (a lock), none is printed.
  const refs = state.refs[0]?.id ? state.refs.filter(ref => ref.id) : []
  if (refs.length) text += ` refs=${refs.map(ref => ref.id).join(',')}`
  if (frame.inCallbackFn) text += ' cb'
  if (frame.inAsyncCallbackFn) text += ' async_cb'
  return text
}
