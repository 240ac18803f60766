/** The control-flow graph, as passes ask for it: orders and predecessors. Made anew when needed; blocks do not carry them. */
import { type Block, type Edge, type Func, successors } from '../ir/ir.js'

/** An edge seen from where it arrives. */
export interface IncomingEdge {
  readonly from: Block
  readonly edge: Edge
}

/** Reachable blocks, each before the blocks it dominates; the entry first. No recursion: chains of 100,000 blocks are fine. */
export function reversePostorder(func: Func): Block[] {
  const order: Block[] = []
  const seen = new Uint8Array(func.blockCount)
  const stack: { readonly block: Block; readonly edges: Edge[]; next: number }[] = []
  const enter = (block: Block): void => {
    seen[block.id] = 1
    stack.push({ block, edges: successors(block), next: 0 })
  }
  enter(func.entry)
  while (stack.length) {
    const top = stack[stack.length - 1]!
    // Successors are entered last to first, so that the reversed order has the first successor first.
    if (top.next < top.edges.length) {
      const target = top.edges[top.edges.length - 1 - top.next++]!.block
      if (!seen[target.id]) enter(target)
    } else {
      order.push(top.block)
      stack.pop()
    }
  }
  return order.reverse()
}

/** Incoming edges of every reachable block, by block id. Several edges of one block to another (a switch) are several entries. */
export function predecessors(func: Func, order = reversePostorder(func)): IncomingEdge[][] {
  const table: IncomingEdge[][] = []
  for (const block of order) table[block.id] = []
  for (const block of order) for (const edge of successors(block)) table[edge.block.id]!.push({ from: block, edge })
  return table
}

/** Drops blocks that cannot be reached and puts the rest in reverse postorder. Returns whether any was dropped. */
export function removeUnreachable(func: Func): boolean {
  const order = reversePostorder(func)
  const changed = order.length !== func.blocks.length
  if (changed) {
    const reachable = new Uint8Array(func.blockCount)
    for (const block of order) reachable[block.id] = 1
    func.blocks = func.blocks.filter(block => reachable[block.id])
  }
  return changed
}
