/**
 * Drops functions and objects that nothing can reach: starts from what is externally visible or marked `used`, follows calls, addresses and
 * initialisers. Declarations stay only where something refers to them.
 */
import { Func, type Global, successors, terminatorOperands, type Value } from '../ir/ir.js'
import type { ModulePass } from './pass.js'

export const deadGlobals: ModulePass = {
  kind: 'module',
  name: 'dead-globals',
  run(module) {
    const live = new Set<Func | Global>()
    const work: (Func | Global)[] = []
    const mark = (target: Func | Global | undefined): void => {
      if (!target || live.has(target)) return
      live.add(target)
      work.push(target)
    }
    for (const func of module.funcs) if (!func.isDeclaration && (func.binding !== 'local' || func.used)) mark(func)
    for (const global of module.globals) if (!global.isExtern && (global.binding !== 'local' || global.used)) mark(global)
    const use = (value: Value): void => {
      if (value.op === 'global') mark(value.global)
      else if (value.op === 'func' || value.op === 'call') mark(value.func)
    }
    while (work.length) {
      const target = work.pop()!
      if (!(target instanceof Func)) {
        for (const reloc of target.relocs) mark(reloc.target)
        continue
      }
      for (const block of target.blocks) {
        for (const inst of block.insts) {
          use(inst)
          inst.args.forEach(use)
        }
        terminatorOperands(block.terminator).forEach(use)
        for (const edge of successors(block)) edge.args.forEach(use)
      }
    }
    const before = module.funcs.length + module.globals.length
    keep(module.funcs, live)
    keep(module.globals, live)
    return module.funcs.length + module.globals.length !== before
  },
}

function keep<T extends Func | Global>(list: T[], live: ReadonlySet<Func | Global>): void {
  let to = 0
  for (const each of list) if (live.has(each)) list[to++] = each
  list.length = to
}
