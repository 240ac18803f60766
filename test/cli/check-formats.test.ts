/** What `bpfc check` prints for a rejected program, in each format. */
import { expect, test } from 'vitest'
import { bpfc } from '../support/cli.js'

const source = `#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int ttl(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;
    return data[22] > 1 ? XDP_PASS : XDP_DROP;
}
`
const check = (format: string) =>
  bpfc(['check', '--no-object', '--kernel', '6.1,6.18', '--format', format, 'ttl.bpf.c'], { 'ttl.bpf.c': source })

test('text: cause, line, caret, help, the words of the kernel', async () => {
  const { out, code } = await check('text')
  expect(code).toBe(1)
  expect(out).toContain('error[V0201]: `data[22]` reads the packet without a check that it is long enough [ttl, 6.1, 6.18]')
  expect(out).toMatch(/6 \| {5}return data\[22\] > 1 .*\n +\| {12}\^{8} 1 byte at packet offset 22, 0 checked\n/)
  expect(out).toContain('+     if (data + 23 > (void *)(long)ctx->data_end) return XDP_PASS;')
  expect(out).toContain("the kernel's words: invalid access to packet, off=22 size=1")
})

test('json: an object a line with the explanation', async () => {
  const rows = (await check('json')).out
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(rows.map(row => [row.kernel, row.verdict, row.explanation.code])).toEqual([
    ['6.1', 'rejected', 'V0201'],
    ['6.18', 'rejected', 'V0201'],
  ])
})

test('sarif: a rule and one result for both kernels', async () => {
  const log = JSON.parse((await check('sarif')).out)
  expect(log.version).toBe('2.1.0')
  const [run] = log.runs
  expect(run.tool.driver.rules[run.results[0].ruleIndex].id).toBe('V0201')
  expect(run.results).toHaveLength(1)
  expect(run.results[0].properties.kernels).toEqual(['6.1', '6.18'])
  expect(run.results[0].locations[0].physicalLocation.region).toMatchObject({ startLine: 6, startColumn: 12, endColumn: 20 })
})

test('junit: a failure a kernel, quotes and brackets escaped', async () => {
  const { out } = await check('junit')
  expect(out).toContain('<testsuite name="ttl.bpf.c" tests="2" failures="2"')
  expect(out).toContain('<failure type="V0201" message="`data[22]` reads the packet')
  expect(out).not.toMatch(/data \+ 23 > \(void/)
})

test('github: one annotation, line ends escaped', async () => {
  const { out } = await check('github')
  expect(out.trimEnd().split('\n')).toHaveLength(1)
  expect(out).toMatch(/^::error file=.*ttl\.bpf\.c,line=6,col=12,endColumn=20,title=V0201 ttl%2C kernel 6\.1 6\.18::/)
})

test('an unknown format is a usage error', async () => {
  expect((await check('xml')).code).toBe(2)
})
