/**
 * What a program may be and use, by the capabilities of whoever loads it (kernel/bpf/syscall.c: bpf_prog_load, is_net_admin_prog_type,
 * is_perfmon_prog_type, map_create; 6.12). Without CAP_BPF nothing loads at all where the sysctl `unprivileged_bpf_disabled` is set.
 */
import { MapType, ProgType } from '../../linker/object/uapi.js'

/** Capabilities; CAP_SYS_ADMIN stands for all three. */
export interface Privileges {
  readonly bpf: boolean
  /** Pointers may be seen as numbers, stack that was never written may be read, and nothing is done against speculation. */
  readonly perfmon: boolean
  readonly netAdmin: boolean
}

export const ALL_PRIVILEGES: Privileges = { bpf: true, perfmon: true, netAdmin: true }
export const NO_PRIVILEGES: Privileges = { bpf: false, perfmon: false, netAdmin: false }

/** Instructions of a program that is loaded without CAP_BPF (BPF_MAXINSNS). */
export const UNPRIVILEGED_INSNS = 4096

const unprivilegedTypes: readonly number[] = [ProgType.SOCKET_FILTER, ProgType.CGROUP_SKB]
const netAdminTypes: readonly number[] = [
  ProgType.SCHED_CLS,
  ProgType.SCHED_ACT,
  ProgType.XDP,
  ProgType.LWT_IN,
  ProgType.LWT_OUT,
  ProgType.LWT_XMIT,
  ProgType.LWT_SEG6LOCAL,
  ProgType.SK_SKB,
  ProgType.SK_MSG,
  ProgType.FLOW_DISSECTOR,
  ProgType.CGROUP_DEVICE,
  ProgType.CGROUP_SOCK,
  ProgType.CGROUP_SOCK_ADDR,
  ProgType.CGROUP_SOCKOPT,
  ProgType.CGROUP_SYSCTL,
  ProgType.SOCK_OPS,
  ProgType.EXT,
  ProgType.NETFILTER,
]
const perfmonTypes: readonly number[] = [
  ProgType.KPROBE,
  ProgType.TRACEPOINT,
  ProgType.PERF_EVENT,
  ProgType.RAW_TRACEPOINT,
  ProgType.RAW_TRACEPOINT_WRITABLE,
  ProgType.TRACING,
  ProgType.LSM,
  ProgType.STRUCT_OPS,
  ProgType.EXT,
]
const unprivilegedMaps: readonly number[] = [
  MapType.ARRAY,
  MapType.PERCPU_ARRAY,
  MapType.PROG_ARRAY,
  MapType.PERF_EVENT_ARRAY,
  MapType.CGROUP_ARRAY,
  MapType.ARRAY_OF_MAPS,
  MapType.HASH,
  MapType.PERCPU_HASH,
  MapType.HASH_OF_MAPS,
  MapType.RINGBUF,
  MapType.USER_RINGBUF,
  MapType.CGROUP_STORAGE,
  MapType.PERCPU_CGROUP_STORAGE,
]
const netAdminMaps: readonly number[] = [MapType.SOCKMAP, MapType.SOCKHASH, MapType.DEVMAP, MapType.DEVMAP_HASH, MapType.XSKMAP]

/** The capability that keeps a program of that type from being loaded; undefined for none. */
export function progTypeNeeds(type: number, { bpf, perfmon, netAdmin }: Privileges): string | undefined {
  if (!bpf && !unprivilegedTypes.includes(type)) return 'CAP_BPF'
  if (!netAdmin && netAdminTypes.includes(type)) return 'CAP_NET_ADMIN'
  return !perfmon && perfmonTypes.includes(type) ? 'CAP_PERFMON' : undefined
}

/** The capability that keeps a map of that type from being made; undefined for none. */
export function mapTypeNeeds(type: number, { bpf, netAdmin }: Privileges): string | undefined {
  if (netAdminMaps.includes(type)) return netAdmin ? undefined : 'CAP_NET_ADMIN'
  return !bpf && !unprivilegedMaps.includes(type) ? 'CAP_BPF' : undefined
}
