/** Codes B0001 and up: what eBPF cannot express. */
import type { CatalogueTable } from '../catalogue.js'

export const restrictionsCodes: CatalogueTable = {}
