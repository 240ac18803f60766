/**
 * Damaged inputs must read, or fail with a format error: no crash, no hang, no memory. The suite runs a short slice;
 * `BPFC_FUZZ=200000 npx vitest run test/linker/fuzz` runs that many of each kind. Same seed, same inputs. scripts/fuzz-objects.ts damages real
 * objects and assembly and gives them to the commands.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../../base/outcome.js'
import { formatInsn } from '../../../assembler/syntax/pseudo-c.js'
import { readBtfExt } from '../../../linker/btf/btf-ext.js'
import { readBtf } from '../../../linker/btf/btf-file.js'
import { btfToC } from '../../../linker/btf/c-dump.js'
import { dedupBtf } from '../../../linker/btf/dedup.js'
import { LinkedBtf } from '../../../linker/btf/linked-btf.js'
import { dumpJson, dumpRaw } from '../../../linker/btf/raw-dump.js'
import { diffBtf } from '../../../linker/btf/diff.js'
import { validateBtf } from '../../../linker/btf/validate.js'
import { coreReport } from '../../../linker/core/report.js'
import { readElf } from '../../../linker/elf/read-elf.js'
import { LinkFault } from '../../../linker/link-fault.js'
import { linkObjects } from '../../../linker/merge.js'
import { openObject } from '../../../linker/object/open.js'
import { prepareObject } from '../../../linker/object/prepare.js'
import { cSkeleton } from '../../../linker/skeleton/c-skeleton.js'
import { tsSkeleton } from '../../../linker/skeleton/ts-skeleton.js'
import { stripObject } from '../../../linker/strip.js'
import { damage } from '../../support/damage.js'
import { kitchenBytes, madeUpKernel } from '../object/kitchen.js'

const RUNS = Number(process.env['BPFC_FUZZ'] ?? 600)
/** Milliseconds of CPU that one input may take; an honest one takes about 5. */
const SLOW = 2000
/** Resident bytes that the process may have, the test runner's own some 100 MB among them. */
const MEMORY = 512 << 20

/** Numbers that look random and are the same every time (xorshift32). */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

function attack(bytes: Uint8Array, seed: number, use: (input: Uint8Array) => void): { fine: number; refused: number } {
  const next = numbers(seed)
  let fine = 0
  let refused = 0
  for (let run = 0; run < RUNS; run++) {
    const input = damage(bytes, next)
    const start = process.cpuUsage()
    try {
      use(input)
      fine++
    } catch (error) {
      if (!(error instanceof FormatError) && !(error instanceof LinkFault))
        throw new Error(`seed ${seed}, run ${run}: ${(error as Error).stack}`)
      refused++
    }
    if (run % 512 === 511 && process.memoryUsage.rss() > MEMORY) throw new Error(`seed ${seed}, run ${run}: more than 512 MB`)
    const { user, system } = process.cpuUsage(start)
    const spent = (user + system) / 1000
    if (spent > SLOW) throw new Error(`seed ${seed}, run ${run}: ${Math.round(spent)} ms`)
  }
  return { fine, refused }
}

const section = (name: string) => readElf(kitchenBytes('el')).sections.find(candidate => candidate.name === name)!.data

describe('damaged inputs', () => {
  const kernelBtf = madeUpKernel()
  const own = readBtf(section('.BTF'))
  const right = new Uint8Array(readFileSync(join(import.meta.dirname, '../merge/fixtures/right.bpfel.o')))

  const cases: readonly [string, Uint8Array, (input: Uint8Array) => void][] = [
    ['objects, opened and prepared', kitchenBytes('el'), input => void prepareObject(openObject(input, 'x.o'), { kernelBtf })],
    ['big-endian objects', kitchenBytes('eb'), input => void prepareObject(openObject(input, 'x.o'), { kernelBtf })],
    [
      'objects, relocations reported',
      kitchenBytes('el'),
      input => void coreReport(openObject(input, 'x.o'), { vmlinux: kernelBtf, modules: [] }),
    ],
    ['objects, stripped', kitchenBytes('el'), input => void stripObject(input)],
    [
      'objects, linked',
      new Uint8Array(readFileSync(join(import.meta.dirname, '../merge/fixtures/left.bpfel.o'))),
      input =>
        void linkObjects([
          { path: 'left.o', bytes: input },
          { path: 'right.o', bytes: right },
        ]),
    ],
    [
      'objects, as they are and as skeletons',
      kitchenBytes('el'),
      input => {
        const object = openObject(input, 'x.o', { tolerant: true })
        for (const func of [...object.programs, ...object.subprograms])
          for (let slot = 0; slot < func.insns.length; slot++) formatInsn(func.insns, slot, slot % 2 ? 'llvm' : 'bpftool')
        cSkeleton(object, input, 'x')
        tsSkeleton(object, input, 'x')
      },
    ],
    [
      'BTF, as text and JSON',
      section('.BTF').slice(),
      input => {
        const btf = readBtf(input)
        dumpRaw(btf)
        JSON.parse(dumpJson(btf))
      },
    ],
    ['BTF, split', section('.BTF').slice(), input => void dumpRaw(readBtf(input, { base: own }), own.count)],
    ['BTF, as C', section('.BTF').slice(), input => void btfToC(readBtf(input))],
    ['BTF, validated', section('.BTF').slice(), input => validateBtf(readBtf(input))],
    ['BTF, deduplicated', section('.BTF').slice(), input => void dedupBtf(LinkedBtf.of(readBtf(input)))],
    ['BTF, compared', section('.BTF').slice(), input => void diffBtf(readBtf(input), kernelBtf)],
    ['.BTF.ext', section('.BTF.ext').slice(), input => void readBtfExt(input, readBtf(section('.BTF')), true)],
  ]
  it.each(cases)('%s', { timeout: 3_600_000 }, (_name, bytes, use) => {
    const { fine, refused } = attack(bytes, 0x2545_f491, use)
    expect(fine + refused).toBe(RUNS)
    // The damage does reach the checks, and not all of it is fatal.
    expect(refused).toBeGreaterThan(0)
  })
})
