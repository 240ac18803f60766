/**
 * libbpf is the judge of `bpfc core`: for the selftests of CO-RE and each of the kernels that they make up (objects btf__core_reloc_*), and for
 * the running kernel, the minimal BTF that `bpfc core --minimize` writes works as libbpf's btf_custom_path, with the instructions that
 * the whole BTF gives, and is no larger than bpftool's; what the report calls a failure libbpf refuses, and it refuses nothing else.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CliContext, nodeContext } from '../../cli/context.js'
import { main } from '../../cli/main.js'
import { libbpfView, missingForLibbpf, objectFolder, VMLINUX, works } from './oracle.js'

const TOPICS = ['arrays', 'enumval', 'existence', 'flavors', 'ints', 'nesting', 'size', 'type_based', 'type_id']
const KERNELS = TOPICS.flatMap(topic => [topic, `${topic}___diff`, `${topic}___diff_sz`, `${topic}___err_too_small`]).concat(
  'size___err_ambiguous',
  'nesting___err_dup_incompat_types',
)
const RUNNING = ['core_kern', 'test_core_reloc_kernel', 'test_core_read_macros', 'bpf_cubic']

const missing = missingForLibbpf(works('bpftool', 'version') ? '' : 'bpftool')
if (missing.length) console.warn(`core.test: skipped, there is no ${missing.join(', no ')}`)

async function bpfc(...words: string[]): Promise<{ code: number; text: string; said: string }> {
  const [parts, said]: [string[], string[]] = [[], []]
  const context: CliContext = { ...nodeContext(), out: part => void parts.push(part), err: part => void said.push(part) }
  const code = await main(words, undefined, context)
  return { code, text: parts.join(''), said: said.join('') }
}

interface ReportRow {
  readonly function: string
  readonly outcome: 'ok' | 'poison' | 'fault'
  readonly line?: number
  readonly access: string
}

describe.skipIf(missing.length > 0)('bpfc core', () => {
  it('agrees with libbpf, by whole and by minimal BTF', { timeout: 900_000 }, async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'bpfc-core-'))
    const folder = objectFolder(scratch, [
      ...RUNNING,
      ...KERNELS.map(name => `btf__core_reloc_${name}`),
      ...TOPICS.map(topic => `test_core_reloc_${topic}`),
    ])
    const files = new Set(readdirSync(folder).filter(name => name.endsWith('.o')))
    const pairs: [string, string][] = RUNNING.filter(name => files.has(`${name}.o`)).map(name => [`${name}.o`, VMLINUX])
    for (const kernel of files) {
      const topic = /^btf__core_reloc_(.+?)(___?\w+)?\.o$/.exec(kernel)?.[1]
      if (topic === undefined) continue
      for (const suffix of ['', '_direct', '_probed'])
        if (files.has(`test_core_reloc_${topic}${suffix}.o`))
          pairs.push([`test_core_reloc_${topic}${suffix}.o`, join(folder, kernel)])
    }
    const [own, peer] = [join(scratch, 'own.btf'), join(scratch, 'peer.btf')]
    const wrong: string[] = []
    let [relocations, failures, bytes, peerBytes] = [0, 0, 0, 0]
    for (const [name, kernel] of pairs) {
      const where = `${name} on ${kernel.split('/').pop()}`
      const view = (core: string) => libbpfView(scratch, folder, [name], core)
      const whole = view(kernel)
      const report = await bpfc('core', join(folder, name), '--btf', kernel, '--format', 'json')
      const rows = report.text
        .split('\n')
        .filter(line => line.startsWith('{'))
        .map(line => JSON.parse(line) as ReportRow)
      relocations += rows.length
      if (rows.some(row => !row.access || !row.function || !row.line))
        wrong.push(`${where}: a relocation without access, function or line`)
      const failed = rows.some(row => row.outcome === 'fault')
      if (failed) failures++
      const refused = whole.some(row => row.error?.includes('relo'))
      if (failed !== refused)
        wrong.push(`${where}: the report ${failed ? 'fails' : 'does not fail'}, libbpf ${refused ? 'refuses' : 'takes'} it`)
      // 1 if anything fails or is missing; missing may be allowed.
      const expected = (outcomes: readonly string[]) => (rows.some(row => outcomes.includes(row.outcome)) ? 1 : 0)
      if (report.code !== expected(['fault', 'poison'])) wrong.push(`${where}: exit code ${report.code}`)
      const tolerant = await bpfc('core', join(folder, name), '--btf', kernel, '--allow-missing')
      if (tolerant.code !== expected(['fault'])) wrong.push(`${where}: exit code ${tolerant.code} with --allow-missing`)
      const minimized = await bpfc('core', join(folder, name), '--btf', kernel, '--minimize', '-o', own)
      const theirs = spawnSync('bpftool', ['gen', 'min_core_btf', kernel, peer, join(folder, name)])
      if (failed) continue
      if (minimized.code !== 0) {
        wrong.push(`${where}: ${minimized.said}`)
        continue
      }
      // Ids of types are those of the BTF that they are looked up in.
      const strip = (views: typeof whole) => JSON.stringify(name.includes('type_id') ? views.map(row => row.error ?? '') : views)
      if (strip(view(own)) !== strip(whole)) wrong.push(`${where}: other instructions by the minimal BTF`)
      if (theirs.status === 0) {
        bytes += statSync(own).size
        peerBytes += statSync(peer).size
        if (JSON.stringify(view(peer)) !== JSON.stringify(view(own))) wrong.push(`${where}: other instructions than by bpftool's`)
      }
    }
    rmSync(scratch, { recursive: true })
    console.log(
      `core.test: ${relocations} relocations in ${pairs.length} pairs of object and kernel, ${failures} refused by both; minimal BTF of ${bytes} bytes, bpftool's ${peerBytes}`,
    )
    expect(wrong).toEqual([])
    expect(pairs.length).toBeGreaterThan(15)
    expect(failures).toBeGreaterThan(0)
    expect(bytes).toBeLessThanOrEqual(peerBytes * 1.02)
  })
})
