/** The control-flow graph as tables by block id: orders and predecessors. Nothing here recurses: functions can have 100,000 blocks. */
import { type Block, type Func, successorAt, successors } from './ir.js'

/** Blocks that the entry reaches, every block before those it dominates. */
export function reversePostorder(func: Func): Block[] {
  const order: Block[] = []
  if (func.isDeclaration) return order
  const seen = new Uint8Array(func.blockCount)
  /** The way from the entry to where the walk stands, and by block id the number of the edge to look at next. */
  const path: Block[] = [func.entry]
  const next = new Uint32Array(func.blockCount)
  seen[func.entry.id] = 1
  while (path.length > 0) {
    const block = path[path.length - 1]!
    const target = successorAt(block, next[block.id]!++)?.block
    if (target === undefined) order.push(path.pop()!)
    else if (seen[target.id] === 0) {
      seen[target.id] = 1
      path.push(target)
    }
  }
  return order.reverse()
}

/** Blocks with an edge into a block, by its id; one entry for each edge, so a block can occur twice. Only edges from blocks in `func.blocks`. */
export function predecessors(func: Func): Block[][] {
  const table: Block[][] = []
  for (let id = 0; id < func.blockCount; id++) table.push([])
  for (const block of func.blocks) for (const edge of successors(block)) table[edge.block.id]!.push(block)
  return table
}
