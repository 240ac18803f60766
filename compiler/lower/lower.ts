/**
 * Typed tree to IR: one `Func` for each function with a use or a body, one `Global` for each object with static storage. Places of the
 * source go along on every value. What C allows and eBPF cannot do is reported to the sink; the module is then not to be used.
 */
import { NotImplemented } from '../../base/outcome.js'
import type { Module } from '../ir/ir.js'
import type { TypedUnit } from '../typecheck/typed-ast.js'
import { lowerBody } from './functions.js'
import { initialiseVariable } from './globals.js'
import { type LowerContext, ModuleContext } from './module-context.js'

export type { LowerContext } from './module-context.js'

export function lower(unit: TypedUnit, context: LowerContext): Module {
  const module = new ModuleContext(unit, context)
  module.module.fileAsm.push(...unit.fileAsm)
  for (const decl of unit.variables) initialiseVariable(module, decl, module.global(decl))
  for (const decl of unit.functions) {
    if (!decl.body) continue
    const func = module.func(decl)
    try {
      lowerBody(module, decl, func)
    } catch (error) {
      if (error instanceof NotImplemented && !error.where) throw new NotImplemented(error.feature, `in function ${decl.name}`)
      throw error
    }
  }
  return module.module
}
