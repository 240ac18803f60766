/* What kernels before and after a rule say of the same program. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

/* may_goto to the next instruction: since 6.14. */
// 6.12 may_goto_next: rejected invalid may_goto off 0 imm 0
// 6.18 may_goto_next: accepted
SEC("raw_tp") int may_goto_next(void *ctx)
{
	asm volatile(".byte 0xe5, 0, 0, 0, 0, 0, 0, 0");
	return 0;
}

/* Private stacks: since 6.13, for programs that can interrupt themselves. */
static __noinline int with_stack(int at)
{
	volatile char room[480];
	room[at & 63] = at;
	return room[at & 31];
}
// 6.12 nested_stacks: rejected combined stack size of 2 calls is 960. Too large
// 6.18 nested_stacks: accepted
SEC("kprobe") int nested_stacks(struct pt_regs *ctx)
{
	volatile char room[480];
	room[ctx->ax & 63] = 1;
	return with_stack(ctx->bx) + room[0];
}
// 6.12 6.18 nested_stacks_xdp: rejected combined stack size of 2 calls is 960. Too large
SEC("xdp") int nested_stacks_xdp(struct xdp_md *ctx)
{
	volatile char room[480];
	room[ctx->rx_queue_index & 63] = 1;
	return with_stack(ctx->ingress_ifindex) + room[0];
}

/* Numbers may be iterated over with a lock held: since 6.15. */
struct guarded {
	struct bpf_spin_lock lock;
	int sum;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct guarded);
} guarded SEC(".maps");
// 6.12 numbers_under_lock: rejected function calls are not allowed while holding a lock
// 6.18 numbers_under_lock: accepted
SEC("tc") int numbers_under_lock(struct __sk_buff *skb)
{
	int zero = 0, i;
	struct guarded *value = bpf_map_lookup_elem(&guarded, &zero);
	if (!value)
		return 0;
	bpf_spin_lock(&value->lock);
	bpf_for(i, 0, 10) value->sum += i;
	bpf_spin_unlock(&value->lock);
	return 0;
}

/* Until 6.14 what a callee lets go stays with its caller's frame: the two ways to `done` are not taken for the same. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");
struct holder {
	long *event;
};
static __noinline void done(struct holder *holder)
{
	if (holder->event)
		bpf_ringbuf_submit(holder->event, 0);
}
// 6.12 released_by_callee: accepted, 28 processed
// 6.18 released_by_callee: accepted, 26 processed
SEC("tc") int released_by_callee(struct __sk_buff *skb)
{
	struct holder holder = {};
	if (skb->mark)
		holder.event = bpf_ringbuf_reserve(&events, 8, 0);
	done(&holder);
	return 0;
}

/* Until 6.14 a callback may end without what its caller holds being asked for. */
static int nothing(__u32 i, void *data)
{
	return 0;
}
// 6.12 held_over_callback: accepted
// 6.18 held_over_callback: accepted
SEC("tc") int held_over_callback(struct __sk_buff *skb)
{
	long *event = bpf_ringbuf_reserve(&events, 8, 0);
	if (!event)
		return 0;
	bpf_loop(4, nothing, 0, 0);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* Rounds of a loop are compared with registers that nothing reads any more: until 6.15. */
long numbers[1000];
int start;
// 6.12 dead_in_rounds: accepted, 32 processed
// 6.18 dead_in_rounds: accepted, 21 processed
SEC("socket") int dead_in_rounds(const void *ctx)
{
	__u64 i;
	for (i = start; i < 1000; i++) {
		asm volatile goto("may_goto %l[out]" :::: out);
		asm volatile("" : "+r"(i));
		numbers[i] = i;
	}
out:
	return 0;
}

/* A store-release is refused for what it writes to before it is for being atomic: 6.18. */
// 6.18 release_to_socket: rejected R2 cannot write into sock_common
SEC("tc") int release_to_socket(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	if (sk)
		asm volatile("r0 = 0; r2 = %0; .byte 0xd3, 0x02, 0, 0, 0x10, 0x01, 0, 0" : : "r"(sk) : "r0", "r2", "memory");
	return 0;
}

/* Helper 0 has a name too. */
// 6.12 6.18 no_helper: rejected program of this type cannot use helper bpf_unspec#0
SEC("socket") int no_helper(void *ctx)
{
	asm volatile("call 0" : : : "r0", "r1", "r2", "r3", "r4", "r5");
	return 0;
}

char _license[] SEC("license") = "GPL";
