/** Kfuncs of CPU sets, strings and tasks. */
import { describe, expect, it } from 'vitest'
import { fileFixture, load } from '../../../index.js'

const HEADERS = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
#define MASK const struct cpumask *
extern struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *mask) __ksym;
extern void bpf_cpumask_set_cpu(u32 cpu, struct bpf_cpumask *mask) __ksym;
extern void bpf_cpumask_clear_cpu(u32 cpu, struct bpf_cpumask *mask) __ksym;
extern void bpf_cpumask_setall(struct bpf_cpumask *mask) __ksym;
extern u32 bpf_cpumask_weight(MASK mask) __ksym;
extern u32 bpf_cpumask_first(MASK mask) __ksym;
extern bool bpf_cpumask_and(struct bpf_cpumask *to, MASK a, MASK b) __ksym;
extern bool bpf_cpumask_subset(MASK a, MASK b) __ksym;
extern int bpf_strcmp(const char *a, const char *b) __ksym;
extern int bpf_strcasecmp(const char *a, const char *b) __ksym;
extern int bpf_strlen(const char *text) __ksym;
extern int bpf_strnlen(const char *text, size_t size) __ksym;
extern int bpf_strchr(const char *text, char character) __ksym;
extern int bpf_strrchr(const char *text, int character) __ksym;
extern int bpf_strstr(const char *text, const char *wanted) __ksym;
extern int bpf_strspn(const char *text, const char *set) __ksym;
extern int bpf_strcspn(const char *text, const char *set) __ksym;
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;
extern int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task, unsigned int flags) __ksym;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it) __ksym;
extern void bpf_iter_task_destroy(struct bpf_iter_task *it) __ksym;
`
const program = (text: string, options: Parameters<typeof load>[1] = {}) =>
  load(`${HEADERS}${text}`, { kernels: ['6.18'], ...options })

describe('CPU sets', () => {
  it('hold the CPUs of the machine', async () => {
    const { programs } = await program(
      `
SEC("tp_btf/task_newtask")
int BPF_PROG(sets, struct task_struct *task, u64 flags)
{
	struct bpf_cpumask *one = bpf_cpumask_create(), *two;
	int result = 0;

	if (!one)
		return 0;
	two = bpf_cpumask_create();
	if (!two) {
		bpf_cpumask_release(one);
		return 0;
	}
	bpf_cpumask_set_cpu(1, one);
	bpf_cpumask_set_cpu(3, one);
	bpf_cpumask_set_cpu(9, one);
	bpf_cpumask_setall(two);
	bpf_cpumask_clear_cpu(3, two);
	result = bpf_cpumask_weight((MASK)one) * 1000;
	result += bpf_cpumask_first((MASK)one) * 100;
	bpf_cpumask_and(two, (MASK)one, (MASK)two);
	result += bpf_cpumask_weight((MASK)two) * 10;
	result += bpf_cpumask_subset((MASK)two, (MASK)one);
	bpf_cpumask_release(one);
	bpf_cpumask_release(two);
	bpf_printk("%d", result);
	return 0;
}`,
      { cpus: 4 },
    )
    expect(programs.sets!.run({ args: [{ struct: 'task_struct' }, 0] })).toMatchObject({ fault: undefined, trace: ['2111'] })
  })
})

describe('strings', () => {
  it('are compared and searched', async () => {
    const { programs } = await program(`
const char text[] = "hello world", low[] = "HELLO WORLD", wanted[] = "o w", none[] = "xyz", set[] = "leh";
SEC("syscall")
int strings(void *ctx)
{
	bpf_printk("%d %d %d", bpf_strcmp(text, low), bpf_strcasecmp(text, low), bpf_strlen(text));
	bpf_printk("%d %d %d", bpf_strchr(text, 'o'), bpf_strrchr(text, 'o'), bpf_strchr(text, 'z'));
	bpf_printk("%d %d", bpf_strstr(text, wanted), bpf_strstr(text, none));
	bpf_printk("%d %d", bpf_strspn(text, set), bpf_strcspn(text, wanted));
	bpf_printk("%d %d", bpf_strnlen(text, 3), bpf_strnlen(text, 64));
	return 0;
}`)
    expect(programs.strings!.run()).toMatchObject({
      fault: undefined,
      trace: ['1 0 11', '4 7 -2', '4 -2', '4 4', '3 11'],
    })
  })
})

describe('tasks', () => {
  it('are walked over, and found by pid', async () => {
    const { vm, programs } = await program(
      `
