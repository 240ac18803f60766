/** Arguments of the program's own functions as BTF gives them (kernel/bpf/btf.c: btf_prepare_func_args; verifier.c: btf_check_func_arg_match). */
import { BTF_LINKAGE_GLOBAL, BtfKind } from '../../../linker/btf/btf-types.js'
import { ProgType } from '../../../linker/object/uapi.js'
import { ArgType, baseType, RegType, TypeFlag } from '../../kernel/reg-types.js'
import { EFAULT, type Env, type SubprogArg } from '../env.js'
import { declTagsOf } from '../state/btf-record.js'
import { type BtfView, kindName } from '../state/btf-view.js'
import { isNullScalar, isScalar } from '../state/registers.js'
import { processDynptr } from './dynptr.js'
import { matchSubprog } from './function-match.js'
import { checkArgOffset, checkMemoryArgument, checkRegType, newMeta } from './helper-args.js'

const ENOENT = 2

/** btf_is_prog_ctx_type: whether a pointer type denotes the program type's context. */
export function isContextType(env: Env, btf: BtfView, pointerId: number): boolean {
  const pointee = btf.pointee(pointerId)
  if (pointee === undefined) return false
  if (env.program.type === ProgType.KPROBE) {
    for (let id = pointee; ; ) {
      const type = btf.type(id)
      if (type.kind === BtfKind.Typedef) {
        if (type.name === 'bpf_user_pt_regs_t') return true
        break
      }
      if (
        type.kind === BtfKind.Const ||
        type.kind === BtfKind.Volatile ||
        type.kind === BtfKind.Restrict ||
        type.kind === BtfKind.TypeTag
      )
        id = type.type
      else break
    }
  }
  const struct = btf.struct(pointee)
  if (!struct || struct.name === '') return false
  const { ctxType } = env.progType
  if (struct.name === ctxType) return true
  if (ctxType === 'bpf_user_pt_regs_t') return struct.name === 'pt_regs'
  // Projections: the kernel's own struct behind the context.
  return (ctxType === '__sk_buff' && struct.name === 'sk_buff') || (ctxType === 'xdp_md' && struct.name === 'xdp_buff')
}

/**
 * Whether an argument of a global function is tagged as the context. Kernels before 6.8 do not know the tag; there libbpf gives the argument
 * the context's type, for program types whose context is a named struct (libbpf.c: bpf_program_fixup_func_info).
 */
export function contextByTag(env: Env, func: number, arg: number): boolean {
  if (env.kernel.argTags || !env.progBtf || env.progType.ctxType === undefined) return false
  const type = env.progBtf.type(func)
  if (type.kind !== BtfKind.Func || type.linkage !== BTF_LINKAGE_GLOBAL) return false
  return declTagsOf(env.progBtf, func).some(entry => entry.component === arg && entry.tag === 'arg:ctx')
}

function isDynptrPointer(btf: BtfView, pointerId: number): boolean {
  const pointee = btf.pointee(pointerId)
  if (pointee === undefined) return false
  const type = btf.resolved(pointee)
  return (type.kind === BtfKind.Struct || type.kind === BtfKind.Fwd) && type.name === 'bpf_dynptr'
}

/** btf_get_ptr_to_btf_id: the kernel's struct of the name that an argument points to. */
function kernelStruct(env: Env, btf: BtfView, pointee: number, arg: number): number {
  const kernel = env.kernelBtf
  if (!kernel) return env.missing('arguments that point to structs of the kernel, without its BTF')
  const type = btf.resolved(pointee)
  const name = 'name' in type ? type.name : ''
  const told = `arg#${arg} reference type('${kindName(type)} ${name || '(anon)'}')`
  if (!name) env.reject(`${told} candidate matching error: -22`)
  const id = kernel.find(name.replace(/___.*$/, ''), type.kind)
  if (!id) env.reject(`${told} has no matches`, ENOENT)
  if (!kernel.struct(id))
    env.reject(`arg#${arg} has type ${kindName(type)} '${name}', but only struct or primitive types are allowed`)
  return id
}

