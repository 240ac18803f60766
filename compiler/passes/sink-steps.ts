/**
 * Arithmetic on one value and a number (`i + 1`) goes behind the last use of that value, where it is needed only further down: the result then
 * takes the register over, and neither a copy nor a second register is needed. Nothing else is moved.
 */
import { sumsAndBits } from '../ir/op-groups.js'
import { computeDominators, type Dominators } from '../ir/dominators.js'
import { type Block, type Func, type Op, successorAt, successors, terminatorOperands, type Value } from '../ir/ir.js'
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
  /** Each block once. */
  readonly blocks: Block[]
  readonly users: Value[]
  /** Blocks with a use in the terminator or on an edge; undefined where there are none. */
  ends: Set<Block> | undefined
}

class Sinker {
  /** By value id, of values that are asked for: steps, what they are made of, and what shares a register with that. */
  private readonly uses: (Uses | undefined)[]
  private readonly home: (Block | undefined)[]
  /** By value id, the place of an instruction in its block. */
  private readonly places: Int32Array
  private readonly loops: LoopForest

  constructor(
    func: Func,
    private readonly dominators: Dominators,
  ) {
    this.loops = findLoops(func, dominators)
    this.uses = new Array(func.valueCount)
    this.home = new Array(func.valueCount)
    this.places = new Int32Array(func.valueCount)
    for (const block of dominators.order) {
      for (const param of block.params) this.home[param.id] = block
      const { insts } = block
      for (let i = 0; i < insts.length; i++) {
        const inst = insts[i]!
        this.home[inst.id] = block
        this.places[inst.id] = i
        const from = sourceOf(inst)
        if (from) this.follow(from)
        if (from || sameRegister.has(inst.op)) this.follow(inst)
      }
    }
    for (const param of func.params) this.home[param.id] = func.entry
    for (const block of dominators.order) {
      const { insts } = block
      for (let i = 0; i < insts.length; i++) {
        const { args } = insts[i]!
        for (let k = 0; k < args.length; k++) this.use(args[k]!, block)?.users.push(insts[i]!)
      }
      const atEnd = (value: Value): void => {
        const uses = this.use(value, block)
        if (uses) (uses.ends ??= new Set()).add(block)
      }
      terminatorOperands(block.terminator).forEach(atEnd)
      for (let k = 0, edge = successorAt(block, 0); edge; edge = successorAt(block, ++k)) edge.args.forEach(atEnd)
    }
  }

  private follow(value: Value): void {
    this.uses[value.id] ??= { blocks: [], users: [], ends: undefined }
  }

  /** Notes a use in the block, whose uses come one after the other; answers undefined for a value that nobody asks for. */
  private use(value: Value, block: Block): Uses | undefined {
    const uses = this.uses[value.id]
    if (uses && uses.blocks[uses.blocks.length - 1] !== block) uses.blocks.push(block)
    return uses
  }

  /** The place of an instruction in the block; undefined where it stands in another. */
  private placeIn(block: Block, inst: Value): number | undefined {
    return this.home[inst.id] === block ? this.places[inst.id] : undefined
  }

  visit(block: Block): boolean {
    const { insts } = block
    const moved = new Map<number, Value[]>()
    // From the end, so that where later ones went is known.
    for (let i = insts.length - 1; i >= 0; i--) {
      const inst = insts[i]!
      const from = sourceOf(inst)
      const to = from && this.lastUse(from, inst, block)
      if (to === undefined || to <= i || to >= this.firstUse(inst, block)) continue
      this.places[inst.id] = to
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
  private lastUse(value: Value, step: Value, block: Block): number | undefined {
    const home = this.home[value.id]
    if (!home || this.uses[value.id]!.users.length < 2) return undefined
    if (home !== block) {
      const loop = this.loops.loopOf(block)
      if (loop && !this.loops.contains(loop, home)) return undefined
    }
    return this.lastRead(value, step, block, 0)
  }

  private lastRead(value: Value, step: Value, block: Block, depth: number): number | undefined {
    const uses = this.uses[value.id]
    if (!uses) return -1
    if (uses.ends?.has(block) || depth > 3) return undefined
    for (const other of uses.blocks) if (other !== block && !this.dominators.dominates(other, block)) return undefined
    let last = -1
    for (const user of uses.users) {
      if (user === step) continue
      const at = this.placeIn(block, user)
      if (at !== undefined && at > last) last = at
      if (!sameRegister.has(user.op)) continue
      const further = this.lastRead(user, step, block, depth + 1)
      if (further === undefined) return undefined
      last = Math.max(last, further)
    }
    return last
  }

  private firstUse(value: Value, block: Block): number {
    const uses = this.uses[value.id]
    let first = block.insts.length
    for (const user of uses?.users ?? []) first = Math.min(first, this.placeIn(block, user) ?? first)
    return first
  }
}

/** What a step is made of. */
function sourceOf(inst: Value): Value | undefined {
  if (!steps.has(inst.op)) return undefined
  const a = inst.args[0]!
  if (inst.args[1]!.op !== 'const') return undefined
  return a.op === 'const' || a.op === 'global' || a.op === 'undef' || a.op === 'func' || a.op === 'alloca' ? undefined : a
}
