/** What people do wrong: each a clear message with its place and exit code, no stack trace, nothing written. */
import { describe, expect, it } from 'vitest'
import { bpfc, bpfcClang, type CliRun } from '../support/cli.js'

const clean = (run: CliRun) => {
  expect(run.err).not.toMatch(/\n\s+at .*\(.*:\d+:\d+\)|internal error/)
  expect([...run.written.keys()]).toEqual([])
}

const license = 'char LICENSE[] __attribute__((section("license"), used)) = "GPL";\n'
const xdp = (body: string, before = '') =>
  `${before}\n__attribute__((section("xdp"), used)) int prog(void *ctx) {\n${body}\n}\n${license}`

const wrong: readonly (readonly [string, string, RegExp])[] = [
  ['unterminated comment', 'int a; /* no end\n', /a\.bpf\.c:1:8/],
  ['include loop', '#include "a.bpf.c"\n', /nested too deeply|include/i],
  ['missing header', '#include "none.h"\nint a;\n', /none\.h.*not found|no such|cannot find/i],
  ['syntax', 'int a = ;\n', /expected expression/],
  ['unknown name', xdp('return nothing;'), /nothing/],
  ['unknown function', xdp('return nothing_of_the_kind(1);'), /nothing_of_the_kind/],
  ['floating point', xdp('double d = 1.5; return d > (double)(long)ctx;'), /float/i],
  ['VLA', xdp('int n = (int)(long)ctx; char a[n]; a[0] = 1; return a[0];'), /variable.length|array/i],
  ['endless loop', xdp('while (1) {} return 0;'), /loop|ends/i],
  [
    'recursion',
    xdp('return f((int)(long)ctx);', 'static __attribute__((noinline)) int f(int a) { return a ? f(a - 1) + 1 : 0; }'),
    /recurs/i,
  ],
  [
    'stack',
    xdp(
      'char big[600]; __builtin_memset(big, (int)(long)ctx, 600); __asm__ volatile("" :: "r"(big) : "memory"); return big[(long)ctx & 255];',
    ),
    /stack/i,
  ],
]

describe('bad C', () => {
  it.each(wrong)('%s', async (_name, source, message) => {
    const run = await bpfc(['build', 'a.bpf.c'], { 'a.bpf.c': source })
    expect(run.err).toMatch(message)
    expect(run.err).toMatch(/^(error|warning)\[[A-Z]\d{4}\]/m)
    expect(run.code).toBe(1)
    clean(run)
  })

  it('unknown pragma: a warning, and the object is made', async () => {
    const run = await bpfc(['build', '-Wall', 'a.bpf.c'], { 'a.bpf.c': `#pragma nobody knows\n${xdp('return 2;')}` })
    expect(run.err).toMatch(/warning\[P\d{4}\].*pragma/)
    expect(run.code).toBe(0)
    expect([...run.written.keys()]).toEqual(['a.bpf.c'.replace('.c', '.o')])
  })

  it('several mistakes are reported in one run', async () => {
    const run = await bpfc(['build', 'a.bpf.c'], { 'a.bpf.c': 'int f(void) { return a; }\nint g(void) { return b; }\n' })
    expect(run.err.match(/^error\[/gm)).toHaveLength(2)
  })

  it("bpfc-clang prints clang's form", async () => {
    const run = await bpfcClang(['-target', 'bpf', '-c', 'a.c', '-o', 'a.o'], { 'a.c': 'int f(void) { return x; }\n' })
    expect(run.err).toMatch(/^a\.c:1:22: error: .*x/)
    expect(run.err).toMatch(/1 error generated/)
    expect(run.code).toBe(1)
    clean(run)
  })
})

describe('bad files and flags', () => {
  it.each([
    [['build', 'none.c'], 1, /no such file|cannot read/i],
    [['check', 'none.o'], 1, /no such file|cannot read/i],
    [['check', 'garbage.o'], 1, /neither C source|ELF/],
    [['dump', 'garbage.o'], 1, /ELF|format/i],
    [['build'], 2, /missing required argument/],
    [['build', '--emit', 'llvm', 'garbage.o'], 2, /--emit llvm/],
    [['check', '--kernel', '2.4', 'garbage.o'], 2, /--kernel 2\.4/],
    [['frobnicate'], 2, /unknown command/],
    [['build', '--mcpu', 'v9', 'garbage.o'], 2, /v9/],
  ])('%j', async (words, code, message) => {
    const run = await bpfc(words, { 'garbage.o': Uint8Array.from({ length: 300 }, (_, i) => (i * 37) & 255) })
    expect(run.err).toMatch(message)
    expect(run.code).toBe(code)
    clean(run)
  })

  it('truncated and bit-flipped objects end in a verdict or a format error', async () => {
    const built = await bpfc(['build', 'a.bpf.c'], { 'a.bpf.c': xdp('return 2;') })
    const object = [...built.written.values()][0]!
    let state = 12345
    const random = (below: number) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % below
    for (let round = 0; round < 150; round++) {
      const broken = round % 3 === 0 ? object.slice(0, random(object.length)) : object.slice()
      if (round % 3 !== 0) for (let flips = 1 + random(4); flips > 0; flips--) broken[random(broken.length)]! ^= 1 << random(8)
      for (const command of ['dump', 'check']) {
        const run = await bpfc([command, 'b.o'], { 'b.o': broken })
        expect([0, 1, 3, 4], `${command}, round ${round}: ${run.err}`).toContain(run.code)
        clean(run)
      }
    }
  })
})

describe('help', () => {
  it.each([['build'], ['check'], ['run'], ['dump'], ['load']])('%s explains itself', async name => {
    const run = await bpfc(['help', name])
    expect(run.code).toBe(0)
    expect(run.out).toContain(`bpfc ${name}`)
  })
})
