/** All classes of rejection, in the order in which they are tried: the more particular ones first. */
import { arithmetic } from './classes/arithmetic.js'
import { complexity } from './classes/complexity.js'
import { contextRules } from './classes/context.js'
import { helperCalls } from './classes/helper-calls.js'
import { globalCalls, kfuncRules } from './classes/kfuncs.js'
import { memoryBounds } from './classes/memory-bounds.js'
import { nullChecks } from './classes/null-check.js'
import { references } from './classes/references.js'
import { returnRules } from './classes/returns.js'
import { sections } from './classes/sections.js'
import { stackRules } from './classes/stack.js'
import { structure } from './classes/structure.js'
import { tooOld } from './classes/too-old.js'
import type { RejectionClass } from './rejection-class.js'

export const rejectionClasses: readonly RejectionClass[] = [
  ...globalCalls,
  ...nullChecks,
  ...references,
  ...memoryBounds,
  ...stackRules,
  ...helperCalls,
  ...contextRules,
  ...complexity,
  ...arithmetic,
  ...returnRules,
  ...sections,
  ...structure,
  ...tooOld,
  ...kfuncRules,
]
