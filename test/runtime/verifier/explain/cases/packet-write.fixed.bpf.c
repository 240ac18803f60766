#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int mark(struct __sk_buff *skb)
{
    unsigned char *data = (void *)(long)skb->data;
    if (data + 2 > (void *)(long)skb->data_end)
        return 1;
    data[1] = 0;
    return 1;
}

char _license[] SEC("license") = "GPL";
