/** Selection of loads, stores, atomics and of addresses wanted as values. */
import { CoreReloKind } from '../../linker/object/bpf-object.js'
import * as op from '../../assembler/isa/opcodes.js'
import { bitsOf, type IrType, signed, type Value } from '../ir/ir.js'
import { ADD64_K, LD_IMM64, type MInsn, MOV64_K, MOV64_X, NONE, R0, R6 } from './machine.js'
import { type Address, fitsImm, fitsOff, type Selector } from './selector.js'

function sizeBits(type: IrType): number {
  switch (bitsOf(type)) {
    case 1:
    case 8:
      return op.BPF_B
    case 16:
      return op.BPF_H
    case 32:
      return op.BPF_W
    default:
      return op.BPF_DW
  }
}

export function selectMemory(s: Selector, inst: Value): void {
  switch (inst.op) {
    case 'load':
      load(s, inst)
      return
    case 'store':
      store(s, inst)
      return
    case 'atomicrmw':
      atomic(s, inst)
      return
    case 'cmpxchg':
      compareExchange(s, inst)
      return
    case 'ptradd':
      pointerAdd(s, inst)
      return
    case 'core':
      coreValue(s, inst)
      return
    case 'loadskb':
      skbLoad(s, inst)
      return
    case 'addrspacecast':
      spaceCast(s, inst)
      return
    default:
    // alloca is a frame slot, taken where it is used; a fence orders what other threads see, and the machine keeps program order
  }
}

/** Writes the address into an instruction whose base register field is already right. */
function place(insn: MInsn, address: Address): void {
  insn.off = address.offset
  insn.slot = address.slot
  insn.core = address.core
}

/** An address whose offset fits; what is too far is added to the base first. */
function reach(s: Selector, pointer: Value, offset: number): { register: number; address: Address } {
  const address = s.address(pointer, offset)
  if (address.slot || fitsOff(address.offset)) return { register: s.baseRegister(address), address }
  const register = s.out.register()
  s.copy(register, s.baseRegister(address))
  s.emit(ADD64_K, register, 0, 0, address.offset)
  return { register, address: { ...address, offset: 0 } }
}

function load(s: Selector, inst: Value): void {
  let to = s.wanted(inst)
  if (to === NONE) {
    if (!inst.volatile) return
    to = s.out.register()
  }
  const { register, address } = reach(s, inst.args[0]!, inst.offset)
  const mode = inst.signed && bitsOf(inst.type) < 64 ? op.BPF_MEMSX : op.BPF_MEM
  place(s.emit(op.BPF_LDX | mode | sizeBits(inst.type), to, register), address)
}

function store(s: Selector, inst: Value): void {
  const [pointer, value] = inst.args as [Value, Value]
  const size = sizeBits(value.type)
  const constant = s.cpu >= 4 || isPlainMemory(pointer) ? storedConstant(s, value) : undefined
  const { register, address } = reach(s, pointer, inst.offset)
  if (constant !== undefined && fitsImm(constant))
    place(s.emit(op.BPF_ST | op.BPF_MEM | size, register, 0, 0, Number(constant)), address)
  else place(s.emit(op.BPF_STX | op.BPF_MEM | size, register, storedRegister(s, value)), address)
}

/**
 * Memory of maps and what helpers give: every kernel takes stores of immediates there. clang has them from -mcpu=v4 on, since kernels before 6.4
 * refuse them for contexts and forget the value on the stack.
 */
function isPlainMemory(pointer: Value): boolean {
  let at = pointer
  while (at.op === 'ptradd') at = at.args[0]!
  return at.op === 'callhelper' || (at.op === 'global' && !at.global!.isExtern)
}

/** A constant as stored, with the sign of its type. */
function storedConstant(s: Selector, value: Value): bigint | undefined {
  const root = s.root(value)
  return root.op === 'const' ? signed(value.type, BigInt.asUintN(bitsOf(value.type), root.value)) : undefined
}

/** A narrow constant needs no upper bits: one register serves all widths of it. */
function storedRegister(s: Selector, value: Value): number {
  const constant = storedConstant(s, value)
  if (constant !== undefined && constant >= 0n && fitsImm(constant)) return s.constant('i64', constant)
  return value.type === 'i1' ? s.zeroExtended(value) : s.reg(value)
}

const ATOMIC: Record<string, number> = {
  add: op.BPF_ADD,
  and: op.BPF_AND,
  or: op.BPF_OR,
  xor: op.BPF_XOR,
}

/**
 * clang's rule, which sources built with -mcpu=v2 for new kernels rely on: -mcpu says whether there are 32-bit registers, and so 32-bit
 * atomics; the 64-bit ones that came with kernel 5.12 are had at every level.
 */
const USE_64_BITS = 'use a 64-bit object, or build with -mcpu=v3 (kernel 5.12 or later)'

