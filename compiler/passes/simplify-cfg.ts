/**
 * Tidies the control-flow graph: constant branches, straight-line merging, empty blocks, and jumps whose outcome an incoming constant
 * decides (the 0 and 1 of `&&`, flags). Never makes a `select`: it would become a branch again, and of pointers it would mix provenance.
 */
import { foldBinary, foldCast, foldCompare } from '../ir/fold.js'
import { type BinaryOp, type Block, type CastOp, type Edge, type Func, jump, successorAt, type Value } from '../ir/ir.js'
import { usedElsewhere } from '../ir/uses.js'
import { removeUnreachable } from './cfg.js'
import type { FunctionPass } from './pass.js'
import { Replacements, removeRedundantParams } from './rewrite.js'

export const simplifyCfg: FunctionPass = {
  kind: 'function',
  name: 'simplify-cfg',
  run(func) {
    let changed = false
    let uses: Uses = {}
    // Each step is linear; a round makes work for the next only along chains, which merging has made short. Done when every step in turn has
    // found nothing.
    for (let step = 0, idle = 0; step < MAX_ROUNDS * steps.length && idle < steps.length; step++) {
      const run = steps[step % steps.length]!
      if (run(func, uses)) {
        changed = true
        idle = thorough.has(run) ? 1 : 0
        uses = {}
      } else idle++
    }
    return changed
  },
}

const MAX_ROUNDS = 12

/** What steps work out about uses and the next may go by, as long as nothing changes. */
interface Uses {
  /** By value id: whether it is used outside the block it belongs to. */
  elsewhere?: Uint8Array
}

const steps: readonly ((func: Func, uses: Uses) => boolean)[] = [
  foldBranches,
  removeUnreachable,
  removeRedundantParams,
  forwardEmpty,
  threadConstants,
  mergeChains,
]

/** Those that leave nothing to find for themselves. */
const thorough: ReadonlySet<(func: Func, uses: Uses) => boolean> = new Set([
  removeUnreachable,
  removeRedundantParams,
  mergeChains,
])

function sameEdge(a: Edge, b: Edge): boolean {
  return a.block === b.block && a.args.every((arg, i) => sameValue(arg, b.args[i]!))
}

function sameValue(a: Value, b: Value): boolean {
  return a === b || (a.op === 'const' && b.op === 'const' && a.value === b.value && a.type === b.type)
}

/** Branches on constants, and those that go to the same place either way. */
function foldBranches(func: Func): boolean {
  let changed = false
  for (const block of func.blocks) {
    const terminator = block.terminator
    if (terminator.kind === 'condbr') {
      let to: Edge | undefined
      if (terminator.condition.op === 'const') to = terminator.condition.value ? terminator.then : terminator.otherwise
      else if (sameEdge(terminator.then, terminator.otherwise)) to = terminator.then
      else if (terminator.condition.op === 'undef') to = terminator.otherwise
      if (to) {
        block.terminator = jump(to, terminator.loc)
        changed = true
      } else if (terminator.condition.op === 'xor' && isOne(terminator.condition.args[1]!)) {
        const { then, otherwise } = terminator
        terminator.condition = terminator.condition.args[0]!
        terminator.then = otherwise
        terminator.otherwise = then
        if (terminator.likely !== undefined) terminator.likely = !terminator.likely
        changed = true
      }
    } else if (terminator.kind === 'switch') {
      const value = terminator.value
      if (value.op === 'const') {
        const hit = terminator.cases.find(entry => value.value >= entry.low && value.value <= entry.high)
        block.terminator = jump(hit ? hit.to : terminator.otherwise, terminator.loc)
        changed = true
        continue
      }
      const kept = terminator.cases.filter(entry => !sameEdge(entry.to, terminator.otherwise))
      if (kept.length !== terminator.cases.length) {
        terminator.cases = kept
        changed = true
      }
      if (kept.length === 0) {
        block.terminator = jump(terminator.otherwise, terminator.loc)
        changed = true
      }
    }
  }
  return changed
}

function isOne(value: Value): boolean {
  return value.op === 'const' && value.value === 1n
}

/** A block that is the only successor of its only predecessor becomes part of it. */
function mergeChains(func: Func): boolean {
  const incoming = new Int32Array(func.blockCount)
  for (const block of func.blocks)
    for (let k = 0, edge = successorAt(block, 0); edge; edge = successorAt(block, ++k)) incoming[edge.block.id]!++
  const gone = new Set<Block>()
  const replacements = new Replacements()
  for (const block of func.blocks) {
    if (gone.has(block)) continue
    for (;;) {
      const terminator = block.terminator
      if (terminator.kind !== 'br' || terminator.unroll !== undefined) break
      const next = terminator.to.block
      if (next === block || next === func.entry || incoming[next.id] !== 1) break
      next.params.forEach((param, i) => {
        replacements.set(param, terminator.to.args[i]!)
      })
      for (let i = 0; i < next.insts.length; i++) block.insts.push(next.insts[i]!)
      block.terminator = next.terminator
      gone.add(next)
    }
  }
  if (gone.size === 0) return false
  func.blocks = func.blocks.filter(block => !gone.has(block))
  replacements.apply(func)
  return true
}

