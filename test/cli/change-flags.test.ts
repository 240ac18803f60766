/** `--map-size`, `--const` and `--section` of run, check and test: what a loader changes before it loads. */
import { describe, expect, it } from 'vitest'
import { bpfc } from '../support/cli.js'

const source = `
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
const volatile u32 limit = 5000;
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __type(key, u32); __type(value, u64); } slots SEC(".maps");
SEC("xdp") int prog(struct xdp_md *ctx)
{
	char text[16] = {};
	u32 key = 3;
	u64 *value = bpf_map_lookup_elem(&slots, &key);
	if (limit >= sizeof(text))
		return *(volatile char *)(long)limit;
	return value ? text[limit] + 2 : 1;
}`
const files = { 'p.bpf.c': source }

describe('flags for what a loader changes', () => {
  it.each<[string[], number, string]>([
    [['run', 'p.bpf.c'], 1, 'map slots (array): it has no max_entries'],
    [['run', 'p.bpf.c', '--map-size', 'slots=4', '--const', 'limit=1', '--no-maps'], 0, 'run 1: 2 (XDP_PASS)'],
    [['run', 'p.bpf.c', '--map-size', 'slots=2', '--const', 'limit=1', '--no-maps'], 0, 'run 1: 1 (XDP_DROP)'],
    [['run', 'p.bpf.c', '--map-size', 'slots=4', '--const', 'limit=1', '--section', 'prog=tc', '--no-maps'], 0, 'run 1: 2  '],
    [['check', 'p.bpf.c', '--no-object', '--kernel', '6.12'], 1, 'rejected'],
    [['check', 'p.bpf.c', '--no-object', '--kernel', '6.12', '--const', 'limit=1'], 0, '1 accepted'],
    [['run', 'p.bpf.c', '--map-size', 'slot=4'], 2, 'there is no map slot; there are slots'],
    [['run', 'p.bpf.c', '--map-size', 'slots=4,value=8', '--const', 'limit=1', '--no-maps'], 0, 'run 1: 2 (XDP_PASS)'],
    [
      ['run', 'p.bpf.c', '--map-size', 'slots=4,key=8', '--const', 'limit=1'],
      1,
      'cannot create map slots (array): the kernel refuses',
    ],
    [['run', 'p.bpf.c', '--map-size', 'slots=many'], 2, 'It should read MAP=N'],
    [
      ['check', 'p.bpf.c', '--const', 'limits=4'],
      2,
      'there is no constant limits; read-only variables (const volatile) are limit',
    ],
    [['check', 'p.bpf.c', '--const', 'limit={'], 2, 'The value is JSON'],
    [['check', 'p.bpf.c', '--section', 'prog=xpd'], 2, 'program prog: section xpd names no program type'],
  ])('%j: %d, %s', async (args, code, text) => {
    const run = await bpfc(args, files)
    expect(run.out + run.err).toContain(text)
    expect(run.code).toBe(code)
  })

  it('are in test files for all cases, or for one', async () => {
    const cases = [
      { name: 'as the file says', runs: [{ verdict: 'XDP_PASS' }] },
      { name: 'other', load: { maps: { slots: { maxEntries: 1 } } }, runs: [{ verdict: 'XDP_DROP' }] },
      { name: 'wrong', load: { maps: { slot: {} } }, runs: [{}] },
    ]
    const load = { maps: { slots: { maxEntries: 4 } }, constants: { limit: 0 } }
    const { code, out } = await bpfc(['test', 'p.test.json'], { ...files, 'p.test.json': JSON.stringify({ load, cases }) })
    expect(out).toContain('3 cases, 2 passed, 1 failed')
    expect(out).toContain('there is no map slot; there are slots')
    expect(code).toBe(1)
  })
})
