/**
 * Functions of an object: one for each function symbol of a code section; those in `.text` are subprograms (libbpf 1.5:
 * bpf_object__add_programs, bpf_program__record_reloc). Relocations are resolved to what they name, .BTF.ext rows given out.
 */
import { Insns } from '../../assembler/isa/insns.js'
import { BPF_CALL, BPF_JMP, BPF_LD, BPF_DW, BPF_IMM, BPF_PSEUDO_CALL, SLOT_BYTES } from '../../assembler/isa/opcodes.js'
import type { ExtSection } from '../btf/btf-ext.js'
import {
  type ElfReloc,
  type ElfSection,
  SHN_LORESERVE,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_FUNC,
  STT_SECTION,
  STV_HIDDEN,
  STV_INTERNAL,
} from '../elf/elf-types.js'
import type { CoreRelo, FuncInfo, LineInfo, ObjectFunction, ProgramReloc } from './bpf-object.js'
import type { Externs } from './open-externs.js'
import type { Maps } from './open-maps.js'
import { isExtern, malformed, type Opening, relocsOf } from './opening.js'

const LD_IMM64 = BPF_LD | BPF_IMM | BPF_DW
const CALL = BPF_JMP | BPF_CALL

interface Draft {
  readonly name: string
  readonly section: ElfSection
  readonly start: number
  readonly insns: Insns
  readonly binding: ObjectFunction['binding']
  readonly hidden: boolean
  readonly relocs: ProgramReloc[]
  funcInfo: FuncInfo | undefined
  readonly lineInfo: LineInfo[]
  readonly coreRelos: CoreRelo[]
}

/** The functions of one section, by rising offset. */
class SectionFunctions {
  readonly drafts: Draft[] = []
  /** Gives out the rows of line info when the first function is asked for its own. */
  giveOutLines: (() => void) | undefined

  /** The function that contains a slot of the section. */
  at(slot: number): Draft | undefined {
    let low = 0
    let high = this.drafts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.drafts[middle]!.start / SLOT_BYTES <= slot) low = middle
      else high = middle - 1
    }
    const draft = this.drafts[low]
    const local = draft ? slot - draft.start / SLOT_BYTES : -1
    return draft && local >= 0 && local < draft.insns.length ? draft : undefined
  }
}

export interface Functions {
  readonly programs: ObjectFunction[]
  readonly subprograms: ObjectFunction[]
}

export function collectFunctions(opening: Opening, maps: Maps, externs: Externs): Functions {
  const bySection = new Map<number, SectionFunctions>()
  const symbols = opening.elf.symbols.filter(symbol => symbol.type === STT_FUNC && opening.roles[symbol.section] === 'code')
  for (const symbol of symbols) {
    const section = opening.elf.sections[symbol.section]!
    const { name, value: start, size } = symbol
    if (start + size > section.size) throw malformed('F0401', `function ${name} goes beyond the section`, section, start)
    if (size === 0 || size % SLOT_BYTES !== 0 || start % SLOT_BYTES !== 0)
      throw malformed('F0401', `function ${name} (${size} bytes at ${start}) is not a number of instructions`, section, start)
    if (symbol.section !== opening.text && symbol.bind === STB_LOCAL && !opening.anyLoader)
      throw malformed('F0401', `function ${name} is static, but its section makes it a program`, section, start)
    let functions = bySection.get(symbol.section)
    if (!functions) bySection.set(symbol.section, (functions = new SectionFunctions()))
    functions.drafts.push({
      name,
      section,
      start,
      insns: Insns.fromBytes(section.data.subarray(start, start + size), opening.elf.little),
      binding: symbol.bind === STB_LOCAL ? 'local' : symbol.bind === STB_WEAK ? 'weak' : 'global',
      hidden: symbol.bind !== STB_LOCAL && (symbol.visibility === STV_HIDDEN || symbol.visibility === STV_INTERNAL),
      relocs: [],
      funcInfo: undefined,
      lineInfo: [],
      coreRelos: [],
    })
  }
  for (const functions of bySection.values()) functions.drafts.sort((a, b) => a.start - b.start)
  const text = (opening.text && bySection.get(opening.text)) || new SectionFunctions()
  const subprogramIndex = new Map(text.drafts.map((draft, index) => [draft, index]))
  const subprogramAt = (slot: number) => {
    const draft = text.at(slot)
    return draft ? subprogramIndex.get(draft)! : -1
  }
  for (const [section, functions] of bySection) {
    for (const { relocs } of relocsOf(opening, section))
      for (const reloc of relocs) {
        const draft = functions.at(Math.floor(reloc.offset / SLOT_BYTES))
        // A weak function that another one replaced in linking has lost its symbol, but not its relocations.
        if (draft) draft.relocs.push(resolve(opening, maps, externs, draft, reloc, subprogramAt))
      }
    for (const draft of functions.drafts) localCalls(draft, subprogramAt)
  }
  giveOutExt(opening, bySection)
  const all = [...bySection.entries()].sort(([a], [b]) => a - b)
  return {
    programs: all
      .filter(([section]) => section !== opening.text)
      .flatMap(([, functions]) => functions.drafts.map(draft => finish(draft, functions))),
    subprograms: text.drafts.map(draft => finish(draft, text)),
  }
}

