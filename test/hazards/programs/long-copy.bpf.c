// SPDX-License-Identifier: Apache-2.0
// a copy longer than what is written out becomes a call of memcpy
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct large { char bytes[2048]; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, struct large); } larges SEC(".maps");
SEC("kprobe/x") int prog(void *ctx)
{
	__u32 zero = 0, one = 1;
	struct large *a = bpf_map_lookup_elem(&larges, &zero), *b = bpf_map_lookup_elem(&larges, &one);
	if (!a || !b) return 0;
	*a = *b;
	return 0;
}
