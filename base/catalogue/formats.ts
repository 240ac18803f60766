/** Codes F0001 and up: binary and text formats (ELF, BTF, assembler, pcap, pipeline input). */
import type { CatalogueTable } from '../catalogue.js'

export const formatsCodes: CatalogueTable = {
  F0001: 'the input ends before a field that it promises',
  F0002: 'a size or offset is beyond what a file can hold',
  F0003: 'a string without a terminating zero',
  F0101: 'not an ELF file',
  F0102: 'an ELF file of a class or byte order that BPF objects do not have',
  F0103: 'an ELF file for another machine',
  F0104: 'an inconsistent ELF file: a header, table or index contradicts another',
  F0105: 'an ELF file whose names, sections, symbols or relocations would take unreasonable memory',
  F0106: 'a kind of relocation section that BPF objects do not have',
  F0201: 'not BTF: wrong magic, version or header',
  F0202: 'a BTF type that its section cannot hold, or of an unknown kind',
  F0203: 'a BTF reference to a type or string that is not there',
  F0204: 'BTF whose types contradict each other (loops, sizes, offsets)',
  F0211: 'not .BTF.ext: wrong magic, version or header',
  F0212: 'a .BTF.ext record that its section cannot hold, that is malformed, or one too many',
  F0401: 'a BPF object that breaks a convention of libbpf',
  F0402: 'a map definition that libbpf would refuse',
  F0403: 'a relocation that makes no sense for BPF',
  F0404: 'an extern that cannot be used as declared',
  F0501: 'assembly text that is no statement',
  F0502: 'text that is not in the syntax of the conformance suite',
  F0601: 'not a capture file: neither pcap nor pcapng',
  F0450: 'IR text that does not follow its grammar',
}
