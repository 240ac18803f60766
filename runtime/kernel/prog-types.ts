/** Program types: name, context, which function of the kernel says what helpers they have, and what they may do to packets. */
import { ProgType as P } from '../../linker/object/uapi.js'
import { type ContextTable, contexts } from './contexts.js'
import { structWrites, type StructWrites } from './struct-writes.js'

export interface ProgTypeRow {
  readonly type: number
  /** The kernel's name, lower case. */
  readonly name: string
  readonly since: string
  /** Name of the function in helperChoosers. */
  readonly helpers: string | undefined
  /** Undefined where the context is typed by BTF or not in the tables yet. */
  readonly context: ContextTable | undefined
  /** Name of the struct in C that stands for the context (bpf_ctx_convert). */
  readonly ctxType: string | undefined
  /** Direct packet access: none, read only, read and write (may_access_direct_pkt_data). */
  readonly packet: 'none' | 'read' | 'write'
  /** BPF_LD_ABS and BPF_LD_IND (may_access_skb). */
  readonly ldAbs: boolean
  /** is_tracing_prog_type. */
  readonly tracing: boolean
  /** Structs of the kernel that programs may write to; struct_ops have rows of their own. */
  readonly structWrites: StructWrites | undefined
}

type Row = readonly [
  type: number,
  name: string,
  since: string,
  helpers: string | undefined,
  context: ContextTable | undefined,
  ctxType: string | undefined,
  packet: 'none' | 'read' | 'write',
  traits?: { readonly ldAbs?: true; readonly tracing?: true; readonly writes?: StructWrites },
]

