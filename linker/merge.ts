/**
 * Static linking: several objects become one, as `bpftool gen object` does it (libbpf 1.5, linker.c). Sections of a name are put
 * behind each other, externs meet their definitions, a strong definition takes the place of a weak one, BTF is merged and
 * deduplicated, relocations, function and line information follow.
 */
import { BPF_CALL, BPF_JMP } from '../assembler/isa/opcodes.js'
import { readExtTables } from './btf/btf-ext.js'
import { type BtfFile, readBtf, skipModifiers } from './btf/btf-file.js'
import {
  BTF_LINKAGE_EXTERN,
  BTF_LINKAGE_STATIC,
  type BtfId,
  BtfKind,
  type BtfSecinfo,
  type BtfSet,
  type BtfType,
} from './btf/btf-types.js'
import { dedupBtf } from './btf/dedup.js'
import { BtfExtMerger } from './btf/ext-merge.js'
import { LinkedBtf } from './btf/linked-btf.js'
import {
  type ElfFile,
  type ElfImageSection,
  type ElfImageSymbol,
  type ElfReloc,
  type ElfRelocs,
  type ElfSection,
  type ElfSymbol,
  SHF_EXECINSTR,
  SHN_ABS,
  SHN_LORESERVE,
  SHT_LLVM_ADDRSIG,
  SHT_NOBITS,
  SHT_NULL,
  SHT_PROGBITS,
  SHT_REL,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_FILE,
  STT_NOTYPE,
  STT_OBJECT,
  STT_SECTION,
  STV_DEFAULT,
} from './elf/elf-types.js'
import { readElf } from './elf/read-elf.js'
import { writeElf } from './elf/write-elf.js'
import { LinkFault } from './link-fault.js'
import { disagreement } from './type-agreement.js'

export interface LinkInput {
  /** For messages. */
  readonly path: string
  readonly bytes: Uint8Array
}

interface OutSection {
  readonly name: string
  readonly type: number
  readonly flags: number
  readonly entsize: number
  align: number
  size: number
  /** `own`: the data is a copy that may be changed, not the input's. */
  readonly parts: { readonly offset: number; data: Uint8Array; own: boolean }[]
  readonly relocs: { readonly offset: number; readonly symbol: OutSymbol; readonly type: number }[]
  readonly vars: { readonly info: BtfSecinfo; readonly symbol: OutSymbol | undefined }[]
  /** Those of `vars` that have one. */
  readonly inVars: Set<OutSymbol>
  /** Its name among the strings of the BTF where that gives it content, which ELF may not: `.ksyms`. */
  btfName: number
  sectionSymbol: OutSymbol | undefined
}

interface OutSymbol {
  name: string
  section: OutSection | undefined
  value: number
  size: number
  bind: number
  type: number
  visibility: number
  /** Var or Func in the BTF that is being built; 0 where there is none. */
  btf: BtfId
  /** The file that defines it, or first wanted it. */
  path: string
  /** For externs: the section that BTF puts it in. */
  wantedFrom: string
}

/** Symbols and types of one input, by their place in the output. */
interface Placement {
  readonly path: string
  readonly elf: ElfFile
  readonly btf: BtfFile | undefined
  readonly sections: (OutSection | undefined)[]
  /** Where each input section starts in its output section. */
  readonly offsets: number[]
  /** Sections that an earlier object has brought with the same content: licence and version. */
  readonly repeated: Set<number>
  readonly symbols: (OutSymbol | undefined)[]
  /** The Var or Func of each global symbol, by its name. */
  readonly globalTypes: Map<string, BtfId>
}

/** Links objects, in the order given, into the bytes of a new one. Throws a `FormatError` for a malformed one, a `LinkFault` for those that do not fit. */
export function linkObjects(inputs: readonly LinkInput[]): Uint8Array {
  const linker = new StaticLinker()
  for (const input of inputs) linker.add(input)
  return linker.finish()
}

export class StaticLinker {
  private little: boolean | undefined
  private flags = 0
  private readonly sections = new Map<string, OutSection>()
  private readonly symbols: OutSymbol[] = []
  private readonly listed = new Set<OutSymbol>()
  private readonly globals = new Map<string, OutSymbol>()
  private readonly btf = new LinkedBtf()
  private readonly ext = new BtfExtMerger()

