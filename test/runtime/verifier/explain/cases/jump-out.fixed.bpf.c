#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int jump(struct __sk_buff *skb)
{
    asm volatile("goto +0");
    return 0;
}

char _license[] SEC("license") = "GPL";
