// kernels: 6.12, 6.18
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64[8]);
} counts SEC(".maps");

static __attribute__((noinline)) int add(__u64 *values, __u32 index)
{
    values[index]++;
    return 0;
}

SEC("tc")
int rounds(struct __sk_buff *skb)
{
    __u32 zero = 0;
    __u64 *values = bpf_map_lookup_elem(&counts, &zero);
    if (!values)
        return 0;
    for (__u32 i = 0; i < 10; i++)
        add(values, i);
    return 0;
}

char _license[] SEC("license") = "GPL";
