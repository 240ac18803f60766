/**
 * Expressions without effects, found again by what they compute: operation, type and operands, as numbers in a chained hash table. What was
 * added last hides what it equals, and goes first: the table follows a walk over the dominator tree, scope by scope.
 */
import { commutative, divisions, sumsAndBits, widthCasts } from '../ir/op-groups.js'
import { swapped } from '../ir/fold.js'
import type { Func, Global, IrType, Op, Predicate, Value } from '../ir/ir.js'

const operations: readonly Op[] = [
  'ptradd',
  ...sumsAndBits,
  'mul',
  ...divisions,
  'icmp',
  ...widthCasts,
  'ptrtoint',
  'inttoptr',
  'addrspacecast',
  'bswap',
  'select',
]
const operationNumbers: ReadonlyMap<Op, number> = new Map(operations.map((op, i) => [op, i]))
const typeNumbers: Readonly<Record<IrType, number>> = { void: 0, i1: 1, i8: 2, i16: 3, i32: 4, i64: 5, ptr: 6 }
const TYPES = 8
const predicateNumbers: Readonly<Record<Predicate, number>> = {
  eq: 0,
  ne: 1,
  ult: 2,
  ule: 3,
  ugt: 4,
  uge: 5,
  slt: 6,
  sle: 7,
  sgt: 8,
  sge: 9,
}
const COMPARES = operations.length * TYPES
/** In place of an operand that there is not. */
const NONE = -1
const FIRST_LEAF = -2

/** Numbers of an entry, and the places of two of them. */
const FIELDS = 6
const NEXT = 4
const CHAIN = 5

export class ExpressionTable {
  /** By entry: the operation with its type or predicate, three operands, the entry before it in its chain, and the chain. */
  private readonly fields: number[] = []
  private readonly values: Value[] = []
  private readonly heads: Int32Array
  private readonly constants = new Map<IrType, Map<bigint, number>>()
  private readonly addresses = new Map<Global | Func, Map<number, number>>()
  private leaves = 0
  // What was asked for last.
  private code = 0
  private a = NONE
  private b = NONE
  private c = NONE

  constructor(func: Func) {
    this.heads = new Int32Array(1 << Math.min(16, Math.max(6, 32 - Math.clz32(func.valueCount)))).fill(NONE)
  }

  /** Whether the table takes an operation. */
  static takes(op: Op): boolean {
    return operationNumbers.has(op)
  }

  /** How many there are: what `shrink` goes back to. */
  get size(): number {
    return this.values.length
  }

  /** Forgets what was added since the table had this size. */
  shrink(size: number): void {
    for (let i = this.values.length - 1; i >= size; i--)
      this.heads[this.fields[i * FIELDS + CHAIN]!] = this.fields[i * FIELDS + NEXT]!
    this.values.length = size
    this.fields.length = size * FIELDS
  }

  /** The value that computes the same as an instruction; without one the instruction itself is added, and the answer is undefined. */
  findOrAdd(inst: Value): Value | undefined {
    const { op, args } = inst
    if (op === 'icmp') this.nameCompare(inst.predicate, args[0]!, args[1]!)
    else {
      this.code = operationNumbers.get(op)! * TYPES + typeNumbers[inst.type]
      this.a = this.operand(args[0]!)
      this.b = args.length > 1 ? this.operand(args[1]!) : NONE
      this.c = args.length > 2 ? this.operand(args[2]!) : NONE
      if (op === 'addrspacecast') {
        this.b = inst.size
        this.c = inst.offset
      } else if (commutative.has(op) && this.a > this.b) [this.a, this.b] = [this.b, this.a]
    }
    const chain = this.chain()
    const { fields } = this
    for (let i = this.heads[chain]!; i >= 0; i = fields[i * FIELDS + NEXT]!) {
      const at = i * FIELDS
      if (fields[at] === this.code && fields[at + 1] === this.a && fields[at + 2] === this.b && fields[at + 3] === this.c)
        return this.values[i]
    }
    this.add(chain, inst)
    return undefined
  }

  /** From here on the comparison has a known outcome. */
  setCompare(predicate: Predicate, a: Value, b: Value, outcome: Value): void {
    this.nameCompare(predicate, a, b)
    this.add(this.chain(), outcome)
  }

  private nameCompare(predicate: Predicate, a: Value, b: Value): void {
    const left = this.operand(a)
    const right = this.operand(b)
    const inOrder = left <= right
    this.code = COMPARES + predicateNumbers[inOrder ? predicate : swapped[predicate]]
    this.a = inOrder ? left : right
    this.b = inOrder ? right : left
    this.c = NONE
  }

  private chain(): number {
    let hash = Math.imul(this.code + 1, 0x9e3779b1) ^ Math.imul(this.a + 1, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15) ^ Math.imul(this.b + 1, 0xc2b2ae35), 0x27d4eb2f) ^ this.c
    return (hash ^ (hash >>> 13)) & (this.heads.length - 1)
  }

  private add(chain: number, value: Value): void {
    this.fields.push(this.code, this.a, this.b, this.c, this.heads[chain]!, chain)
    this.heads[chain] = this.values.push(value) - 1
  }

  /** Equal constants and addresses are many values with one number, below 0. */
  private operand(value: Value): number {
    switch (value.op) {
      case 'const': {
        let numbers = this.constants.get(value.type)
        if (!numbers) this.constants.set(value.type, (numbers = new Map()))
        let number = numbers.get(value.value)
        if (number === undefined) numbers.set(value.value, (number = FIRST_LEAF - this.leaves++))
        return number
      }
      case 'global':
      case 'func': {
        const of = value.op === 'func' ? value.func! : value.global!
        let numbers = this.addresses.get(of)
        if (!numbers) this.addresses.set(of, (numbers = new Map()))
        let number = numbers.get(value.offset)
        if (number === undefined) numbers.set(value.offset, (number = FIRST_LEAF - this.leaves++))
        return number
      }
      default:
        return value.id
    }
  }
}
