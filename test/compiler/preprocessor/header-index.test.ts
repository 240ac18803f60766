import { describe, expect, it } from 'vitest'
import { EntryKind, indexHeader } from '../../../compiler/preprocessor/header-index.js'
import { MemoryHeaderCache } from '../../../compiler/preprocessor/header-cache.js'
import { decodeHeaderRun, encodeHeaderRun } from '../../../compiler/preprocessor/header-run-file.js'
import type { LazyDeclarations } from '../../../compiler/preprocessor/lazy-declarations.js'
import { TokenKind } from '../../../compiler/preprocessor/tokens.js'
import { run } from './harness.js'

const kindName = new Map<number, string>(Object.entries(EntryKind).map(([name, kind]) => [kind, name]))

function names(text: string): { found: string; rest: string } {
  const result = indexHeader(new TextEncoder().encode(text), 0)
  const found: string[] = []
  for (let i = 0; i < result.entries; i++)
    found.push(
      `${result.owners[i]} ${kindName.get(result.kinds[i]!)} ${text.slice(result.nameStarts[i]!, result.nameStarts[i]! + result.nameLengths[i]!)}`,
    )
  return { found: found.join(', '), rest: `${result.eager ? 'eager ' : ''}${text.slice(result.stop)}` }
}

/** A declaration and what it declares. */
const declarations: readonly (readonly [string, string])[] = [
  ['typedef unsigned int u32;', '0 typedef u32'],
  ['typedef __u32 u32, *pu32, au32[4];', '0 typedef u32, 0 typedef pu32, 0 typedef au32'],
  ['typedef struct foo foo_t;', '0 typedef foo_t'],
  ['typedef struct foo { int a; } foo_t;', '0 tagBody foo, 0 typedef foo_t'],
  ['typedef int (*cmp_fn)(const void *, const void *);', '0 typedef cmp_fn'],
  ['typedef u32 fn_t(int);', '0 typedef fn_t'],
  ['typedef u32 (fn_t)(int);', '0 typedef fn_t'],
  ['typedef struct task_struct * (*pick)(struct sched *);', '0 typedef pick'],
  ['typedef int (*(*nested)(int (*)(void)))[3];', '0 typedef nested'],
  ['typedef __typeof__(int (*)(void)) t;', '0 typedef t'],
  ['typedef int v4 __attribute__((vector_size(16)));', '0 typedef v4'],
  ['struct foo;', '0 tag foo'],
  ['union u { int a; } __attribute__((aligned(8)));', '0 tagBody u'],
  ['struct __attribute__((packed)) s { int a : 3; };', '0 tagBody s'],
  ["enum { A, B = 1 << 2, C = sizeof(int[3]), D = ',', };", '0 enumerator A, 0 enumerator B, 0 enumerator C, 0 enumerator D'],
  ['enum e { A /* , x */ };', '0 tagBody e, 0 enumerator A'],
  [
    'struct a { struct b { enum c { C1, C2 } c; union { struct d { int x; }; }; } b; enum { E } e; };',
    '0 tagBody a, 0 tagBody b, 0 tagBody c, 0 enumerator C1, 0 enumerator C2, 0 tagBody d, 0 enumerator E',
  ],
  ['extern int f(struct x *, int (*)(void)) __weak __ksym;', '0 function f'],
  ['struct foo *f(void);', '0 function f'],
  ['extern const struct foo bar;', '0 variable bar'],
  ['extern int a, *b, c[3];', '0 variable a, 0 variable b, 0 variable c'],
  ['static long (* const bpf_x)(void *p, int n) = (void *) 1;', '0 variable bpf_x'],
  ['static const int t[] = { 1, [2] = 3 }; int f(void);', '0 variable t, 1 function f'],
  ['static inline int f(int a) { struct local { int x; } y = { 1 }; return "}"[0]; }', '0 function f'],
  [';;typedef int a;', '2 typedef a'],
]

/** What must be read at once. */
const eager = [
  'int x;',
  'int x = 1;',
  'extern int x = 1;',
  'int f(void) { return 1; }',
  'static int f(void) __attribute__((used)); static __attribute__((used)) int g(void) { return 1; }',
  '_Static_assert(1, "x");',
  'asm("x");',
  'struct a {\n#define X\nint b; };',
  'enum e { MAKE(X) A };',
  'struct a { int b; ',
  '} x;',
  'typedef int \\\n a;',
]

describe('indexHeader', () => {
  it.each(declarations)('%s', (text, expected) => {
    expect(names(text)).toEqual({ found: expected, rest: '' })
  })

  it.each(eager)('leaves %s', text => {
    expect(names(text).rest).toMatch(/^eager /)
  })

  it('stops at directives', () => {
    expect(names('typedef int a; /* x */\n#define b\ntypedef int c;')).toEqual({
      found: '0 typedef a',
      rest: '#define b\ntypedef int c;',
    })
  })
})

const header = `#ifndef H
#define H
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
typedef int a_t;
struct s { a_t x; LATER y; };
#pragma pack(push, 1)
enum { ONE, TWO };
#pragma pack(pop)
int eager = ONE;
#pragma clang attribute pop
#if ONE
typedef long wrong;
#else
typedef long right;
#endif
struct s2 { struct inner { int z; } i; };
struct s;
#endif
`