  /** Takes one object in. Its bytes must not change until `finish`. */
  add({ path, bytes }: LinkInput): void {
    const elf = readElf(bytes)
    if (this.little !== undefined && this.little !== elf.little)
      throw new LinkFault('L0001', path, 'it has another byte order than the objects before it')
    this.little = elf.little
    this.flags = Math.max(this.flags, elf.flags)
    const btfSection = elf.sections.find(section => section.name === '.BTF' && section.type === SHT_PROGBITS)
    const btf = btfSection && readBtf(btfSection.data, { little: elf.little, origin: btfSection.offset })
    const placement: Placement = {
      path,
      elf,
      btf,
      sections: [],
      offsets: [],
      repeated: new Set(),
      symbols: [],
      globalTypes: new Map(),
    }
    for (const section of elf.sections) this.addSection(placement, section)
    const types = this.addBtf(placement)
    for (const symbol of elf.symbols) this.addSymbol(placement, symbol, types)
    for (const relocations of elf.relocations) this.addRelocs(placement, relocations)
    if (btf) this.addDatasecs(placement, btf, types)
    const extSection = elf.sections.find(section => section.name === '.BTF.ext' && section.type === SHT_PROGBITS)
    if (btf && extSection) {
      const placeOf = (name: string) => {
        const section = elf.sections.find(candidate => candidate.name === name && !isDropped(candidate))
        return section && placement.offsets[section.index]
      }
      this.ext.add(readExtTables(extSection.data, btf, elf.little, extSection.offset), btf, types, placeOf)
    }
  }

  private addSection(placement: Placement, section: ElfSection): void {
    if (isDropped(section)) return
    const known = this.sections.get(section.name)
    const fault = (code: string, message: string) => new LinkFault(code, placement.path, `section ${section.name} ${message}`)
    if (known && (known.type !== section.type || known.flags !== section.flags))
      throw fault('L0002', 'has another type or other flags than in the objects before it')
    if (known && (section.name === 'license' || section.name === 'version')) {
      const have = known.parts[0]?.data
      if (!have || have.length !== section.data.length || have.some((byte, i) => byte !== section.data[i]))
        throw fault('L0003', 'differs from that of the objects before it')
      placement.sections[section.index] = known
      placement.offsets[section.index] = 0
      placement.repeated.add(section.index)
      return
    }
    const out = known ?? this.newSection(section.name, section.type, section.flags, section.entsize)
    // Aligned as the strictest part so far, as libbpf does it (extend_sec).
    out.align = Math.max(out.align, section.align)
    const start = Math.ceil(out.size / out.align) * out.align
    out.parts.push({ offset: start, data: section.data, own: false })
    out.size = start + section.size
    placement.sections[section.index] = out
    placement.offsets[section.index] = start
  }

  private newSection(name: string, type: number, flags: number, entsize: number): OutSection {
    const section: OutSection = {
      name,
      type,
      flags,
      entsize,
      align: 1,
      size: 0,
      parts: [],
      relocs: [],
      vars: [],
      inVars: new Set(),
      btfName: 0,
      sectionSymbol: undefined,
    }
    this.sections.set(name, section)
    return section
  }

  /**
   * Adds all types but sections. Global variables and functions that another object has too become one type; gives the new id of
   * every old one.
   */
  private addBtf({ path, btf, elf, repeated, globalTypes }: Placement): Uint32Array {
    if (!btf) return new Uint32Array(1)
    const again = new Set([...repeated].flatMap(index => variablesOf(btf, elf.sections[index]!.name)))
    const ids = new Uint32Array(btf.count)
    const globals = new Set(elf.symbols.filter(symbol => symbol.bind !== STB_LOCAL).map(symbol => symbol.name))
    const fresh: BtfId[] = []
    for (let id = 1; id < btf.count; id++) {
      const kind = btf.kindOf(id)
      if (kind === BtfKind.Datasec || again.has(id)) continue
      let shared: OutSymbol | undefined
      if (kind === BtfKind.Var || kind === BtfKind.Func) {
        const type = btf.type(id)
        if (isGlobal(type) && globals.has(type.name)) {
          if (!globalTypes.has(type.name)) globalTypes.set(type.name, id)
          shared = this.globals.get(type.name)
        }
      }
      if (shared?.btf) {
        this.checkAgreement(path, shared, btf, id)
        ids[id] = shared.btf
      } else {
        ids[id] = this.btf.reserve()
        fresh.push(id)
      }
    }
    for (const id of fresh) this.btf.copy(ids[id]!, btf, id, ids)
    return ids
  }

