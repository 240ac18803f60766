/**
 * Finds the static objects whose address goes nowhere: it is only loaded from, stored to and counted from. A pointer that came from elsewhere
 * never leads into one. Passes after this one do not hand addresses out, so what is found here stays true.
 */
import { Global, type Module } from '../ir/ir.js'
import { escapedObjects } from './memory.js'
import type { ModulePass } from './pass.js'

export const confinedGlobals: ModulePass = {
  kind: 'module',
  name: 'confined-globals',
  run(module) {
    const taken = takenAddresses(module)
    for (const global of module.globals)
      global.confined = global.binding === 'local' && !global.used && !global.isExtern && !taken.has(global)
    // No code changed.
    return false
  },
}

/** Objects whose address is in another object, in a register that anybody sees, or in text that the assembler reads. */
function takenAddresses(module: Module): Set<Global> {
  const taken = new Set<Global>()
  const templates = [...module.fileAsm]
  for (const { relocs } of module.globals) for (const { target } of relocs) if (target instanceof Global) taken.add(target)
  for (const func of module.funcs) {
    for (const object of escapedObjects(func)) if (object instanceof Global) taken.add(object)
    for (const block of func.blocks) {
      for (const inst of block.insts) if (inst.asm) templates.push(inst.asm.template)
      if (block.terminator.kind === 'asmgoto') templates.push(block.terminator.asm.template)
    }
  }
  const words = new Set(templates.flatMap(text => text.match(/[\w.$]+/g) ?? []))
  for (const global of module.globals) if (words.has(global.name)) taken.add(global)
  return taken
}
