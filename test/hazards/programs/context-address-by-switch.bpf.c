// SPDX-License-Identifier: Apache-2.0
// the same in a program on socket addresses
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct value { __u32 a, b; __u64 total; char name[64]; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, struct value); } values SEC(".maps");
char LICENSE[] SEC("license") = "GPL";

SEC("cgroup/connect6") int prog(struct bpf_sock_addr *ctx)
{
	__u32 key = 0, x = 0;
	struct value *v = bpf_map_lookup_elem(&values, &key);
	if (!v) return 1;
	switch (v->a & 3) {
	case 0: x = ctx->user_ip6[0]; break;
	case 1: x = ctx->user_ip6[1]; break;
	case 2: x = ctx->user_ip6[2]; break;
	case 3: x = ctx->user_ip6[3]; break;
	}
	return x & 1;
}
