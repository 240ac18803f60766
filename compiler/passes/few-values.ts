/**
 * Decides what depends on values that are one of a few numbers, whichever way control came: a flag that every path sets, an enum that was
 * chosen between two enumerators and is then switched over. Cases that no path asks for go, and with them what stands only for a
 * mistake in the source (`__builtin_trap`).
 */
import { reversePostorder } from '../ir/cfg.js'
import { foldBinary, foldCast, foldCompare } from '../ir/fold.js'
import { type BinaryOp, type Block, type CastOp, type Edge, type Func, jump, type Op, type Value } from '../ir/ir.js'
import { divisions, sumsAndBits, widthCasts } from '../ir/op-groups.js'
import { predecessors, removeUnreachable } from './cfg.js'
import type { FunctionPass } from './pass.js'

export const fewValues: FunctionPass = {
  kind: 'function',
  name: 'few-values',
  run(func) {
    let changed = false
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const numbers = new PossibleNumbers(func)
      let decided = false
      for (const block of func.blocks) if (decide(block, numbers)) decided = true
      if (!decided) break
      removeUnreachable(func)
      changed = true
    }
    return changed
  },
}

/** What one round decides may leave fewer values for the next. */
const MAX_ROUNDS = 3
/** A value that can be more numbers than this can be any. */
const MAX_NUMBERS = 12
/** Values that are looked at to find the numbers of one. */
const MAX_LOOKED_AT = 48

const binaryOps: ReadonlySet<Op> = new Set<Op>([...sumsAndBits, 'mul', ...divisions])
const casts: ReadonlySet<Op> = new Set<Op>(widthCasts)
const followed: ReadonlySet<Op> = new Set<Op>([...binaryOps, ...casts, 'const', 'undef', 'blockparam', 'select', 'icmp'])

class PossibleNumbers {
  /** What a block parameter gets, one an incoming edge. */
  private readonly given = new Map<Value, Value[]>()
  private readonly unknown = new Set<Value>()

  constructor(func: Func) {
    const incoming = predecessors(func, reversePostorder(func))
    for (const block of func.blocks)
      block.params.forEach((param, i) => {
        this.given.set(
          param,
          (incoming[block.id] ?? []).map(({ edge }) => edge.args[i]!),
        )
      })
  }

  /** All numbers that a value can be; undefined where they are many or come from outside. */
  of(value: Value): ReadonlySet<bigint> | undefined {
    const involved = this.involved(value)
    if (!involved) return undefined
    const sets = new Map<Value, Set<bigint>>(involved.map(each => [each, new Set()]))
    // Around loops the sets grow until nothing is new; none can grow past the limit.
    for (let grown = true; grown; ) {
      grown = false
      for (const each of involved) {
        const set = sets.get(each)!
        const before = set.size
        if (!this.grow(each, set, sets) || set.size > MAX_NUMBERS) {
          this.unknown.add(value)
          return undefined
        }
        if (set.size > before) grown = true
      }
    }
    return sets.get(value)
  }

  /** The value and what it is made of, operands first as far as there is a first. */
  private involved(root: Value): Value[] | undefined {
    const seen = new Set<Value>()
    const order: Value[] = []
    const visit = (value: Value): boolean => {
      if (seen.has(value)) return true
      if (!followed.has(value.op) || value.type === 'ptr' || this.unknown.has(value) || seen.size >= MAX_LOOKED_AT) return false
      seen.add(value)
      if (!this.operands(value).every(visit)) return false
      order.push(value)
      return true
    }
    if (visit(root)) return order
    this.unknown.add(root)
    return undefined
  }

  private operands(value: Value): readonly Value[] {
    return value.op === 'blockparam' ? (this.given.get(value) ?? []) : value.args
  }

  /** Adds what a value can be, as far as its operands are known by now; false where that is too much to list. */
  private grow(value: Value, set: Set<bigint>, sets: ReadonlyMap<Value, ReadonlySet<bigint>>): boolean {
    const { op, type } = value
    if (op === 'const') set.add(value.value)
    else if (op === 'blockparam') for (const arg of this.operands(value)) for (const number of sets.get(arg)!) set.add(number)
    else if (op === 'select') {
      for (const arg of value.args.slice(1)) for (const number of sets.get(arg)!) set.add(number)
    } else if (casts.has(op)) {
      const from = value.args[0]!
      for (const number of sets.get(from)!) set.add(foldCast(op as CastOp, from.type, type, number))
    } else if (op !== 'undef') {
      const [a, b] = value.args as [Value, Value]
      for (const left of sets.get(a)!)
        for (const right of sets.get(b)!)
          set.add(
            op === 'icmp'
              ? BigInt(foldCompare(value.predicate, a.type, left, right))
              : foldBinary(op as BinaryOp, type, left, right),
          )
    }
    return set.size <= MAX_NUMBERS
  }
}

function decide(block: Block, numbers: PossibleNumbers): boolean {
  const { terminator } = block
  if (terminator.kind === 'condbr') {
    if (terminator.condition.op === 'const') return false
    const known = numbers.of(terminator.condition)
    if (known?.size !== 1) return false
    block.terminator = jump(known.has(0n) ? terminator.otherwise : terminator.then, terminator.loc)
    return true
  }
  if (terminator.kind !== 'switch' || terminator.value.op === 'const') return false
  const known = numbers.of(terminator.value)
  if (!known || known.size === 0) return false
  const wanted = [...known]
  const cases = terminator.cases.filter(({ low, high }) => wanted.some(number => low <= number && number <= high))
  const all = wanted.every(number => cases.some(({ low, high }) => low <= number && number <= high))
  if (!all && cases.length === terminator.cases.length) return false
  const otherwise: Edge = all ? cases.pop()!.to : terminator.otherwise
  block.terminator = cases.length > 0 ? { ...terminator, cases, otherwise } : jump(otherwise, terminator.loc)
  return true
}
