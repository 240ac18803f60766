/**
 * Programs that attach to something of the kernel's BTF: what that is, and what their context holds (check_attach_btf_id,
 * bpf_check_attach_target, btf_ctx_access).
 */
import { type BtfFuncProto, BtfKind } from '../../../linker/btf/btf-types.js'
import { AttachType as A, ProgType as P } from '../../../linker/object/uapi.js'
import {
  boolLsmHooks,
  deniedTargets,
  disabledLsmHooks,
  iteratorTargets,
  modifiableTargets,
  neverSleepTargets,
  noReturnTargets,
  notLsmHooks,
  rawTpNullArgs,
  lsmHookSleeps,
  untrustedLsmHooks,
} from '../../kernel/attach-targets.js'
import { builtIn } from '../../kernel/machine.js'
import { versionAtLeast } from '../../kernel/profile.js'
import { RegType, TypeFlag } from '../../kernel/reg-types.js'
import { structOps } from '../../kernel/struct-ops.js'
import { EACCES, type Env, ENOTSUPP } from '../env.js'
import { type BtfView, kindName } from '../state/btf-view.js'
import type { RetvalRange } from '../state/frames.js'
import { pointer, UNKNOWN_SCALAR } from '../state/registers.js'
import * as w from '../state/u64.js'
import { hasUnsafeModifiers } from './btf-access.js'
import { checkExtension } from './extension.js'

/** What a program attaches to. */
export interface AttachTarget {
  readonly btf: BtfView
  readonly name: string
  readonly proto: BtfFuncProto
  /** Parameters that are not the program's: the first one of a tracepoint's function. */
  readonly skipped: number
  /** For struct_ops: arguments that may be null, and the struct that stands for another. */
  readonly nullable?: ReadonlySet<number>
  readonly promote?: readonly [from: string, to: string]
}

const targets = new WeakMap<Env, AttachTarget>()

/** Program types that need a target. */
const needsTarget = (type: number): boolean => type === P.TRACING || type === P.LSM || type === P.EXT || type === P.STRUCT_OPS

