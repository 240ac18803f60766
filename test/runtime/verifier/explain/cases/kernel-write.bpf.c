#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tp_btf/task_newtask")
int rename(__u64 *ctx)
{
    struct task_struct *task = (void *)ctx[0];
    task->pid = 1;
    return 0;
}

char _license[] SEC("license") = "GPL";
