// SPDX-License-Identifier: Apache-2.0
/*
 * HTTP requests by method, path and status, from a socket filter on a packet socket: it sees traffic and never touches it. A request's
 * first line is remembered for its connection; the response's status completes the count. Nothing is passed to the socket.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PATH_LEN 64
#define METHOD_LEN 8
#define LINE_LEN 72 /* a method, a space and a path */
#define STATUS_LINE 12 /* HTTP/1.1 200 */

struct connection {
	__be32 client;
	__be32 server;
	__be16 client_port;
	__be16 server_port;
};

struct request {
	char method[METHOD_LEN];
	char path[PATH_LEN];
};

struct pending {
	__u64 time_ns;
	struct request request;
};

struct key {
	struct request request;
	__u32 status;
};

struct metrics {
	__u64 requests;
	__u64 total_ns; /* from request to response */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct connection);
	__type(value, struct pending);
} pending SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct key);
	__type(value, struct metrics);
} metrics SEC(".maps");

/* Requests whose path and status found no room in the table. */
__u64 lost;

/* Offsets are from the network header, so that sockets with and without an Ethernet header both work. */
static __always_inline long load(struct __sk_buff *skb, __u32 offset, void *to, __u32 size)
{
	return bpf_skb_load_bytes_relative(skb, offset, to, size, BPF_HDR_START_NET);
}

/* Method and path of a request line, cut where the buffers end; a query is no part of the path. Returns 0 for what is no request. */
static __always_inline int parse_request(const char *line, struct request *request)
{
	__u32 path = 0, at = 0;
	int in_path = 0;

	for (__u32 i = 0; i < LINE_LEN; i++) {
		char c = line[i];

		if (!in_path) {
			if (c == ' ' && at > 0) {
				in_path = 1;
				continue;
			}
			if (c < 'A' || c > 'Z' || at >= METHOD_LEN - 1)
				return 0;
			request->method[at++ & (METHOD_LEN - 1)] = c;
			continue;
		}
		if (c <= ' ' || c == '?' || path >= PATH_LEN - 1)
			break;
		if (path == 0 && c != '/')
			return 0;
		request->path[path++ & (PATH_LEN - 1)] = c;
	}
	return path > 0;
}

static __always_inline void answered(const struct connection *connection, const char *line)
{
	struct pending *asked = bpf_map_lookup_elem(&pending, connection);
	struct metrics *entry, first = { .requests = 1 };
	struct key key = {};
	__u64 took;

	if (!asked)
		return;
	took = bpf_ktime_get_ns() - asked->time_ns;
	key.request = asked->request;
	key.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
	bpf_map_delete_elem(&pending, connection);
	entry = bpf_map_lookup_elem(&metrics, &key);
	if (entry) {
		__sync_fetch_and_add(&entry->requests, 1);
		__sync_fetch_and_add(&entry->total_ns, took);
		return;
	}
	first.total_ns = took;
	if (bpf_map_update_elem(&metrics, &key, &first, BPF_NOEXIST))
		__sync_fetch_and_add(&lost, 1);
}

SEC("socket")
int http_metrics(struct __sk_buff *skb)
{
	struct connection connection = {};
	struct pending asked = {};
	char line[LINE_LEN] = {};
	__u32 header, payload, size;
	struct iphdr ip;
	struct tcphdr tcp;

	if (skb->protocol != bpf_htons(ETH_P_IP) || load(skb, 0, &ip, sizeof(ip)))
		return 0;
	if (ip.version != 4 || ip.protocol != IPPROTO_TCP)
		return 0;
	header = ip.ihl * 4;
	if (load(skb, header, &tcp, sizeof(tcp)))
		return 0;
	payload = header + tcp.doff * 4;
	size = bpf_ntohs(ip.tot_len);
	if (size < payload + STATUS_LINE)
		return 0;
	size -= payload;
	if (size > LINE_LEN)
		size = LINE_LEN;
	if (size < STATUS_LINE) /* known from above; the verifier does not see it through the subtraction */
		return 0;
	if (load(skb, payload, line, size))
		return 0;

	if (line[0] == 'H' && line[1] == 'T' && line[2] == 'T' && line[3] == 'P' && line[4] == '/') {
		connection.client = ip.daddr;
		connection.server = ip.saddr;
		connection.client_port = tcp.dest;
		connection.server_port = tcp.source;
		answered(&connection, line);
		return 0;
	}
	if (!parse_request(line, &asked.request))
		return 0;
	connection.client = ip.saddr;
	connection.server = ip.daddr;
	connection.client_port = tcp.source;
	connection.server_port = tcp.dest;
	asked.time_ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&pending, &connection, &asked, BPF_ANY);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
