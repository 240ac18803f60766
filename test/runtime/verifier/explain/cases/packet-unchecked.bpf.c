#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int ttl(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    return data[22] > 1 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
