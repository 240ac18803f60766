/**
 * Calls of functions as kernels before 6.2 check them, one routine for the program's own functions and for the kernel's: registers against
 * the function's BTF (kernel/bpf/btf.c of 6.1: btf_check_func_arg_match; kernel/bpf/verifier.c: check_kfunc_call).
 */
import { BtfKind } from '../../../linker/btf/btf-types.js'
import { ArgType, baseType, RegType, TypeFlag, typeFlags } from '../../kernel/reg-types.js'
import { EACCES, type Env, EFAULT, Rejection } from '../env.js'
import { markChainPrecision } from '../explore/precision.js'
import { findField } from '../state/btf-record.js'
import { type BtfView, kindName } from '../state/btf-view.js'
import { RefType } from '../state/frames.js'
import { isScalar, mayBeNull, NOT_INIT, pointer, type RegState, UNKNOWN_SCALAR } from '../state/registers.js'
import * as t from '../state/tnum.js'
import * as w from '../state/u64.js'
import { asNotNull } from './branch.js'
import { regBtfNames, structIdsMatch } from './btf-access.js'
import { releaseReference } from './call.js'
import { dynptrIsLocal, dynptrIsSet } from './dynptr.js'
import { contextByTag, isContextType } from './function-args.js'
import { checkArgOffset, checkMemoryArgument, checkSizeRegister } from './helper-args.js'
import type { Kfunc } from './kfunc-meta.js'

/** What a call of a kernel function tells of its result (struct bpf_kfunc_arg_meta). */
interface Result {
  r0Size: number
  r0Rdonly: boolean
  refObjId: number
}

/** A scalar that gives the size of the memory a kernel function returns. */
export function bufferSize(env: Env, regno: number, name: string, result: Pick<Result, 'r0Size' | 'r0Rdonly'>): void {
  if (name !== 'rdonly_buf_size' && name !== 'rdwr_buf_size') return
  const reg = env.reg(regno)
  if (!isScalar(reg)) return
  if (name === 'rdonly_buf_size') result.r0Rdonly = true
  if (result.r0Size) env.reject('2 or more rdonly/rdwr_buf_size parameters for kfunc')
  if (!t.isConst(reg.varOff)) env.reject(`R${regno} is not a const`)
  result.r0Size = w.toUnsigned(reg.varOff.value)
  if (result.r0Size > 0xffffffff) env.reject(`R${regno} rdonly/rdwr_buf_size exceeds u32 max`)
  markChainPrecision(env, regno)
}

/** __btf_type_is_scalar_struct. */
export function scalarsOnly(env: Env, btf: BtfView, id: number, depth: number): boolean {
  const struct = btf.struct(id)
  if (!struct) return false
  return struct.members.every(member => {
    const type = btf.resolved(member.type)
    if (type.kind === BtfKind.Struct || type.kind === BtfKind.Union) {
      if (depth < 3) return scalarsOnly(env, btf, member.type, depth + 1)
      env.say('max struct nesting depth exceeded\n')
      return false
    }
    if (type.kind === BtfKind.Array) return type.nelems > 0 && btf.isScalar(type.type)
    return btf.isScalar(member.type)
  })
}

/** check_kfunc_mem_size_reg. */
export function sizedMemory(env: Env, arg: number): void {
  const regno = arg + 1
  const buffer = env.reg(regno)
  if (mayBeNull(buffer.type)) env.regs[regno] = asNotNull(buffer)
  try {
    checkSizeRegister(env, regno + 1, 'read', true, undefined)
    checkSizeRegister(env, regno + 1, 'write', true, undefined)
  } catch (error) {
    if (error instanceof Rejection) env.say(`arg#${arg} arg#${arg + 1} memory, len pair leads to invalid memory access\n`)
    throw error
  } finally {
    env.regs[regno] = buffer
  }
}

/** Memory behind a pointer; true where it took the next argument too, which is its size. */
function memoryArgument(env: Env, btf: BtfView, kfunc: Kfunc | undefined, params: Params, arg: number, pointee: number): boolean {
  const regno = arg + 1
  const targetId = btf.skipModifiers(pointee)
  const target = btf.type(targetId)
  const targetName = 'name' in target ? target.name : ''
  const what = `arg#${arg} pointer type ${kindName(target)} ${targetName}`
  if (kfunc) {
    const next = params[arg + 1]
    const sized = next !== undefined && next.name.endsWith('__sz') && btf.isScalar(next.type) && isScalar(env.reg(regno + 1))
    const dynptr = targetName === 'bpf_dynptr_kern' && btf.struct(targetId) !== undefined
    if (!btf.isScalar(pointee) && !scalarsOnly(env, btf, pointee, 0) && !dynptr && !(sized && target.kind === BtfKind.Void))
      env.reject(`${what} must point to ${sized ? 'void, ' : ''}scalar, or struct with scalar`)
    if (dynptr) {
      const reg = env.reg(regno)
      if (reg.type !== RegType.PTR_TO_STACK) env.reject(`${what} not to stack`)
      if (!dynptrIsSet(env, reg)) env.reject(`${what} must be valid and initialized`)
      if (!dynptrIsLocal(env, reg)) env.reject(`${what} points to unsupported dynamic pointer type`)
      return false
    }
    if (sized) {
      sizedMemory(env, arg)
      return true
    }
  }
  const size = btf.size(pointee)
  if (size === undefined)
    env.reject(`arg#${arg} reference type('${kindName(target)} ${targetName}') size cannot be determined: -22`)
  checkMemoryArgument(env, regno, size)
  return false
}

