/** Coverage, profile and stepping. */
import { describe, expect, it } from 'vitest'
import { load } from '../../../index.js'
import { coverageTable, lcov, profile } from '../../../runtime/vm/coverage.js'
import { Vm } from '../../../runtime/vm/vm.js'
import { object, program, vmOf } from './bare.js'

function counted(): Vm {
  const prepared = object({
    main: { insns: program('r0 = 0; r1 = 3; l: r0 += r1; r1 += -1; if r1 != 0 goto l; if r0 != 6 goto +1; exit; r0 = 1; exit') },
  })
  const lineInfo = [0, 2, 4, 5, 6, 7].map((slot, index) => ({ slot, path: 'a.c', line: 10 + index, column: 1, text: '' }))
  return new Vm({ ...prepared, programs: [{ ...prepared.programs[0]!, lineInfo }] }, { coverage: true })
}

describe('coverage', () => {
  it('counts lines and branches', () => {
    const vm = counted()
    vm.program('main').run()
    expect(lcov([vm.program('main').coverage])).toBe(
      [
        'TN:',
        'SF:a.c',
        'BRDA:12,0,0,1',
        'BRDA:12,0,1,2',
        'BRDA:13,0,0,1',
        'BRDA:13,0,1,0',
        'BRF:4',
        'BRH:3',
        'DA:10,1',
        'DA:11,3',
        'DA:12,3',
        'DA:13,1',
        'DA:14,1',
        'DA:15,0',
        'LF:6',
        'LH:5',
        'end_of_record',
        '',
      ].join('\n'),
    )
    expect(coverageTable([vm.program('main').coverage])).toBe('file  lines         branches\na.c   83.3 % (5/6)  75.0 % (3/4)\n')
    expect(profile([vm.program('main').coverage]).slice(0, 2)).toEqual([
      { path: 'a.c', line: 11, insns: 6 },
      { path: 'a.c', line: 12, insns: 3 },
    ])
    expect(() => vmOf('exit').program('main').coverage).toThrow('coverage')
  })

  it('adds up the copies of a line that was inlined', async () => {
    const { vm, programs } = await load(
      `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
__u64 counts[4];
static __attribute__((always_inline)) void count(__u32 which)
{
	__u64 *at = &counts[which & 3];
	if (*at < 100)
		*at += 1;
}
SEC("xdp")
int main(struct xdp_md *ctx)
{
	count(ctx->rx_queue_index);
	if (ctx->ingress_ifindex == 7)
		count(ctx->ingress_ifindex);
	count(ctx->rx_queue_index + 1);
	return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
`,
      { coverage: true, kernels: ['6.18'] },
    )
    for (const ingress_ifindex of [1, 7, 1]) programs.main!.run({ ctx: { ingress_ifindex } })
    const lines = vm.program('main').coverage.files[0]!.lines
    // Two calls in each of three runs, and one more in one of them.
    expect([6, 7, 8].map(line => lines.get(line)?.count)).toEqual([7, 7, 7])
    expect(lines.get(14)!.count).toBe(3)
  })

  it('steps through a run with registers and memory', () => {
    const seen: string[] = []
    const vm = vmOf('r0 = 5; *(u64 *)(r10 - 8) = r0; r0 += 1; exit', [], { engine: 'compiled' })
    vm.program('main').run({
      onStep: step =>
        seen.push(`${step.slot} ${step.register(0)} ${step.read(step.register(10) - 8n, 8)![0]} ${step.read(0n, 1)}`),
    })
    expect(seen).toEqual(['0 0 0 undefined', '1 5 0 undefined', '2 5 5 undefined', '3 6 5 undefined'])
  })
})
