/** Externs of an object: `.kconfig` values, kernel symbols and kfuncs of `.ksyms` (libbpf 1.5, bpf_object__collect_externs). */
import { alignOf, essentialName, sizeOf, skipModifiers } from '../btf/btf-file.js'
import {
  BTF_LINKAGE_EXTERN,
  BTF_LINKAGE_GLOBAL,
  type BtfDatasec,
  type BtfId,
  BtfKind,
  type BtfSet,
  typeFault,
} from '../btf/btf-types.js'
import { STB_WEAK } from '../elf/elf-types.js'
import type { Extern, KconfigPlace } from './bpf-object.js'
import { isExtern, malformedSymbol, type Opening } from './opening.js'

export interface Externs {
  readonly list: readonly Extern[]
  /** Index into `list` by index of the ELF symbol. */
  readonly bySymbol: ReadonlyMap<number, number>
  /** Bytes of the `.kconfig` map; 0 without. */
  readonly kconfigSize: number
}

interface Found {
  readonly symbol: number
  readonly name: string
  readonly weak: boolean
  readonly type: BtfId
  readonly kind: Extern['kind']
  readonly align: number
  readonly kconfig: Omit<KconfigPlace, 'offset'> | undefined
}

export function collectExterns(opening: Opening): Externs {
  const sections = sectionNames(opening)
  const found = opening.elf.symbols
    .filter(symbol => isExtern(symbol) && symbol.name !== '')
    .map(symbol => lookUp(opening, sections, symbol.index, symbol.name, symbol.bind === STB_WEAK))
  found.sort(compare)
  const list: Extern[] = []
  const bySymbol = new Map<number, number>()
  let offset = 0
  for (const { symbol, name, weak, type, kind, align, kconfig } of found) {
    bySymbol.set(symbol, list.length)
    if (!kconfig) list.push({ name, kind, weak, type })
    else {
      offset = Math.ceil(offset / align) * align
      list.push({ name, kind, weak, type, kconfig: { ...kconfig, offset } })
      offset += kconfig.size
    }
  }
  if (offset > 0) placeKconfig(opening, list, offset)
  return { list, bySymbol, kconfigSize: offset }
}

function lookUp(opening: Opening, sections: ReadonlyMap<BtfId, string>, symbol: number, name: string, weak: boolean): Found {
  const { btf } = opening
  const fault = (message: string) => malformedSymbol(opening, symbol, 'F0404', message)
  const unlinked: Found = { symbol, name, weak, type: 0, kind: 'unlinked', align: 1, kconfig: undefined }
  if (!btf && opening.tolerant) return unlinked
  if (!btf) throw fault(`extern ${name} needs BTF, which the object does not have; was it compiled without -g?`)
  const id = btf.byName(name).find(candidate => {
    const { kind } = btf.type(candidate)
    return kind === BtfKind.Var || kind === BtfKind.Func
  })
  const type = id === undefined ? undefined : btf.type(id)
  if (id === undefined || (type?.kind !== BtfKind.Var && type?.kind !== BtfKind.Func))
    if (opening.tolerant) return unlinked
    else throw fault(`extern ${name} has no BTF: no loader can tell what it is`)
  if (type.linkage !== BTF_LINKAGE_EXTERN) throw fault(`extern ${name} is not extern in BTF`)
  const section = sections.get(id)
  if (section === '.ksyms')
    return { symbol, name, weak, type: id, kind: type.kind === BtfKind.Func ? 'kfunc' : 'ksym', align: 1, kconfig: undefined }
  if (section !== '.kconfig') {
    if (opening.tolerant) return { ...unlinked, type: id }
    throw fault(
      `extern ${name} is in ${section ? `section ${section}` : 'no section'}; only .kconfig and .ksyms can be. Is it in another object? Link them first`,
    )
  }
  if (type.kind === BtfKind.Func) throw fault(`extern function ${name} cannot be in .kconfig`)
  const size = sizeOf(btf, type.type)
  const align = alignOf(btf, type.type)
  const valueType = kconfigType(btf, type.type)
  if (size <= 0 || align <= 0 || !valueType) throw fault(`extern ${name}: no .kconfig value can have its type`)
  return { symbol, name, weak, type: id, kind: 'kconfig', align, kconfig: { size, ...valueType } }
}

/** Name of the Datasec that holds each variable or function. */
function sectionNames(opening: Opening): Map<BtfId, string> {
  const names = new Map<BtfId, string>()
  for (const { type } of datasecs(opening))
    for (const info of type.vars) if (!names.has(info.type)) names.set(info.type, type.name)
  return names
}

/** All Datasecs, as the overlay has them now. */
export function datasecs({ btf, btfFile }: Opening): { readonly id: BtfId; readonly type: BtfDatasec }[] {
  const found: { id: BtfId; type: BtfDatasec }[] = []
  for (const id of btfFile?.datasecIds ?? []) {
    const type = btf!.type(id)
    if (type.kind === BtfKind.Datasec) found.push({ id, type })
  }
  return found
}

/** find_kcfg_type. */
function kconfigType(btf: BtfSet, id: BtfId): Pick<KconfigPlace, 'type' | 'signed'> | undefined {
  const { type } = skipModifiers(btf, id)
  switch (type.kind) {
    case BtfKind.Int:
      if (type.bool) return type.size === 1 ? { type: 'bool', signed: false } : undefined
      if (type.size === 1) return { type: 'char', signed: type.signed }
      return [2, 4, 8].includes(type.size) ? { type: 'int', signed: type.signed } : undefined
    case BtfKind.Enum:
      return type.size === 4 && type.name === 'libbpf_tristate' ? { type: 'tristate', signed: false } : undefined
    case BtfKind.Enum64:
      return type.name === 'libbpf_tristate' ? { type: 'tristate', signed: false } : undefined
    case BtfKind.Array:
      return type.nelems > 0 && kconfigType(btf, type.type)?.type === 'char' ? { type: 'string', signed: false } : undefined
    default:
      return undefined
  }
}

/** cmp_externs: `.kconfig` first, by falling alignment, rising size and name; then the kernel's symbols by name. */
function compare(a: Found, b: Found): number {
  if (a.kconfig && b.kconfig) {
    if (a.align !== b.align) return b.align - a.align
    if (a.kconfig.size !== b.kconfig.size) return a.kconfig.size - b.kconfig.size
  } else if (a.kconfig || b.kconfig) return a.kconfig ? -1 : 1
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

/** Gives the `.kconfig` Datasec its size and offsets, which the compiler leaves at 0. */
function placeKconfig(opening: Opening, list: readonly Extern[], size: number): void {
  const btf = opening.btf!
  for (const { id, type } of datasecs(opening)) {
    if (type.name !== '.kconfig') continue
    const vars = type.vars.map(info => {
      const variable = btf.type(info.type)
      if (variable.kind !== BtfKind.Var) throw typeFault(btf, id, 'F0404', '.kconfig holds something that is not a variable')
      const place = list.find(extern => extern.type === info.type)?.kconfig
      if (!place) throw typeFault(btf, info.type, 'F0404', `.kconfig variable ${variable.name} is not among the object's externs`)
      btf.replace(info.type, { ...variable, linkage: BTF_LINKAGE_GLOBAL })
      return { ...info, offset: place.offset }
    })
    vars.sort((a, b) => a.offset - b.offset)
    btf.replace(id, { ...type, size, vars })
  }
}

/** Name under which a kfunc is looked up: the part before a flavour. */
export const kfuncName = (extern: Extern): string => essentialName(extern.name)
