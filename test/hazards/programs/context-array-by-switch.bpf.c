// SPDX-License-Identifier: Apache-2.0
// four loads become one, from ctx + a number that is computed
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct value { __u32 a, b; __u64 total; char name[64]; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, struct value); } values SEC(".maps");
char LICENSE[] SEC("license") = "GPL";

SEC("tc") int prog(struct __sk_buff *ctx)
{
	__u32 key = 0, x = 0;
	struct value *v = bpf_map_lookup_elem(&values, &key);
	if (!v) return 0;
	switch (v->a) {
	case 0: x = ctx->cb[0]; break;
	case 1: x = ctx->cb[1]; break;
	case 2: x = ctx->cb[2]; break;
	case 3: x = ctx->cb[3]; break;
	default: return 0;
	}
	return x & 1;
}
