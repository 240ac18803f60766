/** Codes S0001 and up: the grammar (syntax). */
import type { CatalogueTable } from '../catalogue.js'

export const parserCodes: CatalogueTable = {}
