/** Calls of kernel functions (kernel/bpf/verifier.c: check_kfunc_call). */
import type { Env } from '../env.js'
import { kfuncAt } from '../explore/callbacks.js'

export function checkKfuncCall(env: Env, slot: number): void {
  env.missing(`kfunc ${kfuncAt(env, slot)}`)
}
