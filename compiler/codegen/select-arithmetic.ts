/** Selection of integer arithmetic, casts, compares and selects that are wanted as values. */
import * as op from '../../assembler/isa/opcodes.js'
import { bitsOf, type Op, signed, type Value } from '../ir/ir.js'
import { NONE } from './machine.js'
import { selectBranch } from './select-control.js'
import { fitsImm, type Selector } from './selector.js'

/** Machine operation of an IR operation, and whether its operands may change places. */
const BINARY: Partial<Record<Op, { readonly alu: number; readonly commutes: boolean }>> = {
  add: { alu: op.BPF_ADD, commutes: true },
  sub: { alu: op.BPF_SUB, commutes: false },
  mul: { alu: op.BPF_MUL, commutes: true },
  udiv: { alu: op.BPF_DIV, commutes: false },
  sdiv: { alu: op.BPF_DIV, commutes: false },
  urem: { alu: op.BPF_MOD, commutes: false },
  srem: { alu: op.BPF_MOD, commutes: false },
  and: { alu: op.BPF_AND, commutes: true },
  or: { alu: op.BPF_OR, commutes: true },
  xor: { alu: op.BPF_XOR, commutes: true },
  shl: { alu: op.BPF_LSH, commutes: false },
  lshr: { alu: op.BPF_RSH, commutes: false },
  ashr: { alu: op.BPF_ARSH, commutes: false },
}

export function selectArithmetic(s: Selector, inst: Value): void {
  const to = s.wanted(inst)
  if (to === NONE) return
  switch (inst.op) {
    case 'zext':
      s.zeroExtendTo(to, inst.args[0]!)
      return
    case 'sext':
      s.signExtendTo(to, inst.args[0]!, bitsOf(inst.type) > 32 ? 64 : 32)
      return
    case 'bswap':
      swapBytes(s, to, inst)
      return
    case 'icmp':
      if (signBit(s, to, inst)) return
      select(s, to, inst, { kind: 'constant', value: 1n }, { kind: 'constant', value: 0n })
      return
    case 'select':
      select(s, to, inst.args[0]!, { kind: 'value', value: inst.args[1]! }, { kind: 'value', value: inst.args[2]! })
      return
    default:
      binary(s, to, inst)
  }
}

/** Whether a number is negative, as a number: its sign bit, for which nothing has to branch. */
function signBit(s: Selector, to: number, inst: Value): boolean {
  const [a, b] = inst.args as [Value, Value]
  if (b.op !== 'const') return false
  const negative = inst.predicate === 'slt' && b.value === 0n
  const width = bitsOf(b.type)
  const positive = inst.predicate === 'sgt' && BigInt.asIntN(width, b.value) === -1n
  if ((!negative && !positive) || (width !== 64 && !(width === 32 && s.alu32))) return false
  const cls = width === 64 ? op.BPF_ALU64 : op.BPF_ALU
  s.copy(to, s.reg(a))
  s.emit(cls | op.BPF_RSH | op.BPF_K, to, 0, 0, width - 1)
  if (positive) s.emit(cls | op.BPF_XOR | op.BPF_K, to, 0, 0, 1)
  return true
}

function swapBytes(s: Selector, to: number, inst: Value): void {
  s.moveTo(to, inst.args[0]!)
  const unconditional = s.cpu >= 4
  const direction = s.context.target.little ? op.BPF_TO_BE : op.BPF_TO_LE
  s.emit(unconditional ? op.BPF_ALU64 | op.BPF_END : op.BPF_ALU | op.BPF_END | direction, to, 0, 0, bitsOf(inst.type))
}

type Arm = { readonly kind: 'value'; readonly value: Value } | { readonly kind: 'constant'; readonly value: bigint }

/** `to = condition ? then : otherwise`, as a branch around the second of two moves. */
function select(s: Selector, to: number, condition: Value, then: Arm, otherwise: Arm): void {
  const move = (arm: Arm) => {
    if (arm.kind === 'value') s.moveTo(to, arm.value)
    else s.push(s.constantInsn(to, 'i32', arm.value))
  }
  // The condition is computed last, so nothing that it needs may be overwritten by the first move: `to` is a register of its own.
  const after = s.out.block()
  const rest = s.out.block()
  move(then)
  s.label(rest, selectBranch(s, condition, after, rest))
  move(otherwise)
  s.label(after, after)
}

