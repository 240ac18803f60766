#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tp_btf/task_newtask")
int rename(__u64 *ctx)
{
    struct task_struct *task = (void *)ctx[0];
    __s32 pid = task->pid;
    return pid == -1 ? 0 : 0;
}

char _license[] SEC("license") = "GPL";