  /** Two objects must mean the same by a name: the same map definition, the same type. */
  private checkAgreement(path: string, shared: OutSymbol, btf: BtfFile, id: BtfId): void {
    const map = shared.section?.name === '.maps' || shared.wantedFrom === '.maps'
    const difference =
      disagreement(this.btf, shared.btf, btf, id, !map) ?? (map ? mapDisagreement(this.btf, shared.btf, btf, id) : undefined)
    if (difference)
      throw new LinkFault('L0004', path, `${shared.name}: ${shared.path} and ${path} do not agree on its type: ${difference}`)
  }

  private addSymbol(placement: Placement, symbol: ElfSymbol, types: Uint32Array): void {
    const { path, btf, sections, offsets, symbols, globalTypes } = placement
    if (symbol.index === 0 || symbol.type === STT_FILE || placement.repeated.has(symbol.section)) return
    const section = symbol.section === 0 || symbol.section >= SHN_LORESERVE ? undefined : sections[symbol.section]
    if (symbol.type === STT_SECTION) {
      if (section) symbols[symbol.index] = this.sectionSymbol(section)
      return
    }
    if (symbol.section === SHN_ABS || (symbol.section !== 0 && !section)) return
    const draft: OutSymbol = {
      name: symbol.name,
      section,
      value: section ? symbol.value + offsets[symbol.section]! : 0,
      size: symbol.size,
      bind: symbol.bind,
      type: symbol.type,
      visibility: symbol.visibility,
      btf: 0,
      path,
      wantedFrom: '',
    }
    if (symbol.bind === STB_LOCAL) {
      // Labels within functions are only kept where a relocation names them.
      if (symbol.type !== STT_NOTYPE) this.symbols.push(draft)
      symbols[symbol.index] = draft
      return
    }
    const typeId = globalTypes.get(symbol.name) ?? 0
    draft.btf = types[typeId] ?? 0
    if (!section && btf && typeId) draft.wantedFrom = datasecOf(btf, typeId)
    const known = this.globals.get(symbol.name)
    if (!known) {
      this.globals.set(symbol.name, draft)
      this.symbols.push(draft)
      symbols[symbol.index] = draft
      return
    }
    this.resolve(known, draft, btf, typeId, types)
    symbols[symbol.index] = known
  }

  /** Two objects name the same symbol: `known` becomes what both together mean. */
  private resolve(known: OutSymbol, draft: OutSymbol, btf: BtfFile | undefined, typeId: BtfId, types: Uint32Array): void {
    if (draft.visibility !== STV_DEFAULT && (known.visibility === STV_DEFAULT || draft.visibility < known.visibility))
      known.visibility = draft.visibility
    if (!draft.section) {
      // An extern that something already defines; among externs a strong one wins.
      if (!known.section && draft.bind === STB_GLOBAL) known.bind = STB_GLOBAL
      return
    }
    if (known.section && known.bind !== STB_WEAK && draft.bind !== STB_WEAK)
      throw new LinkFault(
        'L0005',
        draft.path,
        `${known.name} is defined in ${known.path} and in ${draft.path}; one of them must be weak`,
      )
    if (known.section && draft.bind === STB_WEAK) return
    const { name, section, value, size, bind, type, path } = draft
    // What was wanted or weak so far gives way; a variable leaves the section where it stood.
    for (const out of this.sections.values()) {
      if (!out.inVars.delete(known)) continue
      const at = out.vars.findIndex(entry => entry.symbol === known)
      out.vars.splice(at, 1)
    }
    Object.assign(known, { name, section, value, size, bind, type, path, wantedFrom: '' })
    if (btf && typeId && known.btf) this.btf.copy(known.btf, btf, typeId, types)
    else known.btf = draft.btf
  }

  /** Puts a symbol into the table, once. */
  private list(symbol: OutSymbol): void {
    if (this.listed.has(symbol)) return
    this.listed.add(symbol)
    this.symbols.push(symbol)
  }

  private sectionSymbol(section: OutSection): OutSymbol {
    section.sectionSymbol ??= {
      name: '',
      section,
      value: 0,
      size: 0,
      bind: STB_LOCAL,
      type: STT_SECTION,
      visibility: STV_DEFAULT,
      btf: 0,
      path: '',
      wantedFrom: '',
    }
    this.list(section.sectionSymbol)
    return section.sectionSymbol
  }

