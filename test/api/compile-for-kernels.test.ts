/** The loop between compiler and verifier, with judges that refuse on purpose; and the command around it. */
import { describe, expect, it } from 'vitest'
import { compileForKernels } from '../../api/compile-for-kernels.js'
import {
  bundledBtf,
  defaultOptions,
  type Judge,
  kernelProfile,
  LayeredHost,
  MemoryHost,
  shippedHeaders,
  verifyProgram,
} from '../../index.js'
import { bpfc } from '../support/cli.js'

const source = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32); } counts SEC(".maps");
static __attribute__((noinline)) __u32 shared(__u32 value) { return value > 9 ? value * 3 : value + 1; }
SEC("xdp") int first(struct xdp_md *ctx) { return shared(ctx->ingress_ifindex) & 1; }
SEC("xdp") int second(struct xdp_md *ctx) { return shared(ctx->rx_queue_index) & 2; }
SEC("xdp") int alone(struct xdp_md *ctx)
{
	__u32 key = ctx->rx_queue_index, *count = bpf_map_lookup_elem(&counts, &key);
	return count ? *count * 5 : 0;
}
`
const kernels = [kernelProfile('6.12')!, kernelProfile('6.18')!]
const host = new LayeredHost([new MemoryHost({ '/x.bpf.c': source }), shippedHeaders()])
const run = (judge?: Judge) =>
  compileForKernels(host, '/x.bpf.c', defaultOptions(), {}, { kernels, kernelBtf: bundledBtf(), ...(judge && { judge }) })

/** Says no to the program until it has been asked about it often enough, our verifier's answer to everything else. */
function refusing(name: string, times: number): Judge {
  let asked = 0
  return (object, program, kernel) => {
    const verdict = verifyProgram(object, program, { kernel, logLevel: 0 })
    return program.name === name && kernel.version === '6.12' && asked++ < times
      ? { ...verdict, verdict: 'rejected', message: 'made to refuse' }
      : verdict
  }
}

describe('compileForKernels', () => {
  it('gives the usual object where nothing is refused', () => {
    const { result, care, open } = run()
    expect(open).toEqual([])
    expect(care.size).toBe(0)
    expect(result.object).toEqual(run(() => ({ ...accepted, verdict: 'accepted' })).result.object)
  })
  const accepted = verifyProgram(run().prepared!, run().prepared!.programs[0]!, { kernel: kernels[0]!, logLevel: 0 })

  it('takes more care, step by step, of what is refused and of all that shares its subprograms', () => {
    const { care, refusedFirst, open, prepared } = run(refusing('first', 2))
    expect(open).toEqual([])
    expect([...care]).toEqual([
      ['first', 2],
      ['second', 2],
    ])
    expect(refusedFirst.get('first')!.verdict.message).toBe('made to refuse')
    const halves = (name: string) => {
      const { insns } = prepared!.programs.find(program => program.name === name)!
      return [...Array(insns.length).keys()].filter(slot => [0x04, 0x06].includes(insns.code[slot]! & 0x07)).length
    }
    expect(halves('first')).toBe(0)
    expect(halves('alone')).toBeGreaterThan(0)
  })

  it('gives up when nothing more careful is left', () => {
    const { care, open } = run(refusing('alone', 99))
    expect([...care]).toEqual([['alone', 2]])
    expect(open.map(({ program, kernel }) => `${program.name} ${kernel.version}`)).toEqual(['alone 6.12'])
  })

  it('does not try again for what is not implemented', () => {
    let asked = 0
    const { care, open } = run((object, program, kernel) => {
      asked++
      return { ...verifyProgram(object, program, { kernel, logLevel: 0 }), verdict: 'not-implemented', message: 'unknown' }
    })
    expect(care.size).toBe(0)
    expect(asked).toBe(6)
    expect(open).toHaveLength(6)
  })
})

describe('bpfc build --for-kernel', () => {
  it('writes the object that the kernels accept', async () => {
    const { code, written, err } = await bpfc(['build', 'x.bpf.c', '--for-kernel', '6.12,6.18'], { 'x.bpf.c': source })
    expect([code, err]).toEqual([0, ''])
    expect([...written.keys()]).toEqual(['x.bpf.o'])
  })

  it('explains and writes nothing when no way of compiling helps', async () => {
    const bad =
      '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nSEC("xdp") int bad(struct xdp_md *ctx) { return *(char *)(long)ctx->data; }\n'
    const { code, written, err } = await bpfc(['build', 'x.bpf.c', '--for-kernel', '6.12'], { 'x.bpf.c': bad })
    expect(code).toBe(1)
    expect(written.size).toBe(0)
    expect(err).toMatch(/error\[V0201\].*\[bad, 6\.12, tried with the usual optimisations; control flow as written/)
    expect(err).toContain('x.bpf.c:3')
  })

  it.each([
    [['--for-kernel', '2.4'], '--for-kernel 2.4: must be of'],
    [['--for-kernel', '6.12', '--emit', 'asm'], '--for-kernel goes with objects'],
  ])('%j is a usage error', async (words, message) => {
    const { code, err } = await bpfc(['build', 'x.bpf.c', ...words], { 'x.bpf.c': source })
    expect(code).toBe(2)
    expect(err).toContain(message)
  })
})
