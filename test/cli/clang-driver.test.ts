/** `bpfc-clang` in the place of clang: the flags that build files pass, what they write and what they print. */
import { describe, expect, it } from 'vitest'
import { parseStandard } from '../../cli/compile-options.js'
import { readElf } from '../../linker/elf/read-elf.js'
import { bpfcClang, type CliRun } from '../support/cli.js'

const text = (run: CliRun, file: string) => new TextDecoder().decode(run.written.get(file))
const program = `#include "h.h"
__attribute__((section("xdp"), used)) int prog(void *ctx) { return RESULT; }
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
`
const tree = { 'a.bpf.c': program, 'h.h': '#include "inner.h"\n', 'inner.h': '#define RESULT 2\n' }
const under = (folder: string) =>
  Object.fromEntries(Object.entries(tree).map(([name, content]) => [`${folder}/${name}`, content]))
const files = under('src')

describe('-std=', () => {
  const macros = async (...words: string[]) =>
    (await bpfcClang(['-target', 'bpf', ...words, '-dM', '-E', 'a.c'], { 'a.c': '' })).out
      .split('\n')
      .flatMap(
        line =>
          /^#define (__STDC_VERSION__|__STRICT_ANSI__|__GNUC_(?:STDC|GNU)_INLINE__) (.*)$/.exec(line)?.slice(1, 3).join(' ') ??
          [],
      )
      .sort()

  it.each([
    ['-std=gnu89', ['__GNUC_GNU_INLINE__ 1']],
    ['-std=c89', ['__GNUC_GNU_INLINE__ 1', '__STRICT_ANSI__ 1']],
    ['-ansi', ['__GNUC_GNU_INLINE__ 1', '__STRICT_ANSI__ 1']],
    ['-std=iso9899:199409', ['__GNUC_GNU_INLINE__ 1', '__STDC_VERSION__ 199409L', '__STRICT_ANSI__ 1']],
    ['-std=gnu99', ['__GNUC_STDC_INLINE__ 1', '__STDC_VERSION__ 199901L']],
    ['-std=gnu11', ['__GNUC_STDC_INLINE__ 1', '__STDC_VERSION__ 201112L']],
    ['-std=c11', ['__GNUC_STDC_INLINE__ 1', '__STDC_VERSION__ 201112L', '__STRICT_ANSI__ 1']],
    ['--std=gnu17', ['__GNUC_STDC_INLINE__ 1', '__STDC_VERSION__ 201710L']],
    ['-std=gnu18', ['__GNUC_STDC_INLINE__ 1', '__STDC_VERSION__ 201710L']],
    ['-std=gnu2x', ['__GNUC_STDC_INLINE__ 1', '__STDC_VERSION__ 202311L']],
    ['-O2', ['__GNUC_STDC_INLINE__ 1', '__STDC_VERSION__ 201710L']],
  ] as const)('%s', async (word, expected) => {
    expect(await macros(word)).toEqual(expected)
  })

  it('the last one holds', async () => {
    expect(await macros('-std=gnu89', '-std=gnu11')).toContain('__STDC_VERSION__ 201112L')
  })

  it('C23 has its words', async () => {
    const source = 'static_assert(alignof(bool) == 1, "");\n#if !true\n#error\n#endif\nint *p = nullptr; bool b = true;\n'
    expect(await bpfcClang(['-std=gnu23', '-fsyntax-only', 'a.c'], { 'a.c': source })).toMatchObject({ code: 0, err: '' })
    expect((await bpfcClang(['-fsyntax-only', 'a.c'], { 'a.c': source })).code).toBe(1)
  })

  it.each(['gnu94', 'iso11', 'c9899:2011', 'c++17', ''])('%j is no C standard', async value => {
    expect(parseStandard(value)).toBeUndefined()
    const run = await bpfcClang([`-std=${value}`, '-c', 'a.c'], { 'a.c': 'int a;' })
    expect(run.err).toContain(`invalid value '${value}' in '-std=${value}'`)
    expect(run.code).toBe(1)
  })
})

