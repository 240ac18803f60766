/** Codes S0001 and up: the grammar (syntax). */
import type { CatalogueTable } from '../catalogue.js'

export const parserCodes: CatalogueTable = {
  S0001: "a ';' is missing",
  S0002: 'something else was expected here',
  S0003: 'the file ends inside a construct',
  S0004: 'a character that no C token begins with',
  S0005: 'brackets, blocks or declarators nest too deeply',
  S0006: "a '}' that closes nothing",
  S0010: 'specifiers that cannot stand together in one declaration',
  S0011: 'a specifier written twice',
  S0012: 'a word that cannot stand in the brackets of an array declarator',
  S0013: 'an old-style (K&R) function definition',
  S0014: "a designator in GNU's old style",
  S0015: 'a function defined inside a function',
  S0020: 'a declaration where only a statement can stand',
  S0021: 'a label without a statement',
  S0022: 'a loop pragma before something that is no loop',
  S0040: 'a malformed #pragma pack',
  S0041: 'an attribute that cannot be pushed by a pragma',
  S0042: '#pragma clang attribute that does not pair, or does not apply to records',
  S0043: 'a malformed loop pragma',
  S0048: 'a #pragma weak that names no symbol, or makes an alias',
  S0049: 'a #pragma clang section that is malformed or not obeyed',
}
