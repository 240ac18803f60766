/** Objects for loaders with rules of their own, such as Cilium's: libbpf refuses them, `anyLoader` takes them. */
import { describe, expect, it } from 'vitest'
import { compileSource, MemoryHost } from '../../../index.js'
import { openObject } from '../../../linker/object/open.js'
import { prepareObject } from '../../../linker/object/prepare.js'
import { findSectionPrefix } from '../../../linker/object/sections.js'

const source = `#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, int);
  __type(value, int);
  PINNING
} calls SEC(".maps");
SEC("tc/tail") __attribute__((used)) LINKAGE int handle(struct __sk_buff *skb)
{
  int key = 0;
  return bpf_map_lookup_elem(&calls, &key) ? 1 : 0;
}`

function object(pinning: string, linkage: string): Uint8Array {
  const text = source.replace('PINNING', pinning).replace('LINKAGE', linkage)
  return compileSource(new MemoryHost({ '/a.bpf.c': text }), '/a.bpf.c').object!
}

describe('objects of other loaders', () => {
  it.each([
    ['__uint(pinning, 16);', '', /pinning 16 is neither/],
    ['', 'static', /function handle is static/],
  ])('%s %s', (pinning, linkage, words) => {
    const bytes = object(pinning, linkage)
    expect(() => openObject(bytes, 'a.o')).toThrow(words)
    const opened = openObject(bytes, 'a.o', { anyLoader: true })
    expect(opened.programs.map(program => program.name)).toEqual(['handle'])
    expect(prepareObject(opened).programs[0]!.fault).toBe('section tc/tail names no program type')
    expect(prepareObject(opened, { anyLoader: true }).programs[0]).toMatchObject({ type: 3, fault: undefined })
  })

  it.each([
    ['tc/entry', 3],
    ['xdp/tail/7', 6],
    ['?xdp/entry', 6],
    ['fentry/x', 26],
    ['socket1', undefined],
    ['/', undefined],
  ])('section %s', (section, type) => {
    expect(findSectionPrefix(section)?.type).toBe(type)
  })
})
