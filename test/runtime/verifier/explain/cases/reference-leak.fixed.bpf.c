#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} events SEC(".maps");

SEC("xdp")
int report(struct xdp_md *ctx)
{
    __u64 *record = bpf_ringbuf_reserve(&events, 8, 0);
    if (!record)
        return XDP_PASS;
    __u32 queue = ctx->rx_queue_index;
    if (queue > 3) {
        bpf_ringbuf_discard(record, 0);
        return XDP_DROP;
    }
    *record = queue;
    bpf_ringbuf_submit(record, 0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
