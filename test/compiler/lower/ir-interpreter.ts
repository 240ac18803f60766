/**
 * Runs IR, for tests: the same function must give the same result before and after passes, and the same as the C it came from. One flat
 * memory; addresses are offsets in it, so a stray access is an error and not a wrong value. Slow and plain on purpose.
 */
import { foldBinary, foldByteSwap, foldCast, foldCompare } from '../../../compiler/ir/fold.js'
import {
  type BinaryOp,
  type Block,
  bitsOf,
  type CastOp,
  type Edge,
  Func,
  type Global,
  type IrType,
  type Module,
  type Value,
  wrap,
} from '../../../compiler/ir/ir.js'

const MEMORY = 1 << 20
const HEAP = 4096

export type Helper = (args: readonly bigint[], memory: DataView) => bigint

export class Interpreter {
  readonly memory = new DataView(new ArrayBuffer(MEMORY))
  private top = HEAP
  private readonly addresses = new Map<Global, number>()
  private readonly functions: Func[] = []
  private steps = 0

  constructor(
    module: Module,
    private readonly little = true,
    /** What helpers do, by number. */
    private readonly helpers: Readonly<Record<number, Helper>> = {},
  ) {
    for (const global of module.globals) this.addresses.set(global, this.allocate(global.size, global.align))
    for (const global of module.globals) {
      const at = this.addresses.get(global)!
      global.bytes?.forEach((byte, i) => {
        this.memory.setUint8(at + i, byte)
      })
      for (const { offset, target, addend } of global.relocs) {
        const address = target instanceof Func ? this.functionAddress(target) : this.addresses.get(target)!
        this.store('i64', at + offset, BigInt(address + addend))
      }
    }
  }

  /** Room for an argument; gives its address. */
  allocate(size: number, align = 8): number {
    const step = Math.max(1, align)
    const at = Math.ceil(this.top / step) * step
    this.top = at + Math.max(1, size)
    if (this.top > MEMORY) throw new Error('out of memory')
    return at
  }

  private functionAddress(func: Func): number {
    if (!this.functions.includes(func)) this.functions.push(func)
    return 1 + this.functions.indexOf(func)
  }

  private check(type: IrType, at: number): void {
    if (at < HEAP || at + bitsOf(type) / 8 > MEMORY) throw new Error(`access of ${type} at ${at}`)
  }

  private load(type: IrType, at: number): bigint {
    this.check(type, at)
    switch (bitsOf(type)) {
      case 8:
        return BigInt(this.memory.getUint8(at))
      case 16:
        return BigInt(this.memory.getUint16(at, this.little))
      case 32:
        return BigInt(this.memory.getUint32(at, this.little))
      default:
        return this.memory.getBigUint64(at, this.little)
    }
  }

  private store(type: IrType, at: number, value: bigint): void {
    this.check(type, at)
    switch (bitsOf(type)) {
      case 8:
        this.memory.setUint8(at, Number(value))
        break
      case 16:
        this.memory.setUint16(at, Number(value), this.little)
        break
      case 32:
        this.memory.setUint32(at, Number(value), this.little)
        break
      default:
        this.memory.setBigUint64(at, value, this.little)
    }
  }

  /** The function's result as an unsigned number; 0 for void. */
  run(func: Func, args: readonly bigint[]): bigint {
    const values = new Map<Value, bigint>()
    func.params.forEach((param, i) => {
      values.set(param, wrap(param.type, args[i] ?? 0n))
    })
    const base = this.top
    const get = (value: Value): bigint => {
      switch (value.op) {
        case 'const':
          return value.value
        case 'undef':
          return 0n
        case 'global':
          return BigInt(this.addresses.get(value.global!)! + value.offset)
        case 'func':
          return BigInt(this.functionAddress(value.func!))
        default: {
          const found = values.get(value)
          if (found === undefined) throw new Error(`%${value.id} has no value`)
          return found
        }
      }
    }
    const follow = (edge: Edge): Block => {
      const incoming = edge.args.map(get)
      edge.block.params.forEach((param, i) => {
        values.set(param, incoming[i]!)
      })
      return edge.block
    }
    let block = func.entry
    for (;;) {
      if (++this.steps > 2_000_000) throw new Error('too many steps')
      for (const inst of block.insts) {
        this.steps++
        values.set(inst, this.step(inst, get))
      }
      const terminator = block.terminator
      switch (terminator.kind) {
        case 'br':
          block = follow(terminator.to)
          break
        case 'condbr':
          block = follow(get(terminator.condition) ? terminator.then : terminator.otherwise)
          break
        case 'switch': {
          const value = get(terminator.value)
          const hit = terminator.cases.find(each => value >= each.low && value <= each.high)
          block = follow(hit ? hit.to : terminator.otherwise)
          break
        }
        case 'ret':
          this.top = base
          return terminator.value ? get(terminator.value) : 0n
        default:
          throw new Error(`cannot run ${terminator.kind}`)
      }
    }
  }

