/** Codes B0001 and up: what eBPF cannot express. */
import type { CatalogueTable } from '../catalogue.js'

export const restrictionsCodes: CatalogueTable = {
  B0401: 'a copy, fill or comparison of memory too long to be written out',
  B0402: 'a copy, fill or comparison of memory of a size not known at compile time',
  B0403: 'a builtin function that would need a library function',
  B0405: 'an atomic operation that eBPF does not have',
  B0406: 'CO-RE information asked about what is no member access',
  B0407: 'a constraint of inline assembly that has no meaning here',
  B0408: 'an initialiser of a static object that is no constant',
  B0001: 'floating point or complex values',
  B0002: 'an array whose length is only known at run time',
  B0003: 'a jump to a computed place',
  B0004: 'recursion',
  B0005: 'a loop that never ends',
  B0006: 'a call of a function that nothing declares',
  B0007: 'a function with variable arguments',
  B0008: 'return addresses, which programs have not',
  B0009: 'thread-local storage',
  B0010: 'stack allocation at run time, or jumps between functions',
}
