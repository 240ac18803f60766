#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pick(struct xdp_md *ctx)
{
    int value = 0;
    asm volatile("%0 += 1" : "+r"(value));
    return value ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
