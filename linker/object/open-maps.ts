/**
 * Maps of an object: BTF-defined ones of `.maps`, those of the old `maps` section, global data, `.kconfig`, struct_ops
 * (libbpf 1.5: bpf_object__init_maps and what it calls).
 */
import { ByteReader } from '../../base/bytes.js'
import { FormatError } from '../../base/outcome.js'
import { skipModifiers } from '../btf/btf-file.js'
import {
  BTF_LINKAGE_EXTERN,
  BTF_LINKAGE_GLOBAL,
  BTF_LINKAGE_STATIC,
  type BtfComposite,
  BtfKind,
  typeFault,
} from '../btf/btf-types.js'
import { type ElfSection, SHT_NOBITS, STB_LOCAL, STT_OBJECT, STV_HIDDEN, STV_INTERNAL } from '../elf/elf-types.js'
import { type MapDef, mapDef, type ObjectFunction } from './bpf-object.js'
import { parseMapDef } from './map-def.js'
import { datasecs, type Externs } from './open-externs.js'
import { malformed, type Opening, relocsOf } from './opening.js'
import { BPF_F_LINK, BPF_F_MMAPABLE, BPF_F_RDONLY_PROG, BPF_OBJ_NAME_LEN, MapType } from './uapi.js'

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** A map and where its definition stands, by which relocations find it. */
interface Placed {
  readonly def: Writable<MapDef>
  readonly section: number
  readonly offset: number
  readonly size: number
}

export class Maps {
  readonly placed: Placed[] = []
  /** Index of the map of `.kconfig`, of the arena; -1 without. */
  kconfig = -1
  arena = -1

  constructor(private readonly opening: Opening) {}

  add(def: Partial<MapDef>, section: number, offset: number, size: number): Writable<MapDef> {
    const map = mapDef({ name: '', ...def })
    const place = `${section}+${offset}`
    if (!this.byPlace.has(place)) this.byPlace.set(place, this.placed.length)
    if (!this.bySection.has(section)) this.bySection.set(section, this.placed.length)
    this.placed.push({ def: map, section, offset, size })
    return map
  }

  private readonly byPlace = new Map<string, number>()
  private readonly bySection = new Map<number, number>()
  private ordered: readonly Placed[] | undefined

  /** The map that is defined at a place of a maps section; -1 if none is. */
  definedAt(section: number, offset: number): number {
    return this.byPlace.get(`${section}+${offset}`) ?? -1
  }

  /** The map that holds a data section; -1 if none does. */
  ofData(section: number): number {
    return this.bySection.get(section) ?? -1
  }

  /** The map whose definition covers `length` bytes at an offset of a section. */
  covering(section: number, offset: number, length: number): Placed | undefined {
    this.ordered ??= [...this.placed].sort((a, b) => a.section - b.section || a.offset - b.offset)
    let low = 0
    let high = this.ordered.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      const map = this.ordered[middle]!
      if (map.section < section || (map.section === section && map.offset <= offset)) low = middle
      else high = middle - 1
    }
    const map = this.ordered[low]
    return map && map.section === section && map.offset <= offset && offset + length <= map.offset + map.size ? map : undefined
  }

  /** The definitions, with the programs that prog arrays and struct_ops name. */
  defs(programs: readonly ObjectFunction[]): MapDef[] {
    const { opening } = this
    opening.roles.forEach((role, section) => {
      if (role === 'maps') fillSlots(opening, this, section, programs)
      if (role === 'struct-ops') fillStructOps(opening, this, section, programs)
    })
    return this.placed.map(map => map.def)
  }
}

/** btf_fixup_datasec: sizes and offsets, which the compiler leaves at 0, come from ELF; hidden variables count as static. */
export function mendDatasecs(opening: Opening): void {
  const { btf, elf } = opening
  if (!btf) return
  const symbols = new Map(
    elf.symbols.filter(symbol => symbol.type === STT_OBJECT && symbol.bind !== STB_LOCAL).map(symbol => [symbol.name, symbol]),
  )
  for (const { id, type } of datasecs(opening)) {
    if (type.name === '.kconfig' || type.name === '.ksyms') continue
    let { size } = type
    const unplaced = size === 0
    if (unplaced) {
      const section = elf.sections.find(candidate => candidate.name === type.name)
      if (!section || section.size === 0)
        throw typeFault(btf, id, 'F0401', `BTF describes section ${type.name}, which ELF does not have`)
      size = section.size
    }
    const vars = type.vars.map(info => {
      const variable = btf.type(info.type)
      if (variable.kind !== BtfKind.Var)
        throw typeFault(btf, id, 'F0401', `BTF of section ${type.name} holds something that is not a variable`)
      if (variable.linkage === BTF_LINKAGE_STATIC || variable.linkage === BTF_LINKAGE_EXTERN) return info
      const symbol = symbols.get(variable.name)
      if (!symbol) throw typeFault(btf, info.type, 'F0401', `variable ${variable.name} of section ${type.name} has no ELF symbol`)
      if (symbol.visibility === STV_HIDDEN || symbol.visibility === STV_INTERNAL)
        btf.replace(info.type, { ...variable, linkage: BTF_LINKAGE_STATIC })
      return unplaced ? { ...info, offset: symbol.value } : info
    })
    vars.sort((a, b) => a.offset - b.offset)
    btf.replace(id, { ...type, size, vars })
  }
}

