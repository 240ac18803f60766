/** Codes D0001 and up: the command line. */
import type { CatalogueTable } from '../catalogue.js'

export const driverCodes: CatalogueTable = {
  D0001: 'an input file is missing or cannot be read',
  D0002: 'an input file is too large',
  D0003: 'valid input asks for something bpfc does not have yet',
  D0004: 'an input is neither C source nor a BPF object',
  D0005: 'an output cannot be written',
  D0006: 'no program of that name',
  D0007: 'no verifier log of a rejected program in a file',
  D0008: 'a log is not of the object that was named',
  D0009: 'a program takes more to verify than is allowed',
}
