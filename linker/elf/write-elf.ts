/** Lays out a relocatable BPF object. Same image, same bytes: nothing but the image goes into it. */
import { ByteWriter } from '../../base/bytes.js'
import { invariant } from '../../base/outcome.js'
import {
  type ElfImage,
  EM_BPF,
  ET_REL,
  SHN_ABS,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHT_NOBITS,
  SHT_NULL,
  SHT_REL,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_LOCAL,
  SYM_BYTES,
} from './elf-types.js'

const EHDR_BYTES = 64
const SHDR_BYTES = 64

interface Header {
  name: string
  type: number
  flags: number
  align: number
  entsize: number
  link: number
  info: number
  data: Uint8Array | number
}

/** A string table under construction; equal strings share their place. */
class StringTable {
  private readonly offsets = new Map<string, number>([['', 0]])
  private readonly bytes = new ByteWriter(true).u8(0)

  at(text: string): number {
    const known = this.offsets.get(text)
    if (known !== undefined) return known
    const offset = this.bytes.length
    this.bytes.cstring(text)
    this.offsets.set(text, offset)
    return offset
  }

  finish(): Uint8Array {
    return this.bytes.finish()
  }
}

/**
 * The bytes of an object file, in a fresh buffer. Sections keep their order, each followed by its relocations; the symbol table
 * and the string table come last. Symbols are renumbered so that local ones come first, as the gABI asks.
 */
export function writeElf(image: ElfImage): Uint8Array {
  const strings = new StringTable()
  const headers: Header[] = [{ name: '', type: SHT_NULL, flags: 0, align: 0, entsize: 0, link: 0, info: 0, data: 0 }]
  const sectionIndex: number[] = []
  const symbolIndex = symbolOrder(image)
  const relocHeaders: Header[] = []
  for (const section of image.sections) {
    const index = headers.length
    sectionIndex.push(index)
    headers.push({
      name: section.name,
      type: section.type,
      flags: section.flags,
      align: section.align,
      entsize: section.entsize ?? 0,
      link: 0,
      info: 0,
      data: section.data,
    })
    if (!section.relocs?.length) continue
    const bytes = new ByteWriter(image.little, section.relocs.length * 16)
    for (const reloc of section.relocs) {
      const symbol = symbolIndex[reloc.symbol]
      invariant(symbol !== undefined, `relocation against symbol ${reloc.symbol} of ${image.symbols.length}`)
      bytes.u64(reloc.offset).u64(symbol * 2 ** 32 + reloc.type)
    }
    const header = {
      name: `.rel${section.name}`,
      type: SHT_REL,
      flags: 0,
      align: 8,
      entsize: 16,
      link: 0,
      info: index,
      data: bytes.take(),
    }
    headers.push(header)
    relocHeaders.push(header)
  }
  invariant(headers.length + 2 < SHN_LORESERVE, 'too many sections')
  const symtab = headers.length
  for (const header of relocHeaders) header.link = symtab
  const locals = 1 + image.symbols.filter(symbol => symbol.bind === STB_LOCAL).length
  const symbols = writeSymbols(image, symbolIndex, sectionIndex, strings)
  headers.push({
    name: '.symtab',
    type: SHT_SYMTAB,
    flags: 0,
    align: 8,
    entsize: SYM_BYTES,
    link: symtab + 1,
    info: locals,
    data: symbols,
  })
  // One string table serves sections and symbols, as in clang's objects.
  for (const header of headers) strings.at(header.name)
  strings.at('.strtab')
  headers.push({ name: '.strtab', type: SHT_STRTAB, flags: 0, align: 1, entsize: 0, link: 0, info: 0, data: strings.finish() })
  return layOut(image, headers, strings)
}

/** ELF index of every symbol of the image. */
function symbolOrder(image: ElfImage): number[] {
  const index: number[] = new Array(image.symbols.length)
  let next = 1
  for (const local of [true, false])
    image.symbols.forEach((symbol, i) => {
      if ((symbol.bind === STB_LOCAL) === local) index[i] = next++
    })
  return index
}

function writeSymbols(image: ElfImage, symbolIndex: number[], sectionIndex: number[], strings: StringTable): Uint8Array {
  const order: number[] = []
  symbolIndex.forEach((elfIndex, i) => {
    order[elfIndex - 1] = i
  })
  const bytes = new ByteWriter(image.little, (order.length + 1) * SYM_BYTES).zeros(SYM_BYTES)
  for (const i of order) {
    const symbol = image.symbols[i]!
    const section =
      symbol.section === 'undefined' ? SHN_UNDEF : symbol.section === 'absolute' ? SHN_ABS : sectionIndex[symbol.section]
    invariant(section !== undefined, `symbol ${symbol.name} is in section ${symbol.section}, which is not there`)
    bytes
      .u32(strings.at(symbol.name))
      .u8((symbol.bind << 4) | symbol.type)
      .u8(symbol.visibility ?? 0)
      .u16(section)
      .u64(symbol.value)
      .u64(symbol.size)
  }
  return bytes.take()
}

function layOut(image: ElfImage, headers: readonly Header[], strings: StringTable): Uint8Array {
  const most = headers.reduce(
    (sum, { data, align }) => sum + SHDR_BYTES + align + (typeof data === 'number' ? 0 : data.length),
    0,
  )
  const out = new ByteWriter(image.little, EHDR_BYTES + most + 8)
  out.append(new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 2, image.little ? 1 : 2, 1, 0])).zeros(8)
  out.u16(ET_REL).u16(EM_BPF).u32(1).u64(0).u64(0)
  const sectionOffsetAt = out.length
  out
    .u64(0)
    .u32(image.flags ?? 0)
    .u16(EHDR_BYTES)
    .u16(0)
    .u16(0)
    .u16(SHDR_BYTES)
  out.u16(headers.length).u16(headers.length - 1)
  const offsets = headers.map(header => {
    if (header.type === SHT_NULL) return 0
    out.align(Math.max(1, header.align))
    const offset = out.length
    if (typeof header.data !== 'number') out.append(header.data)
    else invariant(header.type === SHT_NOBITS, `section ${header.name} has a size but no content`)
    return offset
  })
  out.align(8)
  const table = out.length
  headers.forEach((header, i) => {
    const size = typeof header.data === 'number' ? header.data : header.data.length
    out.u32(strings.at(header.name)).u32(header.type).u64(header.flags).u64(0).u64(offsets[i]!).u64(size)
    out.u32(header.link).u32(header.info).u64(header.align).u64(header.entsize)
  })
  const bytes = out.take()
  new DataView(bytes.buffer).setBigUint64(sectionOffsetAt, BigInt(table), image.little)
  return bytes
}
