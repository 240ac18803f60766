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

SEC("kprobe/do_nanosleep")
int hit(void *ctx)
{
    __u32 zero = 0;
    struct slot *value = bpf_map_lookup_elem(&slots, &zero);
    if (!value)
        return 0;
    bpf_spin_lock(&value->lock);
    value->hits++;
    bpf_spin_unlock(&value->lock);
    return 0;
}

char _license[] SEC("license") = "GPL";
