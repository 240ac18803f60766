#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

static __noinline int inner(int x)
{
    static volatile char buffer[300];
    buffer[7] = x;
    return buffer[7];
}

SEC("xdp")
int outer(struct xdp_md *ctx)
{
    volatile char buffer[300] = {};
    buffer[5] = ctx->rx_queue_index;
    return inner(buffer[5]) > 9 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
