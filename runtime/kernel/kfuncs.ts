/**
 * Kernel functions that programs may call. Facts are read from kernel sources (kfunc-facts.gen.ts); the newer ones, for which no
 * source tree was at hand, are rows here with the version they came in.
 */
import { ProgType as P } from '../../linker/object/uapi.js'
import { factAt } from './helpers.js'
import type { Since } from './helper-facts.gen.js'
import { kfuncFacts } from './kfunc-facts.gen.js'
import { type KernelProfile, versionAtLeast } from './profile.js'

const GENERIC = 'CGROUP_SKB SCHED_CLS STRUCT_OPS SYSCALL TRACING XDP'

/** From 6.13 on: kernel/bpf/helpers.c, kernel/bpf/rqspinlock.c, fs/bpf_fs_kfuncs.c, net/core/filter.c, kernel/trace/bpf_trace.c. */
const newer: Readonly<Record<string, Since>> = Object.fromEntries(
  (
    [
      ['bpf_local_irq_save', '6.14', '@ UNSPEC'],
      ['bpf_local_irq_restore', '6.14', '@ UNSPEC'],
      ['bpf_copy_from_user_task_str', '6.15', 'sleepable @ UNSPEC'],
      ['bpf_get_kmem_cache', '6.13', '@ UNSPEC'],
      ['bpf_iter_kmem_cache_new', '6.13', 'iter_new sleepable @ UNSPEC'],
      ['bpf_iter_kmem_cache_next', '6.13', 'iter_next ret_null sleepable @ UNSPEC'],
      ['bpf_iter_kmem_cache_destroy', '6.13', 'iter_destroy sleepable @ UNSPEC'],
      ['bpf_iter_dmabuf_new', '6.16', 'iter_new sleepable @ UNSPEC'],
      ['bpf_iter_dmabuf_next', '6.16', 'iter_next ret_null sleepable @ UNSPEC'],
      ['bpf_iter_dmabuf_destroy', '6.16', 'iter_destroy sleepable @ UNSPEC'],
      ['bpf_dynptr_copy', '6.15', '@ UNSPEC'],
      ['bpf_dynptr_memset', '6.17', '@ UNSPEC'],
      ['bpf_probe_read_user_dynptr', '6.16', '@ UNSPEC'],
      ['bpf_probe_read_kernel_dynptr', '6.16', '@ UNSPEC'],
      ['bpf_probe_read_user_str_dynptr', '6.16', '@ UNSPEC'],
      ['bpf_probe_read_kernel_str_dynptr', '6.16', '@ UNSPEC'],
      ['bpf_copy_from_user_dynptr', '6.16', 'sleepable @ UNSPEC'],
      ['bpf_copy_from_user_str_dynptr', '6.16', 'sleepable @ UNSPEC'],
      ['bpf_copy_from_user_task_dynptr', '6.16', 'sleepable trusted_args @ UNSPEC'],
      ['bpf_copy_from_user_task_str_dynptr', '6.16', 'sleepable trusted_args @ UNSPEC'],
      ['bpf_res_spin_lock', '6.15', 'ret_null @ UNSPEC'],
      ['bpf_res_spin_unlock', '6.15', '@ UNSPEC'],
      ['bpf_res_spin_lock_irqsave', '6.15', 'ret_null @ UNSPEC'],
      ['bpf_res_spin_unlock_irqrestore', '6.15', '@ UNSPEC'],
      ['bpf_list_front', '6.16', `ret_null @ ${GENERIC}`],
      ['bpf_list_back', '6.16', `ret_null @ ${GENERIC}`],
      ['bpf_rbtree_root', '6.16', `ret_null @ ${GENERIC}`],
      ['bpf_rbtree_left', '6.16', `ret_null @ ${GENERIC}`],
      ['bpf_rbtree_right', '6.16', `ret_null @ ${GENERIC}`],
      ['bpf_task_from_vpid', '6.13', `acquire ret_null @ ${GENERIC}`],
      ['bpf_cpumask_populate', '6.15', 'rcu @ STRUCT_OPS SYSCALL TRACING'],
      ['bpf_set_dentry_xattr', '6.15', 'sleepable trusted_args filter @ LSM'],
      ['bpf_remove_dentry_xattr', '6.15', 'sleepable trusted_args filter @ LSM'],
      ['bpf_cgroup_read_xattr', '6.17', 'rcu @ UNSPEC'],
      ['bpf_arena_reserve_pages', '6.17', 'trusted_args sleepable @ UNSPEC'],
      ['bpf_send_signal_task', '6.13', `trusted_args @ ${GENERIC}`],
      ['bpf_stream_vprintk_impl', '6.18', 'trusted_args @ UNSPEC'],
      ['bpf_task_work_schedule_signal_impl', '6.18', 'trusted_args @ UNSPEC'],
      ['bpf_task_work_schedule_resume_impl', '6.18', 'trusted_args @ UNSPEC'],
      ['css_rstat_updated', '6.16', '@ TRACING'],
      ['css_rstat_flush', '6.16', 'sleepable @ TRACING'],
      ['bpf_lookup_user_key', '6.16', `acquire ret_null sleepable @ ${GENERIC}`],
      ['bpf_lookup_system_key', '6.16', `acquire ret_null @ ${GENERIC}`],
      ['bpf_key_put', '6.16', `release @ ${GENERIC}`],
      ['bpf_strcmp', '6.17', '@ UNSPEC'],
      ['bpf_strcasecmp', '6.18', '@ UNSPEC'],
      ['bpf_strchr', '6.17', '@ UNSPEC'],
      ['bpf_strchrnul', '6.17', '@ UNSPEC'],
      ['bpf_strnchr', '6.17', '@ UNSPEC'],
      ['bpf_strrchr', '6.17', '@ UNSPEC'],
      ['bpf_strlen', '6.17', '@ UNSPEC'],
      ['bpf_strnlen', '6.17', '@ UNSPEC'],
      ['bpf_strspn', '6.17', '@ UNSPEC'],
      ['bpf_strcspn', '6.17', '@ UNSPEC'],
      ['bpf_strstr', '6.17', '@ UNSPEC'],
      ['bpf_strnstr', '6.17', '@ UNSPEC'],
      ['__bpf_trap', '6.17', '@ UNSPEC'],
      ['bpf_dynptr_from_skb_meta', '6.18', 'trusted_args @ SCHED_ACT SCHED_CLS'],
      ['bpf_xdp_pull_data', '6.18', '@ XDP'],
      ['bpf_sock_ops_enable_tx_tstamp', '6.15', 'trusted_args @ SOCK_OPS'],
    ] as const
  ).map(([name, since, text]) => [name, [[since, text]]]),
)

