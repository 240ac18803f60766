/** Loads and stores by kind of pointer (kernel/bpf/verifier.c: check_mem_access and what it calls). */
import * as op from '../../../assembler/isa/opcodes.js'
import { BtfKind } from '../../../linker/btf/btf-types.js'
import { ProgType } from '../../../linker/object/uapi.js'
import { contextAccess, socketContexts } from '../../kernel/contexts.js'
import { baseType, RegType, TypeFlag } from '../../kernel/reg-types.js'
import { EACCES, type Env } from '../env.js'
import { regTypeName, tnumText } from '../log/print-state.js'
import { tnumPair } from '../log/print-state-classic.js'
import { coerceSigned, coerceToSize, unknownOfSize } from '../state/bounds.js'
import { fieldTypeNames, findField, isKptr } from '../state/btf-record.js'
import {
  constScalar,
  isExact,
  isPacketPointer,
  isScalar,
  isSocketType,
  mayBeNull,
  pointer,
  type RegState,
  UNKNOWN_SCALAR,
} from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { BPF_MAX_VAR_OFF } from './alu.js'
import { tracingContext } from './attach.js'
import { checkBtfAccess, checkMapPointerAccess } from './btf-access.js'
import { checkKptrAccess } from './kptr.js'
import { checkStackBounds, checkStackRead, checkStackWrite } from './stack.js'

export type Access = 'read' | 'write'

const MAX_PACKET_OFF = 0xffff
export { MAX_PACKET_OFF }

/** Bytes of an access, from the opcode's size bits. */
export const accessSize = (code: number): number => [4, 2, 1, 8][(code & 0x18) >> 3]!

/** __check_mem_access: rejects with a message by kind of memory. */
function outside(env: Env, regno: number, off: number, size: number, memSize: number, zeroSizeAllowed: boolean): boolean {
  if (off >= 0 && (size > 0 || (size === 0 && zeroSizeAllowed)) && off + size <= memSize) return false
  const reg = env.reg(regno)
  switch (reg.type) {
    case RegType.PTR_TO_MAP_KEY:
      env.say(`invalid access to map key, key_size=${memSize} off=${off | 0} size=${size}\n`)
      break
    case RegType.PTR_TO_MAP_VALUE:
      env.say(`invalid access to map value, value_size=${memSize} off=${off | 0} size=${size}\n`)
      break
    case RegType.PTR_TO_PACKET:
    case RegType.PTR_TO_PACKET_META:
    case RegType.PTR_TO_PACKET_END:
      env.say(`invalid access to packet, off=${off | 0} size=${size}, R${regno}(id=${reg.id},off=${off | 0},r=${memSize})\n`)
      break
    default:
      env.say(`invalid access to memory, mem_size=${memSize} off=${off | 0} size=${size}\n`)
  }
  return true
}

/** check_mem_region_access. */
export function checkRegion(env: Env, regno: number, off: number, size: number, memSize: number, zeroSizeAllowed: boolean): void {
  const reg = env.reg(regno)
  const smin = w.toSigned(reg.smin)
  if (smin < 0 && (w.eq(reg.smin, w.S64_MIN) || off + smin !== ((off + smin) | 0) || smin + off < 0))
    env.reject(`R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`, EACCES)
  // The kernel passes the offset as an int.
  if (outside(env, regno, (smin + off) | 0, size, memSize, zeroSizeAllowed))
    env.reject(`R${regno} min value is outside of the allowed memory range`, EACCES)
  const umax = w.toUnsigned(reg.umax)
  if (umax >= BPF_MAX_VAR_OFF) env.reject(`R${regno} unbounded memory access, make sure to bounds check any such access`, EACCES)
  if (outside(env, regno, (umax + off) | 0, size, memSize, zeroSizeAllowed))
    env.reject(`R${regno} max value is outside of the allowed memory range`, EACCES)
}

/** __check_ptr_off_reg. */
export function checkPointerOffset(env: Env, reg: RegState, regno: number, fixedOffsetOk: boolean): void {
  if (reg.off < 0) env.reject(`negative offset ${regTypeName(reg.type)} ptr R${regno} off=${reg.off} disallowed`, EACCES)
  if (!fixedOffsetOk && reg.off)
    env.reject(`dereference of modified ${regTypeName(reg.type)} ptr R${regno} off=${reg.off} disallowed`, EACCES)
  if (!t.isConstZero(reg.varOff))
    env.reject(`variable ${regTypeName(reg.type)} access var_off=${tnumText(reg.varOff)} disallowed`, EACCES)
}

