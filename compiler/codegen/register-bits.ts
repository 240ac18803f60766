/**
 * How many low bits of a value's register can be other than zero. Types say how many bits of a value count; the register around it
 * may hold anything above them. Where this analysis shows that it does not, zero extension costs nothing and compares can be
 * 64 bits wide, which keeps one register both checked and used.
 *
 * Optimistic: block parameters start at 0 and grow until nothing changes; they grow in steps, so few rounds are needed.
 */
import { reversePostorder } from '../ir/cfg.js'
import { bitsOf, type Func, successorAt, type Value } from '../ir/ir.js'

const STEPS = [0, 1, 8, 16, 31, 32, 63, 64]

/** Of a number of at most 64 bits. */
const bitLength = (value: bigint) =>
  value > 0xffff_ffffn ? 64 - Math.clz32(Number(value >> 32n)) : 32 - Math.clz32(Number(value))

/** Bits of the register into which a constant of that type is put. Without 32-bit arithmetic an i32 is sign-extended. */
export function constantBits(value: Value, alu32: boolean): number {
  if (value.type === 'i32' && !alu32 && value.value >= 0x8000_0000n) return 64
  return bitLength(value.value)
}

/** Possibly nonzero low bits by value id; `alu32` for -mcpu=v3 and later. */
export function registerBits(func: Func, alu32: boolean): Uint8Array {
  const bits = new Uint8Array(func.valueCount)
  const of = (value: Value): number => {
    switch (value.op) {
      case 'const':
        return constantBits(value, alu32)
      case 'undef':
        return 0
      case 'global':
      case 'func':
      case 'param':
        return 64
      default:
        return bits[value.id]!
    }
  }
  const order = reversePostorder(func)
  const position = new Int32Array(func.blockCount)
  for (let b = 0; b < order.length; b++) position[order[b]!.id] = b
  // What an instruction reads was made before it in this order, but for parameters that grow round a loop: only those ask for another round.
  for (let changed = true; changed; ) {
    changed = false
    for (let b = 0; b < order.length; b++) {
      const block = order[b]!
      const { insts, terminator } = block
      for (let i = 0; i < insts.length; i++) {
        const inst = insts[i]!
        const found = transfer(inst, of, alu32)
        if (found > bits[inst.id]!) bits[inst.id] = found
      }
      if (terminator.kind === 'asmgoto') for (const result of terminator.results) bits[result.id] = 64
      for (let k = 0, edge = successorAt(block, 0); edge; edge = successorAt(block, ++k)) {
        const { args } = edge
        const { id, params } = edge.block
        for (let i = 0; i < args.length; i++) {
          const param = params[i]!
          const found = of(args[i]!)
          if (found <= bits[param.id]!) continue
          bits[param.id] = STEPS.find(step => step >= found)!
          if (position[id]! <= b) changed = true
        }
      }
    }
  }
  return bits
}

function transfer(inst: Value, of: (value: Value) => number, alu32: boolean): number {
  const { op, args } = inst
  const width = bitsOf(inst.type)
  const narrow = width < 64 && inst.type !== 'ptr'
  /** What arithmetic leaves behind that does not care for upper bits. */
  const full = narrow && alu32 ? 32 : 64
  const a = args[0]
  const b = args[1]
  switch (op) {
    case 'load':
      return inst.signed ? 64 : Math.max(8, width)
    case 'and':
      return Math.min(full, of(a!), of(b!))
    case 'or':
    case 'xor': {
      const most = Math.max(of(a!), of(b!))
      return narrow && alu32 ? Math.min(32, most) : most
    }
    case 'lshr': {
      const known = Math.min(of(a!), width)
      return b!.op === 'const' ? Math.max(0, known - Number(b!.value)) : known
    }
    case 'ashr':
      // The sign bit is known to be clear: as a logical shift.
      if (of(a!) < width) return b!.op === 'const' ? Math.max(0, of(a!) - Number(b!.value)) : of(a!)
      return full
    case 'shl':
      return b!.op === 'const' ? Math.min(full, of(a!) + Number(b!.value)) : full
    case 'add':
      return Math.min(full, Math.max(of(a!), of(b!)) + 1)
    case 'mul':
      return Math.min(full, of(a!) + of(b!))
    case 'udiv':
      return Math.min(of(a!), width)
    case 'urem':
      // A remainder by zero is the dividend.
      return Math.min(of(a!), width, b!.op === 'const' && b!.value !== 0n ? of(b!) : 64)
    case 'sub':
    case 'sdiv':
    case 'srem':
      return full
    case 'icmp':
      return 1
    case 'zext':
      return Math.min(of(a!), bitsOf(a!.type))
    case 'sext':
      return of(a!) < bitsOf(a!.type) ? of(a!) : full
    case 'trunc':
    case 'opaque':
    case 'ptrtoint':
    case 'inttoptr':
      return of(a!)
    case 'bswap':
      return width
    case 'select':
      return Math.max(of(b!), of(args[2]!))
    case 'atomicrmw':
    case 'cmpxchg':
      return inst.type === 'i32' && alu32 ? 32 : 64
    case 'loadskb':
      return inst.size * 8
    default:
      return inst.type === 'void' ? 0 : 64
  }
}
