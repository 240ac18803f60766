/** The kernel's own view of contexts, what devices say of packets, walks over cgroups, and kfuncs that a test answers. */
import { describe, expect, it } from 'vitest'
import { type Fixture, load, type LoadOptions, packet } from '../../../index.js'

const HEADERS = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
char LICENSE[] SEC("license") = "GPL";
`
const build = (text: string, options: LoadOptions = {}) => load(`${HEADERS}${text}`, { kernels: ['6.18'], ...options })
const input = packet.udp({ payload: new Uint8Array(10) })
const engines = ['checked', 'compiled'] as const

describe('bpf_cast_to_kern_ctx', () => {
  it.each(engines)('of XDP (%s)', async engine => {
    const { programs, globals, vm } = await build(
      `
extern void *bpf_cast_to_kern_ctx(void *) __ksym;
int ifindex, queue, size;
char name[16];
SEC("xdp") int look(struct xdp_md *ctx)
{
	struct xdp_buff *buffer = bpf_cast_to_kern_ctx(ctx);
	struct net_device *dev = buffer->rxq->dev;

	ifindex = dev->ifindex;
	queue = buffer->rxq->queue_index;
	size = (long)buffer->data_end - (long)buffer->data;
	__builtin_memcpy(name, dev->name, sizeof(name));
	return buffer->rxq->dev->ip_ptr ? XDP_DROP : XDP_PASS;
}`,
      { engine },
    )
    expect(vm.program('look').notCompiled).toBe(engine === 'compiled' ? undefined : 'the engine is the interpreter')
    const run = programs['look']!.run({ packet: input, ctx: { ingress_ifindex: 3, rx_queue_index: 2 } })
    expect(run.fault).toBeUndefined()
    expect(run.verdict).toBe('XDP_PASS')
    expect(['ifindex', 'queue', 'size', 'name'].map(each => globals[each]!.get())).toEqual([3, 2, input.length, 'eth1'])
  })

  it.each(engines)('of traffic control, with the shared info behind the packet (%s)', async engine => {
    const { programs, globals } = await build(
      `
extern void *bpf_cast_to_kern_ctx(void *) __ksym;
extern void *bpf_rdonly_cast(const void *, u32) __ksym;
u32 len, mark, fragments, protocol;
SEC("tc") int look(struct __sk_buff *ctx)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);
	struct skb_shared_info *shared = bpf_core_cast(skb->head + skb->end, struct skb_shared_info);
	struct ethhdr *eth = bpf_core_cast(skb->head + skb->mac_header, struct ethhdr);

	len = skb->len;
	mark = skb->mark;
	fragments = shared->nr_frags + shared->frag_list->len;
	protocol = eth->h_proto;
	return 0;
}`,
      { engine },
    )
    expect(programs['look']!.run({ packet: input, ctx: { mark: 9 } }).fault).toBeUndefined()
    expect(['len', 'mark', 'fragments', 'protocol'].map(each => globals[each]!.get())).toEqual([input.length, 9, 0, 8])
  })
})

describe('metadata of packets', () => {
  it('is what the run says of the device', async () => {
    const { programs, globals } = await build(
      `
extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, u64 *timestamp) __ksym;
extern int bpf_xdp_metadata_rx_hash(const struct xdp_md *ctx, u32 *hash, enum xdp_rss_hash_type *type) __ksym;
u64 timestamp;
u32 hash;
enum xdp_rss_hash_type type;
SEC("xdp") int look(struct xdp_md *ctx)
{
	u64 time = 0;
	u32 number = 0;
	enum xdp_rss_hash_type kind = 0;
	int answers = bpf_xdp_metadata_rx_timestamp(ctx, &time) + bpf_xdp_metadata_rx_hash(ctx, &number, &kind);

	timestamp = time;
	hash = number;
	type = kind;
	return answers;
}`,
      { verify: false },
    )
    expect(programs['look']!.run(input).retval).toBe(-95 * 2)
    expect(programs['look']!.run({ packet: input, metadata: { timestamp: 7n, hash: 0xabcd, hashType: 1 } }).retval).toBe(0)
    expect([globals['timestamp']!.get(), globals['hash']!.get(), globals['type']!.get()]).toEqual([7n, 0xabcd, 1])
  })
})

describe('cgroups', () => {
  it('are walked down, up, and for their tasks', async () => {
    const { programs, globals, vm } = await build(
      `
