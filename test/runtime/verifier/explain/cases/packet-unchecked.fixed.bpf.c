#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int ttl(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    if (data + 23 > (void *)(long)ctx->data_end) return XDP_PASS;
    return data[22] > 1 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
