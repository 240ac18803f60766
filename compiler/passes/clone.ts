/** Copies blocks of a function, within it or into another: what inlining and unrolling have in common. */
import { type Block, type Edge, type Func, jump, type Terminator, type Value } from '../ir/ir.js'

export class Cloner {
  readonly values = new Map<Value, Value>()
  readonly blocks = new Map<Block, Block>()

  constructor(private readonly into: Func) {}

  /** The copy of a value, or the value itself where it was not copied. Leaves are shared. */
  value(of: Value): Value {
    return this.values.get(of) ?? of
  }

  /** A leaf of another function made a leaf of this one; ids must be unique in their function. */
  private adopt(value: Value): Value {
    const known = this.values.get(value)
    if (known) return known
    if (value.op === 'const' || value.op === 'undef' || value.op === 'global' || value.op === 'func') {
      const copy = this.shell(value)
      this.values.set(value, copy)
      return copy
    }
    return value
  }

  private shell(of: Value): Value {
    const copy = this.into.value(of.op, of.type, [], of.loc)
    copy.copyFrom(of)
    return copy
  }

  /**
   * Copies the blocks; edges that leave the set keep their targets. Values from outside the set are kept, or, with `adoptLeaves`, made
   * anew (when they belong to another function). The copies are not yet in any function's block list.
   */
  clone(blocks: readonly Block[], adoptLeaves: boolean): Block[] {
    const operand = adoptLeaves ? (value: Value): Value => this.adopt(value) : (value: Value): Value => this.value(value)
    for (const block of blocks) {
      const copy = this.into.block(block.name)
      this.blocks.set(block, copy)
      copy.params = block.params.map(param => this.remember(param))
      copy.insts = block.insts.map(inst => this.remember(inst))
      if (block.terminator.kind === 'asmgoto')
        for (const result of block.terminator.results) if (!this.values.has(result)) this.remember(result)
    }
    const edge = (from: Edge): Edge => ({ block: this.blocks.get(from.block) ?? from.block, args: from.args.map(operand) })
    for (const block of blocks) {
      const copy = this.blocks.get(block)!
      for (let i = 0; i < block.insts.length; i++) copy.insts[i]!.args = block.insts[i]!.args.map(operand)
      copy.terminator = cloneTerminator(block.terminator, operand, edge)
    }
    return blocks.map(block => this.blocks.get(block)!)
  }

  private remember(value: Value): Value {
    const copy = this.shell(value)
    this.values.set(value, copy)
    return copy
  }
}

/** Written out field by field: the objects that `...` makes differ in form from those it copies. */
function cloneTerminator(of: Terminator, operand: (value: Value) => Value, edge: (from: Edge) => Edge): Terminator {
  switch (of.kind) {
    case 'br':
      return jump(edge(of.to), of.loc, of.unroll)
    case 'condbr':
      return {
        kind: 'condbr',
        condition: operand(of.condition),
        then: edge(of.then),
        otherwise: edge(of.otherwise),
        loc: of.loc,
        likely: of.likely,
        first: of.first,
      }
    case 'switch':
      return {
        kind: 'switch',
        value: operand(of.value),
        cases: of.cases.map(({ low, high, to }) => ({ low, high, to: edge(to) })),
        otherwise: edge(of.otherwise),
        loc: of.loc,
      }
    case 'ret':
      return { kind: 'ret', value: of.value && operand(of.value), loc: of.loc }
    case 'asmgoto':
      return {
        ...of,
        args: of.args.map(operand),
        results: of.results.map(operand),
        next: edge(of.next),
        labels: of.labels.map(edge),
      }
    case 'unreachable':
      return { ...of }
  }
}
