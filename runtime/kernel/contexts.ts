/**
 * What a program may read and write in its context, field by field (net/core/filter.c, kernel/trace/bpf_trace.c: the *_is_valid_access
 * functions, 6.12). A row is a byte range with an access rule for reads and one for writes.
 */
import { AttachType as A } from '../../linker/object/uapi.js'
import { versionAtLeast } from './profile.js'
import { RegType, TypeFlag } from './reg-types.js'

/**
 * `no`; `narrow`: 1, 2, 4 bytes; `narrow8`: up to 8 bytes; `start`: narrow, but only from the field's first byte; `u32`, `u64`, `u8`:
 * exactly that size; `narrow2`: 2 or 4 bytes; `narrow-wide` and `u32-wide`: or 8 aligned bytes within the field; `half`: 1 or 2; `any`: every aligned access that stays in the field; `port`: 4 or, from the start, 1 or 2 bytes.
 */
export type AccessRule =
  | 'no'
  | 'narrow'
  | 'narrow2'
  | 'narrow8'
  | 'narrow-wide'
  | 'u32-wide'
  | 'half'
  | 'start'
  | 'u8'
  | 'u32'
  | 'u64'
  | 'any'
  | 'port'

export interface ContextField {
  readonly name: string
  /** Byte offset and the byte after the field. */
  readonly start: number
  readonly end: number
  readonly read: AccessRule
  readonly write: AccessRule
  /** What a read gives when it is not a number. */
  readonly reg?: number
  /** For PTR_TO_BTF_ID: the kernel's struct. */
  readonly btf?: string
  /** Only for programs of these attach types, reads and writes apart. */
  readonly readFor?: readonly number[]
  readonly writeFor?: readonly number[]
  /** First version that has the field; older ones refuse it. */
  readonly since?: string
  /** Sign-extending loads are refused. */
  readonly noSigned?: true
}

export interface ContextTable {
  readonly size: number
  readonly fields: readonly ContextField[]
  /** Rule of bytes that are in no field. */
  readonly elsewhere: AccessRule
}

type Row = readonly [name: string, start: number, end: number, read: AccessRule, write?: AccessRule, more?: Partial<ContextField>]

function table(size: number, rows: readonly Row[], elsewhere: AccessRule = 'no'): ContextTable {
  return {
    size,
    elsewhere,
    fields: rows.map(([name, start, end, read, write = 'no', more]) => ({ name, start, end, read, write, ...more })),
  }
}

/** struct __sk_buff: rows of bpf_skb_is_valid_access. */
const skbRows: readonly Row[] = [
  ['len', 0, 4, 'narrow', 'u32'],
  ['pkt_type', 4, 8, 'narrow', 'u32'],
  ['mark', 8, 12, 'narrow', 'u32'],
  ['queue_mapping', 12, 16, 'narrow', 'u32'],
  ['protocol', 16, 20, 'narrow', 'u32'],
  ['vlan_present', 20, 24, 'narrow', 'u32'],
  ['vlan_tci', 24, 28, 'narrow', 'u32'],
  ['vlan_proto', 28, 32, 'narrow', 'u32'],
  ['priority', 32, 36, 'narrow', 'u32'],
  ['ingress_ifindex', 36, 40, 'narrow', 'u32'],
  ['ifindex', 40, 44, 'narrow', 'u32'],
  ['tc_index', 44, 48, 'narrow', 'u32'],
  ['cb', 48, 68, 'any', 'any'],
  ['hash', 68, 72, 'narrow', 'u32'],
  ['tc_classid', 72, 76, 'narrow', 'u32'],
  ['data', 76, 80, 'u32', 'u32', { noSigned: true }],
  ['data_end', 80, 84, 'u32', 'u32', { noSigned: true }],
  ['napi_id', 84, 88, 'narrow', 'u32'],
  ['family', 88, 92, 'narrow', 'u32'],
  ['remote_ip4', 92, 96, 'u32', 'u32'],
  ['local_ip4', 96, 100, 'u32', 'u32'],
  ['remote_ip6', 100, 116, 'u32', 'u32'],
  ['local_ip6', 116, 132, 'u32', 'u32'],
  ['remote_port', 132, 136, 'narrow', 'u32'],
  ['local_port', 136, 140, 'narrow', 'u32'],
  ['data_meta', 140, 144, 'u32', 'u32', { noSigned: true }],
  ['flow_keys', 144, 152, 'no', 'no'],
  ['tstamp', 152, 160, 'u64', 'u64'],
  ['wire_len', 160, 164, 'narrow', 'u32'],
  ['gso_segs', 164, 168, 'narrow', 'u32'],
  ['sk', 168, 176, 'u64', 'no', { reg: RegType.PTR_TO_SOCK_COMMON | TypeFlag.PTR_MAYBE_NULL }],
  ['gso_size', 176, 180, 'narrow', 'u32', { since: '5.7' }],
  ['tstamp_type', 180, 181, 'no', 'no'],
  ['padding', 181, 184, 'no', 'no'],
  ['hwtstamp', 184, 192, 'u64', 'no', { since: '5.16' }],
]

