/** Codes P0001 and up: the preprocessor and the scanner. */
import type { CatalogueTable } from '../catalogue.js'

export const preprocessorCodes: CatalogueTable = {}
