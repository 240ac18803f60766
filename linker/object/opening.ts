/** What the steps of opening an object share: the file, its parts found so far, and how to complain. */
import { FormatError } from '../../base/outcome.js'
import type { BtfExt } from '../btf/btf-ext.js'
import type { BtfFile } from '../btf/btf-file.js'
import type { BtfOverlay } from '../btf/btf-overlay.js'
import {
  type ElfFile,
  type ElfRelocs,
  type ElfSection,
  type ElfSymbol,
  STB_LOCAL,
  STT_NOTYPE,
  SYM_BYTES,
} from '../elf/elf-types.js'

/** What a section is to libbpf (bpf_object__elf_collect). */
export type SectionRole = 'code' | 'data' | 'rodata' | 'bss' | 'maps' | 'legacy-maps' | 'struct-ops' | 'arena' | 'other'

export interface Opening {
  readonly path: string
  readonly elf: ElfFile
  readonly roles: readonly SectionRole[]
  /** Index of `.text`; 0 without. */
  readonly text: number
  readonly btfFile: BtfFile | undefined
  /** The BTF as libbpf mends it while opening. */
  readonly btf: BtfOverlay | undefined
  readonly ext: BtfExt | undefined
  /** See `OpenOptions`. */
  readonly tolerant: boolean
  readonly anyLoader: boolean
}

/** The first section of a role. */
export const sectionOf = (opening: Opening, role: SectionRole): ElfSection | undefined =>
  opening.elf.sections[opening.roles.indexOf(role)]

export const relocsOf = (opening: Opening, section: number): readonly ElfRelocs[] =>
  opening.elf.relocations.filter(relocs => relocs.target === section)

/** A symbol that another object or the kernel must bring. */
export const isExtern = (symbol: ElfSymbol): boolean =>
  symbol.section === 0 && symbol.bind !== STB_LOCAL && symbol.type === STT_NOTYPE

/** A fault of a symbol, at its place in the symbol table. */
export const malformedSymbol = ({ elf }: Opening, symbol: number, code: string, message: string): FormatError =>
  new FormatError(code, message, elf.sections[elf.symtab]!.offset + SYM_BYTES * symbol)

export const malformed = (code: string, message: string, section?: ElfSection, offset = 0): FormatError =>
  new FormatError(code, section ? `${section.name}: ${message}` : message, section ? section.offset + offset : -1)
