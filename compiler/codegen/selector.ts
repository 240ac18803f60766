/**
 * Instruction selection. Blocks are walked from the last to the first and from their ends to their beginnings, so that every use is
 * seen before its definition: what no use asked for in a register is not computed (addresses that went into offsets, compares that became
 * branches). This file holds the state and what all kinds of instructions share; select-*.ts hold one kind each.
 */
import * as op from '../../assembler/isa/opcodes.js'
import { InternalError } from '../../base/outcome.js'
import type { DiagnosticSink } from '../../base/diagnostics.js'
import type { Loc } from '../../base/source.js'
import { reversePostorder } from '../ir/cfg.js'
import {
  type Block,
  bitsOf,
  type CoreAccess,
  type Edge,
  type Func,
  type IrType,
  signed,
  successors,
  type Value,
} from '../ir/ir.js'
import { findLoops } from '../ir/loops.js'
import { countUses } from '../ir/uses.js'
import { type Care, isDone } from '../care.js'
import type { Target } from '../options.js'
import {
  ADD64_K,
  EXIT,
  FP,
  type FrameSlot,
  isBranch,
  LD_IMM64,
  type MBlock,
  MFunc,
  MInsn,
  MOV32_K,
  MOV64_K,
  MOV64_X,
  NONE,
  P_FRAME,
  P_LABEL,
  type SymbolRef,
} from './machine.js'
import { orderCopies } from './parallel-copy.js'
import { constantBits, registerBits } from './register-bits.js'
import { selectArithmetic } from './select-arithmetic.js'
import { selectCall } from './select-call.js'
import { selectTerminator } from './select-control.js'
import { selectMemory } from './select-memory.js'
import { dropBegins, type SharedPlace, shareSlots } from './slot-sharing.js'

export interface SelectContext {
  readonly target: Target
  readonly sink: DiagnosticSink
  readonly care?: Care
}

/** Where a load or store goes: a register or a frame slot, and an offset, which may be one that the loader patches. */
export interface Address {
  readonly base: Value
  readonly slot: FrameSlot | undefined
  readonly offset: number
  readonly core: CoreAccess | undefined
  /** The place within a global is in `offset` already. */
  readonly folded: boolean
}

export const fitsImm = (value: bigint) => value >= -0x8000_0000n && value <= 0x7fff_ffffn
export const fitsOff = (value: number) => value >= -0x8000 && value <= 0x7fff

/** An address or constant that is put into a register once a block, just before its first use there. */
interface Cached {
  readonly register: number
  /** The chunk of the earliest use seen. */
  chunk: number
  /** Of that use. */
  loc: Loc
  readonly make: (register: number) => void
}

export class Selector {
  readonly out: MFunc
  readonly cpu: number
  /** 32-bit arithmetic and jumps (-mcpu=v3). */
  readonly alu32: boolean
  readonly uses: Int32Array
  /** Machine block of an IR block by its id. */
  readonly blocks: MBlock[] = []
  readonly slots = new Map<Value, FrameSlot>()
  /** Results of an asm besides the first, by the asm. */
  readonly asmResults = new Map<Value, Value[]>()
  /** Block parameters that a value is passed as. */
  private readonly passed = new Map<Value, Set<Value>>()
  private readonly places: readonly SharedPlace[]
  private readonly registers: Int32Array
  private readonly bits: Uint8Array
  /** Of the instruction being selected. */
  loc: Loc = 0
  /** What it becomes, in order. */
  private chunk: MInsn[] = []
  /** Chunks of the block, the last of the block first. */
  private chunks: MInsn[][] = []
  private cache = new Map<string, Cached>()
  /** Blocks that selection adds behind the one at work: copies on edges, arms of selects. */
  private extra: MBlock[] = []
  private depth = 0

  constructor(
    readonly func: Func,
    readonly context: SelectContext,
  ) {
    this.out = new MFunc(func)
    this.cpu = Number(context.target.cpu.slice(1))
    this.alu32 = this.cpu >= 3 && isDone('alu32', context.care ?? 0)
    this.places = shareSlots(func)
    dropBegins(func)
    this.uses = countUses(func)
    this.registers = new Int32Array(func.valueCount).fill(NONE)
    this.bits = registerBits(func, this.alu32)
  }

