/** What a program attaches to, where its type comes from the kernel's BTF (check_attach_btf_id, bpf_check_attach_target). */
import type { BtfFuncProto } from '../../../linker/btf/btf-types.js'
import type { Env } from '../env.js'
import type { RetvalRange } from '../state/frames.js'

/** Prototype of the attach target. */
export function attachProto(env: Env): BtfFuncProto {
  return env.missing(`attach targets of program type ${env.progType.name}`)
}

/** bpf_lsm_get_retval_range; undefined where the hook may return anything. */
export function lsmRetvalRange(env: Env): RetvalRange | undefined {
  return env.missing('return values of LSM hooks')
}
