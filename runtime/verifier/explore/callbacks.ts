/** Which calls run a function of the program: at once, any number of times, or later on its own. */
import * as op from '../../../assembler/isa/opcodes.js'
import { helperId } from '../../kernel/helper-names.js'
import type { Env } from '../env.js'

const syncHelpers = new Set(['for_each_map_elem', 'find_vma', 'loop', 'user_ringbuf_drain'].map(helperId))
const asyncHelpers = new Set(['timer_set_callback'].map(helperId))
const syncKfuncs = new Set(['bpf_rbtree_add_impl', 'bpf_rbtree_add'])
const taskWorkKfuncs = new Set(['bpf_task_work_schedule_signal_impl', 'bpf_task_work_schedule_resume_impl'])
const asyncKfuncs = new Set(['bpf_wq_set_callback_impl', ...taskWorkKfuncs])

const isCall = (env: Env, slot: number): boolean => env.insns.code[slot] === (op.BPF_JMP | op.BPF_CALL)

/** Name of the kfunc a slot calls; empty for other instructions. */
export function kfuncAt(env: Env, slot: number): string {
  if (!isCall(env, slot) || env.insns.src[slot] !== op.BPF_PSEUDO_KFUNC_CALL) return ''
  const id = env.insns.imm[slot]!
  return env.kernelBtf?.has(id) ? env.kernelBtf.name(id) : ''
}

function among(env: Env, slot: number, helpers: ReadonlySet<number>, kfuncs: ReadonlySet<string>): boolean {
  if (!isCall(env, slot)) return false
  if (env.insns.src[slot] === 0) return helpers.has(env.insns.imm[slot]!)
  return env.insns.src[slot] === op.BPF_PSEUDO_KFUNC_CALL && kfuncs.has(kfuncAt(env, slot))
}

/** is_sync_callback_calling_insn. */
export const isSyncCallbackCall = (env: Env, slot: number): boolean => among(env, slot, syncHelpers, syncKfuncs)
/** is_async_callback_calling_insn. */
export const isAsyncCallbackCall = (env: Env, slot: number): boolean => among(env, slot, asyncHelpers, asyncKfuncs)
