/** Codes F0001 and up: binary and text formats (ELF, BTF, assembler, pcap, pipeline input). */
import type { CatalogueTable } from '../catalogue.js'

export const formatsCodes: CatalogueTable = {
  F0001: 'the input ends before a field that it promises',
  F0002: 'a size or offset is beyond what a file can hold',
  F0003: 'a string without a terminating zero',
  F0300: 'assembly text that is no statement',
}
