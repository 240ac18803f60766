#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int down(struct xdp_md *ctx)
{
    asm volatile("r1 = r10\n r1 += -8" ::: "r1");
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
