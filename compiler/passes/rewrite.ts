/** Replacing values everywhere in a function, in one sweep for any number of replacements. */
import { type Edge, type Func, successorAt, type Terminator, type Value } from '../ir/ir.js'

/** What is to stand in place of what, in one function. A replacement may itself be replaced. Asked for every operand there is. */
export class Replacements {
  private readonly list: Value[] = []
  /** By value id: one more than the place in `list` of what stands for it, 0 for a value that stays. Values past the table stay. */
  private places = new Int32Array(0)

  get empty(): boolean {
    return this.list.length === 0
  }

  has(value: Value): boolean {
    return value.id < this.places.length && this.places[value.id] !== 0
  }

  set(value: Value, by: Value): void {
    const { id } = value
    if (id >= this.places.length) {
      const larger = new Int32Array(Math.max(64, id + (id >> 1)))
      larger.set(this.places)
      this.places = larger
    }
    const place = this.places[id]!
    if (place === 0) this.places[id] = this.list.push(by)
    else this.list[place - 1] = by
  }

  /** What finally stands for the value; shortens chains on the way. */
  resolve(value: Value): Value {
    if (!this.has(value)) return value
    let at = value
    do at = this.list[this.places[at.id]! - 1]!
    while (this.has(at))
    this.list[this.places[value.id]! - 1] = at
    return at
  }

  /** Rewrites all operands of the function. Replaced instructions stay where they are, unused, unless `drop` is set. */
  apply(func: Func, drop = false): void {
    if (this.empty) return
    const { places } = this
    const resolve = (value: Value): Value => this.resolve(value)
    for (const block of func.blocks) {
      if (drop && block.insts.some(inst => this.has(inst))) block.insts = block.insts.filter(inst => !this.has(inst))
      const { insts } = block
      for (let i = 0; i < insts.length; i++) {
        const { args } = insts[i]!
        for (let k = 0; k < args.length; k++) {
          const { id } = args[k]!
          if (id < places.length && places[id] !== 0) args[k] = this.resolve(args[k]!)
        }
      }
      mapTerminator(block.terminator, resolve)
    }
  }
}

/** Changes every operand of a terminator, edge arguments included, in place. */
export function mapTerminator(terminator: Terminator, map: (value: Value) => Value): void {
  const mapEdge = (edge: Edge): void => {
    for (let i = 0; i < edge.args.length; i++) edge.args[i] = map(edge.args[i]!)
  }
  switch (terminator.kind) {
    case 'br':
      mapEdge(terminator.to)
      break
    case 'condbr':
      terminator.condition = map(terminator.condition)
      mapEdge(terminator.then)
      mapEdge(terminator.otherwise)
      break
    case 'switch':
      terminator.value = map(terminator.value)
      for (const entry of terminator.cases) mapEdge(entry.to)
      mapEdge(terminator.otherwise)
      break
    case 'ret':
      if (terminator.value) terminator.value = map(terminator.value)
      break
    case 'asmgoto':
      for (let i = 0; i < terminator.args.length; i++) terminator.args[i] = map(terminator.args[i]!)
      mapEdge(terminator.next)
      for (const edge of terminator.labels) mapEdge(edge)
      break
    case 'unreachable':
      break
  }
}

/**
 * Block parameters that get one and the same value from every edge (or themselves, round a loop) are that value. Removes them and
 * returns whether there were any.
 */
export function removeRedundantParams(func: Func): boolean {
  let changed = false
  for (let again = true; again; ) {
    again = false
    const incoming: Edge[][] = []
    for (const block of func.blocks) if (block.params.length > 0) incoming[block.id] = []
    for (const block of func.blocks)
      for (let k = 0, edge = successorAt(block, 0); edge; edge = successorAt(block, ++k)) incoming[edge.block.id]?.push(edge)
    const replacements = new Replacements()
    for (const block of func.blocks) {
      const edges = incoming[block.id]
      if (!edges || edges.length === 0) continue
      const keep: number[] = []
      for (let i = 0; i < block.params.length; i++) {
        const param = block.params[i]!
        let only: Value | undefined
        let redundant = true
        for (const edge of edges) {
          const arg = replacements.resolve(edge.args[i]!)
          if (arg === param || arg === only) continue
          if (only === undefined) only = arg
          else if (!(only.op === 'const' && arg.op === 'const' && only.value === arg.value && only.type === arg.type)) {
            redundant = false
            break
          }
        }
        if (redundant && only !== undefined) replacements.set(param, only)
        else keep.push(i)
      }
      if (keep.length === block.params.length) continue
      again = changed = true
      block.params = keep.map(i => block.params[i]!)
      for (const edge of edges) edge.args = keep.map(i => edge.args[i]!)
    }
    replacements.apply(func)
  }
  return changed
}
