/** What a loader changes between opening and loading an object, and objects that share maps. */
import { describe, expect, it } from 'vitest'
import { load, type LoadOptions, packet } from '../../index.js'

const HEAD = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
`

const AGENT = `${HEAD}
const volatile u32 own = 1;
struct { __uint(type, BPF_MAP_TYPE_HASH); __type(key, u32); __type(value, u64); } seen SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2); __type(key, int); __type(value, int); } outer SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, int);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} jumps SEC(".maps");
SEC("xdp") int count(struct xdp_md *ctx)
{
	u32 key = own, zero = 0;
	u64 one = 1, *value = bpf_map_lookup_elem(&seen, &key);
	if (value)
		*value += 1;
	else
		bpf_map_update_elem(&seen, &key, &one, 0);
	bpf_map_lookup_elem(&outer, &zero);
	bpf_tail_call(ctx, &jumps, 1);
	return XDP_PASS;
}
SEC("?fentry/no_such_function") int BPF_PROG(traced) { return 0; }
SEC("?xdp") int unsafe(struct xdp_md *ctx) { return *(char *)(long)ctx->data; }
SEC("?xdp") int late(struct xdp_md *ctx) { return own; }
`

const sizes = { seen: { maxEntries: 8 }, outer: { inner: 'seen' } } satisfies LoadOptions['maps']
const input = packet.udp({})

describe('changes before loading', () => {
  it.each(['checked', 'compiled'] as const)('are made before the verifier is asked (%s)', async engine => {
    const { programs, maps, vm } = await load(AGENT, { engine, maps: sizes, constants: { own: 9 } })
    expect(programs['count']!.run(input).verdict).toBe('XDP_PASS')
    expect([...maps['seen']!.entries()]).toEqual([[9, 1n]])
    expect(vm.program('count').notCompiled).toBe(engine === 'compiled' ? undefined : 'the engine is the interpreter')
  })

  it('a map without max_entries is refused as the kernel does, and the message says what to do', async () => {
    await expect(load(AGENT, { maps: { outer: sizes.outer } })).rejects.toThrow(
      'cannot create map seen (hash): it has no max_entries, which its loader has to set',
    )
  })

  it('types and sizes', async () => {
    const { maps } = await load(AGENT, {
      verify: false,
      maps: { ...sizes, seen: { type: 'percpu_array', maxEntries: 2, keySize: 4, valueSize: 12 } },
    })
    expect(maps['seen']!.raw.get(new Uint8Array(4))).toEqual(new Uint8Array(12))
  })

  it('a program of a section ?… is asked about when it is run', async () => {
    const { programs } = await load(AGENT, { maps: sizes, constants: { own: 4 } })
    expect(programs['late']!.run(input).retval).toBe(4)
    expect(() => programs['unsafe']!.run(input)).toThrow(/rejects unsafe/)
    await expect(load(AGENT, { maps: sizes, programs: { unsafe: { autoload: true } } })).rejects.toThrow(/rejects unsafe/)
  })

  it('programs are left out, and attach to something else', async () => {
    const { programs } = await load(AGENT, {
      maps: sizes,
      programs: { traced: { attachTo: 'vfs_read' }, late: { autoload: false } },
    })
    expect(programs['traced']!.run({ args: [0, 0, 0, 0], result: 0 }).fault).toBeUndefined()
    expect(() => programs['late']!.run(input)).toThrow('late was not loaded: autoload is false')
    const other = await load(AGENT, { maps: sizes, programs: { late: { section: 'tc' } } })
    expect(other.programs['late']!.run(input).verdict).toBe('TC_ACT_RECLASSIFY')
  })

  it.each<[LoadOptions, string]>([
    [{ maps: { sean: { maxEntries: 1 } } }, 'there is no map sean; there are seen, outer, jumps'],
    [{ maps: { seen: { maxEntries: -1 } } }, 'maxEntries of map seen must be a whole number of 32 bits, not -1'],
    [{ maps: { seen: { type: 'hashes' as 'hash' } } }, 'there is no map type hashes'],
    [{ maps: { outer: { inner: 'sean' } } }, 'there is no map sean to be the inner map of outer'],
    [{ programs: { counts: { autoload: false } } }, 'there is no program counts; there are count'],
    [{ programs: { count: { section: 'xpd' } } }, 'program count: section xpd names no program type'],
  ])('%o: %s', async (options, message) => {
    await expect(load(AGENT, options)).rejects.toThrow(message)
  })
})

describe('objects of other loaders than libbpf', () => {
  it('are loaded: pinnings and sections of their own, perf event arrays of which only the type is said', async () => {
    const { programs, maps } = await load(`${HEAD}
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, u32); __uint(pinning, 16); } own SEC(".maps");
SEC("tc/entry") int handle(struct __sk_buff *skb)
{
	u32 key = 0, *value = bpf_map_lookup_elem(&own, &key);

	bpf_perf_event_output(skb, &events, BPF_F_CURRENT_CPU, &key, sizeof(key));
	return value ? *value : -1;
}`)
    expect(programs['handle']!.run(input).verdict).toBe('TC_ACT_OK')
    expect(maps['events']!.consume()).toEqual([new Uint8Array(4)])
  })
})

describe('objects beside each other', () => {
  const OTHER = `${HEAD}
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, u32); __type(value, u64); } mine SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, int);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} jumps SEC(".maps");
u32 calls;
SEC("xdp") int next(struct xdp_md *ctx)
{
	u32 key = 1;
	u64 *value = bpf_map_lookup_elem(&mine, &key);
	calls++;
	return value && *value == 2 ? XDP_TX : XDP_DROP;
}
`
  it.each(['checked', 'compiled'] as const)('share maps, and program arrays lead from one to the other (%s)', async engine => {
    const first = await load(AGENT, { engine, maps: sizes })
    const second = await load(OTHER, { engine, maps: { mine: first.maps['seen']! } })
    expect(second.maps['mine']!.raw.map).toBe(first.maps['seen']!.raw.map)
    first.maps['jumps']!.set(1, second.vm.programNumber('next'))
    expect([1, 2, 3].map(() => first.programs['count']!.run(input).verdict)).toEqual(['XDP_DROP', 'XDP_TX', 'XDP_DROP'])
    expect(second.maps['mine']!.get(1)).toBe(3n)
    expect(second.globals['calls']!.get()).toBe(3)
    second.globals['calls']!.set(40)
    first.programs['count']!.run(input)
    expect(second.globals['calls']!.get()).toBe(41)
  })

  it('refuses a pinned map that is not as defined, options of the world, and maps of another one', async () => {
    const { vm } = await load(AGENT, { maps: sizes })
    const larger = { jumps: { maxEntries: 3 } }
    await expect(load(OTHER, { beside: vm, maps: larger })).rejects.toThrow('cannot take the existing map jumps for jumps')
    await expect(load(OTHER, { beside: vm, cpus: 2 })).rejects.toThrow('cpus is of the whole world')
    const { maps } = await load(OTHER)
    await expect(load(OTHER, { beside: vm, maps: { mine: maps['mine']! } })).rejects.toThrow('map mine is of another VM')
  })
})