  private addRelocs(placement: Placement, relocations: ElfRelocs): void {
    const { path, elf, sections, offsets, symbols } = placement
    const out = sections[relocations.target]
    // Those of .BTF.ext and DWARF, which are most, are not even read.
    if (!out) return
    const start = offsets[relocations.target]!
    for (const reloc of relocations.relocs) {
      const symbol = symbols[reloc.symbol]
      if (!symbol)
        throw new LinkFault('L0006', path, `a relocation of section ${out.name} is against a symbol that is not linked`)
      const source = elf.symbols[reloc.symbol]!
      if (symbol.type === STT_NOTYPE && symbol.bind === STB_LOCAL) this.list(symbol)
      // An addend counts from the start of a section, which has moved.
      if (source.type === STT_SECTION) this.moveAddend(placement, out, start, reloc, offsets[source.section]!)
      out.relocs.push({ offset: start + reloc.offset, symbol, type: reloc.type })
    }
  }

  private moveAddend({ path, elf }: Placement, out: OutSection, start: number, reloc: ElfReloc, moved: number): void {
    if (moved === 0) return
    if ((out.flags & SHF_EXECINSTR) === 0)
      throw new LinkFault('L0006', path, `section ${out.name} refers to a whole section, which only instructions can`)
    // The last part is this object's: its sections were added just before.
    const part = out.parts.findLast(candidate => candidate.offset === start)!
    if (!part.own) {
      // Not slice(): a Buffer's shares its memory with the input.
      part.data = new Uint8Array(part.data)
      part.own = true
    }
    const { data } = part
    const view = new DataView(data.buffer, data.byteOffset)
    const isCall = data[reloc.offset] === (BPF_JMP | BPF_CALL)
    const imm = view.getInt32(reloc.offset + 4, elf.little)
    view.setInt32(reloc.offset + 4, imm + (isCall ? moved / 8 : moved), elf.little)
  }

  private addDatasecs(placement: Placement, btf: BtfFile, types: Uint32Array): void {
    const { path, elf, offsets } = placement
    const locals = new Map(
      elf.symbols.filter(symbol => symbol.bind === STB_LOCAL && symbol.type === STT_OBJECT).map(symbol => [symbol.name, symbol]),
    )
    for (const id of btf.datasecIds) {
      const datasec = btf.type(id)
      if (datasec.kind !== BtfKind.Datasec) continue
      const source = elf.sections.find(section => section.name === datasec.name && !isDropped(section))
      if (source && placement.repeated.has(source.index)) continue
      const out = this.sections.get(datasec.name) ?? this.newSection(datasec.name, SHT_NULL, 0, 0)
      out.btfName = this.btf.strings.at(btf, btf.nameOffsetOf(id))
      const start = source ? offsets[source.index]! : 0
      for (const info of datasec.vars) {
        const type = btf.type(info.type)
        if (type.kind !== BtfKind.Var && type.kind !== BtfKind.Func) continue
        const symbol = type.linkage === BTF_LINKAGE_STATIC ? undefined : this.globals.get(type.name)
        // Someone else defines it, or wanted it before.
        if (symbol && (out.inVars.has(symbol) || (symbol.path !== path && symbol.section))) continue
        const wanted = type.linkage === BTF_LINKAGE_EXTERN
        if (wanted && symbol?.section) continue
        const value = symbol ? symbol.value : (locals.get(type.name)?.value ?? info.offset) + start
        out.vars.push({ info: { type: types[info.type]!, offset: wanted ? 0 : value, size: info.size }, symbol })
        if (symbol) out.inVars.add(symbol)
      }
    }
  }

  /** The linked object's bytes. */
  finish(): Uint8Array {
    const little = this.little ?? true
    const sections = [...this.sections.values()].filter(section => section.type !== SHT_NULL)
    const index = new Map(sections.map((section, i) => [section, i]))
    const symbolIndex = new Map(this.symbols.map((symbol, i) => [symbol, i]))
    const image: ElfImageSection[] = sections.map(section => ({
      name: section.name,
      type: section.type,
      flags: section.flags,
      align: section.align,
      entsize: section.entsize,
      data: section.type === SHT_NOBITS ? section.size : joinParts(section),
      relocs: section.relocs.map(({ offset, symbol, type }) => ({ offset, symbol: symbolIndex.get(symbol)!, type })),
    }))
    if (this.btf.count > 1) {
      const { btf, ext } = this.finishBtf(little)
      image.push({ name: '.BTF', type: SHT_PROGBITS, flags: 0, align: 4, data: btf })
      image.push({ name: '.BTF.ext', type: SHT_PROGBITS, flags: 0, align: 4, data: ext })
    }
    const symbols = this.symbols.map(
      (symbol): ElfImageSymbol => ({
        name: symbol.name,
        section: symbol.section ? index.get(symbol.section)! : 'undefined',
        value: symbol.value,
        size: symbol.size,
        bind: symbol.bind,
        type: symbol.section ? symbol.type : STT_NOTYPE,
        visibility: symbol.visibility,
      }),
    )
    return writeElf({ little, flags: this.flags, sections: image, symbols })
  }

