/** `bpfc check` for kernels that are known by documentation only. */
import { describe, expect, it } from 'vitest'
import { bpfc } from '../support/cli.js'

const plain = `#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }
char _license[] SEC("license") = "GPL";
`
const events = `#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
SEC("xdp") int tell(struct xdp_md *ctx) { long v = 1; bpf_ringbuf_output(&events, &v, 8, 0); return XDP_PASS; }
char _license[] SEC("license") = "GPL";
`

describe('kernels known by documentation', () => {
  it('are marked, and say so', async () => {
    const { out, code } = await bpfc(['check', '--no-object', '--kernel', '5.10,6.18', 'p.bpf.c'], { 'p.bpf.c': plain })
    expect(out).toContain('5.10 accepted*   6.18 accepted')
    expect(out).toContain('* by documentation: no kernel of that version was asked')
    expect(code).toBe(0)
  })

  it('say it in JSON too', async () => {
    const { out } = await bpfc(['check', '--no-object', '--kernel', '5.10,6.18', '--format', 'json', 'p.bpf.c'], {
      'p.bpf.c': plain,
    })
    const rows = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { kernel: string; verdict: string; basis?: string })
    expect(rows.map(row => [row.kernel, row.verdict, row.basis])).toEqual([
      ['5.10', 'accepted', 'documentation'],
      ['6.18', 'accepted', undefined],
    ])
  })

  it('refuse by name and date what they lack, and say what to do', async () => {
    const { out, code } = await bpfc(['check', '--no-object', '--kernel', '5.4,5.10', 'e.bpf.c'], { 'e.bpf.c': events })
    expect(out).toContain("error[V1301]: Maps of type ringbuf ('events') are not in Linux 5.4, but since 5.8 [tell, 5.4]")
    expect(out).toContain('help: use a perf event array')
    expect(code).toBe(1)
  })

  it('are all asked by `all`', async () => {
    const { out } = await bpfc(['check', '--no-object', '--kernel', 'all', 'p.bpf.c'], { 'p.bpf.c': plain })
    for (const version of ['5.4', '5.10', '5.15', '6.1', '6.6', '6.12', '6.18']) expect(out).toContain(`${version} accepted`)
  })
})
