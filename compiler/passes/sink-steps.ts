/**
 * Arithmetic on one value and a number (`i + 1`) goes behind the last use of that value, where it is needed only further down: the result then
 * takes the register over, and neither a copy nor a second register is needed. Nothing else is moved.
 */
import { sumsAndBits } from '../ir/op-groups.js'
import { computeDominators, type Dominators } from '../ir/dominators.js'
import { type Block, type Func, type Op, successors, terminatorOperands, type Value } from '../ir/ir.js'
import { findLoops, type LoopForest } from '../ir/loops.js'
import type { FunctionPass } from './pass.js'

export const sinkSteps: FunctionPass = {
  kind: 'function',
  name: 'sink-steps',
  run: func => {
    const dominators = computeDominators(func)
    if (!isReducible(dominators)) return false
    const sinker = new Sinker(func, dominators)
    let changed = false
    for (const block of dominators.order) changed = sinker.visit(block) || changed
    return changed
  },
}

const steps: ReadonlySet<Op> = new Set<Op>([...sumsAndBits, 'mul', 'ptradd'])

/** What usually becomes no instruction: the value's register serves for the result too. */
const sameRegister: ReadonlySet<Op> = new Set<Op>(['zext', 'trunc', 'ptrtoint', 'inttoptr', 'opaque'])

function isReducible({ order, position, dominates }: Dominators): boolean {
  return order.every(from =>
    successors(from).every(({ block }) => position[block.id]! > position[from.id]! || dominates(block, from)),
  )
}

interface Uses {
  readonly blocks: Set<Block>
  readonly users: Value[]
  /** Blocks with a use in the terminator or on an edge. */
  readonly ends: Set<Block>
}

class Sinker {
  private readonly uses: (Uses | undefined)[] = []
  private readonly home: (Block | undefined)[] = []
  private readonly loops: LoopForest

  constructor(
    func: Func,
    private readonly dominators: Dominators,
  ) {
    this.loops = findLoops(func, dominators)
    for (const block of dominators.order) {
      for (const param of block.params) this.home[param.id] = block
      for (const inst of block.insts) {
        this.home[inst.id] = block
        for (const arg of inst.args) this.use(arg, block, inst)
      }
      for (const operand of terminatorOperands(block.terminator)) this.use(operand, block, undefined)
      for (const edge of successors(block)) for (const arg of edge.args) this.use(arg, block, undefined)
    }
    for (const param of func.params) this.home[param.id] = func.entry
  }

  private use(value: Value, block: Block, user: Value | undefined): void {
    const uses = (this.uses[value.id] ??= { blocks: new Set(), users: [], ends: new Set() })
    uses.blocks.add(block)
    if (user) uses.users.push(user)
    else uses.ends.add(block)
  }

  visit(block: Block): boolean {
    const { insts } = block
    const place = new Map<Value, number>(insts.map((inst, i) => [inst, i]))
    const moved = new Map<number, Value[]>()
    // From the end, so that where later ones went is known.
    for (let i = insts.length - 1; i >= 0; i--) {
      const inst = insts[i]!
      const from = sourceOf(inst)
      const to = from && this.lastUse(from, inst, block, place)
      if (to === undefined || to <= i || to >= this.firstUse(inst, block, place)) continue
      place.set(inst, to)
      const list = moved.get(to)
      if (list) list.push(inst)
      else moved.set(to, [inst])
    }
    if (moved.size === 0) return false
    const gone = new Set([...moved.values()].flat())
    block.insts = insts.flatMap((inst, i) => [...(gone.has(inst) ? [] : [inst]), ...(moved.get(i) ?? [])])
    return true
  }

  /** Place of the last use of the value besides the one by `step`; undefined where the value may be needed behind the block or at its end. */
  private lastUse(value: Value, step: Value, block: Block, place: ReadonlyMap<Value, number>): number | undefined {
    const home = this.home[value.id]
    if (!home || this.uses[value.id]!.users.length < 2) return undefined
    if (home !== block) {
      const loop = this.loops.loopOf(block)
      if (loop && !this.loops.contains(loop, home)) return undefined
    }
    return this.lastRead(value, step, block, place, 0)
  }

  private lastRead(
    value: Value,
    step: Value,
    block: Block,
    place: ReadonlyMap<Value, number>,
    depth: number,
  ): number | undefined {
    const uses = this.uses[value.id]
    if (!uses) return -1
    if (uses.ends.has(block) || depth > 3) return undefined
    for (const other of uses.blocks) if (other !== block && !this.dominators.dominates(other, block)) return undefined
    let last = -1
    for (const user of uses.users) {
      if (user === step) continue
      const at = place.get(user)
      if (at !== undefined && at > last) last = at
      if (!sameRegister.has(user.op)) continue
      const further = this.lastRead(user, step, block, place, depth + 1)
      if (further === undefined) return undefined
      last = Math.max(last, further)
    }
    return last
  }

  private firstUse(value: Value, block: Block, place: ReadonlyMap<Value, number>): number {
    const uses = this.uses[value.id]
    let first = block.insts.length
    for (const user of uses?.users ?? []) first = Math.min(first, place.get(user) ?? first)
    return first
  }
}

/** What a step is made of. */
function sourceOf(inst: Value): Value | undefined {
  if (!steps.has(inst.op)) return undefined
  const [a, b] = inst.args as [Value, Value]
  if (b.op !== 'const') return undefined
  return a.op === 'const' || a.op === 'global' || a.op === 'undef' || a.op === 'func' || a.op === 'alloca' ? undefined : a
}