  private finishBtf(little: boolean): { btf: Uint8Array; ext: Uint8Array } {
    for (const section of this.sections.values()) {
      if (section.vars.length === 0) continue
      const vars = section.vars
        .map(({ info, symbol }) => (symbol?.section ? { ...info, offset: symbol.value } : info))
        .sort((a, b) => a.offset - b.offset)
      this.btf.addDatasec(section.btfName, section.size, vars)
    }
    const deduplication = dedupBtf(this.btf)
    // First, for its strings.
    const ext = this.ext.finish(this.btf, deduplication.ids, little)
    return { btf: this.btf.encode(deduplication, little), ext }
  }
}

function joinParts(section: OutSection): Uint8Array {
  const [first] = section.parts
  if (first?.data.length === section.size) return first.data
  const bytes = new Uint8Array(section.size)
  for (const { offset, data } of section.parts) bytes.set(data, offset)
  return bytes
}

/** Sections that are made anew or do not matter to a BPF object. */
function isDropped({ index, type, name }: ElfSection): boolean {
  if (
    index === 0 ||
    type === SHT_NULL ||
    type === SHT_REL ||
    type === SHT_STRTAB ||
    type === SHT_SYMTAB ||
    type === SHT_LLVM_ADDRSIG
  )
    return true
  return name === '.BTF' || name === '.BTF.ext' || name.startsWith('.debug_')
}

const isGlobal = (type: BtfType): type is Extract<BtfType, { linkage: number }> =>
  (type.kind === BtfKind.Var || type.kind === BtfKind.Func) && type.linkage !== BTF_LINKAGE_STATIC

/** Variables of a section, by its name. */
function variablesOf(btf: BtfFile, section: string): BtfId[] {
  return btf.byName(section).flatMap(id => {
    const type = btf.type(id)
    return type.kind === BtfKind.Datasec ? type.vars.map(info => info.type) : []
  })
}

function datasecOf(btf: BtfFile, id: BtfId): string {
  for (const candidate of btf.datasecIds) {
    const type = btf.type(candidate)
    if (type.kind === BtfKind.Datasec && type.vars.some(info => info.type === id)) return type.name
  }
  return ''
}

/** Definitions of a map must say the same, field by field; an extern one may leave fields out. */
function mapDisagreement(a: BtfSet, aId: BtfId, b: BtfFile, bId: BtfId): string | undefined {
  const [first, second] = [a.type(aId), b.type(bId)]
  if (first.kind !== BtfKind.Var || second.kind !== BtfKind.Var) return undefined
  const [one, two] = [skipModifiers(a, first.type).type, skipModifiers(b, second.type).type]
  if (one.kind !== BtfKind.Struct || two.kind !== BtfKind.Struct) return undefined
  for (const member of one.members) {
    const twin = two.members.find(candidate => candidate.name === member.name)
    if (!twin) return `field ${member.name} is only in one definition`
    const difference = fieldDisagreement(a, member.type, b, twin.type)
    if (difference) return `field ${member.name}: ${difference}`
  }
  const extra = two.members.find(member => !one.members.some(candidate => candidate.name === member.name))
  return extra ? `field ${extra.name} is only in one definition` : undefined
}

/** Fields of map definitions point to what they mean: the array whose length is the number, or the key's or value's type. */
function fieldDisagreement(a: BtfSet, aId: BtfId, b: BtfFile, bId: BtfId): string | undefined {
  const [one, two] = [skipModifiers(a, aId).type, skipModifiers(b, bId).type]
  if (one.kind !== BtfKind.Ptr || two.kind !== BtfKind.Ptr) return disagreement(a, aId, b, bId, false)
  return disagreement(a, one.type, b, two.type, true)
}