/** check_map_access_type. */
export function checkMapPermission(env: Env, regno: number, off: number, size: number, access: Access): void {
  const map = env.reg(regno).map!
  if (access === 'write' && !map.programsMayWrite)
    env.reject(`write into map forbidden, value_size=${map.valueSize} off=${off} size=${size}`, EACCES)
  if (access === 'read' && !map.programsMayRead)
    env.reject(`read from map forbidden, value_size=${map.valueSize} off=${off} size=${size}`, EACCES)
}

/** check_map_access: bounds, and the special fields that plain accesses must not touch. */
export function checkMapAccess(
  env: Env,
  regno: number,
  off: number,
  size: number,
  zeroSizeAllowed: boolean,
  how: 'direct' | 'helper',
): void {
  const reg = env.reg(regno)
  const map = reg.map!
  checkRegion(env, regno, off, size, map.valueSize, zeroSizeAllowed)
  if (!map.record) return
  const low = w.toSigned(reg.smin) + off
  const high = w.toUnsigned(reg.umax) + off + size
  for (const field of map.record.fields) {
    if (!(low < field.offset + field.size && field.offset < high)) continue
    if (isKptr(field.kind) || field.kind === 'uptr') {
      const name = field.kind === 'uptr' ? 'uptr' : 'kptr'
      if (how !== 'direct') env.reject(`${name} cannot be accessed indirectly by helper`, EACCES)
      if (!t.isConst(reg.varOff)) env.reject(`${name} access cannot have variable offset`, EACCES)
      const at = off + w.toSigned(reg.varOff.value)
      if (field.offset !== at) env.reject(`${name} access misaligned expected=${field.offset} off=${at}`, EACCES)
      if (size !== 8) env.reject(`${name} access size must be BPF_DW`, EACCES)
    } else env.reject(`${fieldTypeNames[field.kind]} cannot be accessed directly by load/store`, EACCES)
  }
}

/** check_packet_access. */
export function checkPacketAccess(env: Env, regno: number, off: number, size: number, zeroSizeAllowed: boolean): void {
  const reg = env.reg(regno)
  if (w.isNegative(reg.smin))
    env.reject(`R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`, EACCES)
  if (reg.range < 0 || outside(env, regno, off, size, reg.range, zeroSizeAllowed))
    env.reject(`R${regno} offset is outside of the packet`, EACCES)
}

/** may_access_direct_pkt_data without a helper's say. */
export function mayAccessPacket(env: Env, access: Access): boolean {
  const { packet } = env.progType
  return packet === 'write' || (packet === 'read' && access === 'read')
}

/** A pointer's variable offset in messages; older kernels print constants as value and mask too. */
const offsetText = (env: Env, reg: RegState): string => (env.kernel.log === 'classic' ? tnumPair : tnumText)(reg.varOff)

/** check_ptr_alignment. */
export function checkAlignment(env: Env, reg: RegState, off: number, size: number, strictOnce: boolean): void {
  let strict = env.strictAlignment || strictOnce
  let what = ''
  switch (reg.type) {
    case RegType.PTR_TO_PACKET:
    case RegType.PTR_TO_PACKET_META: {
      if (!strict || size === 1) return
      const place = t.tnumAdd(reg.varOff, t.tnumConst(w.fromS32(2 + reg.off + off)))
      if (!t.isAligned(place, size))
        env.reject(`misaligned packet access off 2+${offsetText(env, reg)}+${reg.off}+${off} size ${size}`, EACCES)
      return
    }
    case RegType.PTR_TO_FLOW_KEYS:
      what = 'flow keys '
      break
    case RegType.PTR_TO_MAP_KEY:
      what = 'key '
      break
    case RegType.PTR_TO_MAP_VALUE:
      what = 'value '
      break
    case RegType.PTR_TO_CTX:
      what = 'context '
      break
    case RegType.PTR_TO_STACK:
      what = 'stack '
      strict = true
      break
    case RegType.PTR_TO_SOCKET:
      what = 'sock '
      break
    case RegType.PTR_TO_SOCK_COMMON:
      what = 'sock_common '
      break
    case RegType.PTR_TO_TCP_SOCK:
      what = 'tcp_sock '
      break
    case RegType.PTR_TO_XDP_SOCK:
      what = 'xdp_sock '
      break
    case RegType.PTR_TO_ARENA:
      return
  }
  if (!strict || size === 1) return
  const place = t.tnumAdd(reg.varOff, t.tnumConst(w.fromS32(reg.off + off)))
  if (!t.isAligned(place, size))
    env.reject(`misaligned ${what}access off ${offsetText(env, reg)}+${reg.off}+${off} size ${size}`, EACCES)
}

