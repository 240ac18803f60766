/** The commands over objects: assemble, link, strip, relocate, BTF and skeletons, on objects that bpfc has compiled here. */
import { beforeAll, describe, expect, it } from 'vitest'
import { readBtf } from '../../linker/btf/btf-file.js'
import { readElf } from '../../linker/elf/read-elf.js'
import { openObject } from '../../linker/object/open.js'
import { bpfc, bpfcClang, type CliRun } from '../support/cli.js'

const LICENSE = 'char LICENSE[] __attribute__((section("license"), used)) = "GPL";\n'
const MAIN = `extern int twice(int x);
int total;
__attribute__((section("xdp"), used)) int prog(void *ctx) {
  total += twice(3);
  return total > 10 ? 1 : 2;
}
${LICENSE}`
const OTHER = `__attribute__((noinline)) int twice(int x) { return x * 2; }\n${LICENSE}`
const CORE = (body: string) => `struct task { ${body} } __attribute__((preserve_access_index));
__attribute__((section("raw_tp/x"), used)) int prog(struct task **ctx) {
  struct task *t = *ctx;
  int v;
  ((long (*)(void *, unsigned, const void *))113)(&v, sizeof v, &t->pid);
  return v;
}
${LICENSE}`

const files: Record<string, string | Uint8Array> = {}

async function build(name: string, source: string): Promise<void> {
  const run = await bpfc(['build', `${name}.c`, '-o', `${name}.o`], { [`${name}.c`]: source })
  expect(run.err).toBe('')
  files[`${name}.o`] = run.written.get(`${name}.o`)!
}

const clean = (run: CliRun) => {
  expect(run.err).not.toMatch(/internal error/)
  expect([...run.written.keys()]).toEqual([])
}

beforeAll(async () => {
  await build('main', MAIN)
  await build('other', OTHER)
  await build('task', CORE('long a; int pid;'))
  await build('moved', CORE('int pid;'))
  await build('gone', CORE('long a; long b; int pid; char more[8];'))
  files['bad.o'] = (files['main.o'] as Uint8Array).slice(0, 100)
  files['lacking.o'] = (
    await bpfc(['build', 'l.c', '-o', 'l.o'], {
      'l.c': 'struct task { long a; } x; int f(void) { return x.a; }\n',
    })
  ).written.get('l.o')!
})

describe('bpfc link', () => {
  it('resolves what one object lacks from another', async () => {
    const run = await bpfc(['link', '-o', 'out.o', 'main.o', 'other.o'], files)
    expect(run.err).toBe('')
    expect(run.code).toBe(0)
    const object = openObject(run.written.get('out.o')!, 'out.o')
    expect(object.programs.map(program => program.name)).toEqual(['prog'])
    expect(object.subprograms.map(program => program.name)).toEqual(['twice'])
    expect(object.programs[0]!.relocs.some(reloc => reloc.kind === 'subprogram' && reloc.call)).toBe(true)
  })

  it('names the file that is malformed, and writes nothing', async () => {
    const run = await bpfc(['link', '-o', 'out.o', 'main.o', 'bad.o'], files)
    expect(run.err).toMatch(/^error\[F\d{4}\]: bad\.o: .*\(at byte \d+\)\n$/)
    expect(run.code).toBe(1)
    clean(run)
  })

  it('refuses two definitions of one symbol', async () => {
    const run = await bpfc(['link', '-o', 'out.o', 'other.o', 'again.o'], { ...files, 'again.o': files['other.o']! })
    expect(run.err).toMatch(/^error\[L0005\]: again\.o: .*twice/)
    expect(run.code).toBe(1)
    clean(run)
  })

  it('needs -o', async () => {
    expect((await bpfc(['link', 'main.o'], files)).code).toBe(2)
  })
})

