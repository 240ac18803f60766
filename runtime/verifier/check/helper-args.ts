/** Arguments of helper calls (kernel/bpf/verifier.c: check_func_arg, check_reg_type, check_helper_mem_access). */
import { MapType } from '../../../linker/object/uapi.js'
import { BtfKind } from '../../../linker/btf/btf-types.js'
import { helperId } from '../../kernel/helper-names.js'
import type { HelperProto } from '../../kernel/helpers.js'
import { ArgType, baseType, DYNPTR_TYPE_FLAG_MASK, RegType, TypeFlag } from '../../kernel/reg-types.js'
import { EACCES, type Env, EFAULT } from '../env.js'
import { markChainPrecision, markSlotPrecision } from '../explore/precision.js'
import { regTypeName } from '../log/print-state.js'
import type { RecordField } from '../state/btf-record.js'
import type { BtfView } from '../state/btf-view.js'
import { isSpilledScalar, RefType, Slot, typeAt } from '../state/frames.js'
import type { VerifierMap } from '../state/maps.js'
import { isNullScalar, isPacketPointer, mayBeNull, type RegState } from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { checkBtfAccess, structIdsMatch } from './btf-access.js'
import { asNotNull } from './branch.js'
import { compatibleWithoutTrust, compatibleWithTrust, memTypes } from './compatible-registers.js'
import { dynptrOf, processDynptr } from './dynptr.js'
import { inTreeCallback } from './graph.js'
import { matchKptrType, processKptr, processMapField } from './kptr.js'
import { processSpinLock } from './lock.js'
import {
  checkAlignment,
  checkBuffer,
  checkMapAccess,
  checkMapPermission,
  checkMemAccess,
  checkPacketAccess,
  checkPointerOffset,
  checkRegion,
  mayAccessPacket,
} from './memory.js'
import { checkStackInitialized, type RawAccess } from './stack.js'

const BPF_MAX_VAR_SIZ = 1 << 29
export const Helper = {
  kptr_xchg: helperId('kptr_xchg'),
  spin_lock: helperId('spin_lock'),
  spin_unlock: helperId('spin_unlock'),
  sk_release: helperId('sk_release'),
  map_peek_elem: helperId('map_peek_elem'),
} as const

/** What is learnt from arguments and needed for what follows (struct bpf_call_arg_meta). */
export interface CallMeta extends RawAccess {
  readonly funcId: number
  readonly pktAccess: boolean
  map: VerifierMap | undefined
  mapUid: number
  releaseRegno: number
  refObjId: number
  memSize: number
  msizeMax: number
  dynptrId: number
  subprogno: number
  btf: BtfView | undefined
  btfId: number
  kptr: RecordField | undefined
  /** Key that a lookup in an array is known to use; -1 where it is not. */
  constantKey: number
}

export const newMeta = (funcId: number, pktAccess: boolean): CallMeta => ({
  funcId,
  pktAccess,
  rawMode: false,
  accessSize: 0,
  regno: 0,
  map: undefined,
  mapUid: 0,
  releaseRegno: 0,
  refObjId: 0,
  memSize: 0,
  msizeMax: 0,
  dynptrId: 0,
  subprogno: 0,
  btf: undefined,
  btfId: 0,
  kptr: undefined,
  constantKey: -1,
})

const { MEM_RINGBUF, PTR_TRUSTED, MEM_RCU, MEM_PERCPU, MEM_ALLOC, PTR_MAYBE_NULL, MEM_RDONLY } = TypeFlag
const BTF = RegType.PTR_TO_BTF_ID

/** Struct names for arguments that say no type of their own. */
const impliedStruct: Readonly<Record<number, string>> = { [ArgType.PTR_TO_BTF_ID_SOCK_COMMON]: 'sock_common' }

