/** `bpfc check --cost`: where the verifier's effort goes, and the comparison with another object. */
import { expect, test } from 'vitest'
import { bpfc } from '../support/cli.js'

const source = (rounds: number) => `#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
static __attribute__((noinline)) int twice(int value)
{
    asm volatile("" : "+r"(value));
    return value * 2;
}
SEC("tc") int rounds(struct __sk_buff *skb)
{
    int sum = 0;
    for (int i = 0; i < ${rounds}; i++) {
        sum += twice(skb->len);
        asm volatile("" : "+r"(sum));
    }
    return sum;
}
`
const files = { 'new.bpf.c': source(100), 'old.bpf.c': source(50), 'same.bpf.c': source(100) }
const check = (...words: string[]) => bpfc(['check', '--no-object', '--kernel', '6.18', ...words, 'new.bpf.c'], files)

test('text: the program, its functions, its lines', async () => {
  const { out, code } = await check('--cost')
  expect(code).toBe(0)
  expect(out).toMatch(/[\d,]+ of 1,000,000 instructions processed \(0\.\d+ %\), \d+ states/)
  expect(out).toMatch(/processed +share +states +ms +function\n( +[\d,]+ +[\d.]+ % +\d+ +[\d.]+ {2}(rounds|twice)\n){2}/)
  expect(out).toMatch(/processed +share +states +ms +line\n/)
  expect(out).toMatch(/new\.bpf\.c:12 {2}sum \+= twice\(skb->len\);/)
})

test('json: the sums of lines and of functions are the whole', async () => {
  const row = JSON.parse((await check('--cost', '--format', 'json')).out)
  const sum = (rows: { processed: number }[]) => rows.reduce((all, each) => all + each.processed, 0)
  expect(row.limit).toBe(1_000_000)
  expect(sum(row.cost.functions)).toBe(row.processed)
  expect(sum(row.cost.lines)).toBe(row.processed)
  expect(row.cost.functions.map((each: { name: string }) => each.name).sort()).toEqual(['rounds', 'twice'])
  expect(row.cost.lines.reduce((all: number, each: { states: number }) => all + each.states, 0)).toBe(row.states)
})

test.each([
  ['old.bpf.c', [], 1],
  ['old.bpf.c', ['--max-growth', '300'], 0],
  ['same.bpf.c', ['--max-growth', '0'], 0],
] as const)('against %s %s: exit code %i', async (against, more, wanted) => {
  const { out, err, code } = await check('--against', against, ...more)
  expect(code).toBe(wanted)
  expect(out).toMatch(against === 'old.bpf.c' ? /in old\.bpf\.c: \+\d+\.\d %/ : /in same\.bpf\.c: 0\.0 %/)
  expect(err.includes('error[D0009]: rounds, kernel 6.18: takes')).toBe(wanted === 1)
})

test('json against another one: a program that is new there has nothing to compare with', async () => {
  const row = JSON.parse((await check('--against', 'old.bpf.c', '--max-growth', '300', '--format', 'json')).out)
  expect(row.against).toMatchObject({ object: 'old.bpf.c', verdict: 'accepted' })
  expect(row.against.growth).toBeGreaterThan(50)
})

test.each([
  ['--max-growth', 'much', '--cost'],
  ['--cost', '--format', 'sarif'],
])('%s %s %s: a usage error', async (...words) => {
  expect((await check(...words)).code).toBe(2)
})
