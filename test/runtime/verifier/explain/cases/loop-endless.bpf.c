#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int wait(struct xdp_md *ctx)
{
    for (;;) {
        if (bpf_get_prandom_u32() == 7)
            break;
    }
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
