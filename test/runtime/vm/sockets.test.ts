/** Sockets in the VM's network: lookups, sockmaps, messages, choices, options. The programs are C, verified as 6.18 would. */
import { describe, expect, it } from 'vitest'
import { load, packet } from '../../../index.js'
import { MapType } from '../../../runtime/vm/maps/map.js'
import { mapDef, vmOf } from './bare.js'

const HEADERS = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
`
const program = (text: string) => load(`${HEADERS}${text}`, { kernels: ['6.18'] })
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (from: Uint8Array | undefined) => from && new TextDecoder().decode(from)

describe('lookups', () => {
  const source = `
SEC("tc")
int find(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4 = { .saddr = bpf_htonl(0x0a000001), .daddr = bpf_htonl(0x0a000002),
						  .sport = bpf_htons(4000), .dport = bpf_htons(80) } };
	struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	int state;

	if (!sk)
		return -1;
	state = sk->state << 16 | sk->src_port;
	bpf_sk_release(sk);
	return state;
}
`
  const established = 1
  const listening = 10

  it('find the connection, then who listens at the address, then who listens at all', async () => {
    const { vm, programs } = await program(source)
    const find = () => programs.find!.run({ packet: packet.tcp() }).retval
    expect(find()).toBe(-1)
    vm.addSocket({ local: '10.0.0.3:80' })
    expect(find()).toBe(-1)
    vm.addSocket({ local: '0.0.0.0:80' })
    expect(find()).toBe((listening << 16) | 80)
    vm.addSocket({ local: '10.0.0.2:80', remote: '10.0.0.1:4000' })
    expect(find()).toBe((established << 16) | 80)
  })

  it('an address that is none is refused', async () => {
    const { vm } = await program(source)
    expect(() => vm.addSocket({ local: '10.0.0.3' })).toThrow("'10.0.0.3' must read ADDRESS:PORT")
  })
})

describe('sk_msg', () => {
  const source = `
