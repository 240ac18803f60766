#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int tail(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (data + 18 > end)
        return XDP_PASS;
    return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
