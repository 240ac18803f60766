/** Codes D0001 and up: the command line. */
import type { CatalogueTable } from '../catalogue.js'

export const driverCodes: CatalogueTable = {}