function finish(draft: Draft, functions: SectionFunctions): ObjectFunction {
  const { name, section, start, insns, binding, hidden, funcInfo } = draft
  const bySlot = (a: { slot: number }, b: { slot: number }) => a.slot - b.slot
  return {
    name,
    section: section.name,
    sectionIndex: section.index,
    sectionOffset: start,
    binding,
    hidden,
    insns,
    relocs: draft.relocs.sort(bySlot),
    funcInfo,
    get lineInfo() {
      const giveOut = functions.giveOutLines
      functions.giveOutLines = undefined
      giveOut?.()
      return draft.lineInfo
    },
    coreRelos: draft.coreRelos,
  }
}

/** bpf_program__record_reloc. */
function resolve(
  opening: Opening,
  maps: Maps,
  externs: Externs,
  draft: Draft,
  reloc: ElfReloc,
  subprogramAt: (slot: number) => number,
): ProgramReloc {
  const { elf, roles } = opening
  const symbol = elf.symbols[reloc.symbol]!
  const fault = (message: string) => {
    const what = symbol.name || elf.sections[symbol.section]?.name || `symbol ${symbol.index}`
    return malformed('F0403', `${draft.name}: relocation against ${what} ${message}`, draft.section, reloc.offset)
  }
  if (reloc.offset % SLOT_BYTES !== 0) throw fault('is not at an instruction')
  const slot = (reloc.offset - draft.start) / SLOT_BYTES
  const code = draft.insns.code[slot]
  const imm = draft.insns.imm[slot]!
  if (code !== CALL && code !== LD_IMM64) throw fault('is neither at a call nor at a 64-bit load')
  if (code === LD_IMM64 && slot + 1 >= draft.insns.length) throw fault('is at a 64-bit load that is cut off')
  if (isExtern(symbol)) {
    const extern = externs.bySymbol.get(symbol.index)
    if (extern === undefined) throw fault('names no extern')
    return { kind: 'extern', slot, extern }
  }
  if (code === CALL) {
    if (draft.insns.src[slot] !== BPF_PSEUDO_CALL) throw fault('is at a call that is not of a function')
    if (!opening.text || symbol.section !== opening.text) throw fault('calls a function outside .text')
    if (symbol.value % SLOT_BYTES !== 0) throw fault('is not at the start of an instruction')
    return { kind: 'subprogram', slot, subprogram: subprogramAt(symbol.value / SLOT_BYTES + imm + 1), call: true }
  }
  if (symbol.section === 0 || symbol.section >= SHN_LORESERVE)
    throw fault('has no section; is a global variable not initialized?')
  const global = symbol.bind === STB_GLOBAL || symbol.bind === STB_WEAK
  if (symbol.section === opening.text && (global ? symbol.type === STT_FUNC : symbol.type === STT_SECTION)) {
    const target = symbol.value + imm
    if (target % SLOT_BYTES !== 0) throw fault('is not at the start of an instruction')
    return { kind: 'subprogram', slot, subprogram: subprogramAt(target / SLOT_BYTES), call: false }
  }
  switch (roles[symbol.section]) {
    case 'arena':
      if (maps.arena < 0) throw fault('needs an arena map')
      return { kind: 'data', slot, map: maps.arena, offset: (symbol.value + imm) | 0 }
    case 'maps':
    case 'legacy-maps': {
      const map = maps.definedAt(symbol.section, symbol.value)
      if (map < 0) throw fault('names no map')
      return { kind: 'map', slot, map }
    }
    case 'data':
    case 'rodata':
    case 'bss':
      return { kind: 'data', slot, map: maps.ofData(symbol.section), offset: (symbol.value + imm) | 0 }
    default:
      throw fault(`is in section ${elf.sections[symbol.section]?.name}, which holds neither maps nor data`)
  }
}