SEC("syscall")
int walk(void *ctx)
{
	struct task_struct *task;

	bpf_for_each(task, task, NULL, BPF_TASK_ITER_ALL_PROCS)
		bpf_printk("%d", task->pid);
	task = bpf_task_from_pid(12);
	if (task) {
		bpf_printk("%s", task->comm);
		bpf_task_release(task);
	}
	return 0;
}`,
      { verify: false },
    )
    for (const [pid, tgid, comm] of [
      [10, 10, 'init'],
      [12, 12, 'nginx'],
      [13, 12, 'worker'],
    ] as const)
      vm.addTask({ struct: 'task_struct', fields: { pid, tgid, comm } })
    expect(programs.walk!.run()).toMatchObject({ fault: undefined, trace: ['10', '12', 'nginx'] })
  })
})

describe('files and cgroups', () => {
  it('have extended attributes, and are found by id and level', async () => {
    const { vm, programs } = await program(
      `
extern int bpf_get_file_xattr(struct file *file, const char *name, struct bpf_dynptr *value) __ksym;
extern struct cgroup *bpf_cgroup_from_id(u64 id) __ksym;
extern struct cgroup *bpf_cgroup_ancestor(struct cgroup *cgroup, int level) __ksym;
extern void bpf_cgroup_release(struct cgroup *cgroup) __ksym;
char value[16];
SEC("lsm.s/file_open") int BPF_PROG(open, struct file *file)
{
	struct bpf_dynptr ptr;
	bpf_dynptr_from_mem(value, sizeof(value), 0, &ptr);
	bpf_printk("%d %s", bpf_get_file_xattr(file, "user.owner", &ptr), value);
	bpf_printk("%d %d", bpf_get_file_xattr(file, "user.other", &ptr), bpf_get_file_xattr(file, "trusted.owner", &ptr));
	return 0;
}
SEC("syscall") int find(void *ctx)
{
	struct cgroup *leaf = bpf_cgroup_from_id(42), *none = bpf_cgroup_from_id(43), *top;
	if (none || !leaf)
		return -1;
	top = bpf_cgroup_ancestor(leaf, 0);
	if (top) {
		bpf_printk("%d", (int)top->kn->id);
		bpf_cgroup_release(top);
	}
	top = bpf_cgroup_ancestor(leaf, 5);
	if (top)
		bpf_cgroup_release(top);
	bpf_cgroup_release(leaf);
	return top != 0;
}`,
      { verify: false },
    )
    const file = fileFixture('/etc/passwd', {})
    vm.setXattr(file, 'user.owner', 'root')
    vm.setXattr(file, 'trusted.owner', 'nobody')
    expect(programs.open!.run({ args: [file] }).trace).toEqual(['4 root', '-61 -1'])
    const top = { struct: 'cgroup', fields: { kn: { id: 1 }, level: 0 } }
    vm.addCgroup({ struct: 'cgroup', fields: { kn: { id: 42 }, level: 1, ancestors: [top] } })
    expect(programs.find!.run()).toMatchObject({ retval: 0, trace: ['1'], fault: undefined })
  })
})

describe('dynptrs', () => {
  it('are copied and filled', async () => {
    const { programs } = await program(
      `
