/** Kernel functions that programs may call: which, with what flags, for what programs. */
import * as op from '../../../assembler/isa/opcodes.js'
import type { BtfFuncProto } from '../../../linker/btf/btf-types.js'
import type { Env } from '../env.js'

export interface Kfunc {
  readonly id: number
  readonly name: string
  readonly proto: BtfFuncProto
  /** acquire, release, ret_null, trusted_args, sleepable, destructive, rcu, iter_new, iter_next, iter_destroy, rcu_protected, fastcall. */
  readonly flags: readonly string[]
}

export const isIterNext = (kfunc: Kfunc): boolean => kfunc.flags.includes('iter_next')

/** The kfunc that a call names; undefined where our tables do not have it. */
export function findKfunc(env: Env, slot: number): Kfunc | undefined {
  const { insns, kernelBtf } = env
  if (insns.src[slot] !== op.BPF_PSEUDO_KFUNC_CALL || !kernelBtf) return undefined
  return undefined
}
