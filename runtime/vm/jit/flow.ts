/**
 * The control flow of one BPF function as WebAssembly's nested blocks and loops: basic blocks, their order, dominators (Cooper, Harvey,
 * Kennedy 2001), then the translation of Ramsey, "Beyond Relooper" (2022). Graphs that are not reducible are refused.
 */

export interface Block {
  /** First slot, and the slot of the last instruction. */
  readonly start: number
  last: number
  /** Slots of the blocks that follow: of a conditional jump the one taken first. */
  successors: number[]
}

export interface Flow {
  /** Blocks in reverse postorder. */
  readonly order: readonly Block[]
  /** Position in `order` by first slot. */
  readonly position: ReadonlyMap<number, number>
  /** Positions of the blocks that a block dominates directly, in descending order. */
  readonly dominated: readonly (readonly number[])[]
  readonly isLoop: readonly boolean[]
  readonly isMerge: readonly boolean[]
}

/** Thrown where a function cannot be compiled; the interpreter runs it then. */
export class NotCompilable extends Error {}

/** What an instruction does to the flow: the slots it may go to; undefined when it just goes on. */
export type Leaves = (slot: number) => readonly number[] | undefined

/** Slots an instruction takes. */
export type Width = (slot: number) => 1 | 2

export function flowOf(entry: number, leaves: Leaves, width: Width): Flow {
  const blocks = findBlocks(entry, leaves, width)
  const order = reversePostorder(entry, blocks)
  const position = new Map(order.map((block, index) => [block.start, index]))
  const predecessors: number[][] = order.map(() => [])
  for (const [index, block] of order.entries())
    for (const next of block.successors) predecessors[position.get(next)!]!.push(index)
  const idom = dominators(predecessors)
  const isLoop = order.map(() => false)
  const isMerge = order.map(() => false)
  for (const [index, from] of predecessors.entries()) {
    for (const source of from)
      if (source >= index) {
        if (!dominates(idom, index, source)) throw new NotCompilable('the control flow is not reducible')
        isLoop[index] = true
      }
    isMerge[index] = from.filter(source => source < index).length > 1
  }
  const dominated: number[][] = order.map(() => [])
  for (let index = order.length - 1; index > 0; index--) dominated[idom[index]!]!.push(index)
  return { order, position, dominated, isLoop, isMerge }
}

function findBlocks(entry: number, leaves: Leaves, width: Width): Map<number, Block> {
  const starts = new Set([entry])
  const seen = new Set<number>()
  const work = [entry]
  while (work.length) {
    let slot = work.pop()!
    while (!seen.has(slot)) {
      seen.add(slot)
      const next = leaves(slot)
      if (next) {
        for (const target of next) {
          starts.add(target)
          work.push(target)
        }
        break
      }
      slot += width(slot)
    }
  }
  const blocks = new Map<number, Block>()
  for (const start of starts) {
    let slot = start
    for (;;) {
      const next = leaves(slot)
      if (next) {
        blocks.set(start, { start, last: slot, successors: [...next] })
        break
      }
      const following = slot + width(slot)
      if (starts.has(following)) {
        blocks.set(start, { start, last: slot, successors: [following] })
        break
      }
      slot = following
    }
  }
  return blocks
}

function reversePostorder(entry: number, blocks: ReadonlyMap<number, Block>): Block[] {
  const order: Block[] = []
  const seen = new Set([entry])
  const stack = [{ block: blocks.get(entry)!, next: 0 }]
  while (stack.length) {
    const top = stack[stack.length - 1]!
    const successor = top.block.successors[top.next++]
    if (successor === undefined) {
      order.push(top.block)
      stack.pop()
    } else if (!seen.has(successor)) {
      seen.add(successor)
      stack.push({ block: blocks.get(successor)!, next: 0 })
    }
  }
  return order.reverse()
}

function dominators(predecessors: readonly (readonly number[])[]): Int32Array {
  const idom = new Int32Array(predecessors.length).fill(-1)
  idom[0] = 0
  for (let changed = true; changed; ) {
    changed = false
    for (let index = 1; index < predecessors.length; index++) {
      let best = -1
      for (const source of predecessors[index]!) {
        if (idom[source] === -1) continue
        if (best === -1) {
          best = source
          continue
        }
        let other = source
        while (best !== other) {
          while (other > best) other = idom[other]!
          while (best > other) best = idom[best]!
        }
      }
      if (best !== idom[index]) {
        idom[index] = best
        changed = true
      }
    }
  }
  return idom
}

function dominates(idom: Int32Array, a: number, b: number): boolean {
  let node = b
  while (node > a) node = idom[node]!
  return node === a
}
