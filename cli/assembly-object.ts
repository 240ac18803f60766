/** Assembly text to the bytes of an object: what `bpfc asm` and `bpfc-clang -c x.s` do with one file. */
import { type AssembledSymbol, assemble } from '../assembler/assemble.js'
import type { Diagnostic } from '../base/diagnostics.js'
import { SourceSet } from '../base/source.js'
import {
  type ElfImageSymbol,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_FILE,
  STT_FUNC,
  STT_NOTYPE,
  STT_OBJECT,
  STT_SECTION,
  STV_DEFAULT,
  STV_HIDDEN,
  STV_INTERNAL,
  STV_PROTECTED,
} from '../linker/elf/elf-types.js'
import { writeElf } from '../linker/elf/write-elf.js'

export interface AssembledObject {
  /** Undefined if there were errors. */
  readonly object: Uint8Array | undefined
  readonly diagnostics: readonly Diagnostic[]
  readonly sources: SourceSet
}

const binds = { local: STB_LOCAL, global: STB_GLOBAL, weak: STB_WEAK } as const
const types = { notype: STT_NOTYPE, object: STT_OBJECT, func: STT_FUNC, file: STT_FILE } as const
const visibilities = {
  default: STV_DEFAULT,
  internal: STV_INTERNAL,
  hidden: STV_HIDDEN,
  protected: STV_PROTECTED,
} as const

const imageSymbol = (symbol: AssembledSymbol): ElfImageSymbol => ({
  name: symbol.name,
  section: symbol.section === -1 ? 'undefined' : symbol.section === -2 ? 'absolute' : symbol.section,
  value: symbol.value,
  size: symbol.size,
  bind: binds[symbol.binding],
  type: types[symbol.type],
  visibility: visibilities[symbol.visibility],
})

/** Faults of the text are diagnostics with places in `sources`. */
export function assembleObject(path: string, bytes: Uint8Array, little: boolean): AssembledObject {
  const sources = new SourceSet()
  const { base } = sources.add(path, bytes)
  const assembly = assemble(new TextDecoder().decode(bytes), { little, base })
  const { diagnostics } = assembly
  if (diagnostics.some(({ severity }) => severity === 'error')) return { object: undefined, diagnostics, sources }

  // An undefined name that is a section's means the section: DWARF names .debug_abbrev so. libbpf would ask for an extern's BTF.
  const sectionIndex = new Map(assembly.sections.map((section, index) => [section.name, index]))
  const own = assembly.symbols.filter(({ section, name }) => section !== -1 || !sectionIndex.has(name))
  const symbols = own.map(imageSymbol)
  const byName = new Map(own.map((symbol, index) => [symbol.name, index]))
  const sectionSymbols = new Map<number, number>()
  const symbolOf = (target: string | number): number => {
    if (typeof target === 'string') {
      const known = byName.get(target)
      return known ?? symbolOf(sectionIndex.get(target)!)
    }
    let index = sectionSymbols.get(target)
    if (index === undefined) {
      index = symbols.length
      symbols.push({ name: '', section: target, value: 0, size: 0, bind: STB_LOCAL, type: STT_SECTION })
      sectionSymbols.set(target, index)
    }
    return index
  }
  const relocs = assembly.sections.map(() => [] as { offset: number; symbol: number; type: number }[])
  for (const { section, offset, type, target } of assembly.relocations)
    relocs[section]!.push({ offset, type, symbol: symbolOf(target) })
  const object = writeElf({
    little,
    sections: assembly.sections.map((section, index) => ({
      name: section.name,
      type: section.type,
      flags: section.flags,
      align: section.align,
      entsize: section.entsize,
      data: section.bytes.length > 0 || section.size === 0 ? section.bytes : section.size,
      ...(relocs[index]!.length > 0 ? { relocs: relocs[index]! } : {}),
    })),
    symbols,
  })
  return { object, diagnostics, sources }
}