/** check_attach_btf_id: finds the target, and refuses what cannot be attached. */
export function resolveAttachTarget(env: Env): void {
  const { program } = env
  if (env.extended) return checkExtension(env, env.extended)
  if (program.type === P.SYSCALL) {
    if (!program.sleepable) env.reject('Syscall programs can only be sleepable')
    return
  }
  if (program.sleepable && !env.kernel.sleepableByAttach) {
    // Up to 6.2 only the program's type counts here, and the hook of an LSM program.
    if (program.type !== P.TRACING && program.type !== P.LSM && program.type !== P.KPROBE)
      env.reject('Only fentry/fexit/fmod_ret, lsm, and kprobe/uprobe programs can be sleepable')
    if (program.type === P.LSM && program.expectedAttachType === A.LSM_CGROUP)
      env.reject('BPF_LSM_CGROUP programs cannot be sleepable')
  } else if (program.sleepable && !canSleep(program.type, program.expectedAttachType))
    env.reject('Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable')
  if (!needsTarget(program.type)) return
  if (program.type === P.STRUCT_OPS) return resolveStructOps(env)
  if (program.type === P.EXT) return env.missing('extensions of a program that is not given')
  const btf = env.kernelBtf
  if (!btf) return env.missing('attach targets without the BTF of a kernel')
  if (!program.attachBtfId) env.reject('Tracing programs must provide btf_id')
  if (!btf.has(program.attachBtfId)) return env.missing('attach targets in kernel modules')
  const type = btf.type(program.attachBtfId)
  const name = 'name' in type ? type.name : ''
  const attach = program.expectedAttachType
  if (attach === A.TRACE_RAW_TP) {
    if (type.kind !== BtfKind.Typedef) env.reject(`attach_btf_id ${program.attachBtfId} is not a typedef`)
    if (!name.startsWith('btf_trace_')) env.reject(`attach_btf_id ${program.attachBtfId} points to wrong type name ${name}`)
    const template = btf.find(`__bpf_trace_${name.slice(10)}`, BtfKind.Func)
    const proto = btf.funcProto(template || program.attachBtfId)
    if (!proto) env.fail('tracepoint without prototype')
    targets.set(env, { btf, name: name.slice(10), proto, skipped: 1 })
    return
  }
  if (type.kind !== BtfKind.Func) env.reject(`attach_btf_id ${program.attachBtfId} is not a function`)
  const proto = btf.funcProto(program.attachBtfId)
  if (!proto) env.fail('function without prototype')
  targets.set(env, { btf, name, proto, skipped: 0 })
  if (attach === A.TRACE_ITER) {
    if (!iteratorTargets[name.replace(/^bpf_iter_/, '')]) env.missing(`iterator ${name}`)
    return
  }
  distillPrototype(env, btf, name, proto)
  const lsm = program.type === P.LSM
  if (program.sleepable) {
    const sleeps = lsm ? lsmHookSleeps(env.kernel.version, name.replace(/^bpf_lsm_/, '')) : tracedMaySleep(env, name)
    if (!sleeps) env.reject(`${name} is not sleepable`)
  } else if (
    attach === A.MODIFY_RETURN &&
    !(env.kernel.fmodRetSets && modifiableTargets.has(name)) &&
    !name.startsWith('security_') &&
    !mayFail(env, name)
  )
    env.reject(`${name}() is not modifiable`)
  if (lsm) {
    if (!env.gpl) env.reject('LSM programs must have a GPL compatible license')
    if (disabledLsmHooks.has(name.replace(/^bpf_lsm_/, '')))
      env.reject(`attach_btf_id ${program.attachBtfId} points to disabled hook ${name}`)
    if (!name.startsWith('bpf_lsm_') || notLsmHooks.has(name))
      env.reject(`attach_btf_id ${program.attachBtfId} points to wrong type name ${name}`)
    return
  }
  const named = env.kernel.log === 'plain'
  if (deniedTargets.has(name))
    return named ? env.reject(`Attaching tracing programs to function '${name}' is rejected.`) : env.fail('denied function')
  if ((attach === A.TRACE_FEXIT || attach === A.MODIFY_RETURN) && noReturnTargets.has(name))
    env.reject(`Attaching fexit/fmod_ret to __noreturn function${named ? ` '${name}' is` : 's is'} rejected.`)
}

/** btf_distill_func_proto: what a trampoline can hand over. */
function distillPrototype(env: Env, btf: BtfView, name: string, proto: BtfFuncProto): void {
  if (proto.params.length > 12) env.reject(`The function ${name} has ${proto.params.length} arguments. Too many.`)
  const sized = (id: number): number | undefined => {
    const type = btf.resolved(id)
    const { kind } = type
    if (kind === BtfKind.Void) return 0
    const known: readonly number[] = [BtfKind.Ptr, BtfKind.Int, BtfKind.Enum, BtfKind.Enum64, BtfKind.Struct, BtfKind.Union]
    return known.includes(kind) ? btf.size(id) : undefined
  }
  const result = btf.resolved(proto.type)
  if (sized(proto.type) === undefined || result.kind === BtfKind.Struct || result.kind === BtfKind.Union)
    env.reject(`The function ${name} return type ${kindName(result)} is unsupported.`)
  const { expectedAttachType: attach } = env.program
  proto.params.forEach((param, i) => {
    if (i === proto.params.length - 1 && param.type === 0) env.reject(`The function ${name} with variable args is unsupported.`)
    const size = sized(param.type)
    if (size === undefined || size > 16)
      env.reject(`The function ${name} arg${i} type ${kindName(btf.resolved(param.type))} is unsupported.`)
    if (size === 0) env.reject(`The function ${name} has malformed void argument.`)
  })
  if ((sized(proto.type) ?? 0) > 8 && (attach === A.MODIFY_RETURN || attach === A.TRACE_FEXIT))
    env.reject(`Attach to function ${name} with a >8 byte return value is not supported for this attach type`, 95)
}

/** within_error_injection_list, as far as it is known: system calls are in it, most others are not said anywhere. */
function mayFail(env: Env, name: string): boolean {
  const option = 'CONFIG_FUNCTION_ERROR_INJECTION'
  const on = builtIn(env.machine, option)
  if (on === undefined) return env.missing(`changes to ${name} where it is not known whether the kernel has ${option}`)
  if (!on) return false
  return (
    systemCalls.test(name) ||
    injectable.has(name) ||
    env.missing(`changes to ${name}, which may be in the kernel's error injection list or not`)
  )
}

