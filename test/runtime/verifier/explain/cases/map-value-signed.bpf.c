#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u8[1024]);
} counts SEC(".maps");

SEC("tc")
int by_delta(struct __sk_buff *skb)
{
    long delta = (long)(skb->len & 0xff) - 10;
    __u32 zero = 0;
    __u8 *values = bpf_map_lookup_elem(&counts, &zero);
    if (!values)
        return 0;
    values[delta]++;
    return 0;
}

char _license[] SEC("license") = "GPL";
