import { describe, expect, it } from 'vitest'
import { SHT_PROGBITS, STB_LOCAL } from '../../../linker/elf/elf-types.js'
import { readElf } from '../../../linker/elf/read-elf.js'
import { rebuildElf } from '../../../linker/elf/rebuild.js'
import { writeElf } from '../../../linker/elf/write-elf.js'
import { openObject } from '../../../linker/object/open.js'
import { stripObject } from '../../../linker/strip.js'
import { kitchenBytes } from '../object/kitchen.js'

/** The fixture with DWARF sections and a label, as clang writes them. */
function withDwarf(): Uint8Array {
  const image = rebuildElf(readElf(kitchenBytes('el')), { keepSection: () => true, keepLocal: () => true })
  const label = { name: 'LBB0_1', section: 0, value: 8, size: 0, bind: STB_LOCAL, type: 0 }
  return writeElf({
    ...image,
    sections: [...image.sections, { name: '.debug_info', type: SHT_PROGBITS, flags: 0, align: 1, data: new Uint8Array(5000) }],
    symbols: [...image.symbols, label],
  })
}

describe('stripObject', () => {
  it('takes out DWARF and labels, and nothing that a loader reads', () => {
    const before = withDwarf()
    const after = stripObject(before)
    expect(after.length).toBeLessThan(before.length - 5000)
    const elf = readElf(after)
    expect(elf.sections.some(section => section.name.startsWith('.debug'))).toBe(false)
    expect(elf.symbols.some(symbol => symbol.name === 'LBB0_1')).toBe(false)
    const [a, b] = [openObject(before, 'x.o'), openObject(after, 'x.o')]
    expect(b.maps).toEqual(a.maps)
    const strip = ({ programs }: typeof a) => programs.map(({ sectionIndex: _sectionIndex, ...program }) => program)
    expect(strip(b)).toEqual(strip(a))
    expect(stripObject(after)).toEqual(after)
  })
})
