#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("kprobe/do_unlinkat")
int first(struct pt_regs *ctx)
{
    long value = 0;
    long *pointer = (void *)ctx->si;
    value = *pointer;
    return value > 4;
}

char _license[] SEC("license") = "GPL";
