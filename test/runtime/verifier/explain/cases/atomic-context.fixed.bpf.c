#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

__u32 marks;

SEC("tc")
int count(struct __sk_buff *skb)
{
    __sync_fetch_and_add(&marks, 1);
    return 0;
}

char _license[] SEC("license") = "GPL";