type Params = readonly { readonly name: string; readonly type: number }[]

/** The first argument of a function that takes a kptr out of a map value (KF_KPTR_GET). */
function kptrGet(env: Env, btf: BtfView, name: string, pointee: number): void {
  const reg = env.reg(1)
  if (reg.type !== RegType.PTR_TO_MAP_VALUE) env.reject('arg#0 expected pointer to map value')
  if (!t.isConst(reg.varOff)) env.reject('arg#0 must have constant offset')
  const off = reg.off + w.toSigned(reg.varOff.value)
  const field = findField(reg.map!.record, off, ['kptr_ref'])
  if (!field) env.reject(`arg#0 no referenced kptr at map value offset=${off}`)
  const inner = btf.resolved(pointee)
  if (inner.kind !== BtfKind.Ptr) env.reject('arg#0 BTF type must be a double pointer')
  const id = btf.skipModifiers(inner.type)
  const struct = btf.type(id)
  const structName = 'name' in struct ? struct.name : ''
  if (!btf.struct(id))
    env.reject(`kernel function ${name} args#0 pointer type ${kindName(struct)} ${structName} is not supported`)
  if (!structIdsMatch(env, btf, id, 0, field.btf!, field.btfId!, true, true))
    env.reject(`kernel function ${name} args#0 expected pointer to ${kindName(struct)} ${structName}`)
}

/** A register that stands for a struct of the kernel, against the struct that is asked for. */
function structArgument(env: Env, btf: BtfView, name: string, arg: number, pointee: number, strict: boolean): void {
  const reg = env.reg(arg + 1)
  const targetId = btf.skipModifiers(pointee)
  const target = btf.type(targetId)
  const targetName = 'name' in target ? target.name : ''
  if (!btf.struct(targetId))
    env.reject(`kernel function ${name} args#${arg} pointer type ${kindName(target)} ${targetName} is not supported`)
  const own = reg.type === RegType.PTR_TO_BTF_ID
  const regBtf = own ? reg.btf! : btf
  const regId = regBtf.skipModifiers(own ? reg.btfId : btf.find(regBtfNames[baseType(reg.type)]!, BtfKind.Struct))
  if (!structIdsMatch(env, regBtf, regId, reg.off, btf, targetId, strict, true))
    env.reject(
      `kernel function ${name} args#${arg} expected pointer to ${kindName(target)} ${targetName} ` +
        `but R${arg + 1} has a pointer to ${kindName(regBtf.type(regId))} ${regBtf.name(regId)}`,
    )
}

/** reg2btf_ids of 6.1: sockets; maps came later. */
const isSocket = (reg: RegState): boolean =>
  regBtfNames[baseType(reg.type)] !== undefined && baseType(reg.type) !== RegType.CONST_PTR_TO_MAP

const standsForStruct = (reg: RegState): boolean =>
  reg.type === RegType.PTR_TO_BTF_ID || (isSocket(reg) && typeFlags(reg.type) === 0)

/**
 * btf_check_func_arg_match: the registers of a call against the function `id` of `btf`. `kfunc` for a function of the kernel; else
 * `memory` says whether pointers may be to memory (global functions) and `call` that it is a call, not the program's entry.
 * Returns the register that a releasing kernel function takes, 0 for none.
 */
