// What a helper writes is not what the program left there, whatever its signature says of the argument.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, long);
} counts SEC(".maps");

// 6.12 6.18 sysctl_name: rejected math between map_value pointer and register with unbounded min value is not allowed
SEC("cgroup/sysctl")
int sysctl_name(struct bpf_sysctl *ctx)
{
	unsigned long name[2] = {};
	int key = 0;
	char *count = bpf_map_lookup_elem(&counts, &key);

	if (!count)
		return 1;
	bpf_sysctl_get_name(ctx, (char *)name, sizeof(name), 0);
	count[name[1]] = 1;
	return 1;
}
