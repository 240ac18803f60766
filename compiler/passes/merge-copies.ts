/**
 * A local object that is copied whole into another, and not used after that, becomes the other where this was not in use before: records
 * that are returned, assigned from a call or from a compound literal are neither copied nor on the frame twice.
 */
import { reversePostorder } from '../ir/cfg.js'
import type { Block, Func, Value } from '../ir/ir.js'
import { blockStarts, objectLives } from '../ir/object-lives.js'
import { escapedObjects } from './memory.js'
import type { FunctionPass } from './pass.js'
import { Replacements } from './rewrite.js'

/** Smaller objects that nothing but the function itself looks into are left to `sroa`, which keeps their members in registers. */
const MIN_SIZE = 64

/** A merge can make room for the next, as where a result is handed up through several functions. */
const MAX_ROUNDS = 8

/** More objects times blocks than this are not looked into. */
const MAX_WORK = 1 << 22

export const mergeCopies: FunctionPass = {
  kind: 'function',
  name: 'merge-copies',
  run(func) {
    let changed = false
    for (let round = 0; round < MAX_ROUNDS && mergeRound(func); round++) changed = true
    return changed
  },
}

interface Copy {
  readonly inst: Value
  readonly block: Block
  readonly at: number
  readonly to: Value
  readonly from: Value
}

function mergeRound(func: Func): boolean {
  if (!func.blocks.some(block => block.insts.some(isWholeCopy))) return false
  const order = reversePostorder(func)
  let copies: Copy[] = []
  for (const block of order)
    block.insts.forEach((inst, at) => {
      if (isWholeCopy(inst)) copies.push({ inst, block, at, to: inst.args[0]!, from: inst.args[1]! })
    })
  const passed = escapedObjects(func)
  copies = copies.filter(({ from }) => from.size >= MIN_SIZE || passed.has(from))
  const objects = [...new Set(copies.flatMap(copy => [copy.to, copy.from]))]
  if (objects.length === 0 || objects.length * order.length > MAX_WORK) return false
  const lives = objectLives(func, order, objects)
  const starts = blockStarts(order)
  const startOf = new Map(order.map((block, i) => [block, starts[i]!]))
  /** Lives are those before the round: an object takes part in one merge of it. */
  const taken = new Set<Value>()
  const replacements = new Replacements()
  const gone = new Set<Value>()
  for (const { inst, block, at, to, from } of copies) {
    const [lifeOfTo, lifeOfFrom] = [lives.get(to), lives.get(from)]
    if (taken.has(to) || taken.has(from) || !lifeOfTo || !lifeOfFrom) continue
    if (!meetOnlyAt(lifeOfTo.spans, lifeOfFrom.spans, startOf.get(block)! + at)) continue
    taken.add(to).add(from)
    to.align = Math.max(to.align, from.align)
    to.name ??= from.name
    replacements.set(from, to)
    gone.add(inst).add(from)
    // A life of the one begins where the other may hold what is wanted.
    for (const each of order)
      each.insts.forEach((begin, index) => {
        if (begin.op !== 'begin') return
        const other = begin.args[0] === to ? lifeOfFrom : begin.args[0] === from ? lifeOfTo : undefined
        if (other && isIn(other.spans, startOf.get(each)! + index)) gone.add(begin)
      })
  }
  if (gone.size === 0) return false
  for (const block of func.blocks)
    if (block.insts.some(inst => gone.has(inst))) block.insts = block.insts.filter(inst => !gone.has(inst))
  replacements.apply(func)
  return true
}

function isWholeCopy(inst: Value): boolean {
  if ((inst.op !== 'memcpy' && inst.op !== 'memmove') || inst.args.length !== 2 || inst.volatile) return false
  const [to, from] = inst.args as [Value, Value]
  return to.op === 'alloca' && from.op === 'alloca' && to !== from && to.size === inst.size && from.size === inst.size
}

/** Whether both are in use at one time only, that of the copy. */
function meetOnlyAt(a: readonly number[], b: readonly number[], copy: number): boolean {
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const from = Math.max(a[i]!, b[j]!)
    const to = Math.min(a[i + 1]!, b[j + 1]!)
    if (from < to && (from !== copy || to !== copy + 1)) return false
    if (a[i + 1]! <= b[j + 1]!) i += 2
    else j += 2
  }
  return true
}

function isIn(spans: readonly number[], position: number): boolean {
  for (let i = 0; i < spans.length; i += 2) if (spans[i]! <= position && position < spans[i + 1]!) return true
  return false
}