/** check_reg_type. */
export function checkRegType(
  env: Env,
  regno: number,
  argType: number,
  want: { readonly struct?: string | undefined; readonly btfId?: number },
  meta: CallMeta,
): void {
  const reg = env.reg(regno)
  const types = (env.kernel.trustedPointers ? compatibleWithTrust : compatibleWithoutTrust)[baseType(argType)]
  if (!types) return env.missing(`argument type ${baseType(argType)}`)
  let type = reg.type
  if (argType & MEM_RDONLY) type &= ~MEM_RDONLY
  if (argType & PTR_MAYBE_NULL) type &= ~PTR_MAYBE_NULL
  if (baseType(argType) === ArgType.PTR_TO_MEM) type &= ~DYNPTR_TYPE_FLAG_MASK
  if (meta.funcId === Helper.kptr_xchg && type & MEM_ALLOC && regno === 2) type &= ~(MEM_ALLOC | MEM_PERCPU)
  if (!types.includes(type)) {
    env.reject(`R${regno} type=${regTypeName(reg.type)} expected=${types.map(regTypeName).join(', ')}`, EACCES)
  }
  if (baseType(reg.type) !== BTF) return
  if (types === memTypes) {
    if (!(argType & MEM_RDONLY))
      env.reject(
        `${helperNameOf(meta.funcId)}() may write into memory pointed by R${regno} type=${regTypeName(reg.type)}`,
        EACCES,
      )
    return
  }
  switch (reg.type & ~PTR_MAYBE_NULL) {
    case BTF:
    case BTF | PTR_TRUSTED:
    case BTF | MEM_RCU: {
      const release = (argType & TypeFlag.OBJ_RELEASE) !== 0
      if (mayBeNull(reg.type) && (!mayBeNull(argType) || release))
        env.reject(`Possibly NULL pointer passed to helper arg${regno}`, EACCES)
      if (meta.funcId === Helper.kptr_xchg) {
        matchKptrType(env, meta.kptr!, reg, regno)
        return
      }
      const kernel = env.kernelBtf
      if (!kernel) return env.missing('kernel types without the BTF of a kernel')
      let wanted = want.btfId ?? 0
      if (!wanted) {
        const name = want.struct ?? impliedStruct[baseType(argType)]
        if (!name || name === 'poison') return env.missing('argument of a type that other arguments decide')
        wanted = kernel.find(name, BtfKind.Struct)
        if (!wanted) return env.missing(`struct ${name} in the kernel's BTF`)
      }
      const strict = release && meta.funcId !== Helper.sk_release
      if (!structIdsMatch(env, reg.btf!, reg.btfId, reg.off, kernel, wanted, strict, !(reg.type & MEM_ALLOC)))
        env.reject(`R${regno} is of type ${reg.btf!.name(reg.btfId)} but ${kernel.name(wanted)} is expected`, EACCES)
      return
    }
    case BTF | MEM_ALLOC:
    case BTF | MEM_PERCPU | MEM_ALLOC:
      if (meta.funcId !== Helper.spin_lock && meta.funcId !== Helper.spin_unlock && meta.funcId !== Helper.kptr_xchg)
        env.reject('verifier internal error: unimplemented handling of MEM_ALLOC', EFAULT)
      if (meta.funcId === Helper.kptr_xchg && regno === 2) matchKptrType(env, meta.kptr!, reg, regno)
      return
    case BTF | MEM_PERCPU:
    case BTF | MEM_PERCPU | MEM_RCU:
    case BTF | MEM_PERCPU | PTR_TRUSTED:
      return
    default:
      env.reject('verifier internal error: invalid PTR_TO_BTF_ID register for type match', EFAULT)
  }
}

let nameOf: (id: number) => string = id => `func#${id}`
export const setHelperNames = (names: (id: number) => string): void => {
  nameOf = names
}
const helperNameOf = (id: number): string => nameOf(id)

