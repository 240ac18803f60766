// SPDX-License-Identifier: Apache-2.0
// a subprogram returns a struct of more than 16 bytes
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct quad { __u64 a, b, c; };
static __attribute__((noinline)) struct quad make(__u64 x) { struct quad q = { x, x + 1, x + 2 }; return q; }
SEC("kprobe/x") int prog(void *ctx)
{
	struct quad q = make(bpf_get_current_pid_tgid());
	return q.a + q.c;
}
