#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("kprobe/do_unlinkat")
int copy(struct pt_regs *ctx)
{
    __u64 value = 0;
    bpf_probe_read_kernel(&value, sizeof(value), (void *)ctx->si);
    return value > 4;
}

char _license[] SEC("license") = "Proprietary";
