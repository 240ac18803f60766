// Work that runs later in a task, with the key and value it was scheduled with.
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

extern int bpf_task_work_schedule_signal_impl(struct task_struct *task, struct bpf_task_work *tw, void *map,
					      int (*callback)(struct bpf_map *, void *, void *), void *aux) __ksym;

char LICENSE[] SEC("license") = "GPL";

struct value {
	char data[128];
	struct bpf_task_work tw;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct value);
} values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct value);
} others SEC(".maps");

static int work(struct bpf_map *map, void *key, void *value)
{
	char byte;
	bpf_copy_from_user(&byte, 1, value);
	return 0;
}

static int unbounded(struct bpf_map *map, void *key, void *value)
{
	return *(int *)key;
}

static int beyond(struct bpf_map *map, void *key, void *value)
{
	return *((char *)key + 4);
}

#define CASE(name) SEC("perf_event") int name(void *ctx)
#define SCHEDULE(work_at, map, callback)                                                                                \
	struct value *value = bpf_map_lookup_elem(&values, &(int){ 0 });                                                \
	if (value)                                                                                                      \
		bpf_task_work_schedule_signal_impl((void *)bpf_get_current_task_btf(), work_at, map, callback, 0);      \
	return 0

// 6.18 scheduled: accepted
CASE(scheduled)
{
	SCHEDULE(&value->tw, &values, work);
}

// 6.18 of_another_map: rejected bpf_task_work pointer in R2 map_uid=0 doesn't match map pointer in R3 map_uid=0
CASE(of_another_map)
{
	SCHEDULE(&value->tw, &others, work);
}

// 6.18 beside: rejected off 132 doesn't point to 'struct bpf_task_work' that is at 128
CASE(beside)
{
	SCHEDULE((void *)&value->tw + 4, &values, work);
}

// 6.18 no_work: rejected Possibly NULL pointer passed to trusted arg1
CASE(no_work)
{
	SCHEDULE(0, &values, work);
}

// 6.18 returns_anything: rejected At async callback return the register R0 has smin=0 smax=4294967295 should have been in [-2147483648, 2147483647]
CASE(returns_anything)
{
	SCHEDULE(&value->tw, &values, unbounded);
}

// 6.18 reads_beyond: rejected R2 min value is outside of the allowed memory range
CASE(reads_beyond)
{
	SCHEDULE(&value->tw, &values, beyond);
}
