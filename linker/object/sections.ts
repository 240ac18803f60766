/**
 * What a program's section name says: program type, expected attach type, and what else libbpf reads from it. The rows and their
 * order are facts of libbpf 1.5 (libbpf.c, section_defs): the first row that matches counts.
 */
import { AttachType as A, ProgType as P } from './uapi.js'

export interface SectionDef {
  /** As in libbpf: `name+` matches `name` and `name/…`, any other text only itself. */
  readonly pattern: string
  readonly type: number
  readonly expectedAttachType: number
  readonly sleepable: boolean
  /** The rest of the name is a kernel function, tracepoint, hook or iterator that is looked up in the kernel's BTF. */
  readonly attachBtf: boolean
  readonly xdpFrags: boolean
  /** A USDT probe: uses multi-uprobe links on kernels that have them. */
  readonly usdt: boolean
  /** The attach type may be left out on kernels that do not know it. */
  readonly attachOptional: boolean
}

type Traits = Partial<Pick<SectionDef, 'sleepable' | 'attachBtf' | 'xdpFrags' | 'usdt' | 'attachOptional'>>

const rows: readonly (readonly [string, number, number, Traits?])[] = [
  ['socket', P.SOCKET_FILTER, 0],
  ['sk_reuseport/migrate', P.SK_REUSEPORT, A.SK_REUSEPORT_SELECT_OR_MIGRATE],
  ['sk_reuseport', P.SK_REUSEPORT, A.SK_REUSEPORT_SELECT],
  ['kprobe+', P.KPROBE, 0],
  ['uprobe+', P.KPROBE, 0],
  ['uprobe.s+', P.KPROBE, 0, { sleepable: true }],
  ['kretprobe+', P.KPROBE, 0],
  ['uretprobe+', P.KPROBE, 0],
  ['uretprobe.s+', P.KPROBE, 0, { sleepable: true }],
  ['kprobe.multi+', P.KPROBE, A.TRACE_KPROBE_MULTI],
  ['kretprobe.multi+', P.KPROBE, A.TRACE_KPROBE_MULTI],
  ['kprobe.session+', P.KPROBE, A.TRACE_KPROBE_SESSION],
  ['uprobe.multi+', P.KPROBE, A.TRACE_UPROBE_MULTI],
  ['uretprobe.multi+', P.KPROBE, A.TRACE_UPROBE_MULTI],
  ['uprobe.multi.s+', P.KPROBE, A.TRACE_UPROBE_MULTI, { sleepable: true }],
  ['uretprobe.multi.s+', P.KPROBE, A.TRACE_UPROBE_MULTI, { sleepable: true }],
  ['ksyscall+', P.KPROBE, 0],
  ['kretsyscall+', P.KPROBE, 0],
  ['usdt+', P.KPROBE, 0, { usdt: true }],
  ['usdt.s+', P.KPROBE, 0, { sleepable: true, usdt: true }],
  ['tc/ingress', P.SCHED_CLS, A.TCX_INGRESS],
  ['tc/egress', P.SCHED_CLS, A.TCX_EGRESS],
  ['tcx/ingress', P.SCHED_CLS, A.TCX_INGRESS],
  ['tcx/egress', P.SCHED_CLS, A.TCX_EGRESS],
  ['tc', P.SCHED_CLS, 0],
  ['classifier', P.SCHED_CLS, 0],
  ['action', P.SCHED_ACT, 0],
  ['netkit/primary', P.SCHED_CLS, A.NETKIT_PRIMARY],
  ['netkit/peer', P.SCHED_CLS, A.NETKIT_PEER],
  ['tracepoint+', P.TRACEPOINT, 0],
  ['tp+', P.TRACEPOINT, 0],
  ['raw_tracepoint+', P.RAW_TRACEPOINT, 0],
  ['raw_tp+', P.RAW_TRACEPOINT, 0],
  ['raw_tracepoint.w+', P.RAW_TRACEPOINT_WRITABLE, 0],
  ['raw_tp.w+', P.RAW_TRACEPOINT_WRITABLE, 0],
  ['tp_btf+', P.TRACING, A.TRACE_RAW_TP, { attachBtf: true }],
  ['fentry+', P.TRACING, A.TRACE_FENTRY, { attachBtf: true }],
  ['fmod_ret+', P.TRACING, A.MODIFY_RETURN, { attachBtf: true }],
  ['fexit+', P.TRACING, A.TRACE_FEXIT, { attachBtf: true }],
  ['fentry.s+', P.TRACING, A.TRACE_FENTRY, { sleepable: true, attachBtf: true }],
  ['fmod_ret.s+', P.TRACING, A.MODIFY_RETURN, { sleepable: true, attachBtf: true }],
  ['fexit.s+', P.TRACING, A.TRACE_FEXIT, { sleepable: true, attachBtf: true }],
  ['freplace+', P.EXT, 0, { attachBtf: true }],
  ['lsm+', P.LSM, A.LSM_MAC, { attachBtf: true }],
  ['lsm.s+', P.LSM, A.LSM_MAC, { sleepable: true, attachBtf: true }],
  ['lsm_cgroup+', P.LSM, A.LSM_CGROUP, { attachBtf: true }],
  ['iter+', P.TRACING, A.TRACE_ITER, { attachBtf: true }],
  ['iter.s+', P.TRACING, A.TRACE_ITER, { sleepable: true, attachBtf: true }],
  ['syscall', P.SYSCALL, 0, { sleepable: true }],
  ['xdp.frags/devmap', P.XDP, A.XDP_DEVMAP, { xdpFrags: true }],
  ['xdp/devmap', P.XDP, A.XDP_DEVMAP],
  ['xdp.frags/cpumap', P.XDP, A.XDP_CPUMAP, { xdpFrags: true }],
  ['xdp/cpumap', P.XDP, A.XDP_CPUMAP],
  ['xdp.frags', P.XDP, A.XDP, { xdpFrags: true }],
  ['xdp', P.XDP, A.XDP, { attachOptional: true }],
  ['perf_event', P.PERF_EVENT, 0],
  ['lwt_in', P.LWT_IN, 0],
  ['lwt_out', P.LWT_OUT, 0],
  ['lwt_xmit', P.LWT_XMIT, 0],
  ['lwt_seg6local', P.LWT_SEG6LOCAL, 0],
  ['sockops', P.SOCK_OPS, A.CGROUP_SOCK_OPS, { attachOptional: true }],
  ['sk_skb/stream_parser', P.SK_SKB, A.SK_SKB_STREAM_PARSER, { attachOptional: true }],
  ['sk_skb/stream_verdict', P.SK_SKB, A.SK_SKB_STREAM_VERDICT, { attachOptional: true }],
  ['sk_skb/verdict', P.SK_SKB, A.SK_SKB_VERDICT, { attachOptional: true }],
  ['sk_skb', P.SK_SKB, 0],
  ['sk_msg', P.SK_MSG, A.SK_MSG_VERDICT, { attachOptional: true }],
  ['lirc_mode2', P.LIRC_MODE2, A.LIRC_MODE2, { attachOptional: true }],
  ['flow_dissector', P.FLOW_DISSECTOR, A.FLOW_DISSECTOR, { attachOptional: true }],
  ['cgroup_skb/ingress', P.CGROUP_SKB, A.CGROUP_INET_INGRESS, { attachOptional: true }],
  ['cgroup_skb/egress', P.CGROUP_SKB, A.CGROUP_INET_EGRESS, { attachOptional: true }],
  ['cgroup/skb', P.CGROUP_SKB, 0],
  ['cgroup/sock_create', P.CGROUP_SOCK, A.CGROUP_INET_SOCK_CREATE],
  ['cgroup/sock_release', P.CGROUP_SOCK, A.CGROUP_INET_SOCK_RELEASE],
  ['cgroup/sock', P.CGROUP_SOCK, A.CGROUP_INET_SOCK_CREATE, { attachOptional: true }],
  ['cgroup/post_bind4', P.CGROUP_SOCK, A.CGROUP_INET4_POST_BIND],
  ['cgroup/post_bind6', P.CGROUP_SOCK, A.CGROUP_INET6_POST_BIND],
  ['cgroup/bind4', P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_BIND],
  ['cgroup/bind6', P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_BIND],
  ['cgroup/connect4', P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_CONNECT],
  ['cgroup/connect6', P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_CONNECT],
  ['cgroup/connect_unix', P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_CONNECT],
  ['cgroup/sendmsg4', P.CGROUP_SOCK_ADDR, A.CGROUP_UDP4_SENDMSG],
  ['cgroup/sendmsg6', P.CGROUP_SOCK_ADDR, A.CGROUP_UDP6_SENDMSG],
  ['cgroup/sendmsg_unix', P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_SENDMSG],
  ['cgroup/recvmsg4', P.CGROUP_SOCK_ADDR, A.CGROUP_UDP4_RECVMSG],
  ['cgroup/recvmsg6', P.CGROUP_SOCK_ADDR, A.CGROUP_UDP6_RECVMSG],
  ['cgroup/recvmsg_unix', P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_RECVMSG],
  ['cgroup/getpeername4', P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_GETPEERNAME],
  ['cgroup/getpeername6', P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_GETPEERNAME],
  ['cgroup/getpeername_unix', P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_GETPEERNAME],
  ['cgroup/getsockname4', P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_GETSOCKNAME],
  ['cgroup/getsockname6', P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_GETSOCKNAME],
  ['cgroup/getsockname_unix', P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_GETSOCKNAME],
  ['cgroup/sysctl', P.CGROUP_SYSCTL, A.CGROUP_SYSCTL],
  ['cgroup/getsockopt', P.CGROUP_SOCKOPT, A.CGROUP_GETSOCKOPT],
  ['cgroup/setsockopt', P.CGROUP_SOCKOPT, A.CGROUP_SETSOCKOPT],
  ['cgroup/dev', P.CGROUP_DEVICE, A.CGROUP_DEVICE, { attachOptional: true }],
  ['struct_ops+', P.STRUCT_OPS, 0],
  ['struct_ops.s+', P.STRUCT_OPS, 0, { sleepable: true }],
  ['sk_lookup', P.SK_LOOKUP, A.SK_LOOKUP],
  ['netfilter', P.NETFILTER, A.NETFILTER],
]

