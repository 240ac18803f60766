/** Selection of terminators: branches with their compares, switches as trees of compares, returns, asm goto. */
import * as op from '../../assembler/isa/opcodes.js'
import { type Block, bitsOf, type Edge, type Predicate, signed, type Terminator, type Value } from '../ir/ir.js'
import { isBranch, type MBlock, NONE, R0 } from './machine.js'
import { emitAsm } from './select-call.js'
import { fitsImm, type Selector } from './selector.js'

const JUMPS: Record<Predicate, number> = {
  eq: op.BPF_JEQ,
  ne: op.BPF_JNE,
  ult: op.BPF_JLT,
  ule: op.BPF_JLE,
  ugt: op.BPF_JGT,
  uge: op.BPF_JGE,
  slt: op.BPF_JSLT,
  sle: op.BPF_JSLE,
  sgt: op.BPF_JSGT,
  sge: op.BPF_JSGE,
}

export const SWAPPED: Record<Predicate, Predicate> = {
  eq: 'eq',
  ne: 'ne',
  ult: 'ugt',
  ule: 'uge',
  ugt: 'ult',
  uge: 'ule',
  slt: 'sgt',
  sle: 'sge',
  sgt: 'slt',
  sge: 'sle',
}

export const INVERSE: Record<Predicate, Predicate> = {
  eq: 'ne',
  ne: 'eq',
  ult: 'uge',
  ule: 'ugt',
  ugt: 'ule',
  uge: 'ult',
  slt: 'sge',
  sle: 'sgt',
  sgt: 'sle',
  sge: 'slt',
}

const isSigned = (predicate: Predicate) => predicate.startsWith('s')
const isLess = (predicate: Predicate) => predicate.endsWith('lt') || predicate.endsWith('le')

/** Emits what ends the block; answers the block that control falls into. */
export function selectTerminator(s: Selector, block: Block): MBlock | undefined {
  const terminator = block.terminator
  switch (terminator.kind) {
    case 'br':
      s.passArguments(terminator.to)
      return s.blocks[terminator.to.block.id]
    case 'ret':
      // A naked function is what its assembly says, to the last instruction.
      if (s.func.naked) return undefined
      if (terminator.value) s.moveTo(R0, terminator.value)
      s.exit(terminator.value !== undefined)
      return undefined
    case 'unreachable':
      if (!s.func.naked) s.exit(false)
      return undefined
    case 'condbr': {
      const then = s.edgeTarget(terminator.then)
      const otherwise = s.edgeTarget(terminator.otherwise)
      if (terminator.likely === true) otherwise.cold = true
      if (terminator.likely === false) then.cold = true
      if (then === otherwise) return then
      return inOrder(
        s,
        selectBranch(s, terminator.condition, then, otherwise),
        terminator.first && { then, otherwise }[terminator.first],
      )
    }
    case 'switch':
      return selectSwitch(s, terminator)
    case 'asmgoto': {
      const labels = terminator.labels.map(edge => s.edgeTarget(edge))
      emitAsm(s, terminator.asm, terminator.args, terminator.results, labels)
      return s.edgeTarget(terminator.next)
    }
  }
}

/** Lets a branch that was just emitted fall into the wanted side, where the machine can, and keeps it so. */
function inOrder(s: Selector, following: MBlock, first: MBlock | undefined): MBlock {
  const branch = s.latest
  if (!first || !branch || !isBranch(branch)) return following
  if (following === first) {
    branch.straight = true
    return following
  }
  const inverse = branch.target === first ? invertJump(s, branch.op) : undefined
  if (inverse === undefined) return following
  branch.op = inverse
  branch.target = following
  branch.straight = true
  return first
}