/** check_attach_sleepable. */
function tracedMaySleep(env: Env, name: string): boolean {
  if (name === 'bpf_fentry_test1' && env.kernel.fmodRetSets) return true
  return !neverSleepTargets.has(name) && mayFail(env, name)
}

/** Of the list, beside system calls: what programs are tested with. */
const injectable: ReadonlySet<string> = new Set(['bpf_fentry_test1', 'bpf_modify_return_test'])
const systemCalls = /^__(x64|arm64|s390x|riscv)_sys_/

/** check_struct_ops_btf_id. */
function resolveStructOps(env: Env): void {
  const { program, kernelBtf: btf, kernel } = env
  if (!env.gpl) env.reject('struct ops programs must have a GPL compatible license')
  if (!program.attachBtfId) env.fail('no struct to attach to', ENOTSUPP)
  if (!btf) return env.missing('struct_ops without the BTF of a kernel')
  if (!btf.has(program.attachBtfId)) return env.missing('struct_ops of kernel modules')
  const name = btf.name(program.attachBtfId)
  const type = btf.type(program.attachBtfId)
  if (type.kind !== BtfKind.Struct || !btf.find(`bpf_struct_ops_${name}`, BtfKind.Struct))
    return env.reject(`attach_btf_id ${program.attachBtfId} is not a supported struct`, ENOTSUPP)
  const row = structOps[name]
  if (!row || !versionAtLeast(kernel.version, row.since) || (row.until && !versionAtLeast(row.until, kernel.version)))
    return env.missing(`struct_ops ${name}`)
  const member = type.members[program.expectedAttachType]
  if (!member) return env.reject(`attach to invalid member idx ${program.expectedAttachType} of struct ${name}`)
  const proto = btf.resolved(member.type).kind === BtfKind.Ptr ? btf.funcProto(member.type) : undefined
  if (!proto) return env.reject(`attach to invalid member ${member.name}(@idx ${program.expectedAttachType}) of struct ${name}`)
  if (
    row.unsupported.includes(member.name) ||
    (program.sleepable && row.sleepable !== 'all' && !row.sleepable.includes(member.name))
  )
    env.reject(`attach to unsupported member ${member.name} of struct ${name}`, ENOTSUPP)
  // prepare_arg_info: the stub's parameter names say what may be null, or is owned by the program.
  const stub = btf.funcProto(btf.find(`${name}__${member.name}`, BtfKind.Func))
  if (stub?.params.some(param => param.name.endsWith('__ref'))) return env.missing(`owned arguments of ${name}`)
  const nullable = new Set<number>()
  if (versionAtLeast(kernel.version, '6.9'))
    stub?.params.forEach((param, i) => {
      if (param.name.endsWith('__nullable')) nullable.add(i)
    })
  const also = row.nullable?.[member.name]
  if (also !== undefined) nullable.add(also)
  targets.set(env, { btf, name: member.name, proto, skipped: 0, nullable, ...(row.promote ? { promote: row.promote } : {}) })
  env.asker = { ...program, structOps: { helpers: row.helpers, member: member.name } }
  env.structWrites = row.writes
}

function canSleep(type: number, attach: number): boolean {
  if (type === P.TRACING)
    return attach === A.TRACE_FENTRY || attach === A.TRACE_FEXIT || attach === A.MODIFY_RETURN || attach === A.TRACE_ITER
  if (type === P.LSM) return attach !== A.LSM_CGROUP
  return type === P.KPROBE || type === P.STRUCT_OPS
}

export function attachTarget(env: Env): AttachTarget {
  return targets.get(env) ?? env.missing(`attach targets of program type ${env.progType.name}`)
}

/** Prototype of the attach target. */
export const attachProto = (env: Env): BtfFuncProto => attachTarget(env).proto

