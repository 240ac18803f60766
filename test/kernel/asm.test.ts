/**
 * `clang -S | bpfc asm` against `clang -c`: the object has the same instructions, data, BTF, relocations and symbols. Needs clang and the
 * selftests (see oracle.ts). Takes every fortieth source; all of them with `BPFC_ALL=1 npx vitest run test/kernel/asm.test.ts`.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { nodeContext } from '../../cli/context.js'
import { main } from '../../cli/main.js'
import type { ElfFile, ElfSection } from '../../linker/elf/elf-types.js'
import { readElf } from '../../linker/elf/read-elf.js'
import { CLANG, selftestFlags, selftests, works } from './oracle.js'

const progs = join(selftests, 'progs')
const missing = [existsSync(progs) ? '' : progs, works(CLANG, '--version') ? '' : CLANG].filter(Boolean)
if (missing.length) console.warn(`asm.test: skipped, there is no ${missing.join(', no ')}`)

/** Sections that a program consists of: neither DWARF nor the tables of ELF itself. */
const counts = ({ name }: ElfSection) => !/^(\.debug|\.rel|\.strtab|\.symtab|\.llvm_addrsig|$)/.test(name)

/** What two objects must agree on, as lines. Local labels are the assembler's own business. */
function contents(elf: ElfFile): string[] {
  const isDebug = (index: number) => elf.sections[index]?.name.startsWith('.debug') === true
  const place = (index: number) => elf.sections[index]?.name ?? `${index}`
  return [
    // Two runs of clang number types differently, so BTF is compared by its size; its alignment is 4 from the compiler, 1 from the assembler.
    ...elf.sections.filter(counts).map(({ name, type, flags, size, align, data }) => {
      const btf = name.startsWith('.BTF')
      return `section ${name} ${type} ${flags} ${size} ${btf ? '' : align} ${name === '.BTF' ? '' : Buffer.from(data).toString('base64')}`
    }),
    ...elf.relocations
      .filter(({ target }) => !isDebug(target))
      .flatMap(({ target, relocs }) =>
        relocs.map(({ offset, type, symbol }) => {
          const { name, section, value } = elf.symbols[symbol]!
          return `relocation ${place(target)}+${offset} ${type} ${name || `${place(section)}+${value}`}`
        }),
      ),
    ...elf.symbols
      .filter(({ name, section }) => name !== '' && !/^\.?L/.test(name) && !isDebug(section))
      .map(
        ({ name, bind, type, visibility, value, size, section }) =>
          `symbol ${name} ${bind} ${type} ${visibility} ${value} ${size} ${place(section)}`,
      )
      .sort(),
  ]
}

describe.skipIf(missing.length > 0)('bpfc asm', () => {
  it('makes of clang’s assembly the object that clang makes of the source', { timeout: 3_600_000 }, async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'bpfc-asm-'))
    const every = process.env['BPFC_ALL'] ? 1 : 40
    const names = readdirSync(progs)
      .filter(name => name.endsWith('.c'))
      .filter((_, index) => index % every === 0)
    const context = nodeContext()
    let compared = 0
    const wrong: string[] = []
    for (const name of names) {
      const [text, own, peer] = ['x.s', 'own.o', 'peer.o'].map(file => join(scratch, file)) as [string, string, string]
      const clang = (...args: string[]) => spawnSync(CLANG, [...selftestFlags, join(progs, name), ...args]).status === 0
      // A few of the sources are for kernels that these headers are not of.
      if (!clang('-S', '-o', text) || !clang('-c', '-o', peer)) continue
      expect(await main(['asm', text, '-o', own], undefined, context), name).toBe(0)
      const [mine, theirs] = [contents(readElf(readFileSync(own))), contents(readElf(readFileSync(peer)))]
      const at = theirs.findIndex((line, index) => line !== mine[index])
      if (at >= 0 || mine.length !== theirs.length)
        wrong.push(`${name}: ${mine[at]?.slice(0, 300)} instead of ${theirs[at]?.slice(0, 300)}`)
      compared++
    }
    rmSync(scratch, { recursive: true })
    console.log(`asm.test: ${compared} of ${names.length} sources compared`)
    expect(wrong).toEqual([])
    expect(compared).toBeGreaterThan(10)
  })
})
