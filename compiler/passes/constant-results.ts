/**
 * What a function returns on every path is known where it is called: a verifier that checks a global function alone takes any number for its
 * result, also where C says that it is 0. Only of functions whose body is the one that runs, so not of weak ones.
 */
import type { Func, Value } from '../ir/ir.js'
import type { ModulePass } from './pass.js'
import { Replacements } from './rewrite.js'

export const constantResults: ModulePass = {
  kind: 'module',
  name: 'constant-results',
  run(module) {
    const results = new Map<Func, Value>()
    for (const func of module.funcs) {
      const result = isOpaque(func) ? undefined : onlyResult(func)
      if (result) results.set(func, result)
    }
    if (results.size === 0) return false
    let changed = false
    for (const func of module.funcs) {
      const replacements = new Replacements()
      for (const block of func.blocks)
        for (const inst of block.insts) {
          const result = inst.op === 'call' ? results.get(inst.func!) : undefined
          if (result && result.type === inst.type) replacements.set(inst, func.const(result.type, result.value))
        }
      if (replacements.empty) continue
      replacements.apply(func)
      changed = true
    }
    return changed
  },
}

/** Replaced by another, told not to be looked at, or with assembly that may leave by itself. */
const isOpaque = (func: Func): boolean =>
  func.isDeclaration ||
  func.binding === 'weak' ||
  func.naked ||
  func.optnone ||
  func.blocks.some(block => block.terminator.kind === 'asmgoto' || block.insts.some(inst => inst.op === 'asm'))

/** The constant that all returns give; undefined where they differ or there is none. */
function onlyResult(func: Func): Value | undefined {
  let result: Value | undefined
  for (const { terminator } of func.blocks) {
    if (terminator.kind !== 'ret') continue
    const { value } = terminator
    if (value?.op !== 'const' || (result && result.value !== value.value)) return undefined
    result = value
  }
  return result
}