const socketFields = ['family', 'remote_ip4', 'local_ip4', 'remote_ip6', 'local_ip6', 'remote_port', 'local_port']

/** A view of __sk_buff: fields that are refused, fields that may be written, packet pointers where the type has them. */
function skb(view: {
  readonly deny: readonly string[]
  readonly write: readonly string[]
  readonly packet?: readonly ('data' | 'data_end' | 'data_meta')[]
  readonly more?: Readonly<Record<string, Partial<ContextField>>>
}): ContextTable {
  const regs: Readonly<Record<string, number>> = {
    data: RegType.PTR_TO_PACKET,
    data_end: RegType.PTR_TO_PACKET_END,
    data_meta: RegType.PTR_TO_PACKET_META,
  }
  return {
    size: 192,
    elsewhere: 'no',
    fields: table(192, skbRows).fields.map(field => ({
      ...field,
      ...(view.deny.includes(field.name) ? { read: 'no' as const, write: 'no' as const } : {}),
      ...(view.write.includes(field.name) ? {} : { write: 'no' as const }),
      ...((view.packet as readonly string[] | undefined)?.includes(field.name) ? { reg: regs[field.name]! } : {}),
      ...view.more?.[field.name],
    })),
  }
}

/** struct bpf_sock (bpf_sock_is_valid_access). */
const sockRows: readonly Row[] = [
  ['bound_dev_if', 0, 4, 'u32', 'u32'],
  ['family', 4, 8, 'start', 'start'],
  ['type', 8, 12, 'start', 'start'],
  ['protocol', 12, 16, 'start', 'start'],
  ['mark', 16, 20, 'u32', 'u32'],
  ['priority', 20, 24, 'u32', 'u32'],
  ['src_ip4', 24, 28, 'narrow', 'narrow'],
  ['src_ip6', 28, 44, 'narrow', 'narrow'],
  ['src_port', 44, 48, 'start', 'start'],
  ['dst_port', 48, 50, 'port', 'port'],
  ['padding', 50, 52, 'no', 'no'],
  ['dst_ip4', 52, 56, 'narrow', 'narrow'],
  ['dst_ip6', 56, 72, 'narrow', 'narrow'],
  ['state', 72, 76, 'start', 'start'],
  ['rx_queue_mapping', 76, 80, 'start', 'start', { since: '5.8' }],
]
const readOnly = (rows: readonly Row[]): readonly Row[] => rows.map(([name, start, end, read]) => [name, start, end, read])

const createOrRelease = [A.CGROUP_INET_SOCK_CREATE, A.CGROUP_INET_SOCK_RELEASE]
const cgroupSock: ContextTable = {
  size: 80,
  elsewhere: 'no',
  fields: table(80, sockRows).fields.map(field => {
    switch (field.name) {
      case 'bound_dev_if':
      case 'mark':
      case 'priority':
        return { ...field, readFor: createOrRelease, writeFor: createOrRelease }
      case 'src_ip4':
        return { ...field, write: 'no' as const, readFor: [A.CGROUP_INET4_POST_BIND] }
      case 'src_ip6':
        return { ...field, write: 'no' as const, readFor: [A.CGROUP_INET6_POST_BIND] }
      case 'src_port':
        return { ...field, write: 'no' as const, readFor: [A.CGROUP_INET4_POST_BIND, A.CGROUP_INET6_POST_BIND] }
      default:
        return { ...field, write: 'no' as const }
    }
  }),
}

/** struct bpf_tcp_sock (bpf_tcp_sock_is_valid_access): all words of 4 bytes but two of 8. */
const tcpSock = table(
  112,
  [
    ['bytes_received', 80, 88, 'u64'],
    ['bytes_acked', 88, 96, 'u64'],
  ],
  'u32',
)