/** check_func_arg_reg_off. */
export function checkArgOffset(env: Env, reg: RegState, regno: number, argType: number): void {
  if (!env.kernel.trustedPointers) return checkArgOffsetByType(env, reg, regno, argType)
  if (argType & TypeFlag.OBJ_RELEASE) {
    if (baseType(argType) === ArgType.PTR_TO_DYNPTR && reg.type === RegType.PTR_TO_STACK) return
    if (reg.off) env.reject(`R${regno} must have zero offset when passed to release func or trusted arg to kfunc`)
    return checkPointerOffset(env, reg, regno, false)
  }
  switch (reg.type) {
    case RegType.PTR_TO_STACK:
    case RegType.PTR_TO_PACKET:
    case RegType.PTR_TO_PACKET_META:
    case RegType.PTR_TO_MAP_KEY:
    case RegType.PTR_TO_MAP_VALUE:
    case RegType.PTR_TO_MEM:
    case RegType.PTR_TO_MEM | MEM_RDONLY:
    case RegType.PTR_TO_MEM | MEM_RINGBUF:
    case RegType.PTR_TO_BUF:
    case RegType.PTR_TO_BUF | MEM_RDONLY:
    case RegType.PTR_TO_ARENA:
    case RegType.SCALAR_VALUE:
      return
    case BTF:
    case BTF | MEM_ALLOC:
    case BTF | PTR_TRUSTED:
    case BTF | MEM_RCU:
    case BTF | MEM_ALLOC | TypeFlag.NON_OWN_REF:
    case BTF | MEM_ALLOC | TypeFlag.NON_OWN_REF | MEM_RCU:
      return checkPointerOffset(env, reg, regno, true)
    default:
      return checkPointerOffset(env, reg, regno, false)
  }
}

/** check_func_arg_reg_off of 6.1. */
function checkArgOffsetByType(env: Env, reg: RegState, regno: number, argType: number): void {
  switch (reg.type) {
    case RegType.PTR_TO_STACK:
      if (baseType(argType) === ArgType.PTR_TO_DYNPTR && reg.off % 8) env.reject('cannot pass in dynptr at an offset')
      break
    case RegType.PTR_TO_PACKET:
    case RegType.PTR_TO_PACKET_META:
    case RegType.PTR_TO_MAP_KEY:
    case RegType.PTR_TO_MAP_VALUE:
    case RegType.PTR_TO_MEM:
    case RegType.PTR_TO_MEM | MEM_RDONLY:
    case RegType.PTR_TO_MEM | MEM_RINGBUF:
    case RegType.PTR_TO_BUF:
    case RegType.PTR_TO_BUF | MEM_RDONLY:
    case RegType.SCALAR_VALUE:
      break
    case BTF:
      if (argType & TypeFlag.OBJ_RELEASE && reg.off) env.reject(`R${regno} must have zero offset when passed to release func`)
      return checkPointerOffset(env, reg, regno, true)
    default:
      return checkPointerOffset(env, reg, regno, false)
  }
  if (baseType(argType) === ArgType.PTR_TO_RINGBUF_MEM) checkPointerOffset(env, reg, regno, false)
}

/** Program types whose context is not rewritten (verifier ops without convert_ctx_access). */
const plainContexts = new Set('syscall tracing lsm kprobe tracepoint raw_tracepoint raw_tracepoint_writable'.split(' '))

/** check_helper_mem_access: the kernel will read (or write) `size` bytes behind a register. */
export function checkHelperMemory(
  env: Env,
  regno: number,
  size: number,
  access: 'read' | 'write',
  zeroSizeAllowed: boolean,
  meta: RawAccess | undefined,
): void {
  const reg = env.reg(regno)
  switch (baseType(reg.type)) {
    case RegType.PTR_TO_PACKET:
    case RegType.PTR_TO_PACKET_META:
      return checkPacketAccess(env, regno, reg.off, size, zeroSizeAllowed)
    case RegType.PTR_TO_MAP_KEY:
      if (access === 'write') env.reject(`R${regno} cannot write into ${regTypeName(reg.type)}`, EACCES)
      return checkRegion(env, regno, reg.off, size, reg.map!.keySize, false)
    case RegType.PTR_TO_MAP_VALUE:
      checkMapPermission(env, regno, reg.off, size, access)
      return checkMapAccess(env, regno, reg.off, size, zeroSizeAllowed, 'helper')
    case RegType.PTR_TO_MEM:
      if (reg.type & MEM_RDONLY && access === 'write') env.reject(`R${regno} cannot write into ${regTypeName(reg.type)}`, EACCES)
      return checkRegion(env, regno, reg.off, size, reg.memSize, zeroSizeAllowed)
    case RegType.PTR_TO_BUF:
      if (reg.type & MEM_RDONLY && access === 'write') env.reject(`R${regno} cannot write into ${regTypeName(reg.type)}`, EACCES)
      return checkBuffer(env, reg.type & MEM_RDONLY ? 'rdonly' : 'rdwr', regno, reg.off, size)
    case RegType.PTR_TO_STACK:
      return checkStackInitialized(
        env,
        regno,
        reg.off,
        size,
        zeroSizeAllowed,
        access === 'write' ? 'helper-write' : 'helper-read',
        meta,
      )
    case BTF:
      if (!env.kernel.trustedPointers) break
      return checkBtfAccess(env, regno, reg.off, size, 'read', -1)
    case RegType.PTR_TO_CTX:
      // Programs whose context is not rewritten (syscall) may pass parts of it.
      if (plainContexts.has(env.progType.name)) {
        if (size === 0) {
          if (zeroSizeAllowed) return
          env.fail('zero-sized context access', EACCES)
        }
        return checkMemAccess(env, regno, size - 1, 1, access, -1, false, false)
      }
  }
  if (zeroSizeAllowed && size === 0 && isNullScalar(reg)) return
  env.reject(`R${regno} type=${regTypeName(reg.type)} expected=${regTypeName(RegType.PTR_TO_STACK)}`, EACCES)
}

