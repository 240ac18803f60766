#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

const volatile int limit = 4;

SEC("xdp")
int count(struct xdp_md *ctx)
{
    *(volatile int *)&limit = 8;
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
