// SPDX-License-Identifier: Apache-2.0
/*
 * An L4 load balancer: TCP and UDP to a service address go to one of its backends by consistent hashing. The packet keeps the service's
 * address and gets the backend's Ethernet address, so the backend answers the client itself (direct server return).
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define RING_SIZE 251 /* slots of a service's table; a prime, as Maglev hashing asks for */
#define MAX_SERVICES 64
#define MAX_BACKENDS 256
#define FRAGMENT 0x3fff /* more fragments follow, or this is not the first */

struct service_key {
	__be32 address;
	__be16 port;
	__u8 protocol;
	__u8 pad;
};

struct flow {
	__be32 client;
	__be32 address;
	__be16 client_port;
	__be16 port;
	__u8 protocol;
	__u8 pad[3];
};

struct backend {
	__u8 mac[ETH_ALEN];
	__u16 up;
	__u32 pad;
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_SERVICES);
	__type(key, struct service_key);
	__type(value, __u32); /* number of the service */
} services SEC(".maps");

/* Table of service n: slots n * RING_SIZE and on, each the number of a backend. User space fills it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SERVICES *RING_SIZE);
	__type(key, __u32);
	__type(value, __u32);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_BACKENDS);
	__type(key, __u32);
	__type(value, struct backend);
} backends SEC(".maps");

/* Flows that have a backend keep it when the table changes, as long as it is up. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct flow);
	__type(value, __u32);
} flows SEC(".maps");

static __always_inline __u32 mix(__u32 hash, __u32 word)
{
	hash ^= word * 0xcc9e2d51;
	hash = hash << 13 | hash >> 19;
	return hash * 5 + 0xe6546b64;
}

static __always_inline __u32 hash_of(const struct flow *flow)
{
	__u32 hash = mix(0, flow->client);

	hash = mix(hash, flow->address);
	hash = mix(hash, (__u32)flow->client_port << 16 | flow->port);
	hash = mix(hash, flow->protocol);
	hash ^= hash >> 16;
	hash *= 0x85ebca6b;
	return hash ^ hash >> 13;
}

static __always_inline struct backend *backend_of(const struct flow *flow, __u32 service)
{
	__u32 *number = bpf_map_lookup_elem(&flows, flow);
	struct backend *backend;
	__u32 slot;

	if (number) {
		backend = bpf_map_lookup_elem(&backends, number);
		if (backend && backend->up)
			return backend;
	}
	slot = service * RING_SIZE + hash_of(flow) % RING_SIZE;
	number = bpf_map_lookup_elem(&ring, &slot);
	if (!number)
		return 0;
	backend = bpf_map_lookup_elem(&backends, number);
	if (!backend || !backend->up)
		return 0;
	bpf_map_update_elem(&flows, flow, number, BPF_ANY);
	return backend;
}

SEC("xdp")
int service_lb(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	__be16 *ports = (void *)(ip + 1); /* TCP and UDP both begin with them */
	struct service_key key = {};
	struct backend *backend;
	struct flow flow = {};
	__u32 *service;

	if ((void *)(ports + 2) > data_end)
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5)
		return XDP_PASS;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	if (ip->frag_off & bpf_htons(FRAGMENT))
		return XDP_PASS;
	key.address = ip->daddr;
	key.port = ports[1];
	key.protocol = ip->protocol;
	service = bpf_map_lookup_elem(&services, &key);
	if (!service)
		return XDP_PASS;

	flow.client = ip->saddr;
	flow.address = ip->daddr;
	flow.client_port = ports[0];
	flow.port = ports[1];
	flow.protocol = ip->protocol;
	backend = backend_of(&flow, *service);
	if (!backend)
		return XDP_DROP;
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, backend->mac, ETH_ALEN);
	__sync_fetch_and_add(&backend->packets, 1);
	__sync_fetch_and_add(&backend->bytes, data_end - data);
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
