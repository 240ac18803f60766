#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct slot {
    struct bpf_spin_lock lock;
    __u64 hits;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct slot);
} slots SEC(".maps");

SEC("tc")
int hit(struct __sk_buff *skb)
{
    __u32 zero = 0;
    struct slot *value = bpf_map_lookup_elem(&slots, &zero);
    if (!value)
        return 0;
    __u64 now = bpf_ktime_get_ns();
    bpf_spin_lock(&value->lock);
    value->hits = now;
    bpf_spin_unlock(&value->lock);
    return 0;
}

char _license[] SEC("license") = "GPL";
