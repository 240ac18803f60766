/**
 * Order of blocks. Empty blocks are passed over, straight lines joined, and chains built so that as many blocks as can be are followed by one of
 * their successors, the most frequent edges first: each that is not costs a `goto`.
 */
import { BPF_JEQ, BPF_JGT, BPF_JNE, BPF_JSGE, BPF_JSGT, BPF_JSLE, BPF_JSLT, BPF_X } from '../../assembler/isa/opcodes.js'
import { invertJump } from './select-control.js'
import { isBranch, type MBlock, type MFunc, type MInsn, successorBlocks } from './machine.js'

/** `cpu` is the number in -mcpu: it says which branches can be turned round. */
export function layOutBlocks(func: MFunc, cpu: number): void {
  threadEmpty(func)
  removeUnreached(func)
  joinLines(func)
  order(func, cpu)
  jumpBack(func)
}

/** Edges into blocks that hold nothing go to where those go. */
function threadEmpty(func: MFunc): void {
  const final = (block: MBlock): MBlock => {
    let at = block
    for (let steps = 0; at.insns.length === 0 && at.next && steps < func.blocks.length; steps++) at = at.next
    return at
  }
  for (const block of func.blocks) {
    if (block.next) block.next = final(block.next)
    const last = block.last
    if (!last || !isBranch(last)) continue
    if (last.asm) last.asm.labels = last.asm.labels.map(final)
    else {
      last.target = final(last.target!)
      if (last.target === block.next) block.insns.pop()
    }
  }
}

function removeUnreached(func: MFunc): void {
  const reached = new Set<MBlock>([func.blocks[0]!])
  for (const block of reached) for (const next of successorBlocks(block)) reached.add(next)
  func.blocks = func.blocks.filter(block => reached.has(block))
}

/** A block that is its predecessor's only successor, and has no other predecessor, becomes part of it. */
function joinLines(func: MFunc): void {
  const counts = new Map<MBlock, number>()
  for (const block of func.blocks) for (const next of successorBlocks(block)) counts.set(next, (counts.get(next) ?? 0) + 1)
  const gone = new Set<MBlock>()
  for (const block of func.blocks) {
    if (gone.has(block)) continue
    for (;;) {
      const { next, last } = block
      if (!next || next === block || next === func.blocks[0] || counts.get(next) !== 1 || (last && isBranch(last))) break
      for (const insn of next.insns) block.insns.push(insn)
      block.next = next.next
      gone.add(next)
    }
  }
  func.blocks = func.blocks.filter(block => !gone.has(block))
}

interface Chain {
  blocks: MBlock[]
}

function order(func: MFunc, cpu: number): void {
  const chains = new Map<MBlock, Chain>(func.blocks.map(block => [block, { blocks: [block] }]))
  const edges: { from: MBlock; to: MBlock; weight: number; rank: number }[] = []
  const frequency = (block: MBlock) => 4 ** Math.min(block.depth, 5) * (block.cold ? 0.1 : 1)
  const back = backEdges(func.blocks, block => [block.next, ...successorBlocks(block)])
  const entries = new Map<MBlock, number>()
  for (const block of func.blocks) for (const to of successorBlocks(block)) entries.set(to, (entries.get(to) ?? 0) + 1)
  func.blocks.forEach((from, position) => {
    from.index = position
    const targets = successorBlocks(from)
    const branches = targets.length > 1
    const taken = likelihood(from.last)
    for (const to of targets) {
      // A loop's last block that just runs into its first would need a `goto` all the same.
      if (!branches && back.get(from)?.has(to)) continue
      // A branch can be turned round, so either side may follow; the side it falls into needs no turning.
      const share = !branches ? ALWAYS : to === from.next ? 1 - taken : taken
      const weight = Math.min(frequency(from), frequency(to)) * share * (branches && entries.get(to) === 1 ? OWN : 1)
      edges.push({ from, to, weight, rank: position * 2 + (to === from.next ? 0 : 1) })
    }
  })
  edges.sort((a, b) => b.weight - a.weight || a.rank - b.rank)
  for (const { from, to } of edges) {
    const before = chains.get(from)!
    const after = chains.get(to)!
    if (before === after || before.blocks[before.blocks.length - 1] !== from || after.blocks[0] !== to || to === func.blocks[0])
      continue
    if (!canFollow(from, to, cpu)) continue
    // The shorter list moves.
    if (before.blocks.length >= after.blocks.length) {
      for (const block of after.blocks) {
        before.blocks.push(block)
        chains.set(block, before)
      }
    } else {
      after.blocks = [...before.blocks, ...after.blocks]
      for (const block of before.blocks) chains.set(block, after)
    }
  }
  const out: MBlock[] = []
  const done = new Set<Chain>()
  for (const block of func.blocks) {
    const chain = chains.get(block)!
    if (done.has(chain)) continue
    done.add(chain)
    for (const each of chain.blocks) out.push(each)
  }
  func.blocks = out
}

