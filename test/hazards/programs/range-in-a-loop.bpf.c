// SPDX-License-Identifier: Apache-2.0
// one comparison of c - 48 in a loop, the access is by c
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct value { __u32 a, b; __u64 total; char name[64]; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, struct value); } values SEC(".maps");
char LICENSE[] SEC("license") = "GPL";

SEC("kprobe/x") int prog(void *ctx)
{
	__u32 key = 0;
	struct value *v = bpf_map_lookup_elem(&values, &key);
	if (!v) return 0;
	static __u32 seen[128];
	for (int i = 0; i < 8; i++) {
		__u8 c = v->name[i];
		if (c >= '0' && c <= 'z') seen[c]++;
	}
	return seen[65];
}
