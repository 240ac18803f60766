// Programs may look into a device map, but only users change it.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, int);
	__type(value, int);
} devices SEC(".maps");

// 6.12 6.18 reads: accepted
SEC("xdp")
int reads(struct xdp_md *ctx)
{
	int key = 1;
	int *index = bpf_map_lookup_elem(&devices, &key);

	return index && *index > 3 ? XDP_DROP : XDP_PASS;
}

// 6.12 6.18 writes: rejected write into map forbidden, value_size=4 off=0 size=4
SEC("xdp")
int writes(struct xdp_md *ctx)
{
	int key = 1;
	int *index = bpf_map_lookup_elem(&devices, &key);

	if (index)
		*index = 2;
	return XDP_PASS;
}