const ip4 = [
  A.CGROUP_INET4_BIND,
  A.CGROUP_INET4_CONNECT,
  A.CGROUP_INET4_GETPEERNAME,
  A.CGROUP_INET4_GETSOCKNAME,
  A.CGROUP_UDP4_SENDMSG,
  A.CGROUP_UDP4_RECVMSG,
]
const ip6 = [
  A.CGROUP_INET6_BIND,
  A.CGROUP_INET6_CONNECT,
  A.CGROUP_INET6_GETPEERNAME,
  A.CGROUP_INET6_GETSOCKNAME,
  A.CGROUP_UDP6_SENDMSG,
  A.CGROUP_UDP6_RECVMSG,
]
const send4 = [A.CGROUP_UDP4_SENDMSG]
const send6 = [A.CGROUP_UDP6_SENDMSG]
const SOCKET_OR_NULL = RegType.PTR_TO_SOCKET | TypeFlag.PTR_MAYBE_NULL

/** Contexts of the types that are not views of __sk_buff. */
const otherContexts = {
  sock_addr: table(72, [
    ['user_family', 0, 4, 'u32'],
    ['user_ip4', 4, 8, 'narrow', 'u32', { readFor: ip4, writeFor: ip4 }],
    ['user_ip6', 8, 24, 'narrow-wide', 'u32-wide', { readFor: ip6, writeFor: ip6 }],
    ['user_port', 24, 28, 'narrow', 'u32'],
    ['family', 28, 32, 'u32'],
    ['type', 32, 36, 'u32'],
    ['protocol', 36, 40, 'u32'],
    ['msg_src_ip4', 40, 44, 'narrow', 'u32', { readFor: send4, writeFor: send4 }],
    ['msg_src_ip6', 44, 60, 'narrow-wide', 'u32-wide', { readFor: send6, writeFor: send6 }],
    ['sk', 64, 72, 'u64', 'no', { reg: RegType.PTR_TO_SOCKET }],
  ]),
  sock_ops: table(
    224,
    [
      ['reply', 4, 8, 'u32', 'u32'],
      ['sk_txhash', 164, 168, 'u32', 'u32'],
      ['bytes', 168, 184, 'u64'],
      ['sk', 184, 192, 'u64', 'no', { reg: SOCKET_OR_NULL }],
      ['skb_data', 192, 200, 'u64', 'no', { reg: RegType.PTR_TO_PACKET, since: '5.10' }],
      ['skb_data_end', 200, 208, 'u64', 'no', { reg: RegType.PTR_TO_PACKET_END, since: '5.10' }],
      ['skb_tcp_flags', 212, 216, 'start', 'no', { since: '5.10' }],
      ['skb_hwtstamp', 216, 224, 'u64', 'no', { since: '6.2' }],
    ],
    'u32',
  ),
  sk_msg: table(80, [
    ['data', 0, 8, 'u64', 'no', { reg: RegType.PTR_TO_PACKET }],
    ['data_end', 8, 16, 'u64', 'no', { reg: RegType.PTR_TO_PACKET_END }],
    ['family', 16, 20, 'u32'],
    ['remote_ip4', 20, 24, 'u32'],
    ['local_ip4', 24, 28, 'u32'],
    ['remote_ip6', 28, 44, 'u32'],
    ['local_ip6', 44, 60, 'u32'],
    ['remote_port', 60, 64, 'u32'],
    ['local_port', 64, 68, 'u32'],
    ['size', 68, 72, 'u32'],
    ['sk', 72, 80, 'u64', 'no', { since: '5.8', reg: RegType.PTR_TO_SOCKET }],
  ]),
  sk_lookup: table(72, [
    ['sk', 0, 8, 'u64', 'no', { reg: SOCKET_OR_NULL }],
    ['family', 8, 12, 'narrow'],
    ['protocol', 12, 16, 'narrow'],
    ['remote_ip4', 16, 20, 'narrow'],
    ['remote_ip6', 20, 36, 'narrow'],
    ['remote_port', 36, 38, 'port'],
    ['padding', 38, 40, 'half'],
    ['local_ip4', 40, 44, 'narrow'],
    ['local_ip6', 44, 60, 'narrow'],
    ['local_port', 60, 64, 'narrow'],
    ['ingress_ifindex', 64, 68, 'narrow', 'no', { since: '5.17' }],
  ]),
  sk_reuseport: table(56, [
    ['data', 0, 8, 'u64', 'no', { reg: RegType.PTR_TO_PACKET }],
    ['data_end', 8, 16, 'u64', 'no', { reg: RegType.PTR_TO_PACKET_END }],
    ['len', 16, 20, 'narrow'],
    ['eth_protocol', 20, 24, 'narrow2'],
    ['ip_protocol', 24, 28, 'narrow'],
    ['bind_inany', 28, 32, 'narrow'],
    ['hash', 32, 36, 'u32'],
    ['sk', 40, 48, 'u64', 'no', { since: '5.14', reg: RegType.PTR_TO_SOCKET }],
    ['migrating_sk', 48, 56, 'u64', 'no', { since: '5.14', reg: RegType.PTR_TO_SOCK_COMMON | TypeFlag.PTR_MAYBE_NULL }],
  ]),
  cgroup_sockopt: table(40, [
    ['sk', 0, 8, 'u64', 'no', { reg: RegType.PTR_TO_SOCKET }],
    ['optval', 8, 16, 'u64', 'no', { reg: RegType.PTR_TO_PACKET }],
    ['optval_end', 16, 24, 'u64', 'no', { reg: RegType.PTR_TO_PACKET_END }],
    ['level', 24, 28, 'u32', 'u32', { writeFor: [A.CGROUP_SETSOCKOPT] }],
    ['optname', 28, 32, 'u32', 'u32', { writeFor: [A.CGROUP_SETSOCKOPT] }],
    ['optlen', 32, 36, 'u32', 'u32'],
    ['retval', 36, 40, 'u32', 'u32', { readFor: [A.CGROUP_GETSOCKOPT], writeFor: [A.CGROUP_GETSOCKOPT] }],
  ]),
  cgroup_sysctl: table(8, [
    ['write', 0, 4, 'narrow'],
    ['file_pos', 4, 8, 'narrow', 'u32'],
  ]),
  cgroup_device: table(12, [
    ['access_type', 0, 4, 'narrow'],
    ['major', 4, 8, 'u32'],
    ['minor', 8, 12, 'u32'],
  ]),
  lirc_mode2: table(4, [['sample', 0, 4, 'u32']]),
  netfilter: table(16, [
    ['state', 0, 8, 'u64', 'no', { reg: RegType.PTR_TO_BTF_ID | TypeFlag.PTR_TRUSTED, btf: 'nf_hook_state' }],
    ['skb', 8, 16, 'u64', 'no', { reg: RegType.PTR_TO_BTF_ID | TypeFlag.PTR_TRUSTED, btf: 'sk_buff' }],
  ]),
} as const

