/**
 * `bpfc dump --style llvm` prints each instruction as llvm-objdump does. Needs llvm-objdump and clang or BPFC_OBJECTS (see oracle.ts); a few
 * objects without the latter, all of the folder with it:
 *   BPFC_OBJECTS=FOLDER npx vitest run test/kernel/dump.test.ts
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CliContext, nodeContext } from '../../cli/context.js'
import { main } from '../../cli/main.js'
import { CLANG, objectFolder, works } from './oracle.js'

const SAMPLE = [
  'bpf_cubic',
  'linked_funcs1',
  'linked_maps1',
  'pyperf50',
  'test_pinning_invalid',
  'verifier_iterating_callbacks',
  'verifier_loops1',
]
const OBJDUMP = ['llvm-objdump-19', 'llvm-objdump'].find(command => works(command, '--version'))
const missing = [OBJDUMP ? '' : 'llvm-objdump', process.env['BPFC_OBJECTS'] || works(CLANG, '--version') ? '' : CLANG].filter(
  Boolean,
)
if (missing.length) console.warn(`dump.test: skipped, there is no ${missing.join(', no ')}`)

interface Dump {
  readonly programs: readonly { section: string; offset: number; instructions: readonly { slot: number; text: string }[] }[]
}

/** Text by section and slot in it. */
function objdump(path: string): Map<string, string> {
  const { stdout } = spawnSync(OBJDUMP!, ['-d', '--no-show-raw-insn', path], { encoding: 'utf8', maxBuffer: 1 << 28 })
  const lines = new Map<string, string>()
  let section = ''
  for (const line of stdout.split('\n')) {
    section = /^Disassembly of section (.*):$/.exec(line)?.[1] ?? section
    const insn = /^ *(\d+):\t(.*)$/.exec(line)
    if (insn) lines.set(`${section} ${insn[1]}`, insn[2]!.trimEnd())
  }
  return lines
}

describe.skipIf(missing.length > 0)('bpfc dump', () => {
  it('prints instructions as llvm-objdump does', { timeout: 1_200_000 }, async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'bpfc-dump-'))
    const folder = objectFolder(scratch, SAMPLE)
    const names = readdirSync(folder).filter(name => name.endsWith('.o'))
    expect(names.length).toBeGreaterThan(3)
    let text = ''
    const context: CliContext = { ...nodeContext(), out: part => void (text += part) }
    let compared = 0
    const wrong: string[] = []
    for (const name of names) {
      text = ''
      const path = join(folder, name)
      expect(await main(['dump', '--json', '--only', 'programs', '--no-source', path], undefined, context), name).toBe(0)
      const peer = objdump(path)
      for (const { section, offset, instructions } of (JSON.parse(text) as Dump).programs)
        for (const { slot, text: own } of instructions) {
          const key = `${section} ${offset / 8 + slot}`
          compared++
          if (own !== peer.get(key)) wrong.push(`${name} ${key}: ${own} instead of ${peer.get(key)}`)
        }
    }
    rmSync(scratch, { recursive: true })
    console.log(`dump.test: ${compared} instructions of ${names.length} objects`)
    expect(wrong).toEqual([])
  })
})