extern int bpf_dynptr_copy(struct bpf_dynptr *to, u64 at, struct bpf_dynptr *from, u64 offset, u64 size) __ksym;
extern int bpf_dynptr_memset(struct bpf_dynptr *to, u64 at, u64 size, u8 byte) __ksym;
char one[8] = "abcdefg", two[8] = "0123456";
SEC("syscall") int copy(void *ctx)
{
	struct bpf_dynptr from, to;
	bpf_dynptr_from_mem(one, sizeof(one), 0, &from);
	bpf_dynptr_from_mem(two, sizeof(two), 0, &to);
	bpf_printk("%d %s", bpf_dynptr_copy(&to, 1, &from, 2, 3), two);
	bpf_printk("%d %s", bpf_dynptr_memset(&to, 0, 2, 'x'), two);
	bpf_printk("%d %d", bpf_dynptr_copy(&to, 6, &from, 0, 3), bpf_dynptr_memset(&to, 8, 1, 0));
	return 0;
}`,
      { verify: false },
    )
    expect(programs.copy!.run().trace).toEqual(['0 0cde456', '0 xxde456', '-7 -7'])
  })
})

describe('work queues and sessions', () => {
  it('queued work runs when the clock is moved, even by nothing', async () => {
    const { vm, programs, maps } = await program(
      `
struct job { __u64 done; struct bpf_wq work; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct job); } jobs SEC(".maps");
extern int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __ksym;
extern int bpf_wq_set_callback_impl(struct bpf_wq *wq, int (*callback)(void *, int *, void *), unsigned int flags, void *aux) __ksym;
extern int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __ksym;
static int work(void *map, int *key, void *value)
{
	((struct job *)value)->done += 1;
	return 0;
}
SEC("tc")
int queue(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct job *job = bpf_map_lookup_elem(&jobs, &key);

	if (!job || bpf_wq_init(&job->work, &jobs, 0) || bpf_wq_set_callback_impl(&job->work, work, 0, NULL))
		return 1;
	return bpf_wq_start(&job->work, 0);
}`,
      { verify: false },
    )
    const done = () => (maps.jobs!.get(0) as { done: bigint }).done
    expect(programs.queue!.run()).toMatchObject({ retval: 0, fault: undefined })
    expect(done()).toBe(0n)
    vm.advance(0)
    expect(done()).toBe(1n)
    vm.advance(10)
    expect(done()).toBe(1n)
  })

  it('the two calls of a session share a cookie', async () => {
    const { programs } = await program(
      `
extern bool bpf_session_is_return(void) __ksym;
extern __u64 *bpf_session_cookie(void) __ksym;
SEC("kprobe.session/do_*")
int session(struct pt_regs *ctx)
{
	__u64 *cookie = bpf_session_cookie();

	if (bpf_session_is_return())
		bpf_printk("%d", *cookie);
	else
		*cookie = 42;
	return 0;
}`,
      { verify: false },
    )
    expect(programs.session!.run({}).trace).toEqual([])
    expect(programs.session!.run({ returning: true })).toMatchObject({ trace: ['42'], fault: undefined })
  })
})

describe('exceptions', () => {
  const source = (tag: string) => `
extern void bpf_throw(__u64 cookie) __ksym;
__noinline int on_exception(__u64 cookie) { return cookie + 1000; }
static __noinline int deep(__u32 mark)
{
	if (mark == 7)
		bpf_throw(32);
	return mark;
}
SEC("tc") ${tag}
int main(struct __sk_buff *skb) { return deep(skb->mark) + 1; }
`
  it.each(['checked', 'compiled'] as const)('end the program, through its callback if it has one (%s)', async engine => {
    const plain = await program(source(''), { verify: false, engine })
    const run = (loaded: typeof plain, mark: number) => loaded.programs.main!.run({ ctx: { mark } })
    expect(run(plain, 1)).toMatchObject({ retval: 2, fault: undefined })
    expect(run(plain, 7)).toMatchObject({ retval: 32, fault: undefined })
    expect(run(plain, 1).retval).toBe(2)
    const caught = await program(source('__attribute__((btf_decl_tag("exception_callback:on_exception")))'), {
      verify: false,
      engine,
    })
    expect(run(caught, 7)).toMatchObject({ retval: 1032, fault: undefined })
  })
})