/** __check_buffer_access. */
export function checkBuffer(env: Env, kind: string, regno: number, off: number, size: number): void {
  const reg = env.reg(regno)
  if (off < 0) env.reject(`R${regno} invalid ${kind} buffer access: off=${off}, size=${size}`, EACCES)
  if (!t.isConstZero(reg.varOff))
    env.reject(`R${regno} invalid variable buffer offset: off=${off}, var_off=${tnumText(reg.varOff)}`, EACCES)
}

/** A constant that a frozen map holds (bpf_map_direct_read). */
function constantLoad(bytes: Uint8Array, at: number, size: number, signed: boolean): RegState | undefined {
  if (at < 0 || at + size > bytes.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (size) {
    case 1:
      return constScalar(w.fromS32(signed ? view.getInt8(at) : view.getUint8(at)))
    case 2:
      return constScalar(w.fromS32(signed ? view.getInt16(at, true) : view.getUint16(at, true)))
    case 4:
      return constScalar(signed ? w.fromS32(view.getInt32(at, true)) : w.fromU32(view.getInt32(at, true)))
    default:
      return constScalar(w.u64(view.getInt32(at + 4, true), view.getInt32(at, true)))
  }
}

/** A pointer is not stored where others could read it. */
function refuseLeak(env: Env, where: string, access: Access, valueRegno: number): void {
  if (access === 'write' && valueRegno >= 0 && env.hidesPointer(valueRegno))
    env.reject(`R${valueRegno} leaks addr into ${where}`, EACCES)
}

/**
 * check_mem_access: an access of `size` bytes at `off` from register `regno`. `valueRegno` is the register loaded or stored, -1
 * where there is none.
 */
export function checkMemAccess(
  env: Env,
  regno: number,
  insnOff: number,
  size: number,
  access: Access,
  valueRegno: number,
  strictOnce: boolean,
  signed: boolean,
): void {
  const { regs } = env
  const reg = regs[regno]!
  checkAlignment(env, reg, insnOff, size, strictOnce)
  const off = insnOff + reg.off
  const load = access === 'read' && valueRegno >= 0
  const base = baseType(reg.type)
  if (reg.type === RegType.PTR_TO_STACK) {
    checkStackBounds(env, regno, off, size, access)
    if (access === 'read') checkStackRead(env, regno, off, size, valueRegno)
    else checkStackWrite(env, regno, off, size, valueRegno)
  } else if (reg.type === RegType.PTR_TO_MAP_VALUE) {
    refuseLeak(env, 'map', access, valueRegno)
    checkMapPermission(env, regno, off, size, access)
    checkMapAccess(env, regno, off, size, false, 'direct')
    const constant = t.isConst(reg.varOff)
    const at = off + w.toSigned(reg.varOff.value)
    const kptr = constant ? findField(reg.map!.record, at, ['kptr_unref', 'kptr_ref', 'kptr_percpu', 'uptr']) : undefined
    if (kptr) checkKptrAccess(env, valueRegno, kptr)
    else if (load) {
      const bytes = constant ? reg.map!.constantBytes : undefined
      regs[valueRegno] = (bytes && constantLoad(bytes, at, size, signed)) ?? UNKNOWN_SCALAR
    }
  } else if (reg.type === RegType.PTR_TO_CTX) {
    refuseLeak(env, 'ctx', access, valueRegno)
    accessContext(env, regno, off, size, access, valueRegno, signed)
  } else if (isPacketPointer(reg)) {
    if (access === 'write' && !mayAccessPacket(env, 'write')) env.reject('cannot write into packet', EACCES)
    refuseLeak(env, 'packet', access, valueRegno)
    checkPacketAccess(env, regno, off, size, false)
    if (load) env.setUnknown(valueRegno)
  } else if (base === RegType.PTR_TO_MEM) {
    const readOnly = (reg.type & TypeFlag.MEM_RDONLY) !== 0
    if (mayBeNull(reg.type)) env.reject(`R${regno} invalid mem access '${regTypeName(reg.type)}'`, EACCES)
    if (access === 'write' && readOnly) env.reject(`R${regno} cannot write into ${regTypeName(reg.type)}`, EACCES)
    refuseLeak(env, 'mem', access, valueRegno)
    // Read-only untrusted memory may be read at any offset: faults are caught (6.17).
    if (!(readOnly && reg.type & TypeFlag.PTR_UNTRUSTED)) checkRegion(env, regno, off, size, reg.memSize, false)
    if (load || (valueRegno >= 0 && readOnly)) env.setUnknown(valueRegno)
  } else if (reg.type === RegType.PTR_TO_MAP_KEY) {
    if (access === 'write') env.reject(`write to change key R${regno} not allowed`, EACCES)
    checkRegion(env, regno, off, size, reg.map!.keySize, false)
    if (valueRegno >= 0) env.setUnknown(valueRegno)
  } else if (reg.type === RegType.PTR_TO_FLOW_KEYS) {
    refuseLeak(env, 'flow keys', access, valueRegno)
    if (size < 0 || off < 0 || off + size > 56) env.reject(`invalid access to flow keys off=${off} size=${size}`, EACCES)
    if (load) env.setUnknown(valueRegno)
  } else if (isSocketType(reg.type)) {
    if (access === 'write') env.reject(`R${regno} cannot write into ${regTypeName(reg.type)}`, EACCES)
    accessSocket(env, regno, off, size)
    if (valueRegno >= 0) env.setUnknown(valueRegno)
  } else if (reg.type === RegType.PTR_TO_TP_BUFFER) {
    checkBuffer(env, 'tracepoint', regno, off, size)
    if (load) env.setUnknown(valueRegno)
  } else if (base === RegType.PTR_TO_BTF_ID && !mayBeNull(reg.type)) checkBtfAccess(env, regno, off, size, access, valueRegno)
  else if (reg.type === RegType.CONST_PTR_TO_MAP) checkMapPointerAccess(env, regno, off, size, access, valueRegno)
  else if (base === RegType.PTR_TO_BUF && !mayBeNull(reg.type)) {
    const readOnly = (reg.type & TypeFlag.MEM_RDONLY) !== 0
    if (readOnly && access === 'write') env.reject(`R${regno} cannot write into ${regTypeName(reg.type)}`, EACCES)
    checkBuffer(env, readOnly ? 'rdonly' : 'rdwr', regno, off, size)
    if (valueRegno >= 0 && (readOnly || access === 'read')) env.setUnknown(valueRegno)
  } else if (reg.type === RegType.PTR_TO_ARENA) {
    if (load) env.setUnknown(valueRegno)
  } else env.reject(`R${regno} invalid mem access '${regTypeName(reg.type)}'`, EACCES)
  if (size < 8 && load && isScalar(regs[valueRegno]!)) {
    const value = regs[valueRegno]!
    if (value === UNKNOWN_SCALAR && !signed) {
      regs[valueRegno] = unknownOfSize(size, env.kernel)
      return
    }
    if (t.isConst(value.varOff) && isExact(value) && !signed && value.varOff.value.hi === 0) {
      const limit = size === 4 ? 4294967296 : 1 << (size * 8)
      if (value.varOff.value.lo >>> 0 < limit) return
    }
    const copy = value.clone()
    if (signed) coerceSigned(copy, size)
    else coerceToSize(copy, size, env.kernel)
    regs[valueRegno] = copy
  }
}

function accessSocket(env: Env, regno: number, off: number, size: number): void {
  const reg = env.reg(regno)
  if (w.isNegative(reg.smin))
    env.reject(`R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`, EACCES)
  const table =
    reg.type === RegType.PTR_TO_SOCKET
      ? socketContexts.sock
      : reg.type === RegType.PTR_TO_SOCK_COMMON
        ? socketContexts.sock_common
        : reg.type === RegType.PTR_TO_TCP_SOCK
          ? socketContexts.tcp_sock
          : socketContexts.xdp_sock
  if (!contextAccess(table, off, size, false, 0, false, env.kernel.version))
    env.reject(`R${regno} invalid ${regTypeName(reg.type)} access off=${off} size=${size}`, EACCES)
}

function accessContext(
  env: Env,
  regno: number,
  off: number,
  size: number,
  access: Access,
  valueRegno: number,
  signed: boolean,
): void {
  const { program, progType } = env
  const reg = env.reg(regno)
  if (program.type === ProgType.SYSCALL) {
    // The context is memory that the caller gives, checked when the program is run.
    checkPointerOffset(env, reg, regno, false)
    if (off < 0 || off >= 65535 || off % size !== 0) {
      env.say(`invalid bpf_context access off=${off} size=${size}\n`)
      env.sayLine(env.insnIdx, '; ')
      env.fail('invalid bpf_context access', EACCES)
    }
    if (access === 'read' && valueRegno >= 0) env.setUnknown(valueRegno)
    return
  }
  checkPointerOffset(env, reg, regno, false)
  if (
    program.type === ProgType.TRACING ||
    program.type === ProgType.LSM ||
    program.type === ProgType.STRUCT_OPS ||
    program.type === ProgType.EXT
  ) {
    tracingContext(env, off, size, access, valueRegno)
    return
  }
  if (program.type === ProgType.RAW_TRACEPOINT && program.attachBtfId) return env.missing('raw tracepoint with BTF')
  const context = progType.context
  if (!context) return env.missing(`context of program type ${progType.name}`)
  const hidden = !env.capable && program.type === ProgType.CGROUP_SKB && unprivilegedHides(off, access)
  const found = hidden
    ? undefined
    : contextAccess(context, off, size, access === 'write', program.expectedAttachType, signed, env.kernel.version)
  if (!found) {
    env.say(`invalid bpf_context access off=${off} size=${size}\n`)
    env.sayLine(env.insnIdx, '; ')
    env.fail('invalid bpf_context access', EACCES)
  }
  if (access === 'read' && valueRegno >= 0) {
    if (found.reg === RegType.SCALAR_VALUE) env.setUnknown(valueRegno)
    else {
      const value = pointer(found.reg)
      if (mayBeNull(found.reg)) value.id = env.newId()
      if (found.field?.btf) {
        if (!env.kernelBtf) return env.missing('kernel types without the BTF of a kernel')
        value.btf = env.kernelBtf
        value.btfId = env.kernelBtf.find(found.field.btf, BtfKind.Struct)
      }
      env.regs[valueRegno] = value
    }
  }
}

/** Fields of a cgroup program's context that ask for CAP_BPF (cg_skb_is_valid_access): the packet, and writes of the time stamp. */
const unprivilegedHides = (off: number, access: Access): boolean =>
  (off >= 76 && off < 84) || (access === 'write' && off >= 152 && off < 160)

/** save_aux_ptr_type: one instruction, one kind of pointer (where the rewrite differs by kind). */
export function savePointerType(env: Env, type: number, allowTrustMismatch: boolean): void {
  const before = env.ptrType[env.insnIdx]! - 1
  if (before < 0) {
    env.ptrType[env.insnIdx] = type + 1
    return
  }
  if (type !== before && (!mismatchOk(type) || !mismatchOk(before))) {
    if (
      allowTrustMismatch &&
      (baseType(type) === RegType.PTR_TO_BTF_ID || baseType(type) === RegType.PTR_TO_MEM) &&
      (baseType(before) === RegType.PTR_TO_BTF_ID || baseType(before) === RegType.PTR_TO_MEM)
    )
      env.ptrType[env.insnIdx] = (RegType.PTR_TO_BTF_ID | TypeFlag.PTR_UNTRUSTED) + 1
    else env.reject('same insn cannot be used with different pointers')
  }
}

function mismatchOk(type: number): boolean {
  switch (baseType(type)) {
    case RegType.PTR_TO_CTX:
    case RegType.PTR_TO_SOCKET:
    case RegType.PTR_TO_SOCK_COMMON:
    case RegType.PTR_TO_TCP_SOCK:
    case RegType.PTR_TO_XDP_SOCK:
    case RegType.PTR_TO_BTF_ID:
    case RegType.PTR_TO_ARENA:
      return false
    case RegType.PTR_TO_MEM:
      return (type & (TypeFlag.MEM_RDONLY | TypeFlag.PTR_UNTRUSTED)) !== (TypeFlag.MEM_RDONLY | TypeFlag.PTR_UNTRUSTED)
    default:
      return true
  }
}

/** Loads. */
export function checkLoad(env: Env, slot: number): void {
  const { insns } = env
  const src = insns.src[slot]!
  const dst = insns.dst[slot]!
  const code = insns.code[slot]!
  env.readReg(src)
  env.writeReg(dst)
  const type = env.reg(src).type
  checkMemAccess(env, src, insns.off[slot]!, accessSize(code), 'read', dst, false, (code & 0xe0) === op.BPF_MEMSX)
  savePointerType(env, type, env.kernel.trustedPointers)
  const value = env.reg(dst)
  env.sanity(value, 'ldx')
}

/** Stores of a register. */
export function checkStore(env: Env, slot: number): void {
  const { insns } = env
  const src = insns.src[slot]!
  const dst = insns.dst[slot]!
  env.readReg(src)
  env.readReg(dst)
  const type = env.reg(dst).type
  checkMemAccess(env, dst, insns.off[slot]!, accessSize(insns.code[slot]!), 'write', src, false, false)
  savePointerType(env, type, false)
}

/** Stores of an immediate. */
export function checkStoreImmediate(env: Env, slot: number): void {
  const { insns } = env
  const dst = insns.dst[slot]!
  env.readReg(dst)
  const type = env.reg(dst).type
  if (!env.kernel.contextImmediateStores && type === RegType.PTR_TO_CTX)
    env.reject(`BPF_ST stores into R${dst} ${regTypeName(type)} is not allowed`, EACCES)
  checkMemAccess(env, dst, insns.off[slot]!, accessSize(insns.code[slot]!), 'write', -1, false, false)
  if (env.kernel.contextImmediateStores) savePointerType(env, type, false)
}

const atomicOperations = new Set<number>([
  op.BPF_ADD,
  op.BPF_ADD | op.BPF_FETCH,
  op.BPF_AND,
  op.BPF_AND | op.BPF_FETCH,
  op.BPF_OR,
  op.BPF_OR | op.BPF_FETCH,
  op.BPF_XOR,
  op.BPF_XOR | op.BPF_FETCH,
  op.BPF_XCHG,
  op.BPF_CMPXCHG,
])

function atomicPointerOk(env: Env, regno: number): boolean {
  const reg = env.reg(regno)
  return !(
    reg.type === RegType.PTR_TO_CTX ||
    isPacketPointer(reg) ||
    reg.type === RegType.PTR_TO_FLOW_KEYS ||
    isSocketType(reg.type)
  )
}

/** Atomic instructions (check_atomic). */
export function checkAtomic(env: Env, slot: number): void {
  const { insns } = env
  const code = insns.code[slot]!
  const imm = insns.imm[slot]!
  const src = insns.src[slot]!
  const dst = insns.dst[slot]!
  const off = insns.off[slot]!
  const size = accessSize(code)
  if (env.kernel.acquireRelease && (imm === op.BPF_LOAD_ACQ || imm === op.BPF_STORE_REL)) {
    const load = imm === op.BPF_LOAD_ACQ
    if (load) {
      env.readReg(src)
      env.writeReg(dst)
      const type = env.reg(src).type
      checkMemAccess(env, src, off, size, 'read', dst, true, false)
      savePointerType(env, type, false)
      const value = env.reg(dst)
      env.sanity(value, 'atomic_load')
      // Looked at when the load is done (check_atomic_load): the address may be gone by then.
      if (!atomicPointerOk(env, src))
        env.reject(`BPF_ATOMIC loads from R${src} ${regTypeName(env.reg(src).type)} is not allowed`, EACCES)
      return
    }
    env.readReg(src)
    env.readReg(dst)
    const type = env.reg(dst).type
    checkMemAccess(env, dst, off, size, 'write', src, true, false)
    savePointerType(env, type, false)
    if (!atomicPointerOk(env, dst)) env.reject(`BPF_ATOMIC stores into R${dst} ${regTypeName(type)} is not allowed`, EACCES)
    return
  }
  if (!atomicOperations.has(imm)) env.reject(`BPF_ATOMIC uses invalid atomic opcode ${(imm >>> 0).toString(16).padStart(2, '0')}`)
  if (size !== 4 && size !== 8) env.reject('invalid atomic operand size')
  env.readReg(src)
  env.readReg(dst)
  if (imm === op.BPF_CMPXCHG) {
    env.readReg(0)
    refuseLeak(env, 'mem', 'write', 0)
  }
  refuseLeak(env, 'mem', 'write', src)
  if (!atomicPointerOk(env, dst))
    env.reject(`BPF_ATOMIC stores into R${dst} ${regTypeName(env.reg(dst).type)} is not allowed`, EACCES)
  let loadReg = -1
  if (imm & op.BPF_FETCH) {
    loadReg = imm === op.BPF_CMPXCHG ? 0 : src
    env.writeReg(loadReg)
    env.setUnknown(loadReg)
  }
  checkMemAccess(env, dst, off, size, 'read', -1, true, false)
  if (loadReg >= 0) checkMemAccess(env, dst, off, size, 'read', loadReg, true, false)
  if (env.kernel.contextImmediateStores) savePointerType(env, env.reg(dst).type, false)
  checkMemAccess(env, dst, off, size, 'write', -1, true, false)
}