/** Id of what the pointer that a struct_ops member returns points to; 0 where it returns no pointer. */
export function structOpsResult(env: Env): number {
  const { btf, proto } = attachTarget(env)
  const pointee = btf.pointee(proto.type)
  return pointee === undefined ? 0 : btf.skipModifiers(pointee)
}

/** bpf_lsm_get_retval_range; undefined where the hook may return anything. */
export function lsmRetvalRange(env: Env): RetvalRange | undefined {
  const { btf, name, proto } = attachTarget(env)
  const type = btf.resolved(proto.type)
  const int = type.kind === BtfKind.Int || type.kind === BtfKind.Enum
  if (!int) return undefined
  return boolLsmHooks.has(name.replace(/^bpf_lsm_/, '')) ? { min: 0, max: 1 } : { min: -4095, max: 0 }
}

/** Arguments are trusted where the kernel holds them for the program's time (prog_args_trusted). */
function argsTrusted(env: Env, target: AttachTarget): boolean {
  if (!env.kernel.trustedPointers) return false
  const { type, expectedAttachType } = env.program
  if (type === P.TRACING) return expectedAttachType === A.TRACE_RAW_TP || expectedAttachType === A.TRACE_ITER
  if (type === P.LSM) return !untrustedLsmHooks.has(target.name.replace(/^bpf_lsm_/, ''))
  return type === P.STRUCT_OPS
}

