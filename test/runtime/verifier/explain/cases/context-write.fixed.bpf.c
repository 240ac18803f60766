#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int shift(struct xdp_md *ctx)
{
    bpf_xdp_adjust_head(ctx, 14);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
