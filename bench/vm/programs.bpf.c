// SPDX-License-Identifier: Apache-2.0
// What the virtual machine's speed is measured on: eight shapes of work, each an XDP program that reads its packet and leaves it as it was.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} protocols SEC(".maps");

struct flow {
	__u32 saddr, daddr;
	__u16 sport, dport;
	__u32 protocol;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct flow);
	__type(value, __u32);
} backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

/* 1: additions, shifts and exclusive ors of 64 bits */
SEC("xdp") int integer_loop(struct xdp_md *ctx)
{
	__u64 x = ctx->ingress_ifindex + 88172645463325252ull, sum = 0;
	for (int i = 0; i < 1000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		sum += x;
	}
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

/* 2: multiplication, division and remainder */
SEC("xdp") int mul_div(struct xdp_md *ctx)
{
	__u64 x = ctx->ingress_ifindex + 12345, sum = 1;
	for (int i = 1; i <= 300; i++) {
		sum += x * 2654435761u / (i + sum % 7);
		x = x * 6364136223846793005ull + 1442695040888963407ull;
	}
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

/* 3: headers of one packet, counted in an array */
SEC("xdp") int packet_parser(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	if ((void *)(eth + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	struct iphdr *ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > end || ip->ihl < 5)
		return XDP_DROP;
	__u32 key = ip->protocol;
	__u64 *count = bpf_map_lookup_elem(&protocols, &key);
	if (count)
		*count += bpf_ntohs(ip->tot_len);
	return XDP_PASS;
}

static __always_inline __u16 folded(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

/* 4: the backend of a flow from a hash map, the address and its checksum rewritten */
SEC("xdp") int load_balancer(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	if ((void *)(tcp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_TCP || ip->ihl != 5)
		return XDP_PASS;
	struct flow flow = { .saddr = ip->saddr, .sport = tcp->source, .dport = tcp->dest, .protocol = IPPROTO_TCP };
	__u32 *backend = bpf_map_lookup_elem(&backends, &flow);
	__u32 to;
	if (backend) {
		to = *backend;
	} else {
		to = bpf_htonl(0x0a000000 | ((flow.saddr ^ flow.sport) & 0xff));
		bpf_map_update_elem(&backends, &flow, &to, BPF_ANY);
	}
	__u32 from = ip->daddr;
	ip->check = folded((__u64)(__u16)~ip->check + (__u16)~from + (__u16)~(from >> 16) + (__u16)to + (to >> 16));
	ip->daddr = to;
	return XDP_TX;
}

/* 5: every byte of a packet */
SEC("xdp") int byte_scan(struct xdp_md *ctx)
{
	unsigned char *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 sum = 0;
	for (int i = 0; i < 1500; i++, at++) {
		if (at + 1 > end)
			break;
		sum += *at;
	}
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

static __attribute__((noinline)) __u64 mix(__u64 a, __u64 b, __u64 c)
{
	return (a ^ (b << 3)) + (c | 1);
}

static __attribute__((noinline)) __u64 twice(__u64 a, __u64 b)
{
	return mix(a, b, a) + mix(b, a, b);
}

/* 6: subprograms */
SEC("xdp") int subprograms(struct xdp_md *ctx)
{
	__u64 x = ctx->ingress_ifindex, y = 7;
	for (int i = 0; i < 200; i++) {
		y = twice(x, y);
		x += y;
	}
	return x & 1 ? XDP_PASS : XDP_DROP;
}

/* 7: updates and lookups of a hash map */
SEC("xdp") int hash_map(struct xdp_md *ctx)
{
	__u64 sum = 0;
	for (__u32 i = 0; i < 16; i++) {
		__u64 value = i;
		__u32 key = i * 2654435761u;
		bpf_map_update_elem(&counts, &key, &value, BPF_ANY);
	}
	for (__u32 i = 0; i < 32; i++) {
		__u32 key = i * 2654435761u;
		__u64 *value = bpf_map_lookup_elem(&counts, &key);
		if (value)
			sum += *value;
	}
	return sum == 120 ? XDP_PASS : XDP_DROP;
}

/* 8: copies on the stack */
SEC("xdp") int stack_copies(struct xdp_md *ctx)
{
	struct block { __u64 words[12]; } a = {}, b = {};
	a.words[0] = ctx->ingress_ifindex;
	for (int i = 0; i < 50; i++) {
		asm volatile("" : : "r"(&a), "r"(&b) : "memory");
		b = a;
		asm volatile("" : : "r"(&a), "r"(&b) : "memory");
		b.words[i & 7] += i;
		a = b;
	}
	return a.words[3] & 1 ? XDP_PASS : XDP_DROP;
}
