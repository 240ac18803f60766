// kernels: 6.18
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;

__attribute__((noinline)) int fetch(__u64 from)
{
    int value = 0;
    bpf_copy_from_user(&value, sizeof(value), (void *)from);
    return value;
}

SEC("syscall")
int peek(void *ctx)
{
    int value = fetch(4096);
    bpf_preempt_disable();
    bpf_preempt_enable();
    return value;
}

char _license[] SEC("license") = "GPL";