/** Emits branches to `then`; answers the block for the other case, into which control falls. */
export function selectBranch(s: Selector, condition: Value, then: MBlock, otherwise: MBlock): MBlock {
  const value = s.root(condition)
  if (value.op === 'const') return value.value & 1n ? then : otherwise
  if (value.op === 'icmp') return compare(s, value.predicate, value.args[0]!, value.args[1]!, then, otherwise)
  if (value.op === 'xor' && value.type === 'i1' && value.args[1]!.op === 'const' && value.args[1]!.value === 1n)
    return selectBranch(s, value.args[0]!, otherwise, then)
  if ((value.op === 'and' || value.op === 'or') && value.type === 'i1' && s.wanted(value) === NONE) {
    // Two branches instead of two truth values; neither side has effects.
    const next = s.out.block()
    const [first, second] = value.args as [Value, Value]
    const rest = value.op === 'and' ? selectBranch(s, first, next, otherwise) : selectBranch(s, first, then, next)
    s.label(next, rest)
    return selectBranch(s, second, then, otherwise)
  }
  const register = s.reg(value)
  if (s.bitsOf(value) > 1) s.emit(op.BPF_JMP | op.BPF_JSET | op.BPF_K, register, 0, 0, 1).target = then
  else s.emit(op.BPF_JMP | op.BPF_JNE | op.BPF_K, register, 0, 0, 0).target = then
  return otherwise
}

/** The opcode that branches in exactly the other cases; undefined where the machine has none. */
export function invertJump(s: { readonly cpu: number }, code: number): number | undefined {
  const inverse = INVERSE_JUMP[code & 0xf0]
  if (inverse === undefined) return undefined
  if (s.cpu < 2 && V2_JUMPS.has(inverse)) return undefined
  return (code & 0x0f) | inverse
}

export const V2_JUMPS = new Set<number>([op.BPF_JLT, op.BPF_JLE, op.BPF_JSLT, op.BPF_JSLE])

const INVERSE_JUMP: Record<number, number> = Object.fromEntries(
  (Object.keys(JUMPS) as Predicate[]).map(predicate => [JUMPS[predicate], JUMPS[INVERSE[predicate]]]),
)

function compare(s: Selector, wanted: Predicate, left: Value, right: Value, then: MBlock, otherwise: MBlock): MBlock {
  let predicate = wanted
  let [a, b] = [left, right]
  if (s.root(a).op === 'const') {
    ;[a, b] = [b, a]
    predicate = SWAPPED[predicate]
  }
  const constant = s.root(b)
  if (constant.op === 'const') {
    const value = BigInt.asUintN(bitsOf(b.type), constant.value)
    if ((predicate === 'eq' || predicate === 'ne') && value === 0n && testBits(s, a, predicate === 'ne', then, otherwise))
      return predicate === 'ne' ? otherwise : then
    return compareConstant(s, predicate, a, value, then, otherwise)
  }
  const { half, x, y } = comparable(s, predicate, a, b)
  return jump(s, predicate, half, x, { register: y }, then, otherwise)
}

/** `(x & mask) != 0` in one instruction, where nobody else wants the masked value. Emits the branch for "some bit set". */
function testBits(s: Selector, value: Value, wantSet: boolean, then: MBlock, otherwise: MBlock): boolean {
  const masked = s.root(value)
  if (masked.op !== 'and' || s.uses[masked.id] !== 1 || s.wanted(masked) !== NONE) return false
  const mask = masked.args[1]!
  if (mask.op !== 'const' || bitsOf(value.type) < bitsOf(masked.type)) return false
  const bits = mask.value
  const wide = masked.type === 'i64'
  const fits = wide ? fitsImm(signed('i64', bits)) : bits <= 0x7fff_ffffn || s.alu32
  if (!fits) return false
  const half = !wide && bits > 0x7fff_ffffn
  const code = (half ? op.BPF_JMP32 : op.BPF_JMP) | op.BPF_JSET | op.BPF_K
  s.emit(code, s.reg(masked.args[0]!), 0, 0, Number(BigInt.asIntN(32, bits))).target = wantSet ? then : otherwise
  return true
}

/** Registers of two operands as a compare needs them, and whether it looks at the lower halves only. */
function comparable(s: Selector, predicate: Predicate, a: Value, b: Value): { half: boolean; x: number; y: number } {
  const width = bitsOf(a.type)
  if (width === 64) return { half: false, x: s.reg(a), y: s.reg(b) }
  if (isSigned(predicate)) {
    if (s.bitsOf(a) < width && s.bitsOf(b) < width) return { half: false, x: s.reg(a), y: s.reg(b) }
    return { half: s.alu32, x: s.signExtended(a, s.alu32 ? 32 : 64), y: s.signExtended(b, s.alu32 ? 32 : 64) }
  }
  const clean = s.bitsOf(a) <= width && s.bitsOf(b) <= width
  if (s.alu32 && width === 32 && !clean) return { half: true, x: s.reg(a), y: s.reg(b) }
  return { half: false, x: s.zeroExtended(a), y: s.zeroExtended(b) }
}

