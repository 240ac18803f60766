/** Random IR functions: structured control flow over arithmetic of all widths, memory, calls. They always end and never trap. */
import {
  type Block,
  type Edge,
  Func,
  Global,
  type IrType,
  jump,
  type Op,
  type Predicate,
  type Value,
} from '../../../compiler/ir/ir.js'

/** xorshift32: the same numbers everywhere. */
export class Random {
  constructor(private state: number) {
    if (this.state === 0) this.state = 1
  }

  next(limit: number): number {
    let x = this.state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.state = x >>> 0
    return this.state % limit
  }

  pick<T>(list: readonly T[]): T {
    return list[this.next(list.length)]!
  }

  chance(percent: number): boolean {
    return this.next(100) < percent
  }
}

export interface RandomOptions {
  readonly cpu: number
  /** Roughly how many statements. */
  readonly size: number
}

const INTS: readonly IrType[] = ['i8', 'i16', 'i32', 'i32', 'i64', 'i64']
const BINARY: readonly Op[] = ['add', 'sub', 'mul', 'udiv', 'urem', 'and', 'or', 'xor', 'shl', 'lshr', 'ashr', 'sdiv', 'srem']
const PREDICATES: readonly Predicate[] = ['eq', 'ne', 'ult', 'ule', 'ugt', 'uge', 'slt', 'sle', 'sgt', 'sge']
const INTERESTING = [
  0n,
  1n,
  2n,
  7n,
  8n,
  255n,
  256n,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  1n << 32n,
  1n << 63n,
  -1n,
  -2n,
  -128n,
]

/** Bytes of the buffer that the last parameter points to. */
export const BUFFER = 64

export function randomFunction(random: Random, options: RandomOptions): Func {
  return new Generator(random, options).run()
}

const data = new Global('data', 'global', '.data', BUFFER, 8)

class Generator {
  private readonly func = new Func('random', 'global', 'i64', 'test')
  private block: Block
  /** Values by type that dominate the place at work. */
  private known = new Map<IrType, Value[]>()
  private budget: number
  private readonly buffer: Value
  private readonly slots: Value[] = []

  constructor(
    private readonly random: Random,
    private readonly options: RandomOptions,
  ) {
    const { func } = this
    const types: IrType[] = ['i64', 'i32', 'i16', 'ptr']
    types.forEach((type, i) => {
      const param = func.value('param', type)
      param.offset = i
      func.params.push(param)
      if (type !== 'ptr') this.remember(param)
    })
    this.buffer = func.params[3]!
    this.block = this.newBlock()
    this.budget = options.size
    for (let i = 0; i < 2; i++) {
      const slot = this.inst('alloca', 'ptr', [])
      slot.size = 16
      slot.align = 8
      this.slots.push(slot)
    }
    for (const slot of this.slots)
      for (const offset of [0, 8]) {
        const store = this.inst('store', 'void', [slot, func.const('i64', 0)])
        store.offset = offset
        store.align = 8
      }
  }

  run(): Func {
    this.statements(0)
    let sum = this.value('i64')
    for (const slot of this.slots) {
      const load = this.inst('load', 'i64', [slot])
      load.align = 8
      sum = this.inst('xor', 'i64', [sum, load])
    }
    this.block.terminator = { kind: 'ret', value: sum, loc: 0 }
    return this.func
  }

  private newBlock(): Block {
    const block = this.func.block()
    this.func.blocks.push(block)
    return block
  }

  private remember(value: Value): void {
    const list = this.known.get(value.type)
    if (list) list.push(value)
    else this.known.set(value.type, [value])
  }

  private scoped(work: () => void): void {
    const saved = new Map([...this.known].map(([type, list]) => [type, [...list]]))
    work()
    this.known = saved
  }

  private inst(op: Op, type: IrType, args: Value[]): Value {
    const value = this.func.value(op, type, args)
    this.block.insts.push(value)
    return value
  }

  private constant(type: IrType): Value {
    const value = this.random.chance(60)
      ? this.random.pick(INTERESTING)
      : BigInt(this.random.next(0xffff_ffff)) * BigInt(this.random.next(3))
    return this.func.const(type, value)
  }

  private value(type: IrType): Value {
    const list = this.known.get(type) ?? []
    if (list.length === 0 || this.random.chance(15)) return this.constant(type)
    // Newer values more often, older ones enough to stay alive for long.
    const from = this.random.chance(60) ? Math.max(0, list.length - 4) : 0
    return list[from + this.random.next(list.length - from)]!
  }

