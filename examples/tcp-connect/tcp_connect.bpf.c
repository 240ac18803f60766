// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* Who connects to whom: an event for every outgoing TCP connection attempt, with what the kernel answered. */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define AF_INET 2
#define AF_INET6 10
#define COMM_LEN 16

struct event {
	__u64 time_ns;
	__u32 pid;
	__u32 uid;
	__s32 result; /* of tcp_v4_connect: 0, or a negative error */
	__u16 family;
	__u16 dport; /* network order */
	__u8 saddr[16];
	__u8 daddr[16];
	char comm[COMM_LEN];
};
/* Keeps the type in the object's BTF, for readers of the events. */
const struct event *kept_event __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct sock *);
} connecting SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* Only this process, if not 0. */
const volatile __u32 target_pid = 0;

static __always_inline int enter(struct sock *sk)
{
	__u64 id = bpf_get_current_pid_tgid();

	if (target_pid && id >> 32 != target_pid)
		return 0;
	bpf_map_update_elem(&connecting, &id, &sk, BPF_ANY);
	return 0;
}

static __always_inline int leave(int result, __u16 family)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct sock **found = bpf_map_lookup_elem(&connecting, &id);
	struct sock *sk;
	struct event *event;

	if (!found)
		return 0;
	sk = *found;
	bpf_map_delete_elem(&connecting, &id);

	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->time_ns = bpf_ktime_get_ns();
	event->pid = id >> 32;
	event->uid = (__u32)bpf_get_current_uid_gid();
	event->result = result;
	event->family = family;
	event->dport = BPF_CORE_READ(sk, __sk_common.skc_dport);
	__builtin_memset(event->saddr, 0, sizeof(event->saddr));
	__builtin_memset(event->daddr, 0, sizeof(event->daddr));
	if (family == AF_INET) {
		BPF_CORE_READ_INTO((__u32 *)event->saddr, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((__u32 *)event->daddr, sk, __sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO(&event->saddr, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&event->daddr, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	}
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("kprobe/tcp_v4_connect")
int BPF_KPROBE(tcp_v4_connect_enter, struct sock *sk)
{
	return enter(sk);
}

SEC("kretprobe/tcp_v4_connect")
int BPF_KRETPROBE(tcp_v4_connect_leave, int result)
{
	return leave(result, AF_INET);
}

SEC("kprobe/tcp_v6_connect")
int BPF_KPROBE(tcp_v6_connect_enter, struct sock *sk)
{
	return enter(sk);
}

SEC("kretprobe/tcp_v6_connect")
int BPF_KRETPROBE(tcp_v6_connect_leave, int result)
{
	return leave(result, AF_INET6);
}

char LICENSE[] SEC("license") = "GPL";
