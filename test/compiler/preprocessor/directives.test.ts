import { describe, expect, it } from 'vitest'
import { run, runText } from './harness.js'

const conditions: readonly (readonly [string, boolean])[] = [
  ['1 + 2 * 3 == 7', true],
  ['-1 > 0u', true],
  ['-1 > 0', false],
  ['(2 || 1 / 0) && !(0 && 1 / 0)', true],
  ['1 ? 2 : 1 / 0', true],
  ['0x7fffffffffffffff + 0 == 9223372036854775807', true],
  ['18446744073709551615u == -1', true],
  ['-8 >> 1 == -4', true],
  ["'a' == 97 && '\\377' < 0 && '\\n' == 10 && 'ab' == 24930", true],
  ["L'\\xff' == 255", true],
  ['010 == 8 && 0b11 == 3 && 5ull == 5', true],
  ['undefined_name', false],
  ['defined X && defined(X) && !defined Y', true],
  ['defined D', true],
  ['~0u == 0xffffffffffffffff', true],
  ['7 % 3 << 2 == 4', true],
  ['1 == 1 ? 0 : 1', false],
  ['__has_attribute(noinline) && __has_attribute(__packed__) && !__has_attribute(nonsense)', true],
  ['__has_builtin(__builtin_memcpy) && !__has_builtin(__builtin_nonsense)', true],
  ['__has_feature(c_static_assert) && __has_extension(gnu_asm)', true],
  ['__has_c_attribute(fallthrough) == 201910L && __has_c_attribute(gnu::unused)', true],
  ['__has_include("a.h") && !__has_include("none.h") && __has_include(<b.h>)', true],
  ['__has_include(HEADER)', true],
  ['defined __has_include && defined(__has_builtin)', true],
  ['__clang_major__ == 19 && __BPF_CPU_VERSION__ == 3 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__', true],
]

describe('conditions', () => {
  it.each(conditions)('%s', (condition, expected) => {
    const { text, problems } = run({
      '/main.c': `#define X\n#define D defined X\n#define HEADER <b.h>\n#if ${condition}\nyes\n#else\nno\n#endif\n`,
      '/a.h': '',
      '/user/b.h': '',
    })
    expect([text, problems.filter(problem => problem.includes('error'))]).toEqual([expected ? 'yes' : 'no', []])
  })

  it('takes one group of a chain and leaves out the rest, whatever stands there', () => {
    const source = `#if 0
don't
 /* a
#else
*/ "#endif
#elif defined A
 1
# elif defined B
 2
#elifdef C
 3
#elifndef C
 4
#else
 5
#endif`
    expect(runText(source).text).toBe('4')
    expect(runText(`#define C\n${source}`).text).toBe('3')
    expect(runText(`#define B\n${source}`).text).toBe('2')
    expect(runText(`#define A\n#define B\n${source}`).text).toBe('1')
  })

  it('says what is wrong', () => {
    const { problems } = runText(
      '#if\n#endif\n#if 1 +\n#endif\n#if (1\n#endif\n#if 1/0\n#endif\n#if f(1)\n#endif\n#if 1.0\n#endif\n#if 1 2\n#endif\n#else\n#endif\n#ifdef\n#endif\n#if 1\n#else\n#else\n#endif x\n#ifdef A',
    )
    expect(problems).toMatchInlineSnapshot(`
      [
        "/main.c:1:2: error P0030: expected value in expression after #if",
        "/main.c:3:2: error P0030: expected value in expression",
        "/main.c:5:2: error P0033: expected ')' in preprocessor expression",
        "/main.c:7:6: error P0035: division by zero in preprocessor expression",
        "/main.c:9:5: error P0032: function-like macro 'f' is not defined",
        "/main.c:11:5: error P0038: floating point literal in preprocessor expression",
        "/main.c:13:7: error P0031: token is not a valid binary operator in a preprocessor subexpression",
        "/main.c:15:2: error P0057: #else without #if",
        "/main.c:16:2: error P0057: #endif without #if",
        "/main.c:17:6: error P0054: macro name missing in #ifdef",
        "/main.c:21:2: error P0057: #else after #else",
        "/main.c:22:8: warning P0053: extra tokens at end of #endif directive",
        "/main.c:23:2: error P0050: unterminated conditional directive",
      ]
    `)
  })
})

