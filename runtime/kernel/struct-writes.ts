/**
 * Fields of the kernel's own structs that programs may write: the btf_struct_access functions of net/ipv4/bpf_tcp_ca.c,
 * net/bpf/bpf_dummy_struct_ops.c, net/netfilter/nf_conntrack_bpf.c, kernel/sched/ext.c (6.12).
 */

export interface WritableField {
  /** Struct that the path starts at; it stands at offset 0 of the struct written to. */
  readonly base: string
  /** Members, `.` between levels. */
  readonly path: string
  /** First version in which it may be written, where that is later than the rest. */
  readonly since?: string
  /** Writes may begin behind the field's first byte. */
  readonly anywhere?: true
}

export interface StructWrites {
  /** Structs that may be written to. */
  readonly structs: readonly string[]
  /** Undefined where every byte may be. */
  readonly fields: readonly WritableField[] | undefined
  /** What the kernel says of another struct, of a place that is no such field, of one that ends behind it; undefined for nothing. */
  readonly otherStruct?: string
  readonly noField?: (struct: string, off: number) => string
  readonly beyond?: (struct: string, off: number, size: number, end: number) => string
}

const field = (base: string, path: string): WritableField => ({ base, path })

const noWriteSupport = (struct: string, off: number): string => `no write support to ${struct} at off ${off}`
const beyondMember = (struct: string, off: number, size: number, end: number): string =>
  `write access at off ${off} with size ${size} beyond the member of ${struct} ended at ${end}`

export const structWrites = {
  tcp_sock: {
    structs: ['tcp_sock'],
    fields: [
      field('sock', 'sk_pacing_rate'),
      field('sock', 'sk_pacing_status'),
      { base: 'inet_connection_sock', path: 'icsk_ca_priv', anywhere: true },
      field('inet_connection_sock', 'icsk_ack.pending'),
      field('tcp_sock', 'snd_cwnd'),
      field('tcp_sock', 'snd_cwnd_cnt'),
      { base: 'tcp_sock', path: 'snd_cwnd_stamp', since: '6.9' },
      field('tcp_sock', 'snd_ssthresh'),
      field('tcp_sock', 'ecn_flags'),
      { base: 'tcp_sock', path: 'app_limited', since: '6.9' },
    ],
    otherStruct: 'only read is supported',
    noField: noWriteSupport,
    beyond: beyondMember,
  },
  bpf_dummy_ops_state: {
    structs: ['bpf_dummy_ops_state'],
    fields: undefined,
    otherStruct: 'only access to bpf_dummy_ops_state is supported',
    beyond: (_struct: string, off: number, size: number) => `write access at off ${off} with size ${size}`,
  },
  nf_conn: {
    structs: ['nf_conn', 'nf_conn___init'],
    fields: [field('nf_conn', 'mark')],
    otherStruct: 'only read is supported',
    noField: noWriteSupport,
    beyond: beyondMember,
  },
  scx_task: {
    structs: ['task_struct'],
    fields: [
      { base: 'task_struct', path: 'scx.slice', anywhere: true },
      { base: 'task_struct', path: 'scx.dsq_vtime', anywhere: true },
      { base: 'task_struct', path: 'scx.disallow', anywhere: true },
    ],
  },
} satisfies Readonly<Record<string, StructWrites>>
