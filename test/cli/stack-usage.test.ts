/** `bpfc build --stack-usage`: own frames, deepest chains, and the locals that take the space. */
import { expect, it } from 'vitest'
import { bpfc } from '../support/cli.js'

const source = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
static __attribute__((noinline)) int leaf(void *from) { char copy[40]; bpf_probe_read_kernel(copy, sizeof(copy), from); return copy[3]; }
__attribute__((noinline)) int middle(__u64 x)
{
	struct { char name[96]; __u64 rest[2]; } big = {};
	bpf_get_current_comm(big.name, sizeof(big.name));
	return leaf((void *)x) + big.name[x & 63];
}
SEC("kprobe/x") int prog(void *ctx) { return middle(bpf_get_current_pid_tgid()); }
char LICENSE[] SEC("license") = "GPL";
`

it('prints the deepest chain first', async () => {
  const { code, out } = await bpfc(['build', 'x.bpf.c', '--stack-usage'], { 'x.bpf.c': source })
  expect(code).toBe(0)
  expect(out).toBe(`x.bpf.c: bytes of stack, own frame and deepest chain of calls; the limit is 512
  own deepest  function
   32     224  prog -> middle -> leaf
  128     192  middle -> leaf  (big 112)
   64      64  leaf  (copy 40)
`)
})

it('gives machines one object a line', async () => {
  const { out } = await bpfc(['build', 'x.bpf.c', '--stack-usage', 'json'], { 'x.bpf.c': source })
  const lines = out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(lines.map(({ function: name, own, deepest, chain }) => [name, own, deepest, chain.length])).toEqual([
    ['prog', 32, 224, 3],
    ['middle', 128, 192, 2],
    ['leaf', 64, 64, 1],
  ])
  expect(lines[1].frame).toEqual([{ name: 'big', bytes: 112 }])
})

it('goes with objects only', async () => {
  const { code, err } = await bpfc(['build', 'x.bpf.c', '--stack-usage', '--emit', 'ir'], { 'x.bpf.c': source })
  expect(code).toBe(2)
  expect(err).toContain('--stack-usage goes with objects')
})
