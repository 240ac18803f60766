#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} counts SEC(".maps");

SEC("tc")
int far(struct __sk_buff *skb)
{
    __u32 zero = 0;
    char *value = bpf_map_lookup_elem(&counts, &zero);
    if (!value)
        return 0;
    value += 1;
    return *value;
}

char _license[] SEC("license") = "GPL";
