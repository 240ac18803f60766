// SPDX-License-Identifier: Apache-2.0
/* Bytes and packets of each cgroup (a Kubernetes pod has one), by direction. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum direction { INGRESS, EGRESS };

struct key {
	__u64 cgroup;
	__u32 direction;
	__u32 protocol; /* of the packet, in network order: ETH_P_IP or ETH_P_IPV6 */
};

struct traffic {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct key);
	__type(value, struct traffic);
} traffic SEC(".maps");

static __always_inline int account(struct __sk_buff *skb, enum direction direction)
{
	struct key key = {
		.cgroup = bpf_skb_cgroup_id(skb),
		.direction = direction,
		.protocol = skb->protocol,
	};
	struct traffic *entry = bpf_map_lookup_elem(&traffic, &key);

	if (entry) {
		__sync_fetch_and_add(&entry->packets, 1);
		__sync_fetch_and_add(&entry->bytes, skb->len);
	} else {
		struct traffic first = { .packets = 1, .bytes = skb->len };

		bpf_map_update_elem(&traffic, &key, &first, BPF_NOEXIST);
	}
	return 1; /* let it pass */
}

SEC("cgroup_skb/ingress")
int pod_ingress(struct __sk_buff *skb)
{
	return account(skb, INGRESS);
}

SEC("cgroup_skb/egress")
int pod_egress(struct __sk_buff *skb)
{
	return account(skb, EGRESS);
}

char LICENSE[] SEC("license") = "GPL";
