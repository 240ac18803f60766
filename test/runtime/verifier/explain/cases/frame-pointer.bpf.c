#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int down(struct xdp_md *ctx)
{
    asm volatile("r10 += -8");
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
