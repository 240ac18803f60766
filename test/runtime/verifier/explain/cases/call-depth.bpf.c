#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

#define LEVEL(n, next) static __noinline int f##n(int x) { asm volatile("" : "+r"(x)); return next(x) + 1; }
static __noinline int f8(int x) { asm volatile("" : "+r"(x)); return x; }
LEVEL(7, f8) LEVEL(6, f7) LEVEL(5, f6) LEVEL(4, f5) LEVEL(3, f4) LEVEL(2, f3) LEVEL(1, f2)

SEC("xdp")
int deep(struct xdp_md *ctx)
{
    return f1(ctx->rx_queue_index) > 9 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
