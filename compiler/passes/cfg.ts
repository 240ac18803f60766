/** The control-flow graph as passes that change edges ask for it: the edges themselves, by where they arrive. */
import { reversePostorder } from '../ir/cfg.js'
import { type Block, type Edge, type Func, successorAt, successors } from '../ir/ir.js'

/** An edge seen from where it arrives. */
export interface IncomingEdge {
  readonly from: Block
  readonly edge: Edge
}

/** Incoming edges of every reachable block, by block id. Several edges of one block to another (a switch) are several entries. */
export function predecessors(func: Func, order: readonly Block[] = reversePostorder(func)): IncomingEdge[][] {
  const table: IncomingEdge[][] = []
  for (const block of order) table[block.id] = []
  for (const block of order) for (const edge of successors(block)) table[edge.block.id]!.push({ from: block, edge })
  return table
}

/** Drops blocks that cannot be reached. Returns whether there were any. */
export function removeUnreachable(func: Func): boolean {
  if (func.isDeclaration) return false
  const reachable = new Uint8Array(func.blockCount)
  reachable[func.entry.id] = 1
  const work = [func.entry]
  let count = 1
  for (let block = work.pop(); block; block = work.pop())
    for (let k = 0, edge = successorAt(block, 0); edge; edge = successorAt(block, ++k)) {
      const target = edge.block
      if (reachable[target.id]) continue
      reachable[target.id] = 1
      count++
      work.push(target)
    }
  const changed = count !== func.blocks.length
  if (changed) func.blocks = func.blocks.filter(block => reachable[block.id])
  return changed
}
