/**
 * The numbered catalogue of everything bpfc can complain about: a code, and in one line what it stands for. The letter names the
 * stage (one file each in `catalogue/`), so a code never changes its meaning and two stages never collide. A test holds the
 * codes used in the sources against this table.
 */
import { codegenCodes } from './catalogue/codegen.js'
import { driverCodes } from './catalogue/driver.js'
import { formatsCodes } from './catalogue/formats.js'
import { linkerCodes } from './catalogue/linker.js'
import { parserCodes } from './catalogue/parser.js'
import { preprocessorCodes } from './catalogue/preprocessor.js'
import { restrictionsCodes } from './catalogue/restrictions.js'
import { typecheckCodes } from './catalogue/typecheck.js'
import { verifierCodes } from './catalogue/verifier.js'
import { vmCodes } from './catalogue/vm.js'

/** Code to the class of fault it stands for, in a few words; the message of an occurrence carries the particulars. */
export type CatalogueTable = Readonly<Record<string, string>>

export const catalogue: CatalogueTable = {
  ...preprocessorCodes,
  ...parserCodes,
  ...typecheckCodes,
  ...restrictionsCodes,
  ...codegenCodes,
  ...formatsCodes,
  ...linkerCodes,
  ...verifierCodes,
  ...vmCodes,
  ...driverCodes,
}
