/**
 * Before allocation: an address of a map or object that is in a register already, made by a block that dominates, is not loaded again
 * (a 64-bit load takes two slots). Where that register is wanted for something else, the allocator makes the address again at its uses,
 * so nothing is lost.
 */
import {
  LD_IMM64,
  type MBlock,
  type MFunc,
  type MInsn,
  MOV64_X,
  renameRegister,
  successorBlocks,
  VIRTUAL,
  writesOf,
} from './machine.js'

export function shareAddresses(func: MFunc): void {
  const order = reversePostorder(func)
  const { children } = dominatorTree(func, order)
  const replaced = new Map<number, number>()
  const available = new Map<string, number>()
  const once = writtenOnce(func)
  // Depth first over the tree; what a block made is forgotten when its subtree is done.
  const stack: { block: MBlock; made: string[] | undefined }[] = [{ block: order[0]!, made: undefined }]
  while (stack.length > 0) {
    const top = stack[stack.length - 1]!
    if (top.made) {
      for (const key of top.made) available.delete(key)
      stack.pop()
      continue
    }
    top.made = share(top.block, available, replaced, once)
    for (const child of children.get(top.block) ?? []) stack.push({ block: child, made: undefined })
  }
  if (replaced.size === 0) return
  for (const block of func.blocks)
    for (const insn of block.insns)
      for (const register of registersOf(insn)) {
        const other = replaced.get(register)
        if (other !== undefined) renameRegister(insn, register, other)
      }
}

/** Registers that hold their address for good: two-address arithmetic writes into others (`r += index`), and those are not the address then. */
function writtenOnce(func: MFunc): Set<number> {
  const once = new Set<number>()
  const seen = new Set<number>()
  for (const block of func.blocks) {
    for (const insn of block.insns) {
      for (const register of writesOf(insn)) {
        if (register < VIRTUAL) continue
        if (seen.has(register)) once.delete(register)
        else {
          seen.add(register)
          once.add(register)
        }
      }
    }
  }
  return once
}

function registersOf(insn: MInsn): number[] {
  const out = [insn.dst, insn.src]
  if (insn.asm)
    for (const input of insn.asm.inputs) if (input.kind === 'register' || input.kind === 'memory') out.push(input.register)
  return out.filter(register => register >= VIRTUAL)
}

/** Answers the keys of the addresses that the block adds. */
function share(
  block: MBlock,
  available: Map<string, number>,
  replaced: Map<number, number>,
  once: ReadonlySet<number>,
): string[] {
  const made: string[] = []
  const out: MInsn[] = []
  for (const insn of block.insns) {
    const { symbol } = insn
    if (insn.op !== LD_IMM64 || !symbol) {
      out.push(insn)
      continue
    }
    const key = `${symbol.target.name}+${symbol.addend}`
    const known = available.get(key)
    if (known === undefined) {
      if (once.has(insn.dst)) {
        available.set(key, insn.dst)
        made.push(key)
      }
      out.push(insn)
    } else if (once.has(insn.dst)) replaced.set(insn.dst, known)
    else {
      insn.op = MOV64_X
      insn.src = known
      insn.symbol = undefined
      out.push(insn)
    }
  }
  block.insns = out
  return made
}

function reversePostorder(func: MFunc): MBlock[] {
  const order: MBlock[] = []
  const seen = new Set<MBlock>([func.blocks[0]!])
  const stack = [{ block: func.blocks[0]!, next: 0, targets: successorBlocks(func.blocks[0]!) }]
  while (stack.length > 0) {
    const top = stack[stack.length - 1]!
    const target = top.targets[top.next++]
    if (!target) {
      order.push(top.block)
      stack.pop()
    } else if (!seen.has(target)) {
      seen.add(target)
      stack.push({ block: target, next: 0, targets: successorBlocks(target) })
    }
  }
  return order.reverse()
}

/** Cooper, Harvey and Kennedy, as in ir/dominators.ts. */
function dominatorTree(func: MFunc, order: readonly MBlock[]): { children: Map<MBlock, MBlock[]> } {
  const position = new Map(order.map((block, i) => [block, i]))
  const predecessors: number[][] = order.map(() => [])
  for (const block of func.blocks) {
    const from = position.get(block)
    if (from !== undefined) for (const next of successorBlocks(block)) predecessors[position.get(next)!]!.push(from)
  }
  const up = new Int32Array(order.length).fill(-1)
  up[0] = 0
  for (let changed = true; changed; ) {
    changed = false
    for (let i = 1; i < order.length; i++) {
      let best = -1
      for (const predecessor of predecessors[i]!) {
        let other = predecessor
        if (up[other]! < 0) continue
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
  const children = new Map<MBlock, MBlock[]>()
  for (let i = 1; i < order.length; i++) {
    const parent = order[up[i]!]!
    const list = children.get(parent)
    if (list) list.push(order[i]!)
    else children.set(parent, [order[i]!])
  }
  return { children }
}