  private step(inst: Value, get: (value: Value) => bigint): bigint {
    const { op, type, args } = inst
    const arg = (i: number): bigint => get(args[i]!)
    const address = (i: number): number => Number(arg(i))
    const size = (): number => (args[2] ? address(2) : inst.size)
    switch (op) {
      case 'alloca':
        return BigInt(this.allocate(inst.size, inst.align))
      case 'load':
        return this.load(type, address(0) + inst.offset)
      case 'store':
        this.store(args[1]!.type, address(0) + inst.offset, arg(1))
        return 0n
      case 'ptradd':
        return wrap('ptr', arg(0) + arg(1))
      case 'icmp':
        return foldCompare(inst.predicate, args[0]!.type, arg(0), arg(1)) ? 1n : 0n
      case 'zext':
      case 'sext':
      case 'trunc':
      case 'ptrtoint':
      case 'inttoptr':
      case 'addrspacecast':
        return foldCast(op as CastOp, args[0]!.type, type, arg(0))
      case 'bswap':
        return foldByteSwap(type, arg(0))
      case 'select':
        return arg(0) ? arg(1) : arg(2)
      case 'opaque':
        return arg(0)
      case 'core':
        return inst.value
      case 'call':
        return this.call(inst.func!, args.map(get))
      case 'callindirect':
        return this.call(this.functions[Number(arg(0)) - 1]!, args.slice(1).map(get))
      case 'callhelper':
        return wrap(type === 'void' ? 'i64' : type, this.helpers[inst.helper]!(args.map(get), this.memory))
      case 'memcpy':
      case 'memmove':
        new Uint8Array(this.memory.buffer).copyWithin(address(0), address(1), address(1) + size())
        return 0n
      case 'memset':
        new Uint8Array(this.memory.buffer).fill(Number(arg(1)), address(0), address(0) + size())
        return 0n
      case 'memcmp':
        for (let i = 0; i < size(); i++) {
          const difference = this.memory.getUint8(address(0) + i) - this.memory.getUint8(address(1) + i)
          if (difference) return wrap('i32', BigInt(difference))
        }
        return 0n
      case 'strlen': {
        let end = address(0)
        while (this.memory.getUint8(end)) end++
        return BigInt(end - address(0))
      }
      case 'strcmp':
        for (let i = 0; i < (args.length > 2 ? Number(arg(2)) : Number.POSITIVE_INFINITY); i++) {
          const left = this.memory.getUint8(address(0) + i)
          const right = this.memory.getUint8(address(1) + i)
          if (left !== right) return wrap('i32', left < right ? -1n : 1n)
          if (!left) break
        }
        return 0n
      case 'atomicrmw': {
        const at = address(0) + inst.offset
        const width = args[1]!.type
        const old = this.load(width, at)
        this.store(width, at, inst.atomic === 'xchg' ? arg(1) : foldBinary(inst.atomic as BinaryOp, width, old, arg(1)))
        return old
      }
      case 'cmpxchg': {
        const at = address(0) + inst.offset
        const old = this.load(type, at)
        if (old === arg(1)) this.store(type, at, arg(2))
        return old
      }
      case 'begin':
      case 'fence':
        return 0n
      default:
        return foldBinary(op as BinaryOp, type, arg(0), arg(1))
    }
  }

  private call(func: Func, args: readonly bigint[]): bigint {
    if (func.isDeclaration) throw new Error(`call of ${func.name}`)
    return this.run(func, args)
  }
}