function matchFunction(
  env: Env,
  btf: BtfView,
  id: number,
  kfunc: Kfunc | undefined,
  result: Result,
  memory: boolean,
  call: boolean,
): number {
  const func = btf.type(id)
  const name = 'name' in func ? func.name : ''
  const proto = btf.funcProto(id)
  if (!proto) return env.reject(`Invalid BTF of func ${name}`, EFAULT)
  const { params } = proto
  if (params.length > 5) env.reject(`Function ${name} has ${params.length} > 5 args`)
  const flag = (wanted: string) => kfunc?.flags.includes(wanted) ?? false
  const releases = flag('release')
  const trusted = flag('trusted_args')
  let refRegno = 0
  for (let i = 0; i < params.length; i++) {
    const regno = i + 1
    const reg = env.reg(regno)
    const param = params[i]!
    if (btf.isScalar(param.type)) {
      if (kfunc) bufferSize(env, regno, param.name, result)
      if (!isScalar(reg)) env.reject(`R${regno} is not a scalar`)
      continue
    }
    const type = btf.resolved(param.type)
    if (type.kind !== BtfKind.Ptr) return env.reject(`Unrecognized arg#${i} type ${kindName(type)}`)
    const object = reg.type === RegType.PTR_TO_CTX || reg.type === RegType.PTR_TO_BTF_ID || isSocket(reg)
    if (trusted && object && reg.type !== RegType.PTR_TO_CTX && !reg.refObjId) env.reject(`R${regno} must be referenced`)
    const released = (trusted && object) || (releases && reg.refObjId !== 0)
    checkArgOffset(env, reg, regno, ArgType.DONTCARE | (released ? TypeFlag.OBJ_RELEASE : 0))
    if (kfunc && reg.refObjId) {
      if (result.refObjId)
        env.reject(
          `verifier internal error: more than one arg with ref_obj_id R${regno} ${reg.refObjId} ${result.refObjId}`,
          EFAULT,
        )
      refRegno = regno
      result.refObjId = reg.refObjId
    }
    if (i === 0 && flag('kptr_get')) kptrGet(env, btf, name, type.type)
    else if (isContextType(env, btf, param.type) || (!kfunc && contextByTag(env, id, i))) {
      if (reg.type !== RegType.PTR_TO_CTX) env.reject(`arg#${i} expected pointer to ctx, but got ${kindName(type)}`)
    } else if (kfunc && standsForStruct(reg))
      structArgument(env, btf, name, i, type.type, trusted || (releases && reg.refObjId !== 0))
    else if (memory && call) {
      if (memoryArgument(env, btf, kfunc, params, i, type.type)) i++
    } else env.reject(`reg type unsupported for arg#${i} ${kfunc ? 'kernel ' : ''}function ${name}#${id}`)
  }
  if (releases && !result.refObjId) env.reject(`release kernel function ${name} expects refcounted PTR_TO_BTF_ID`)
  if (flag('sleepable') && !env.sleepable) env.reject(`kernel function ${name} is sleepable but the program is not`)
  return releases ? refRegno : 0
}

const nothing = (): Result => ({ r0Size: 0, r0Rdonly: false, refObjId: 0 })

/** btf_check_subprog_call, and with `call` false btf_check_subprog_arg_match: what does not match makes a function unreliable. */
export function matchSubprog(env: Env, subprogno: number, call: boolean): void {
  const subprog = env.subprogs[subprogno]!
  if (!env.progBtf || !subprog.type) return env.fail('no function information')
  if (subprog.unreliable) return env.fail('unreliable')
  try {
    matchFunction(env, env.progBtf, subprog.type, undefined, nothing(), subprog.global && env.kernel.globalMemory, call)
  } catch (error) {
    subprog.unreliable = true
    throw error
  }
}

/** check_kfunc_call. */
export function callKfuncByBtf(env: Env, kfunc: Kfunc): void {
  const btf = env.kernelBtf!
  const { name, id } = kfunc
  if (!kfunc.allowed) env.reject(`calling kernel function ${name} is not allowed`, EACCES)
  const acquires = kfunc.flags.includes('acquire')
  const result = nothing()
  const released = matchFunction(env, btf, id, kfunc, result, true, true)
  if (released && !releaseReference(env, env.reg(released).refObjId))
    env.reject(`kfunc ${name}#${id} reference has not been acquired before`)
  for (let i = 0; i <= 5; i++) env.regs[i] = NOT_INIT
  env.frame.writtenRegs |= 1
  const type = btf.resolved(kfunc.proto.type)
  const pointeeId = type.kind === BtfKind.Ptr ? btf.skipModifiers(type.type) : 0
  const struct = type.kind === BtfKind.Ptr && btf.struct(pointeeId) !== undefined
  if (acquires && !struct) env.reject('acquire kernel function does not return PTR_TO_BTF_ID')
  if (btf.isScalar(kfunc.proto.type)) env.regs[0] = UNKNOWN_SCALAR
  if (type.kind !== BtfKind.Ptr) return
  let reg: RegState
  if (!struct) {
    if (!result.r0Size)
      return env.reject(
        `kernel function ${name} returns pointer type ${kindName(btf.type(pointeeId))} ${btf.name(pointeeId)} is not supported`,
      )
    reg = pointer(RegType.PTR_TO_MEM | (result.r0Rdonly ? TypeFlag.MEM_RDONLY : 0))
    reg.memSize = result.r0Size
    reg.refObjId = result.refObjId
  } else {
    reg = pointer(RegType.PTR_TO_BTF_ID)
    reg.btf = btf
    reg.btfId = pointeeId
  }
  if (kfunc.flags.includes('ret_null')) {
    reg.type |= TypeFlag.PTR_MAYBE_NULL
    reg.id = env.newId()
  }
  if (acquires) reg.id = reg.refObjId = env.acquireReference(RefType.PTR)
  env.regs[0] = reg
}
