/** Codes S0001 and up: the grammar (syntax). */
import type { CatalogueTable } from '../catalogue.js'

export const parserCodes: CatalogueTable = {
  S0001: 'something else was expected here',
  S0002: 'brackets, blocks or declarators nest too deeply',
  S0003: 'two storage classes in one declaration',
}
