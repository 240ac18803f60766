/** What inlining has not made a constant by now is none: the last `__builtin_constant_p` questions are answered with no. */
import type { FunctionPass } from './pass.js'
import { Replacements } from './rewrite.js'

export const settleConstants: FunctionPass = {
  kind: 'function',
  name: 'settle-constants',
  run(func) {
    const replacements = new Replacements()
    for (const block of func.blocks)
      for (const inst of block.insts)
        if (inst.op === 'isconst') replacements.set(inst, func.const('i1', inst.args[0]!.op === 'const' ? 1 : 0))
    if (replacements.empty) return false
    replacements.apply(func, true)
    return true
  },
}
