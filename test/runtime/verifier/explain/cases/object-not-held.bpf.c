// kernels: 6.12, 6.18
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

SEC("tp_btf/task_newtask")
int parent(__u64 *ctx)
{
    struct task_struct *task = (void *)ctx[0];
    struct task_struct *other = bpf_task_acquire(task->last_wakee);
    if (other)
        bpf_task_release(other);
    return 0;
}

char _license[] SEC("license") = "GPL";
