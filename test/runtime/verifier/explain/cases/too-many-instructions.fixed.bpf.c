// kernels: 6.18
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int rounds(struct __sk_buff *skb)
{
    __u32 sum = 0;
    for (int i = 0; i < 1000; i++) {
        sum += i;
        asm volatile("" : "+r"(sum));
    }
    return sum;
}

char _license[] SEC("license") = "GPL";
