#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int mix(struct __sk_buff *skb)
{
    __u64 mark = (long)skb;
    asm volatile("%0 *= 8" : "+r"(mark));
    return mark > 8;
}

char _license[] SEC("license") = "GPL";
