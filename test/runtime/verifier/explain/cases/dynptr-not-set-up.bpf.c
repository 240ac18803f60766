#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} words SEC(".maps");

SEC("tc")
int read(struct __sk_buff *skb)
{
    __u32 zero = 0;
    __u64 *value = bpf_map_lookup_elem(&words, &zero);
    if (!value)
        return 0;
    struct bpf_dynptr ptr;
    __u32 word = 0;
    bpf_dynptr_read(&word, sizeof(word), &ptr, 0, 0);
    return word;
}

char _license[] SEC("license") = "GPL";