struct { __uint(type, BPF_MAP_TYPE_SOCKHASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } peers SEC(".maps");
SEC("sk_msg")
int to_peer(struct sk_msg_md *msg)
{
	__u32 port = bpf_ntohl(msg->remote_port);

	return bpf_msg_redirect_hash(msg, &peers, &port, BPF_F_INGRESS);
}
SEC("sk_msg")
int rewrite(struct sk_msg_md *msg)
{
	char *data;

	if (bpf_msg_push_data(msg, 2, 3, 0) || bpf_msg_pop_data(msg, 0, 1, 0) || bpf_msg_pull_data(msg, 0, 6, 0))
		return SK_DROP;
	data = msg->data;
	if (data + 6 > (char *)msg->data_end)
		return SK_DROP;
	data[1] = data[2] = data[3] = '-';
	bpf_msg_apply_bytes(msg, 5);
	bpf_msg_cork_bytes(msg, 9);
	return SK_PASS;
}
SEC("sk_msg")
int seen(struct sk_msg_md *msg)
{
	return (long)msg->data_end - (long)msg->data;
}
`
  it('sends a message to the socket in the map, or drops it', async () => {
    const { vm, programs, maps } = await program(source)
    const from = vm.addSocket({ local: '10.0.0.1:5000', remote: '10.0.0.2:80' })
    const to = vm.addSocket({ local: '10.0.0.2:80', remote: '10.0.0.1:5000' })
    expect(programs.to_peer!.run({ socket: from, packet: bytes('hello') }).verdict).toBe('SK_DROP')
    maps.peers!.set(80, to.number)
    const run = programs.to_peer!.run({ socket: from, packet: bytes('hello') })
    expect(run).toMatchObject({ verdict: 'SK_PASS', fault: undefined, redirects: [{ kind: 'socket', map: 'peers', key: 80 }] })
    expect(run.redirects[0]!.socket).toBe(to)
    expect(maps.peers!.get(80)).toBe(to.cookie)
  })

  it('changes the message', async () => {
    const { programs } = await program(source)
    const run = programs.rewrite!.run({ packet: bytes('abcdef'), fragments: [4, 2] })
    expect(run).toMatchObject({ fault: undefined, verdict: 'SK_PASS', message: { applyBytes: 5, corkBytes: 9 } })
    expect(text(run.packet)).toBe('b---cdef')
  })

  it('shows the first piece of a message', async () => {
    const { programs } = await program(source)
    expect(programs.seen!.run({ packet: bytes('abcdef'), fragments: [4, 2] }).retval).toBe(4)
    expect(programs.seen!.run({ packet: bytes('abcdef') }).retval).toBe(6)
    expect(programs.seen!.run({}).retval).toBe(0)
    expect(() => programs.seen!.run({ packet: bytes('abcdef'), fragments: [4] })).toThrow('do not make up the 6 bytes')
  })
})

describe('sockmaps from outside', () => {
  const key = (value: number) => Uint8Array.of(value, 0, 0, 0)
  const maps = [
    mapDef({ name: 'map', type: MapType.SOCKMAP, valueSize: 8, maxEntries: 2 }),
    mapDef({ name: 'hash', type: MapType.SOCKHASH, valueSize: 4, maxEntries: 1 }),
    mapDef({ name: 'reuse', type: MapType.REUSEPORT_SOCKARRAY, valueSize: 8, maxEntries: 2 }),
    mapDef({ name: 'reuse2', type: MapType.REUSEPORT_SOCKARRAY, valueSize: 8, maxEntries: 2 }),
  ]
  const long = (value: number) => Uint8Array.of(value, 0, 0, 0, 0, 0, 0, 0)

  it('take sockets by number and answer with the kernel’s errors', () => {
    const vm = vmOf('exit', maps)
    const { map, hash } = vm.maps
    const socket = vm.addSocket({ local: '10.0.0.1:1', remote: '10.0.0.2:2', cookie: 77n })
    const closing = vm.addSocket({ local: '10.0.0.1:1', remote: '10.0.0.2:3', state: 4 })
    expect(() => map!.set(key(0), long(9))).toThrow('errno 9')
    expect(() => map!.set(key(0), long(closing.number))).toThrow('errno 95')
    expect(() => map!.set(key(2), long(socket.number))).toThrow('errno 7')
    expect(() => map!.set(key(0), long(socket.number), 2)).toThrow('errno 2')
    expect(() => map!.set(key(0), long(socket.number), 3)).toThrow('errno 22')
    map!.set(key(0), long(socket.number))
    expect(() => map!.set(key(0), long(socket.number), 1)).toThrow('errno 17')
    expect(map!.get(key(0))).toEqual(long(77))
    expect(map!.delete(key(0))).toBe(true)
    expect(map!.delete(key(0))).toBe(false)
    hash!.set(key(5), key(socket.number))
    expect(() => hash!.set(key(6), key(socket.number))).toThrow('errno 7')
    expect(hash!.get(key(5))).toEqual(key(socket.number))
  })

  it('a reuseport array takes each listener of a group once', () => {
    const vm = vmOf('exit', maps)
    const { reuse, reuse2 } = vm.maps
    const socket = vm.addSocket({ local: '10.0.0.1:80', reuseport: 'web' })
    const alone = vm.addSocket({ local: '10.0.0.1:81' })
    const unix = vm.addSocket({ family: 1 })
    reuse!.set(key(1), long(socket.number))
    expect(() => reuse2!.set(key(0), long(socket.number))).toThrow('errno 16')
    expect(() => reuse2!.set(key(0), long(alone.number))).toThrow('errno 22')
    expect(() => reuse2!.set(key(0), long(unix.number))).toThrow('errno 524')
    expect(() => reuse!.set(key(2), long(socket.number))).toThrow('errno 7')
  })
})

describe('choosing a socket', () => {
  const source = `
struct { __uint(type, BPF_MAP_TYPE_SOCKMAP); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } servers SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } group SEC(".maps");
SEC("sk_lookup")
int steer(struct bpf_sk_lookup *ctx)
{
	__u32 key = ctx->local_port & 1;
	struct bpf_sock *sk;
	long err;

	if (ctx->remote_port == bpf_htons(1))
		return SK_DROP;
	sk = bpf_map_lookup_elem(&servers, &key);
	if (!sk)
		return SK_PASS;
	err = bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return err ? SK_DROP : SK_PASS;
}
SEC("sk_reuseport")
int balance(struct sk_reuseport_md *md)
{
	__u32 key = md->hash & 1;

	return bpf_sk_select_reuseport(md, &group, &key, 0) ? SK_DROP : SK_PASS;
}
`
  it('sk_lookup answers with a listener', async () => {
    const { vm, programs, maps } = await program(source)
    const server = vm.addSocket({ local: '127.0.0.1:7007' })
    const busy = vm.addSocket({ local: '127.0.0.1:7008', remote: '127.0.0.1:1' })
    maps.servers!.set(1, server.number)
    maps.servers!.set(0, busy.number)
    const steer = (dport: number, sport = 9999) => programs.steer!.run({ packet: packet.tcp({ src: '192.0.2.1', sport, dport }) })
    expect(steer(7)).toMatchObject({ verdict: 'SK_PASS', socket: { number: server.number }, fault: undefined })
    expect(steer(8)).toMatchObject({ verdict: 'SK_DROP', socket: undefined })
    expect(steer(7, 1)).toMatchObject({ verdict: 'SK_DROP', socket: undefined })
    expect(() => programs.steer!.run({ packet: packet.icmp() })).toThrow('TCP and UDP packets only')
  })

  it('sk_reuseport picks one of the group', async () => {
    const { vm, programs, maps } = await program(source)
    const [one, two] = [1, 2].map(() => vm.addSocket({ local: '10.0.0.1:80', reuseport: 'web' }))
    const other = vm.addSocket({ local: '10.0.0.9:80', reuseport: 'other' })
    maps.group!.set(1, two!.number)
    const pick = (hash: number, socket = one!) => programs.balance!.run({ packet: packet.tcp(), socket, ctx: { hash } })
    expect(pick(1)).toMatchObject({ verdict: 'SK_PASS', socket: { number: two!.number }, fault: undefined })
    expect(pick(0)).toMatchObject({ verdict: 'SK_DROP', socket: undefined })
    expect(pick(1, other)).toMatchObject({ verdict: 'SK_DROP', socket: undefined })
  })
})

describe('sock_ops', () => {
  const source = `
