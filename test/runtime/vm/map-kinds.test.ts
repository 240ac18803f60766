/** Stack traces, user ring buffers, struct_ops, and batches of map operations. */
import { describe, expect, it } from 'vitest'
import { load } from '../../../index.js'
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { MapType } from '../../../runtime/vm/maps/map.js'
import { jhash2 } from '../../../runtime/vm/maps/stack-trace.js'
import { mapDef, vmOf } from './bare.js'

const HEADERS = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
`
const program = (text: string) => load(`${HEADERS}${text}`, { kernels: ['6.18'] })

const key = (value: number) => Uint8Array.of(value & 255, (value >> 8) & 255, 0, 0)
const long = (value: number) => Uint8Array.of(value, 0, 0, 0, 0, 0, 0, 0)
const ENOENT = 2
const ENOSPC = 28
const EINVAL = 22
const ENOTSUPP = 524

describe('stack traces', () => {
  const source = `
struct { __uint(type, BPF_MAP_TYPE_STACK_TRACE); __uint(max_entries, 4); __uint(key_size, 4); __uint(value_size, 32); } stacks SEC(".maps");
__u64 buffer[3];
SEC("kprobe/do_nothing")
int id(struct pt_regs *ctx) { return bpf_get_stackid(ctx, &stacks, 1); }
SEC("kprobe/do_nothing")
int user(struct pt_regs *ctx) { return bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK | BPF_F_REUSE_STACKID); }
SEC("kprobe/do_nothing")
int copy(struct pt_regs *ctx) { return bpf_get_stack(ctx, buffer, sizeof(buffer), BPF_F_USER_STACK); }
`
  it('one stack is one entry, another in its place is refused or replaces it', async () => {
    const { programs, maps } = await program(source)
    const kernel = [0xffffffff81000000n, 0xffffffff81000010n, 0xffffffff81000020n]
    const id = programs.id!.run({ stack: { kernel } }).retval
    expect(id).toBeGreaterThanOrEqual(0)
    expect(programs.id!.run({ stack: { kernel } }).retval).toBe(id)
    const value = maps.stacks!.raw.get(key(id))!
    expect([...new BigUint64Array(value.buffer)]).toEqual([...kernel.slice(1), 0n, 0n])
    expect(programs.id!.run({}).retval).toBe(-14)
    expect(programs.id!.run({ stack: { kernel: [1n] } }).retval).toBe(-14)
    const answers = Array.from({ length: 16 }, (_, i) => programs.id!.run({ stack: { kernel: [0n, BigInt(i + 1)] } }).retval)
    expect(answers).toContain(-17)
    expect(answers.filter(answer => answer >= 0).length).toBeLessThanOrEqual(4)
    for (let i = 0; i < 16; i++) expect(programs.user!.run({ stack: { user: [BigInt(i + 1)] } }).retval).toBeGreaterThanOrEqual(0)
  })

  it('a copy is as long as the stack, or as the buffer', async () => {
    const { programs } = await program(source)
    const copy = (depth: number) =>
      programs.copy!.run({ stack: { user: Array.from({ length: depth }, (_, i) => BigInt(i)) } }).retval
    expect([copy(0), copy(2), copy(9)]).toEqual([0, 16, 24])
    expect(programs.copy!.run({}).retval).toBe(-14)
  })

  it('hashes as the kernel', () => {
    // Values of jhash2 of include/linux/jhash.h, from a C program.
    expect(jhash2(Int32Array.of(1, 2))).toBe(2337044857)
    expect(jhash2(Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8))).toBe(2228128830)
  })
})

describe('user ring buffers', () => {
  const source = `
struct { __uint(type, BPF_MAP_TYPE_USER_RINGBUF); __uint(max_entries, 4096); } orders SEC(".maps");
__u64 sum;
static long each(struct bpf_dynptr *order, void *ctx)
{
	__u32 *value = bpf_dynptr_data(order, 0, sizeof(*value));

	if (!value)
		return 1;
	sum += *value;
	return *value == 99;
}
SEC("tc")
int drain(struct __sk_buff *skb)
{
	return bpf_user_ringbuf_drain(&orders, each, NULL, 0);
}
`
  it('a program drains what the test puts in, until its callback has enough', async () => {
    const { programs, maps } = await program(source)
    const raw = maps.orders!.raw
    for (const value of [1, 2, 99, 4]) raw.produce(key(value))
    expect(programs.drain!.run()).toMatchObject({ retval: 3, fault: undefined })
    expect(programs.drain!.run().retval).toBe(1)
    expect(programs.drain!.run().retval).toBe(0)
    const bss = maps[Object.keys(maps).find(name => name.endsWith('.bss'))!]!
    expect(new DataView(bss.raw.get(new Uint8Array(4))!.buffer).getUint32(0, true)).toBe(106)
    const fill = () => {
      for (let i = 0; i < 400; i++) raw.produce(key(i))
    }
    expect(fill).toThrow('errno 28')
  })
})

describe('struct_ops', () => {
  it('members are called by name', async () => {
    const { vm } = await load(
      `${HEADERS}