  private statements(depth: number): void {
    const count = 1 + this.random.next(8)
    for (let i = 0; i < count && this.budget > 0; i++) {
      this.budget--
      const kind = this.random.next(100)
      if (kind < 12 && depth < 4) this.conditional(depth)
      else if (kind < 17 && depth < 3) this.loop(depth)
      else if (kind < 20 && depth < 4) this.switch(depth)
      else this.statement()
    }
    if (depth === 0 && this.budget > 0) this.statements(0)
  }

  private condition(): Value {
    const type = this.random.pick(INTS)
    const compare = this.inst('icmp', 'i1', [this.value(type), this.value(type)])
    compare.predicate = this.random.pick(PREDICATES)
    if (this.random.chance(15)) {
      const other = this.inst('icmp', 'i1', [this.value('i64'), this.value('i64')])
      other.predicate = this.random.pick(PREDICATES)
      return this.inst(this.random.pick(['and', 'or', 'xor'] as const), 'i1', [compare, other])
    }
    return compare
  }

  private statement(): void {
    const { random } = this
    const type = random.pick(INTS)
    switch (random.next(14)) {
      case 0:
        this.remember(this.inst('zext', random.chance(50) ? 'i64' : 'i32', [this.value(random.chance(50) ? 'i8' : 'i16')]))
        return
      case 1:
        this.remember(
          this.inst(random.chance(50) ? 'sext' : 'zext', 'i64', [this.value(random.pick(['i8', 'i16', 'i32'] as const))]),
        )
        return
      case 2:
        this.remember(this.inst('trunc', random.pick(['i8', 'i16', 'i32'] as const), [this.value('i64')]))
        return
      case 3:
        this.remember(this.inst('zext', random.pick(INTS), [this.condition()]))
        return
      case 4:
        this.remember(this.inst('select', type, [this.condition(), this.value(type), this.value(type)]))
        return
      case 5: {
        const wide = random.pick(['i16', 'i32', 'i64'] as const)
        this.remember(this.inst('bswap', wide, [this.value(wide)]))
        return
      }
      case 6: {
        const load = this.inst('load', type, [this.pointer()])
        load.offset = this.fieldOffset(type)
        load.align = 1
        this.remember(load)
        return
      }
      case 7:
      case 8: {
        const store = this.inst('store', 'void', [this.pointer(), this.value(type)])
        store.offset = this.fieldOffset(type)
        store.align = 1
        return
      }
      case 9: {
        const helper = 4 * (1 + random.next(3)) + random.next(4)
        const args = Array.from({ length: helper % 4 }, () => this.value('i64'))
        const call = this.inst('callhelper', 'i64', args)
        call.helper = helper
        this.remember(call)
        return
      }
      case 10:
        this.atomic()
        return
      default: {
        const op = random.pick(BINARY)
        if ((op === 'sdiv' || op === 'srem') && this.options.cpu < 4) return
        const shift = op === 'shl' || op === 'lshr' || op === 'ashr'
        const width = { i8: 8, i16: 16, i32: 32, i64: 64 }[type as 'i8']
        const right = shift ? this.func.const(type, random.next(width)) : this.value(type)
        this.remember(this.inst(op, type, [this.value(type), right]))
      }
    }
  }

  private atomic(): void {
    const { random } = this
    const type: IrType = random.chance(50) ? 'i64' : 'i32'
    const fetch = this.options.cpu >= 3 && random.chance(60)
    if (fetch && random.chance(20)) {
      const swap = this.inst('cmpxchg', type, [this.buffer, this.value(type), this.value(type)])
      swap.offset = 8 * random.next(8)
      this.remember(swap)
      return
    }
    const atomic = this.inst('atomicrmw', fetch ? type : 'void', [this.buffer, this.value(type)])
    atomic.atomic =
      this.options.cpu >= 3 ? random.pick(['add', 'sub', 'and', 'or', 'xor'] as const) : random.pick(['add', 'sub'] as const)
    if (fetch && random.chance(20)) atomic.atomic = 'xchg'
    atomic.fetch = fetch
    atomic.offset = 8 * random.next(8)
    if (fetch) this.remember(atomic)
  }

  private fieldOffset(type: IrType): number {
    const size = { i8: 1, i16: 2, i32: 4, i64: 8 }[type as 'i8']
    return size * this.random.next(16 / size)
  }

