/** Natural loops: a header, the back edges into it, and the blocks between. Irreducible cycles (goto into a loop) are no loops here. */
import { computeDominators, type Dominators } from './dominators.js'
import { type Block, type Func, successors } from './ir.js'

export class Loop {
  parent: Loop | undefined
  readonly children: Loop[] = []
  /** All blocks of the loop, inner loops' included; the header is the first. */
  readonly blocks: Block[] = []

  constructor(
    readonly header: Block,
    /** Sources of the back edges. */
    readonly latches: readonly Block[],
  ) {}

  /** 1 for an outermost loop. */
  get depth(): number {
    let depth = 0
    for (let at: Loop | undefined = this; at; at = at.parent) depth++
    return depth
  }
}

export interface LoopForest {
  /** Outermost loops, in reverse postorder of their headers. */
  readonly roots: readonly Loop[]
  /** All loops, inner ones before those around them. */
  readonly all: readonly Loop[]
  /** Innermost loop of a block. */
  loopOf(block: Block): Loop | undefined
  contains(loop: Loop, block: Block): boolean
  /** Edges that leave the loop, as pairs of the block inside and the one outside. */
  exits(loop: Loop): { from: Block; to: Block }[]
}

/** Finds loops from the innermost outwards; each block is walked once a nesting level at most, as LLVM's LoopInfo does it. */
export function findLoops(func: Func, dominators: Dominators = computeDominators(func)): LoopForest {
  const innermost: (Loop | undefined)[] = new Array(func.blockCount).fill(undefined)
  const all: Loop[] = []
  const outermost = (loop: Loop) => {
    let at = loop
    while (at.parent) at = at.parent
    return at
  }
  for (let i = dominators.order.length - 1; i >= 0; i--) {
    const header = dominators.order[i]!
    const latches = [...new Set(dominators.predecessors[header.id]!)].filter(block => dominators.dominates(header, block))
    if (latches.length === 0) continue
    const loop = new Loop(header, latches)
    all.push(loop)
    const work = [...latches]
    while (work.length > 0) {
      const block = work.pop()!
      if (dominators.position[block.id]! < 0) continue
      const inner = innermost[block.id]
      if (!inner) {
        innermost[block.id] = loop
        if (block !== header) work.push(...dominators.predecessors[block.id]!)
        continue
      }
      const outer = outermost(inner)
      if (outer === loop) continue
      outer.parent = loop
      work.push(...dominators.predecessors[outer.header.id]!.filter(from => outermostOf(from) !== outer))
    }
    innermost[header.id] ??= loop
  }
  function outermostOf(block: Block): Loop | undefined {
    const loop = innermost[block.id]
    return loop && outermost(loop)
  }
  for (const block of dominators.order) for (let loop = innermost[block.id]; loop; loop = loop.parent) loop.blocks.push(block)
  const roots: Loop[] = []
  for (let i = all.length - 1; i >= 0; i--) (all[i]!.parent?.children ?? roots).push(all[i]!)
  const contains = (loop: Loop, block: Block) => {
    for (let at = innermost[block.id]; at; at = at.parent) if (at === loop) return true
    return false
  }
  return {
    roots,
    all,
    loopOf: block => innermost[block.id],
    contains,
    exits: loop =>
      loop.blocks.flatMap(from =>
        successors(from)
          .filter(edge => !contains(loop, edge.block))
          .map(edge => ({ from, to: edge.block })),
      ),
  }
}
