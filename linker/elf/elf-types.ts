/** ELF as data: what bpfc reads from and writes into relocatable objects (System V gABI, and the BPF psABI's relocations). */

export const EM_BPF = 247
/** Bytes of a row of the symbol table. */
export const SYM_BYTES = 24
export const EM_NONE = 0
export const ET_REL = 1

/** Section types. */
export const SHT_NULL = 0
export const SHT_PROGBITS = 1
export const SHT_SYMTAB = 2
export const SHT_STRTAB = 3
export const SHT_RELA = 4
export const SHT_NOBITS = 8
export const SHT_REL = 9
export const SHT_SYMTAB_SHNDX = 18
export const SHT_LLVM_ADDRSIG = 0x6fff4c03

/** Section flags. */
export const SHF_WRITE = 1
export const SHF_ALLOC = 2
export const SHF_EXECINSTR = 4
export const SHF_MERGE = 0x10
export const SHF_STRINGS = 0x20
export const SHF_LINK_ORDER = 0x80
export const SHF_EXCLUDE = 0x8000_0000

/** Special section indices of symbols. */
export const SHN_UNDEF = 0
export const SHN_LORESERVE = 0xff00
export const SHN_ABS = 0xfff1
export const SHN_COMMON = 0xfff2
export const SHN_XINDEX = 0xffff

/** Symbol bindings. */
export const STB_LOCAL = 0
export const STB_GLOBAL = 1
export const STB_WEAK = 2

/** Symbol types. */
export const STT_NOTYPE = 0
export const STT_OBJECT = 1
export const STT_FUNC = 2
export const STT_SECTION = 3
export const STT_FILE = 4

/** Symbol visibilities. */
export const STV_DEFAULT = 0
export const STV_INTERNAL = 1
export const STV_HIDDEN = 2
export const STV_PROTECTED = 3

/** Relocation types (Documentation/bpf/llvm_reloc.rst). */
export const R_BPF_NONE = 0
/** A 64-bit immediate load; the addend is in the first slot's immediate. */
export const R_BPF_64_64 = 1
/** 64 bits of data. */
export const R_BPF_64_ABS64 = 2
/** 32 bits of data. */
export const R_BPF_64_ABS32 = 3
/** 32 bits of data that no dynamic linker touches: .BTF and .BTF.ext. */
export const R_BPF_64_NODYLD32 = 4
/** A call; the addend is the immediate, in slots less one. */
export const R_BPF_64_32 = 10

export interface ElfSection {
  readonly index: number
  readonly name: string
  readonly type: number
  readonly flags: number
  readonly addr: number
  /** In the file. */
  readonly offset: number
  /** Bytes; those of a NOBITS section are not in the file. */
  readonly size: number
  readonly link: number
  readonly info: number
  readonly align: number
  readonly entsize: number
  /** The content, sharing memory with the file; empty for NOBITS. */
  readonly data: Uint8Array
}

export interface ElfSymbol {
  readonly index: number
  /** Empty for section symbols. */
  readonly name: string
  readonly value: number
  readonly size: number
  readonly bind: number
  readonly type: number
  readonly visibility: number
  /** Section index, or one of SHN_*. */
  readonly section: number
}

export interface ElfReloc {
  /** Byte offset in the section that is patched. */
  readonly offset: number
  /** Index into `ElfFile.symbols`. */
  readonly symbol: number
  /** One of R_BPF_*. */
  readonly type: number
}

/** A relocation section, taken apart. */
export interface ElfRelocs {
  /** Index of the relocation section. */
  readonly section: number
  /** Index of the section that is patched. */
  readonly target: number
  readonly relocs: readonly ElfReloc[]
}

export interface ElfFile {
  readonly little: boolean
  readonly type: number
  readonly machine: number
  /** `e_flags`. */
  readonly flags: number
  /** By index; the first is the null section. */
  readonly sections: readonly ElfSection[]
  /** By index; the first is the null symbol. Empty without a symbol table. */
  readonly symbols: readonly ElfSymbol[]
  /** Index of the symbol table's section; 0 where there is none. */
  readonly symtab: number
  readonly relocations: readonly ElfRelocs[]
}

/** What `writeElf` lays out. Indices are those of the lists here, counting from 0; the writer turns them into ELF's. */
export interface ElfImage {
  readonly little: boolean
  /** `e_flags`; 0 if left out. */
  readonly flags?: number
  readonly sections: readonly ElfImageSection[]
  /** In any order: local ones are moved to the front, the order among the others is kept. */
  readonly symbols: readonly ElfImageSymbol[]
}

export interface ElfImageSection {
  readonly name: string
  readonly type: number
  readonly flags: number
  readonly align: number
  readonly entsize?: number
  /** Content, or for NOBITS only a size in bytes. */
  readonly data: Uint8Array | number
  /** Patches of this section; they become the section `.rel` + name. */
  readonly relocs?: readonly ElfReloc[]
}

export interface ElfImageSymbol {
  readonly name: string
  /** Index into `ElfImage.sections`, or where the symbol is if in none. */
  readonly section: number | 'undefined' | 'absolute'
  readonly value: number
  readonly size: number
  readonly bind: number
  readonly type: number
  readonly visibility?: number
}
