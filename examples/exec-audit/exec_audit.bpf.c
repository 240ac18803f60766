// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* What ran, where: an event for every exec, with its arguments and its cgroup. `kubectl exec` shows up as an exec in the pod's cgroup. */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define COMM_LEN 16
#define FILENAME_LEN 128
#define ARGS_LEN 256

struct event {
	__u64 time_ns;
	__u64 cgroup;
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__u32 args_size; /* bytes of args; they hold NUL-separated strings */
	char comm[COMM_LEN];
	char filename[FILENAME_LEN];
	char args[ARGS_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* Events that found the ring buffer full. */
__u64 lost;

/* Keeps the type in the object's BTF, for readers of the events. */
const struct event *kept_event __attribute__((unused));

/* Only this cgroup (a pod), if not 0. */
const volatile __u64 target_cgroup = 0;

SEC("tracepoint/sched/sched_process_exec")
int exec_audit(struct trace_event_raw_sched_process_exec *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 cgroup = bpf_get_current_cgroup_id();
	unsigned long start, end;
	__u32 size, offset;
	struct event *event;

	if (target_cgroup && cgroup != target_cgroup)
		return 0;

	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	event->time_ns = bpf_ktime_get_ns();
	event->cgroup = cgroup;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->ppid = BPF_CORE_READ(task, real_parent, tgid);
	event->uid = (__u32)bpf_get_current_uid_gid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));

	/* A dynamic array of a tracepoint: the low half is its offset from the record's start. */
	offset = ctx->__data_loc_filename & 0xffff;
	bpf_probe_read_kernel_str(event->filename, sizeof(event->filename), (void *)ctx + offset);

	start = BPF_CORE_READ(task, mm, arg_start);
	end = BPF_CORE_READ(task, mm, arg_end);
	size = end - start;
	if (size > ARGS_LEN)
		size = ARGS_LEN;
	event->args_size = 0;
	if (!bpf_probe_read_user(event->args, size, (void *)start))
		event->args_size = size;

	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