struct { __uint(type, BPF_MAP_TYPE_SOCKMAP); __uint(max_entries, 2); __type(key, __u32); __type(value, __u32); } known SEC(".maps");
SEC("sockops")
int watch(struct bpf_sock_ops *ops)
{
	__u32 key = 1;
	int mark = 7;
	__u8 option[4] = { 254, 4, 0xeb, 0x9f };
	__u8 find[4] = { 254, 4, 0xeb, 0x9f };

	switch (ops->op) {
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		bpf_setsockopt(ops, 1, 36, &mark, sizeof(mark));
		bpf_sock_ops_cb_flags_set(ops, BPF_SOCK_OPS_STATE_CB_FLAG);
		ops->reply = bpf_sock_map_update(ops, &known, &key, BPF_ANY);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		ops->reply = bpf_sock_map_update(ops, &known, &key, BPF_ANY);
		break;
	case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
		ops->reply = bpf_reserve_hdr_opt(ops, 4, 0);
		break;
	case BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
		ops->reply = bpf_store_hdr_opt(ops, option, sizeof(option), 0);
		break;
	case BPF_SOCK_OPS_PARSE_HDR_OPT_CB:
		ops->reply = bpf_load_hdr_opt(ops, find, sizeof(find), 0);
		break;
	}
	return 1;
}
`
  it('puts connections into maps, sets options and callbacks', async () => {
    const { vm, programs, maps } = await program(source)
    const socket = vm.addSocket({ local: '10.0.0.1:5000', remote: '10.0.0.2:80' })
    expect(programs.watch!.run({ socket, ctx: { op: 4 } })).toMatchObject({ fault: undefined, reply: 0 })
    expect(socket).toMatchObject({ mark: 7, callbacks: 4 })
    expect(maps.known!.get(1)).toBe(socket.number)
    expect(programs.watch!.run({ socket, ctx: { op: 10 } }).reply).toBe(-95 >>> 0)
  })

  it('reserves, writes and reads TCP header options', async () => {
    const { programs } = await program(source)
    const header = new Uint8Array(20)
    expect(programs.watch!.run({ packet: header, ctx: { op: 14 } })).toMatchObject({ fault: undefined, reply: 0, reserved: 4 })
    const written = programs.watch!.run({ packet: header, ctx: { op: 15 } })
    expect([...written.packet!.subarray(20)]).toEqual([254, 4, 0xeb, 0x9f])
    expect(programs.watch!.run({ packet: written.packet!, ctx: { op: 15 } }).reply).toBe(-17 >>> 0)
    expect(programs.watch!.run({ packet: written.packet!, ctx: { op: 13 } }).reply).toBe(4)
    expect(programs.watch!.run({ packet: header, ctx: { op: 13 } }).reply).toBe(-42 >>> 0)
    expect(
      programs.watch!.run({ packet: Uint8Array.from([...header, ...new Uint8Array(40).fill(1)]), ctx: { op: 14 } }).reply,
    ).toBe(-28 >>> 0)
  })
})

describe('cgroup hooks', () => {
  it('setsockopt: the program may change the value, pass the kernel over, refuse', async () => {
    const { programs } = await program(`
SEC("cgroup/setsockopt")
int set(struct bpf_sockopt *ctx)
{
	char *value = ctx->optval;

	if (ctx->level == 6 && ctx->optname == 13) {
		if (value + 5 > (char *)ctx->optval_end)
			return 0;
		value[0] = 'c'; value[1] = 'u'; value[2] = 'b'; value[3] = 'i'; value[4] = 'c';
		ctx->optlen = 5;
	} else if (ctx->level == 1) {
		ctx->optlen = -1;
	}
	return ctx->optname != 99;
}
SEC("cgroup/getsockopt")
int get(struct bpf_sockopt *ctx)
{
	__u8 *value = ctx->optval;

	if (value + 1 > (__u8 *)ctx->optval_end)
		return 0;
	value[0] += 1;
	ctx->retval = 0;
	return 1;
}`)
    const set = (level: number, name: number) => programs.set!.run({ sockopt: { level, name, value: bytes('nv') } })
    expect(set(6, 13)).toMatchObject({ retval: 1, fault: undefined, sockopt: { length: 5, value: bytes('cubic') } })
    expect(set(1, 2).sockopt).toMatchObject({ length: -1, value: new Uint8Array(0) })
    expect(set(0, 99).retval).toBe(0)
    const got = programs.get!.run({ sockopt: { level: 1, name: 2, value: Uint8Array.of(5, 6), length: 8, retval: -22 } })
    expect(got).toMatchObject({ retval: 1, sockopt: { length: 2, value: Uint8Array.of(6, 6), retval: 0 } })
  })

  it('sysctl: name, both values, and another one instead', async () => {
    const { programs } = await program(`