export function collectMaps(opening: Opening, externs: Externs): Maps {
  const maps = new Maps(opening)
  const { roles, elf } = opening
  elf.sections.forEach((section, index) => {
    if (roles[index] === 'maps') btfMaps(opening, maps, section)
    if (roles[index] === 'legacy-maps') legacyMaps(opening, maps, section)
  })
  arena(opening, maps)
  elf.sections.forEach((section, index) => {
    const role = roles[index]
    if (role !== 'data' && role !== 'rodata' && role !== 'bss') return
    if (section.size > 0xffff_ffff) throw malformed('F0401', `${section.size} bytes are too big for a map`, section)
    dataMap(opening, maps, section, index, role === 'rodata')
  })
  if (externs.kconfigSize > 0) {
    maps.kconfig = maps.placed.length
    dataMap(opening, maps, { name: '.kconfig', type: SHT_NOBITS, size: externs.kconfigSize, data: new Uint8Array(0) }, -1, true)
  }
  elf.sections.forEach((section, index) => {
    if (roles[index] === 'struct-ops') structOpsMaps(opening, maps, section)
  })
  return maps
}

const datasecNamed = (opening: Opening, name: string) => datasecs(opening).find(datasec => datasec.type.name === name)?.type

/** bpf_object__init_user_btf_map. */
function btfMaps(opening: Opening, maps: Maps, section: ElfSection): void {
  const { btf } = opening
  const datasec = datasecNamed(opening, '.maps')
  if (!btf || !datasec)
    throw malformed('F0402', 'maps need BTF, which the object does not have for them; was it compiled without -g?', section)
  for (const info of datasec.vars) {
    const variable = btf.type(info.type)
    if (variable.kind !== BtfKind.Var || variable.name === '')
      throw malformed('F0402', 'a map without a name', section, info.offset)
    const { name } = variable
    if (info.offset + info.size > section.size)
      throw malformed('F0402', `map ${name} goes beyond the section`, section, info.offset)
    if (variable.linkage === BTF_LINKAGE_EXTERN && opening.tolerant) continue
    if (variable.linkage !== BTF_LINKAGE_GLOBAL)
      throw malformed(
        'F0402',
        `map ${name} is ${variable.linkage === BTF_LINKAGE_STATIC ? 'static' : 'extern'}; maps must be global`,
        section,
        info.offset,
      )
    const { type: def } = skipModifiers(btf, variable.type)
    if (def.kind !== BtfKind.Struct) throw malformed('F0402', `map ${name} is not a struct`, section, info.offset)
    if (def.size > info.size) throw malformed('F0402', `map ${name} is smaller than its type`, section, info.offset)
    maps.add(definition(opening, name, def, section, info.offset), section.index, info.offset, info.size)
  }
}

/** What the struct says of a map; only its name where that breaks libbpf's rules and the object is only looked at. */
function definition(opening: Opening, name: string, def: BtfComposite, section: ElfSection, offset: number): Partial<MapDef> {
  try {
    return parseMapDef(name, opening.btf!, def, section, offset, opening.anyLoader)
  } catch (error) {
    if (!opening.tolerant || !(error instanceof FormatError)) throw error
    return { name }
  }
}

