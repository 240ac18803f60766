/** Codes B0001 and up: what eBPF cannot express. */
import type { CatalogueTable } from '../catalogue.js'

export const restrictionsCodes: CatalogueTable = {
  B0401: 'a copy, fill or comparison of memory too long to be written out',
}
