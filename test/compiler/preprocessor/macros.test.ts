import { describe, expect, it } from 'vitest'
import { macroBacktrace, tokenSpan } from '../../../compiler/preprocessor/macro-backtrace.js'
import { runText } from './harness.js'

/** Source and what clang 19 makes of it. */
const expansions: readonly (readonly [string, string, string])[] = [
  ['object-like', '#define a b c\na a', 'b c b c'],
  ['not inside itself', '#define f f + g\n#define g f\nf', 'f + f'],
  ['the open case of 6.10.3.4p4', '#define f(a) a*g\n#define g(a) f(a)\nf(2)(9)', '2 * 9 * g'],
  ['a name without parentheses stays', '#define f(a) a\nf f (1) f', 'f 1 f'],
  ['parenthesis on a later line, comments between', '#define f(a) [a]\nf /* x */\n // y\n (1)', '[ 1 ]'],
  ['arguments expand first', '#define x 1\n#define f(a) a #a a\nf(x)', '1 "x" 1'],
  ['# keeps white space as one', '#define s(a) #a\ns(  a   b\n\t"q\\n" \'"\' )', `"a b \\"q\\\\n\\" '\\"'"`],
  [
    '## takes arguments as written',
    '#define x 1\n#define c(a,b) a##b\n#define d(a,b) c(a,b)\nc(x,2) d(x,2) c(,) c(x,) c(,x)',
    'x2 12 1 1',
  ],
  [
    '## makes names, numbers, operators',
    '#define c(a,b) a##b\nc(a,1) c(1,a) c(1.,e5) c(<,<=) c(-,>) c(L,"s")',
    'a1 1a 1.e5 <<= -> L"s"',
  ],
  ['made by # and ##', '#define hash # ## #\n#define m(a) #a\n#define i(a) m(a)\n#define j(c,d) i(c hash d)\nj(x,y)', '"x ## y"'],
  ['variadic', '#define p(f, ...) q(f, __VA_ARGS__)\np(1,2,(3,4)) p(1,)', 'q ( 1 , 2 , ( 3 , 4 ) ) q ( 1 , )'],
  [
    ', ## __VA_ARGS__',
    '#define p(f, ...) q(f, ##__VA_ARGS__)\n#define o(...) q(x, ##__VA_ARGS__)\np(1) p(1,) p(1,2,3) o() o(1)',
    'q ( 1 ) q ( 1 , ) q ( 1 , 2 , 3 ) q ( x ) q ( x , 1 )',
  ],
  ['named variadic', '#define p(f, a...) q(f, ##a)\np(1) p(1, 2, 3)', 'q ( 1 ) q ( 1 , 2 , 3 )'],
  [
    '__VA_OPT__',
    '#define e\n#define p(f, ...) q(f __VA_OPT__(,) __VA_ARGS__)\n#define r(a, ...) a ## __VA_OPT__(x b) #__VA_OPT__(c d)\np(1) p(1, 2) p(1, e) r(y) r(y, 1)',
    'q ( 1 ) q ( 1 , 2 ) q ( 1 ) y "" yx b "c d"',
  ],
  ['empty arguments', '#define f(a,b) [a|b]\n#define g() z\nf(,) g() f(1,)', '[ | ] z [ 1 | ]'],
  ['disabled names in arguments stay so', '#define f(x) x f\n#define a a f(1)\nf(f)(1) a', 'f f ( 1 ) a 1 f'],
  ['__LINE__ at the end of a use', '#define f(a) a __LINE__\n\nf(\n__LINE__\n)', '4 5'],
  ['__COUNTER__', '__COUNTER__ __COUNTER__', '0 1'],
  ['__FILE__', '__FILE__ __FILE_NAME__ __BASE_FILE__', '"/main.c" "main.c" "/main.c"'],
  ['directives among arguments', '#define f(a) [a]\nf(1\n#if 0\n2\n#else\n3\n#endif\n)', '[ 1 3 ]'],
  [
    '_Pragma',
    '#define L _Pragma("unroll 4") for\nL _Pragma("clang loop unroll(disable)") x',
    '[unroll 4] for [clang loop unroll(disable)] x',
  ],
  ['_Pragma from an argument', '#define D(x) _Pragma(#x)\n#define I(x) x\nI(D(unroll)) y', '[unroll] y'],
  [
    'pragmas for the parser, macros in them expanded',
    '#define N 8\n#pragma unroll N\n#pragma pack(push, N)\nx',
    '[unroll 8] [pack(push, 8)] x',
  ],
  ['splices', 'i\\\nnt "a\\\nb" +\\\n= // c \\\n still\nx', 'int "ab" += x'],
  ['CRLF', '#define a b\\\r\n c\r\na\r\n"x\\\r\ny"', 'b c "xy"'],
  ['digraphs', '<: :> <% %> %:', '[ ] { } #'],
  ['identifiers beyond ASCII', 'äö \\u00e9x $a', 'äö éx $a'],
  ['numbers', '0x1e+3 1.5e-3f .5 1..2 0b11', '0x1e+3 1.5e-3f .5 1..2 0b11'],
  ['push_macro', '#define a 1\n#pragma push_macro("a")\n#undef a\n#define a 2\na\n#pragma pop_macro("a")\na', '2 1'],
]