function atomic(s: Selector, inst: Value): void {
  const [pointer, value] = inst.args as [Value, Value]
  const width = bitsOf(value.type)
  const to = inst.type === 'void' ? NONE : s.wanted(inst)
  if (width < 32) {
    s.error('G0003', `an atomic operation on ${width} bits has no instruction`, 'use a 32-bit or 64-bit object')
    return
  }
  const plainAdd = (inst.atomic === 'add' || inst.atomic === 'sub') && to === NONE
  if (s.cpu < 3 && width === 32 && !plainAdd) {
    s.error(
      'G0003',
      inst.atomic === 'add' || inst.atomic === 'sub'
        ? 'the result of an atomic addition on 32 bits cannot be had before -mcpu=v3'
        : `an atomic '${inst.atomic}' on 32 bits has no instruction before -mcpu=v3`,
      USE_64_BITS,
    )
    return
  }
  const { register, address } = reach(s, pointer, inst.offset)
  const code = op.BPF_STX | op.BPF_ATOMIC | sizeBits(value.type)
  const fetch = to !== NONE || inst.atomic === 'xchg'
  // The operand's register takes the old contents.
  let operand = s.reg(value)
  if (inst.atomic === 'sub') {
    const negated = fetch && to !== NONE ? to : s.out.register()
    s.copy(negated, operand)
    s.emit((width === 32 && s.alu32 ? op.BPF_ALU : op.BPF_ALU64) | op.BPF_NEG, negated)
    operand = negated
  } else if (fetch) {
    const own = to !== NONE ? to : s.out.register()
    s.copy(own, operand)
    operand = own
  }
  const operation =
    inst.atomic === 'xchg' ? op.BPF_XCHG : ATOMIC[inst.atomic === 'sub' ? 'add' : inst.atomic!]! | (fetch ? op.BPF_FETCH : 0)
  place(s.emit(code, register, operand, 0, operation), address)
}

function compareExchange(s: Selector, inst: Value): void {
  const [pointer, expected, desired] = inst.args as [Value, Value, Value]
  const width = bitsOf(inst.type)
  if (width < 32 || (width === 32 && s.cpu < 3)) {
    s.error(
      'G0003',
      width < 32
        ? `an atomic operation on ${width} bits has no instruction`
        : 'an atomic compare and exchange on 32 bits has no instruction before -mcpu=v3',
      width < 32 ? 'use a 32-bit or 64-bit object' : USE_64_BITS,
    )
    return
  }
  const { register, address } = reach(s, pointer, inst.offset)
  const operand = s.reg(desired)
  s.moveTo(R0, expected)
  place(s.emit(op.BPF_STX | op.BPF_ATOMIC | sizeBits(inst.type), register, operand, 0, op.BPF_CMPXCHG), address)
  const to = s.wanted(inst)
  if (to !== NONE) s.copy(to, R0)
}

function pointerAdd(s: Selector, inst: Value): void {
  const to = s.wanted(inst)
  if (to === NONE) return
  const [base, step] = inst.args as [Value, Value]
  const by = s.root(step)
  if (by.op === 'core' && by.core!.kind === CoreReloKind.FieldByteOffset && fitsImm(signed('i64', by.value))) {
    s.moveTo(to, base)
    s.addPatched(to, by)
    return
  }
  if (by.op === 'const') {
    const address = s.address(inst, 0)
    if (!address.core && address.base !== inst && address.base.op !== 'ptradd') {
      s.copy(to, s.baseRegister(address))
      if (address.offset) s.emit(ADD64_K, to, 0, 0, address.offset)
      return
    }
    const distance = signed('i64', by.value)
    if (fitsImm(distance)) {
      s.moveTo(to, base)
      s.emit(ADD64_K, to, 0, 0, Number(distance))
      return
    }
  }
  // A number is taken off as it is: kernels before 6.17 know nothing of what BPF_NEG gives.
  const taken = by.op === 'sub' && by.args[0]!.op === 'const' && by.args[0]!.value === 0n ? by.args[1] : undefined
  // The pointer comes first: the verifier follows "pointer += number" best.
  const amount = s.reg(taken ?? step)
  s.moveTo(to, base)
  s.emit(op.BPF_ALU64 | (taken ? op.BPF_SUB : op.BPF_ADD) | op.BPF_X, to, amount)
}

/** Kinds whose answer can need 64 bits, or that clang loads so. */
const WIDE_KINDS = new Set<number>([
  CoreReloKind.TypeIdLocal,
  CoreReloKind.TypeIdTarget,
  CoreReloKind.EnumvalValue,
  CoreReloKind.EnumvalExists,
])

function coreValue(s: Selector, inst: Value): void {
  const to = s.wanted(inst)
  if (to === NONE) return
  const wide = BigInt.asIntN(64, inst.value)
  if (!WIDE_KINDS.has(inst.core!.kind) && fitsImm(wide)) {
    s.emit(MOV64_K, to, 0, 0, Number(wide)).core = inst.core
    return
  }
  const insn = s.emit(LD_IMM64, to, 0, 0, Number(BigInt.asIntN(32, wide)))
  insn.high = Number(BigInt.asIntN(32, wide >> 32n))
  insn.core = inst.core
}

function skbLoad(s: Selector, inst: Value): void {
  const [skb, offset] = inst.args as [Value, Value]
  const size = inst.size === 1 ? op.BPF_B : inst.size === 2 ? op.BPF_H : op.BPF_W
  const fixed = s.root(offset)
  const register = fixed.op === 'const' ? NONE : s.reg(offset)
  s.moveTo(R6, skb)
  if (fixed.op === 'const') s.emit(op.BPF_LD | op.BPF_ABS | size, NONE, NONE, 0, Number(BigInt.asIntN(32, fixed.value)))
  else s.emit(op.BPF_LD | op.BPF_IND | size, NONE, register)
  const to = s.wanted(inst)
  if (to !== NONE) s.copy(to, R0)
}

/** `offset` and `size` hold the address spaces of the result and of the operand; the immediate takes both (kernel 6.9). */
function spaceCast(s: Selector, inst: Value): void {
  const to = s.wanted(inst)
  if (to === NONE) return
  s.emit(MOV64_X, to, s.reg(inst.args[0]!), op.BPF_ADDR_SPACE_CAST, (inst.offset << 16) | inst.size)
}
