#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64[1024]);
} counts SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx)
{
    __u32 key = ctx->rx_queue_index;
    __u64 *values = bpf_map_lookup_elem(&counts, &key);
    if (!values) return XDP_PASS;
    values += 4;
    if (values)
        *values += 1;
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