const BPF_PT_REGS_SIZE = 168

export const contexts = {
  ...otherContexts,
  socket_filter: skb({
    deny: ['tc_classid', 'data', 'data_meta', 'data_end', ...socketFields, 'tstamp', 'wire_len', 'hwtstamp'],
    write: ['cb'],
  }),
  sched_cls: skb({
    deny: socketFields,
    write: ['mark', 'tc_index', 'priority', 'tc_classid', 'cb', 'tstamp', 'queue_mapping'],
    packet: ['data', 'data_end', 'data_meta'],
    more: { tstamp_type: { read: 'u8' } },
  }),
  cgroup_skb: skb({
    deny: ['tc_classid', 'data_meta', 'wire_len'],
    write: ['mark', 'priority', 'cb', 'tstamp'],
    packet: ['data', 'data_end'],
  }),
  lwt: skb({
    deny: ['tc_classid', ...socketFields, 'data_meta', 'tstamp', 'wire_len', 'hwtstamp'],
    write: ['mark', 'priority', 'cb'],
    packet: ['data', 'data_end'],
  }),
  sk_skb: skb({
    deny: ['tc_classid', 'data_meta', 'tstamp', 'wire_len', 'hwtstamp'],
    write: ['tc_index', 'priority'],
    packet: ['data', 'data_end'],
    more: { mark: { read: 'no' } },
  }),
  flow_dissector: skb({
    deny: skbRows.map(([name]) => name).filter(name => !['data', 'data_end', 'flow_keys'].includes(name)),
    write: [],
    packet: ['data', 'data_end'],
    more: { flow_keys: { read: 'u64', reg: RegType.PTR_TO_FLOW_KEYS } },
  }),
  xdp: table(24, [
    ['data', 0, 4, 'u32', 'no', { reg: RegType.PTR_TO_PACKET, noSigned: true }],
    ['data_end', 4, 8, 'u32', 'no', { reg: RegType.PTR_TO_PACKET_END, noSigned: true }],
    ['data_meta', 8, 12, 'u32', 'no', { reg: RegType.PTR_TO_PACKET_META, noSigned: true }],
    ['ingress_ifindex', 12, 16, 'u32'],
    ['rx_queue_index', 16, 20, 'u32'],
    ['egress_ifindex', 20, 24, 'u32', 'no', { since: '5.8', readFor: [A.XDP_DEVMAP] }],
  ]),
  cgroup_sock: cgroupSock,
  kprobe: table(BPF_PT_REGS_SIZE, [['pt_regs', 0, BPF_PT_REGS_SIZE, 'any']]),
  tracepoint: table(8192, [['args', 8, 8192, 'any']]),
  raw_tracepoint: table(96, [['args', 0, 96, 'any']]),
  raw_tracepoint_writable: table(96, [
    // Only a load at the very start is one of the buffer's address.
    ['buffer', 0, 1, 'u64', 'no', { reg: RegType.PTR_TO_TP_BUFFER }],
    ['args', 1, 96, 'any'],
  ]),
  perf_event: table(BPF_PT_REGS_SIZE + 16, [
    ['regs', 0, BPF_PT_REGS_SIZE, 'u64'],
    ['sample_period', BPF_PT_REGS_SIZE, BPF_PT_REGS_SIZE + 8, 'narrow8'],
    ['addr', BPF_PT_REGS_SIZE + 8, BPF_PT_REGS_SIZE + 16, 'narrow8'],
  ]),
} as const satisfies Readonly<Record<string, ContextTable>>

