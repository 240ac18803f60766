/**
 * Extensions (`freplace`): a program that takes the place of a global function of another, loaded one. It is verified as that program's
 * type, with the function's arguments (bpf_check_attach_target, btf_check_func_type_match in kernel/bpf/btf.c).
 */
import { BTF_LINKAGE_GLOBAL, BtfKind, type BtfType } from '../../../linker/btf/btf-types.js'
import type { PreparedObject, PreparedProgram } from '../../../linker/object/prepared.js'
import { AttachType as A, ProgType as P } from '../../../linker/object/uapi.js'
import type { Env } from '../env.js'
import { BtfView, kindName } from '../state/btf-view.js'

/** A program to be extended, as it is loaded. */
export interface ExtendedProgram {
  readonly object: PreparedObject
  readonly program: PreparedProgram
}

/** The extension as a program of the other one's type. */
export function asExtended(program: PreparedProgram, target: PreparedProgram): PreparedProgram {
  return { ...program, type: target.type, expectedAttachType: target.expectedAttachType }
}

/** Refuses what may not be replaced. `verified` is what the verifier found out about the program to be extended. */
export function checkExtension(env: Env, verified: Env): void {
  const { program: target, object } = verified
  const { attachBtfId } = env.program
  if (!object.btf) return env.fail('a program without BTF cannot be extended')
  const btf = new BtfView(object.btf, false)
  const name = btf.name(attachBtfId)
  const slot = target.functions.find(each => each.type === attachBtfId)?.slot
  const replaced = verified.subprogs.find(subprog => subprog.start === slot)
  if (!replaced) return env.reject(`Subprog ${name} doesn't exist`)
  if (replaced.isExceptionCallback) env.reject('Extension programs cannot attach to exception callback')
  if (replaced.unreliable) env.reject('Cannot replace static functions')
  const own = env.subprogs[0]!
  if (env.kernel.globalsChangePackets && own.changesPacket && !replaced.changesPacket)
    env.reject('Extension program changes packet data, while original does not')
  if (env.kernel.sleepKnown && own.mightSleep && !replaced.mightSleep)
    env.reject('Extension program may sleep, while original does not')
  if (target.type === P.EXT) env.reject('Cannot recursively attach')
  if (target.type === P.TRACING && [A.TRACE_FENTRY, A.TRACE_FEXIT].some(type => type === target.expectedAttachType))
    env.reject('Cannot extend fentry/fexit')
  if (target.type === P.TRACING || target.type === P.LSM || target.type === P.STRUCT_OPS)
    return env.missing('extensions of programs that have a target in the kernel')
  if (!env.progBtf || !env.program.functions[0]?.type) return env.reject('Program extension requires BTF')
  matchTypes(env, env.progBtf, env.program.functions[0].type, btf, attachBtfId)
}

/** What `info` of struct btf_type says, as far as it is compared: kind and number of members. */
function sameShape(a: BtfType, b: BtfType): boolean {
  if (a.kind !== b.kind) return false
  if ('members' in a && 'members' in b) return a.members.length === b.members.length
  if ('values' in a && 'values' in b) return a.values.length === b.values.length
  return true
}

function matchTypes(env: Env, btf1: BtfView, id1: number, btf2: BtfView, id2: number): void {
  const [name1, name2] = [btf1.name(id1), btf2.name(id2)]
  for (const [btf, id, name] of [
    [btf1, id1, name1],
    [btf2, id2, name2],
  ] as const) {
    const func = btf.type(id)
    if (func.kind !== BtfKind.Func || func.linkage !== BTF_LINKAGE_GLOBAL) env.reject(`${name}() is not a global function`)
  }
  const proto1 = btf1.funcProto(id1)
  const proto2 = btf2.funcProto(id2)
  if (!proto1 || !proto2) return env.fail('function without prototype')
  const [count1, count2] = [proto1.params.length, proto2.params.length]
  if (count1 !== count2) env.reject(`${name1}() has ${count1} args while ${name2}() has ${count2} args`)
  const [result1, result2] = [btf1.resolved(proto1.type), btf2.resolved(proto2.type)]
  if (!sameShape(result1, result2))
    env.reject(`Return type ${kindName(result1)} of ${name1}() doesn't match type ${kindName(result2)} of ${name2}()`)
  for (const [i, param] of proto1.params.entries()) {
    const type1 = btf1.resolved(param.type)
    const type2 = btf2.resolved(proto2.params[i]!.type)
    if (!sameShape(type1, type2))
      env.reject(`arg${i} in ${name1}() is ${kindName(type1)} while ${name2}() has ${kindName(type2)}`)
    if ('size' in type1 && 'size' in type2 && type1.size !== type2.size)
      env.reject(`arg${i} in ${name1}() has size ${type1.size} while ${name2}() has ${type2.size}`)
    if (type1.kind === BtfKind.Int || type1.kind === BtfKind.Enum || type1.kind === BtfKind.Enum64) continue
    if (type1.kind !== BtfKind.Ptr || type2.kind !== BtfKind.Ptr) return env.reject(`arg${i} in ${name1}() has unrecognized type`)
    const [to1, to2] = [btf1.resolved(type1.type), btf2.resolved(type2.type)]
    const isStruct = (type: BtfType) => type.kind === BtfKind.Struct || type.kind === BtfKind.Union
    if (!isStruct(to1)) env.reject(`arg${i} in ${name1}() is not a pointer to context`)
    if (!isStruct(to2)) env.reject(`arg${i} in ${name2}() is not a pointer to context`)
    const nameOf = (type: BtfType) => ('name' in type ? type.name : '')
    if (nameOf(to1) !== nameOf(to2))
      env.reject(`arg${i} ${name1}(struct ${nameOf(to1)} *) doesn't match ${name2}(struct ${nameOf(to2)} *)`)
  }
}