extern int bpf_iter_css_new(struct bpf_iter_css *it, struct cgroup_subsys_state *start, unsigned int flags) __ksym;
extern struct cgroup_subsys_state *bpf_iter_css_next(struct bpf_iter_css *it) __ksym;
extern void bpf_iter_css_destroy(struct bpf_iter_css *it) __ksym;
extern struct cgroup *bpf_cgroup_from_id(u64 id) __ksym;
extern void bpf_cgroup_release(struct cgroup *group) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
u64 seen[8];
u32 count;
static void walk(struct cgroup *group, int flags)
{
	struct cgroup_subsys_state *css;

	bpf_for_each(css, css, &group->self, flags)
		if (count < 8)
			seen[count++] = css->cgroup->kn->id;
}
SEC("tp_btf/task_newtask")
int BPF_PROG(look, struct task_struct *task, u64 flags)
{
	struct cgroup *group = bpf_cgroup_from_id(1);

	if (!group)
		return 0;
	count = 0;
	bpf_rcu_read_lock();
	walk(group, flags);
	bpf_rcu_read_unlock();
	bpf_cgroup_release(group);
	return 0;
}`,
      { verify: false },
    )
    const cgroup = (id: number, parent?: Fixture): Fixture => {
      const self: Record<string, unknown> = parent ? { parent } : {}
      const fixture = { struct: 'cgroup', fields: { kn: { id }, self: self as never } }
      self['cgroup'] = fixture
      return fixture
    }
    const [top, task] = [cgroup(1), { struct: 'task_struct', fields: { pid: 3 } }]
    const inner = cgroup(2, top)
    for (const each of [top, inner, cgroup(3, inner), cgroup(4, top)]) vm.addCgroup(each)
    const walk = (flags: number) => {
      const { fault } = programs['look']!.run({ args: [task, flags] })
      expect(fault).toBeUndefined()
      return (globals['seen']!.get() as bigint[]).slice(0, globals['count']!.get() as number).map(Number)
    }
    expect(walk(2)).toEqual([1, 2, 3, 4])
    expect(walk(3)).toEqual([3, 2, 4, 1])
    expect(walk(4)).toEqual([1])
  })
})

describe('what tests answer and see', () => {
  it('kfuncs that the VM does not have', async () => {
    const { programs, vm } = await build(`
extern struct cgroup *bpf_task_get_cgroup1(struct task_struct *task, int hierarchy) __ksym;
extern void bpf_cgroup_release(struct cgroup *group) __ksym;
SEC("lsm.s/file_open")
int BPF_PROG(look, struct file *file)
{
	struct cgroup *group = bpf_task_get_cgroup1(bpf_get_current_task_btf(), 7);
	int level;

	if (!group)
		return -1;
	level = group->level;
	bpf_cgroup_release(group);
	return level == 5 ? -5 : 0;
}`)
    vm.setCurrentTask({ struct: 'task_struct', fields: { pid: 3 } })
    expect(() => programs['look']!.run({ args: [0] })).toThrow('kfunc bpf_task_get_cgroup1 (a test can answer it: vm.setKfunc)')
    const group = { struct: 'cgroup', fields: { level: 5 } }
    vm.setKfunc('bpf_task_get_cgroup1', ({ args: [, hierarchy] }) => (hierarchy === 7n ? group : 0))
    expect(programs['look']!.run({ args: [0] }).retval).toBe(-5)
    vm.setKfunc('bpf_task_get_cgroup1', undefined)
    expect(() => programs['look']!.run({ args: [0] })).toThrow('kfunc bpf_task_get_cgroup1')
  })

  it('read and write what arguments point to', async () => {
    const { programs, vm } = await build(
      `
extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, u64 *timestamp) __ksym;
SEC("xdp") int look(struct xdp_md *ctx)
{
	u64 time = 3;

	bpf_xdp_metadata_rx_timestamp(ctx, &time);
	return time;
}`,
      { verify: false },
    )
    vm.setKfunc('bpf_xdp_metadata_rx_timestamp', ({ args: [, at], read, write }) =>
      write(
        at!,
        read(at!, 1).map(byte => byte + 4),
      ),
    )
    expect(programs['look']!.run(input).retval).toBe(7)
    vm.setKfunc('bpf_xdp_metadata_rx_timestamp', ({ read }) => void read(0n, 4))
    expect(programs['look']!.run(input).fault?.message).toBe('read of 4 bytes at 0x0: a null pointer')
  })

  it('signals, streams and what a hook answers', async () => {
    const { programs } = await build(
      `
