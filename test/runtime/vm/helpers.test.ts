/** Helpers of packets on their way (MTUs, tunnels, segment routing, cookies) and of program types that few use. */
import { describe, expect, it } from 'vitest'
import { load, packet } from '../../../index.js'

const HEADERS = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
char LICENSE[] SEC("license") = "GPL";
`
const program = (text: string, options: Parameters<typeof load>[1] = {}) =>
  load(`${HEADERS}${text}`, { kernels: ['6.18'], ...options })
const section = (loaded: Awaited<ReturnType<typeof load>>, name: string) =>
  loaded.maps[Object.keys(loaded.maps).find(each => each.endsWith(name))!]!.raw.get(new Uint8Array(4))!

describe('MTUs and time stamps', () => {
  const source = `
__u32 mtu;
SEC("tc")
int check(struct __sk_buff *skb)
{
	__u32 len = 0;
	int fits = bpf_check_mtu(skb, skb->mark, &len, skb->priority, 0);

	mtu = len;
	return fits;
}
SEC("tc")
int stamp(struct __sk_buff *skb)
{
	return bpf_skb_set_tstamp(skb, skb->mark, skb->priority);
}
`
  it('a packet fits a device or does not', async () => {
    const { vm, programs } = await program(source)
    const check = (ifindex: number, difference = 0) =>
      programs.check!.run({ packet: packet.tcp({ payload: new Uint8Array(1400) }), ctx: { mark: ifindex, priority: difference } })
        .retval
    expect([check(1), check(9), check(1, 60), check(1, 61)]).toEqual([0, 0, 0, 1])
    vm.env.devices.set(2, { mtu: 1300 })
    expect([check(2), check(1)]).toEqual([1, -19])
  })

  it('time stamps need IP, and a time on clocks but the first', async () => {
    const { programs } = await program(source)
    const stamp = (mark: number, priority: number, bytes = packet.tcp()) =>
      programs.stamp!.run({ packet: bytes, ctx: { mark, priority } }).retval
    expect([stamp(5, 1), stamp(0, 1), stamp(0, 0), stamp(5, 3)]).toEqual([0, -22, 0, -22])
    expect(stamp(5, 1, packet.arp({ src: '10.0.0.1', dst: '10.0.0.2' }))).toBe(-95)
  })
})

describe('lightweight tunnels', () => {
  it('push an outer IP header with its checksum', async () => {
    const { programs } = await program(`
SEC("lwt_xmit")
int encap(struct __sk_buff *skb)
{
	struct iphdr outer = { .version = 4, .ihl = 5, .ttl = 64, .protocol = 4, .saddr = bpf_htonl(0x0a000001),
			       .daddr = bpf_htonl(0x0a000002), .tot_len = bpf_htons(20 + 40) };

	if (bpf_lwt_push_encap(skb, BPF_LWT_ENCAP_IP, &outer, 19) != -22)
		return 1;
	if (bpf_lwt_push_encap(skb, BPF_LWT_ENCAP_SEG6, &outer, sizeof(outer)) != -22)
		return 2;
	return bpf_lwt_push_encap(skb, BPF_LWT_ENCAP_IP, &outer, sizeof(outer));
}`)
    const inner = packet.tcp()
    const run = programs.encap!.run({ packet: inner })
    expect(run).toMatchObject({ retval: 0, fault: undefined })
    const outer = run.packet!.subarray(14, 34)
    let sum = 0
    for (let at = 0; at < 20; at += 2) sum += (outer[at]! << 8) | outer[at + 1]!
    expect((sum & 0xffff) + (sum >>> 16)).toBe(0xffff)
    expect(run.packet!.subarray(34)).toEqual(inner.subarray(14))
  })

  it('segment routing headers are changed where they may be', async () => {
    const { programs } = await program(`
