/** Source Map v3 of an object: from instructions to C, out of the line info that the kernel gets too. */
import { SourceMapGenerator } from 'source-map'
import { SLOT_BYTES } from '../assembler/isa/opcodes.js'
import { readBtfExt } from '../linker/btf/btf-ext.js'
import { readBtf } from '../linker/btf/btf-file.js'
import { SHF_EXECINSTR } from '../linker/elf/elf-types.js'
import { readElf } from '../linker/elf/read-elf.js'

/** Where a program section's instructions are in the map. */
export interface MappedSection {
  readonly name: string
  /** The line, counted from 1, of the section's first instruction. */
  readonly line: number
  /** Slots of 8 bytes, each a line; a 64-bit immediate takes two. */
  readonly slots: number
}

/** Program sections in the file's order: a map has one text, so its lines count through all of them. */
export function mappedSections(object: Uint8Array): MappedSection[] {
  let line = 1
  const mapped: MappedSection[] = []
  for (const { name, flags, size } of readElf(object).sections) {
    if (!(flags & SHF_EXECINSTR) || size === 0) continue
    const slots = Math.floor(size / SLOT_BYTES)
    mapped.push({ name, line, slots })
    line += slots
  }
  return mapped
}

/**
 * The map as JSON. Line = number of the instruction, counted from 1; `x_bpf_sections` says at which line each section starts.
 * `file` is the object's name. Throws a `FormatError` for a malformed object; without BTF the map is empty.
 */
export function sourceMap(object: Uint8Array, file: string): string {
  const elf = readElf(object)
  const sections = mappedSections(object)
  const starts = new Map(sections.map(section => [section.name, section.line]))
  const generator = new SourceMapGenerator({ file })
  const named = (name: string) => elf.sections.find(section => section.name === name)
  const btf = named('.BTF')
  const ext = named('.BTF.ext')
  if (btf && ext) {
    const types = readBtf(btf.data, { little: elf.little, origin: btf.offset })
    for (const { section, records } of readBtfExt(ext.data, types, elf.little, ext.offset).lineInfo) {
      const start = starts.get(section)
      if (start === undefined) continue
      for (const { insnOffset, file: source, line, column } of records) {
        // Line 0 is the compiler's word for code of no line.
        if (line === 0) continue
        generator.addMapping({
          generated: { line: start + insnOffset / SLOT_BYTES, column: 0 },
          original: { line, column: Math.max(0, column - 1) },
          source,
        })
      }
    }
  }
  return `${JSON.stringify({ ...generator.toJSON(), x_bpf_sections: sections })}\n`
}
