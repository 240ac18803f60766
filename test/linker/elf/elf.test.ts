import { describe, expect, it } from 'vitest'
import { FormatError } from '../../../base/outcome.js'
import {
  type ElfImage,
  R_BPF_64_64,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_NOBITS,
  SHT_PROGBITS,
  STB_GLOBAL,
  STB_LOCAL,
  STT_FUNC,
  STT_OBJECT,
  STT_SECTION,
  STV_HIDDEN,
} from '../../../linker/elf/elf-types.js'
import { readElf } from '../../../linker/elf/read-elf.js'
import { writeElf } from '../../../linker/elf/write-elf.js'

const image = (little: boolean): ElfImage => ({
  little,
  flags: 3,
  sections: [
    {
      name: 'xdp',
      type: SHT_PROGBITS,
      flags: SHF_ALLOC | SHF_EXECINSTR,
      align: 8,
      data: new Uint8Array(24).fill(7),
      relocs: [
        { offset: 0, symbol: 0, type: R_BPF_64_64 },
        { offset: 8, symbol: 2, type: R_BPF_64_64 },
      ],
    },
    { name: '.bss', type: SHT_NOBITS, flags: SHF_ALLOC | SHF_WRITE, align: 4, data: 100 },
    { name: '.rodata.str1.1', type: SHT_PROGBITS, flags: 0x32, align: 1, entsize: 1, data: new Uint8Array([65, 0]) },
  ],
  symbols: [
    { name: 'count', section: 1, value: 4, size: 4, bind: STB_GLOBAL, type: STT_OBJECT, visibility: STV_HIDDEN },
    { name: 'drop', section: 0, value: 0, size: 24, bind: STB_GLOBAL, type: STT_FUNC },
    { name: '', section: 2, value: 0, size: 0, bind: STB_LOCAL, type: STT_SECTION },
    { name: 'elsewhere', section: 'undefined', value: 0, size: 0, bind: STB_GLOBAL, type: 0 },
  ],
})

describe('writeElf and readElf', () => {
  it.each([true, false])('give back sections, symbols and relocations, little %s', little => {
    const bytes = writeElf(image(little))
    expect(writeElf(image(little))).toEqual(bytes)
    const file = readElf(bytes)
    expect(file.little).toBe(little)
    expect(file.flags).toBe(3)
    expect(file.sections.map(section => section.name)).toEqual([
      '',
      'xdp',
      '.relxdp',
      '.bss',
      '.rodata.str1.1',
      '.symtab',
      '.strtab',
    ])
    expect(file.sections[3]).toMatchObject({ size: 100, type: SHT_NOBITS, align: 4 })
    expect(file.sections[4]).toMatchObject({ entsize: 1, data: new Uint8Array([65, 0]) })
    // The local symbol moved to the front, and the relocations with it.
    expect(file.symbols.map(({ name, section, bind }) => [name, section, bind])).toEqual([
      ['', 0, 0],
      ['', 4, STB_LOCAL],
      ['count', 3, STB_GLOBAL],
      ['drop', 1, STB_GLOBAL],
      ['elsewhere', 0, STB_GLOBAL],
    ])
    expect(file.sections[file.symtab]).toMatchObject({ info: 2, link: 6 })
    expect(file.symbols[2]).toMatchObject({ value: 4, size: 4, visibility: STV_HIDDEN })
    expect(file.relocations).toEqual([
      {
        section: 2,
        target: 1,
        relocs: [
          { offset: 0, symbol: 2, type: R_BPF_64_64 },
          { offset: 8, symbol: 1, type: R_BPF_64_64 },
        ],
      },
    ])
  })

  it('refuses what is not an object for BPF, with the offset', () => {
    const change = (offset: number, ...values: number[]) => {
      const bytes = writeElf(image(true))
      bytes.set(values, offset)
      return bytes
    }
    const cases: readonly [string, Uint8Array, string, number][] = [
      ['nothing', new Uint8Array(0), 'F0101', 0],
      ['text', new TextEncoder().encode('hello world, this is no object file at all, but text'), 'F0101', 0],
      ['a header only', writeElf(image(true)).subarray(0, 40), 'F0001', 40],
      ['32 bits', change(4, 1), 'F0102', 4],
      ['no byte order', change(5, 3), 'F0102', 5],
      ['another machine', change(18, 62, 0), 'F0103', 18],
      ['too many sections', change(60, 0xff, 0xff), 'F0001', 60],
      ['a names section that is not there', change(62, 9, 0), 'F0104', 62],
    ]
    for (const [name, bytes, code, offset] of cases)
      expect(() => readElf(bytes), name).toThrow(expect.objectContaining({ code, offset, name: 'FormatError' }))
  })

  it('refuses tables that would take unreasonable memory', () => {
    // 30 MB of zeros are as many valid symbols.
    const many = (size: number, type: number, entsize: number) => {
      const head = writeElf(image(true))
      const bytes = new Uint8Array(head.length + size)
      bytes.set(head)
      const view = new DataView(bytes.buffer)
      const table = Number(view.getBigUint64(40, true))
      for (let at = table; at < head.length; at += 64)
        if (view.getUint32(at + 4, true) === type) {
          view.setBigUint64(at + 24, BigInt(head.length), true)
          view.setBigUint64(at + 32, BigInt(size - (size % entsize)), true)
        }
      return bytes
    }
    expect(() => readElf(many(30_000_000, 2, 24))).toThrow(expect.objectContaining({ code: 'F0105' }))
    expect(() => readElf(many(40_000_000, 9, 16))).toThrow(expect.objectContaining({ code: 'F0105' }))
    const sections = new Uint8Array(70_000 * 64 + 64)
    sections.set(writeElf(image(true)).subarray(0, 64))
    const view = new DataView(sections.buffer)
    view.setBigUint64(40, 64n, true)
    view.setUint16(60, 0, true)
    view.setBigUint64(64 + 32, 70_000n, true)
    expect(() => readElf(sections)).toThrow(expect.objectContaining({ code: 'F0105' }))
  })

  it('every truncation is a format error or reads', () => {
    const bytes = writeElf(image(true))
    for (let length = 0; length < bytes.length; length++)
      expect(() => readElf(bytes.subarray(0, length)), `${length}`).toThrow(FormatError)
  })
})