/** check_mem_size_reg: the size of the memory that the argument before points to. */
export function checkSizeRegister(
  env: Env,
  regno: number,
  access: 'read' | 'write',
  zeroSizeAllowed: boolean,
  meta: CallMeta | undefined,
): void {
  const reg = env.reg(regno)
  if (meta) meta.msizeMax = w.toUnsigned(reg.umax)
  const raw = t.isConst(reg.varOff) ? meta : undefined
  if (w.isNegative(reg.smin)) env.reject(`R${regno} min value is negative, either use unsigned or 'var &= const'`, EACCES)
  if (w.isZero(reg.umin) && !env.kernel.zeroSizesRefused) checkHelperMemory(env, regno - 1, 0, access, zeroSizeAllowed, raw)
  else if (w.isZero(reg.umin) && !zeroSizeAllowed)
    env.reject(`R${regno} invalid zero-sized read: u64=[${w.toDecimal(reg.umin)},${w.toDecimal(reg.umax)}]`, EACCES)
  const umax = w.toUnsigned(reg.umax)
  if (umax >= BPF_MAX_VAR_SIZ) env.reject(`R${regno} unbounded memory access, use 'var &= const' or 'if (var < const)'`, EACCES)
  checkHelperMemory(env, regno - 1, umax, access, zeroSizeAllowed, raw)
  markChainPrecision(env, regno)
}

/** check_mem_reg: memory of a fixed size, for subprograms and kfuncs; may be null. */
export function checkMemoryArgument(env: Env, regno: number, size: number): void {
  const reg = env.reg(regno)
  if (isNullScalar(reg)) return
  const restore = mayBeNull(reg.type)
  if (restore) env.regs[regno] = asNotNull(reg)
  checkHelperMemory(env, regno, size, 'read', true, undefined)
  checkHelperMemory(env, regno, size, 'write', true, undefined)
  if (restore) env.regs[regno] = reg
}

/** check_reg_const_str: a zero-terminated string in a frozen map. */
export function checkConstString(env: Env, regno: number): void {
  const reg = env.reg(regno)
  if (reg.type !== RegType.PTR_TO_MAP_VALUE) env.fail('not a map value')
  const map = reg.map!
  const bytes = map.constantBytes
  if (!bytes) env.reject(`R${regno} does not point to a readonly map'`, EACCES)
  if (!t.isConst(reg.varOff)) env.reject(`R${regno} is not a constant address'`, EACCES)
  checkMapAccess(env, regno, reg.off, map.valueSize - reg.off, false, 'helper')
  const at = reg.off + w.toSigned(reg.varOff.value)
  if (bytes.indexOf(0, at) < 0) env.reject('string is not zero-terminated')
}

