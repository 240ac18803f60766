import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BtfBuilder } from '../../../linker/btf/btf-builder.js'
import { readBtf } from '../../../linker/btf/btf-file.js'
import { BTF_LINKAGE_GLOBAL, BtfKind } from '../../../linker/btf/btf-types.js'
import { validateBtf } from '../../../linker/btf/validate.js'
import {
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_PROGBITS,
  STB_GLOBAL,
  STB_WEAK,
  STT_FUNC,
  STT_OBJECT,
} from '../../../linker/elf/elf-types.js'
import { readElf } from '../../../linker/elf/read-elf.js'
import { writeElf } from '../../../linker/elf/write-elf.js'
import { linkObjects } from '../../../linker/merge.js'
import { openObject } from '../../../linker/object/open.js'

const fixture = (name: string, compiler: 'bpfel' | 'gcc' = 'bpfel') => ({
  path: `${name}.o`,
  bytes: new Uint8Array(readFileSync(join(import.meta.dirname, `fixtures/${name}.${compiler}.o`))),
})
const linked = () => linkObjects([fixture('left'), fixture('right')])

/** An object with one function and one variable, for conflicts. */
function small(options: { name?: string; bind?: number; size?: number; license?: string; little?: boolean; value?: number }) {
  const { name = 'shared', bind = STB_GLOBAL, size = 4, license = 'GPL', little = true, value = 7 } = options
  const btf = new BtfBuilder()
  const int = btf.addInt(size === 4 ? 'int' : 'long', size, { signed: true })
  const variable = btf.addVar(name, int, BTF_LINKAGE_GLOBAL)
  btf.addDatasec('.data', 0, [{ type: variable, offset: 0, size }])
  return writeElf({
    little,
    sections: [
      { name: '.data', type: SHT_PROGBITS, flags: SHF_ALLOC | SHF_WRITE, align: size, data: new Uint8Array(size).fill(value) },
      {
        name: 'license',
        type: SHT_PROGBITS,
        flags: SHF_ALLOC | SHF_WRITE,
        align: 1,
        data: new TextEncoder().encode(`${license}\0`),
      },
      {
        name: 'xdp',
        type: SHT_PROGBITS,
        flags: SHF_ALLOC | SHF_EXECINSTR,
        align: 8,
        data: new Uint8Array([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]),
      },
      { name: '.BTF', type: SHT_PROGBITS, flags: 0, align: 4, data: btf.finish(little) },
    ],
    symbols: [
      { name, section: 0, value: 0, size, bind, type: STT_OBJECT },
      { name: `f${value}`, section: 2, value: 0, size: 16, bind: STB_GLOBAL, type: STT_FUNC },
    ],
  })
}