  run(): MFunc {
    const order = reversePostorder(this.func)
    const loops = findLoops(this.func)
    for (const block of order) {
      this.blocks[block.id] = this.out.block()
      for (const edge of successors(block))
        edge.args.forEach((arg, i) => {
          const known = this.passed.get(arg)
          if (known) known.add(edge.block.params[i]!)
          else this.passed.set(arg, new Set([edge.block.params[i]!]))
        })
    }
    for (const { members, size, align } of this.places) {
      const slot = this.out.slot(size, align, members[0]!.name, false)
      for (const member of members) this.slots.set(member, slot)
    }
    const groups: MBlock[][] = []
    for (let i = order.length - 1; i >= 0; i--) {
      this.depth = loops.loopOf(order[i]!)?.depth ?? 0
      groups.push(this.selectBlock(order[i]!))
    }
    this.out.blocks = groups.reverse().flat()
    this.out.blocks.forEach((block, index) => {
      block.index = index
    })
    return this.out
  }

  private selectBlock(block: Block): MBlock[] {
    this.chunks = []
    this.cache = new Map()
    this.extra = []
    const first = this.blocks[block.id]!
    const entryParams = block === this.func.entry
    this.loc = block.terminator.loc
    this.chunk = []
    const end = selectTerminator(this, block)
    this.chunks.push(this.chunk)
    for (let i = block.insts.length - 1; i >= 0; i--) {
      const inst = block.insts[i]!
      this.loc = inst.loc
      this.chunk = []
      this.selectInst(inst)
      this.chunks.push(this.chunk)
    }
    this.chunk = []
    if (entryParams) this.takeParams()
    this.chunks.push(this.chunk)
    // What was asked for later may need what was asked for before: it comes behind it.
    for (const cached of [...this.cache.values()].reverse()) {
      this.chunk = []
      this.loc = cached.loc
      cached.make(cached.register)
      this.chunks[cached.chunk]!.unshift(...this.chunk)
    }
    const parts = this.cut(first, end)
    for (const part of [...parts, ...this.extra]) part.depth = this.depth
    return [...parts, ...this.extra]
  }

  /** Chunks in program order, cut into basic blocks at labels and branches. */
  private cut(first: MBlock, end: MBlock | undefined): MBlock[] {
    const parts: MBlock[] = [first]
    let at = first
    let closed = false
    for (let c = this.chunks.length - 1; c >= 0; c--)
      for (const insn of this.chunks[c]!) {
        if (insn.op === P_LABEL || closed) {
          const label = insn.op === P_LABEL ? insn.target! : this.out.block()
          at.next = insn.op === P_LABEL ? insn.next : label
          parts.push(label)
          at = label
          closed = false
          if (insn.op === P_LABEL) continue
        }
        at.insns.push(insn)
        closed = isBranch(insn)
      }
    if (closed && end === undefined) throw new InternalError('a branch falls off the end of a function')
    at.next = end
    return parts
  }

  private takeParams(): void {
    for (const param of this.func.params) {
      const register = this.registers[param.id]!
      if (register === NONE) continue
      this.loc = 0
      this.emit(MOV64_X, register, param.offset + 1)
    }
  }

  private selectInst(inst: Value): void {
    // A naked function is its assembly. What else is left computed the constants in it.
    if (this.func.naked && inst.op !== 'asm') return
    switch (inst.op) {
      case 'load':
      case 'store':
      case 'atomicrmw':
      case 'cmpxchg':
      case 'fence':
      case 'loadskb':
      case 'alloca':
      case 'ptradd':
      case 'core':
      case 'addrspacecast':
        selectMemory(this, inst)
        return
      case 'call':
      case 'callhelper':
      case 'callindirect':
      case 'asm':
      case 'asmresult':
        selectCall(this, inst)
        return
      case 'trap':
        this.error(
          'G0015',
          '__builtin_trap() can be reached: eBPF has no instruction for it',
          'it marks what must not be left when the program is compiled: let the condition before it be a constant, or return instead',
        )
        return
      case 'memcpy':
      case 'memmove':
      case 'memset':
      case 'memcmp':
        this.error(
          'G0005',
          `a ${inst.op} of ${inst.size} bytes is too large to be done in line`,
          'use a loop, or a helper that copies',
        )
        return
      default:
        selectArithmetic(this, inst)
    }
  }

  error(code: string, message: string, hint?: string): void {
    const span = this.loc ? { start: this.loc, end: this.loc + 1 } : undefined
    this.context.sink.error(code, span, message, hint ? { hint } : {})
  }

  // --- output ---

  push(insn: MInsn): MInsn {
    this.chunk.push(insn)
    return insn
  }

  /** The instruction emitted last for what is at work. */
  get latest(): MInsn | undefined {
    return this.chunk[this.chunk.length - 1]
  }