/** Edges into blocks that only jump on go where those jump. */
function forwardEmpty(func: Func, uses: Uses): boolean {
  let changed = false
  for (const block of func.blocks) {
    // Edges of an asm goto carry no arguments, so their targets stay blocks that only they lead to.
    if (block.terminator.kind === 'asmgoto') continue
    for (let k = 0, edge = successorAt(block, 0); edge; edge = successorAt(block, ++k)) {
      for (let steps = 0; steps < 64; steps++) {
        const empty = edge.block
        const terminator = empty.terminator
        if (
          empty.insts.length > 0 ||
          terminator.kind !== 'br' ||
          terminator.unroll !== undefined ||
          terminator.to.block === empty
        )
          break
        if (empty.params.length > 0) {
          const elsewhere = (uses.elsewhere ??= usedElsewhere(func))
          if (empty.params.some(param => elsewhere[param.id])) break
        }
        edge.args = substitute(terminator.to.args, empty, edge)
        edge.block = terminator.to.block
        changed = true
      }
    }
  }
  return changed
}

function substitute(args: readonly Value[], block: Block, edge: Edge): Value[] {
  return args.map(arg => {
    const index = arg.op === 'blockparam' ? block.params.indexOf(arg) : -1
    return index < 0 ? arg : edge.args[index]!
  })
}

/**
 * An edge that brings constants into a block which does nothing but decide on them goes straight to the outcome. Only where nothing of the
 * block is used elsewhere: no values have to be merged anew.
 */
function threadConstants(func: Func, uses: Uses): boolean {
  let changed = false
  const decides = new Map<Block, boolean>()
  for (const block of func.blocks) {
    if (block.terminator.kind === 'asmgoto') continue
    for (let k = 0, edge = successorAt(block, 0); edge; edge = successorAt(block, ++k)) {
      const target = edge.block
      if (target === block || target.params.length === 0 || !edge.args.some(isConst)) continue
      let candidate = decides.get(target)
      if (candidate === undefined) {
        candidate =
          (target.terminator.kind === 'condbr' || target.terminator.kind === 'switch') &&
          target.insts.length <= 6 &&
          target.insts.every(foldable)
        decides.set(target, candidate)
      }
      if (!candidate) continue
      const known = new Map<Value, Value>()
      for (let i = 0; i < target.params.length; i++) known.set(target.params[i]!, edge.args[i]!)
      for (const inst of target.insts) {
        const folded = evaluate(func, inst, known)
        if (folded) known.set(inst, folded)
      }
      const outcome = decide(target, known)
      if (!outcome || outcome.block === target) continue
      // Asked last: most edges decide nothing, and this takes a walk over the function.
      const elsewhere = (uses.elsewhere ??= usedElsewhere(func))
      if (target.params.some(param => elsewhere[param.id]) || target.insts.some(inst => elsewhere[inst.id])) {
        decides.set(target, false)
        continue
      }
      // Instructions of the block that did not fold must not be needed.
      const args = outcome.args.map(arg => known.get(arg) ?? arg)
      if (args.some(arg => target.insts.includes(arg))) continue
      edge.block = outcome.block
      edge.args = args
      changed = true
    }
  }
  return changed
}

const isConst = (value: Value): boolean => value.op === 'const'

function foldable(inst: Value): boolean {
  return (
    inst.op === 'icmp' ||
    inst.op === 'zext' ||
    inst.op === 'sext' ||
    inst.op === 'trunc' ||
    inst.op === 'xor' ||
    inst.op === 'and' ||
    inst.op === 'or'
  )
}

function evaluate(func: Func, inst: Value, known: ReadonlyMap<Value, Value>): Value | undefined {
  const args = inst.args.map(arg => known.get(arg) ?? arg)
  if (!args.every(isConst)) return undefined
  const type = args[0]!.type
  if (inst.op === 'icmp') return func.const('i1', foldCompare(inst.predicate, type, args[0]!.value, args[1]!.value) ? 1 : 0)
  if (args.length === 1) return func.const(inst.type, foldCast(inst.op as CastOp, type, inst.type, args[0]!.value))
  return func.const(inst.type, foldBinary(inst.op as BinaryOp, type, args[0]!.value, args[1]!.value))
}

function decide(block: Block, known: ReadonlyMap<Value, Value>): Edge | undefined {
  const terminator = block.terminator
  if (terminator.kind === 'condbr') {
    const condition = known.get(terminator.condition)
    if (condition?.op === 'const') return condition.value ? terminator.then : terminator.otherwise
  } else if (terminator.kind === 'switch') {
    const value = known.get(terminator.value)
    if (value?.op !== 'const') return undefined
    return (terminator.cases.find(entry => value.value >= entry.low && value.value <= entry.high) ?? { to: terminator.otherwise })
      .to
  }
  return undefined
}
