/** `bpfc explain`: logs as loaders print them, with and without the object. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bpfc } from '../support/cli.js'

const source = readFileSync(join(import.meta.dirname, '../runtime/verifier/explain/cases/map-value-index.bpf.c'), 'utf8')
const made = await bpfc(['check', '--kernel', '6.18', '--log-level', '1', 'ports.bpf.c'], { 'ports.bpf.c': source })
const object = made.written.get('ports.bpf.o')!
const log = /^--- count_ports.*\n([\s\S]*?^processed .*\n)/m.exec(made.out)![1]!
const accepted =
  '0: R1=ctx() R10=fp0\n0: (b7) r0 = 0                        ; R0_w=0\n1: (95) exit\nprocessed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n'
const indented = log
  .trimEnd()
  .split('\n')
  .map(line => `\t${line}`)
  .join('\n')

const loaders: readonly (readonly [string, string])[] = [
  ['a bare log', log],
  ['two logs, the first of a program that was accepted', accepted + log],
  [
    'libbpf and bpftool',
    `libbpf: prog 'count_ports': BPF program load failed: Permission denied\nlibbpf: prog 'count_ports': -- BEGIN PROG LOAD LOG --\n${log}-- END PROG LOAD LOG --\nlibbpf: prog 'count_ports': failed to load: -13\nError: failed to load object file\n`,
  ],
  [
    'libbpf before 0.6',
    `libbpf: load bpf program failed: Permission denied\nlibbpf: -- BEGIN DUMP LOG ---\nlibbpf: \n${log}\nlibbpf: -- END LOG --\nlibbpf: failed to load program 'count_ports'\n`,
  ],
  ['cilium/ebpf', `2026/01/01 10:00:00 field CountPorts: program count_ports: load program: permission denied:\n${indented}\n`],
  ['aya', `Error: the BPF_PROG_LOAD syscall failed. Verifier output: ${log}\nCaused by:\n    Permission denied (os error 13)\n`],
  ['one escaped line of a logger', `level=error msg="loading: ${log.replaceAll('\n', '\\n')}"`],
]

describe.each(loaders)('%s', (_name, text) => {
  test('with the object: names, columns, section', async () => {
    const { out, err, code } = await bpfc(['explain', 'log', '--obj', 'ports.bpf.o'], { log: text, 'ports.bpf.o': object })
    expect({ err, code }).toEqual({ err: '', code: 0 })
    expect(out).toContain('error[V0203]: `port` may be up to 65535 here, but `counts` has 1024 elements [count_ports]')
    expect(out).toContain('ports.bpf.c:24:5')
    expect(out).toContain('+     if (port >= 1024) return XDP_PASS;')
  })

  test('without it: what the C lines of the log tell', async () => {
    const { out, code } = await bpfc(['explain', 'log', '--format', 'json'], { log: text })
    expect(code).toBe(0)
    const row = JSON.parse(out)
    expect(row.explanation).toMatchObject({
      code: 'V0203',
      message: '`port` may be up to 65535 here, but `counts` has 1024 elements',
      place: { path: 'ports.bpf.c', line: 24 },
      kernelWords: 'invalid access to map value, value_size=8192 off=524280 size=8',
    })
    expect(row.explanation.path.map((note: { text: string }) => note.text)).toEqual([
      'port = 0..65535',
      'from here port = 1..65535',
    ])
  })
})

test('a log of 5.10, whose numbers are `inv` and whose lines have no numbers', async () => {
  const old = `; __u32 index = ctx->rx_queue_index;
0: (61) r6 = *(u32 *)(r1 +16)
; value = bpf_map_lookup_elem(&counts, &zero);
1: (85) call bpf_map_lookup_elem#1
; if (!value)
2: (15) if r0 == 0x0 goto pc+4
 R0_w=map_value(id=0,off=0,ks=4,vs=256,imm=0) R6_w=inv(id=0,umax_value=4294967295,var_off=(0x0; 0xffffffff)) R10=fp0
; value[index] = 1;
3: (67) r6 <<= 3
4: (0f) r0 += r6
last_idx 4 first_idx 0
5: (7a) *(u64 *)(r0 +0) = 1
 R0_w=map_value(id=0,off=0,ks=4,vs=256,umax_value=34359738360,var_off=(0x0; 0x7fffffff8)) R6_w=invP(id=0,umax_value=34359738360,var_off=(0x0; 0x7fffffff8)) R10=fp0
R0 unbounded memory access, make sure to bounds check any such access
processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 1
`
  const { out } = await bpfc(['explain', 'log'], { log: old })
  expect(out).toContain('error[V0203]: `index`')
  expect(out).toContain('| value[index] = 1;')
  expect(out).not.toContain('-->')
})

test('an object that is not the one of the log is not believed', async () => {
  const other = await bpfc(['build', 'other.bpf.c'], {
    'other.bpf.c':
      '#include <vmlinux.h>\n#include <bpf/bpf_helpers.h>\nSEC("xdp") int count_ports(struct xdp_md *ctx) { return ctx->rx_queue_index; }\n',
  })
  const bytes = [...other.written.values()][0]!
  const { out, err, code } = await bpfc(['explain', 'log', '--obj', 'other.bpf.o'], { log, 'other.bpf.o': bytes })
  expect(code).toBe(0)
  expect(err).toContain('warning[D0008]')
  expect(out).toContain('error[V0203]')
})

test.each([
  ['a program that was accepted', accepted],
  ['no log at all', 'Permission denied\n'.repeat(5)],
  ['nothing', ''],
])('%s: says that there is nothing to explain', async (_name, text) => {
  const { err, code } = await bpfc(['explain', 'log'], { log: text })
  expect(code).toBe(1)
  expect(err).toContain('error[D0007]')
})

test('formats for CI carry it', async () => {
  const { out } = await bpfc(['explain', 'log', '--format', 'github'], { log })
  expect(out).toMatch(/^::error file=ports\.bpf\.c,line=24,col=1,.*title=V0203/)
  const sarif = await bpfc(['explain', 'log', '--format', 'sarif'], { log })
  expect(JSON.parse(sarif.out).runs[0].results[0].ruleId).toBe('V0203')
  expect((await bpfc(['explain', 'log', '--format', 'xml'], { log })).code).toBe(2)
})
