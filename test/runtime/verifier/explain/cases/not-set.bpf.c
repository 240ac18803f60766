#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pick(struct xdp_md *ctx)
{
    int value;
    asm volatile("%0 = r7" : "=r"(value));
    return value ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
