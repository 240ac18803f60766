#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int first_byte(struct __sk_buff *skb)
{
    void *end = (void *)(long)skb->data_end;
    unsigned char *byte = (void *)(long)skb->data;
    if (byte + 1 > end)
        return 0;
    if (bpf_skb_pull_data(skb, 64))
        return 0;
    return *byte;
}

char _license[] SEC("license") = "GPL";