long results[4];
SEC("lwt_seg6local")
int change(struct __sk_buff *skb)
{
	__u8 tag[2] = { 0xab, 0xcd };

	results[0] = bpf_lwt_seg6_store_bytes(skb, 40 + 6, tag, 2);
	results[1] = bpf_lwt_seg6_store_bytes(skb, 40 + 8, tag, 2);
	results[2] = bpf_lwt_seg6_adjust_srh(skb, 40 + 24, 8);
	results[3] = bpf_lwt_seg6_adjust_srh(skb, 40 + 8, 8);
	return results[0] || results[1] != -14 || results[2] || results[3] != -14;
}`)
    const segment = [17, 2, 4, 0, 0, 0, 0, 0, ...new Array<number>(16).fill(7)]
    const bytes = Uint8Array.from([
      ...new Array<number>(12).fill(2),
      ...[0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 43, 64],
      ...new Array<number>(32).fill(1),
      ...segment,
      ...new Array<number>(8).fill(9),
    ])
    const run = programs.change!.run({ packet: bytes })
    expect(run).toMatchObject({ retval: 0, fault: undefined })
    expect([...run.packet!.subarray(14 + 46, 14 + 48)]).toEqual([0xab, 0xcd])
    expect(run.packet!.length).toBe(bytes.length + 8)
    // The IPv6 payload's length is put right.
    expect([...run.packet!.subarray(18, 20)]).toEqual([0, 40])
    expect([...run.packet!.subarray(14 + 40 + 24)]).toEqual([...new Array<number>(8).fill(0), ...new Array<number>(8).fill(9)])
  })
})

describe('what the environment says of a packet', () => {
  it('class of the cgroup and realm of the route', async () => {
    const { programs, vm } = await program(`
SEC("tc") int look(struct __sk_buff *skb)
{
	return bpf_get_cgroup_classid(skb) + 10 * bpf_skb_cgroup_classid(skb) + 100 * bpf_get_route_realm(skb);
}`)
    expect(programs['look']!.run({ packet: packet.udp({}) }).retval).toBe(0)
    vm.env.task.classId = 2
    vm.env.routeRealm = 3
    expect(programs['look']!.run({ packet: packet.udp({}) }).retval).toBe(322)
  })
})

describe('segment routing', () => {
  const source = `
struct ipv6_sr_hdr { __u8 next, words, type, left, last, flags; __u16 tag; __u8 segments[2][16]; };
int outer, bad;
SEC("lwt_in")
int push(struct __sk_buff *skb)
{
	struct ipv6_sr_hdr header = { .words = 4, .type = 4, .left = 1, .last = 1 };

	header.segments[1][15] = 9;
	header.type = 3;
	bad = bpf_lwt_push_encap(skb, outer ? BPF_LWT_ENCAP_SEG6 : BPF_LWT_ENCAP_SEG6_INLINE, &header, sizeof(header));
	header.type = 4;
	return bpf_lwt_push_encap(skb, outer ? BPF_LWT_ENCAP_SEG6 : BPF_LWT_ENCAP_SEG6_INLINE, &header, sizeof(header));
}
int table = 7, kind;
SEC("lwt_seg6local")
int act(struct __sk_buff *skb)
{
	__u8 hop[16] = { 0xfe };

	return kind == 2 ? bpf_lwt_seg6_action(skb, 2, hop, sizeof(hop)) : bpf_lwt_seg6_action(skb, kind, &table, sizeof(table));
}`
  const inner = packet.udp({ src: '2001:db8::7', dst: '2001:db8::1', payload: new Uint8Array(4) })

  it('headers are pushed, acted on, and taken off again', async () => {
    const { programs, globals } = await program(source)
    const inline = programs['push']!.run(inner)
    expect([inline.retval, globals['bad']!.get(), inline.packet!.length]).toEqual([0, -22, inner.length + 40])
    // Next headers, the segment that comes first as destination, and the old destination as the last.
    expect([inline.packet![14 + 6], inline.packet![14 + 40], inline.packet![14 + 39]]).toEqual([43, 17, 9])
    expect(inline.packet!.subarray(14 + 48, 14 + 64)).toEqual(inner.subarray(14 + 24, 14 + 40))
    globals['outer']!.set(1)
    const outside = programs['push']!.run(inner)
    expect([outside.retval, outside.packet!.length, outside.packet![14 + 40]]).toEqual([0, inner.length + 80, 41])
    expect([...outside.packet!.subarray(14 + 4, 14 + 8)]).toEqual([0, inner.length - 14 + 40, 43, inner[14 + 7]])
    expect(outside.packet!.subarray(14 + 80)).toEqual(inner.subarray(14))
    const act = (kind: number, bytes: Uint8Array) => {
      globals['kind']!.set(kind)
      return programs['act']!.run(bytes)
    }
    expect(act(2, outside.packet!).redirects).toMatchObject([
      { kind: 'route', nexthop: Uint8Array.from([0xfe, ...new Array(15).fill(0)]) },
    ])
    expect(act(3, outside.packet!).redirects).toMatchObject([{ kind: 'route', table: 7 }])
    expect(act(7, outside.packet!).packet).toEqual(inner)
    expect([act(7, inner), act(7, inline.packet!), act(5, inner)].map(run => run.retval)).toEqual([-74, -74, -22])
  })
})

describe('SYN cookies', () => {
  it('come back as valid for two minutes', async () => {
    const loaded = await program(`
