// kernels: 6.18
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, __u64 offset, void *buffer, __u64 size) __ksym;

SEC("tc")
int first_byte(struct __sk_buff *skb)
{
    struct bpf_dynptr packet;
    char copy[4];
    bpf_skb_pull_data(skb, 64);
    bpf_dynptr_from_skb(skb, 0, &packet);
    char *bytes = bpf_dynptr_slice(&packet, 0, copy, sizeof(copy));
    if (!bytes)
        return 0;
    return bytes[0];
}

char _license[] SEC("license") = "GPL";