SEC("struct_ops/ssthresh")
__u32 BPF_PROG(halve, struct sock *sk) { return 2; }
SEC("struct_ops/undo")
__u32 BPF_PROG(undo, struct sock *sk) { return 7; }
SEC(".struct_ops")
struct tcp_congestion_ops half = { .ssthresh = (void *)halve, .undo_cwnd = (void *)undo, .name = "half" };
`,
      { verify: false },
    )
    const ops = vm.structOps('half')
    expect(ops.members).toEqual(['ssthresh', 'undo_cwnd'])
    expect(ops.call('ssthresh', [0])).toMatchObject({ retval: 2, fault: undefined })
    expect(ops.call('undo_cwnd', [0]).retval).toBe(7)
    expect(() => ops.call('cong_avoid')).toThrow('half has no program for cong_avoid; it has ssthresh, undo_cwnd')
    const { half } = vm.maps
    half!.set(key(0), new Uint8Array(half!.map.def.valueSize))
    expect(() => half!.set(key(0), new Uint8Array(half!.map.def.valueSize))).toThrow('errno 16')
    expect(half!.delete(key(0))).toBe(true)
  })
})

describe('batches', () => {
  const make = (def: Partial<MapDef> & { type: number }, cpus = 1) =>
    vmOf('exit', [mapDef({ name: 'm', maxEntries: 8, ...def })], { cpus }).maps['m']!

  it('walk a hash map bucket by bucket, to the end', () => {
    const map = make({ type: MapType.HASH })
    const keys = [1, 2, 3, 4, 5, 6].map(key)
    expect(
      map.updateBatch(
        keys,
        keys.map((_, index) => long(index)),
      ),
    ).toEqual({ count: 6, errno: 0 })
    const seen: number[] = []
    let after: Uint8Array | undefined
    for (let rounds = 0; rounds < 20; rounds++) {
      const batch = map.lookupBatch({ count: 4, after })
      seen.push(...batch.keys.map(each => each[0]!))
      expect(batch.values.length).toBe(batch.count)
      after = batch.next
      if (batch.errno === ENOENT) break
      expect(batch.errno).toBe(0)
    }
    expect(seen.sort()).toEqual([1, 2, 3, 4, 5, 6])
    expect(map.lookupBatch({ count: 4, after })).toMatchObject({ count: 0, errno: ENOENT })
    expect(map.lookupBatch({ count: 4, flags: 4 }).errno).toBe(EINVAL)
    expect(map.lookupBatch({ count: 0 })).toMatchObject({ count: 0, errno: 0 })
  })

  it('a bucket that does not fit is ENOSPC', () => {
    const map = make({ type: MapType.HASH, maxEntries: 64 })
    for (let i = 0; i < 60; i++) map.set(key(i), long(i))
    let after: Uint8Array | undefined
    let errno = 0
    for (let rounds = 0; rounds < 64 && errno === 0; rounds++) ({ errno, next: after } = map.lookupBatch({ count: 1, after }))
    expect(errno).toBe(ENOSPC)
  })

  it('lookup and delete empties the map', () => {
    const map = make({ type: MapType.LRU_HASH })
    for (let i = 0; i < 5; i++) map.set(key(i), long(i))
    expect(map.lookupAndDeleteBatch({ count: 8 })).toMatchObject({ count: 5, errno: ENOENT })
    expect([...map.keys()]).toEqual([])
  })

  it('stop where an element is refused', () => {
    const map = make({ type: MapType.HASH, maxEntries: 2 })
    const keys = [1, 2, 3].map(key)
    expect(
      map.updateBatch(
        keys,
        keys.map(() => long(0)),
      ),
    ).toEqual({ count: 2, errno: 7 })
    expect(map.deleteBatch([key(2), key(9), key(1)])).toEqual({ count: 1, errno: ENOENT })
    expect([...map.keys()]).toEqual([key(1)])
  })

  it('arrays have lookup and update only, and go key by key', () => {
    const map = make({ type: MapType.ARRAY, maxEntries: 5 })
    const first = map.lookupBatch({ count: 3 })
    expect(first).toMatchObject({ count: 3, errno: 0, next: key(2) })
    expect(map.lookupBatch({ count: 3, after: first.next })).toMatchObject({ count: 2, errno: ENOENT })
    expect(map.updateBatch([key(1), key(7)], [long(9), long(9)])).toEqual({ count: 1, errno: 7 })
    expect(map.deleteBatch([key(1)])).toEqual({ count: 0, errno: ENOTSUPP })
    expect(map.lookupAndDeleteBatch({ count: 1 }).errno).toBe(ENOTSUPP)
    expect(make({ type: MapType.QUEUE, keySize: 0 }).lookupBatch({ count: 1 }).errno).toBe(ENOTSUPP)
  })

  it('values of per-CPU maps lie one CPU after the other', () => {
    const map = make({ type: MapType.PERCPU_ARRAY, valueSize: 4, maxEntries: 1 }, 2)
    const both = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0)
    expect(map.updateBatch([key(0)], [both])).toEqual({ count: 1, errno: 0 })
    expect(map.getPerCpu(key(0))!.map(value => value[0])).toEqual([1, 2])
    expect(map.lookupBatch({ count: 1 }).values).toEqual([both])
    expect(() => map.updateBatch([key(0)], [long(1)])).toThrow('have 16 bytes')
  })
})