/** Compares a value with a constant of its type. */
export function compareConstant(
  s: Selector,
  predicate: Predicate,
  a: Value,
  value: bigint,
  then: MBlock,
  otherwise: MBlock,
): MBlock {
  const width = bitsOf(a.type)
  const wide = signed(a.type, value)
  if (width === 64) return jumpConstant(s, predicate, false, s.reg(a), wide, then, otherwise)
  if (isSigned(predicate)) {
    if (s.bitsOf(a) < width) return jumpConstant(s, predicate, false, s.reg(a), wide, then, otherwise)
    const half = s.alu32
    // Of a number whose upper half is clear the sign is bit 31: no copy of it is extended, and it is itself that is bounded.
    const sign = !half && width === 32 && s.bitsOf(a) === 32 ? signTest(predicate, wide) : undefined
    if (sign) return jumpConstant(s, sign, false, s.reg(a), 0x7fff_ffffn, then, otherwise)
    return jumpConstant(s, predicate, half, s.signExtended(a, half ? 32 : 64), wide, then, otherwise)
  }
  if (s.alu32 && width === 32 && (s.bitsOf(a) > 32 || value > 0x7fff_ffffn))
    return jumpConstant(s, predicate, true, s.reg(a), wide, then, otherwise)
  if (!s.alu32 && width === 32 && value > 0x7fff_ffffn && (predicate === 'eq' || predicate === 'ne'))
    return jumpConstant(s, predicate, false, s.signExtended(a, 64), wide, then, otherwise)
  return jumpConstant(s, predicate, false, s.zeroExtended(a), value, then, otherwise)
}

/** The unsigned compare with 2^31 - 1 that a signed one with 0 or -1 comes to. */
function signTest(predicate: Predicate, value: bigint): Predicate | undefined {
  if ((predicate === 'slt' && value === 0n) || (predicate === 'sle' && value === -1n)) return 'ugt'
  if ((predicate === 'sge' && value === 0n) || (predicate === 'sgt' && value === -1n)) return 'ule'
  return undefined
}

function jumpConstant(
  s: Selector,
  predicate: Predicate,
  half: boolean,
  x: number,
  value: bigint,
  then: MBlock,
  otherwise: MBlock,
): MBlock {
  if (half || fitsImm(value)) return jump(s, predicate, half, x, { immediate: Number(BigInt.asIntN(32, value)) }, then, otherwise)
  return jump(s, predicate, half, x, { register: s.constant('i64', BigInt.asUintN(64, value)) }, then, otherwise)
}

type Right = { readonly register: number } | { readonly immediate: number }

function jump(s: Selector, wanted: Predicate, half: boolean, x: number, right: Right, then: MBlock, otherwise: MBlock): MBlock {
  let predicate = wanted
  let [taken, falls] = [then, otherwise]
  let [a, b] = [x, 'register' in right ? right.register : NONE]
  // -mcpu=v1 has no "less than": change the sides, or the targets.
  if (s.cpu < 2 && isLess(predicate)) {
    if (b !== NONE) {
      ;[a, b] = [b, a]
      predicate = SWAPPED[predicate]
    } else {
      predicate = INVERSE[predicate]
      ;[taken, falls] = [falls, taken]
    }
  }
  const cls = half ? op.BPF_JMP32 : op.BPF_JMP
  if (b !== NONE) s.emit(cls | JUMPS[predicate] | op.BPF_X, a, b).target = taken
  else s.emit(cls | JUMPS[predicate] | op.BPF_K, a, 0, 0, (right as { immediate: number }).immediate).target = taken
  return falls
}

// --- switch ---

interface Range {
  readonly low: bigint
  readonly high: bigint
  readonly target: MBlock
}

type Switch = Extract<Terminator, { kind: 'switch' }>

