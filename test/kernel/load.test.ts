/**
 * `bpfc load` accepts what libbpf loads: the verdicts of the running kernel on each program of the selftests, one loaded alone. Needs root, koffi,
 * clang or BPFC_OBJECTS, and loadcheck of the oracle (see oracle.ts) or a file progs.jsonl that it made beside the objects. A few objects without
 * BPFC_OBJECTS, all of the folder with it:
 *   BPFC_OBJECTS=FOLDER npx vitest run test/kernel/load.test.ts
 * Nothing is attached.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CliContext, nodeContext } from '../../cli/context.js'
import { main } from '../../cli/main.js'
import { CLANG, LOADCHECK, missingForLoading, objectFolder, VMLINUX, works } from './oracle.js'

const SAMPLE = [
  'arena_htab',
  'bpf_cubic',
  'test_core_extern',
  'test_map_in_map',
  'test_pkt_access',
  'test_static_linked1',
  'test_subprogs',
  'verifier_cgroup_storage',
  'verifier_value',
]
const given = process.env['BPFC_OBJECTS']
const missing = [
  existsSync(VMLINUX) ? '' : VMLINUX,
  ...missingForLoading(),
  existsSync(LOADCHECK) || (given && existsSync(join(given, 'progs.jsonl'))) ? '' : LOADCHECK,
  given || works(CLANG, '--version') ? '' : CLANG,
].filter(Boolean)
if (missing.length) console.warn(`load.test: skipped, there is no ${missing.join(', no ')}`)

const rows = <Row>(text: string) =>
  text
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as Row)

describe.skipIf(missing.length > 0)('bpfc load', () => {
  it('accepts what libbpf loads', { timeout: 1_800_000 }, async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'bpfc-load-'))
    const folder = objectFolder(scratch, SAMPLE)
    const names = readdirSync(folder).filter(name => name.endsWith('.o'))
    expect(names.length).toBeGreaterThan(5)
    const stored = join(folder, 'progs.jsonl')
    const peers = rows<{ obj: string; prog?: string; ok: boolean }>(
      existsSync(stored)
        ? readFileSync(stored, 'utf8')
        : execFileSync(LOADCHECK, names, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28 }),
    )
    const own = new Map<string, string>()
    let text = ''
    const context: CliContext = { ...nodeContext(), cwd: folder, out: part => void (text += part), err: () => undefined }
    for (const name of names) {
      text = ''
      // 1 where a program or the whole object is refused.
      expect([0, 1], name).toContain(await main(['load', '--format', 'json', join(folder, name)], undefined, context))
      for (const row of rows<{ program: string; verdict: string; message: string }>(text))
        own.set(`${name} ${row.program}`, row.verdict === 'accepted' ? '' : row.message)
    }
    rmSync(scratch, { recursive: true })
    const accepted = peers.filter(row => row.ok).map(row => `${row.obj} ${row.prog}`)
    console.log(`load.test: ${accepted.length} of ${own.size} programs are accepted through libbpf`)
    expect(accepted.length).toBeGreaterThan(10)
    const lost = accepted.filter(key => own.get(key) !== '').map(key => `${key}: ${own.get(key) ?? 'is not there'}`)
    expect(lost).toEqual([])
  })
})
