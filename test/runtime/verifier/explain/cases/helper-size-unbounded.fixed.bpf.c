#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("kprobe/do_unlinkat")
int copy(struct pt_regs *ctx)
{
    char buffer[64] = {};
    __u64 size = ctx->dx;
    if (size >= sizeof(buffer)) return 0;
    bpf_probe_read_kernel(buffer, size, (void *)ctx->si);
    bpf_printk("%s", buffer);
    return 0;
}

char _license[] SEC("license") = "GPL";