/** A switch as a tree of compares: sorted ranges, halves told apart by one compare each, a few at the end one after the other. */
function selectSwitch(s: Selector, terminator: Switch): MBlock {
  const value = terminator.value
  const signedCases = !s.alu32 && value.type === 'i32' && terminator.cases.some(({ high }) => high > 0x7fff_ffffn)
  const read = (bound: bigint) => (signedCases ? signed('i32', bound) : bound)
  const targets = new Map<Edge, MBlock>()
  const shared = new Map<string, MBlock>()
  const targetOf = (edge: Edge): MBlock => {
    let target = targets.get(edge)
    if (!target) {
      const key = `${edge.block.id}:${edge.args.map(arg => `${arg.op === 'const' ? `${arg.type}${arg.value}` : arg.id}`).join()}`
      target = shared.get(key) ?? s.edgeTarget(edge)
      shared.set(key, target)
      targets.set(edge, target)
    }
    return target
  }
  const fallback = targetOf(terminator.otherwise)
  const ranges: Range[] = []
  // Read as signed, a range across the sign's boundary is two.
  const halves = terminator.cases.flatMap(entry =>
    signedCases && entry.low <= 0x7fff_ffffn && entry.high > 0x7fff_ffffn
      ? [
          { ...entry, high: 0x7fff_ffffn },
          { ...entry, low: 0x8000_0000n },
        ]
      : [entry],
  )
  const sorted = halves
    .map(({ low, high, to }) => ({ low: read(low), high: read(high), target: targetOf(to) }))
    .sort((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0))
  for (const range of sorted) {
    const last = ranges[ranges.length - 1]
    if (range.target === fallback) continue
    if (last && last.target === range.target && last.high + 1n === range.low)
      ranges[ranges.length - 1] = { ...last, high: range.high }
    else ranges.push(range)
  }
  return new SwitchTree(s, value, signedCases, fallback).emit(ranges)
}

class SwitchTree {
  private readonly half: boolean
  private readonly register: number

  constructor(
    private readonly s: Selector,
    value: Value,
    private readonly signed: boolean,
    private readonly fallback: MBlock,
  ) {
    const width = bitsOf(value.type)
    this.half = s.alu32 && width === 32 && s.bitsOf(value) > 31
    this.register = width === 64 || this.half ? s.reg(value) : signed ? s.signExtended(value, 64) : s.zeroExtended(value)
  }

  private jump(predicate: Predicate, bound: bigint, then: MBlock, otherwise: MBlock): MBlock {
    const directed = this.signed && predicate.startsWith('u') ? (`s${predicate.slice(1)}` as Predicate) : predicate
    const value = this.half ? bound : this.signed ? bound : BigInt.asIntN(64, bound)
    return jumpConstant(this.s, directed, this.half, this.register, value, then, otherwise)
  }

  /** Emits tests for the ranges; answers the block for what none of them takes. */
  emit(ranges: readonly Range[]): MBlock {
    // Work is kept on a list, not on the call stack: a label, then the ranges to test there.
    const work: { at: MBlock | undefined; ranges: readonly Range[] }[] = [{ at: undefined, ranges }]
    let falls: MBlock = this.fallback
    while (work.length > 0) {
      const { at, ranges: here } = work.pop()!
      if (at) this.s.label(at, falls)
      if (here.length > 3) {
        const middle = here.length >> 1
        const right = this.s.out.block()
        const left = this.s.out.block()
        falls = this.jump('ugt', here[middle]!.low - 1n, right, left)
        const halves = [
          { at: right, ranges: here.slice(middle) },
          { at: left, ranges: here.slice(0, middle) },
        ]
        // What the branch falls into comes next; at -mcpu=v1 that can be the upper half.
        work.push(...(falls === left ? halves : halves.reverse()))
      } else falls = this.linear(here)
    }
    return falls
  }

  private linear(ranges: readonly Range[]): MBlock {
    let falls = this.fallback
    ranges.forEach((range, i) => {
      const next = i + 1 < ranges.length ? this.s.out.block() : this.fallback
      if (range.low === range.high) falls = this.jump('eq', range.low, range.target, next)
      else {
        const above = this.s.out.block()
        // Below: nothing of this range, and as they are sorted, of no later one.
        const rest = this.jump('ult', range.low, this.fallback, above)
        this.s.label(above, rest)
        falls = this.jump('ule', range.high, range.target, next)
      }
      if (i + 1 < ranges.length) this.s.label(next, falls)
    })
    return falls
  }
}
