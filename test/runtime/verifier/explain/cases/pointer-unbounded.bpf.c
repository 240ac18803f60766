#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64[1024]);
} counts SEC(".maps");

SEC("tc")
int far(struct __sk_buff *skb)
{
    __u32 zero = 0;
    unsigned char *bytes = bpf_map_lookup_elem(&counts, &zero);
    if (!bytes)
        return 0;
    long index = bpf_ktime_get_ns();
    bytes[index]++;
    return 0;
}

char _license[] SEC("license") = "GPL";
