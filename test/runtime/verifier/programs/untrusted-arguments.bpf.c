// Arguments of global functions that may be anything (6.17): they are read by loads that may fail, and never written.
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";
char bytes[8];

struct unknown_to_the_kernel {
	int a;
};

__noinline int of_bytes(char *p __arg_untrusted)
{
	return p ? p[100] : 0;
}

__noinline int of_task(struct task_struct *task __arg_untrusted)
{
	return task->parent->pid;
}

__noinline int writing(int *p __arg_untrusted)
{
	*p = 1;
	return 0;
}

__noinline int tagged_twice(char *p __arg_untrusted __arg_nonnull)
{
	return p[0];
}

__noinline int of_own(struct unknown_to_the_kernel *p __arg_untrusted)
{
	return p->a;
}

#define CASE(name) SEC("tp_btf/sys_enter") int name(unsigned long long *ctx)

// 6.18 any_pointer: accepted
// 6.12 any_pointer: rejected Caller passes invalid args into func#1 ('of_bytes')
CASE(any_pointer)
{
	return of_bytes(bytes);
}

// 6.18 a_number: accepted
CASE(a_number)
{
	return of_task((void *)ctx[1]);
}

// 6.18 written: rejected R1 cannot write into rdonly_untrusted_mem
CASE(written)
{
	return writing((void *)bytes);
}

// 6.18 two_tags: rejected Caller passes invalid args into func#1 ('tagged_twice')
CASE(two_tags)
{
	return tagged_twice(bytes);
}

// 6.18 own_struct: rejected Caller passes invalid args into func#1 ('of_own')
CASE(own_struct)
{
	return of_own((void *)bytes);
}
