#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64[1024]);
} counts SEC(".maps");

SEC("tc")
int by_priority(struct __sk_buff *skb)
{
    int priority = skb->priority;
    __u32 zero = 0;
    __u64 *values = bpf_map_lookup_elem(&counts, &zero);
    if (!values)
        return 0;
    if (priority > 100)
        return 0;
    if (priority < 0 || priority >= 1024) return 0;
    values[priority]++;
    return 0;
}

char _license[] SEC("license") = "GPL";
