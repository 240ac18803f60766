#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("kprobe/do_nanosleep")
int peek(struct pt_regs *ctx)
{
    __u64 value = 0;
    bpf_copy_from_user(&value, sizeof(value), (void *)ctx->sp);
    return value != 0;
}

char _license[] SEC("license") = "GPL";