describe('includes', () => {
  const files = {
    '/src/main.c': '#include "a.h"\n#include <a.h>\n#define H "b.h"\n#include H\n#define A(x) <x.h>\n#include A(c)\n',
    '/src/a.h': 'own',
    '/user/a.h': 'user\n#include_next <a.h>\n',
    '/std/a.h': 'std\n#include "sibling.h"\n',
    '/std/sibling.h': 'sibling',
    '/src/b.h': '#pragma once\nb\n#include "b.h"\n',
    '/user/c.h': '#ifndef C_H\n#define C_H\nc\n#include "c.h"\n#endif\n',
  }

  it('knows a file under another spelling', () => {
    const header = '#pragma once\na'
    const { text, result } = run(
      { '/main.c': '#include <a.h>\n#include "/user/a.h"\n', 'user/a.h': header, '/user/a.h': header },
      { includes: { quote: [], user: ['user'], system: [], standard: [], after: [] } },
    )
    expect(text).toBe('a')
    expect(result.dependencies.map(({ path }) => path)).toEqual(['/main.c', 'user/a.h', '/user/a.h'])
  })

  it('searches in order', () => {
    const { text, problems, result } = run(files)
    expect(text).toBe('own user std sibling b c')
    expect(problems).toEqual([])
    expect(result.dependencies.map(dependency => `${dependency.path}${dependency.system ? ' (system)' : ''}`)).toEqual([
      '/src/main.c',
      '/src/a.h',
      '/user/a.h',
      '/std/a.h (system)',
      '/std/sibling.h (system)',
      '/src/b.h',
      '/user/c.h',
    ])
  })

  it('takes white space above ASCII for what it looks like, and says so', () => {
    const { text, problems } = run({
      '/m.c': '#define\u00a0X\u00a01\nint\u3000a\u2003=\u00a0X+1;\n"\u00a0" /*\u00a0*/\n#if 0\n\u00a0\n#endif',
    })
    expect(text).toBe('int a = 1 + 1 ; "\u00a0"')
    expect(problems).toHaveLength(4)
    expect(new Set(problems.map(problem => problem.replace(/^[0-9: ]*/, '')))).toMatchInlineSnapshot(`
      Set {
        "/m.c:1:8: warning P0003: treating Unicode character as whitespace",
        "/m.c:2:4: warning P0003: treating Unicode character as whitespace",
        "/m.c:2:8: warning P0003: treating Unicode character as whitespace",
        "/m.c:2:12: warning P0003: treating Unicode character as whitespace",
      }
    `)
  })

  it('knows when an include guard covers a file', () => {
    const guarded = run({
      '/m.c': '#include "g.h"\n#include "g.h"\n#undef G\n#include "g.h"',
      '/g.h': '/* c */\n#ifndef G\n#define G\ng\n#endif // G\n',
    })
    expect(guarded.text).toBe('g g')
    const open = run({ '/m.c': '#include "g.h"\n#include "g.h"', '/g.h': '#ifndef G\n#define G\ng\n#endif\nmore\n' })
    expect(open.text).toBe('g more more')
  })

  it('takes -D, -U and -include in order', () => {
    const { text } = run(
      { '/m.c': 'A B F(3) __bpf__', '/i.h': 'B included' },
      {
        predefines: [
          { kind: 'define', text: 'A' },
          { kind: 'define', text: 'B=b b' },
          { kind: 'define', text: 'F(x)=[x]' },
          { kind: 'undef', name: '__bpf__' },
          { kind: 'include', path: '/i.h' },
        ],
      },
    )
    expect(text).toBe('b b included 1 b b [ 3 ] __bpf__')
  })

  it('makes vmlinux.h where there is none', () => {
    const vmlinux = () => new TextEncoder().encode('#ifndef V\n#define V\nint made;\n#endif\n')
    const source = '#include "vmlinux.h"\n#include <vmlinux.h>'
    expect(run({ '/m.c': source }, { vmlinux }).text).toBe('int made ;')
    expect(run({ '/m.c': source, '/vmlinux.h': '#pragma once\nint own;', '/user/vmlinux.h': '' }, { vmlinux }).text).toBe(
      'int own ;',
    )
  })

  it('says what is wrong and stops', () => {
    expect(run({ '/m.c': 'a\n#include "none.h"\nb' }).problems).toEqual(["/m.c:2:10: error P0063: 'none.h' file not found"])
    expect(run({ '/m.c': '#include "m.c"' }).problems).toEqual(['/m.c:1:2: error P0064: #include nested too deeply'])
    expect(run({ '/none/m.c': '' }).problems).toEqual([])
    expect(run({ '/m.c': '#include\n#include x\n#include "a.h" z', '/a.h': '' }).problems).toMatchInlineSnapshot(`
      [
        "/m.c:1:9: error P0060: expected "FILENAME" or <FILENAME> after #include",
        "/m.c:2:10: error P0060: expected "FILENAME" or <FILENAME> after #include",
        "/m.c:3:16: warning P0053: extra tokens at end of #include directive",
      ]
    `)
  })

  it('follows #line and line markers', () => {
    const { text, sources } = run({
      '/m.c': '__LINE__\n#line 100\n__LINE__ __FILE__\n#line 7 "x.c"\n__LINE__ __FILE__\n# 3 "y.c" 1\n__LINE__ __FILE__\n',
    })
    expect(text).toBe('1 100 "/m.c" 7 "x.c" 3 "y.c"')
    const file = sources.files[0]!
    expect(sources.presumed(file.base + file.bytes.length - 2)).toEqual({ path: 'y.c', line: 3, column: 17 })
  })

  it('takes from line markers what is a system header', () => {
    const text = 'a\n# 1 "/usr/include/s.h" 1 3\nb\n#line 9\nc\n# 20\nd\n# 2 "m.c" 2\ne\n# 1 "s.h" 1 3 4\nf\n# 3 "m.c" 2\ng\n'
    const { sources, text: words } = run({ '/m.c': text })
    const file = sources.files[0]!
    const seen = words.split(' ').map(word => {
      const loc = file.base + text.indexOf(`${word}\n`)
      const at = sources.presumed(loc)!
      return `${word} ${at.path}:${at.line}${sources.isSystem(loc) ? ' system' : ''}`
    })
    expect(seen).toEqual([
      'a /m.c:1',
      'b /usr/include/s.h:1 system',
      'c /usr/include/s.h:9 system',
      'd /usr/include/s.h:20 system',
      'e m.c:2',
      'f s.h:1 system',
      'g m.c:3',
    ])
  })

  it.each(['9', '1 2', '3 1', '4', 'x', '3 3'])('refuses the flags %s of a line marker', flags => {
    expect(runText(`# 1 "m.c" ${flags}\n`).problems.map(problem => problem.replace(/^[^ ]* /, ''))).toEqual([
      'error P0065: invalid flag line marker directive',
    ])
  })

  it('reports #error, #warning and unknown pragmas', () => {
    expect(
      runText('#error don\'t\n#warning w x\n#pragma nonsense\n#pragma GCC diagnostic push\n#pragma message("m")').problems,
    ).toEqual([
      "/main.c:1:2: error P0066: don't",
      '/main.c:2:2: warning P0067: w x',
      '/main.c:3:2: warning P0072: unknown pragma ignored',
      '/main.c:5:2: warning P0071: m',
    ])
  })

  it('keeps the state of diagnostic pragmas by place', () => {
    const text =
      'a\n#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored "-Wx"\nb\n#include "h.h"\n#pragma GCC diagnostic pop\nc\n'
    const { result, sources } = run({ '/m.c': text, '/h.h': 'd\n' })
    const at = (path: string, offset: number) => {
      const file = sources.files.find(candidate => candidate.path.endsWith(path))!
      return result.diagnosticStates.at(file.base, file.base + offset).get('x')
    }
    expect([at('m.c', 0), at('m.c', text.indexOf('\nb') + 1), at('h.h', 0), at('m.c', text.indexOf('\nc') + 1)]).toEqual([
      undefined,
      'ignored',
      'ignored',
      undefined,
    ])
  })
})