  emit(code: number, dst: number, src = 0, off = 0, imm = 0): MInsn {
    return this.push(new MInsn(code, dst, src, off, imm, this.loc))
  }

  copy(to: number, from: number): void {
    if (to !== from) this.emit(MOV64_X, to, from)
  }

  /** Begins a block within the block at work; what came before goes on at `next`. */
  label(block: MBlock, next: MBlock): void {
    const marker = this.emit(P_LABEL, 0)
    marker.target = block
    marker.next = next
  }

  /** A block behind the one at work. */
  addBlock(): MBlock {
    const block = this.out.block()
    this.extra.push(block)
    return block
  }

  // --- values ---

  /** Low bits of the value's register that can be set. */
  bitsOf(value: Value): number {
    if (value.op === 'const') return constantBits(value, this.alu32)
    if (value.op === 'undef') return 0
    return value.op === 'global' || value.op === 'func' || value.op === 'param' ? 64 : this.bits[value.id]!
  }

  /** Whether the register that holds a value already serves for another one. */
  aliasOf(value: Value): Value | undefined {
    switch (value.op) {
      case 'trunc':
      case 'ptrtoint':
      case 'inttoptr':
      case 'opaque':
        return value.args[0]
      case 'zext':
        return this.bitsOf(value.args[0]!) <= bitsOf(value.args[0]!.type) ? value.args[0] : undefined
      case 'sext':
        return this.bitsOf(value.args[0]!) < bitsOf(value.args[0]!.type) ? value.args[0] : undefined
      case 'ptradd':
        return value.args[1]!.op === 'const' && value.args[1]!.value === 0n ? value.args[0] : undefined
      default:
        return undefined
    }
  }

  /** What the register of a value is really computed from. */
  root(value: Value): Value {
    let at = value
    for (let next = this.aliasOf(at); next; next = this.aliasOf(at)) at = next
    return at
  }

  /** The register of a value, without asking for it: NONE if nobody has. */
  wanted(value: Value): number {
    return this.registers[value.id]!
  }

  /** Whether an edge passes the value as that block parameter. */
  becomes(value: Value, param: Value): boolean {
    return param.op === 'blockparam' && this.passed.get(value)?.has(param) === true
  }

  /** Whether the register of a value is already in use further down. */
  livesOn(value: Value): boolean {
    const root = this.root(value)
    return !isLeaf(root) && this.registers[root.id]! !== NONE
  }

  /** A register that holds the value here; it must not be written. */
  reg(value: Value): number {
    const root = this.root(value)
    switch (root.op) {
      case 'const':
        return this.constant(root.type, root.value)
      case 'undef':
        return this.constant('i64', 0n)
      case 'global':
        return this.symbol({ target: root.global!, addend: root.offset })
      case 'func':
        return this.symbol({ target: root.func!, addend: 0 })
      case 'alloca':
        return this.frameAddress(this.slots.get(root)!, 0)
      case 'ptradd': {
        const address = this.address(root, 0)
        if (address.slot && !address.core) return this.frameAddress(address.slot, address.offset)
      }
    }
    let register = this.registers[root.id]!
    if (register === NONE) {
      register = this.out.register()
      this.registers[root.id] = register
    }
    return register
  }

  private cached(key: string, make: (register: number) => void): number {
    let cached = this.cache.get(key)
    if (!cached) {
      cached = { register: this.out.register(), chunk: 0, loc: 0, make }
      this.cache.set(key, cached)
    }
    cached.chunk = this.chunks.length
    cached.loc = this.loc
    return cached.register
  }

  constant(type: IrType, value: bigint): number {
    return this.cached(`${this.constantForm(type, value)} ${value}`, register =>
      this.push(this.constantInsn(register, type, value)),
    )
  }

  /** Constants of one form and value share a register. */
  private constantForm(type: IrType, value: bigint): string {
    return type === 'i32' && !this.alu32 && value >= 0x8000_0000n ? 's' : ''
  }

  private symbol(ref: SymbolRef): number {
    return this.cached(`@${ref.target.name}+${ref.addend}`, register => this.moveSymbol(register, ref))
  }

  private frameAddress(slot: FrameSlot, offset: number): number {
    return this.cached(`slot ${slot.id} ${offset}`, register => {
      this.emit(P_FRAME, register, 0, 0, offset).slot = slot
    })
  }