  /** An address with at least 16 bytes behind it. */
  private pointer(): Value {
    if (this.random.chance(25)) {
      const address = this.func.value('global', 'ptr')
      address.global = data
      address.offset = this.random.chance(50) ? 0 : 8 * this.random.next(4)
      if (this.random.chance(50)) return address
      const index = this.inst('and', 'i64', [this.value('i64'), this.func.const('i64', 15)])
      return this.inst('ptradd', 'ptr', [address, index])
    }
    if (this.random.chance(40)) return this.random.pick(this.slots)
    if (this.random.chance(40)) return this.inst('ptradd', 'ptr', [this.buffer, this.func.const('i64', 8 * this.random.next(7))])
    const index = this.inst('and', 'i64', [this.value('i64'), this.func.const('i64', 31)])
    return this.inst('ptradd', 'ptr', [this.buffer, index])
  }

  private edge(block: Block): Edge {
    return { block, args: block.params.map(param => this.value(param.type)) }
  }

  private params(block: Block): void {
    for (let count = this.random.next(4); count > 0; count--)
      block.params.push(this.func.value('blockparam', this.random.pick(INTS)))
  }

  private conditional(depth: number): void {
    const condition = this.condition()
    const then = this.newBlock()
    const after = this.func.block()
    this.params(after)
    const otherwise = this.random.chance(50) ? this.newBlock() : after
    this.block.terminator = {
      kind: 'condbr',
      condition,
      then: { block: then, args: [] },
      otherwise: otherwise === after ? this.edge(after) : { block: otherwise, args: [] },
      likely: undefined,
      first: undefined,
      loc: 0,
    }
    for (const arm of [then, otherwise]) {
      if (arm === after) continue
      this.scoped(() => {
        this.block = arm
        this.statements(depth + 1)
        this.block.terminator = jump(this.edge(after), 0)
      })
    }
    this.func.blocks.push(after)
    this.block = after
    after.params.forEach(param => {
      this.remember(param)
    })
  }

  private loop(depth: number): void {
    const head = this.newBlock()
    this.params(head)
    const counter = this.func.value('blockparam', 'i32')
    const first = this.edge(head)
    head.params.push(counter)
    first.args.push(this.func.const('i32', 0))
    this.block.terminator = jump(first, 0)
    this.block = head
    const after = this.func.block()
    head.params.forEach(param => {
      this.remember(param)
    })
    this.scoped(() => {
      this.statements(depth + 1)
      const next = this.inst('add', 'i32', [counter, this.func.const('i32', 1)])
      const again = this.inst('icmp', 'i1', [next, this.func.const('i32', 1 + this.random.next(4))])
      again.predicate = 'ult'
      const back = { block: head, args: head.params.slice(0, -1).map(param => this.value(param.type)) }
      back.args.push(next)
      this.block.terminator = {
        kind: 'condbr',
        condition: again,
        then: back,
        otherwise: { block: after, args: [] },
        likely: undefined,
        first: undefined,
        loc: 0,
      }
    })
    this.func.blocks.push(after)
    this.block = after
  }

  private switch(depth: number): void {
    const type = this.random.pick(INTS)
    const value = this.value(type)
    const after = this.func.block()
    this.params(after)
    const count = 1 + this.random.next(7)
    const cases: { low: bigint; high: bigint; to: Edge }[] = []
    const arms = [this.newBlock(), this.newBlock()]
    let low = BigInt(this.random.next(4))
    const top = (1n << BigInt({ i8: 8, i16: 16, i32: 32, i64: 64 }[type as 'i8'])) - 1n
    if (this.random.chance(30)) low = top / 2n - 3n
    for (let i = 0; i < count; i++) {
      const high = low + BigInt(this.random.chance(30) ? this.random.next(5) : 0)
      if (high > top) break
      const to = this.random.chance(20) ? this.edge(after) : { block: this.random.pick(arms), args: [] }
      cases.push({ low, high, to })
      low = high + 1n + BigInt(this.random.next(3))
    }
    this.block.terminator = { kind: 'switch', value, cases, otherwise: this.edge(after), loc: 0 }
    for (const arm of arms)
      this.scoped(() => {
        this.block = arm
        this.statements(depth + 1)
        this.block.terminator = jump(this.edge(after), 0)
      })
    this.func.blocks.push(after)
    this.block = after
    after.params.forEach(param => {
      this.remember(param)
    })
  }
}
