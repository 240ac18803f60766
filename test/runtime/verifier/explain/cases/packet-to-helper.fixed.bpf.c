#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, __u32);
} names SEC(".maps");

SEC("xdp")
int log_it(struct xdp_md *ctx)
{
    char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (data + 8 > end)
        return XDP_PASS;
    long number = 0;
    char copy[8];
    __builtin_memcpy(copy, data, 8);
    bpf_strtol(copy, 8, 10, &number);
    return number ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
