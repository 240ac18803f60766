#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} counts SEC(".maps");

__attribute__((noinline)) int add(__u64 *value)
{
    if (!value)
        return 0;
    *value += 1;
    return 1;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
    __u64 small = skb->len;
    return add((__u64 *)&small);
}

char _license[] SEC("license") = "GPL";
