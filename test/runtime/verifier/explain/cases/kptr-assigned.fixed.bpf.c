// kernels: 6.12, 6.18
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

struct slot {
    struct task_struct __kptr *task;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct slot);
} slots SEC(".maps");

extern void bpf_task_release(struct task_struct *p) __ksym;

SEC("tp_btf/task_newtask")
int forget(void *ctx)
{
    __u32 zero = 0;
    struct slot *value = bpf_map_lookup_elem(&slots, &zero);
    if (!value)
        return 0;
    struct task_struct *old = bpf_kptr_xchg(&value->task, 0);
    if (old)
        bpf_task_release(old);
    return 0;
}

char _license[] SEC("license") = "GPL";
