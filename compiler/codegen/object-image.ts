/**
 * The object under construction: sections with their contents, symbols, relocations, under the names and in the order that clang gives
 * them. References to local symbols go by their section and an offset, to global ones by name (LLVM's ELFObjectWriter for BPF).
 */
import { ByteWriter } from '../../base/bytes.js'
import * as elf from '../../linker/elf/elf-types.js'
import { writeElf } from '../../linker/elf/write-elf.js'
import { Func, type Global } from '../ir/ir.js'
import type { FunctionCode } from './linear.js'

interface Section {
  readonly name: string
  readonly index: number
  readonly type: number
  flags: number
  readonly entsize: number
  align: number
  readonly out: ByteWriter
  /** Bytes of a section without contents. */
  size: number
  readonly relocs: { offset: number; symbol: number; type: number }[]
}

/** Where something of the module is. */
export interface Place {
  readonly section: number
  readonly offset: number
  readonly size: number
}

type Named = Func | Global

export class ObjectImage {
  private readonly sections: Section[] = []
  private readonly bySection = new Map<string, Section>()
  private readonly symbols: {
    name: string
    section: number | 'undefined' | 'absolute'
    value: number
    size: number
    bind: number
    type: number
    visibility: number
  }[] = []
  private readonly symbolOf = new Map<Named | number, number>()
  private readonly places = new Map<Named, Place>()
  private readonly byName = new Map<string, Named>()

  constructor(
    readonly little: boolean,
    sourceName: string,
  ) {
    this.symbols.push({
      name: sourceName,
      section: 'absolute',
      value: 0,
      size: 0,
      bind: elf.STB_LOCAL,
      type: elf.STT_FILE,
      visibility: 0,
    })
    this.section('.text', elf.SHF_ALLOC | elf.SHF_EXECINSTR, elf.SHT_PROGBITS, 8)
  }

  section(name: string, flags: number, type: number = elf.SHT_PROGBITS, align = 1, entsize = 0): Section {
    let section = this.bySection.get(name)
    if (!section) {
      section = {
        name,
        index: this.sections.length,
        type,
        flags,
        entsize,
        align,
        out: new ByteWriter(this.little),
        size: 0,
        relocs: [],
      }
      this.sections.push(section)
      this.bySection.set(name, section)
    }
    return section
  }

  nameOf(section: number): string {
    return this.sections[section]!.name
  }

  place(of: Named): Place | undefined {
    return this.places.get(of)
  }

  // --- contents ---

  /** Takes a function's place; its code follows by `code`, when all places are known. */
  reserveCode(code: FunctionCode): void {
    const { func } = code
    const section = this.section(func.section ?? '.text', elf.SHF_ALLOC | elf.SHF_EXECINSTR, elf.SHT_PROGBITS, 8)
    const size = code.insns.length * 8
    this.define(func, section, section.out.length, size)
    section.out.append(code.insns.toBytes(this.little))
  }

  data(global: Global): void {
    const nobits = /^\.bss(\.|$)/.test(global.section)
    const literal = /^\.rodata\.str(\d+)\./.exec(global.section)
    const flags = elf.SHF_ALLOC | (literal ? elf.SHF_MERGE | elf.SHF_STRINGS : global.readonly ? 0 : elf.SHF_WRITE)
    const section = this.section(
      global.section,
      flags,
      nobits ? elf.SHT_NOBITS : elf.SHT_PROGBITS,
      1,
      literal ? Number(literal[1]) : 0,
    )
    if (!global.readonly) section.flags |= elf.SHF_WRITE
    section.align = Math.max(section.align, global.align)
    if (section.type === elf.SHT_NOBITS) {
      const at = Math.ceil(section.size / global.align) * global.align
      section.size = at + global.size
      this.define(global, section, at, global.size)
      return
    }
    section.out.align(Math.max(1, global.align))
    const at = section.out.length
    const bytes = global.bytes ?? new Uint8Array(0)
    section.out.append(bytes).zeros(Math.max(0, global.size - bytes.length))
    this.define(global, section, at, global.size)
  }

  private define(of: Named, section: Section, offset: number, size: number): void {
    this.places.set(of, { section: section.index, offset, size })
    this.byName.set(of.name, of)
    // Private labels are not in the symbol table.
    if (of.binding === 'local' && of.name.startsWith('.L')) return
    this.symbolOf.set(of, this.symbols.length)
    this.symbols.push({
      name: of.name,
      section: section.index,
      value: offset,
      size,
      bind: bindingOf(of),
      type: of instanceof Func ? elf.STT_FUNC : elf.STT_OBJECT,
      visibility: of.hidden ? elf.STV_HIDDEN : elf.STV_DEFAULT,
    })
  }

