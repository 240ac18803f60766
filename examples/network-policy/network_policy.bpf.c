// SPDX-License-Identifier: Apache-2.0
/*
 * Network policy by identity: addresses belong to identities (what a set of labels stands for), rules say which identity may reach which,
 * at which port. Traffic to a pod that no rule allows is dropped, with its reason; flow events tell what happened.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IDENTITY_WORLD 0 /* addresses that are in no prefix */
#define FRAGMENT_OFFSET 0x1fff

enum verdict { ALLOWED, REPLY, DENIED_BY_RULE, NO_RULE, MALFORMED, FRAGMENT, VERDICTS };

struct prefix {
	__u32 length;
	__be32 address;
};

/* Port 0 and protocol 0 stand for all. */
struct rule {
	__u32 from;
	__u32 to;
	__be16 port;
	__u8 protocol;
	__u8 pad;
};

enum action { DENY, ALLOW };

struct connection {
	__be32 from;
	__be32 to;
	__be16 from_port;
	__be16 to_port;
	__u8 protocol;
	__u8 pad[3];
};

struct flow_event {
	__u64 time_ns;
	__u32 from; /* identities */
	__u32 to;
	__u32 saddr; /* network order */
	__u32 daddr;
	__u16 sport; /* host order */
	__u16 dport;
	__u8 protocol;
	__u8 verdict;
	__u16 bytes;
};
const struct flow_event *kept_flow_event __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u32);
} identities SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct rule);
	__type(value, __u32); /* enum action */
} rules SEC(".maps");

/* Connections that were let in: their replies go out, and back in, whatever the rules say. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct connection);
	__type(value, __u64); /* time of the last packet */
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, VERDICTS);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} flow_events SEC(".maps");

static __always_inline __u32 identity_of(__be32 address)
{
	struct prefix key = { .length = 32, .address = address };
	__u32 *identity = bpf_map_lookup_elem(&identities, &key);

	return identity ? *identity : IDENTITY_WORLD;
}

/* The most exact rule decides: port and protocol, then protocol alone, then all. */
static __always_inline enum verdict ask_rules(__u32 from, __u32 to, __be16 port, __u8 protocol)
{
	struct rule key = { .from = from, .to = to, .port = port, .protocol = protocol };
	__u32 *action = bpf_map_lookup_elem(&rules, &key);

	if (!action) {
		key.port = 0;
		action = bpf_map_lookup_elem(&rules, &key);
	}
	if (!action) {
		key.protocol = 0;
		action = bpf_map_lookup_elem(&rules, &key);
	}
	if (!action)
		return NO_RULE;
	return *action == ALLOW ? ALLOWED : DENIED_BY_RULE;
}

static __always_inline int finish(enum verdict verdict, struct flow_event *event)
{
	__u32 key = verdict;
	__u64 *count = bpf_map_lookup_elem(&verdicts, &key);

	if (count)
		*count += 1;
	if (event) {
		event->verdict = verdict;
		bpf_ringbuf_output(&flow_events, event, sizeof(*event), 0);
	}
	return verdict == ALLOWED || verdict == REPLY ? TC_ACT_OK : TC_ACT_SHOT;
}

/* Attached where packets go to the pod. */
SEC("tc")
int to_pod(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct connection connection = {}, reverse = {};
	struct flow_event event = {};
	enum verdict verdict;
	__be16 *ports;
	__u64 now;

	if ((void *)(eth + 1) > data_end)
		return finish(MALFORMED, 0);
	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return TC_ACT_OK;
	if (eth->h_proto != bpf_htons(ETH_P_IP) || (void *)(ip + 1) > data_end || ip->ihl < 5)
		return finish(MALFORMED, 0);
	if (ip->frag_off & bpf_htons(FRAGMENT_OFFSET))
		return finish(FRAGMENT, 0);

	now = bpf_ktime_get_ns();
	event.time_ns = now;
	event.saddr = ip->saddr;
	event.daddr = ip->daddr;
	event.protocol = ip->protocol;
	event.bytes = skb->len;
	event.from = identity_of(ip->saddr);
	event.to = identity_of(ip->daddr);
	connection.from = ip->saddr;
	connection.to = ip->daddr;
	connection.protocol = ip->protocol;
	if (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP) {
		ports = (void *)ip + ip->ihl * 4;
		if ((void *)(ports + 2) > data_end)
			return finish(MALFORMED, &event);
		connection.from_port = ports[0];
		connection.to_port = ports[1];
		event.sport = bpf_ntohs(ports[0]);
		event.dport = bpf_ntohs(ports[1]);
	}

	reverse.from = connection.to;
	reverse.to = connection.from;
	reverse.from_port = connection.to_port;
	reverse.to_port = connection.from_port;
	reverse.protocol = connection.protocol;
	if (bpf_map_lookup_elem(&connections, &reverse))
		return finish(REPLY, &event);

	verdict = ask_rules(event.from, event.to, connection.to_port, connection.protocol);
	if (verdict == ALLOWED)
		bpf_map_update_elem(&connections, &connection, &now, BPF_ANY);
	return finish(verdict, &event);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
