// kernels: 6.12, 6.18
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int copy(struct __sk_buff *skb)
{
    char buffer[64] = {};
    __u32 size = skb->mark;
    if (size > 64)
        return 0;
    bpf_skb_load_bytes(skb, 0, buffer, size);
    return buffer[0];
}

char _license[] SEC("license") = "GPL";
