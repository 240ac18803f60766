#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int drop(struct __sk_buff *skb)
{
    struct bpf_sock *sk = skb->sk;
    if (!sk)
        return 0;
    return 0;
}

char _license[] SEC("license") = "GPL";
