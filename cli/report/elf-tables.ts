/** What an object holds as an ELF file, in rows: sections, symbols, relocations. */
import {
  type ElfFile,
  type ElfSymbol,
  SHN_ABS,
  SHN_UNDEF,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_FILE,
  STT_FUNC,
  STT_NOTYPE,
  STT_OBJECT,
  STT_SECTION,
} from '../../linker/elf/elf-types.js'

/** Rows of text in aligned columns, two blanks in front. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  return rows
    .map(row => `  ${row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column]!))).join('  ')}\n`)
    .join('')
}

export const sectionCells = (elf: ElfFile): string[][] =>
  elf.sections.slice(1).map(section => [String(section.index), section.name, `${section.size} bytes`, `align ${section.align}`])

const bindings: Readonly<Record<number, string>> = { [STB_LOCAL]: 'local', [STB_GLOBAL]: 'global', [STB_WEAK]: 'weak' }
const types: Readonly<Record<number, string>> = {
  [STT_NOTYPE]: 'notype',
  [STT_OBJECT]: 'object',
  [STT_FUNC]: 'func',
  [STT_SECTION]: 'section',
  [STT_FILE]: 'file',
}
const visibilities = ['default', 'internal', 'hidden', 'protected'] as const

export interface SymbolRow {
  readonly index: number
  /** A section's symbol has that section's. */
  readonly name: string
  readonly binding: string
  readonly type: string
  readonly visibility: (typeof visibilities)[number]
  /** `unlinked` for one that another object defines, `absolute` for one that is no place. */
  readonly section: string
  readonly value: number
  readonly size: number
}

const sectionOf = (elf: ElfFile, { section }: ElfSymbol): string =>
  section === SHN_UNDEF ? 'unlinked' : section === SHN_ABS ? 'absolute' : (elf.sections[section]?.name ?? String(section))

/** All symbols but the first, which is none. */
export const symbolRows = (elf: ElfFile): SymbolRow[] =>
  elf.symbols.slice(1).map(symbol => ({
    index: symbol.index,
    name: symbol.name || (symbol.type === STT_SECTION ? sectionOf(elf, symbol) : ''),
    binding: bindings[symbol.bind] ?? String(symbol.bind),
    type: types[symbol.type] ?? String(symbol.type),
    visibility: visibilities[symbol.visibility]!,
    section: sectionOf(elf, symbol),
    value: symbol.value,
    size: symbol.size,
  }))

export const symbolCells = (row: SymbolRow): string[] => [
  row.section,
  row.section === 'unlinked' ? '' : `+0x${row.value.toString(16)}`,
  `${row.size} bytes`,
  row.binding,
  row.type,
  row.visibility === 'default' ? row.name : `${row.name} (${row.visibility})`,
]

const relocationNames: Readonly<Record<number, string>> = {
  1: 'R_BPF_64_64',
  2: 'R_BPF_64_ABS64',
  3: 'R_BPF_64_ABS32',
  4: 'R_BPF_64_NODYLD32',
  10: 'R_BPF_64_32',
}

export interface RelocationRow {
  readonly section: string
  readonly offset: number
  readonly type: string
  readonly symbol: string
}

/** Those of programs, maps and data; .BTF and .BTF.ext have thousands that tell nothing. */
export function relocationRows(elf: ElfFile): RelocationRow[] {
  const rows: RelocationRow[] = []
  for (const group of elf.relocations) {
    const target = elf.sections[group.target]!.name
    if (target.startsWith('.BTF') || target.startsWith('.debug')) continue
    for (const reloc of group.relocs) {
      const symbol = elf.symbols[reloc.symbol]
      rows.push({
        section: target,
        offset: reloc.offset,
        type: relocationNames[reloc.type] ?? String(reloc.type),
        symbol: symbol?.name || elf.sections[symbol?.section ?? 0]?.name || '?',
      })
    }
  }
  return rows
}

export const relocationCells = ({ section, offset, type, symbol }: RelocationRow): string[] => [
  section,
  `+0x${offset.toString(16)}`,
  type,
  symbol,
]