describe('flags about DWARF', () => {
  it.each(['-gdwarf-4', '-gsplit-dwarf', '-ggdb3', '-gline-tables-only'])(
    '%s is accepted and said to be without effect',
    async flag => {
      const run = await bpfcClang(['-target', 'bpf', '-g', '-O2', flag, '-c', 'src/a.bpf.c', '-o', 'out/a.o'], files)
      expect(run.code).toBe(0)
      expect(run.err).toBe(`bpfc-clang: note: without effect: ${flag}; -g means BTF and BTF.ext, objects of bpfc have no DWARF\n`)
      expect(run.written.get('out/a.o')).toBeDefined()
    },
  )
})

describe('depfiles', () => {
  it.each([
    [['-MD'], 'out/a.d', 'out/a.o: src/a.bpf.c src/h.h src/inner.h\n'],
    [['-MMD', '-MF', 'x.d'], 'x.d', 'out/a.o: src/a.bpf.c src/h.h src/inner.h\n'],
    [['-MD', '-MT', 'one', '-MQ', 'two$'], 'out/a.d', 'one two$$: src/a.bpf.c src/h.h src/inner.h\n'],
    [['-MD', '-MP'], 'out/a.d', 'out/a.o: src/a.bpf.c src/h.h src/inner.h\nsrc/h.h:\nsrc/inner.h:\n'],
  ] as const)('%j', async (words, file, expected) => {
    const run = await bpfcClang(['-target', 'bpf', '-g', '-O2', ...words, '-c', 'src/a.bpf.c', '-o', 'out/a.o'], files)
    expect(run).toMatchObject({ code: 0, err: '' })
    expect(text(run, file).replace(/ \\\n\s*/g, ' ')).toBe(expected)
    expect([...run.written.keys()].sort()).toEqual([file, 'out/a.o'].sort())
  })

  it('lists each file that was asked for once, in order, and none that was not', async () => {
    const tree = {
      'src/a.c': `#include "guarded.h"
#include "guarded.h"
#if 0
#include "never.h"
#endif
#if __has_include("probed.h") && !__has_include("absent.h")
#define NAME <computed.h>
#include NAME
#endif
#include <chained.h>
int f(void) { return VALUE + COMPUTED + CHAINED + FORCED; }
`,
      'src/guarded.h': '#ifndef G\n#define G\n#define VALUE 1\n#endif\n',
      'src/never.h': '#error never\n',
      'src/probed.h': '#error probed\n',
      'inc/computed.h': '#define COMPUTED 2\n',
      'inc/chained.h': '#include_next <chained.h>\n',
      'inc2/chained.h': '#define CHAINED 3\n',
      'inc2/forced.h': '#define FORCED 4\n',
    }
    const words = ['-target', 'bpf', '-MD', '-MF', 'x.d', '-include', 'forced.h', '-Iinc', '-Iinc2', '-c', 'src/a.c', '-o', 'a.o']
    const run = await bpfcClang(words, tree)
    expect(run).toMatchObject({ code: 0, err: '' })
    // As clang-19 lists them.
    expect(text(run, 'x.d').replace(/ \\\n\s*/g, ' ')).toBe(
      'a.o: src/a.c inc2/forced.h src/guarded.h src/probed.h inc/computed.h inc/chained.h inc2/chained.h\n',
    )
  })

  it('-M prints and compiles nothing', async () => {
    const run = await bpfcClang(['-target', 'bpf', '-M', 'src/a.bpf.c'], files)
    expect(run.out.replace(/ \\\n\s*/g, ' ')).toBe('a.bpf.o: src/a.bpf.c src/h.h src/inner.h\n')
    expect(run.written.size).toBe(0)
  })
})