/** Maps as of before BTF: one `struct bpf_map_def` of five 32-bit numbers for each symbol of the section. */
function legacyMaps(opening: Opening, maps: Maps, section: ElfSection): void {
  const symbols = opening.elf.symbols
    .filter(symbol => symbol.section === section.index && symbol.type === STT_OBJECT)
    .sort((a, b) => a.value - b.value)
  const reader = new ByteReader(section.data, opening.elf.little, section.name, section.offset)
  symbols.forEach((symbol, i) => {
    const end = symbols[i + 1]?.value ?? section.size
    if (end - symbol.value < 20)
      throw malformed('F0402', `map ${symbol.name} has less than the 20 bytes of a map definition`, section, symbol.value)
    if (!opening.tolerant && section.data.subarray(symbol.value + 20, end).some(byte => byte !== 0))
      throw malformed('F0402', `map ${symbol.name} sets fields beyond type, sizes, entries and flags`, section, symbol.value + 20)
    const field = (index: number) => reader.u32(symbol.value + 4 * index)
    maps.add(
      { name: symbol.name, type: field(0), keySize: field(1), valueSize: field(2), maxEntries: field(3), flags: field(4) },
      section.index,
      symbol.value,
      end - symbol.value,
    )
  })
}

/** Initial content of the arena, from globals of address space 1. */
function arena(opening: Opening, maps: Maps): void {
  const section = opening.elf.sections[opening.roles.indexOf('arena')]
  maps.placed.forEach(({ def, section: place, offset }, index) => {
    if (def.type !== MapType.ARENA) return
    if (maps.arena >= 0)
      throw malformed('F0402', `map ${def.name} is a second arena; an object can have one`, opening.elf.sections[place], offset)
    maps.arena = index
    if (section) def.data = { section: section.name, bytes: section.data, readonly: false }
  })
  if (section && maps.arena < 0) throw malformed('F0402', 'global variables in an arena need an arena map in .maps', section)
}

/** bpf_object__init_internal_map. */
function dataMap(
  opening: Opening,
  maps: Maps,
  section: Pick<ElfSection, 'name' | 'type' | 'size' | 'data'>,
  index: number,
  readonly: boolean,
): void {
  const { btf } = opening
  const valueType = btf?.byName(section.name)[0] ?? 0
  const type = btf?.type(valueType)
  const mmapable =
    type?.kind === BtfKind.Datasec &&
    type.vars.some(info => {
      const variable = btf!.type(info.type)
      return variable.kind === BtfKind.Var && variable.linkage !== BTF_LINKAGE_STATIC
    })
  maps.add(
    {
      name: internalName(opening.path, section.name),
      type: MapType.ARRAY,
      keySize: 4,
      valueSize: section.size,
      maxEntries: 1,
      flags: (readonly ? BPF_F_RDONLY_PROG : 0) | (mmapable ? BPF_F_MMAPABLE : 0),
      valueType,
      data: {
        section: section.name,
        // What is not in the file is not allocated here: a .bss may claim any size.
        bytes: section.type === SHT_NOBITS ? new Uint8Array(0) : section.data,
        readonly,
      },
    },
    index,
    0,
    section.size,
  )
}

/** internal_map_name: the object's name and the section's, in 15 characters. */
function internalName(path: string, section: string): string {
  const file = path.slice(path.lastIndexOf('/') + 1).slice(0, BPF_OBJ_NAME_LEN - 1)
  const object = file.split('.')[0]!
  const suffix = Math.min(Math.max(7, section.length), BPF_OBJ_NAME_LEN - 1)
  const prefix = section.includes('.', 1) ? 0 : BPF_OBJ_NAME_LEN - suffix - 1
  return (object.slice(0, prefix) + section.slice(0, suffix)).replace(/[^A-Za-z0-9_.]/g, '_')
}

/** init_struct_ops_maps. */
function structOpsMaps(opening: Opening, maps: Maps, section: ElfSection): void {
  const { btf } = opening
  const datasec = datasecNamed(opening, section.name)
  if (!btf || !datasec) throw malformed('F0402', 'struct_ops need BTF, which the object does not have for them', section)
  for (const info of datasec.vars) {
    const variable = btf.type(info.type)
    if (variable.kind !== BtfKind.Var)
      throw malformed('F0402', 'BTF holds something that is not a variable', section, info.offset)
    const { id, type } = skipModifiers(btf, variable.type)
    if (type.kind !== BtfKind.Struct || type.name === '')
      throw malformed('F0402', `${variable.name} is not a struct with a name`, section, info.offset)
    if (info.offset + type.size > section.data.length)
      throw malformed('F0402', `${variable.name} goes beyond the section`, section, info.offset)
    const link = section.name.endsWith('.link')
    maps.add(
      {
        name: variable.name,
        type: MapType.STRUCT_OPS,
        keySize: 4,
        valueSize: type.size,
        maxEntries: 1,
        flags: link ? BPF_F_LINK : 0,
        valueType: id,
        structOps: { type: id, bytes: section.data.slice(info.offset, info.offset + type.size), functions: [], link },
        ...(section.name.startsWith('?') && { autocreate: false as const }),
      },
      section.index,
      info.offset,
      type.size,
    )
  }
}

