#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int who(struct xdp_md *ctx)
{
    return bpf_get_socket_uid((void *)ctx) == 0 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
