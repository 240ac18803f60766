/**
 * Programs that are right in C and that clang-19 compiles to what kernels refuse (or does not compile), each for one reason; docs/hazards.md
 * has the kernels' answers. Ours must be accepted by every kernel at every instruction set.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bundledBtf, checkedObject, kernelProfile, openObject, prepareObject, verifyProgram } from '../../index.js'

const folder = join(import.meta.dirname, 'programs')
const kernels = ['6.1', '6.12', '6.18']
/** What a kernel cannot know, however it is compiled for it. */
const refused: Readonly<Record<string, string>> = {
  'counting-down.bpf.c v2 6.1': '6.1 does not learn from `n != 0` that a range begins at 1',
  'counting-down.bpf.c v3 6.1': '6.1 does not learn from `n != 0` that a range begins at 1',
  'counting-down.bpf.c v2 6.12': '32 bits are cut out with shifts, which lose the bound',
  'counting-down.bpf.c v2 6.18': '32 bits are cut out with shifts, which lose the bound',
}

describe.each(readdirSync(folder))('%s', file => {
  const source = readFileSync(join(folder, file), 'utf8')
  it.each(['v2', 'v3', 'v4'] as const)('is accepted at -mcpu=%s', cpu => {
    const { bytes } = checkedObject(source, { verify: false, compile: { target: { cpu, little: true } } })
    const prepared = prepareObject(openObject(bytes, file), { kernelBtf: bundledBtf() })
    // 6.1 has no instructions of -mcpu=v4.
    for (const version of cpu === 'v4' ? kernels.slice(1) : kernels) {
      const { verdict, message } = verifyProgram(prepared, prepared.programs[0]!, {
        kernel: kernelProfile(version)!,
        logLevel: 0,
      })
      const expected = refused[`${file} ${cpu} ${version}`] ? 'rejected' : 'accepted'
      expect(`${version} ${verdict}${verdict === expected ? '' : ` ${message}`}`).toBe(`${version} ${expected}`)
    }
  })
})
