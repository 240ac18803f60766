// kernels: 6.12, 6.18
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern int bpf_dynptr_from_xdp(struct xdp_md *xdp, __u64 flags, struct bpf_dynptr *ptr) __ksym;

SEC("tc")
int first(struct __sk_buff *skb)
{
    struct bpf_dynptr packet;
    __u32 word = 0;
    bpf_dynptr_from_xdp((void *)skb, 0, &packet);
    bpf_dynptr_read(&word, sizeof(word), &packet, 0, 0);
    return word;
}

char _license[] SEC("license") = "GPL";
