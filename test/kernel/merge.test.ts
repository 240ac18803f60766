/**
 * bpftool, libbpf and the kernel are the judges of static linking: the selftests' objects that are made to be linked, linked by bpfc and by
 * bpftool, give libbpf the same programs, and about as much BTF; the kernel says the same about both, loaded by libbpf or by bpfc.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CliContext, nodeContext } from '../../cli/context.js'
import { main } from '../../cli/main.js'
import { readBtf } from '../../linker/btf/btf-file.js'
import { validateBtf } from '../../linker/btf/validate.js'
import { readElf } from '../../linker/elf/read-elf.js'
import { linkObjects } from '../../linker/merge.js'
import { LOADCHECK, libbpfView, missingForLibbpf, missingForLoading, objectFolder, works } from './oracle.js'

const GROUPS: readonly (readonly string[])[] = [
  ['test_static_linked1', 'test_static_linked2'],
  ['linked_funcs1', 'linked_funcs2'],
  ['linked_maps1', 'linked_maps2'],
  ['linked_vars1', 'linked_vars2'],
  ['test_subskeleton_lib2', 'test_subskeleton_lib', 'test_subskeleton'],
  ['test_usdt', 'test_usdt_multispec'],
]

const missing = missingForLibbpf(works('bpftool', 'version') ? '' : 'bpftool')
if (missing.length) console.warn(`merge.test: skipped, there is no ${missing.join(', no ')}`)

const btfOf = (path: string) =>
  readBtf(readElf(new Uint8Array(readFileSync(path))).sections.find(section => section.name === '.BTF')!.data)

describe.skipIf(missing.length > 0)('linkObjects', () => {
  it('links the selftests’ objects as bpftool does', { timeout: 300_000 }, () => {
    const scratch = mkdtempSync(join(tmpdir(), 'bpfc-merge-'))
    const folder = objectFolder(scratch, GROUPS.flat())
    let compared = 0
    for (const group of GROUPS) {
      const paths = group.map(name => join(folder, `${name}.o`))
      if (!paths.every(path => existsSync(path))) continue
      const [own, peer] = [join(scratch, 'own.o'), join(scratch, 'peer.o')]
      writeFileSync(own, linkObjects(paths.map(path => ({ path, bytes: new Uint8Array(readFileSync(path)) }))))
      validateBtf(btfOf(own))
      const { status } = spawnSync('bpftool', ['gen', 'object', peer, ...paths])
      const view = (path: string) => libbpfView(scratch, scratch, [path]).map(({ obj: _obj, ...row }) => row)
      const [mine, theirs] = [view('own.o'), status === 0 ? view('peer.o') : []]
      expect(
        mine.every(row => !row.error),
        `${group[0]}: ${mine.find(row => row.error)?.error}`,
      ).toBe(true)
      // Some releases of bpftool refuse newer objects or gcc's, and give objects of linked_maps that libbpf cannot open.
      if (status !== 0 || theirs.some(row => row.prog === null)) continue
      // Type ids may differ; the order of maps and functions may not.
      const strip = (rows: typeof mine) => rows.map(({ funcs, ...row }) => ({ ...row, funcs: funcs.map(([slot]) => slot) }))
      expect(strip(mine), group[0]).toEqual(strip(theirs))
      expect(btfOf(own).count / btfOf(peer).count, group[0]).toBeLessThanOrEqual(1.02)
      compared++
    }
    expect(compared).toBeGreaterThan(1)
  })
})

const unloadable = [...missing, ...missingForLoading(), existsSync(LOADCHECK) ? '' : LOADCHECK].filter(Boolean)
if (unloadable.length) console.warn(`merge.test: not loaded, there is no ${unloadable.join(', no ')}`)

/** The output and exit code of a bpfc command. */
async function bpfc(...words: string[]): Promise<{ code: number; text: string; said: string }> {
  const parts: string[] = []
  const said: string[] = []
  const context: CliContext = {
    ...nodeContext(),
    out: part => void parts.push(`${part}`),
    outBytes: bytes => void parts.push(new TextDecoder().decode(bytes)),
    err: part => void said.push(`${part}`),
  }
  const code = await main(words, undefined, context)
  return { code, text: parts.join(''), said: said.join('') }
}

const jsonLines = <Row>(text: string) =>
  text
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as Row)

/** What the kernel said of each program, loaded by bpfc. */
async function loadedByBpfc(path: string): Promise<Map<string, string>> {
  const { code, text, said } = await bpfc('load', '--format', 'json', path)
  expect([0, 1], said).toContain(code)
  return new Map(
    jsonLines<{ program: string; verdict: string; processed: number; message: string }>(text).map(row => [
      row.program,
      row.verdict === 'accepted' ? `accepted, processed ${row.processed}` : row.message,
    ]),
  )
}

/** Names of the programs that the kernel takes through libbpf, each with its verdict. */
function loadedByLibbpf(folder: string, name: string): Map<string, boolean> {
  const text = execFileSync(LOADCHECK, [name], { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28 })
  return new Map(jsonLines<{ prog: string | null; ok: boolean }>(text).map(row => [row.prog ?? 'the object', row.ok]))
}

describe.skipIf(unloadable.length > 0)('bpfc link', () => {
  it('gives objects that the kernel takes as it takes bpftool’s, with the same instructions', { timeout: 300_000 }, async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'bpfc-link-'))
    const folder = objectFolder(scratch, GROUPS.flat())
    let programs = 0
    const alone: string[] = []
    for (const group of GROUPS) {
      const paths = group.map(name => join(folder, `${name}.o`))
      if (!paths.every(path => existsSync(path))) continue
      const [own, peer] = [join(scratch, 'own.o'), join(scratch, 'peer.o')]
      const linked = await bpfc('link', '-o', own, ...paths)
      expect(linked.code, linked.said).toBe(0)
      const { status } = spawnSync('bpftool', ['gen', 'object', peer, ...paths])
      const mine = await loadedByBpfc(own)
      expect(mine.size, group[0]).toBeGreaterThan(0)
      programs += mine.size
      // libbpf takes what bpfc linked, and agrees with bpfc's own loading of it.
      const verdicts = loadedByLibbpf(scratch, 'own.o')
      expect(new Map([...mine].map(([name, verdict]) => [name, verdict.startsWith('accepted')])), group[0]).toEqual(verdicts)
      const theirs = status === 0 ? loadedByLibbpf(scratch, 'peer.o') : undefined
      if (!theirs || theirs.has('the object')) {
        alone.push(group.join('+'))
        continue
      }
      expect(verdicts, group[0]).toEqual(theirs)
      expect(mine, group[0]).toEqual(await loadedByBpfc(peer))
      // Instructions and C lines: what stands behind the table of sections and before the maps, which are named after the file.
      const text = async (path: string) => /\n\n\S+ \(.*?\nMaps\n/s.exec((await bpfc('dump', '--style', 'llvm', path)).text)?.[0]
      expect(await text(own), group[0]).toContain('exit')
      expect(await text(own), group[0]).toEqual(await text(peer))
    }
    rmSync(scratch, { recursive: true })
    console.log(
      `merge.test: ${programs} programs of linked objects${alone.map(name => `; no object of bpftool's for ${name}`).join('')}`,
    )
    expect(programs).toBeGreaterThan(8)
  })
})