function binary(s: Selector, to: number, inst: Value): void {
  const entry = BINARY[inst.op]
  if (!entry) {
    s.error('G0001', `no instruction does '${inst.op}'`)
    return
  }
  const width = bitsOf(inst.type)
  const half = s.alu32 && width <= 32
  const cls = half ? op.BPF_ALU : op.BPF_ALU64
  let [a, b] = inst.args as [Value, Value]
  if (entry.commutes && (a.op === 'const' || (b.op !== 'const' && overwritesSecond(s, inst, a, b)))) [a, b] = [b, a]
  const signedDivision = inst.op === 'sdiv' || inst.op === 'srem'
  const unsignedDivision = inst.op === 'udiv' || inst.op === 'urem'
  // A 64-bit division takes its immediate with the sign extended, which would change an unsigned divisor.
  const constant = unsignedDivision && !half && b.value > 0x7fff_ffffn ? undefined : immediate(b, half, signedDivision)
  if (strengthReduce(s, to, inst, a, b, cls)) return
  if (signedDivision && s.cpu < 4) {
    s.error('G0002', 'signed division has no instruction before -mcpu=v4', 'divide unsigned values, or build with -mcpu=v4')
    return
  }
  const moveLeft = () => {
    if (a.op === 'const' && (width === 64 || (half && width === 32))) s.push(s.constantInsn(to, a.type, a.value))
    else s.copy(to, operandOf(s, inst.op, a, half))
  }
  if (constant !== undefined && !(unsignedDivision && constant === 0)) {
    moveLeft()
    if (inst.op === 'sub' && constant !== -0x8000_0000) s.emit(cls | op.BPF_ADD | op.BPF_K, to, 0, 0, -constant)
    else if (inst.op === 'mul' && constant === -1) s.emit(cls | op.BPF_NEG, to)
    else s.emit(cls | entry.alu | op.BPF_K, to, 0, signedDivision ? 1 : 0, constant)
    return
  }
  if (inst.op === 'sub' && a.op === 'const' && a.value === 0n) {
    s.copy(to, s.reg(b))
    s.emit(cls | op.BPF_NEG, to)
    return
  }
  const right = inst.op === 'shl' || inst.op === 'lshr' || inst.op === 'ashr' ? s.reg(b) : operandOf(s, inst.op, b, half)
  moveLeft()
  s.emit(cls | entry.alu | op.BPF_X, to, right, signedDivision ? 1 : 0)
}

/** Which operand's register the result should take: a loop's parameter that it becomes, or one that nobody needs afterwards. */
function overwritesSecond(s: Selector, inst: Value, a: Value, b: Value): boolean {
  const [first, second] = [s.becomes(inst, s.root(a)), s.becomes(inst, s.root(b))]
  return first !== second ? second : s.livesOn(a) && !s.livesOn(b)
}

/** Operations by a power of two that cost less, and masks that are zero extensions. */
function strengthReduce(s: Selector, to: number, inst: Value, a: Value, b: Value, cls: number): boolean {
  if (b.op !== 'const') return false
  const value = b.value
  const power = value > 0n && (value & (value - 1n)) === 0n
  const log = power ? value.toString(2).length - 1 : 0
  if (inst.op === 'mul' && power) {
    s.copy(to, s.reg(a))
    if (log) s.emit(cls | op.BPF_LSH | op.BPF_K, to, 0, 0, log)
    return true
  }
  if (inst.op === 'udiv' && power) {
    s.copy(to, s.zeroExtended(a))
    if (log) s.emit(cls | op.BPF_RSH | op.BPF_K, to, 0, 0, log)
    return true
  }
  if (inst.op === 'urem' && power && value - 1n <= 0x7fff_ffffn) {
    s.copy(to, s.reg(a))
    s.emit(cls | op.BPF_AND | op.BPF_K, to, 0, 0, Number(value - 1n))
    return true
  }
  if (inst.op === 'and' && inst.type === 'i64' && value === 0xffff_ffffn) {
    if (s.alu32) s.emit(op.BPF_ALU | op.BPF_MOV | op.BPF_X, to, s.reg(a))
    else {
      s.copy(to, s.reg(a))
      s.emit(op.BPF_ALU64 | op.BPF_LSH | op.BPF_K, to, 0, 0, 32)
      s.emit(op.BPF_ALU64 | op.BPF_RSH | op.BPF_K, to, 0, 0, 32)
    }
    return true
  }
  return false
}

/**
 * A constant as a 32-bit immediate of an operation: of 32 bits any, of 64 bits what survives sign extension. Narrow ones are zero-extended, as
 * in registers, unless the operation is a signed one.
 */
function immediate(value: Value, half: boolean, asSigned: boolean): number | undefined {
  if (value.op !== 'const') return undefined
  if (bitsOf(value.type) < 32 && !asSigned) return Number(value.value)
  const wide = signed(value.type, value.value)
  if (half) return Number(BigInt.asIntN(32, wide))
  return fitsImm(wide) ? Number(wide) : undefined
}

/** An operand with its upper bits as the operation needs them. */
function operandOf(s: Selector, operation: Op, value: Value, half: boolean): number {
  const width = bitsOf(value.type)
  if (half && width === 32) return s.reg(value)
  switch (operation) {
    case 'udiv':
    case 'urem':
    case 'lshr':
      return s.zeroExtended(value)
    case 'sdiv':
    case 'srem':
    case 'ashr':
      return s.signExtended(value, half ? 32 : 64)
    default:
      return s.reg(value)
  }
}
