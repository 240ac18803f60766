/** Codes L0001 and up: linking, CO-RE and preparing objects. */
import type { CatalogueTable } from '../catalogue.js'

export const linkerCodes: CatalogueTable = {
  L0001: 'objects of different byte order',
  L0002: 'sections of one name that differ in type or flags',
  L0003: 'objects with different licences or kernel versions',
  L0004: 'a symbol that two objects declare with different types',
  L0005: 'a symbol that two objects define',
  L0006: 'a relocation that cannot be carried over',
}