/** Edges that lead back to a block which a depth-first search from the first one has not left yet. */
function backEdges(
  blocks: readonly MBlock[],
  successors: (block: MBlock) => readonly (MBlock | undefined)[],
): ReadonlyMap<MBlock, ReadonlySet<MBlock>> {
  const back = new Map<MBlock, Set<MBlock>>()
  const seen = new Set<MBlock>()
  const open = new Set<MBlock>()
  const path: { readonly block: MBlock; readonly next: readonly (MBlock | undefined)[]; at: number }[] = []
  const enter = (block: MBlock) => {
    seen.add(block)
    open.add(block)
    path.push({ block, next: successors(block), at: 0 })
  }
  if (blocks[0]) enter(blocks[0])
  while (path.length) {
    const top = path[path.length - 1]!
    if (top.at === top.next.length) {
      open.delete(top.block)
      path.pop()
      continue
    }
    const to = top.next[top.at++]
    if (!to) continue
    if (!seen.has(to)) enter(to)
    else if (open.has(to)) {
      const from = back.get(top.block) ?? new Set()
      back.set(top.block, from.add(to))
    }
  }
  return back
}

/**
 * Kernels before 6.9 refuse a program in which control leads back to an instruction other than by a jump (push_insn in
 * kernel/bpf/verifier.c). Their search takes the block that follows first, so it is made over the final order.
 */
function jumpBack(func: MFunc): void {
  const position = new Map(func.blocks.map((block, i) => [block, i]))
  const following = (block: MBlock) => func.blocks[position.get(block)! + 1]
  const back = backEdges(func.blocks, block => {
    const targets = [block.next, ...successorBlocks(block)]
    const after = following(block)
    return after && targets.includes(after) ? [after, ...targets] : targets
  })
  for (const block of func.blocks) {
    const after = following(block)
    const { last } = block
    if (after && block.next === after && !(last && isBranch(last)) && back.get(block)?.has(after)) block.jumps = true
  }
}

/** A block that always goes on to the same one needs a `goto` when that does not follow: worth more than any side of a branch. */
const ALWAYS = 1.5
/** What only a branch leads to comes behind it rather than what others lead to as well, which can follow those. */
const OWN = 2
/** More than a half: what LLVM's branch probabilities say of comparisons with zero. */
const LIKELY = 0.625

/**
 * How likely a branch is taken. Pointers are rarely null, numbers rarely zero or negative: what is done with them comes first. Verifiers go
 * straight on before they go to branches' targets, and the way on which most is done leaves behind the states that cover the others.
 */
function likelihood(branch: MInsn | undefined): number {
  if (!branch || !isBranch(branch) || branch.asm || (branch.op & BPF_X) !== 0) return 0.5
  const { imm } = branch
  switch (branch.op & 0xf0) {
    case BPF_JEQ:
      return imm === 0 || imm === -1 ? 1 - LIKELY : 0.5
    case BPF_JNE:
      return imm === 0 || imm === -1 ? LIKELY : 0.5
    case BPF_JGT:
      return imm === 0 ? LIKELY : 0.5
    case BPF_JSGT:
      return imm === 0 || imm === -1 ? LIKELY : 0.5
    case BPF_JSGE:
      return imm === 0 || imm === 1 ? LIKELY : 0.5
    case BPF_JSLT:
      return imm === 0 || imm === 1 ? 1 - LIKELY : 0.5
    case BPF_JSLE:
      return imm === 0 || imm === -1 ? 1 - LIKELY : 0.5
    default:
      return 0.5
  }
}

/** Jumps out of an asm, tests of bits and, at -mcpu=v1, some compares have no inverse: only their fall-through can follow. */
function canFollow(from: MBlock, to: MBlock, cpu: number): boolean {
  const last: MInsn | undefined = from.last
  if (!last || !isBranch(last) || from.next === to) return true
  if (last.straight) return false
  return !last.asm && invertJump({ cpu }, last.op) !== undefined
}
