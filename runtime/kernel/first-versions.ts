/**
 * With which version map types and attach types came (include/uapi/linux/bpf.h), by number. Types of programs have theirs in
 * prog-types.ts, helpers in helper-names.ts and helper-facts.gen.ts, kfuncs in kfuncs.ts, rules of the verifier in profile.ts.
 */
import { AttachType as A, MapType as M, ProgType as P } from '../../linker/object/uapi.js'
import { versionAtLeast } from './profile.js'

type Row = readonly [since: string, ...types: readonly number[]]

const byType = (rows: readonly Row[]): ReadonlyMap<number, string> =>
  new Map(rows.flatMap(([since, ...types]) => types.map(type => [type, since] as const)))

/** Map types newer than 4.20. */
export const mapTypeSince: ReadonlyMap<number, string> = byType([
  ['5.2', M.SK_STORAGE],
  ['5.4', M.DEVMAP_HASH],
  ['5.6', M.STRUCT_OPS],
  ['5.8', M.RINGBUF],
  ['5.10', M.INODE_STORAGE],
  ['5.11', M.TASK_STORAGE],
  ['5.16', M.BLOOM_FILTER],
  ['6.1', M.USER_RINGBUF],
  ['6.2', M.CGRP_STORAGE],
  ['6.9', M.ARENA],
])

/** Attach types newer than 4.20. */
export const attachTypeSince: ReadonlyMap<number, string> = byType([
  ['5.2', A.CGROUP_SYSCTL, A.CGROUP_UDP4_RECVMSG, A.CGROUP_UDP6_RECVMSG],
  ['5.3', A.CGROUP_GETSOCKOPT, A.CGROUP_SETSOCKOPT],
  ['5.5', A.TRACE_RAW_TP, A.TRACE_FENTRY, A.TRACE_FEXIT],
  ['5.7', A.MODIFY_RETURN, A.LSM_MAC],
  ['5.8', A.TRACE_ITER, A.XDP_DEVMAP],
  ['5.8', A.CGROUP_INET4_GETPEERNAME, A.CGROUP_INET6_GETPEERNAME, A.CGROUP_INET4_GETSOCKNAME, A.CGROUP_INET6_GETSOCKNAME],
  ['5.9', A.CGROUP_INET_SOCK_RELEASE, A.XDP_CPUMAP, A.SK_LOOKUP, A.XDP],
  ['5.13', A.SK_SKB_VERDICT],
  ['5.14', A.SK_REUSEPORT_SELECT, A.SK_REUSEPORT_SELECT_OR_MIGRATE],
  ['5.15', A.PERF_EVENT],
  ['5.18', A.TRACE_KPROBE_MULTI],
  ['6.0', A.LSM_CGROUP],
  ['6.4', A.STRUCT_OPS, A.NETFILTER],
  ['6.6', A.TCX_INGRESS, A.TCX_EGRESS, A.TRACE_UPROBE_MULTI],
  ['6.7', A.CGROUP_UNIX_CONNECT, A.CGROUP_UNIX_SENDMSG, A.CGROUP_UNIX_RECVMSG],
  ['6.7', A.CGROUP_UNIX_GETPEERNAME, A.CGROUP_UNIX_GETSOCKNAME, A.NETKIT_PRIMARY, A.NETKIT_PEER],
  ['6.10', A.TRACE_KPROBE_SESSION],
])

/** Types of programs whose attach type the kernel looks at when they are loaded (bpf_prog_load_check_attach, bpf_check_attach_target). */
const attachTypeMatters: readonly number[] = [
  P.CGROUP_SOCK,
  P.CGROUP_SOCK_ADDR,
  P.CGROUP_SKB,
  P.CGROUP_SOCKOPT,
  P.SK_LOOKUP,
  P.SK_REUSEPORT,
  P.NETFILTER,
  P.TRACING,
  P.LSM,
]

/** The version an attach type came with, where a kernel of `version` refuses to load such a program for it. */
export function attachTypeMissing(version: string, progType: number, attachType: number): string | undefined {
  const since = attachTypeSince.get(attachType)
  if (since === undefined || versionAtLeast(version, since) || !attachTypeMatters.includes(progType)) return undefined
  return since
}
