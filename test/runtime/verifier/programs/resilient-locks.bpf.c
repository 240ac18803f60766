// Locks whose taking may fail: both outcomes are walked, several may be held, and they are given back in the order of a stack.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_res_spin_lock {
	__u32 val;
};

extern int bpf_res_spin_lock(struct bpf_res_spin_lock *) __ksym;
extern void bpf_res_spin_unlock(struct bpf_res_spin_lock *) __ksym;
extern int bpf_res_spin_lock_irqsave(struct bpf_res_spin_lock *, unsigned long *) __ksym;
extern void bpf_res_spin_unlock_irqrestore(struct bpf_res_spin_lock *, unsigned long *) __ksym;

char LICENSE[] SEC("license") = "GPL";
struct bpf_res_spin_lock first __attribute__((visibility("hidden"))) SEC(".data.first");
struct bpf_res_spin_lock second __attribute__((visibility("hidden"))) SEC(".data.second");

#define CASE(name) SEC("tc") int name(struct __sk_buff *ctx)

// 6.18 both: accepted
CASE(both)
{
	int error = bpf_res_spin_lock(&first);
	if (error)
		return error;
	if (!bpf_res_spin_lock(&second))
		bpf_res_spin_unlock(&second);
	bpf_res_spin_unlock(&first);
	return 0;
}

// 6.18 both_irq: accepted
CASE(both_irq)
{
	unsigned long a, b;
	if (bpf_res_spin_lock_irqsave(&first, &a))
		return 0;
	if (!bpf_res_spin_lock_irqsave(&second, &b))
		bpf_res_spin_unlock_irqrestore(&second, &b);
	bpf_res_spin_unlock_irqrestore(&first, &a);
	return 0;
}

// 6.18 unchecked: rejected bpf_res_spin_unlock without taking a lock
CASE(unchecked)
{
	bpf_res_spin_lock(&first);
	bpf_res_spin_unlock(&first);
	return 0;
}

// 6.18 kept: rejected BPF_EXIT instruction in main prog cannot be used inside bpf_spin_lock-ed region
CASE(kept)
{
	bpf_res_spin_lock(&first);
	return 0;
}

// 6.18 same: rejected Acquiring the same lock again, AA deadlock detected
CASE(same)
{
	if (!bpf_res_spin_lock(&first))
		bpf_res_spin_lock(&first);
	return 0;
}

// 6.18 crossed: rejected bpf_res_spin_unlock cannot be out of order
CASE(crossed)
{
	if (bpf_res_spin_lock(&first))
		return 0;
	if (!bpf_res_spin_lock(&second))
		bpf_res_spin_unlock(&first);
	return 0;
}

// 6.18 other: rejected bpf_res_spin_unlock of different lock
CASE(other)
{
	if (!bpf_res_spin_lock(&first))
		bpf_res_spin_unlock(&second);
	return 0;
}

// 6.18 irq_kept: rejected bpf_res_spin_unlock of different lock
CASE(irq_kept)
{
	unsigned long flags;
	if (!bpf_res_spin_lock_irqsave(&first, &flags))
		bpf_res_spin_unlock(&first);
	return 0;
}

// 6.18 flags_crossed: rejected cannot restore irq state out of order, expected id=2 acquired at insn_idx=10
CASE(flags_crossed)
{
	unsigned long a, b;
	if (bpf_res_spin_lock_irqsave(&first, &a))
		return 0;
	if (!bpf_res_spin_lock_irqsave(&second, &b))
		bpf_res_spin_unlock_irqrestore(&second, &a);
	return 0;
}

// 6.18 in_kprobe: rejected tracing progs cannot use bpf_spin_lock yet
SEC("kprobe") int in_kprobe(void *ctx)
{
	if (!bpf_res_spin_lock(&first))
		bpf_res_spin_unlock(&first);
	return 0;
}
