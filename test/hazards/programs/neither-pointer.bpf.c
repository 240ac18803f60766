// SPDX-License-Identifier: Apache-2.0
// the same from a condition with &&
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct value { __u32 a, b; __u64 total; char name[64]; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, struct value); } values SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, struct value); } table SEC(".maps");
char LICENSE[] SEC("license") = "GPL";

SEC("tc") int prog(struct __sk_buff *ctx)
{
	__u32 key = 0, other = 1;
	struct value *a = bpf_map_lookup_elem(&table, &key);
	struct value *b = bpf_map_lookup_elem(&table, &other);
	if (!a && !b)
		return 7;
	return a ? a->a : b->b;
}
