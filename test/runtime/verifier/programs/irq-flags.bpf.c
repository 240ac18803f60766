// Saved interrupt state: on the stack only, restored in the order of a stack, by kfuncs of the kind that saved it.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void bpf_local_irq_save(unsigned long *) __ksym;
extern void bpf_local_irq_restore(unsigned long *) __ksym;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;

char LICENSE[] SEC("license") = "GPL";
unsigned long outside;

#define CASE(name) SEC("tc") int name(struct __sk_buff *ctx)

// 6.18 nested: accepted
CASE(nested)
{
	unsigned long first, second;
	bpf_local_irq_save(&first);
	bpf_local_irq_save(&second);
	bpf_local_irq_restore(&second);
	bpf_local_irq_restore(&first);
	return 0;
}

// 6.18 in_loop: accepted
CASE(in_loop)
{
	unsigned long flags;
	struct bpf_iter_num it;
	bpf_iter_num_new(&it, 0, 100);
	while (bpf_iter_num_next(&it)) {
		bpf_local_irq_save(&flags);
		outside++;
		bpf_local_irq_restore(&flags);
	}
	bpf_iter_num_destroy(&it);
	return 0;
}

// 6.12 not_on_stack: rejected Linux 6.12 has no kernel function bpf_local_irq_save: it came later
// 6.18 not_on_stack: rejected arg#0 doesn't point to an irq flag on stack
CASE(not_on_stack)
{
	bpf_local_irq_save(&outside);
	return 0;
}

// 6.18 kept: rejected BPF_EXIT instruction in main prog cannot be used inside bpf_local_irq_save-ed region
CASE(kept)
{
	unsigned long flags;
	bpf_local_irq_save(&flags);
	return 0;
}

// 6.18 crossed: rejected cannot restore irq state out of order, expected id=2 acquired at insn_idx=5
CASE(crossed)
{
	unsigned long first, second;
	bpf_local_irq_save(&first);
	bpf_local_irq_save(&second);
	bpf_local_irq_restore(&first);
	bpf_local_irq_restore(&second);
	return 0;
}

// 6.18 twice: rejected expected uninitialized irq flag as arg#0
CASE(twice)
{
	unsigned long flags;
	bpf_local_irq_save(&flags);
	bpf_local_irq_save(&flags);
	return 0;
}

// 6.18 overwritten: rejected expected an initialized irq flag as arg#0
CASE(overwritten)
{
	unsigned long flags;
	bpf_local_irq_save(&flags);
	*((volatile char *)&flags + 1) = 1;
	bpf_local_irq_restore(&flags);
	return 0;
}

// 6.18 an_iterator: rejected expected an initialized irq flag as arg#0
CASE(an_iterator)
{
	struct bpf_iter_num it;
	bpf_iter_num_new(&it, 0, 42);
	bpf_local_irq_restore((unsigned long *)&it);
	return 0;
}