__u64 cookie;
__u32 ack_of;
SEC("xdp")
int make(struct xdp_md *ctx)
{
	struct iphdr *ip = (void *)(long)ctx->data + 14;
	struct tcphdr *tcp = (void *)(ip + 1);

	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end)
		return 0;
	cookie = bpf_tcp_raw_gen_syncookie_ipv4(ip, tcp, sizeof(*tcp));
	return cookie >> 32;
}
SEC("xdp")
int check(struct xdp_md *ctx)
{
	struct iphdr *ip = (void *)(long)ctx->data + 14;
	struct tcphdr *tcp = (void *)(ip + 1);

	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end)
		return 1;
	return bpf_tcp_raw_check_syncookie_ipv4(ip, tcp);
}`)
    const ends = { src: '192.0.2.1', dst: '10.0.0.1', sport: 5000, dport: 80 }
    const syn = packet.tcp({ ...ends, seq: 1000 })
    expect(loaded.programs.make!.run({ packet: syn })).toMatchObject({ retval: 536, fault: undefined })
    const cookie = new DataView(section(loaded, '.bss').buffer).getUint32(0, true)
    const check = (ack: number, more: object = {}) =>
      loaded.programs.check!.run({ packet: packet.tcp({ ...ends, seq: 1001, ack, ...more }) }).retval
    expect(check(cookie + 1)).toBe(0)
    expect(check(cookie + 2 ** 20)).toBe(-13)
    expect(check(cookie + 1, { sport: 5001 })).toBe(-13)
    loaded.vm.advance(60_000_000_000)
    expect(check(cookie + 1)).toBe(0)
    loaded.vm.advance(120_000_000_000)
    expect(check(cookie + 1)).toBe(-13)
  })
})

describe('infrared receivers', () => {
  it('report keys, repeats and movements', async () => {
    const { programs } = await program(`
SEC("lirc_mode2")
int decode(unsigned int *sample)
{
	if (*sample == 7)
		bpf_rc_repeat(sample);
	else
		bpf_rc_keydown(sample, 1, *sample, 0);
	bpf_rc_pointer_rel(sample, -1, 2);
	return 0;
}`)
    expect(programs.decode!.run({ ctx: { sample: 42 } }).remote).toEqual([
      { kind: 'key', protocol: 1, scancode: 42n, toggle: 0 },
      { kind: 'move', x: -1, y: 2 },
    ])
    expect(programs.decode!.run({ ctx: { sample: 7 } }).remote![0]).toEqual({ kind: 'repeat' })
  })
})

describe('cgroup arrays', () => {
  it('say whether the current task is below a cgroup', async () => {
    const { vm, programs, maps } = await program(
      `
