import { describe, expect, it } from 'vitest'
import { DiagnosticSink } from '../../../base/diagnostics.js'
import { MemoryHost } from '../../../base/host.js'
import { SourceSet } from '../../../base/source.js'
import type { CompileOptions } from '../../../compiler/options.js'
import type { Declaration } from '../../../compiler/parser/ast.js'
import { parseTranslationUnit } from '../../../compiler/parser/parse.js'
import { preprocess } from '../../../compiler/preprocessor/preprocess.js'

const options: CompileOptions = {
  target: { cpu: 'v3', little: true },
  optimize: '2',
  debug: true,
  predefines: [],
  includes: { quote: [], user: [], system: [], standard: [], after: [] },
  prefixMap: [],
  workingDirectory: '/',
  disabledPasses: new Set(),
  vmlinux: undefined,
}

function parse(text: string): { declarations: readonly Declaration[]; errors: string[] } {
  const sources = new SourceSet()
  const sink = new DiagnosticSink(0)
  const unit = preprocess(new MemoryHost({ 'a.c': text }), 'a.c', options, sources, sink)
  const { declarations } = parseTranslationUnit(unit.tokens, unit.names, unit.index, sink)
  const errors = sink.all
    .filter(diagnostic => diagnostic.severity === 'error')
    .map(diagnostic => {
      const at = diagnostic.span && sources.position(diagnostic.span.start)
      return `${at?.line}:${at?.column} ${diagnostic.message}`
    })
  return { declarations, errors }
}

const chunks = (text: string): string => {
  const declaration = parse(text).declarations.at(-1)
  if (declaration?.kind !== 'declaration') throw new Error(`no declaration: ${declaration?.kind}`)
  return declaration.declarators[0]!.declarator.chunks.map(chunk => chunk.kind).join(' ')
}

describe('the grammar', () => {
  it.each([
    ['int a;', ''],
    ['int *a[3];', 'array pointer'],
    ['int (*a)[3];', 'pointer array'],
    ['int (*f(int))(char);', 'function pointer function'],
    ['int (*(*f[2])(void))[3];', 'array pointer function pointer array'],
    ['typedef int T; T (*g)(T, T *);', 'pointer function'],
    ['int (__attribute__((unused)) *p);', 'pointer'],
  ])('%s', (text, expected) => {
    expect(chunks(text)).toBe(expected)
  })

  it.each([
    'typedef int T; int f(void) { T T = 1; return T * T; }',
    'typedef int T; struct s { T T; unsigned T2 : 3, : 0; struct { int x; }; };',
    'typedef int T; void f(void) { T: ; goto T; }',
    'int a[] = { [0 ... 3] = 1, [5] = 2, }; struct p { int x, y; } p = { .x = 1, y: 2 };',
    'int f(int a) { switch (a) { case 1 ... 3: return 0; default: ; } return a ?: 2; }',
    'int f(int a) { return ({ int b = a; b + 1; }) + sizeof(int) + sizeof a + _Alignof(long) + (long)-a; }',
    'void f(void) { asm volatile("r0 = %[x]; exit" :: [x] "i"(3) : "r0", "memory"); }',
    'void f(int a) { asm goto("if %0 goto %l[out]" : : "r"(a) : : out); out:; }',
    'void f(void) { __attribute__((fallthrough)); __label__ x; x: __attribute__((unused)); }',
    '__attribute__((section("xdp"), used)) int prog(void *ctx) { return 2; }',
    'enum e { A, B = 3, C __attribute__((deprecated)) = 4, } __attribute__((packed)); enum e x : 3;'.replace(
      ' enum e x : 3;',
      '',
    ),
    'int x = _Generic(1, int: 2, default: 3); _Static_assert(1, "m"); _Static_assert(1);',
    'static __inline__ __attribute__((always_inline)) unsigned long long int f(const volatile int *restrict p, ...);',
    'typedef __typeof__(sizeof(0)) size; __auto_type y = (size)1;',
    'struct s { int a; }; int f(void) { return (struct s){ .a = 1 }.a + ((struct s *)0)->a; }',
    'long g = __builtin_offsetof(struct { int a[4]; }, a[2]);',
    '#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)\nstruct s { int a; };\n#pragma clang attribute pop\n',
  ])('takes %s', text => {
    expect(parse(text).errors).toEqual([])
  })

  it.each([
    ['int a = 1\nint b;\n', ["1:10 expected ';' after top level declarator"]],
    [
      'int f(void) { return 1 }\nint g(void) { return ; }\nint h(void) { a + b c; }',
      ["1:23 expected ';' after return statement", "3:20 expected ';' after expression"],
    ],
    ['int f(void) { int x = ; return x; }', ['1:23 expected expression']],
    ['struct s { int }; int b;', ["1:16 expected member name or ';' after declaration specifiers"]],
  ])('reports faults of %s and goes on', (text, expected) => {
    expect(parse(text).errors).toEqual(expected)
  })

  it('marks records under preserve_access_index and pack', () => {
    const { declarations } = parse(
      '#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)\nstruct a { int x; };\n#pragma clang attribute pop\n#pragma pack(push, 1)\nstruct b { int x; };\n#pragma pack(pop)\nstruct c { int x; };\n',
    )
    const records = declarations.map(declaration => declaration.kind === 'declaration' && declaration.specifiers.type)
    expect(records).toMatchObject([
      { preserveAccessIndex: true, pack: 0 },
      { preserveAccessIndex: false, pack: 1 },
      { preserveAccessIndex: false, pack: 0 },
    ])
  })

  it.each([
    ['('.repeat(10_000)],
    ['int x = ' + '('.repeat(10_000) + '1' + ')'.repeat(10_000) + ';'],
    ['void f(void) {' + '{'.repeat(10_000) + '}'.repeat(10_001)],
  ])('says that nesting is too deep instead of overflowing (%#)', text => {
    expect(parse(text).errors.length).toBeGreaterThan(0)
  })
})
