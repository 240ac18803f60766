/** Reads a relocatable BPF object: ELF64, machine BPF, either byte order. What it gives shares memory with the input. */
import { ByteReader } from '../../base/bytes.js'
import { FormatError } from '../../base/outcome.js'
import {
  type ElfFile,
  type ElfReloc,
  type ElfRelocs,
  type ElfSection,
  type ElfSymbol,
  EM_BPF,
  EM_NONE,
  SHN_LORESERVE,
  SHN_XINDEX,
  SHT_NOBITS,
  SHT_REL,
  SHT_RELA,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
  SYM_BYTES,
} from './elf-types.js'

const EHDR_BYTES = 64
const SHDR_BYTES = 64
const REL_BYTES = 16
/** Bound on the names of one file, so that many symbols that share one huge string cannot fill the memory. */
const NAME_BYTES_LIMIT = 1 << 26

/** More of these than any object has; their rows take some hundred bytes each once read. */
const SECTION_LIMIT = 65_535
const SYMBOL_LIMIT = 1_000_000
const RELOC_LIMIT = 2_000_000

/** Alignment of a section beyond which something is wrong; writers fill gaps of this size. */
const ALIGN_LIMIT = 1 << 16

/** Whether the bytes start as an ELF file does. */
export const isElf = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46

/** Strings of one string table by offset, each decoded once. */
class Names {
  private readonly known = new Map<number, string>()

  constructor(
    private readonly table: ByteReader,
    private readonly budget: { bytes: number },
  ) {}

  at(offset: number): string {
    const known = this.known.get(offset)
    if (known !== undefined) return known
    const name = this.table.cstring(offset)
    this.budget.bytes -= name.length
    if (this.budget.bytes < 0)
      throw new FormatError('F0105', `the names in the string table add up to more than ${NAME_BYTES_LIMIT} bytes`, offset)
    this.known.set(offset, name)
    return name
  }
}

/**
 * Takes an object file apart. Throws a `FormatError` with the offset in the file for everything that is not a well-formed
 * little- or big-endian ELF64 for BPF; memory stays proportional to the input. A fault in a relocation is thrown when the relocations of its
 * section are asked for.
 */
export function readElf(bytes: Uint8Array): ElfFile {
  if (!isElf(bytes)) throw new FormatError('F0101', 'not an ELF file: it does not start with 7f 45 4c 46', 0)
  if (bytes.length < EHDR_BYTES)
    throw new FormatError('F0001', `ELF header ends early: ${bytes.length} bytes of 64`, bytes.length)
  if (bytes[4] !== 2) throw new FormatError('F0102', `ELF class ${bytes[4]} is not 64-bit`, 4)
  const encoding = bytes[5]
  if (encoding !== 1 && encoding !== 2)
    throw new FormatError('F0102', `ELF data encoding ${encoding} is neither little nor big endian`, 5)
  const little = encoding === 1
  const file = new ByteReader(bytes, little, 'ELF file')
  const type = file.u16(16)
  const machine = file.u16(18)
  if (machine !== EM_BPF && machine !== EM_NONE)
    throw new FormatError('F0103', `the ELF file is for machine ${machine}, not for BPF (${EM_BPF})`, 18)
  const sections = readSections(file)
  const budget = { bytes: NAME_BYTES_LIMIT }
  const symtabs = sections.filter(section => section.type === SHT_SYMTAB)
  if (symtabs.length > 1) throw new FormatError('F0104', 'more than one symbol table', symtabs[1]!.offset)
  const symtab = symtabs[0]
  const symbols = symtab ? readSymbols(symtab, sections, little, budget) : []
  const relocSections = sections.filter(section => section.type === SHT_REL || section.type === SHT_RELA)
  const relocCount = relocSections.reduce((sum, section) => sum + section.size / REL_BYTES, 0)
  if (relocCount > RELOC_LIMIT)
    throw new FormatError('F0105', `${Math.floor(relocCount)} relocations; no object has more than ${RELOC_LIMIT}`, 40)
  const relocations = relocSections.map(section => relocSection(section, sections, symbols.length, little))
  return { little, type, machine, flags: file.u32(48), sections, symbols, symtab: symtab?.index ?? 0, relocations }
}

function readSections(file: ByteReader): ElfSection[] {
  const start = file.size64(40)
  if (start === 0) return []
  const entry = file.u16(58)
  if (entry !== SHDR_BYTES) throw new FormatError('F0104', `section headers of ${entry} bytes instead of ${SHDR_BYTES}`, 58)
  let count = file.u16(60)
  let namesIndex = file.u16(62)
  // More sections than fit the header's fields are counted in the null section.
  if (count === 0) count = file.size64(start + 32)
  if (namesIndex === SHN_XINDEX) namesIndex = file.u32(start + 40)
  if (count > (file.bytes.length - start) / SHDR_BYTES)
    throw new FormatError('F0001', `${count} section headers at offset ${start} do not fit in ${file.bytes.length} bytes`, 60)
  if (count > SECTION_LIMIT) throw new FormatError('F0105', `${count} sections; no object has more than ${SECTION_LIMIT}`, 60)
  if (count > 0 && namesIndex >= count)
    throw new FormatError('F0104', `section ${namesIndex} with the section names is not there`, 62)
  const raw: { nameOffset: number; at: number; section: Omit<ElfSection, 'name'> }[] = []
  for (let index = 0; index < count; index++) {
    const at = start + index * SHDR_BYTES
    const type = file.u32(at + 4)
    const offset = file.size64(at + 24)
    const size = file.size64(at + 32)
    const inFile = index > 0 && type !== SHT_NOBITS && size > 0
    if (inFile && (offset > file.bytes.length || size > file.bytes.length - offset))
      throw new FormatError(
        'F0001',
        `section ${index} (${size} bytes at offset ${offset}) goes beyond the end of the file`,
        at + 24,
      )
    const align = file.size64(at + 48)
    if (align > ALIGN_LIMIT || (align & (align - 1)) !== 0)
      throw new FormatError('F0104', `section ${index} is aligned to ${align}, which no object needs`, at + 48)
    raw.push({
      nameOffset: file.u32(at),
      at,
      section: {
        index,
        type,
        flags: Number(file.u64(at + 8) & 0xffff_ffffn),
        addr: Number(file.u64(at + 16)),
        offset,
        size,
        link: file.u32(at + 40),
        info: file.u32(at + 44),
        align,
        entsize: Number(file.u64(at + 56)),
        data: inFile ? file.bytes.subarray(offset, offset + size) : file.bytes.subarray(0, 0),
      },
    })
  }
  const namesSection = raw[namesIndex]?.section
  const names = new Names(
    new ByteReader(namesSection?.data ?? new Uint8Array(0), file.little, 'section name table', namesSection?.offset ?? 0),
    { bytes: NAME_BYTES_LIMIT },
  )
  return raw.map(({ nameOffset, section }) => ({ ...section, name: section.index === 0 ? '' : names.at(nameOffset) }))
}

