/** `bpfc dump` in its forms, and source maps read back with the package that made the format known. */
import { SourceMapConsumer } from 'source-map'
import { beforeAll, describe, expect, it } from 'vitest'
import { Insns } from '../../assembler/isa/insns.js'
import { basicBlocks } from '../../cli/report/control-flow.js'
import { openObject } from '../../linker/object/open.js'
import { bpfc, type CliRun } from '../support/cli.js'

const SOURCE = `static long (*ktime)(void) = (void *)5;
int total;
__attribute__((noinline)) int twice(int x) { return x * total; }
__attribute__((section("xdp"), used)) int prog(void *ctx) {
  if (ktime() > 1000)
    total += twice(3);
  return total > 10 ? 1 : 2;
}
__attribute__((section("tc"), used)) int other(void *ctx) {
  return total;
}
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
`

let built: CliRun
const dump = (...words: string[]) => bpfc(['dump', 'a.o', ...words], { 'a.o': built.written.get('out/a.o')! })

beforeAll(async () => {
  built = await bpfc(['build', 'a.c', '-o', 'out/a.o', '--source-map'], { 'a.c': SOURCE })
})

describe('bpfc build --source-map', () => {
  it('says what the line info says', async () => {
    expect(built.err).toBe('')
    expect([...built.written.keys()]).toEqual(['out/a.o', 'out/a.o.map'])
    const map = JSON.parse(new TextDecoder().decode(built.written.get('out/a.o.map')))
    expect(map).toMatchObject({ version: 3, file: 'a.o', sources: ['/project/a.c'] })
    const starts = new Map<string, number>(
      map.x_bpf_sections.map((section: { name: string; line: number }) => [section.name, section.line]),
    )
    const object = openObject(built.written.get('out/a.o')!, 'a.o')
    const wanted = [...object.programs, ...object.subprograms].flatMap(func =>
      func.lineInfo.map(info => ({
        at: starts.get(func.section)! + func.sectionOffset / 8 + info.slot,
        source: info.path,
        line: info.line,
        column: info.column - 1,
      })),
    )
    expect(wanted.length).toBeGreaterThan(6)
    await SourceMapConsumer.with(map, null, consumer => {
      for (const { at, ...place } of wanted) expect(consumer.originalPositionFor({ line: at, column: 0 })).toMatchObject(place)
      let mappings = 0
      consumer.eachMapping(() => mappings++)
      expect(mappings).toBe(wanted.length)
    })
  })

  it('goes with objects only', async () => {
    expect((await bpfc(['build', 'a.c', '--emit', 'asm', '--source-map'], { 'a.c': SOURCE })).code).toBe(2)
  })
})

describe('bpfc dump', () => {
  it("names helpers and callees in bpftool's style", async () => {
    const run = await dump('--style', 'bpftool', '--prog', 'prog')
    expect(run.out).toContain('(85) call bpf_ktime_get_ns#5')
    expect(run.out).toMatch(/\(85\) call pc[-+]\d+#twice .*# call twice/)
  })

  it('speaks JSON', async () => {
    const run = await dump('--json', '--only', 'sections,programs,maps,relocations,btf')
    const document = JSON.parse(run.out)
    expect(document.license).toBe('GPL')
    expect(document.programs.map((program: { name: string }) => program.name)).toEqual(['prog', 'other', 'twice'])
    expect(document.programs[0].instructions[0]).toMatchObject({
      slot: 0,
      text: 'call 0x5',
      code: 0x85,
      imm: 5,
      source: { path: '/project/a.c', line: 5 },
    })
    expect(document.relocations[0]).toMatchObject({ section: '.text', type: 'R_BPF_64_64', symbol: 'total' })
    expect(document.btf.length).toBeGreaterThan(3)
  })

  it('lists symbols for those who ask', async () => {
    expect((await dump()).out).not.toContain('Symbols')
    const { out } = await dump('--only', 'symbols')
    expect(out).toMatch(/^ {2}xdp +\+0x0 +\d+ bytes +global +func +prog$/m)
    const [row] = JSON.parse((await dump('--only', 'symbols', '--json')).out).symbols.filter(
      ({ name }: { name: string }) => name === 'total',
    )
    expect(row).toMatchObject({ type: 'object', visibility: 'default', size: 4, value: 0 })
  })

  it('draws control flow', async () => {
    const dot = (await dump('--cfg', 'dot', '--prog', 'prog')).out
    expect(dot).toMatch(/^digraph programs \{/)
    expect(dot).toMatch(/f0_0 -> f0_\d+ \[label="taken"\];/)
    const svg = (await dump('--cfg', 'svg')).out
    expect(svg).toMatch(/^<svg .*<\/svg>\n$/s)
    expect(svg.match(/<rect /g)!.length).toBe((await dump('--cfg', 'dot')).out.match(/\[label=".*\\l"\]/g)!.length)
    expect(svg).not.toMatch(/NaN|undefined/)
    expect((await dump('--cfg', 'png')).code).toBe(2)
  })

  it('finds blocks and edges', () => {
    const insns = new Insns(5)
    // if r1 == 0 goto +2; r0 = 1; goto -3; r0 = 0; exit
    insns.set(0, 0x15, 1, 0, 2, 0)
    insns.set(1, 0xb7, 0, 0, 0, 1)
    insns.set(2, 0x05, 0, 0, -3, 0)
    insns.set(3, 0xb7, 0, 0, 0, 0)
    insns.set(4, 0x95, 0, 0, 0, 0)
    expect(basicBlocks(insns)).toEqual([
      {
        start: 0,
        end: 1,
        edges: [
          { to: 3, kind: 'taken' },
          { to: 1, kind: 'next' },
        ],
      },
      { start: 1, end: 3, edges: [{ to: 0, kind: 'taken' }] },
      { start: 3, end: 5, edges: [] },
    ])
  })
})