/** bpf_object__collect_map_relos: inner maps and programs that `values` names. */
function fillSlots(opening: Opening, maps: Maps, sectionIndex: number, programs: readonly ObjectFunction[]): void {
  const section = opening.elf.sections[sectionIndex]!
  const names = new Set(maps.placed.map(map => map.def.name))
  const starts = new Set(programs.map(program => `${program.name} ${program.sectionIndex} ${program.sectionOffset}`))
  const slots = new Map<Placed, { readonly first: number; readonly values: Map<number, string> }>()
  for (const { relocs } of relocsOf(opening, sectionIndex)) {
    for (const reloc of relocs) {
      const symbol = opening.elf.symbols[reloc.symbol]!
      const fault = (message: string) => malformed('F0403', message, section, reloc.offset)
      const map = maps.covering(sectionIndex, reloc.offset, 8)
      if (!map) throw fault('a relocation that belongs to no map')
      const { name, type } = map.def
      if (type === MapType.ARRAY_OF_MAPS || type === MapType.HASH_OF_MAPS) {
        if (symbol.section !== sectionIndex || !names.has(symbol.name))
          throw fault(`${symbol.name}, a value of map ${name}, is no BTF-defined map`)
        if (type === MapType.HASH_OF_MAPS && map.def.keySize !== 4) throw fault(`map ${name} must have keys of 4 bytes`)
      } else if (type !== MapType.PROG_ARRAY) throw fault(`map ${name} cannot have initial values`)
      else if (!starts.has(`${symbol.name} ${symbol.section} ${symbol.value}`))
        throw fault(`${symbol.name}, a value of map ${name}, is no program`)
      let found = slots.get(map)
      if (!found) slots.set(map, (found = { first: valuesOffset(opening, name), values: new Map() }))
      const index = (reloc.offset - map.offset - found.first) / 8
      if (found.first < 0 || !Number.isInteger(index) || index < 0) throw fault(`map ${name}: a value is not in 'values'`)
      found.values.set(index, symbol.name)
    }
  }
  for (const [map, { values }] of slots)
    map.def.values = [...values].map(([index, target]) => ({ index, target })).sort((x, y) => x.index - y.index)
}

/** Byte of a map's definition at which `values` starts; -1 if it has none. */
function valuesOffset(opening: Opening, name: string): number {
  const { btf } = opening
  const variable = datasecNamed(opening, '.maps')!
    .vars.map(info => btf!.type(info.type))
    .find(type => type.kind === BtfKind.Var && type.name === name)
  const def = variable?.kind === BtfKind.Var ? (skipModifiers(btf!, variable.type).type as BtfComposite) : undefined
  const last = def?.members.at(-1)
  return last?.name === 'values' ? last.bitOffset / 8 : -1
}

/** bpf_object__collect_st_ops_relos: which program each function pointer is. */
function fillStructOps(opening: Opening, maps: Maps, sectionIndex: number, programs: readonly ObjectFunction[]): void {
  const section = opening.elf.sections[sectionIndex]!
  const btf = opening.btf!
  for (const { relocs } of relocsOf(opening, sectionIndex)) {
    for (const reloc of relocs) {
      const symbol = opening.elf.symbols[reloc.symbol]!
      const fault = (message: string) => malformed('F0403', message, section, reloc.offset)
      const map = maps.covering(sectionIndex, reloc.offset, 1)
      const structOps = map?.def.structOps
      if (!map || !structOps) throw fault('a relocation that belongs to no struct_ops variable')
      const offset = reloc.offset - map.offset
      const type = btf.type(structOps.type)
      const member = type.kind === BtfKind.Struct ? type.members.find(candidate => candidate.bitOffset === offset * 8) : undefined
      if (!member) throw fault(`${map.def.name} has no member at byte ${offset}`)
      const pointer = skipModifiers(btf, member.type).type
      if (pointer.kind !== BtfKind.Ptr || skipModifiers(btf, pointer.type).type.kind !== BtfKind.FuncProto)
        throw fault(`member ${member.name} of ${map.def.name} is no function pointer`)
      const program = programs.find(
        candidate => candidate.sectionIndex === symbol.section && candidate.sectionOffset === symbol.value,
      )
      if (!program) throw fault(`member ${member.name} of ${map.def.name} points to something that is no program`)
      if (!/^\??struct_ops(\.s)?(\/|$)/.test(program.section))
        throw fault(`member ${member.name} of ${map.def.name}: ${program.name} is not a struct_ops program`)
      map.def.structOps = { ...structOps, functions: [...structOps.functions, { offset, function: program.name }] }
    }
  }
}
