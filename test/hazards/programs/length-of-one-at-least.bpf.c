// SPDX-License-Identifier: Apache-2.0
// the two limits of a length meet in an instruction that 6.1 learns nothing from
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct value { __u32 a, b; __u64 total; char name[64]; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, struct value); } values SEC(".maps");
char LICENSE[] SEC("license") = "GPL";

SEC("tc") int prog(struct __sk_buff *ctx)
{
	__u32 key = 0;
	struct value *v = bpf_map_lookup_elem(&values, &key);
	if (!v) return 0;
	__u32 len = ctx->len;
	if (len > 64) len = 64;
	if (len < 1) return 0;
	return bpf_skb_load_bytes(ctx, 0, v->name, len);
}
