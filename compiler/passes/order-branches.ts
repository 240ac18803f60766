/**
 * Which side of a branch a verifier walks first. It goes straight on and comes back to the other sides later, to the latest first. In a loop
 * that counts no two rounds are alike, so it runs through all of them by one way before it looks at any other; states are kept rarely
 * meanwhile (is_state_visited in kernel/bpf/verifier.c), and what it comes back to walks that way once more. So:
 *
 * - a side that sets a value for good (a flag that is only ever set) comes last: first, it would start a new run through the rounds that
 *   are left in each of them;
 * - of one side that soon ends the round and another that does much, the short one comes first, where the next round cannot see which was taken.
 */
import { type Block, type Edge, successors, type Terminator, type Value } from '../ir/ir.js'
import { findLoops, type Loop } from '../ir/loops.js'
import type { FunctionPass } from './pass.js'

type Branch = Extract<Terminator, { kind: 'condbr' }>
type Side = Branch['first']

/** How many times as long the other side must be. */
const MUCH = 2

export const orderBranches: FunctionPass = {
  kind: 'function',
  name: 'order-branches',
  run(func) {
    let changed = false
    for (const loop of findLoops(func).all) if (isCounted(loop)) changed = new LoopOrder(loop).run() || changed
    return changed
  },
}

/** Whether a number that each round adds the same to is compared with a constant to end the loop. */
function isCounted({ header, blocks, latches }: Loop): boolean {
  const inside = new Set(blocks)
  const back = latches.flatMap(latch => successors(latch).filter(edge => edge.block === header))
  return header.params.some((param, i) => {
    const next = back.map(edge => edge.args[i]!)
    if (!next.every(({ op, args }) => op === 'add' && args[0] === param && args[1]!.op === 'const')) return false
    return blocks.some(({ terminator }) => {
      if (terminator.kind !== 'condbr' || inside.has(terminator.then.block) === inside.has(terminator.otherwise.block))
        return false
      const { op, args } = terminator.condition
      return op === 'icmp' && args[1]!.op === 'const' && (args[0] === param || next.includes(args[0]!))
    })
  })
}

class LoopOrder {
  private readonly inside: ReadonlySet<Block>
  /** Parameters whose values the next round sees, and the header's parameter as which it sees them. */
  private readonly carried = new Map<Value, Value>()
  /** Blocks from which the round goes on to where such values depend on the way taken. */
  private readonly told = new Set<Block>()
  /** Instructions to the next round on the shortest way, by block. */
  private readonly distance = new Map<Block, number>()

  constructor(private readonly loop: Loop) {
    this.inside = new Set(loop.blocks)
    this.followCarried()
    this.measure()
  }

  run(): boolean {
    let changed = false
    let shortened = false
    for (const block of this.loop.blocks) {
      const { terminator } = block
      if (terminator.kind !== 'condbr' || terminator.likely !== undefined) continue
      if (!this.inside.has(terminator.then.block) || !this.inside.has(terminator.otherwise.block)) continue
      let first = this.unsettled(terminator)
      if (!first && !shortened && this.loop.latches.length === 1) {
        first = this.shorter(block, terminator)
        shortened = first !== undefined
      }
      if (!first) continue
      terminator.first = first
      changed = true
    }
    return changed
  }

  private followCarried(): void {
    const sources = new Map<Value, Value[]>()
    const homes = new Map<Value, Block>()
    for (const block of this.loop.blocks) {
      for (const param of block.params) homes.set(param, block)
      for (const edge of successors(block)) {
        if (!this.inside.has(edge.block)) continue
        edge.args.forEach((arg, i) => {
          const param = edge.block.params[i]!
          sources.set(param, [...(sources.get(param) ?? []), arg])
        })
      }
    }
    for (const param of this.loop.header.params) {
      const work = [param]
      for (let at = work.pop(); at; at = work.pop()) {
        if (!homes.has(at) || this.carried.has(at)) continue
        this.carried.set(at, param)
        if (homes.get(at) !== this.loop.header) this.told.add(homes.get(at)!)
        work.push(...(sources.get(at) ?? []))
      }
    }
  }

  private measure(): void {
    const { header, blocks } = this.loop
    for (let i = blocks.length - 1; i >= 0; i--) {
      const block = blocks[i]!
      const next = successors(block).map(edge => edge.block)
      const rests = next.map(to => (to === header ? 0 : (this.distance.get(to) ?? Number.POSITIVE_INFINITY)))
      if (next.some(to => this.told.has(to))) this.told.add(block)
      this.distance.set(block, Math.min(...rests) + block.insts.length + 1)
    }
  }

  /** The side that leaves carried values alone where the other makes them constants. */
  private unsettled(branch: Branch): Side {
    const then = passedOver(branch.then)
    const otherwise = passedOver(branch.otherwise)
    if (then.block !== otherwise.block) return undefined
    let first: Side
    for (const [i, param] of then.block.params.entries()) {
      const round = this.carried.get(param)
      const a = then.args[i]!
      const b = otherwise.args[i]!
      if (!round || a === b) continue
      const keeps = (value: Value) => this.carried.get(value) === round
      const side: Side = a.op === 'const' && keeps(b) ? 'otherwise' : b.op === 'const' && keeps(a) ? 'then' : undefined
      if (!side || (first && side !== first)) return undefined
      first = side
    }
    return first
  }

  /** The side that soon ends the round, where nothing that the next round sees tells it from the other. */
  private shorter(block: Block, { condition, then, otherwise }: Branch): Side {
    const length = (edge: Edge) => (edge.block === this.loop.header ? 0 : this.distance.get(edge.block)!)
    const a = length(then)
    const b = length(otherwise)
    const side: Side = a * MUCH < b ? 'then' : b * MUCH < a ? 'otherwise' : undefined
    if (!side || condition.op !== 'icmp' || !condition.args.every(arg => this.isForgotten(arg, block))) return undefined
    return this.told.has(then.block) || this.told.has(otherwise.block) ? undefined : side
  }

  /** Whether what a branch learns of the value says nothing of what the next round sees: it was read or made anew in this round. */
  private isForgotten(value: Value, block: Block): boolean {
    switch (value.op) {
      case 'const':
      case 'call':
      case 'callhelper':
        return true
      case 'zext':
      case 'sext':
      case 'trunc':
      case 'and':
        return value.args.every(arg => this.isForgotten(arg, block))
      case 'load': {
        // Verifiers track what was stored to the stack; what a helper or a function put there is anybody's guess.
        const object = base(value)
        if (object.op !== 'alloca') return true
        const before = block.insts.slice(0, Math.max(0, block.insts.indexOf(value)))
        return before.some(inst => inst.op === 'callhelper' && inst.args.some(arg => base(arg) === object))
      }
      default:
        return false
    }
  }
}

/** What an address begins from. */
function base(value: Value): Value {
  let at = value.op === 'load' ? value.args[0]! : value
  while (at.op === 'ptradd') at = at.args[0]!
  return at
}

/** Where an edge leads when a block that does nothing is passed over. */
function passedOver(edge: Edge): Edge {
  const { block } = edge
  const { terminator } = block
  return block.insts.length === 0 && block.params.length === 0 && terminator.kind === 'br' ? terminator.to : edge
}
