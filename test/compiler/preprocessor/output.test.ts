import { describe, expect, it } from 'vitest'
import { defaultTarget, depfile, quoteTarget } from '../../../compiler/preprocessor/depfile.js'
import { printMacros, printPreprocessed } from '../../../compiler/preprocessor/print-preprocessed.js'
import { run } from './harness.js'

describe('-E', () => {
  it('marks lines and files', () => {
    const ran = run(
      {
        '/m.c':
          '#include "a.h"\nint  x ;\n#define M(a) -a\n  y = -M(-1) M(+);\n\n\nz;\n\n\n\n\n\n\n\n\n\n\nend\n#pragma unroll\nfor\n',
        '/a.h': 'a\n#include <b.h>\na2\n',
        '/std/b.h': 'b\n',
      },
      {},
      { printing: true },
    )
    expect(printPreprocessed(ran.result, ran.sources)).toMatchInlineSnapshot(`
      "# 1 "/m.c"
      # 1 "/a.h" 1
      a
      # 1 "/std/b.h" 1 3
      b
      # 2 "/a.h" 2

      a2
      # 1 "/m.c" 2

      int x ;

        y = - - -1 - +;


      z;
      # 18 "/m.c"
      end
      #pragma unroll
      for
      "
    `)
    expect(printPreprocessed(ran.result, ran.sources, { bare: true })).toMatchInlineSnapshot(`
      "a
      b
      a2
      int x ;
        y = - - -1 - +;
      z;
      end
      #pragma unroll
      for
      "
    `)
  })

  it('can be read again and gives the same tokens', () => {
    const source =
      '#define cat(a,b) a b\n#define e\n#define m -\ncat(1,2)cat(a,b)-m-e- +e+ <e< .e. 1e.5 x e"s" L e\'c\' /e/ /e* %e: #e# &e& a:e:b 1e+2 0x1e e+1\n'
    const first = run({ '/m.c': source }, {}, { printing: true })
    const text = printPreprocessed(first.result, first.sources)
    expect(run({ '/m.c': text }).text).toBe(first.text)
  })
})

describe('-dM', () => {
  it('prints definitions sorted', () => {
    const { result } = run({
      '/m.c': '#define B(x, ...) x ## 1 + #x\n#define A\n#define C(a...) a\n#define D(a,b) (a) b\n#define E 1\n#undef E\n',
    })
    const lines = printMacros(result.macros, result.names).split('\n')
    expect(lines.filter(line => /^#define [A-Z][ (]/.test(line))).toEqual([
      '#define A ',
      '#define B(x,...) x ## 1 + #x',
      '#define C(a...) a',
      '#define D(a,b) (a) b',
    ])
    expect(lines).toContain('#define __BPF_CPU_VERSION__ 3')
    expect(lines.some(line => line.includes('__LINE__'))).toBe(false)
  })
})

describe('depfiles', () => {
  const dependencies = [
    { path: 'dir/my prog#1.c', system: false },
    { path: './a.h', system: false },
    { path: '/usr/include/$x.h', system: true },
    { path: '<bpfc>/include/bpf/bpf_helpers.h', system: true },
    { path: './a.h', system: false },
    { path: 'a/rather/long/path/to/some/header/that/will/not/fit.h', system: false },
  ]

  it('writes rules as clang does', () => {
    expect(depfile(dependencies, { targets: ['x.o', 'y$$z'], phony: true, userOnly: false })).toBe(
      'x.o y$$z: dir/my\\ prog\\#1.c a.h /usr/include/$$x.h \\\n  a/rather/long/path/to/some/header/that/will/not/fit.h\na.h:\n/usr/include/$$x.h:\na/rather/long/path/to/some/header/that/will/not/fit.h:\n',
    )
    expect(depfile(dependencies.slice(0, 4), { targets: ['x.o'], phony: false, userOnly: true })).toBe(
      'x.o: dir/my\\ prog\\#1.c a.h\n',
    )
  })

  it('quotes targets', () => {
    expect(quoteTarget('a b$c#d')).toBe('a\\ b$$c\\#d')
    expect(defaultTarget('dir/x.bpf.c', undefined)).toBe('x.bpf.o')
    expect(defaultTarget('dir/x.bpf.c', 'out/x.o')).toBe('out/x.o')
  })
})
