/** Codes R0001 and up: running programs. */
import type { CatalogueTable } from '../catalogue.js'

export const vmCodes: CatalogueTable = {}
