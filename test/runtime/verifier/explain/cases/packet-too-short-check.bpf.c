#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int ttl(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (data + 14 > end)
        return XDP_PASS;
    return data[22] > 1 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