/** Objects behind socket pointers, read-only. */
export const socketContexts = {
  sock: table(80, readOnly(sockRows)),
  sock_common: table(
    80,
    readOnly(sockRows).filter(([name]) => !['type', 'protocol', 'mark', 'priority'].includes(name)),
  ),
  tcp_sock: tcpSock,
  xdp_sock: table(4, [['queue_id', 0, 4, 'u32']]),
} as const

function permits(rule: AccessRule, offset: number, size: number, start: number, end: number): boolean {
  switch (rule) {
    case 'no':
      return false
    case 'narrow':
      return size <= 4
    case 'narrow2':
      return size === 2 || size === 4
    case 'half':
      return size <= 2
    case 'narrow-wide':
      return size <= 4 || (offset % 8 === 0 && offset + 8 <= end)
    case 'u32-wide':
      return size === 4 || (size === 8 && offset % 8 === 0 && offset + 8 <= end)
    case 'narrow8':
      return size <= 8
    case 'start':
      return offset === start ? size <= 4 : false
    case 'u8':
      return size === 1
    case 'u32':
      return size === 4
    case 'u64':
      return size === 8
    case 'any':
      return offset + size <= end
    case 'port':
      return (offset === start && size === 4) || size <= 2
  }
}

export interface ContextAccess {
  readonly field: ContextField | undefined
  /** Register type that a read gives. */
  readonly reg: number
}

/** Whether an access to a context is valid, and what it gives; undefined for an invalid one. Sizes are 1, 2, 4 or 8 bytes. */
export function contextAccess(
  context: ContextTable,
  offset: number,
  size: number,
  write: boolean,
  attachType: number,
  signed: boolean,
  version: string,
): ContextAccess | undefined {
  if (offset < 0 || offset >= context.size || offset % size !== 0) return undefined
  const field = context.fields.find(candidate => offset >= candidate.start && offset < candidate.end)
  if (!field)
    return permits(context.elsewhere, offset, size, 0, context.size) && !write ? { field, reg: RegType.SCALAR_VALUE } : undefined
  if (field.since && !versionAtLeast(version, field.since)) return undefined
  const only = write ? field.writeFor : field.readFor
  if (only && !only.includes(attachType)) return undefined
  if (signed && field.noSigned) return undefined
  if (!permits(write ? field.write : field.read, offset, size, field.start, field.end)) return undefined
  return { field, reg: write ? RegType.SCALAR_VALUE : (field.reg ?? RegType.SCALAR_VALUE) }
}
