/** Whole objects: BTF of C's types as text, sections, symbols and relocations, and that the linker opens what was made, in both byte orders. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MemoryHost } from '../../../base/host.js'
import type { CompileOptions } from '../../../compiler/options.js'
import { compile, type Emit } from '../../../compiler/pipeline.js'
import { readElf } from '../../../linker/elf/read-elf.js'
import { openObject } from '../../../linker/object/open.js'

const source = readFileSync(join(import.meta.dirname, 'cases/types.c'), 'utf8')

function build(emit: Emit, little = true) {
  const options: CompileOptions = {
    target: { cpu: 'v3', little },
    optimize: '2',
    debug: true,
    predefines: [],
    includes: { quote: [], user: [], system: [], standard: [], after: [] },
    prefixMap: [{ from: '/project', to: '/src' }],
    workingDirectory: '/project',
    disabledPasses: new Set(),
    vmlinux: undefined,
  }
  const result = compile(new MemoryHost({ 'types.c': source }), 'types.c', options, { emit })
  expect(result.diagnostics.filter(each => each.severity === 'error')).toEqual([])
  return result
}

describe('objects', () => {
  it('types as BTF', async () => {
    await expect(build('btf').text!).toMatchFileSnapshot(join(import.meta.dirname, 'golden/types.btf'))
  })

  it('assembly', async () => {
    await expect(build('asm').text!).toMatchFileSnapshot(join(import.meta.dirname, 'golden/types.asm'))
  })

  it.each([true, false])('sections, symbols, relocations, little-endian %s', little => {
    const elf = readElf(build('obj', little).object!)
    expect(elf.little).toBe(little)
    const names = elf.sections.map(section => section.name)
    expect(names.slice(0, 4)).toEqual(['', '.text', '.rel.text', 'xdp'])
    for (const name of ['.maps', '.data', '.bss', '.rodata', 'license', '.BTF', '.rel.BTF', '.BTF.ext', '.rel.BTF.ext'])
      expect(names).toContain(name)
    const relocs = elf.relocations
      .filter(each => names[each.target] === 'xdp' || names[each.target] === '.text')
      .flatMap(each =>
        each.relocs.map(({ type, symbol }) => {
          const { name, section } = elf.symbols[symbol]!
          return `${type} ${name || names[section]}`
        }),
      )
    // R_BPF_64_64 is 1, R_BPF_64_32 is 10; local symbols go by their section.
    expect(new Set(relocs)).toEqual(
      new Set(['1 .data', '1 .rodata', '1 CONFIG_HZ', '1 words', '1 total', '10 .text', '10 global_sub', '10 bpf_kfunc']),
    )
    const symbol = (name: string) => elf.symbols.find(each => each.name === name)
    expect(symbol('CONFIG_HZ')).toMatchObject({ bind: 2, section: 0 })
    expect(symbol('bpf_kfunc')).toMatchObject({ bind: 1, section: 0 })
    expect(symbol('counter')).toMatchObject({ bind: 0, size: 4, type: 1 })
  })

  it.each([true, false])('the linker opens it, little-endian %s', little => {
    const object = openObject(build('obj', little).object!, 'types.o')
    expect(object.programs.map(program => program.name)).toEqual(['prog'])
    expect(object.subprograms.map(each => each.name).sort()).toEqual(['global_sub', 'sub'])
    const [program] = object.programs
    expect(program!.lineInfo[0]).toMatchObject({ path: '/src/types.c' })
    expect(program!.lineInfo.some(line => line.text.includes('total += limit'))).toBe(true)
    expect(program!.funcInfo).toBeDefined()
    expect(object.externs.map(each => `${each.kind} ${each.name} ${each.weak}`).sort()).toEqual([
      'kconfig CONFIG_HZ true',
      'kfunc bpf_kfunc false',
    ])
  })

  it('the same input gives the same bytes', () => {
    expect(build('obj').object).toEqual(build('obj').object)
  })
})
