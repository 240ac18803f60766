// SPDX-License-Identifier: Apache-2.0
/* A firewall at the driver: drops IPv4 packets whose source is in a blocked prefix, and sources that send more than their rate. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define WINDOW_NS 1000000000ull

/* Prefix length first, then the address in network order: the layout that an LPM trie asks for. */
struct prefix {
	__u32 length;
	__be32 address;
};

struct source {
	__u64 window_start;
	__u32 packets;
	__u32 dropped;
};

enum reason { PASSED, BLOCKED_PREFIX, OVER_RATE, MALFORMED, NOT_IPV4, REASONS };

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u32);
} blocked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __be32);
	__type(value, struct source);
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* Packets a source may send in a second; 0 switches the limit off. Set before loading. */
const volatile __u32 packets_per_second = 100;

static __always_inline int count(enum reason reason, int verdict)
{
	__u32 key = reason;
	__u64 *counter = bpf_map_lookup_elem(&counters, &key);

	if (counter)
		*counter += 1;
	return verdict;
}

static __always_inline int over_rate(__be32 address)
{
	__u64 now = bpf_ktime_get_ns();
	struct source *source = bpf_map_lookup_elem(&sources, &address);

	if (!source) {
		struct source fresh = { .window_start = now, .packets = 1 };

		bpf_map_update_elem(&sources, &address, &fresh, BPF_ANY);
		return 0;
	}
	if (now - source->window_start >= WINDOW_NS) {
		source->window_start = now;
		source->packets = 0;
	}
	source->packets++;
	if (source->packets <= packets_per_second)
		return 0;
	source->dropped++;
	return 1;
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct prefix key = { .length = 32 };

	if ((void *)(eth + 1) > data_end)
		return count(MALFORMED, XDP_DROP);
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return count(NOT_IPV4, XDP_PASS);
	if ((void *)(ip + 1) > data_end || ip->version != 4)
		return count(MALFORMED, XDP_DROP);

	key.address = ip->saddr;
	if (bpf_map_lookup_elem(&blocked, &key))
		return count(BLOCKED_PREFIX, XDP_DROP);
	if (packets_per_second && over_rate(ip->saddr))
		return count(OVER_RATE, XDP_DROP);
	return count(PASSED, XDP_PASS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
