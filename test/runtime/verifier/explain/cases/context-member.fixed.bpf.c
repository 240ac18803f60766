#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int mark(struct __sk_buff *skb)
{
    return skb->mark;
}

char _license[] SEC("license") = "GPL";