/** The string a constant-string argument points to, as bytes without the terminator. */
export function constString(env: Env, regno: number): string {
  const reg = env.reg(regno)
  const bytes = reg.map!.constantBytes!
  const at = reg.off + w.toSigned(reg.varOff.value)
  return new TextDecoder('latin1').decode(bytes.subarray(at, bytes.indexOf(0, at)))
}

/** check_func_arg. */
export function checkHelperArg(env: Env, arg: number, proto: HelperProto, meta: CallMeta): void {
  const regno = arg + 1
  let argType = proto.args[arg]!
  if (argType === ArgType.DONTCARE) return
  const reg = env.readReg(regno)
  if (argType === ArgType.ANYTHING) {
    if (env.hidesPointer(regno)) env.reject(`R${regno} leaks addr into helper function`, EACCES)
    return
  }
  if (isPacketPointer(reg) && !(mayAccessPacket(env, 'read') && (meta.pktAccess || env.progType.name === 'cgroup_sockopt')))
    env.reject('helper access to the packet is not allowed', EACCES)
  if (baseType(argType) === ArgType.PTR_TO_MAP_VALUE) argType = mapArgType(env, meta, argType)
  if (isNullScalar(reg) && mayBeNull(argType)) {
    if (env.kernel.preciseNulls) markChainPrecision(env, regno)
  } else {
    checkRegType(env, regno, argType, { struct: proto.argBtf[arg] }, meta)
    checkArgOffset(env, reg, regno, argType)
  }
  if (argType & TypeFlag.OBJ_RELEASE) {
    if (baseType(argType) === ArgType.PTR_TO_DYNPTR) {
      if (reg.type !== RegType.PTR_TO_STACK && env.kernel.guardedDynptrs) env.reject('cannot release unowned const bpf_dynptr')
      const dynptr = dynptrOf(env, reg)
      if (!dynptr?.refObjId) env.reject(`arg ${regno} is an unacquired reference`)
    } else if (!reg.refObjId && !isNullScalar(reg)) env.reject(`R${regno} must be referenced when passed to release function`)
    if (meta.releaseRegno) env.reject('verifier internal error: more than one release argument', EFAULT)
    meta.releaseRegno = regno
  }
  if (reg.refObjId && baseType(argType) !== ArgType.KPTR_XCHG_DEST) {
    if (meta.refObjId && !env.kernel.trustedPointers)
      env.reject(`verifier internal error: more than one arg with ref_obj_id R${regno} ${reg.refObjId} ${meta.refObjId}`, EFAULT)
    if (meta.refObjId) env.reject(`more than one arg with ref_obj_id R${regno} ${reg.refObjId} ${meta.refObjId}`, EACCES)
    meta.refObjId = reg.refObjId
  }
  switch (baseType(argType)) {
    case ArgType.CONST_MAP_PTR:
      if (meta.map && (meta.map !== reg.map || meta.mapUid !== reg.mapUid))
        env.reject(`timer pointer in R1 map_uid=${meta.mapUid} doesn't match map pointer in R2 map_uid=${reg.mapUid}`)
      meta.map = reg.map
      meta.mapUid = reg.mapUid
      return
    case ArgType.PTR_TO_MAP_KEY:
      if (!meta.map) env.reject('invalid map_ptr to access map->key', EACCES)
      checkHelperMemory(env, regno, meta.map.keySize, 'read', false, undefined)
      if (env.kernel.constantKeys && (meta.map.type === MapType.ARRAY || meta.map.type === MapType.PERCPU_ARRAY))
        meta.constantKey = constantMapKey(env, env.reg(regno), meta.map.keySize)
      return
    case ArgType.PTR_TO_MAP_VALUE:
      if (mayBeNull(argType) && isNullScalar(reg)) return
      if (!meta.map) env.reject('invalid map_ptr to access map->value', EACCES)
      meta.rawMode = (argType & TypeFlag.MEM_UNINIT) !== 0
      return checkHelperMemory(env, regno, meta.map.valueSize, accessOf(argType), false, meta)
    case ArgType.PTR_TO_PERCPU_BTF_ID:
      if (!reg.btfId) env.reject(`Helper has invalid btf_id in R${regno}`, EACCES)
      meta.btf = reg.btf
      meta.btfId = reg.btfId
      return
    case ArgType.PTR_TO_SPIN_LOCK:
      if (inTreeCallback(env)) env.reject("can't spin_{lock,unlock} in rbtree cb", EACCES)
      return processSpinLock(env, regno, { acquire: meta.funcId === Helper.spin_lock, type: RefType.LOCK })
    case ArgType.PTR_TO_TIMER:
      processMapField(env, regno, 'timer')
      meta.mapUid = reg.mapUid
      meta.map = reg.map
      return
    case ArgType.PTR_TO_FUNC:
      meta.subprogno = reg.subprogno
      return
    case ArgType.PTR_TO_MEM:
      meta.rawMode = (argType & TypeFlag.MEM_UNINIT) !== 0
      if (argType & TypeFlag.MEM_FIXED_SIZE) {
        checkHelperMemory(env, regno, proto.argSizes[arg]!, accessOf(argType), false, meta)
        if (argType & TypeFlag.MEM_ALIGNED) checkAlignment(env, env.reg(regno), 0, proto.argSizes[arg]!, true)
      }
      return
    case ArgType.PTR_TO_INT:
    case ArgType.PTR_TO_LONG: {
      const size = baseType(argType) === ArgType.PTR_TO_INT ? 4 : 8
      checkHelperMemory(env, regno, size, 'read', false, meta)
      return checkAlignment(env, env.reg(regno), 0, size, true)
    }
    case ArgType.CONST_SIZE:
      return checkSizeRegister(env, regno, accessOf(proto.args[arg - 1]!), false, meta)
    case ArgType.CONST_SIZE_OR_ZERO:
      return checkSizeRegister(env, regno, accessOf(proto.args[arg - 1]!), true, meta)
    case ArgType.PTR_TO_DYNPTR:
      return processDynptr(env, regno, argType, 0)
    case ArgType.CONST_ALLOC_SIZE_OR_ZERO:
      if (!t.isConst(reg.varOff)) env.reject(`R${regno} is not a known constant'`, EACCES)
      meta.memSize = w.toUnsigned(reg.varOff.value)
      return markChainPrecision(env, regno)
    case ArgType.PTR_TO_CONST_STR:
      return checkConstString(env, regno)
    case ArgType.KPTR_XCHG_DEST:
      return processKptr(env, regno, meta)
  }
}

