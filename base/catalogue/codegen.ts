/** Codes G0001 and up: code generation. */
import type { CatalogueTable } from '../catalogue.js'

export const codegenCodes: CatalogueTable = {}
