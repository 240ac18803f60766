/** Codes G0001 and up: code generation. */
import type { CatalogueTable } from '../catalogue.js'

export const codegenCodes: CatalogueTable = {
  G0001: 'an operation for which there is no instruction',
  G0002: 'signed division at an -mcpu that has none',
  G0003: 'an atomic operation that the width or -mcpu does not have',
  G0004: 'a call with more arguments than registers carry',
  G0005: 'a block operation that is too large to be done in line',
  G0006: 'an operand of inline assembly that must be a constant and is not',
  G0007: 'a stack frame that is larger than a program may have',
  G0008: 'a branch that is farther than its offset can say',
  G0009: 'inline assembly that names an operand it does not have',
  G0010: 'inline assembly that does not assemble',
  G0011: 'an access at an offset that does not fit',
  G0012: 'a branch to a label that is not there',
  G0013: 'inline assembly that wants more registers than there are',
  G0014: 'a chain of calls that takes more stack than a program may have',
  G0015: 'a __builtin_trap() that can be reached',
}
