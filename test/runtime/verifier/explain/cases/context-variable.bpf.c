#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int pick(struct __sk_buff *skb)
{
    __u32 which = skb->priority & 3;
    return skb->cb[which];
}

char _license[] SEC("license") = "GPL";
