/** An ELF file as an image to write again, with some of its parts left out. */
import { FormatError } from '../../base/outcome.js'
import {
  type ElfFile,
  type ElfImage,
  type ElfImageSymbol,
  type ElfSection,
  type ElfSymbol,
  SHN_ABS,
  SHT_NOBITS,
  SHT_NULL,
  SHT_REL,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_LOCAL,
  SYM_BYTES,
} from './elf-types.js'

export interface RebuildOptions {
  /** Sections to keep; the relocations of a section go with it. */
  readonly keepSection: (section: ElfSection) => boolean
  /** Local symbols to keep besides those that a relocation names. */
  readonly keepLocal: (symbol: ElfSymbol) => boolean
  /** Other content for a section. */
  readonly content?: (section: ElfSection) => Uint8Array
}

/** Sections, symbols and relocations of a file as `writeElf` takes them; tables of symbols and strings are made anew. */
export function rebuildElf(
  elf: ElfFile,
  { keepSection, keepLocal, content = section => section.data }: RebuildOptions,
): ElfImage {
  const made: ReadonlySet<number> = new Set([SHT_NULL, SHT_SYMTAB, SHT_STRTAB, SHT_REL])
  const kept = elf.sections.filter(section => !made.has(section.type) && keepSection(section))
  const sectionIndex = new Map(kept.map((section, i) => [section.index, i]))
  const relocs = elf.relocations.filter(({ target }) => sectionIndex.has(target))
  const named = new Set(relocs.flatMap(section => section.relocs.map(reloc => reloc.symbol)))
  const table = elf.sections[elf.symtab]?.offset ?? 0
  if (named.has(0)) throw new FormatError('F0104', 'a relocation against no symbol', table)
  const symbols: ElfImageSymbol[] = []
  const symbolIndex = new Map<number, number>()
  for (const symbol of elf.symbols) {
    if (symbol.index === 0) continue
    const inFile = symbol.section === 0 || symbol.section === SHN_ABS || sectionIndex.has(symbol.section)
    if (!named.has(symbol.index) && (!inFile || (symbol.bind === STB_LOCAL && !keepLocal(symbol)))) continue
    if (!inFile)
      throw new FormatError(
        'F0104',
        `symbol ${symbol.name || symbol.index} is needed, but not its section`,
        table + SYM_BYTES * symbol.index,
      )
    symbolIndex.set(symbol.index, symbols.length)
    const { name, value, size, bind, type, visibility } = symbol
    const section =
      symbol.section === 0 ? 'undefined' : symbol.section === SHN_ABS ? 'absolute' : sectionIndex.get(symbol.section)!
    symbols.push({ name, section, value, size, bind, type, visibility })
  }
  return {
    little: elf.little,
    flags: elf.flags,
    symbols,
    sections: kept.map(section => ({
      name: section.name,
      type: section.type,
      flags: section.flags,
      align: section.align,
      entsize: section.entsize,
      data: section.type === SHT_NOBITS ? section.size : content(section),
      relocs: relocs
        .filter(({ target }) => target === section.index)
        .flatMap(group => group.relocs.map(reloc => ({ ...reloc, symbol: symbolIndex.get(reloc.symbol)! }))),
    })),
  }
}