/** btf_prepare_func_args; rejects where a global function's type cannot be verified. */
export function prepareArgs(env: Env, subprogno: number): readonly SubprogArg[] {
  const subprog = env.subprogs[subprogno]!
  if (subprog.args) return subprog.args
  const btf = env.progBtf
  const { global } = subprog
  const refuse = (message: string): never => (global ? env.reject(message) : env.fail(message))
  if (!btf || !subprog.type) return refuse('Global functions need valid BTF')
  const func = btf.type(subprog.type)
  const proto = btf.funcProto(subprog.type)
  const name = 'name' in func ? func.name : ''
  if (!proto) return env.reject(`Invalid type of function ${name}()`, EFAULT)
  if (proto.params.length > 5) refuse(`Global function ${name}() with ${proto.params.length} > 5 args. Buggy compiler.`)
  const ret = btf.resolved(proto.type)
  if (ret.kind !== BtfKind.Int && ret.kind !== BtfKind.Enum && ret.kind !== BtfKind.Enum64)
    refuse(`Global function ${name}() doesn't return scalar. Only those are supported.`)
  const args: SubprogArg[] = []
  const tags = env.kernel.argTags ? declTagsOf(btf, subprog.type) : []
  proto.params.forEach((param, i) => {
    const own = tags.filter(entry => entry.component === i && entry.tag.startsWith('arg:')).map(entry => entry.tag.slice(4))
    if (own.length && !global) env.reject(`arg#${i} type tag is not supported in static functions`, 95)
    const known = ['ctx', 'trusted', 'nonnull', 'nullable', 'arena', ...(env.kernel.untrustedMem ? ['untrusted'] : [])]
    if (own.some(tag => !known.includes(tag))) env.reject(`arg#${i} has unsupported set of tags`, 95)
    const has = (tag: string) => own.includes(tag)
    const only = (...allowed: string[]) => own.every(tag => allowed.includes(tag))
    const bad = () => env.reject(`arg#${i} has invalid combination of tags`)
    const type = btf.resolved(param.type)
    const add = (argType: number, memSize = 0, btfId = 0) => args.push({ type: argType, memSize, btfId })
    if (type.kind === BtfKind.Ptr) {
      if (has('ctx') || isContextType(env, btf, param.type) || contextByTag(env, subprog.type, i)) {
        if (!only('ctx')) bad()
        if (has('ctx')) validateContext(env, btf, type.type, i)
        add(ArgType.PTR_TO_CTX)
        return
      }
      if (isDynptrPointer(btf, param.type)) {
        if (own.length) bad()
        add(ArgType.PTR_TO_DYNPTR | TypeFlag.MEM_RDONLY)
        return
      }
      if (has('trusted')) {
        if (has('nonnull')) bad()
        const id = kernelStruct(env, btf, type.type, i)
        add(ArgType.PTR_TO_BTF_ID | TypeFlag.PTR_TRUSTED | (has('nullable') ? TypeFlag.PTR_MAYBE_NULL : 0), 0, id)
        return
      }
      if (has('untrusted')) {
        if (!only('untrusted')) env.reject(`arg#${i} untrusted cannot be combined with any other tags`)
        const { kind } = btf.resolved(type.type)
        if (kind === BtfKind.Void || kind === BtfKind.Int || kind === BtfKind.Enum || kind === BtfKind.Enum64)
          add(ArgType.PTR_TO_MEM | TypeFlag.MEM_RDONLY | TypeFlag.PTR_UNTRUSTED)
        else add(ArgType.PTR_TO_BTF_ID | TypeFlag.PTR_UNTRUSTED, 0, kernelStruct(env, btf, type.type, i))
        return
      }
      if (has('arena')) {
        if (!only('arena')) env.reject(`arg#${i} arena cannot be combined with any other tags`)
        add(ArgType.PTR_TO_ARENA)
        return
      }
      if (global && env.kernel.globalMemory) {
        if (has('nullable')) bad()
        const target = btf.resolved(type.type)
        const size = btf.size(type.type)
        if (size === undefined || (target.kind === BtfKind.Void && size === undefined))
          env.reject(
            `arg#${i} reference type('${kindName(target)} ${'name' in target ? target.name : ''}') size cannot be determined: -22`,
          )
        add(ArgType.PTR_TO_MEM | (has('nonnull') ? 0 : TypeFlag.PTR_MAYBE_NULL), size)
        return
      }
    }
    if (own.length) env.reject(`arg#${i} has pointer tag, but is not a pointer type`)
    if (type.kind === BtfKind.Int || type.kind === BtfKind.Enum || type.kind === BtfKind.Enum64) {
      add(ArgType.ANYTHING)
      return
    }
    refuse(`Arg#${i} type ${kindName(type)} in ${name}() is not supported yet.`)
  })
  subprog.args = args
  return args
}

