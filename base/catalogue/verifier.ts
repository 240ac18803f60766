/** Codes V0001 and up: the classes of rejection the verifier explains. */
import type { CatalogueTable } from '../catalogue.js'

export const verifierCodes: CatalogueTable = {}