/** btf_ctx_access: a load from the context of a program with a typed target. */
export function tracingContext(env: Env, off: number, size: number, access: 'read' | 'write', valueRegno: number): void {
  const refuse = (message?: string): never => {
    if (message) env.say(`${message}\n`)
    env.say(`invalid bpf_context access off=${off} size=${size}\n`)
    env.sayLine(env.insnIdx, '; ')
    return env.fail('invalid bpf_context access', EACCES)
  }
  if (off < 0 || off >= 96 || access !== 'read' || off % size !== 0) return refuse()
  const target = attachTarget(env)
  const { btf, name, proto, promote } = target
  if (off % 8) return refuse(`func '${name}' offset ${off} is not multiple of 8`)
  const params = proto.params.slice(target.skipped)
  const arg = argumentAt(
    btf,
    params.map(param => param.type),
    proto.type,
    off,
  )
  if (arg > params.length) return refuse(`func '${name}' doesn't have ${arg + 1}-th argument`)
  let typeId: number
  let paramName = ''
  // Of a struct_ops program it is the index of a member.
  const attach = env.program.type === P.STRUCT_OPS ? -1 : env.program.expectedAttachType
  if (arg === params.length) {
    if (attach === A.LSM_MAC || attach === A.LSM_CGROUP || attach === A.TRACE_FEXIT) typeId = proto.type
    else if (attach === A.MODIFY_RETURN) {
      typeId = proto.type
      const ret = btf.resolved(proto.type)
      if (ret.kind !== BtfKind.Int || ret.size > 8) return refuse(`ret type ${kindName(ret)} not allowed for fmod_ret`)
    } else return refuse(`func '${name}' doesn't have ${arg + 1}-th argument`)
  } else {
    typeId = params[arg]!.type
    paramName = params[arg]!.name
  }
  const type = btf.resolved(typeId)
  if (
    (type.kind === BtfKind.Int && type.size <= 8) ||
    type.kind === BtfKind.Enum ||
    type.kind === BtfKind.Enum64 ||
    type.kind === BtfKind.Struct ||
    type.kind === BtfKind.Union
  ) {
    if (valueRegno >= 0) {
      env.setUnknown(valueRegno)
      if (arg === params.length && attach === A.LSM_MAC) {
        const range = lsmRetvalRange(env)
        if (range) limit(env, valueRegno, range)
      }
    }
    return
  }
  if (type.kind !== BtfKind.Ptr)
    return refuse(
      `func '${name}' arg${arg} '${'name' in type ? type.name : ''}' has type ${kindName(type)}. Only pointer access is allowed`,
    )
  if (size !== 8 && env.kernel.wholePointerArguments) return refuse(`func '${name}' size ${size} must be 8`)
  const pointeeId = btf.skipModifiers(type.type)
  const pointee = btf.type(pointeeId)
  const give = (regType: number, id: number) => {
    if (valueRegno < 0) return
    const reg = pointer(regType)
    if ((regType & 255) === RegType.PTR_TO_BTF_ID) {
      reg.btf = btf
      reg.btfId = id
    }
    if (regType & TypeFlag.PTR_MAYBE_NULL) reg.id = env.newId()
    env.regs[valueRegno] = reg
  }
  const iterator = attach === A.TRACE_ITER ? iteratorTargets[name.replace(/^bpf_iter_/, '')] : undefined
  const special = iterator?.find(entry => entry.member === paramName)
  if (special?.buffer)
    return give(RegType.PTR_TO_BUF | TypeFlag.PTR_MAYBE_NULL | (special.buffer === 'rdonly' ? TypeFlag.MEM_RDONLY : 0), 0)
  if (type.type === 0 || pointee.kind === BtfKind.Int || pointee.kind === BtfKind.Void) {
    if (valueRegno >= 0) env.setUnknown(valueRegno)
    return
  }
  if (special?.struct) {
    const id = btf.find(special.struct, BtfKind.Struct)
    if (!id) return refuse(`invalid btf_id for context argument offset ${off}`)
    return give(
      RegType.PTR_TO_BTF_ID |
        TypeFlag.PTR_MAYBE_NULL |
        (special.trusted && env.kernel.trustedPointers ? TypeFlag.PTR_TRUSTED : 0),
      id,
    )
  }
  if (target.nullable?.has(arg)) return give(RegType.PTR_TO_BTF_ID | TypeFlag.PTR_TRUSTED | TypeFlag.PTR_MAYBE_NULL, pointeeId)
  let regType = RegType.PTR_TO_BTF_ID | (argsTrusted(env, target) ? TypeFlag.PTR_TRUSTED : 0)
  if (paramName.endsWith('__nullable') && env.kernel.trustedPointers) regType |= TypeFlag.PTR_MAYBE_NULL
  let mayBeError = false
  if (attach === A.TRACE_RAW_TP && env.kernel.rawTpNullArgs) {
    const mask = rawTpNullArgs[name] ?? 0
    const bits = Math.floor(mask / 16 ** arg) % 16
    if (bits & 1) regType |= TypeFlag.PTR_MAYBE_NULL
    if (bits & 2) mayBeError = true
  }
  const tagged = btf.type(type.type)
  if (tagged.kind === BtfKind.TypeTag) {
    if (tagged.name === 'user') regType |= TypeFlag.MEM_USER
    if (tagged.name === 'percpu') regType |= TypeFlag.MEM_PERCPU
  }
  if (pointee.kind !== BtfKind.Struct && pointee.kind !== BtfKind.Union)
    return refuse(`func '${name}' arg${arg} type ${kindName(pointee)} is not a struct`)
  env.say(`func '${name}' arg${arg} has btf_id ${pointeeId} type ${kindName(pointee)} '${pointee.name}'\n`)
  if (mayBeError) {
    env.say(`marking pointer arg${arg} as scalar as it may encode error`)
    if (valueRegno >= 0) env.setUnknown(valueRegno)
    return
  }
  const promoted = promote && pointee.name === promote[0] && !hasUnsafeModifiers(regType)
  give(regType, promoted ? btf.find(promote[1], BtfKind.Struct) : pointeeId)
}

/** get_ctx_arg_idx: which argument stands at an offset; structs by value take several words. */
function argumentAt(btf: BtfView, types: readonly number[], ret: number, off: number): number {
  let end = 0
  for (let i = 0; i < types.length; i++) {
    end += Math.ceil((btf.size(types[i]!) ?? 8) / 8) * 8
    if (off < end) return i
  }
  end += Math.ceil((btf.size(ret) ?? 0) / 8) * 8
  return off < end ? types.length : types.length + 1
}

/** __mark_reg_s32_range. */
function limit(env: Env, regno: number, range: RetvalRange): void {
  const reg = UNKNOWN_SCALAR.clone()
  reg.s32min = range.min
  reg.s32max = range.max
  reg.smin = w.fromS32(range.min)
  reg.smax = w.fromS32(range.max)
  env.sync(reg)
  env.regs[regno] = reg
}
