/** `bpfc build -O…` and `--disable-pass`: the levels differ, each pass that may be left out can be, and other names are refused. */
import { describe, expect, it } from 'vitest'
import { neededPasses, passNames } from '../../compiler/passes/pass-list.js'
import { bpfc } from '../support/cli.js'

const source = `static int twice(int x) { return x + x; }
static __attribute__((always_inline)) inline int thrice(int x) { return x * 3; }
__attribute__((section("xdp"), used)) int prog(int *ctx)
{
  int sum = 0;
  for (int i = 0; i < 4; i++)
    sum += twice(ctx[0]) + thrice(i);
  return sum;
}
`
const assembly = async (...words: string[]) => {
  const run = await bpfc(['build', '--emit=asm', ...words, 'a.bpf.c'], { 'a.bpf.c': source })
  expect(run).toMatchObject({ code: 0, err: '' })
  return run.out
}
const calls = (text: string): string[] => [...text.matchAll(/call (\w+)/g)].map(match => match[1]!)

describe('levels', () => {
  it('calls stay at -O0, but for always_inline; loops go at -O2', async () => {
    expect(calls(await assembly('-O0'))).toEqual(['twice'])
    expect(calls(await assembly('-O2'))).toEqual([])
    expect(await assembly()).toBe(await assembly('-O2'))
    expect(await assembly('-O0')).not.toBe(await assembly('-O1'))
    expect(await assembly('-O1')).not.toBe(await assembly('-O2'))
  })
})

describe('--disable-pass', () => {
  it.each(passNames().filter(name => !neededPasses.has(name)))('%s', async name => {
    await assembly('--disable-pass', name)
  })

  it('inline leaves always_inline', async () => {
    expect(calls(await assembly('--disable-pass', 'inline', '--disable-pass', 'unroll'))).toEqual(['twice'])
  })

  it.each([
    ['no-such-pass', 'constant-arguments, constant-globals, '],
    ['settle-constants', 'Code generation cannot do without it.'],
  ])('%s is refused', async (name, words) => {
    const run = await bpfc(['build', '--disable-pass', name, 'a.bpf.c'], { 'a.bpf.c': source })
    expect(run.code).toBe(2)
    expect(run.err).toContain(words)
  })
})