char name[64], base[16], now[8], wanted[8];
long sizes[4];
SEC("cgroup/sysctl")
int sysctl(struct bpf_sysctl *ctx)
{
	char one[] = "1";

	sizes[0] = bpf_sysctl_get_name(ctx, name, sizeof(name), 0);
	sizes[1] = bpf_sysctl_get_name(ctx, base, sizeof(base), BPF_F_SYSCTL_BASE_NAME);
	sizes[2] = bpf_sysctl_get_current_value(ctx, now, sizeof(now));
	sizes[3] = bpf_sysctl_get_new_value(ctx, wanted, sizeof(wanted));
	if (ctx->write)
		bpf_sysctl_set_new_value(ctx, one, 1);
	return 1;
}`)
    const run = (more: object) => programs.sysctl!.run({ sysctl: { name: 'net/ipv4/ip_forward', value: '0\n', ...more } })
    expect(run({ newValue: '2' })).toMatchObject({ retval: 1, fault: undefined, newValue: '1' })
    expect(run({}).newValue).toBeUndefined()
  })
})

describe('flow dissectors', () => {
  it('give the keys they found', async () => {
    const { programs } = await program(`
SEC("flow_dissector")
int dissect(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = skb->flow_keys;
	struct iphdr ip;

	if (keys->n_proto != bpf_htons(0x0800) || bpf_skb_load_bytes(skb, keys->nhoff, &ip, sizeof(ip)))
		return 2;
	keys->addr_proto = 0x0800;
	keys->ipv4_src = ip.saddr;
	keys->ipv4_dst = ip.daddr;
	keys->ip_proto = ip.protocol;
	keys->thoff = 60000;
	return 0;
}`)
    const run = programs.dissect!.run({ packet: packet.udp({ src: '10.0.0.1', dst: '10.0.0.2' }) })
    expect(run).toMatchObject({ retval: 0, fault: undefined })
    const keys = run.packet!
    expect(keys.length).toBe(56)
    expect([...keys.subarray(16, 24)]).toEqual([10, 0, 0, 1, 10, 0, 0, 2])
    expect(keys[9]).toBe(17)
    // An offset behind the packet is pulled back to its end.
    expect(new DataView(keys.buffer, keys.byteOffset).getUint16(2, true)).toBe(
      packet.udp({ src: '10.0.0.1', dst: '10.0.0.2' }).length,
    )
    expect(programs.dissect!.run({ packet: packet.arp({ src: '10.0.0.1', dst: '10.0.0.2' }) }).retval).toBe(2)
  })
})

describe('socket storage', () => {
  it('is one for all structs of a socket, and reachable from outside', async () => {
    const { vm, programs, maps } = await program(`
struct { __uint(type, BPF_MAP_TYPE_SK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, __u64); } seen SEC(".maps");
SEC("sockops")
int count(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk = ops->sk;
	__u64 *value = sk ? bpf_sk_storage_get(&seen, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE) : NULL;

	if (value)
		*value += 1;
	return 1;
}
SEC("fentry/tcp_close")
int BPF_PROG(closed, struct sock *sk)
{
	__u64 *value = bpf_sk_storage_get(&seen, sk, NULL, 0);

	if (value)
		*value += 100;
	return 0;
}`)
    const socket = vm.addSocket({ local: '10.0.0.1:5000', remote: '10.0.0.2:80' })
    expect(maps.seen!.get(socket.number)).toBeUndefined()
    programs.count!.run({ socket })
    programs.count!.run({ socket })
    expect(programs.closed!.run({ args: [socket.kernel()] }).fault).toBeUndefined()
    expect(maps.seen!.get(socket.number)).toBe(102n)
    maps.seen!.set(socket.number, 7n)
    programs.count!.run({ socket })
    expect(maps.seen!.get(socket.number)).toBe(8n)
    expect(maps.seen!.delete(socket.number)).toBe(true)
    expect(maps.seen!.get(socket.number)).toBeUndefined()
    expect(() => maps.seen!.set(99, 1n)).toThrow('errno 9')
  })
})
