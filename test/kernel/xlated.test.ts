/**
 * Instructions as text in bpftool's style: what `bpftool prog dump xlated` prints of loaded programs is what bpfc prints of the same bytes. Names of
 * callees and maps are the kernel's own and left out. Needs root, koffi, bpftool, and clang or BPFC_OBJECTS (see oracle.ts):
 *   BPFC_OBJECTS=FOLDER npx vitest run test/kernel/xlated.test.ts
 * Programs are loaded and closed again; none is attached.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Insns } from '../../assembler/isa/insns.js'
import { classify, isForm } from '../../assembler/isa/isa-table.js'
import { formatInsn } from '../../assembler/syntax/pseudo-c.js'
import { runningKernel } from '../../cli/running-kernel.js'
import { FormatError } from '../../base/outcome.js'
import { readBtf } from '../../linker/btf/btf-file.js'
import { openObject } from '../../linker/object/open.js'
import { prepareObject } from '../../linker/object/prepare.js'
import { loadProgram } from '../../runtime/live/load-object.js'
import { CLANG, missingForLoading, objectFolder, VMLINUX, works } from './oracle.js'

const SAMPLE = [
  'arena_htab_asm',
  'test_pkt_access',
  'test_subprogs',
  'verifier_bswap',
  'verifier_ldsx',
  'verifier_movsx',
  'verifier_sdiv',
  'verifier_value',
]
const missing = [
  existsSync(VMLINUX) ? '' : VMLINUX,
  ...missingForLoading(),
  works('bpftool', 'version') ? '' : 'bpftool',
  process.env['BPFC_OBJECTS'] || works(CLANG, '--version') ? '' : CLANG,
].filter(Boolean)
if (missing.length) console.warn(`xlated.test: skipped, there is no ${missing.join(', no ')}`)

/** Without what only the kernel knows: whom a call calls, which map or address a 64-bit immediate is. */
const common = (text: string) => text.replace(/^(\(85\) call) .*/, '$1').replace(/^(\(18\) r\d+ =) .*/, '$1')

describe.skipIf(missing.length > 0)('programs that the kernel has loaded', () => {
  it('are printed as bpftool prints them', { timeout: 1_800_000 }, () => {
    const scratch = mkdtempSync(join(tmpdir(), 'bpfc-xlated-'))
    const folder = objectFolder(scratch, SAMPLE)
    const options = runningKernel(readBtf(new Uint8Array(readFileSync(VMLINUX))))
    const raw = join(scratch, 'raw')
    let compared = 0
    let left = 0
    let programs = 0
    const wrong: string[] = []
    for (const name of readdirSync(folder).filter(file => file.endsWith('.o'))) {
      let prepared: ReturnType<typeof prepareObject>
      try {
        prepared = prepareObject(openObject(readFileSync(join(folder, name)), name), options)
      } catch (error) {
        if (error instanceof FormatError) continue
        throw error
      }
      for (const program of prepared.programs) {
        const live = loadProgram(prepared, program)
        if (live.fd >= 0) {
          const id = /^prog_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${live.fd}`, 'utf8'))![1]!
          const dump = (...more: string[]) =>
            spawnSync('bpftool', ['prog', 'dump', 'xlated', 'id', id, ...more], { encoding: 'utf8' })
          const text = dump().stdout
          if (dump('file', raw).status === 0) {
            programs++
            const insns = Insns.fromBytes(new Uint8Array(readFileSync(raw)), true)
            for (const [, slot, peer] of text.matchAll(/^ *(\d+): (.*)$/gm)) {
              const form = classify(insns, Number(slot))
              // The kernel also puts in what is no instruction of programs (register 11), and this bpftool may be older than an instruction.
              if (!isForm(form) || (form.mcpu === 4 && form.kind !== 'store_imm') || form.group === 'kernel') {
                left++
                continue
              }
              const own = formatInsn(insns, Number(slot), 'bpftool')
              compared++
              if (common(own) !== common(peer!)) wrong.push(`${name} ${program.name} ${slot}: ${own} instead of ${peer}`)
            }
          }
        }
        live.close()
      }
    }
    rmSync(scratch, { recursive: true })
    console.log(`xlated.test: ${compared} instructions of ${programs} programs, ${left} left out`)
    expect(wrong.slice(0, 20)).toEqual([])
    expect(compared).toBeGreaterThan(100)
  })
})
