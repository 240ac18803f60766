#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup_skb/egress")
int allow(struct __sk_buff *skb)
{
    return skb->len;
}

char _license[] SEC("license") = "GPL";