/** btf_validate_prog_ctx_type: an argument tagged as context must be of the right type. */
function validateContext(env: Env, btf: BtfView, pointee: number, arg: number): void {
  const { type: progType, expectedAttachType } = env.program
  for (let id = pointee; ; ) {
    const type = btf.type(id)
    if (
      type.kind === BtfKind.Typedef &&
      type.name === 'bpf_user_pt_regs_t' &&
      (progType === ProgType.KPROBE || progType === ProgType.PERF_EVENT)
    )
      return
    if (
      type.kind === BtfKind.Const ||
      type.kind === BtfKind.Volatile ||
      type.kind === BtfKind.Restrict ||
      type.kind === BtfKind.TypeTag ||
      type.kind === BtfKind.Typedef
    )
      id = type.type
    else break
  }
  const type = btf.resolved(pointee)
  if (type.kind === BtfKind.Void) return
  const name = 'name' in type ? type.name : ''
  if (!name) env.reject(`arg#${arg} type doesn't have a name`)
  const isStruct = type.kind === BtfKind.Struct || type.kind === BtfKind.Union
  const is64 = type.kind === BtfKind.Int && type.size === 8
  switch (progType) {
    case ProgType.KPROBE:
    case ProgType.PERF_EVENT:
      if (isStruct && name === 'pt_regs') return
      break
    case ProgType.RAW_TRACEPOINT:
    case ProgType.RAW_TRACEPOINT_WRITABLE:
      if (is64) return
      break
    case ProgType.TRACING:
      if (expectedAttachType === 23 && ((isStruct && name === 'bpf_raw_tracepoint_args') || is64)) return
      if (expectedAttachType === 28 && isStruct && name.startsWith('bpf_iter__')) return
      if (expectedAttachType >= 24 && expectedAttachType <= 26 && is64) return
      break
    case ProgType.LSM:
    case ProgType.STRUCT_OPS:
      if (is64) return
      break
    case ProgType.TRACEPOINT:
    case ProgType.SYSCALL:
    case ProgType.EXT:
      return
  }
  const { ctxType } = env.progType
  const wanted = ctxType === 'bpf_user_pt_regs_t' ? 'pt_regs' : ctxType
  if (wanted === undefined) env.reject(`arg#${arg} should be void pointer`)
  if (!isStruct || name !== wanted) env.reject(`arg#${arg} should be \`struct ${wanted} *\``)
}

/** btf_check_subprog_call: the caller's registers against the function's type. */
export function checkSubprogCall(env: Env, subprogno: number): void {
  if (!env.kernel.argTags) return matchSubprog(env, subprogno, true)
  const subprog = env.subprogs[subprogno]!
  if (!env.progBtf || !subprog.type) env.fail('no function information')
  if (subprog.unreliable) env.fail('unreliable')
  try {
    const args = prepareArgs(env, subprogno)
    args.forEach((arg, i) => {
      const regno = i + 1
      const reg = env.reg(regno)
      // Anything may be there: such memory is only read, by loads that may fail.
      if (arg.type & TypeFlag.PTR_UNTRUSTED) return
      switch (baseType(arg.type)) {
        case ArgType.ANYTHING:
          if (!isScalar(reg)) env.reject(`R${regno} is not a scalar`)
          return
        case ArgType.PTR_TO_CTX:
          checkArgOffset(env, reg, regno, ArgType.DONTCARE)
          if (reg.type !== RegType.PTR_TO_CTX) env.reject(`arg#${i} expects pointer to ctx`)
          return
        case ArgType.PTR_TO_MEM:
          checkArgOffset(env, reg, regno, ArgType.DONTCARE)
          checkMemoryArgument(env, regno, arg.memSize)
          if (!(arg.type & TypeFlag.PTR_MAYBE_NULL) && reg.type & TypeFlag.PTR_MAYBE_NULL)
            env.reject(`arg#${i} is expected to be non-NULL`)
          return
        case ArgType.PTR_TO_ARENA:
          if (reg.type !== RegType.PTR_TO_ARENA && !isScalar(reg)) env.reject(`R${regno} is not a pointer to arena or scalar.`)
          return
        case ArgType.PTR_TO_DYNPTR:
          checkArgOffset(env, reg, regno, ArgType.PTR_TO_DYNPTR)
          processDynptr(env, regno, arg.type, 0)
          return
        case ArgType.PTR_TO_BTF_ID:
          if (isNullScalar(reg) && arg.type & TypeFlag.PTR_MAYBE_NULL) return
          checkRegType(env, regno, arg.type, { btfId: arg.btfId }, newMeta(0, false))
          checkArgOffset(env, reg, regno, arg.type)
      }
    })
  } catch (error) {
    subprog.unreliable = true
    throw error
  }
}