/** Calls within a section need no relocation: their distance counts within the section, and the target is looked for in `.text`. */
function localCalls(draft: Draft, subprogramAt: (slot: number) => number): void {
  let relocated: Set<number> | undefined
  const { code, src, imm } = draft.insns
  for (let slot = code.indexOf(CALL); slot >= 0; slot = code.indexOf(CALL, slot + 1)) {
    if (src[slot] !== BPF_PSEUDO_CALL || code[slot - 1] === LD_IMM64) continue
    relocated ??= new Set(draft.relocs.map(reloc => reloc.slot))
    if (relocated.has(slot)) continue
    draft.relocs.push({
      kind: 'subprogram',
      slot,
      subprogram: subprogramAt(draft.start / SLOT_BYTES + slot + imm[slot]! + 1),
      call: true,
    })
  }
}

/** Gives each function its rows of .BTF.ext, slots counted from the function's start. */
function giveOutExt(opening: Opening, bySection: ReadonlyMap<number, SectionFunctions>): void {
  const { ext, elf } = opening
  if (!ext) return
  const each = <Record extends { readonly insnOffset: number }>(
    sections: readonly ExtSection<Record>[],
    give: (draft: Draft, slot: number, record: Record) => void,
    whenAsked = false,
  ) => {
    for (const rows of sections) {
      const section = elf.sections.find(candidate => candidate.name === rows.section)
      const functions = section && bySection.get(section.index)
      if (!functions) continue
      const giveOut = () => {
        for (const record of rows.records) {
          if (record.insnOffset % SLOT_BYTES !== 0)
            throw malformed('F0212', `.BTF.ext has a row at byte ${record.insnOffset}, which is no instruction`, section, 0)
          const draft = functions.at(record.insnOffset / SLOT_BYTES)
          if (draft) give(draft, (record.insnOffset - draft.start) / SLOT_BYTES, record)
        }
      }
      if (!whenAsked) giveOut()
      else {
        const earlier = functions.giveOutLines
        functions.giveOutLines = () => {
          earlier?.()
          giveOut()
        }
      }
    }
  }
  each(ext.funcInfo, (draft, slot, { type }) => {
    if (slot === 0) draft.funcInfo ??= { slot, type }
  })
  each(
    ext.lineInfo,
    (draft, slot, { file, text, line, column }) => draft.lineInfo.push({ slot, path: file, text, line, column }),
    true,
  )
  each(ext.coreRelos, (draft, slot, { type, access, kind }) => {
    if (draft.insns.code[slot] === LD_IMM64 && slot + 1 >= draft.insns.length)
      throw malformed('F0403', `${draft.name}: CO-RE relocation at a 64-bit load that is cut off`, draft.section, draft.start)
    draft.coreRelos.push({ slot, type, access, kind })
  })
}
