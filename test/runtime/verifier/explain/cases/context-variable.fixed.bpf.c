#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int pick(struct __sk_buff *skb)
{
    __u32 which = skb->priority & 3;
    switch (which) {
    case 0: return skb->cb[0];
    case 1: return skb->cb[1];
    case 2: return skb->cb[2];
    }
    return skb->cb[3];
}

char _license[] SEC("license") = "GPL";
