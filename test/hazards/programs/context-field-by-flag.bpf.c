// SPDX-License-Identifier: Apache-2.0
// two loads of the context sink below the choice of an address: ctx + a number that differs by path
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct value { __u32 a, b; __u64 total; char name[64]; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, struct value); } values SEC(".maps");
char LICENSE[] SEC("license") = "GPL";

SEC("tc") int prog(struct __sk_buff *ctx)
{
	__u32 key = 0, x;
	struct value *v = bpf_map_lookup_elem(&values, &key);
	if (!v) return 0;
	if (v->a > 5) { v->b = 1; x = ctx->mark; } else { v->b = 2; x = ctx->priority; }
	return x & 1;
}
