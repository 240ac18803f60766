/**
 * Opens a BPF object by libbpf's conventions (libbpf 1.5, bpf_object_open): section names, BTF-defined maps, global data,
 * externs, struct_ops, relocations. From bytes alone: nothing here depends on a kernel or a machine.
 */
import { ByteReader } from '../../base/bytes.js'
import { readBtfExt } from '../btf/btf-ext.js'
import { readBtf } from '../btf/btf-file.js'
import { BtfOverlay } from '../btf/btf-overlay.js'
import {
  type ElfFile,
  type ElfSection,
  SHF_EXECINSTR,
  SHT_LLVM_ADDRSIG,
  SHT_NOBITS,
  SHT_PROGBITS,
  SHT_STRTAB,
} from '../elf/elf-types.js'
import { readElf } from '../elf/read-elf.js'
import type { BpfObject } from './bpf-object.js'
import { collectExterns } from './open-externs.js'
import { collectFunctions } from './open-functions.js'
import { collectMaps, mendDatasecs } from './open-maps.js'
import { malformed, type Opening, type SectionRole } from './opening.js'

export interface OpenOptions {
  /**
   * For looking at objects that libbpf would refuse: symbols that another object has to bring become externs of kind `unlinked`, definitions of
   * maps that no loader takes keep their name only.
   */
  readonly tolerant?: boolean
  /**
   * For objects of other loaders than libbpf (Cilium's, cilium/ebpf): programs may be static functions, maps may be pinned in ways
   * of the loader's own.
   */
  readonly anyLoader?: boolean
}

/**
 * Reads an object file. `path` only names it: the part of its last component before the first dot names the maps of global data,
 * as in libbpf. The object shares memory with `bytes`. Throws a `FormatError` where libbpf would refuse to open it.
 */
export const openObject = (bytes: Uint8Array, path: string, options: OpenOptions = {}): BpfObject =>
  openElf(readElf(bytes), path, options)

/** `openObject` for a file that has been taken apart already. */
export function openElf(elf: ElfFile, path: string, options: OpenOptions = {}): BpfObject {
  if (elf.symtab === 0) throw malformed('F0401', 'the object has no symbol table; was it stripped?')
  const roles = elf.sections.map(roleOf)
  const find = (name: string) => elf.sections.find(section => section.name === name && section.type === SHT_PROGBITS)
  const btfSection = find('.BTF')
  const extSection = find('.BTF.ext')
  const btfFile = btfSection && readBtf(btfSection.data, { little: elf.little, origin: btfSection.offset })
  const opening: Opening = {
    path,
    elf,
    roles,
    text: Math.max(
      0,
      elf.sections.findIndex((section, index) => roles[index] === 'code' && section.name === '.text'),
    ),
    btfFile,
    btf: btfFile && new BtfOverlay(btfFile),
    ext: btfFile && extSection && readBtfExt(extSection.data, btfFile, elf.little, extSection.offset),
    tolerant: options.tolerant === true,
    anyLoader: options.anyLoader === true,
  }
  const externs = collectExterns(opening)
  mendDatasecs(opening)
  const maps = collectMaps(opening, externs)
  const { programs, subprograms } = collectFunctions(opening, maps, externs)
  return {
    path,
    little: elf.little,
    license: license(elf),
    version: version(elf),
    programs,
    subprograms,
    maps: maps.defs(programs),
    externs: externs.list,
    kconfigMap: maps.kconfig,
    btf: opening.btf,
  }
}

/** bpf_object__elf_collect: which sections mean something. */
function roleOf(section: ElfSection): SectionRole {
  const { name, type } = section
  if (type === SHT_STRTAB || type === SHT_LLVM_ADDRSIG || name.startsWith('.debug_')) return 'other'
  if (name === '.maps') return 'maps'
  if (name === 'maps') return 'legacy-maps'
  if (type === SHT_NOBITS) return (name === '.bss' || name.startsWith('.bss.')) && section.size > 0 ? 'bss' : 'other'
  if (type !== SHT_PROGBITS || section.size === 0) return 'other'
  if (name === 'license' || name === 'version' || name === '.BTF' || name === '.BTF.ext') return 'other'
  if (section.flags & SHF_EXECINSTR) return 'code'
  if (name === '.data' || name.startsWith('.data.')) return 'data'
  if (name === '.rodata' || name.startsWith('.rodata.')) return 'rodata'
  if (/^\??\.struct_ops(\.link)?$/.test(name)) return 'struct-ops'
  if (name === '.addr_space.1') return 'arena'
  return 'other'
}

function license(elf: ElfFile): string {
  const section = elf.sections.find(candidate => candidate.name === 'license')
  if (!section) return ''
  const end = section.data.indexOf(0)
  // The kernel takes 63 bytes and a zero.
  return new TextDecoder().decode(section.data.subarray(0, Math.min(63, end < 0 ? section.data.length : end)))
}

function version(elf: ElfFile): number {
  const section = elf.sections.find(candidate => candidate.name === 'version')
  if (!section) return 0
  if (section.data.length !== 4) throw malformed('F0401', `a kernel version is 4 bytes, not ${section.data.length}`, section)
  return new ByteReader(section.data, elf.little, 'version', section.offset).u32(0)
}
