/**
 * Static objects that nothing ever writes and whose address goes nowhere keep their initial value: they are marked read-only, and their
 * loads fold. Old programs declare helpers as `static int (*f)(…) = (void *)1` without `const`.
 */
import { Global, successors, terminatorOperands, type Value } from '../ir/ir.js'
import type { ModulePass } from './pass.js'

export const constantGlobals: ModulePass = {
  kind: 'module',
  name: 'constant-globals',
  run(module) {
    const candidates = new Set<Global>()
    for (const global of module.globals) {
      const plain = global.section === '.bss' || global.section === '.data'
      if (plain && global.binding === 'local' && !global.used && !global.readonly && !global.isExtern) candidates.add(global)
    }
    if (candidates.size === 0) return false
    const spoil = (value: Value): void => {
      if (value.op === 'global') candidates.delete(value.global!)
    }
    for (const global of module.globals)
      for (const reloc of global.relocs) if (reloc.target instanceof Global) candidates.delete(reloc.target)
    for (const func of module.funcs) {
      for (const block of func.blocks) {
        for (const inst of block.insts) if (inst.op !== 'load' || inst.volatile) inst.args.forEach(spoil)
        terminatorOperands(block.terminator).forEach(spoil)
        for (const edge of successors(block)) edge.args.forEach(spoil)
      }
    }
    // File-scope assembly and naked functions may name anything.
    if (module.fileAsm.length > 0) return false
    for (const global of candidates) global.readonly = true
    return candidates.size > 0
  },
}