  /** Externs get their address from the loader, which leaves no room for an addend. */
  private moveSymbol(register: number, ref: SymbolRef): void {
    const extern = ref.addend !== 0 && 'isExtern' in ref.target && ref.target.isExtern
    const insn = this.emit(LD_IMM64, register)
    insn.symbol = extern ? { target: ref.target, addend: 0 } : ref
    if (extern) this.emit(ADD64_K, register, 0, 0, ref.addend)
  }

  /** The instruction that puts a constant into a register, zero-extended unless it is an i32 without 32-bit arithmetic. */
  constantInsn(register: number, type: IrType, value: bigint): MInsn {
    if (type === 'i32' && !this.alu32) return new MInsn(MOV64_K, register, 0, 0, Number(signed('i32', value)), this.loc)
    if (this.alu32 && value <= 0xffff_ffffn && (bitsOf(type) <= 32 || value > 0x7fff_ffffn))
      return new MInsn(MOV32_K, register, 0, 0, Number(value) | 0, this.loc)
    const wide = BigInt.asIntN(64, value)
    if (fitsImm(wide)) return new MInsn(MOV64_K, register, 0, 0, Number(wide), this.loc)
    const insn = new MInsn(LD_IMM64, register, 0, 0, Number(BigInt.asIntN(32, wide)), this.loc)
    insn.high = Number(BigInt.asIntN(32, wide >> 32n))
    return insn
  }

  /** Puts a value into a register of the caller's, which is then his to write. */
  moveTo(register: number, value: Value): void {
    const root = this.root(value)
    switch (root.op) {
      case 'const':
        this.push(this.constantInsn(register, root.type, root.value))
        return
      case 'undef':
        this.emit(MOV64_K, register)
        return
      case 'global':
      case 'func':
        this.moveSymbol(register, { target: (root.global ?? root.func)!, addend: root.offset })
        return
      case 'alloca':
      case 'ptradd': {
        const address = this.address(root, 0)
        if (address.slot && !address.core) {
          this.emit(P_FRAME, register, 0, 0, address.offset).slot = address.slot
          return
        }
      }
    }
    this.copy(register, this.reg(root))
  }

  /** A register with the value zero-extended to 64 bits. */
  zeroExtended(value: Value): number {
    const width = bitsOf(value.type)
    if (this.bitsOf(value) <= width) return this.reg(value)
    const root = this.root(value)
    if (root.op === 'const') return this.constant('i64', BigInt.asUintN(width, root.value))
    const from = this.reg(value)
    return this.cached(`zext ${width} r${from}`, register => this.zeroExtendTo(register, value, from))
  }

  zeroExtendTo(register: number, value: Value, from = this.reg(value)): void {
    const width = bitsOf(value.type)
    if (width === 64 || this.bitsOf(value) <= width) this.copy(register, from)
    else if (width === 32) {
      if (this.alu32) this.emit(op.BPF_ALU | op.BPF_MOV | op.BPF_X, register, from)
      else this.shiftPair(register, from, op.BPF_RSH, 32, false)
    } else {
      const mask = Number((1n << BigInt(width)) - 1n)
      this.copy(register, from)
      this.emit((this.alu32 ? op.BPF_ALU : op.BPF_ALU64) | op.BPF_AND | op.BPF_K, register, 0, 0, mask)
    }
  }

  /** A register with the value sign-extended: to 32 bits (upper half undefined) or to 64. */
  signExtended(value: Value, to: 32 | 64): number {
    const width = bitsOf(value.type)
    if (width === 64 || (width === 32 && to === 32 && this.alu32)) return this.reg(value)
    const root = this.root(value)
    if (root.op === 'const') {
      const wide = signed(value.type, BigInt.asUintN(width, root.value))
      return to === 32 && this.alu32
        ? this.constant('i32', BigInt.asUintN(32, wide))
        : this.constant('i64', BigInt.asUintN(64, wide))
    }
    if (this.bitsOf(value) < width) return this.reg(value)
    const from = this.reg(value)
    return this.cached(`sext ${width} ${to} r${from}`, register => this.signExtendTo(register, value, to, from))
  }

  signExtendTo(register: number, value: Value, to: 32 | 64, from = this.reg(value)): void {
    const width = bitsOf(value.type)
    const half = to === 32 && this.alu32
    if (this.cpu >= 4 && width >= 8 && width < to)
      this.emit(half ? op.BPF_ALU | op.BPF_MOV | op.BPF_X : MOV64_X, register, from, width)
    else this.shiftPair(register, from, op.BPF_ARSH, (half ? 32 : 64) - width, half)
  }

