/**
 * Structs of callbacks that programs can implement (struct bpf_struct_ops): what their programs may call, write and see. What a
 * member's arguments are, is in the kernel's BTF; which of them may be null, in the names of its stub (`STRUCT__MEMBER`).
 */
import { structWrites, type StructWrites } from './struct-writes.js'

export interface StructOpsRow {
  readonly since: string
  /** Name of the function in helperChoosers; null where programs have no helpers at all. */
  readonly helpers: string | null
  /** Members without a stub: no program can stand for them. */
  readonly unsupported: readonly string[]
  /** Members whose programs may sleep; `all` where nobody asks. */
  readonly sleepable: 'all' | readonly string[]
  /** Pointers to the first struct are shown as pointers to the second. */
  readonly promote?: readonly [from: string, to: string]
  /** Arguments that may be null although the stub does not say so. */
  readonly nullable?: Readonly<Record<string, number>>
  /** Last version whose rules these are. */
  readonly until?: string
  readonly writes: StructWrites | undefined
}

export const structOps: Readonly<Record<string, StructOpsRow>> = {
  // net/ipv4/bpf_tcp_ca.c
  tcp_congestion_ops: {
    since: '5.6',
    helpers: 'bpf_tcp_ca_get_func_proto',
    unsupported: ['get_info'],
    sleepable: 'all',
    promote: ['sock', 'tcp_sock'],
    writes: structWrites.tcp_sock,
  },
  // net/bpf/bpf_dummy_struct_ops.c
  bpf_dummy_ops: {
    since: '5.16',
    helpers: null,
    unsupported: [],
    sleepable: ['test_sleepable'],
    writes: structWrites.bpf_dummy_ops_state,
  },
  // kernel/sched/ext.c
  sched_ext_ops: {
    since: '6.12',
    until: '6.12',
    helpers: 'bpf_scx_get_func_proto',
    unsupported: [],
    sleepable: 'init_task cgroup_init cgroup_exit cgroup_prep_move cpu_online cpu_offline init exit'.split(' '),
    nullable: { dispatch: 1, yield: 1 },
    writes: structWrites.scx_task,
  },
}
