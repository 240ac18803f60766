#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int rate(struct __sk_buff *skb)
{
    __u32 len = skb->len;
    asm volatile("%[len] /= 8" : [len] "+r"(len));
    return len;
}

char _license[] SEC("license") = "GPL";
