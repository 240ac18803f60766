// SPDX-License-Identifier: Apache-2.0
// one comparison of len - 1 takes the place of two of len; the helper is given len, which nothing was learned of
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
	__s64 len = v->total;
	char buf[64];
	if (len > 0 && len <= 64)
		return bpf_probe_read_kernel(buf, len, (void *)8) ? 1 : 2;
	return 0;
}
