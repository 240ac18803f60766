/** Codes T0001 and up: types, names and constants. */
import type { CatalogueTable } from '../catalogue.js'

export const typecheckCodes: CatalogueTable = {}