/** get_constant_map_key: the number at a place on the stack, which is precise from now on; -1 where it is not known. */
function constantMapKey(env: Env, key: RegState, keySize: number): number {
  if (!env.capable || key.type !== RegType.PTR_TO_STACK || !t.isConst(key.varOff)) return -1
  const place = -(key.off + w.toSigned(key.varOff.value)) - 1
  const spi = Math.trunc(place / 8)
  const slot = env.frameOf(key).stack[spi]
  if (!slot) return -1
  const run = (type: number): number => {
    let count = 0
    for (let i = place % 8; i >= 0 && typeAt(slot, i) === type; i--) count++
    return count
  }
  if (run(Slot.ZERO) >= keySize) return 0
  if (!isSpilledScalar(slot) || run(Slot.SPILL) !== keySize || !t.isConst(slot.spilled.varOff)) return -1
  const value = w.toUnsigned(slot.spilled.varOff.value)
  markSlotPrecision(env, key.frameno, spi)
  return value
}

const accessOf = (argType: number): 'read' | 'write' => (argType & TypeFlag.MEM_WRITE ? 'write' : 'read')

/** resolve_map_arg_type. */
function mapArgType(env: Env, meta: CallMeta, argType: number): number {
  if (!meta.map) env.reject('invalid map_ptr to access map->type', EACCES)
  if (meta.map.type === MapType.SOCKMAP || meta.map.type === MapType.SOCKHASH) {
    if (argType !== ArgType.PTR_TO_MAP_VALUE) env.reject('invalid arg_type for sockmap/sockhash')
    return ArgType.PTR_TO_BTF_ID_SOCK_COMMON
  }
  if (meta.map.type === MapType.BLOOM_FILTER && meta.funcId === Helper.map_peek_elem) return ArgType.PTR_TO_MAP_VALUE
  return argType
}