struct { __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u32); } groups SEC(".maps");
SEC("kprobe/do_nothing")
int under(struct pt_regs *ctx) { return bpf_current_task_under_cgroup(&groups, 1); }
`,
      { task: { cgroupId: 30n, cgroupAncestors: [1n, 20n, 30n] } },
    )
    expect(programs.under!.run().retval).toBe(-11)
    maps.groups!.set(1, 20)
    expect(programs.under!.run().retval).toBe(1)
    vm.env.task.cgroupAncestors = [1n, 30n]
    expect(programs.under!.run().retval).toBe(0)
  })
})

describe('virtual CPUs', () => {
  it('have per-CPU maps and variables of their own', async () => {
    const { vm, programs, maps } = await program(
      `
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } counts SEC(".maps");
SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 key = 0, other = 2;
	__u64 *mine = bpf_map_lookup_elem(&counts, &key);
	__u64 *theirs = bpf_map_lookup_percpu_elem(&counts, &key, other);

	if (mine)
		*mine += 1;
	return theirs ? *theirs : 99;
}`,
      { cpus: 3 },
    )
    for (const cpu of [0, 2, 2, 1]) {
      vm.env.cpu = cpu
      programs.count!.run()
    }
    expect(maps.counts!.getPerCpu(0)).toEqual([1n, 1n, 2n])
    expect(programs.count!.run().retval).toBe(2)
  })
})

describe('routes', () => {
  it('bpf_fib_lookup follows the longest prefix to a neighbour', async () => {
    const { vm, programs } = await program(`
SEC("xdp")
int forward(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct bpf_fib_lookup route = { .family = 2, .ifindex = ctx->ingress_ifindex };
	long result;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	route.tot_len = bpf_ntohs(ip->tot_len);
	route.ipv4_src = ip->saddr;
	route.ipv4_dst = ip->daddr;
	result = bpf_fib_lookup(ctx, &route, sizeof(route), 0);
	if (result)
		return 100 + result;
	__builtin_memcpy(eth->h_dest, route.dmac, 6);
	__builtin_memcpy(eth->h_source, route.smac, 6);
	return bpf_redirect(route.ifindex, 0);
}`)
    const send = (dst: string, size = 10) => programs.forward!.run({ packet: packet.udp({ dst, payload: new Uint8Array(size) }) })
    expect(send('10.1.2.3').retval).toBe(104)
    const { devices, routes, neighbours } = vm.env
    routes.push(
      { destination: '10.0.0.0/8', ifindex: 3, gateway: '192.0.2.1' },
      { destination: '10.1.0.0/16', ifindex: 4 },
      { destination: '10.2.0.0/16', ifindex: 0, type: 'blackhole' },
      { destination: '0.0.0.0/0', ifindex: 5, mtu: 200 },
    )
    neighbours.push({ address: '192.0.2.1', mac: '02:00:00:00:00:99' })
    expect(send('10.1.2.3').retval).toBe(107)
    expect(send('10.2.2.3').retval).toBe(101)
    expect(send('8.8.8.8', 300).retval).toBe(108)
    const run = send('10.9.9.9')
    expect(run).toMatchObject({ verdict: 'XDP_REDIRECT', redirects: [{ ifindex: 3 }], fault: undefined })
    expect([...run.packet!.subarray(0, 6)]).toEqual([2, 0, 0, 0, 0, 0x99])
    // Once there are devices, the one a packet came in by must be among them: -ENODEV.
    devices.set(3, { mtu: 1500 })
    expect(send('10.9.9.9').retval).toBe(100 - 19)
    devices.set(1, { mtu: 1500 })
    expect(send('10.9.9.9').verdict).toBe('XDP_REDIRECT')
  })
})
