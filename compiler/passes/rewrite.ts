/** Replacing values everywhere in a function, in one sweep for any number of replacements. */
import { type Block, type Edge, type Func, successorAt, type Terminator, type Value } from '../ir/ir.js'

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
 * Block parameters that get one and the same value from every edge (or themselves, round a loop, or others of which the same is true) are that
 * value. A variable that nobody has set on some edges is the number that the others bring; of pointers and computed values it stays known where
 * they are unset (thread-jumps goes by it). Removes them and returns whether there were any.
 */
export function removeRedundantParams(func: Func): boolean {
  const withParams = func.blocks.filter(block => block.params.length > 0)
  if (withParams.length === 0) return false
  const incoming: Edge[][] = []
  for (const block of withParams) incoming[block.id] = []
  for (const block of func.blocks)
    for (let k = 0, edge = successorAt(block, 0); edge; edge = successorAt(block, ++k)) incoming[edge.block.id]?.push(edge)
  const sources = sourcesOfParams(func, withParams, incoming)
  const replacements = new Replacements()
  for (const block of withParams) {
    const keep: number[] = []
    block.params.forEach((param, i) => {
      const source = sources[param.id]
      if (source === undefined || source === param) keep.push(i)
      else replacements.set(param, source)
    })
    if (keep.length === block.params.length) continue
    block.params = keep.map(i => block.params[i]!)
    for (const edge of incoming[block.id]!) edge.args = keep.map(i => edge.args[i]!)
  }
  replacements.apply(func)
  return !replacements.empty
}

/** By parameter's id, the one value that it can be, or itself. Each is thought to be nothing until an edge brings something. */
function sourcesOfParams(func: Func, blocks: readonly Block[], incoming: readonly Edge[][]): (Value | undefined)[] {
  const sources: (Value | undefined)[] = new Array(func.valueCount).fill(undefined)
  for (let changed = true; changed; ) {
    changed = false
    for (const block of blocks) {
      const edges = incoming[block.id]!
      for (let i = 0; i < block.params.length; i++) {
        const param = block.params[i]!
        const before = sources[param.id]
        if (before === param) continue
        let source = edges.length === 0 ? param : undefined
        let unset: Value | undefined
        for (const edge of edges) {
          const arg = edge.args[i]!
          const from = arg.op === 'blockparam' ? sources[arg.id] : arg
          if (from === undefined || from === source) continue
          if (from.op === 'undef') unset = from
          else if (source === undefined) source = from
          else if (!sameLeaf(source, from)) {
            source = param
            break
          }
        }
        if (unset) source = source === undefined ? unset : source.op === 'const' ? source : param
        if (source === before || (source && before && sameLeaf(source, before))) continue
        sources[param.id] = source
        changed = true
      }
    }
  }
  return sources
}

/** One number, or both unset: round a ring of parameters different unset values would take each other's place for ever. */
function sameLeaf(a: Value, b: Value): boolean {
  return a.op === b.op && (a.op === 'undef' || (a.op === 'const' && a.value === b.value && a.type === b.type))
}
