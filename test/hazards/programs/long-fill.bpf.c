// SPDX-License-Identifier: Apache-2.0
// a fill longer than what is written out becomes a call of memset
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct large { char bytes[4096]; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, struct large); } larges SEC(".maps");
SEC("kprobe/x") int prog(void *ctx)
{
	__u32 zero = 0;
	struct large *a = bpf_map_lookup_elem(&larges, &zero);
	if (!a) return 0;
	__builtin_memset(a, 0, sizeof(*a));
	return 0;
}