describe('linkObjects', () => {
  it('leaves the inputs alone and gives the same for a Buffer of Node, whose slice() is no copy', () => {
    // Inside of larger memory, as Node gives small files.
    const inputs = [fixture('left'), fixture('right')].map(({ path, bytes }) => ({
      path,
      bytes: Buffer.concat([new Uint8Array(24), bytes]).subarray(24),
    }))
    const before = inputs.map(({ bytes }) => bytes.toString('hex'))
    expect(Buffer.from(linkObjects(inputs)).equals(linked())).toBe(true)
    expect(inputs.map(({ bytes }) => bytes.toString('hex'))).toEqual(before)
  })

  it('joins two halves into an object that opens', () => {
    const object = openObject(linked(), 'whole.o')
    expect(object.programs.map(program => program.name)).toEqual(['left_main', 'right_main'])
    expect(object.externs.map(extern => extern.name)).toEqual(['CONFIG_HZ', 'jiffies_like'])
    expect(object.maps.map(map => map.name)).toEqual(['table', 'whole.data', 'whole.kconfig'])
    const calls = (name: string) =>
      [...object.programs, ...object.subprograms]
        .filter(fn => fn.name === name)
        .map(fn => fn.relocs.flatMap(reloc => (reloc.kind === 'subprogram' ? [object.subprograms[reloc.subprogram]!] : [])))
    const [[chosen, localStep, otherSide]] = calls('left_main') as [[...typeof object.subprograms]]
    expect([chosen!.name, localStep!.name, otherSide!.name]).toEqual(['chosen', 'local_step', 'other_side'])
    // The strong definition has the place of the weak one: it adds 200.
    expect([...chosen!.insns.imm]).toContain(200)
    expect([...chosen!.insns.imm]).not.toContain(100)
    // Each half keeps its own static function.
    const [[other]] = calls('other_side') as [[...typeof object.subprograms]]
    expect(other!.name).toBe('local_step')
    expect(other).not.toBe(localStep)
  })

  it.each([
    ['gcc', 'gcc'],
    ['gcc', 'bpfel'],
    ['bpfel', 'gcc'],
  ] as const)('joins halves of several compilers: %s and %s', (left, right) => {
    const bytes = linkObjects([fixture('left', left), fixture('right', right)])
    const object = openObject(bytes, 'whole.o')
    expect(object.programs.map(program => program.name)).toEqual(['left_main', 'right_main'])
    expect(object.externs.map(extern => extern.name)).toEqual(['CONFIG_HZ', 'jiffies_like'])
    expect(object.maps.map(map => map.name)).toEqual(['table', 'whole.data', 'whole.kconfig'])
    expect([...object.subprograms.find(fn => fn.name === 'chosen')!.insns.imm]).toContain(200)
    const btf = readBtf(readElf(bytes).sections.find(section => section.name === '.BTF')!.data)
    validateBtf(btf)
    // gcc calls the type of its field another name than clang does.
    expect(btf.byName('shared_value')).toHaveLength(left === right ? 1 : 2)
    for (const name of ['table', 'chosen', 'other_side', 'unsigned int', 'u32']) expect(btf.byName(name), name).toHaveLength(1)
    for (const fn of [...object.programs, ...object.subprograms]) {
      expect(btf.nameOf(fn.funcInfo!.type)).toBe(fn.name)
      expect(fn.lineInfo[0]!.path).toMatch(/(left|right)\.bpf\.c$/)
    }
  })

  it('moves data and keeps equal names of different files apart', () => {
    const object = openObject(linked(), 'whole.o')
    const data = object.maps.find(map => map.data?.section === '.data')!
    const words = new Uint32Array(data.data!.bytes.slice().buffer)
    expect([...words].sort((a, b) => a - b)).toEqual([1, 5, 11, 22])
    const statics = object.subprograms
      .filter(fn => fn.name === 'local_step')
      .map(fn => fn.relocs.find(reloc => reloc.kind === 'data'))
      .map(reloc => (reloc?.kind === 'data' ? words[reloc.offset / 4] : undefined))
    expect(statics).toEqual([11, 22])
  })

  it('merges BTF, functions, lines', () => {
    const bytes = linked()
    const elf = readElf(bytes)
    const btf = readBtf(elf.sections.find(section => section.name === '.BTF')!.data)
    validateBtf(btf)
    for (const name of ['shared_value', 'table', '_license', 'chosen', 'left_main'])
      expect(btf.byName(name), name).toHaveLength(1)
    expect(btf.type(btf.byName('.maps')[0]!)).toMatchObject({ kind: BtfKind.Datasec, size: 32, vars: [{ offset: 0 }] })
    const object = openObject(bytes, 'whole.o')
    for (const fn of [...object.programs, ...object.subprograms]) {
      expect(btf.nameOf(fn.funcInfo!.type)).toBe(fn.name)
      expect(fn.lineInfo.length).toBeGreaterThan(0)
    }
    expect(object.programs[1]!.lineInfo[0]!.path).toContain('right.bpf.c')
  })

  it('gives the same for the same, and for its own result', () => {
    expect(linked()).toEqual(linked())
    const again = linkObjects([{ path: 'whole.o', bytes: linked() }])
    expect(openObject(again, 'w.o').programs).toEqual(openObject(linked(), 'w.o').programs)
  })

  it('takes the strong definition, in whatever order', () => {
    for (const [first, second] of [
      [STB_WEAK, STB_GLOBAL],
      [STB_GLOBAL, STB_WEAK],
    ] as const) {
      const bytes = linkObjects([
        { path: 'a.o', bytes: small({ bind: first, value: first }) },
        { path: 'b.o', bytes: small({ bind: second, value: second }) },
      ])
      const elf = readElf(bytes)
      const symbol = elf.symbols.find(candidate => candidate.name === 'shared')!
      expect(symbol.bind).toBe(STB_GLOBAL)
      expect(elf.sections[symbol.section]!.data[symbol.value]).toBe(STB_GLOBAL)
      expect(readBtf(elf.sections.find(section => section.name === '.BTF')!.data).byName('shared')).toHaveLength(1)
    }
  })

  const conflicts: readonly [string, Parameters<typeof small>[0], string][] = [
    ['two strong definitions', { value: 8 }, 'L0005'],
    ['different types', { value: 8, size: 8, bind: STB_WEAK }, 'L0004'],
    ['different licences', { value: 8, name: 'other', license: 'MIT' }, 'L0003'],
    ['different byte orders', { value: 8, name: 'other', little: false }, 'L0001'],
  ]
  it.each(conflicts)('refuses %s, naming the file', (_name, options, code) => {
    const link = () =>
      linkObjects([
        { path: 'a.o', bytes: small({}) },
        { path: 'b.o', bytes: small(options) },
      ])
    expect(link).toThrow(expect.objectContaining({ name: 'LinkFault', code, path: 'b.o' }))
  })
})
