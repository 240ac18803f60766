/** Kernel functions that programs may call: which, with what flags, for what programs. */
import * as op from '../../../assembler/isa/opcodes.js'
import { AttachType, ProgType } from '../../../linker/object/uapi.js'
import type { BtfFuncProto } from '../../../linker/btf/btf-types.js'
import { kfuncOf } from '../../kernel/kfuncs.js'
import type { Env } from '../env.js'

export interface Kfunc {
  readonly id: number
  readonly name: string
  readonly proto: BtfFuncProto
  /** acquire, release, ret_null, trusted_args, sleepable, destructive, rcu, iter_new, iter_next, iter_destroy, rcu_protected, fastcall. */
  readonly flags: readonly string[]
  /** Whether this program may call it; undefined where a condition is not modelled. */
  readonly allowed: boolean | undefined
}

export const isIterNext = (kfunc: Kfunc): boolean => kfunc.flags.includes('iter_next')

/** Conditions on top of the program's type (the filter of a set of kfuncs). */
function passesFilter(env: Env, name: string): boolean | undefined {
  const { type, expectedAttachType } = env.program
  if (name.startsWith('bpf_session_')) return type === ProgType.KPROBE && expectedAttachType === AttachType.TRACE_KPROBE_SESSION
  if (/xattr|^bpf_(get_task_exe_file|put_file|path_d_path|get_fsverity_digest)$/.test(name)) return type === ProgType.LSM
  if (name === 'bpf_sock_destroy') return type === ProgType.TRACING && expectedAttachType === AttachType.TRACE_ITER
  return undefined
}

/** The kfunc that a call names; undefined where our tables do not have it. */
export function findKfunc(env: Env, slot: number): Kfunc | undefined {
  const { insns, kernelBtf } = env
  if (insns.src[slot] !== op.BPF_PSEUDO_KFUNC_CALL || !kernelBtf || insns.off[slot] !== 0) return undefined
  const id = insns.imm[slot]!
  if (!kernelBtf.has(id)) return undefined
  const name = kernelBtf.name(id)
  const proto = kernelBtf.funcProto(id)
  const facts = kfuncOf(env.kernel, name, env.program.type)
  if (!facts || !proto) return undefined
  const { flags } = facts
  const allowed = facts.allowed && flags.includes('filter') ? passesFilter(env, name) : facts.allowed
  return { id, name, proto, flags, allowed }
}