/** All tokens in the order of the translation unit, regions put in. */
function flatten(ran: ReturnType<typeof run>): string {
  const { tokens, names } = ran.result
  const index = ran.result.index as LazyDeclarations
  const out: string[] = []
  const text = (i: number) => out.push(names.text(tokens.atom[i]!))
  for (let i = 0; tokens.kind[i] !== TokenKind.End; i++) {
    if (tokens.kind[i] !== TokenKind.LazyRegion) {
      text(i)
      continue
    }
    const { first, run } = index.regions[tokens.atom[i]!]!
    for (let d = first; d < first + run.declarations; d++) {
      const range = index.tokens(d)
      for (let k = range.start; k < range.end; k++) text(k)
    }
  }
  return out.join(' ')
}

describe('lazy declarations', () => {
  const files = {
    '/m.c': '#define LATER int\n#include "h.h"\n#undef LATER\n#define LATER long\n#define a_t b_t\nint m;',
    '/h.h': header,
  }

  it('puts declarations off and gives their tokens when asked', () => {
    const ran = run(files, {}, { lazyFrom: 1 })
    expect(ran.text).toBe(
      '[clang attribute push (__attribute__((preserve_access_index)), apply_to = record)] <lazy> [pack(push, 1)] <lazy> [pack(pop)] int eager = ONE ; [clang attribute pop] <lazy> <lazy> int m ;',
    )
    const { index, names, tokens } = ran.result
    const of = (name: string) => index.ordinary(names.intern(name)).map(entry => `${entry.declaration} ${entry.kind}`)
    expect([of('a_t'), of('TWO'), of('right'), of('wrong'), of('s'), of('nothing')]).toEqual([
      ['0 typedef'],
      ['2 enumerator'],
      ['3 typedef'],
      [],
      [],
      [],
    ])
    expect(index.tag(names.intern('s')).map(entry => entry.declaration)).toEqual([1, 5])
    expect(index.tag(names.intern('inner')).map(entry => entry.declaration)).toEqual([4])
    const range = index.tokens(1)
    const texts: string[] = []
    for (let i = range.start; i < range.end; i++) texts.push(names.text(tokens.atom[i]!))
    // The macros of then, not those of the end.
    expect(texts.join(' ')).toBe('struct s { a_t x ; int y ; } ;')
    expect(range.state).toEqual({
      pack: 0,
      attributes: ['__attribute__((preserve_access_index)), apply_to = record'],
      sections: {},
    })
    expect(index.tokens(1)).toBe(range)
    expect(index.tokens(2).state.pack).toBe(1)
    expect(index.tokens(4).state.attributes).toEqual([])
    expect(() => index.tokens(6)).toThrow(RangeError)
  })

  it('gives the same tokens as reading everything', () => {
    for (const main of [
      files['/m.c'],
      '#include "h.h"',
      '#define s renamed\n#include "h.h"',
      '#define TWO struct t { int q; }\n#include "h.h"',
      '#define x } z; struct w {\n#include "h.h"',
      '#define struct union\n#include "h.h"',
      '#define inner\n#include "h.h"',
      'struct outer {\n#include "h.h"\n};',
      '#define F(x) x\nF(\n1)\n#include "h.h"\n#include "h.h"',
    ]) {
      const all = { '/m.c': main, '/h.h': header }
      const lazy = run(all, {}, { lazyFrom: 1 })
      const whole = run(all, {}, { lazyFrom: Number.POSITIVE_INFINITY })
      expect(flatten(lazy)).toBe(flatten(whole))
    }
  })

  it('reads at once what a macro renames', () => {
    expect(run({ '/m.c': '#define s renamed\n#include "h.h"', '/h.h': header }, {}, { lazyFrom: 1 }).text).toContain(
      'struct renamed {',
    )
  })

  it('writes runs to bytes and reads them back', () => {
    const bytes = new TextEncoder().encode('typedef int a; struct s { int b; }; enum e { A, B }; extern int f(a x);\n#if 1')
    const made = indexHeader(bytes, 0)
    const encoded = encodeHeaderRun(made, bytes.length, 0)
    expect(decodeHeaderRun(encoded, bytes.length, 0)).toEqual(made)
    const shifted = new Uint8Array(encoded.length + 1)
    shifted.set(encoded, 1)
    expect(decodeHeaderRun(shifted.subarray(1), bytes.length, 0)).toEqual(made)
    expect(decodeHeaderRun(encoded, bytes.length + 1, 0)).toBeUndefined()
    expect(decodeHeaderRun(encoded, bytes.length, 1)).toBeUndefined()
    for (let length = 0; length < encoded.length; length += 3)
      expect(decodeHeaderRun(encoded.subarray(0, length), bytes.length, 0)).toBeUndefined()
  })

  it('keeps runs in a cache', () => {
    let hits = 0
    class Counting extends MemoryHeaderCache {
      override get(path: string, bytes: Uint8Array, start: number) {
        const found = super.get(path, bytes, start)
        if (found) hits++
        return found
      }
    }
    const cache = new Counting()
    const shared: Record<string, Uint8Array> = Object.fromEntries(
      Object.entries(files).map(([path, text]) => [path, new TextEncoder().encode(text)]),
    )
    const first = run(shared, {}, { lazyFrom: 1, cache })
    expect(hits).toBe(0)
    const second = run(shared, {}, { lazyFrom: 1, cache })
    expect(hits).toBeGreaterThan(0)
    expect(flatten(second)).toBe(flatten(first))
  })
})
