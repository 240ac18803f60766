/** One program of every section name that stands for a kind of its own: compiled, verified as 6.18 would, and run on its context. */
import { describe, expect, it } from 'vitest'
import { load, packet, type RunInput } from '../../../index.js'

const HEADERS = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>
char LICENSE[] SEC("license") = "GPL";
`
const tcp = packet.tcp({ src: '10.0.0.1', dst: '10.0.0.2', sport: 4000, dport: 80 })
const connection = { local: '10.0.0.1:4000', remote: '10.0.0.2:80' }
const regs = 'struct pt_regs *ctx'
const skb = 'struct __sk_buff *ctx'

/** Section, parameter, body, input, what the program returns. */
const table: readonly (readonly [section: string, parameter: string, body: string, input: RunInput, retval: number])[] = [
  ['xdp', 'struct xdp_md *ctx', 'return ctx->data_end - ctx->data;', { packet: tcp }, tcp.length],
  ['xdp.frags', 'struct xdp_md *ctx', 'return bpf_xdp_get_buff_len(ctx);', { packet: tcp }, tcp.length],
  ['tc', skb, 'return ctx->protocol == bpf_htons(0x0800);', { packet: tcp }, 1],
  ['tcx/ingress', skb, 'return ctx->len;', { packet: tcp }, tcp.length],
  ['tcx/egress', skb, 'return bpf_clone_redirect(ctx, 3, 0);', { packet: tcp }, 0],
  ['socket', skb, 'return ctx->len;', { packet: tcp }, tcp.length - 14],
  ['cgroup_skb/ingress', skb, 'return ctx->remote_port == bpf_htonl(80);', { packet: tcp, ctx: { remote_port: 80 << 24 } }, 1],
  ['cgroup_skb/egress', skb, 'return ctx->local_ip4 == bpf_htonl(0x0a000001);', { packet: tcp }, 1],
  ['lwt_in', skb, 'return ctx->len;', { packet: tcp }, tcp.length - 14],
  ['lwt_out', skb, 'return ctx->len;', { packet: tcp }, tcp.length - 14],
  ['sk_skb/stream_verdict', skb, 'return ctx->local_port == 4000;', { packet: tcp, socket: connection }, 1],
  ['sk_skb/stream_parser', skb, 'return ctx->len;', { packet: new Uint8Array(9) }, 9],
  ['sockops', 'struct bpf_sock_ops *ctx', 'return ctx->local_port == 4000;', { socket: connection }, 1],
  ['cgroup/sock_create', 'struct bpf_sock *ctx', 'return ctx->family == 10;', { ctx: { family: 10 } }, 1],
  ['cgroup/post_bind4', 'struct bpf_sock *ctx', 'return ctx->src_port == 8080;', { ctx: { src_port: 8080 } }, 1],
  ['cgroup/connect4', 'struct bpf_sock_addr *ctx', 'ctx->user_port = bpf_htons(81); return 1;', { ctx: { user_port: 80 } }, 1],
  ['cgroup/bind6', 'struct bpf_sock_addr *ctx', 'return ctx->user_ip6[3] == 7;', { ctx: { user_ip6: [0, 0, 0, 7] } }, 1],
  ['cgroup/dev', 'struct bpf_cgroup_dev_ctx *ctx', 'return ctx->major == 8;', { ctx: { major: 8 } }, 1],
  ['cgroup/sysctl', 'struct bpf_sysctl *ctx', 'return ctx->write != 0;', { sysctl: { name: 'a/b', newValue: '1' } }, 1],
  [
    'cgroup/getsockopt',
    'struct bpf_sockopt *ctx',
    'return ctx->optlen == 4;',
    { sockopt: { level: 1, name: 2, value: new Uint8Array(4) } },
    1,
  ],
  ['kprobe/do_nothing', regs, 'return PT_REGS_PARM2(ctx);', { args: [1, 22] }, 22],
  ['kretprobe/do_nothing', regs, 'return PT_REGS_RC(ctx);', { result: -5 }, -5],
  ['kprobe.multi/do_*', regs, 'return bpf_get_func_ip(ctx) == 0x1000;', { ip: 0x1000n }, 1],
  ['kprobe.session/do_*', regs, 'return 0;', {}, 0],
  ['uprobe', regs, 'return PT_REGS_PARM1(ctx);', { args: [7] }, 7],
  ['uprobe.multi/./a:f*', regs, 'return bpf_get_attach_cookie(ctx);', { cookie: 9n }, 9],
  ['usdt/./a:p:n', regs, 'return 0;', {}, 0],
  ['ksyscall/openat', regs, 'return 0;', {}, 0],
  [
    'tracepoint/sched/sched_switch',
    'struct trace_event_raw_sched_switch *ctx',
    'return ctx->prev_pid;',
    { event: { struct: 'trace_event_raw_sched_switch', fields: { prev_pid: 5 } } },
    5,
  ],
  ['raw_tp/sched_switch', 'struct bpf_raw_tracepoint_args *ctx', 'return ctx->args[0];', { args: [6] }, 6],
  ['raw_tp.w/any', 'struct bpf_raw_tracepoint_args *ctx', 'return 0;', { args: [{ struct: 'path' }] }, 0],
  [
    'tp_btf/sched_switch',
    '__u64 *ctx',
    'return ((struct task_struct *)ctx[1])->pid;',
    { args: [0, { struct: 'task_struct', fields: { pid: 8 } }, 0] },
    8,
  ],
  ['fentry/vfs_fsync', '__u64 *ctx', 'return ctx[1] == 1 ? 0 : 0;', { args: [0, 1] }, 0],
  ['fexit/vfs_fsync', '__u64 *ctx', 'return 0;', { args: [0, 1], result: -5 }, 0],
  ['lsm/file_open', '__u64 *ctx', 'return -1;', { args: [{ struct: 'file' }] }, -1],
  ['lsm_cgroup/socket_bind', '__u64 *ctx', 'return 1;', { args: [0, 0, 0] }, 1],
  ['perf_event', 'struct bpf_perf_event_data *ctx', 'return ctx->sample_period;', { ctx: { sample_period: 100 } }, 100],
  [
    'netfilter',
    'struct bpf_nf_ctx *ctx',
    'return ctx->state->pf == 2 && ctx->state->hook == 1;',
    { packet: tcp, ctx: { hook: 1 } },
    1,
  ],
  ['syscall', 'void *ctx', 'return *(int *)ctx;', { ctx: Uint8Array.of(4, 0, 0, 0) }, 4],
  ['flow_dissector', skb, 'return ctx->flow_keys->nhoff;', { packet: tcp }, 14],
  ['sk_lookup', 'struct bpf_sk_lookup *ctx', 'return ctx->local_port == 80;', { packet: tcp }, 1],
  ['sk_reuseport', 'struct sk_reuseport_md *ctx', 'return ctx->ip_protocol == 6;', { packet: tcp }, 1],
  ['sk_msg', 'struct sk_msg_md *ctx', 'return ctx->size == 3;', { packet: Uint8Array.of(1, 2, 3) }, 1],
]

describe('programs of section', () => {
  it.each(table)('%s', async (section, parameter, body, input, retval) => {
    const { programs } = await load(`${HEADERS}SEC("${section}") int main(${parameter})\n{ ${body} }\n`, { kernels: ['6.18'] })
    expect(programs.main!.run(input)).toMatchObject({ fault: undefined, retval })
  })
})