/** Which set of kfuncs a program type uses (bpf_prog_type_to_kfunc_hook, 6.12). */
const hooks: Readonly<Record<number, string>> = {
  [P.XDP]: 'XDP',
  [P.SCHED_CLS]: 'SCHED_CLS',
  [P.STRUCT_OPS]: 'STRUCT_OPS',
  [P.TRACING]: 'TRACING',
  [P.TRACEPOINT]: 'TRACING',
  [P.PERF_EVENT]: 'TRACING',
  [P.LSM]: 'TRACING',
  [P.SYSCALL]: 'SYSCALL',
  [P.CGROUP_SKB]: 'CGROUP',
  [P.CGROUP_SOCK]: 'CGROUP',
  [P.CGROUP_DEVICE]: 'CGROUP',
  [P.CGROUP_SOCK_ADDR]: 'CGROUP',
  [P.CGROUP_SOCKOPT]: 'CGROUP',
  [P.CGROUP_SYSCTL]: 'CGROUP',
  [P.SOCK_OPS]: 'CGROUP',
  [P.SCHED_ACT]: 'SCHED_ACT',
  [P.SK_SKB]: 'SK_SKB',
  [P.SOCKET_FILTER]: 'SOCKET_FILTER',
  [P.LWT_IN]: 'LWT',
  [P.LWT_OUT]: 'LWT',
  [P.LWT_XMIT]: 'LWT',
  [P.LWT_SEG6LOCAL]: 'LWT',
  [P.NETFILTER]: 'NETFILTER',
  [P.KPROBE]: 'KPROBE',
}

const hookOfName = (name: string): string | undefined => hooks[(P as Readonly<Record<string, number>>)[name] ?? -1]

export interface KfuncFacts {
  /** acquire, release, ret_null, trusted_args, sleepable, destructive, rcu, iter_new, iter_next, iter_destroy, rcu_protected, filter. */
  readonly flags: readonly string[]
  /** Whether the program type may call it. */
  readonly allowed: boolean
}

/** Versions whose source trees the tables were read from: what is not in them there, those kernels do not have. */
const treesRead = ['6.1', '6.12']

/** Whether a kernel is known not to have a kfunc that others have. */
export function kfuncAbsent(kernel: KernelProfile, name: string): boolean {
  const first = kfuncFacts[name]?.[0]?.[0] ?? newer[name]?.[0]?.[0]
  if (first === undefined || versionAtLeast(kernel.version, first)) return false
  // It came after the last tree in which it was not to be found.
  return newer[name] !== undefined || treesRead.some(tree => versionAtLeast(tree, kernel.version) && !versionAtLeast(tree, first))
}

/** What a kernel knows of a kfunc; undefined where our tables do not have it for that version. */
export function kfuncOf(kernel: KernelProfile, name: string, progType: number): KfuncFacts | undefined {
  const rows = kfuncFacts[name]
  const text =
    newerAt(name, kernel.version) ?? (rows && versionAtLeast(kernel.version, rows[0]![0]) ? factAt(rows, kernel.version) : null)
  if (text === null) return undefined
  const [flags = '', types = ''] = text.split('@')
  const hook = hooks[progType]
  return {
    flags: flags.split(' ').filter(Boolean),
    allowed: types
      .split(' ')
      .filter(Boolean)
      .some(type => type === 'UNSPEC' || (hook !== undefined && hookOfName(type) === hook)),
  }
}

function newerAt(name: string, version: string): string | null {
  const row = newer[name]?.[0]
  return row && versionAtLeast(version, row[0]) ? row[1] : null
}

/** Names of all kfuncs in the tables. */
export const knownKfuncs: readonly string[] = [...new Set([...Object.keys(kfuncFacts), ...Object.keys(newer)])]