describe('macro expansion', () => {
  it.each(expansions)('%s', (_, source, expected) => {
    const ran = runText(source)
    expect(ran.text).toBe(expected)
    expect(ran.problems).toEqual([])
  })

  it('says what is wrong', () => {
    const { problems } = runText(
      [
        '#define f(a) a',
        'f(1,2)',
        '#define g(a,b) a',
        'g(1)',
        '#define h(a,a) a',
        '#define i(a',
        '#define j(a) #b',
        '#define k ## x',
        '#define c(a,b) a##b',
        'c(+,x)',
        '#define f(a) b',
        '#undef 1',
        '#defne x',
        '"open',
        "'x",
        'f(1',
      ].join('\n'),
    )
    expect(problems).toMatchInlineSnapshot(`
      [
        "/main.c:2:1: error P0021: too many arguments provided to function-like macro invocation of 'f'",
        "/main.c:4:1: error P0022: too few arguments provided to function-like macro invocation of 'g'",
        "/main.c:5:13: error P0012: duplicate macro parameter name 'a'",
        "/main.c:6:12: error P0013: missing ')' in macro parameter list",
        "/main.c:7:14: error P0017: '#' is not followed by a macro parameter",
        "/main.c:8:11: error P0015: '##' cannot appear at start of macro expansion",
        "/main.c:10:1: error P0024: pasting formed '+x', an invalid preprocessing token",
        "/main.c:11:9: warning P0056: 'f' macro redefined",
        "/main.c:12:8: error P0054: macro name must be an identifier",
        "/main.c:13:2: error P0052: invalid preprocessing directive '#defne'",
        "/main.c:14:1: error P0002: missing terminating '"' character",
        "/main.c:15:1: error P0002: missing terminating ''' character",
        "/main.c:16:1: error P0020: unterminated function-like macro invocation of 'f'",
      ]
    `)
  })

  it('knows where the tokens of an expansion come from', () => {
    const { result, sources } = runText('#define f(a) g(a, 1)\n#define g(a, b) a + b\nf(x)\n')
    const { tokens, names } = result
    const found = [0, 1, 2].map(i => [
      names.text(tokens.atom[i]!),
      sources.position(tokens.loc[i]!)!.line,
      sources.position(tokens.caretLoc(i))!.column,
      sources.position(tokens.fileLoc(i))!.column,
    ])
    expect(found).toEqual([
      ['x', 3, 3, 1],
      ['+', 2, 1, 1],
      ['1', 1, 1, 1],
    ])
  })

  it('survives deep nesting', () => {
    const deep = (open: string, inner: string, close: string) => open.repeat(5000) + inner + close.repeat(5000)
    expect(runText(`#define f(a) a\n${deep('f(', 'x', ')')}`).problems[0]).toContain('P0025')
    expect(runText(`#if ${deep('(', '1', ')')}\n#endif`).problems).toEqual([
      '/main.c:1:517: error P0041: expression is nested too deeply',
    ])
    expect(runText(`#if ${'!'.repeat(9000)}1\n#endif`).problems[0]).toContain('P0041')
    expect(runText(deep('(', 'x', ')')).text.length).toBe(20001)
  })

  it('explains a place inside macros', () => {
    const { result, sources } = runText('#define inner(a) (a) + bad\n#define outer(b) inner(b) * 2\n  outer(x)\n')
    const { tokens, names } = result
    const bad = Array.from({ length: tokens.count }, (_, i) => i).find(i => names.text(tokens.atom[i]!) === 'bad')!
    const at = (start: number) => {
      const position = sources.position(start)!
      return `${position.line}:${position.column}`
    }
    const { start, end } = tokenSpan(tokens, names, bad)
    expect([at(start), end - start]).toEqual(['3:3', 5])
    expect(macroBacktrace(tokens, names, bad).map(note => `${at(note.span!.start)} ${note.message}`)).toEqual([
      "1:24 expanded from macro 'inner'",
      "2:18 expanded from macro 'outer'",
    ])
    const x = Array.from({ length: tokens.count }, (_, i) => i).find(i => names.text(tokens.atom[i]!) === 'x')!
    expect([at(tokenSpan(tokens, names, x).start), macroBacktrace(tokens, names, x)]).toEqual(['3:9', []])
  })
})
