/** The control-flow graph as tables by block id: orders and predecessors. Nothing here recurses: functions can have 100,000 blocks. */
import { type Block, type Func, successors } from './ir.js'

/** Blocks that the entry reaches, every block before those it dominates. */
export function reversePostorder(func: Func): Block[] {
  const order: Block[] = []
  if (func.isDeclaration) return order
  const seen = new Uint8Array(func.blockCount)
  const stack: { block: Block; next: number; targets: Block[] }[] = []
  const enter = (block: Block) => {
    seen[block.id] = 1
    stack.push({ block, next: 0, targets: successors(block).map(edge => edge.block) })
  }
  enter(func.entry)
  while (stack.length > 0) {
    const top = stack[stack.length - 1]!
    const target = top.targets[top.next++]
    if (!target) {
      order.push(top.block)
      stack.pop()
    } else if (!seen[target.id]) enter(target)
  }
  return order.reverse()
}

/** Blocks with an edge into a block, by its id; one entry for each edge, so a block can occur twice. Only edges from blocks in `func.blocks`. */
export function predecessors(func: Func): Block[][] {
  const table: Block[][] = Array.from({ length: func.blockCount }, () => [])
  for (const block of func.blocks) for (const edge of successors(block)) table[edge.block.id]!.push(block)
  return table
}
