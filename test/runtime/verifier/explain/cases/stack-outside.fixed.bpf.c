#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int copy(struct __sk_buff *skb)
{
    char name[16] = {};
    bpf_skb_load_bytes(skb, 0, name, sizeof(name));
    return name[0];
}

char _license[] SEC("license") = "GPL";
