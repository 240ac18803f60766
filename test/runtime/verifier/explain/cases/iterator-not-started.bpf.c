// kernels: 6.12, 6.18
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;

SEC("tc")
int count(struct __sk_buff *skb)
{
    struct bpf_iter_num it;
    int sum = 0, *next;
    while ((next = bpf_iter_num_next(&it)))
        sum += *next;
    bpf_iter_num_destroy(&it);
    return sum;
}

char _license[] SEC("license") = "GPL";
