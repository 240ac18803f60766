/** `bpfc test` and the counting flags of `bpfc run`, over files in memory. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bpfc } from '../support/cli.js'

const folder = join(import.meta.dirname, '../../examples/xdp-firewall')
const source = readFileSync(join(folder, 'xdp_firewall.bpf.c'))
const cases = readFileSync(join(folder, 'xdp_firewall.test.json'))
const files = { 'fw.bpf.c': source, 'fw.test.json': cases }
const failing = JSON.stringify({
  source: 'fw.bpf.c',
  cases: [
    {
      name: 'wants <too much>',
      runs: [{ packet: { udp: {} }, verdict: 'XDP_DROP', becomes: 'ff' }],
      expect: { maps: { counters: [[0, 7]], sources: [['10.0.0.1', { packets: 2 }]] } },
    },
  ],
})

describe('bpfc test', () => {
  it('runs the cases beside a program', async () => {
    const { code, out, err } = await bpfc(['test', 'fw.test.json'], files)
    expect([err, code]).toEqual(['', 0])
    expect(out).toBe(
      'fw.test.json\n  ok  drops a blocked prefix and passes its neighbour\n  ok  drops what is cut short\n2 cases, 2 passed, 0 failed\n',
    )
  })

  it('says what differs, and fails', async () => {
    const { code, out } = await bpfc(['test', 'bad.test.json'], { ...files, 'bad.test.json': failing })
    expect(code).toBe(1)
    expect(out).toContain('FAILED  wants <too much>\n      run 1: verdict XDP_PASS, expected XDP_DROP\n      run 1: packet 02')
    expect(out).toContain('counters[0] is "1", expected 7\n      sources["10.0.0.1"].packets is 1, expected 2\n')
  })

  it('writes JUnit and JSON', async () => {
    const all = { ...files, 'bad.test.json': failing }
    const xml = await bpfc(['test', 'fw.test.json', 'bad.test.json', '--format', 'junit'], all)
    expect(xml.code).toBe(1)
    expect(xml.out).toContain('<testsuite name="fw.test.json" tests="2" failures="0">')
    expect(xml.out).toContain('name="wants &#60;too much&#62;"')
    expect(xml.out).toContain('<failure message="run 1: verdict XDP_PASS, expected XDP_DROP">')
    const json = await bpfc(['test', 'fw.test.json', '--format', 'json'], all)
    const lines = json.out.trim().split('\n')
    expect(lines.map(line => (JSON.parse(line) as { problems: string[] }).problems)).toEqual([[], []])
  })

  it('counts coverage over all cases', async () => {
    const table = await bpfc(['test', 'fw.test.json', '--coverage', 'text'], files)
    expect(table.out).toMatch(/file +lines +branches\n.*fw\.bpf\.c +\d\d\.\d % \(\d+\/\d+\)/)
    const { written } = await bpfc(['test', 'fw.test.json', '--coverage', 'lcov'], files)
    const lcov = new TextDecoder().decode(written.get('lcov.info'))
    expect(lcov).toMatch(/^TN:\nSF:.*fw\.bpf\.c\n/)
    const lineOf = (text: string) =>
      source
        .toString()
        .split('\n')
        .findIndex(line => line.includes(text)) + 1
    // Three packets in two cases; the second has no room for an IPv4 header. No source came twice.
    expect(lcov).toContain(`DA:${lineOf('if (eth->h_proto != bpf_htons(ETH_P_IP))')},3`)
    expect(lcov).toContain(`DA:${lineOf('source->packets = 0;')},0`)
  })

  it.each([
    ['{', 'JSON'],
    ['{"cases":[]}', 'at least one case'],
    ['{"cases":[{"name":"a","runs":[{}],"expects":{}}]}', 'case 1 has no "expects"'],
    ['{"cases":[{"name":"a","runs":[{"packets":1}]}]}', 'run 1 of case 1 has no "packets"'],
    ['{"cases":[{"name":"a","runs":[{}],"maps":{"m":[1]}}]}', 'must be a list of [key, value]'],
  ])('refuses %s', async (text, message) => {
    const { code, err } = await bpfc(['test', 'x.test.json'], { 'x.test.json': text })
    expect(code).toBe(1)
    expect(err).toContain(message)
  })

  it('fails for a map or a packet that is not there', async () => {
    const wrong = JSON.stringify({
      source: 'fw.bpf.c',
      cases: [
        { name: 'a', maps: { nothing: [[1, 1]] }, runs: [{}] },
        { name: 'b', runs: [{ packet: { sctp: {} } }] },
      ],
    })
    const { code, out } = await bpfc(['test', 'x.test.json'], { ...files, 'x.test.json': wrong })
    expect(code).toBe(1)
    expect(out).toContain('there is no map nothing')
    expect(out).toContain('or one of tcp, udp')
  })
})

describe('bpfc run', () => {
  const run = (...flags: string[]) =>
    bpfc(['run', 'fw.bpf.c', '--pcap', 't.pcap', ...flags], {
      ...files,
      't.pcap': readFileSync(join(folder, 'traffic.pcap')),
    })

  it('counts coverage and instructions by line, and traces lines', async () => {
    expect((await run('--coverage')).out).toMatch(/fw\.bpf\.c +\d/)
    expect((await run('--coverage', 'lcov')).out).toContain('end_of_record')
    expect((await run('--profile')).out).toMatch(/instructions by line \(\d+\)\n +\d+ +\d+\.\d % {2}.*fw\.bpf\.c:\d+/)
    expect((await run('--trace')).err).toMatch(/firewall {2}.*fw\.bpf\.c:\d+: .*data_end/)
    expect((await run('--coverage', 'html')).code).toBe(2)
  })

  it('counts answers in the place of a line for each packet', async () => {
    const lines = (await run('--no-maps')).out.trim().split('\n')
    const passed = lines.filter(line => line.includes('XDP_PASS')).length
    const { out } = await run('--summary', '--no-maps')
    expect(out).toContain(`${passed}  2 (XDP_PASS)\n`)
    expect(JSON.parse((await run('--summary', '--no-maps', '--format', 'json')).out)).toMatchObject({ runs: lines.length })
  })
})

describe('limits of bpfc run', () => {
  it('a budget or the memory that is used up is exit code 3', async () => {
    const budget = await bpfc(['run', 'fw.bpf.c', '--budget', '5'], files)
    expect([budget.code, budget.err]).toEqual([3, expect.stringContaining('limit reached')])
    const big = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1 << 20); __type(key, __u32); __type(value, __u64); } counts SEC(".maps");
SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }
`
    const memory = await bpfc(['run', 'big.bpf.c', '--memory', '4'], { 'big.bpf.c': big })
    expect([memory.code, memory.err]).toEqual([3, expect.stringContaining('memory of the VM')])
    const odd = await bpfc(['run', 'big.bpf.c'], {
      'big.bpf.c': big.replace('(type, BPF_MAP_TYPE_ARRAY)', '(type, BPF_MAP_TYPE_LPM_TRIE)'),
    })
    expect([odd.code, odd.err]).toEqual([1, expect.stringContaining('cannot create map counts (lpm_trie)')])
    expect((await bpfc(['run', 'fw.bpf.c', '--budget', 'many'], files)).code).toBe(2)
    expect((await bpfc(['run', 'fw.bpf.c', '--budget', '5000', '--memory', '64'], files)).code).toBe(0)
  })
})