function readSymbols(
  symtab: ElfSection,
  sections: readonly ElfSection[],
  little: boolean,
  budget: { bytes: number },
): ElfSymbol[] {
  if (symtab.entsize !== SYM_BYTES || symtab.size % SYM_BYTES !== 0)
    throw new FormatError(
      'F0104',
      `symbol table of ${symtab.size} bytes with entries of ${symtab.entsize}, not ${SYM_BYTES}`,
      symtab.offset,
    )
  if (symtab.size / SYM_BYTES > SYMBOL_LIMIT)
    throw new FormatError('F0105', `${symtab.size / SYM_BYTES} symbols; no object has more than ${SYMBOL_LIMIT}`, symtab.offset)
  const strings = sections[symtab.link]
  if (!strings || symtab.link === 0)
    throw new FormatError('F0104', `string table ${symtab.link} of the symbols is not there`, symtab.offset)
  const names = new Names(new ByteReader(strings.data, little, 'symbol name table', strings.offset), budget)
  const extended = sections.find(section => section.type === SHT_SYMTAB_SHNDX && section.link === symtab.index)
  const extendedIndices = extended && new ByteReader(extended.data, little, extended.name, extended.offset)
  const table = new ByteReader(symtab.data, little, 'symbol table', symtab.offset)
  const symbols: ElfSymbol[] = []
  for (let index = 0, at = 0; at < symtab.size; index++, at += SYM_BYTES) {
    const info = table.u8(at + 4)
    let section = table.u16(at + 6)
    if (section === SHN_XINDEX && extendedIndices) section = extendedIndices.u32(index * 4)
    if (section >= sections.length && (section < SHN_LORESERVE || section > 0xffff))
      throw new FormatError('F0104', `symbol ${index} is in section ${section} of ${sections.length}`, symtab.offset + at + 6)
    const nameOffset = table.u32(at)
    symbols.push({
      index,
      name: nameOffset === 0 ? '' : names.at(nameOffset),
      value: Number(table.u64(at + 8)),
      size: Number(table.u64(at + 16)),
      bind: info >> 4,
      type: info & 15,
      visibility: table.u8(at + 5) & 3,
      section,
    })
  }
  return symbols
}

/** Takes its relocations apart when they are asked for: most are those of .BTF.ext and DWARF, which only the linker reads. */
function relocSection(own: ElfSection, sections: readonly ElfSection[], symbolCount: number, little: boolean): ElfRelocs {
  const target = checkRelocSection(own, sections)
  let known: readonly ElfReloc[] | undefined
  return {
    section: own.index,
    target,
    get relocs() {
      known ??= readRelocs(own, sections[target]!, symbolCount, little)
      return known
    },
  }
}

/** The index of the section that is patched. */
function checkRelocSection(section: ElfSection, sections: readonly ElfSection[]): number {
  if (section.type === SHT_RELA)
    throw new FormatError(
      'F0106',
      `section ${section.name} holds relocations with addends; BPF objects have them without`,
      section.offset,
    )
  if (section.entsize !== REL_BYTES || section.size % REL_BYTES !== 0)
    throw new FormatError(
      'F0104',
      `${section.name}: ${section.size} bytes of relocations with entries of ${section.entsize}`,
      section.offset,
    )
  if (!sections[section.info] || section.info === 0)
    throw new FormatError('F0104', `${section.name} patches section ${section.info}, which is not there`, section.offset)
  return section.info
}

function readRelocs(section: ElfSection, target: ElfSection, symbolCount: number, little: boolean): ElfReloc[] {
  const { view } = new ByteReader(section.data, little)
  const relocs: ElfReloc[] = []
  for (let at = 0; at + REL_BYTES <= section.data.length; at += REL_BYTES) {
    // r_info is type in the low half, symbol in the high half.
    const type = view.getUint32(at + (little ? 8 : 12), little)
    const symbol = view.getUint32(at + (little ? 12 : 8), little)
    const offset = view.getUint32(at + (little ? 0 : 4), little) + view.getUint32(at + (little ? 4 : 0), little) * 2 ** 32
    if (symbol >= symbolCount)
      throw new FormatError(
        'F0104',
        `${section.name}: relocation against symbol ${symbol} of ${symbolCount}`,
        section.offset + at + 8,
      )
    if (offset >= target.size)
      throw new FormatError('F0104', `${section.name}: relocation at ${offset} of ${target.size} bytes`, section.offset + at)
    relocs.push({ offset, symbol, type })
  }
  return relocs
}
