// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* How long system calls take: a histogram for each process and system call, in powers of two of a microsecond. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define SLOTS 24 /* slot n counts calls of 2^n microseconds and more; the last one all that took longer */
#define COMM_LEN 16

struct call_start {
	__u64 time_ns;
	__u64 number;
};

struct call_key {
	__u32 pid;
	__u32 syscall;
};

struct call_histogram {
	char comm[COMM_LEN];
	__u64 calls;
	__u64 errors;
	__u64 total_ns;
	__u32 slots[SLOTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32); /* thread */
	__type(value, struct call_start);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct call_key);
	__type(value, struct call_histogram);
} histograms SEC(".maps");

/* Only this process, if not 0. */
const volatile __u32 target_pid = 0;

static const struct call_histogram empty;

static __always_inline __u32 log2_of(__u64 value)
{
	__u32 result = 0;

	if (value >> 32) {
		value >>= 32;
		result += 32;
	}
	if (value >> 16) {
		value >>= 16;
		result += 16;
	}
	if (value >> 8) {
		value >>= 8;
		result += 8;
	}
	if (value >> 4) {
		value >>= 4;
		result += 4;
	}
	if (value >> 2) {
		value >>= 2;
		result += 2;
	}
	return result + (value > 1);
}

SEC("tracepoint/raw_syscalls/sys_enter")
int syscall_enter(struct trace_event_raw_sys_enter *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 thread = id;
	struct call_start start = { .number = ctx->id };

	if (target_pid && id >> 32 != target_pid)
		return 0;
	start.time_ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&starts, &thread, &start, BPF_ANY);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_exit")
int syscall_exit(struct trace_event_raw_sys_exit *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 thread = id;
	struct call_start *start = bpf_map_lookup_elem(&starts, &thread);
	struct call_histogram *histogram;
	struct call_key key = {};
	__u64 took;
	__u32 slot;

	if (!start)
		return 0; /* it began before we were here */
	took = bpf_ktime_get_ns() - start->time_ns;
	key.pid = id >> 32;
	key.syscall = start->number;
	bpf_map_delete_elem(&starts, &thread);

	histogram = bpf_map_lookup_elem(&histograms, &key);
	if (!histogram) {
		bpf_map_update_elem(&histograms, &key, &empty, BPF_NOEXIST);
		histogram = bpf_map_lookup_elem(&histograms, &key);
		if (!histogram)
			return 0;
		bpf_get_current_comm(histogram->comm, sizeof(histogram->comm));
	}
	slot = log2_of(took / 1000);
	if (slot >= SLOTS)
		slot = SLOTS - 1;
	__sync_fetch_and_add(&histogram->slots[slot], 1);
	__sync_fetch_and_add(&histogram->calls, 1);
	__sync_fetch_and_add(&histogram->total_ns, took);
	if (ctx->ret < 0)
		__sync_fetch_and_add(&histogram->errors, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