const rows: readonly Row[] = [
  [
    P.SOCKET_FILTER,
    'socket_filter',
    '3.19',
    'sk_filter_func_proto',
    contexts.socket_filter,
    '__sk_buff',
    'none',
    { ldAbs: true },
  ],
  [P.KPROBE, 'kprobe', '4.1', 'kprobe_prog_func_proto', contexts.kprobe, 'bpf_user_pt_regs_t', 'none', { tracing: true }],
  [
    P.SCHED_CLS,
    'sched_cls',
    '4.1',
    'tc_cls_act_func_proto',
    contexts.sched_cls,
    '__sk_buff',
    'write',
    { ldAbs: true, writes: structWrites.nf_conn },
  ],
  [
    P.SCHED_ACT,
    'sched_act',
    '4.1',
    'tc_cls_act_func_proto',
    contexts.sched_cls,
    '__sk_buff',
    'write',
    { ldAbs: true, writes: structWrites.nf_conn },
  ],
  [P.TRACEPOINT, 'tracepoint', '4.7', 'tp_prog_func_proto', contexts.tracepoint, undefined, 'none', { tracing: true }],
  [P.XDP, 'xdp', '4.8', 'xdp_func_proto', contexts.xdp, 'xdp_md', 'write', { writes: structWrites.nf_conn }],
  [
    P.PERF_EVENT,
    'perf_event',
    '4.9',
    'pe_prog_func_proto',
    contexts.perf_event,
    'bpf_perf_event_data',
    'none',
    { tracing: true },
  ],
  [P.CGROUP_SKB, 'cgroup_skb', '4.10', 'cg_skb_func_proto', contexts.cgroup_skb, '__sk_buff', 'read'],
  [P.CGROUP_SOCK, 'cgroup_sock', '4.10', 'sock_filter_func_proto', contexts.cgroup_sock, 'bpf_sock', 'none'],
  [P.LWT_IN, 'lwt_in', '4.10', 'lwt_in_func_proto', contexts.lwt, '__sk_buff', 'read'],
  [P.LWT_OUT, 'lwt_out', '4.10', 'lwt_out_func_proto', contexts.lwt, '__sk_buff', 'read'],
  [P.LWT_XMIT, 'lwt_xmit', '4.10', 'lwt_xmit_func_proto', contexts.lwt, '__sk_buff', 'write'],
  [P.SOCK_OPS, 'sock_ops', '4.13', 'sock_ops_func_proto', contexts.sock_ops, 'bpf_sock_ops', 'none'],
  [P.SK_SKB, 'sk_skb', '4.14', 'sk_skb_func_proto', contexts.sk_skb, '__sk_buff', 'write'],
  [P.CGROUP_DEVICE, 'cgroup_device', '4.15', 'cgroup_dev_func_proto', contexts.cgroup_device, 'bpf_cgroup_dev_ctx', 'none'],
  [P.SK_MSG, 'sk_msg', '4.17', 'sk_msg_func_proto', contexts.sk_msg, 'sk_msg_md', 'write'],
  [
    P.RAW_TRACEPOINT,
    'raw_tracepoint',
    '4.17',
    'raw_tp_prog_func_proto',
    contexts.raw_tracepoint,
    'bpf_raw_tracepoint_args',
    'none',
    { tracing: true },
  ],
  [P.CGROUP_SOCK_ADDR, 'cgroup_sock_addr', '4.17', 'sock_addr_func_proto', contexts.sock_addr, 'bpf_sock_addr', 'none'],
  [P.LWT_SEG6LOCAL, 'lwt_seg6local', '4.18', 'lwt_seg6local_func_proto', contexts.lwt, '__sk_buff', 'read'],
  [P.LIRC_MODE2, 'lirc_mode2', '4.18', 'lirc_mode2_func_proto', contexts.lirc_mode2, undefined, 'none'],
  [P.SK_REUSEPORT, 'sk_reuseport', '4.19', 'sk_reuseport_func_proto', contexts.sk_reuseport, 'sk_reuseport_md', 'read'],
  [P.FLOW_DISSECTOR, 'flow_dissector', '4.20', 'flow_dissector_func_proto', contexts.flow_dissector, '__sk_buff', 'read'],
  [P.CGROUP_SYSCTL, 'cgroup_sysctl', '5.2', 'sysctl_func_proto', contexts.cgroup_sysctl, 'bpf_sysctl', 'none'],
  [
    P.RAW_TRACEPOINT_WRITABLE,
    'raw_tracepoint_writable',
    '5.2',
    'raw_tp_prog_func_proto',
    contexts.raw_tracepoint_writable,
    'bpf_raw_tracepoint_args',
    'none',
    { tracing: true },
  ],
  [P.CGROUP_SOCKOPT, 'cgroup_sockopt', '5.3', 'cg_sockopt_func_proto', contexts.cgroup_sockopt, 'bpf_sockopt', 'write'],
  [P.TRACING, 'tracing', '5.5', 'tracing_prog_func_proto', undefined, undefined, 'none'],
  [P.STRUCT_OPS, 'struct_ops', '5.6', undefined, undefined, undefined, 'none'],
  [P.EXT, 'ext', '5.6', undefined, undefined, undefined, 'none'],
  [P.LSM, 'lsm', '5.7', 'bpf_lsm_func_proto', undefined, undefined, 'none'],
  [P.SK_LOOKUP, 'sk_lookup', '5.9', 'sk_lookup_func_proto', contexts.sk_lookup, 'bpf_sk_lookup', 'none'],
  [P.SYSCALL, 'syscall', '5.14', 'syscall_prog_func_proto', undefined, undefined, 'none'],
  [P.NETFILTER, 'netfilter', '6.4', 'bpf_nf_func_proto', contexts.netfilter, 'bpf_nf_ctx', 'none'],
]

export const progTypes: ReadonlyMap<number, ProgTypeRow> = new Map(
  rows.map(([type, name, since, helpers, context, ctxType, packet, traits]) => [
    type,
    {
      type,
      name,
      since,
      helpers,
      context,
      ctxType,
      packet,
      ldAbs: traits?.ldAbs ?? false,
      tracing: traits?.tracing ?? false,
      structWrites: traits?.writes,
    },
  ]),
)