describe('what it prints', () => {
  it('--version: the first line has the form that scripts take apart', async () => {
    const { out, code } = await bpfcClang(['--version'])
    expect(out).toMatch(/clang version 19\.\d+\.\d+\b/)
    expect(out).toMatch(/^Target: bpf$/m)
    expect(out).toMatch(/^InstalledDir: ./m)
    expect(code).toBe(0)
  })

  it.each([
    [['-dumpversion'], /^19\.\d+\.\d+\n$/],
    [['-dumpmachine'], /^bpf\n$/],
    [['-print-target-triple'], /^bpf\n$/],
    [['-print-resource-dir'], /^\S+\n$/],
    [['-print-file-name=no-such-file.h'], /^no-such-file\.h\n$/],
    [['-print-prog-name=ld'], /^ld\n$/],
    [['-print-search-dirs'], /^programs: =.*\nlibraries: =.*\n$/],
    [['-print-targets'], /^ {2}Registered Targets:\n( {4}bpf.*\n)+$/],
  ] as const)('%j', async (words, expected) => {
    const run = await bpfcClang(words)
    expect(run.out).toMatch(expected)
    expect(run).toMatchObject({ code: 0, err: '' })
  })

  it('an unknown -print- is refused, not answered with something else', async () => {
    const run = await bpfcClang(['-print-nothing'])
    expect(run.code).toBe(1)
    expect(run.err).toContain("'-print-nothing'")
  })

  it('-v lists the include directories that libbpf-bootstrap takes with sed', async () => {
    const run = await bpfcClang(['-v', '-I', 'mine', '-isystem', 'theirs'])
    expect(run.err).toMatch(/^#include "\.\.\." search starts here:\n#include <\.\.\.> search starts here:\n mine\n theirs\n/m)
    expect(run.err).toMatch(/^End of search list\.$/m)
  })

  it('-### shows the command and does nothing', async () => {
    const run = await bpfcClang(['-###', '-target', 'bpf', '-DNAME="a b"', '-c', 'src/a.bpf.c', '-o', 'a.o'], files)
    expect(run.err).toContain('"-DNAME=\\"a b\\"" "-c" "src/a.bpf.c" "-o" "a.o"\n')
    expect(run).toMatchObject({ code: 0, out: '' })
    expect(run.written.size).toBe(0)
  })
})

describe('inputs', () => {
  it('a response file, with quotes and another response file in it', async () => {
    const run = await bpfcClang(['@all.rsp', 'a.c'], {
      'a.c': 'NAME OTHER',
      'all.rsp': '-target bpf\n"-DNAME=one two" @more.rsp',
      'more.rsp': "'-DOTHER=three four' -E -P",
    })
    expect(run.out.trim()).toBe('one two three four')
  })

  it('-E is taken by a second compiler, which makes the same code', async () => {
    const first = await bpfcClang(['-target', 'bpf', '-E', 'src/a.bpf.c', '-o', 'a.i'], files)
    expect(first.code).toBe(0)
    const whole = await bpfcClang(['-target', 'bpf', '-O2', '-S', 'src/a.bpf.c', '-o', '-'], files)
    const second = await bpfcClang(['-target', 'bpf', '-O2', '-x', 'cpp-output', '-S', 'a.i', '-o', '-'], {
      'a.i': text(first, 'a.i'),
    })
    expect(second).toMatchObject({ code: 0, err: '' })
    const code = (assembly: string) => assembly.replace(/^\s*#.*\n/gm, '')
    expect(code(second.out)).toBe(code(whole.out))
  })

  it.each([
    [['-c', 'none.c'], /no such file or directory: 'none\.c'/],
    [['-c'], /no input files/],
    [['-c', 'src/a.bpf.c', '--no-such-flag'], /unknown argument: '--no-such-flag'|unsupported option/],
    [['-target', 'x86_64-linux-gnu', '-c', 'src/a.bpf.c'], /not BPF/],
    [['-x', 'c++', '-c', 'src/a.bpf.c'], /language not supported: 'c\+\+'/],
    [['-emit-llvm', '-c', 'src/a.bpf.c'], /bitcode/],
  ] as const)('%j is refused', async (words, message) => {
    const run = await bpfcClang(words, files)
    expect(run.err).toMatch(message)
    expect(run.code).toBe(1)
    expect(run.written.size).toBe(0)
  })
})

describe('warnings', () => {
  const source = 'int f(void) { int unused; return 0; }\n'
  it.each([
    [[], 0, false],
    [['-Wall'], 0, true],
    [['-Wall', '-Wno-unused-variable'], 0, false],
    [['-Wall', '-w'], 0, false],
    [['-Wall', '-Werror'], 1, true],
    [['-Wall', '-Werror', '-Wno-error=unused-variable'], 0, true],
    [['-Wno-no-such-warning', '-Wall'], 0, true],
  ] as const)('%j', async (words, code, shown) => {
    const run = await bpfcClang([...words, '-c', 'a.c'], { 'a.c': source })
    expect(/unused variable 'unused'/.test(run.err)).toBe(shown)
    expect(run.code).toBe(code)
  })
})

describe('the same bytes', () => {
  const build = async (directory: string, ...words: string[]) => {
    const at = (name: string) => `${directory}/${name}`
    const run = await bpfcClang(['-target', 'bpf', '-g', '-O2', ...words, '-c', at('a.bpf.c'), '-o', at('a.o')], under(directory))
    expect(run).toMatchObject({ code: 0, err: '' })
    return run.written.get(at('a.o'))!
  }

  it('from a second run', async () => {
    expect(await build('/one')).toEqual(await build('/one'))
  })

  it.each(['-ffile-prefix-map', '-fdebug-prefix-map'])('from another directory with %s', async flag => {
    const plain = [await build('/one'), await build('/another/place')]
    expect(plain[0]).not.toEqual(plain[1])
    const mapped = [await build('/one', `${flag}=/one=/src`), await build('/another/place', `${flag}=/another/place=/src`)]
    expect(mapped[0]).toEqual(mapped[1])
    expect(new TextDecoder('latin1').decode(mapped[0])).toContain('/src/a.bpf.c')
  })
})

describe('__FILE__', () => {
  const files = {
    '/one/a.c': '#include "own.h"\nconst char file[] = __FILE__, base[] = __BASE_FILE__, name[] = __FILE_NAME__;\n',
    '/one/own.h': 'const char own[] = __FILE__;\n',
  }
  const texts = async (...words: string[]) => {
    const run = await bpfcClang(['-target', 'bpf', '-g', ...words, '-c', '/one/a.c', '-o', 'a.o'], files)
    expect(run).toMatchObject({ code: 0, err: '' })
    const { data } = readElf(run.written.get('a.o')!).sections.find(({ name }) => name === '.rodata')!
    return new TextDecoder().decode(data).split('\0').filter(Boolean)
  }

  it.each([
    [[], ['/one/own.h', '/one/a.c', '/one/a.c', 'a.c']],
    [['-fdebug-prefix-map=/one=/src'], ['/one/own.h', '/one/a.c', '/one/a.c', 'a.c']],
    [['-fmacro-prefix-map=/one=/src'], ['/src/own.h', '/src/a.c', '/src/a.c', 'a.c']],
    [
      ['-ffile-prefix-map=/one=/src', '-fmacro-prefix-map=/one/own=/x/own'],
      ['/x/own.h', '/src/a.c', '/src/a.c', 'a.c'],
    ],
  ])('%j', async (words, expected) => {
    expect(await texts(...words)).toEqual(expected)
  })
})

describe('what a linker would take', () => {
  it('is left out with a warning when there is nothing to link', async () => {
    const run = await bpfcClang(['-target', 'bpf', '-c', 'a.c', 'b.o', 'lib.a', '-o', 'a.o'], { 'a.c': 'int a;\n', 'b.o': '' })
    expect(run.code).toBe(0)
    expect([...run.written.keys()]).toEqual(['a.o'])
    expect(run.err.split('\n').slice(0, 2)).toEqual([
      "bpfc-clang: warning: b.o: 'linker' input unused [-Wunused-command-line-argument]",
      "bpfc-clang: warning: lib.a: 'linker' input unused [-Wunused-command-line-argument]",
    ])
  })
})

describe('preprocessed input', () => {
  const source =
    '# 1 "m.c"\n# 1 "/usr/include/s.h" 1 3\nint g(int a) { int one; return a; }\n# 2 "m.c" 2\nint h(int a) { int two; return a; }\n'

  it('is warned about by the names and lines of its line markers, and not in system headers', async () => {
    const run = await bpfcClang(['-target', 'bpf', '-Wall', '-O2', '-c', 'a.i'], { 'a.i': source })
    expect(run.code).toBe(0)
    expect(run.err).toContain("m.c:2:20: warning: unused variable 'two' [-Wunused-variable]\n    2 | int h(int a) {")
    expect(run.err).not.toContain("'one'")
  })

  it('gives line information by its line markers', async () => {
    const run = await bpfcClang(['-target', 'bpf', '-g', '-O2', '-c', 'a.i', '-o', 'a.o'], { 'a.i': source })
    const object = new TextDecoder('latin1').decode(run.written.get('a.o'))
    expect(object).toContain('/m.c\0')
    expect(object).not.toContain('/a.i\0')
  })
})

describe('shipped bpf/usdt.bpf.h', () => {
  const source = (body: string) => `#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/usdt.bpf.h>
${body}
char LICENSE[] SEC("license") = "GPL";
`

  it('compiles handlers of up to twelve arguments, without a warning', async () => {
    const params = Array.from({ length: 12 }, (_, i) => `${i % 2 ? 'long' : 'short'} a${i}`).join(', ')
    const sum = Array.from({ length: 12 }, (_, i) => `a${i}`).join(' + ')
    const run = await bpfcClang(['-target', 'bpf', '-Wall', '-D__TARGET_ARCH_x86', '-g', '-O2', '-c', 'a.c', '-o', 'a.o'], {
      'a.c': source(`SEC("usdt//bin/x:y:z") int BPF_USDT(many, ${params}) { return ${sum}; }
SEC("usdt") int BPF_USDT(none) { return bpf_usdt_arg_cnt(ctx) + bpf_usdt_cookie(ctx); }`),
    })
    expect(run).toMatchObject({ code: 0, err: '' })
  })

  it("lays descriptions out as libbpf's loader fills them", async () => {
    const offsets = { 'args[0]': 0, 'args[0].reg_off': 14, 'args[0].arg_signed': 16, 'args[0].arg_bitshift': 17, 'args[1]': 24 }
    const all = Object.entries({ ...offsets, usdt_cookie: 288, arg_cnt: 296 })
    const asserts = all.map(
      ([member, at]) => `_Static_assert(__builtin_offsetof(struct __bpf_usdt_spec, ${member}) == ${at}, "${member}");`,
    )
    const run = await bpfcClang(['-target', 'bpf', '-D__TARGET_ARCH_x86', '-fsyntax-only', 'a.c'], {
      'a.c': source(`${asserts.join('\n')}\n_Static_assert(sizeof(struct __bpf_usdt_spec) == 304, "size");`),
    })
    expect(run).toMatchObject({ code: 0, err: '' })
  })

  it('linux/tcp.h has the flags in network byte order', async () => {
    const check = '_Static_assert(TCP_FLAG_SYN == 0x200 && TCP_FLAG_CWR == 0x8000 && TCP_DATA_OFFSET == 0xf0, "");\n'
    const run = await bpfcClang(['-target', 'bpf', '-fsyntax-only', 'a.c'], { 'a.c': `#include <linux/tcp.h>\n${check}` })
    expect(run).toMatchObject({ code: 0, err: '' })
  })
})