  // --- references ---

  /** The symbol and the number of bytes behind it that stand for a byte of something. */
  private reference(of: Named, addend: number): { symbol: number; addend: number } {
    const place = this.places.get(of)
    if (place && of.binding === 'local') return { symbol: this.sectionSymbol(place.section), addend: place.offset + addend }
    let symbol = this.symbolOf.get(of)
    if (symbol === undefined) {
      symbol = this.symbols.length
      this.symbols.push({
        name: of.name,
        section: 'undefined',
        value: 0,
        size: 0,
        bind: of.binding === 'weak' ? elf.STB_WEAK : elf.STB_GLOBAL,
        type: elf.STT_NOTYPE,
        visibility: of.hidden ? elf.STV_HIDDEN : elf.STV_DEFAULT,
      })
      this.symbolOf.set(of, symbol)
    }
    return { symbol, addend }
  }

  private sectionSymbol(section: number): number {
    let symbol = this.symbolOf.get(section)
    if (symbol === undefined) {
      symbol = this.symbols.length
      this.symbols.push({ name: '', section, value: 0, size: 0, bind: elf.STB_LOCAL, type: elf.STT_SECTION, visibility: 0 })
      this.symbolOf.set(section, symbol)
    }
    return symbol
  }

  /** A name that only an assembly mentions: of this module, or of elsewhere. */
  private named(name: string, known: ReadonlyMap<string, Named>): Named {
    const found = known.get(name) ?? this.byName.get(name)
    if (found) return found
    const made = new Func(name, 'global', 'void')
    this.byName.set(name, made)
    return made
  }

  /** Fills in what a function refers to. `known` are the module's symbols by name. */
  relocateCode(code: FunctionCode, known: ReadonlyMap<string, Named>): void {
    const place = this.places.get(code.func)!
    const section = this.sections[place.section]!
    for (const reloc of code.relocs) {
      const target = typeof reloc.target === 'string' ? this.named(reloc.target, known) : reloc.target
      const offset = place.offset + reloc.slot * 8
      const there = this.places.get(target)
      if (reloc.kind === 'call') {
        if (there && there.section === place.section && target.binding === 'local') {
          section.out.patch32(offset + 4, (there.offset - offset) / 8 - 1)
          continue
        }
        const { symbol, addend } = this.reference(target, 0)
        section.out.patch32(offset + 4, addend / 8 - 1)
        section.relocs.push({ offset, symbol, type: elf.R_BPF_64_32 })
        continue
      }
      const { symbol, addend } = this.reference(target, reloc.addend)
      section.out.patch32(offset + 4, addend)
      section.relocs.push({ offset, symbol, type: elf.R_BPF_64_64 })
    }
  }

  relocateData(global: Global): void {
    const place = this.places.get(global)!
    const section = this.sections[place.section]!
    for (const reloc of global.relocs) {
      const { symbol, addend } = this.reference(reloc.target, reloc.addend)
      const at = place.offset + reloc.offset
      // 64 bits; addends of more than 32 do not occur in objects.
      section.out.patch32(at + (this.little ? 0 : 4), addend)
      section.out.patch32(at + (this.little ? 4 : 0), addend < 0 ? -1 : 0)
      section.relocs.push({ offset: at, symbol, type: elf.R_BPF_64_ABS64 })
    }
  }

  /** A 32-bit offset within a section, in .BTF or .BTF.ext; its bytes hold the offset already. */
  relocateOffset(section: string, offset: number, target: string): void {
    const there = this.bySection.get(target)
    if (there)
      this.bySection.get(section)!.relocs.push({ offset, symbol: this.sectionSymbol(there.index), type: elf.R_BPF_64_NODYLD32 })
  }

  /** The place of an extern in .BTF. */
  relocateExtern(section: string, offset: number, target: Named): void {
    this.bySection.get(section)!.relocs.push({ offset, symbol: this.reference(target, 0).symbol, type: elf.R_BPF_64_ABS32 })
  }

  finish(): Uint8Array {
    return writeElf({
      little: this.little,
      sections: this.sections.map(section => ({
        name: section.name,
        type: section.type,
        flags: section.flags,
        align: section.align,
        entsize: section.entsize,
        data: section.type === elf.SHT_NOBITS ? section.size : section.out.finish(),
        relocs: section.relocs,
      })),
      symbols: this.symbols,
    })
  }
}

function bindingOf(of: Named): number {
  return of.binding === 'local' ? elf.STB_LOCAL : of.binding === 'weak' ? elf.STB_WEAK : elf.STB_GLOBAL
}
