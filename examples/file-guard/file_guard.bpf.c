// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* Keeps guarded files from being opened for writing, but by processes of an allowed cgroup: an LSM program, with an event for each refusal. */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EPERM 1
#define FMODE_WRITE 2
#define COMM_LEN 16

struct file_id {
	__u64 inode;
	__u32 device;
	__u32 pad;
};

struct refusal {
	__u64 time_ns;
	__u64 inode;
	__u64 cgroup;
	__u32 device;
	__u32 pid;
	__u32 uid;
	char comm[COMM_LEN];
	__u32 pad;
};
const struct refusal *kept_refusal __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct file_id);
	__type(value, __u64); /* the cgroup that may write; 0 for none */
} guarded SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} refusals SEC(".maps");

SEC("lsm/file_open")
int BPF_PROG(file_guard, struct file *file)
{
	struct file_id id = {};
	struct refusal refusal = {};
	__u64 cgroup = bpf_get_current_cgroup_id();
	__u64 *allowed;

	if (!(file->f_mode & FMODE_WRITE))
		return 0;
	id.inode = file->f_inode->i_ino;
	id.device = file->f_inode->i_sb->s_dev;
	allowed = bpf_map_lookup_elem(&guarded, &id);
	if (!allowed || (*allowed && *allowed == cgroup))
		return 0;
	refusal.time_ns = bpf_ktime_get_ns();
	refusal.inode = id.inode;
	refusal.device = id.device;
	refusal.cgroup = cgroup;
	refusal.pid = bpf_get_current_pid_tgid() >> 32;
	refusal.uid = (__u32)bpf_get_current_uid_gid();
	bpf_get_current_comm(refusal.comm, sizeof(refusal.comm));
	bpf_ringbuf_output(&refusals, &refusal, sizeof(refusal), 0);
	return -EPERM;
}

char LICENSE[] SEC("license") = "GPL";
