// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * What a sidecar proxy does between pods of one node, without the sidecar: a sock_ops program remembers the sockets of TCP connections, a
 * sk_msg program hands each message straight to the socket at the other end, past the whole network stack. Services may refuse HTTP paths.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define AF_INET 2
#define PREFIX_LEN 16 /* the part of a request that rules see: "GET /admin" and the like */

/* A connection as one of its ends sees it; addresses in network order, ports as numbers. */
struct connection {
	__u32 local_ip4;
	__u32 remote_ip4;
	__u32 local_port;
	__u32 remote_port;
};

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 65536);
	__type(key, struct connection);
	__type(value, __u64);
} sockets SEC(".maps");

/* What requests to a service's port must not begin with; an empty prefix refuses nothing. */
struct service {
	__u32 refused_len;
	char refused[PREFIX_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32); /* port */
	__type(value, struct service);
} services SEC(".maps");

struct flow {
	__u32 client;
	__u32 server;
	__u32 port;
};

struct traffic {
	__u64 direct_messages; /* straight from socket to socket */
	__u64 direct_bytes;
	__u64 stack_messages; /* the other end is not on this node */
	__u64 refused;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct flow);
	__type(value, struct traffic);
} flows SEC(".maps");

static const struct traffic no_traffic;

SEC("sockops")
int remember_socket(struct bpf_sock_ops *ops)
{
	struct connection key = {};

	if (ops->family != AF_INET)
		return 0;
	if (ops->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB && ops->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		return 0;
	key.local_ip4 = ops->local_ip4;
	key.remote_ip4 = ops->remote_ip4;
	key.local_port = ops->local_port;
	key.remote_port = bpf_ntohl(ops->remote_port);
	/* The kernel takes it out when the connection closes. */
	bpf_sock_hash_update(ops, &sockets, &key, BPF_ANY);
	return 0;
}

/* Whether a request begins with what its service refuses. */
static __always_inline int is_refused(struct sk_msg_md *msg, const struct service *service)
{
	const char *data, *end;
	__u32 len = service->refused_len;
	int i;

	if (len == 0 || len > PREFIX_LEN || msg->size < len)
		return 0;
	/* A message may lie in pieces, of which only the first is in sight. */
	if (bpf_msg_pull_data(msg, 0, len, 0))
		return 0;
	data = msg->data;
	end = msg->data_end;
	for (i = 0; i < PREFIX_LEN; i++) {
		if (i >= len)
			return 1;
		if (data + i + 1 > end || data[i] != service->refused[i])
			return 0;
	}
	return 1;
}

SEC("sk_msg")
int to_peer(struct sk_msg_md *msg)
{
	struct connection peer = {};
	struct flow flow = {};
	struct service *service;
	struct traffic *traffic;
	__u32 remote_port, local_port;
	int verdict;

	if (msg->family != AF_INET)
		return SK_PASS;
	remote_port = bpf_ntohl(msg->remote_port);
	local_port = msg->local_port;

	/* A message to a service's port is a request, one from it an answer; both count for the client's flow. */
	service = bpf_map_lookup_elem(&services, &remote_port);
	if (service) {
		flow.client = msg->local_ip4;
		flow.server = msg->remote_ip4;
		flow.port = remote_port;
	} else if (bpf_map_lookup_elem(&services, &local_port)) {
		flow.client = msg->remote_ip4;
		flow.server = msg->local_ip4;
		flow.port = local_port;
	} else {
		return SK_PASS;
	}

	traffic = bpf_map_lookup_elem(&flows, &flow);
	if (!traffic) {
		bpf_map_update_elem(&flows, &flow, &no_traffic, BPF_NOEXIST);
		traffic = bpf_map_lookup_elem(&flows, &flow);
		if (!traffic)
			return SK_PASS;
	}

	if (service && is_refused(msg, service)) {
		__sync_fetch_and_add(&traffic->refused, 1);
		return SK_DROP;
	}

	/* The other end's connection is ours with the ends swapped. */
	peer.local_ip4 = msg->remote_ip4;
	peer.remote_ip4 = msg->local_ip4;
	peer.local_port = remote_port;
	peer.remote_port = local_port;
	verdict = bpf_msg_redirect_hash(msg, &sockets, &peer, BPF_F_INGRESS);
	if (verdict != SK_PASS) {
		/* Nobody by that name here: the message takes the usual way. */
		__sync_fetch_and_add(&traffic->stack_messages, 1);
		return SK_PASS;
	}
	__sync_fetch_and_add(&traffic->direct_messages, 1);
	__sync_fetch_and_add(&traffic->direct_bytes, msg->size);
	return SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
