/** Codes L0001 and up: linking, CO-RE and preparing objects. */
import type { CatalogueTable } from '../catalogue.js'

export const linkerCodes: CatalogueTable = {}
