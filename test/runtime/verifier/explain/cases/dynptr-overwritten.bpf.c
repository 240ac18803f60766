#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} events SEC(".maps");

SEC("tc")
int twice(struct __sk_buff *skb)
{
    struct bpf_dynptr ptr;
    bpf_ringbuf_reserve_dynptr(&events, 8, 0, &ptr);
    *(__u64 *)&ptr = 0;
    bpf_ringbuf_discard_dynptr(&ptr, 0);
    return 0;
}

char _license[] SEC("license") = "GPL";