describe('bpfc strip', () => {
  const withDwarf = 'r0 = 0\nexit\n.section .debug_info,"",@progbits\n.long 1\n'

  it('takes DWARF out and leaves the rest', async () => {
    const made = await bpfc(['asm', 'd.s'], { 'd.s': withDwarf })
    const before = made.written.get('d.o')!
    const names = (bytes: Uint8Array) => readElf(bytes).sections.map(section => section.name)
    expect(names(before)).toContain('.debug_info')
    const run = await bpfc(['strip', '-g', 'd.o'], { 'd.o': before })
    expect(run.code).toBe(0)
    const after = run.written.get('d.o')!
    expect(names(after)).not.toContain('.debug_info')
    expect(readElf(after).sections.find(section => section.name === '.text')!.data).toEqual(
      readElf(before).sections.find(section => section.name === '.text')!.data,
    )
  })

  it('writes elsewhere with -o', async () => {
    const run = await bpfc(['strip', 'task.o', '-o', 'small.o'], files)
    expect([...run.written.keys()]).toEqual(['small.o'])
    expect(openObject(run.written.get('small.o')!, 'small.o').programs).toHaveLength(1)
  })

  it('refuses what is no object', async () => {
    const run = await bpfc(['strip', 'bad.o'], files)
    expect(run.err).toMatch(/^error\[F/)
    expect(run.code).toBe(1)
    clean(run)
  })
})

describe('bpfc asm', () => {
  it('assembles what bpfc writes with --emit asm to the same program', async () => {
    const text = (await bpfc(['build', 'm.c', '--emit', 'asm'], { 'm.c': MAIN })).out
    const run = await bpfc(['asm', 'm.s', '-o', 'm.o'], { 'm.s': text })
    expect(run.err).toBe('')
    const [want, have] = [files['main.o'] as Uint8Array, run.written.get('m.o')!].map(bytes => readElf(bytes))
    const xdp = (elf: typeof have) => elf!.sections.find(section => section.name === 'xdp')!.data
    expect(xdp(have)).toEqual(xdp(want))
  })

  it('points at the fault', async () => {
    const run = await bpfc(['asm', 'm.s'], { 'm.s': 'r0 = 0\nr1 += += 4\nexit\n' })
    expect(run.err).toMatch(/^error\[[A-Z]\d{4}\]: .*\n\s*--> m\.s:2:/)
    expect(run.code).toBe(1)
    clean(run)
  })

  it('keeps the bytes of strings', async () => {
    const run = await bpfc(['asm', 'm.s'], { 'm.s': '.data\n.ascii "é"\n' })
    expect([...readElf(run.written.get('m.o')!).sections.find(section => section.name === '.data')!.data]).toEqual([0xc3, 0xa9])
  })

  it('takes the name of a section for its section symbol', async () => {
    const text = '.section .debug_info,"",@progbits\n.long .debug_abbrev\n.section .debug_abbrev,"",@progbits\n.byte 1\n'
    const elf = readElf((await bpfc(['asm', 'm.s'], { 'm.s': text })).written.get('m.o')!)
    expect(elf.symbols.filter(symbol => symbol.name === '.debug_abbrev')).toEqual([])
    const [reloc] = elf.relocations[0]!.relocs
    expect(elf.sections[elf.symbols[reloc!.symbol]!.section]!.name).toBe('.debug_abbrev')
  })

  it('is what bpfc-clang does with .s', async () => {
    const source = { 'm.s': '.section xdp,"ax",@progbits\n.globl p\np: r0 = 0\nexit\n' }
    const run = await bpfcClang(['-target', 'bpf', '-c', 'm.s', '-o', 'm.o'], source)
    expect(run.err).toBe('')
    expect(run.written.get('m.o')).toEqual((await bpfc(['asm', 'm.s'], source)).written.get('m.o'))
  })
})

describe('bpfc core', () => {
  const core = (...words: string[]) => bpfc(['core', 'task.o', ...words], { ...files, ...kernels })
  const kernels: Record<string, Uint8Array> = {}
  beforeAll(() => {
    // Objects carry the very types that stand for kernels here.
    kernels['btfs/same.btf'] = files['task.o'] as Uint8Array
    kernels['btfs/moved.btf'] = files['moved.o'] as Uint8Array
    kernels['btfs/other.btf'] = files['gone.o'] as Uint8Array
    kernels['bad/lacking.btf'] = files['lacking.o'] as Uint8Array
  })

  it('shows each relocation on each kernel', async () => {
    const run = await core('--btf', 'btfs')
    expect(run.err).toBe('')
    expect(run.code).toBe(0)
    expect(run.out).toContain('1 relocation\n')
    expect(run.out).toMatch(/task\.c:5: struct task\.pid \(field byte offset\), prog instruction \d+\n/)
    expect(run.out).toMatch(/moved {2}8 -> 0\n {2}other {2}8 -> 16\n {2}same {3}8 -> 8\n/)
  })

  it('fails where a kernel lacks a field, unless that is allowed', async () => {
    const run = await core('--btf', 'btfs/same.btf,bad')
    expect(run.code).toBe(1)
    expect(run.out).toMatch(/lacking {2}missing: .+\n/)
    expect(run.out).toMatch(/lacking {2}1 of 1 fail/)
    expect((await core('--btf', 'bad', '--allow-missing')).code).toBe(0)
  })

  it('speaks JSON', async () => {
    const run = await core('--btf', 'btfs', '--format', 'json')
    const rows = run.out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(rows.map(row => [row.kernel, row.original, row.value, row.outcome])).toEqual([
      ['moved', '8', '0', 'ok'],
      ['other', '8', '16', 'ok'],
      ['same', '8', '8', 'ok'],
    ])
  })

  it('makes the minimal BTF, which gives the same answers', async () => {
    const run = await core('--btf', 'btfs/other.btf', '--minimize', '-o', 'min.btf')
    expect(run.err).toBe('')
    const bytes = run.written.get('min.btf')!
    expect(readBtf(bytes).count).toBe(3)
    const again = await bpfc(['core', 'task.o', '--btf', 'min.btf'], { ...files, 'min.btf': bytes })
    expect(again.out).toMatch(/min {2}8 -> 16\n/)
  })
})

describe('bpfc btf', () => {
  it('dumps raw, JSON and C', async () => {
    const raw = await bpfc(['btf', 'dump', 'task.o'], files)
    expect(raw.out).toMatch(/\[\d+\] STRUCT 'task' size=16 vlen=2\n\t'a' type_id=\d+ bits_offset=0\n/)
    const json = JSON.parse((await bpfc(['btf', 'dump', 'task.o', '--format', 'json'], files)).out)
    expect(json.types.find((type: { name: string }) => type.name === 'task')).toMatchObject({ kind: 'STRUCT', size: 16 })
    const c = await bpfc(['btf', 'dump', 'task.o', '--format', 'c', '-o', 'task.h'], files)
    expect(new TextDecoder().decode(c.written.get('task.h'))).toContain('struct task {\n\tlong a;\n\tint pid;\n};')
  })

  it('compares', async () => {
    const run = await bpfc(['btf', 'diff', 'task.o', 'gone.o', '--type', 'task'], files)
    expect(run.out).toMatch(/^~ struct task\n( {4}.*\n)+$/)
    expect(run.out).toMatch(/moved pid @64 -> @128/)
    expect(run.code).toBe(0)
    expect((await bpfc(['btf', 'diff', 'task.o', 'gone.o', '--exit-code'], files)).code).toBe(1)
    expect(await bpfc(['btf', 'diff', 'task.o', 'task.o', '--exit-code'], files)).toMatchObject({ code: 0, out: '' })
  })

  it.each([
    [['btf', 'dump', 'task.o', '--format', 'yaml'], 2],
    [['btf', 'dump', 'none.o'], 1],
    [['btf', 'dump', 'bad.o'], 1],
    [['btf', 'turn', 'task.o'], 2],
  ])('%j is refused', async (words, code) => {
    const run = await bpfc(words as string[], files)
    expect(run.err).toMatch(/^error/)
    expect(run.code).toBe(code)
    clean(run)
  })
})

describe('bpfc skel', () => {
  it('makes a C header named after the file', async () => {
    const run = await bpfc(['skel', 'main.bpf.o', '--lang', 'c'], { 'main.bpf.o': files['task.o']! })
    expect(run.code).toBe(0)
    expect(run.out).toMatch(/struct main \{[^}]*struct bpf_object \*obj/)
  })

  it('makes a TypeScript module', async () => {
    const run = await bpfc(['skel', 'task.o', '--lang', 'ts', '-o', 'task.skel.ts'], files)
    expect(new TextDecoder().decode(run.written.get('task.skel.ts'))).toContain('new Program(backend, "prog", "raw_tp/x")')
  })

  it('wants to know the language', async () => {
    expect((await bpfc(['skel', 'task.o', '--lang', 'go'], files)).code).toBe(2)
  })
})
