/** What a test sees of a run from outside as the kernel shows it: fields of its own in map values, metadata, devices, read-only packets. */
import { describe, expect, it } from 'vitest'
import { load } from '../../../index.js'

const HEADERS = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
char LICENSE[] SEC("license") = "GPL";
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, u64 flags, struct bpf_dynptr *ptr) __ksym;
extern bool bpf_dynptr_is_rdonly(const struct bpf_dynptr *ptr) __ksym;
`
const program = (text: string) => load(`${HEADERS}${text}`, { verify: false })
const packet = new Uint8Array(64).fill(7)

describe('fields of the kernel in map values', () => {
  it.each(['ARRAY', 'HASH', 'PERCPU_ARRAY'])('are zero from outside, whatever the program sees (%s)', async type => {
    const { programs, maps } = await program(`
struct value { u32 before; struct bpf_spin_lock lock; struct task_struct __kptr *task; struct { struct bpf_timer timer; u64 after; } inner[2]; };
struct { __uint(type, BPF_MAP_TYPE_${type}); __uint(max_entries, 1); __type(key, u32); __type(value, struct value); } values SEC(".maps");
SEC("tc") int fill(struct __sk_buff *skb)
{
	u32 key = 0;
	struct value *value = bpf_map_lookup_elem(&values, &key);
	if (!value)
		return 1;
	__builtin_memset(value, 0x11, sizeof *value);
	return 0;
}
SEC("tc") int peek(struct __sk_buff *skb)
{
	u32 key = 0;
	struct value *value = bpf_map_lookup_elem(&values, &key);
	return value ? *(u32 *)&value->lock : -1;
}`)
    const key = new Uint8Array(4)
    const { raw } = maps['values']!
    const bytes = new Uint8Array(raw.map.def.valueSize)
    if (type === 'HASH') raw.set(key, bytes)
    expect(programs['fill']!.run({ packet }).retval).toBe(0)
    bytes.fill(0x11)
    bytes.fill(0, 4, 16)
    bytes.fill(0, 16, 32)
    bytes.fill(0, 40, 56)
    const seen = [raw.get(key), [...raw.entries()][0]![1], raw.lookupBatch({ count: 5 }).values[0]?.subarray(0, bytes.length)]
    for (const each of seen) expect([...each!]).toEqual([...bytes])
    expect(programs['peek']!.run({ packet }).retval).toBe(0x11111111)
    // What is written from outside does not reach them: a lock in an array stays, an element of a hash map is a new one.
    raw.set(key, new Uint8Array(bytes.length).fill(0x22))
    expect(programs['peek']!.run({ packet }).retval).toBe(type === 'HASH' ? 0 : 0x11111111)
    expect(raw.get(key)![0]).toBe(0x22)
  })
})

describe('packets', () => {
  it('XDP metadata is part of the result', async () => {
    const { programs } = await program(`
SEC("xdp") int prog(struct xdp_md *ctx)
{
	u32 *meta;
	if (bpf_xdp_adjust_meta(ctx, -4))
		return 1;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return 1;
	*meta = 0x04030201;
	return 2;
}
SEC("xdp") int plain(struct xdp_md *ctx) { return 2; }`)
    const result = programs['prog']!.run({ packet })
    expect([...result.metadata!]).toEqual([1, 2, 3, 4])
    expect([...result.packet!]).toEqual([...packet])
    expect(programs['plain']!.run({ packet }).metadata).toBeUndefined()
  })

  it('are read-only through dynptrs where the type may not write them', async () => {
    const source = (section: string) => `
SEC("${section}") int prog(struct __sk_buff *skb)
{
	struct bpf_dynptr ptr;
	u8 byte = 9;
	bpf_dynptr_from_skb(skb, 0, &ptr);
	return bpf_dynptr_is_rdonly(&ptr) * 2 + (bpf_dynptr_write(&ptr, 0, &byte, 1, 0) == 0);
}`
    for (const [section, answer] of [
      ['tc', 1],
      ['cgroup_skb/egress', 2],
      ['socket', 2],
    ] as const)
      expect((await program(source(section))).programs['prog']!.run({ packet }).retval).toBe(answer)
  })

  it('are cloned only to devices that exist', async () => {
    const { programs, vm } = await program(
      'SEC("tc") int prog(struct __sk_buff *skb) { return bpf_clone_redirect(skb, skb->mark, 0); }',
    )
    const run = (mark: number) => programs['prog']!.run({ packet, ctx: { mark } }).retval
    expect([run(0), run(5)]).toEqual([-22, 0])
    vm.env.devices.set(1, { mtu: 1500 })
    expect([run(1), run(5)]).toEqual([0, -22])
  })
})

describe('read-only data', () => {
  const source = `
const volatile u32 limit = 3;
const volatile struct { u8 bytes[4]; u64 wide; } pair = { { 1, 2, 3, 4 }, 5 };
const volatile bool strict;
SEC("tc") int check(struct __sk_buff *skb)
{
	u32 parts[4] = {};
	if (strict && limit > 3)
		return -1;
	return limit + pair.bytes[1] + pair.wide;
}`
  it('is set before the program is verified', async () => {
    const { programs, vm } = await load(`${HEADERS}${source}`, {
      constants: { limit: 100, pair: { bytes: [0, 50], wide: 7n } },
      engine: 'compiled',
    })
    expect(programs['check']!.run({ packet }).retval).toBe(157)
    expect(vm.program('check').notCompiled).toBeUndefined()
    await expect(load(`${HEADERS}${source}`, { constants: { limits: 1 } })).rejects.toThrow(
      'there is no constant limits; read-only variables (const volatile) are',
    )
  })

  it('that is changed after the verdict takes the verdict away: the interpreter checks what was not verified', async () => {
    const { programs, maps, vm } = await load(`${HEADERS}${source}`, { engine: 'compiled' })
    const { raw } = Object.values(maps).find(map => map.name.endsWith('.rodata'))!
    const key = new Uint8Array(4)
    raw.set(key, raw.get(key)!)
    expect(programs['check']!.run({ packet }).retval).toBe(10)
    expect(vm.program('check').notCompiled).toBeUndefined()
    raw.set(
      key,
      raw.get(key)!.map(byte => (byte === 3 ? 4 : byte)),
    )
    expect(vm.program('check').notCompiled).toBe('read-only data was changed after the verdict')
    expect(programs['check']!.run({ packet }).retval).toBe(11)
  })
})