export const sectionDefs: readonly SectionDef[] = rows.map(([pattern, type, expectedAttachType, traits]) => ({
  pattern,
  type,
  expectedAttachType,
  sleepable: false,
  attachBtf: false,
  xdpFrags: false,
  usdt: false,
  attachOptional: false,
  ...traits,
}))

const matches = (pattern: string, name: string): boolean => {
  if (!pattern.endsWith('+')) return pattern === name
  const stem = pattern.slice(0, -1)
  return name === stem || name.startsWith(`${stem}/`)
}

/** The row for a section name (a leading `?`, which means "not loaded by default", does not count); undefined if libbpf knows none. */
export function findSectionDef(section: string): SectionDef | undefined {
  const name = section.startsWith('?') ? section.slice(1) : section
  return sectionDefs.find(def => matches(def.pattern, name))
}

/** `findSectionDef` for loaders that let a program's name follow any section's (cilium/ebpf): `tc/entry` is one of `tc`. */
export function findSectionPrefix(section: string): SectionDef | undefined {
  for (let name = section; ; name = name.slice(0, name.lastIndexOf('/'))) {
    const def = findSectionDef(name)
    if (def || !name.includes('/')) return def
  }
}

/** How a program that attaches to BTF finds its target: a prefix before the name, and the kind that is wanted (btf_get_kernel_prefix_kind). */
export function attachPrefix(expectedAttachType: number): { readonly prefix: string; readonly kind: 'func' | 'typedef' } {
  switch (expectedAttachType) {
    case A.TRACE_RAW_TP:
      return { prefix: 'btf_trace_', kind: 'typedef' }
    case A.LSM_MAC:
    case A.LSM_CGROUP:
      return { prefix: 'bpf_lsm_', kind: 'func' }
    case A.TRACE_ITER:
      return { prefix: 'bpf_iter_', kind: 'func' }
    default:
      return { prefix: '', kind: 'func' }
  }
}
