/**
 * Dominators by the iterative algorithm of Cooper, Harvey and Kennedy ("A Simple, Fast Dominance Algorithm"): over blocks in
 * reverse postorder, two rounds on nearly all real graphs. Tables are by block id; unreachable blocks have no place in them.
 */
import { predecessors, reversePostorder } from './cfg.js'
import type { Block, Func } from './ir.js'

export interface Dominators {
  /** Reachable blocks in reverse postorder. */
  readonly order: readonly Block[]
  /** Position in `order` by block id; -1 where unreachable. */
  readonly position: Int32Array
  readonly predecessors: readonly (readonly Block[])[]
  /** Immediate dominator by block id; undefined for the entry and unreachable blocks. */
  readonly idom: readonly (Block | undefined)[]
  /** Blocks immediately dominated by one, by its id, in reverse postorder. */
  readonly children: readonly (readonly Block[])[]
  /** Whether `a` dominates `b` (every block dominates itself); constant time. */
  dominates(a: Block, b: Block): boolean
}

export function computeDominators(func: Func): Dominators {
  const order = reversePostorder(func)
  const position = new Int32Array(func.blockCount).fill(-1)
  for (let i = 0; i < order.length; i++) position[order[i]!.id] = i
  const preds = predecessors(func)
  const up = new Int32Array(order.length).fill(-1)
  if (order.length > 0) up[0] = 0
  for (let changed = true; changed; ) {
    changed = false
    for (let i = 1; i < order.length; i++) {
      let best = -1
      for (const predecessor of preds[order[i]!.id]!) {
        let other = position[predecessor.id]!
        if (other < 0 || up[other]! < 0) continue
        if (best < 0) {
          best = other
          continue
        }
        while (best !== other) {
          while (best > other) best = up[best]!
          while (other > best) other = up[other]!
        }
      }
      if (up[i] !== best) {
        up[i] = best
        changed = true
      }
    }
  }
  const idom: (Block | undefined)[] = new Array(func.blockCount).fill(undefined)
  const children: Block[][] = []
  for (let id = 0; id < func.blockCount; id++) children.push([])
  for (let i = 1; i < order.length; i++) {
    const parent = order[up[i]!]!
    idom[order[i]!.id] = parent
    children[parent.id]!.push(order[i]!)
  }
  const { entered, left } = numberTree(func, order, children)
  return {
    order,
    position,
    predecessors: preds,
    idom,
    children,
    dominates: (a, b) =>
      entered[a.id]! <= entered[b.id]! && left[b.id]! <= left[a.id]! && position[b.id]! >= 0 && position[a.id]! >= 0,
  }
}

/** Interval numbers of the dominator tree: `a` is above `b` when its interval encloses b's. */
function numberTree(func: Func, order: readonly Block[], children: readonly (readonly Block[])[]) {
  const entered = new Int32Array(func.blockCount)
  const left = new Int32Array(func.blockCount)
  let clock = 0
  const path: Block[] = []
  const next = new Uint32Array(func.blockCount)
  if (order.length > 0) {
    entered[order[0]!.id] = ++clock
    path.push(order[0]!)
  }
  while (path.length > 0) {
    const { id } = path[path.length - 1]!
    const child = children[id]![next[id]!++]
    if (child) {
      entered[child.id] = ++clock
      path.push(child)
    } else {
      left[id] = ++clock
      path.pop()
    }
  }
  return { entered, left }
}
