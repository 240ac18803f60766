#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64[1024]);
} counts SEC(".maps");

SEC("xdp")
int count_ports(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (data + 40 > end)
        return XDP_PASS;
    __u16 port = *(__u16 *)(data + 36);
    if (!port)
        return XDP_PASS;
    __u32 zero = 0;
    __u64 *values = bpf_map_lookup_elem(&counts, &zero);
    if (!values)
        return XDP_PASS;
    if (port >= 1024) return XDP_PASS;
    values[port]++;
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
