/**
 * Parameters of functions that stay calls: what every call gives the same number or address for is known inside, and what the function does
 * not read need not be given; where there are more than registers for them, it is not a parameter any more. For static functions all of whose
 * calls are seen; the declaration, and with it the BTF, stays as written.
 */
import { type Func, MAX_ARGS, type Module, type Value } from '../ir/ir.js'
import { countUses, eachUse } from '../ir/uses.js'
import type { ModulePass } from './pass.js'
import { Replacements } from './rewrite.js'

export const constantArguments: ModulePass = {
  kind: 'module',
  name: 'constant-arguments',
  run(module) {
    let changed = false
    for (const [func, calls] of closedFunctions(module)) {
      const replacements = new Replacements()
      func.params.forEach((param, i) => {
        const first = calls[0]!.args[i]!
        if (!isLeaf(first) || first.type !== param.type || !calls.every(call => sameLeaf(call.args[i]!, first))) return
        replacements.set(param, leafOf(func, first))
      })
      if (!replacements.empty) {
        replacements.apply(func)
        changed = true
      }
      changed = dropUnread(func, calls) || changed
    }
    return changed
  },
}

interface Call {
  readonly from: Func
  readonly args: Value[]
}

/** Static functions that are only called, never passed on or named from elsewhere, with their calls. */
function closedFunctions(module: Module): Map<Func, Call[]> {
  const open = new Set<Func>()
  const found = new Map<Func, Call[]>()
  for (const global of module.globals) for (const { target } of global.relocs) if ('blocks' in target) open.add(target)
  for (const from of module.funcs) {
    eachUse(from, value => {
      if (value.op === 'func') open.add(value.func!)
    })
    for (const block of from.blocks) {
      for (const inst of block.insts) {
        if (inst.op !== 'call') continue
        const calls = found.get(inst.func!)
        const call = { from, args: inst.args }
        if (calls) calls.push(call)
        else found.set(inst.func!, [call])
      }
    }
  }
  for (const [func, calls] of found) {
    const closed = func.binding === 'local' && !func.isDeclaration && !func.naked && !func.used && func.section === undefined
    if (!closed || open.has(func) || calls.some(({ args }) => args.length !== func.params.length)) found.delete(func)
  }
  return found
}

function dropUnread(func: Func, calls: readonly Call[]): boolean {
  const uses = countUses(func)
  if (func.params.length > MAX_ARGS) {
    const read = func.params.map(param => uses[param.id]! > 0)
    func.params = func.params.filter((_, i) => read[i])
    func.params.forEach((param, i) => {
      param.offset = i
    })
    for (const { args } of calls) args.splice(0, args.length, ...args.filter((_, i) => read[i]))
    return read.includes(false)
  }
  let changed = false
  func.params.forEach((param, i) => {
    if (uses[param.id]! > 0) return
    for (const { from, args } of calls) {
      const arg = args[i]!
      if (arg.op === 'undef') continue
      args[i] = from.value('undef', arg.type, [], arg.loc)
      changed = true
    }
  })
  return changed
}

function isLeaf(value: Value): boolean {
  return value.op === 'const' || value.op === 'global'
}

function sameLeaf(a: Value, b: Value): boolean {
  return a.op === b.op && a.type === b.type && a.value === b.value && a.global === b.global && a.offset === b.offset
}

/** Values belong to a function: the leaf for that one. */
function leafOf(func: Func, of: Value): Value {
  const leaf = func.value(of.op, of.type, [], of.loc)
  leaf.value = of.value
  leaf.global = of.global
  leaf.offset = of.offset
  return leaf
}