SEC("fentry/vfs_read") int BPF_PROG(signal) { return bpf_send_signal(9) + bpf_send_signal(99); }
SEC("cgroup/setsockopt") int refuse(struct bpf_sockopt *ctx) { bpf_set_retval(-61); return 0; }
`,
      { verify: false },
    )
    expect(programs['signal']!.run({ args: [0, 0, 0, 0] })).toMatchObject({ signals: [9], retval: -22 })
    expect(programs['refuse']!.run({ sockopt: { level: 1, name: 2 } }).sockopt?.retval).toBe(-61)
  })
})

describe('the current task', () => {
  it('has a task_struct without a fixture, with what the environment says', async () => {
    const { programs, globals, vm } = await build(
      `
u32 pid, parent;
char comm[16];
SEC("raw_tp/sys_enter") int look(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	pid = BPF_CORE_READ(task, group_leader, tgid);
	parent = BPF_CORE_READ(task, real_parent, pid);
	BPF_CORE_READ_STR_INTO(&comm, task, comm);
	return 0;
}`,
      { task: { tgid: 7, comm: 'nginx' } },
    )
    programs['look']!.run({ args: [0, 0] })
    expect([globals['pid']!.get(), globals['parent']!.get(), globals['comm']!.get()]).toEqual([7, 1, 'nginx'])
    vm.env.task.comm = 'sh'
    programs['look']!.run({ args: [0, 0] })
    expect(globals['comm']!.get()).toBe('sh')
  })
})

describe('records of tracepoints', () => {
  it('have the texts that their fields say, behind them', async () => {
    const { programs, globals } = await build(`
char file[32];
u32 length;
SEC("tp/sched/sched_process_exec") int look(struct trace_event_raw_sched_process_exec *ctx)
{
	u32 where = ctx->__data_loc_filename;

	length = where >> 16;
	return bpf_probe_read_kernel_str(file, sizeof(file), (void *)ctx + (where & 0xffff));
}`)
    const event = { struct: 'trace_event_raw_sched_process_exec', fields: { pid: 9, __data_loc_filename: '/bin/id' } }
    expect(programs['look']!.run({ event }).retval).toBe(8)
    expect([globals['file']!.get(), globals['length']!.get()]).toEqual(['/bin/id', 8])
  })
})

describe('congestion control', () => {
  it('falls back on Reno', async () => {
    const { vm } = await build(`
extern void tcp_reno_cong_avoid(struct sock *sk, u32 ack, u32 acked) __ksym;
extern u32 tcp_reno_ssthresh(struct sock *sk) __ksym;
extern u32 tcp_reno_undo_cwnd(struct sock *sk) __ksym;
SEC("struct_ops") void BPF_PROG(avoid, struct sock *sk, u32 ack, u32 acked) { tcp_reno_cong_avoid(sk, ack, acked); }
SEC("struct_ops") u32 BPF_PROG(ssthresh, struct sock *sk) { return tcp_reno_ssthresh(sk); }
SEC("struct_ops") u32 BPF_PROG(undo, struct sock *sk) { return tcp_reno_undo_cwnd(sk); }
SEC(".struct_ops") struct tcp_congestion_ops reno = {
	.cong_avoid = (void *)avoid, .ssthresh = (void *)ssthresh, .undo_cwnd = (void *)undo, .name = "own_reno",
};`)
    const control = vm.structOps('reno')
    const tcp = (fields: Record<string, number>): Fixture => ({
      struct: 'tcp_sock',
      fields: { snd_cwnd_clamp: 1000, is_cwnd_limited: 1, ...fields },
    })
    const cwnd = (sock: Fixture, acked: number) => {
      expect(control.call('cong_avoid', [sock, 0, acked]).fault).toBeUndefined()
      return vm.objects.word(vm.objects.build(sock), 'tcp_sock', 'snd_cwnd')
    }
    expect(cwnd(tcp({ snd_cwnd: 10, snd_ssthresh: 100 }), 5)).toBe(15)
    expect(cwnd(tcp({ snd_cwnd: 10, snd_ssthresh: 12 }), 12)).toBe(12)
    expect(cwnd(tcp({ snd_cwnd: 10, snd_ssthresh: 10, snd_cwnd_cnt: 4 }), 6)).toBe(11)
    expect(cwnd(tcp({ snd_cwnd: 10, snd_ssthresh: 10, is_cwnd_limited: 0 }), 20)).toBe(10)
    expect(control.call('ssthresh', [tcp({ snd_cwnd: 9 })]).retval).toBe(4)
    expect(control.call('undo_cwnd', [tcp({ snd_cwnd: 9, prior_cwnd: 30 })]).retval).toBe(30)
  })
})
