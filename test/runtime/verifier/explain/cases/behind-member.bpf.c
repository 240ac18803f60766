#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tp_btf/task_newtask")
int name(__u64 *ctx)
{
    struct task_struct *task = (void *)ctx[0];
    char *comm = (void *)task;
    return *(__u64 *)(comm + sizeof(struct task_struct));
}

char _license[] SEC("license") = "GPL";
