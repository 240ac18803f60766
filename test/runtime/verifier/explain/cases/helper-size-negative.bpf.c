#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, 4);
    __uint(value_size, 4);
} events SEC(".maps");

SEC("tc")
int report(struct __sk_buff *skb)
{
    char buffer[64] = {};
    long size = (int)skb->mark;
    if (size > 64)
        return 0;
    bpf_perf_event_output(skb, &events, BPF_F_CURRENT_CPU, buffer, size);
    return 0;
}

char _license[] SEC("license") = "GPL";