  private shiftPair(register: number, from: number, back: number, count: number, half: boolean): void {
    const cls = half ? op.BPF_ALU : op.BPF_ALU64
    this.copy(register, from)
    this.emit(cls | op.BPF_LSH | op.BPF_K, register, 0, 0, count)
    this.emit(cls | back | op.BPF_K, register, 0, 0, count)
  }

  // --- addresses ---

  /**
   * Takes constant steps of a pointer into the offset: accesses are always base plus constant, as the verifier wants it for contexts.
   * A CO-RE offset goes in alone, because the loader overwrites the whole field.
   */
  address(pointer: Value, offset: number): Address {
    let base = this.root(pointer)
    let total = offset
    while (base.op === 'ptradd') {
      const step = base.args[1]!
      const by = this.root(step)
      if (by.op === 'core' && total === 0 && isByteOffset(by) && this.foldable(by)) {
        const inner = this.root(base.args[0]!)
        return { base: inner, slot: undefined, offset: Number(signed('i64', by.value)), core: by.core, folded: false }
      }
      if (step.op !== 'const') break
      const next = total + Number(signed('i64', step.value))
      const below = this.root(base.args[0]!)
      if (!fitsOff(next) && !this.isFrame(below)) break
      total = next
      base = below
    }
    const slot = base.op === 'alloca' ? this.slots.get(base) : undefined
    const folded = base.op === 'global' && fitsOff(total + base.offset)
    if (folded) total += base.offset
    return { base, slot, offset: total, core: undefined, folded }
  }

  private isFrame(value: Value): boolean {
    let at = value
    while (at.op === 'ptradd' && at.args[1]!.op === 'const') at = this.root(at.args[0]!)
    return at.op === 'alloca'
  }

  private foldable(core: Value): boolean {
    return fitsOff(Number(signed('i64', core.value)))
  }

  /** The register of an address, FP for the frame. */
  baseRegister(address: Address): number {
    if (address.slot) return FP
    const { base } = address
    // One register serves all places of an object: the place goes into the offset.
    return base.op === 'global' && address.folded ? this.symbol({ target: base.global!, addend: 0 }) : this.reg(base)
  }

  // --- edges ---

  /** Copies of an edge's arguments into the parameters of its target, at the end of the block at work. */
  passArguments(edge: Edge): void {
    const copies: { to: number; from: number }[] = []
    const late: { to: number; value: Value }[] = []
    edge.block.params.forEach((param, i) => {
      if (this.uses[param.id] === 0) return
      const to = this.reg(param)
      const arg = this.root(edge.args[i]!)
      if (isLeaf(arg) || arg.op === 'alloca' || this.address(arg, 0).slot) late.push({ to, value: arg })
      else copies.push({ to, from: this.reg(arg) })
    })
    for (const { to, from } of orderCopies(copies, () => this.out.register())) this.copy(to, from)
    for (const { to, value } of late) this.moveTo(to, value)
  }

  /** Whether the edge has anything to copy. */
  carries(edge: Edge): boolean {
    return edge.block.params.some(
      (param, i) => this.uses[param.id]! > 0 && this.root(edge.args[i]!) !== param && edge.args[i]!.op !== 'undef',
    )
  }

  /** The block to jump to for an edge out of a block with several: one of its own if it has copies to make. */
  edgeTarget(edge: Edge): MBlock {
    const target = this.blocks[edge.block.id]!
    if (!this.carries(edge)) return target
    const block = this.addBlock()
    const saved = this.chunk
    this.chunk = block.insns
    const cache = this.cache
    this.passArguments(edge)
    this.cache = cache
    this.chunk = saved
    block.next = target
    return block
  }

  /** Puts the bytes of a value's address calculation `dst += imm` that a loader patches. */
  addPatched(register: number, core: Value): void {
    this.emit(ADD64_K, register, 0, 0, Number(BigInt.asIntN(32, core.value))).core = core.core
  }

  exit(hasResult: boolean): void {
    this.emit(EXIT, 0).args = hasResult ? 1 : 0
  }
}

export function isLeaf(value: Value): boolean {
  return value.op === 'const' || value.op === 'undef' || value.op === 'global' || value.op === 'func'
}

/** A CO-RE byte offset of a field: kind 0 of `CoreReloKind`. */
export function isByteOffset(core: Value): boolean {
  return core.core!.kind === 0
}

/** Selects a whole function. */
export function selectFunction(func: Func, context: SelectContext): MFunc {
  return new Selector(func, context).run()
}
