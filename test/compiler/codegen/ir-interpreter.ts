/** A reference interpreter of the IR, as plain as can be: what generated code is held against. */
import { type Block, bitsOf, type Edge, type Func, signed, type Value, wrap } from '../../../compiler/ir/ir.js'

/** Flat memory from an address on. */
export class Memory {
  readonly bytes: Uint8Array
  constructor(
    readonly base: bigint,
    size: number,
    readonly little: boolean,
  ) {
    this.bytes = new Uint8Array(size)
  }

  private at(address: bigint, size: number): number {
    const offset = Number(BigInt.asIntN(64, address - this.base))
    if (offset < 0 || offset + size > this.bytes.length) throw new Error(`access out of memory at 0x${address.toString(16)}`)
    return offset
  }

  load(address: bigint, size: number): bigint {
    const offset = this.at(address, size)
    let value = 0n
    for (let i = 0; i < size; i++) {
      const byte = this.bytes[offset + (this.little ? size - 1 - i : i)]!
      value = (value << 8n) | BigInt(byte)
    }
    return value
  }

  store(address: bigint, size: number, value: bigint): void {
    const offset = this.at(address, size)
    for (let i = 0; i < size; i++) this.bytes[offset + (this.little ? i : size - 1 - i)] = Number((value >> BigInt(8 * i)) & 255n)
  }
}

/** What helper calls answer: a mix of the number and the arguments. */
export function helperResult(helper: number, args: readonly bigint[]): bigint {
  let mix = BigInt(helper) * 0x9e3779b97f4a7c15n
  for (const arg of args) mix = BigInt.asUintN(64, (mix ^ arg) * 0xff51afd7ed558ccdn + 1n)
  return BigInt.asUintN(64, mix)
}

export function swapBytes(value: bigint, bytes: number): bigint {
  let out = 0n
  for (let i = 0; i < bytes; i++) out = (out << 8n) | ((value >> BigInt(8 * i)) & 255n)
  return out
}

/** Runs a function; allocas are placed from `stack` upwards, all globals are at one address. Throws after too many steps. */
export function interpret(func: Func, args: readonly bigint[], memory: Memory, stack: bigint, globalAddress = 0n): bigint {
  const values = new Map<Value, bigint>()
  let free = stack
  const get = (value: Value): bigint => {
    switch (value.op) {
      case 'const':
        return value.value
      case 'undef':
        return 0n
      case 'global':
        return globalAddress + BigInt(value.offset)
      case 'param':
        return wrap(value.type, args[value.offset]!)
      default: {
        const found = values.get(value)
        if (found === undefined) throw new Error(`%${value.id} has no value`)
        return found
      }
    }
  }
  const enter = (edge: Edge): Block => {
    const incoming = edge.args.map(get)
    edge.block.params.forEach((param, i) => {
      values.set(param, incoming[i]!)
    })
    return edge.block
  }
  let block = func.entry
  for (let steps = 0; steps < 100_000; steps++) {
    for (const inst of block.insts) {
      if (inst.op === 'alloca') {
        free = ((free + BigInt(inst.align) - 1n) / BigInt(inst.align)) * BigInt(inst.align)
        values.set(inst, free)
        free += BigInt(inst.size)
      } else values.set(inst, wrap(inst.type === 'void' ? 'i64' : inst.type, evaluate(inst, get, memory)))
    }
    const terminator = block.terminator
    switch (terminator.kind) {
      case 'br':
        block = enter(terminator.to)
        break
      case 'condbr':
        block = enter(get(terminator.condition) ? terminator.then : terminator.otherwise)
        break
      case 'switch': {
        const value = get(terminator.value)
        block = enter(terminator.cases.find(({ low, high }) => value >= low && value <= high)?.to ?? terminator.otherwise)
        break
      }
      case 'ret':
        return terminator.value ? get(terminator.value) : 0n
      default:
        throw new Error(`reached ${terminator.kind}`)
    }
  }
  throw new Error('does not end')
}

function evaluate(inst: Value, get: (value: Value) => bigint, memory: Memory): bigint {
  const { op, type } = inst
  const args = inst.args.map(get)
  const [a, b, c] = args as [bigint, bigint, bigint]
  const from = inst.args[0]?.type ?? 'i64'
  const sa = () => signed(from, a)
  const sb = () => signed(from, b)
  const bytes = (of: Value) => Math.max(1, bitsOf(of.type) / 8)
  const shift = () => b & BigInt(bitsOf(type) - 1)
  switch (op) {
    case 'load':
      return memory.load(a + BigInt(inst.offset), bytes(inst))
    case 'store':
      memory.store(a + BigInt(inst.offset), bytes(inst.args[1]!), b)
      return 0n
    case 'ptradd':
    case 'add':
      return a + b
    case 'sub':
      return a - b
    case 'mul':
      return a * b
    case 'udiv':
      return b === 0n ? 0n : a / b
    case 'urem':
      return b === 0n ? a : a % b
    case 'sdiv':
      return b === 0n ? 0n : sa() / sb()
    case 'srem':
      return b === 0n ? a : sa() % sb()
    case 'and':
      return a & b
    case 'or':
      return a | b
    case 'xor':
      return a ^ b
    case 'shl':
      return a << shift()
    case 'lshr':
      return a >> shift()
    case 'ashr':
      return sa() >> shift()
    case 'icmp': {
      const s = inst.predicate.startsWith('s')
      const [x, y] = s ? [sa(), sb()] : [a, b]
      switch (inst.predicate.replace(/^[us](?=[lg])/, '')) {
        case 'eq':
          return x === y ? 1n : 0n
        case 'ne':
          return x !== y ? 1n : 0n
        case 'lt':
          return x < y ? 1n : 0n
        case 'le':
          return x <= y ? 1n : 0n
        case 'gt':
          return x > y ? 1n : 0n
        default:
          return x >= y ? 1n : 0n
      }
    }
    case 'zext':
    case 'trunc':
    case 'ptrtoint':
    case 'inttoptr':
    case 'opaque':
      return a
    case 'sext':
      return sa()
    case 'bswap':
      return swapBytes(a, bitsOf(type) / 8)
    case 'select':
      return a ? b : c
    case 'callhelper':
      return helperResult(inst.helper, args)
    case 'atomicrmw': {
      const size = bytes(inst.args[1]!)
      const address = a + BigInt(inst.offset)
      const old = memory.load(address, size)
      const now = { add: old + b, sub: old - b, and: old & b, or: old | b, xor: old ^ b, xchg: b }[inst.atomic!]
      memory.store(address, size, now)
      return old
    }
    case 'cmpxchg': {
      const size = bytes(inst)
      const address = a + BigInt(inst.offset)
      const old = memory.load(address, size)
      if (old === b) memory.store(address, size, c)
      return old
    }
    default:
      throw new Error(`the interpreter does not know ${op}`)
  }
}
