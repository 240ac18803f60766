/**
 * A verified program to a WebAssembly module: registers are locals of 64 bits, memory accesses go straight to the VM's linear memory
 * (a wild one ends at its bounds), local calls are calls. Helpers are reached through one import that takes no 64-bit numbers: their
 * arguments and results pass through fixed cells of memory. Lookups in arrays and hash maps and updates of elements that are there are
 * compiled in, and so are calls of small subprograms without loops.
 */
import { FRAME_BYTES } from '../interpreter.js'
import { ArrayMap } from '../maps/array.js'
import { HashMap } from '../maps/hash.js'
import type { VmMap } from '../maps/map.js'
import { BASE_ADDRESS, MAP_HANDLE } from '../memory.js'
import type { ProgramImage } from '../program-image.js'
import { BUDGET_CELL, CPU_CELL, REGISTER_CELLS, TIME_CELL } from './cells.js'
import { type Block, type Flow, flowOf, NotCompilable } from './flow.js'
import { arrayLookup, COPIED_BYTES, hashLookup, hashUpdate } from './map-code.js'
import { I32, I64, Op, VOID, WasmCode } from './wasm-writer.js'

/** The share: instructions of loops between two looks at the cell. */
const SHARE = 1 << 16

/** Loops that `may_goto` allows. */
const MAX_LOOPS = 1 << 23

/** Locals of a compiled function: registers 1 to 5, 0 and scratch are shared with the subprograms that are compiled into it. */
const R0 = 6
const SCRATCH = 7
const LOOPS = 8
/** Registers 6 to 9 of the function itself, the frame pointer being its last parameter; then five of each inlined depth. */
const FP = 5
const R6 = 9
const INLINED = 13
/** Subprograms within subprograms that are compiled in. */
const INLINE_DEPTH = 3
const ADDRESS = INLINED + 5 * INLINE_DEPTH
const ENTRY = ADDRESS + 1
const KEY_HASH = ADDRESS + 2
/** What is left of the share of the budget. */
const FUEL = ADDRESS + 3
/** Address of the lowest byte of the frame, where it is no constant. */
const FRAME = ADDRESS + 4
/** Slots of a subprogram that is compiled in where it is called, and of all that are in one function. */
const INLINE_SLOTS = 48
const INLINE_TOTAL = 1000

const MAP_LOCALS = { address: ADDRESS, entry: ENTRY, hash: KEY_HASH }

/** Helpers that are compiled in. */
const MAP_LOOKUP_ELEM = 1
const MAP_UPDATE_ELEM = 2
const KTIME_GET_NS = 5
const GET_SMP_PROCESSOR_ID = 8

/** Imports: 0 calls a helper or kfunc of a slot, and tells whether the function is to return (a tail call ran). */
const IMPORT_CALL = 0
const IMPORTS = 1

const ALU64 = [
  Op.i64_add,
  Op.i64_sub,
  Op.i64_mul,
  Op.i64_div_u,
  Op.i64_or,
  Op.i64_and,
  Op.i64_shl,
  Op.i64_shr_u,
  0,
  Op.i64_rem_u,
  Op.i64_xor,
  0,
  Op.i64_shr_s,
]
const ALU32 = [
  Op.i32_add,
  Op.i32_sub,
  Op.i32_mul,
  Op.i32_div_u,
  Op.i32_or,
  Op.i32_and,
  Op.i32_shl,
  Op.i32_shr_u,
  0,
  Op.i32_rem_u,
  Op.i32_xor,
  0,
  Op.i32_shr_s,
]
const JUMP64 = [
  0,
  Op.i64_eq,
  Op.i64_gt_u,
  Op.i64_ge_u,
  0,
  Op.i64_ne,
  Op.i64_gt_s,
  Op.i64_ge_s,
  0,
  0,
  Op.i64_lt_u,
  Op.i64_le_u,
  Op.i64_lt_s,
  Op.i64_le_s,
]
const JUMP32 = [
  0,
  Op.i32_eq,
  Op.i32_gt_u,
  Op.i32_ge_u,
  0,
  Op.i32_ne,
  Op.i32_gt_s,
  Op.i32_ge_s,
  0,
  0,
  Op.i32_lt_u,
  Op.i32_le_u,
  Op.i32_lt_s,
  Op.i32_le_s,
]
const LOADS = [Op.i64_load32_u, Op.i64_load16_u, Op.i64_load8_u, Op.i64_load]
const LOADS_SX = [Op.i64_load32_s, Op.i64_load16_s, Op.i64_load8_s, Op.i64_load]
const STORES = [Op.i64_store32, Op.i64_store16, Op.i64_store8, Op.i64_store]

type Context = { readonly kind: 'loop' | 'block'; readonly target: number } | { readonly kind: 'if' }

/** What all functions of a program share. */
interface Program {
  readonly image: ProgramImage
  readonly maps: readonly VmMap[]
  /** Index of the function that begins at a slot. */
  readonly indexOf: (slot: number) => number
  /** Whether loops count their instructions. */
  readonly counting: boolean
}

/** The target that stands for the end of an inlined subprogram. */
const INLINE_END = -1

class FunctionCompiler {
  private readonly code: WasmCode
  private readonly flow: Flow
  private readonly contexts: Context[] = []
  /** Registers that hold the handle of a map, inside a block. */
  private readonly handles = new Map<number, number>()
  private readonly image: ProgramImage
  /** Slots of the subprograms that are compiled in. */
  private inlined = 0

  constructor(
    private readonly program: Program,
    entry: number,
    /** Address of the frame, where it is known. */
    private readonly frame: number | undefined,
    /** The function that this one is compiled into. */
    private readonly into?: FunctionCompiler,
  ) {
    this.code = into?.code ?? new WasmCode()
    this.image = program.image
    this.flow = flowOf(
      entry,
      slot => this.leaves(slot),
      slot => ((this.word(slot) & 0xff) === 0x18 ? 2 : 1),
    )
  }

  private get depth(): number {
    return this.into ? this.into.depth + 1 : 0
  }

  /** Local of a BPF register. */
  private local(register: number): number {
    if (register === 0) return R0
    if (register <= 5) return register - 1
    const { depth } = this
    if (depth === 0) return register === 10 ? FP : R6 + register - 6
    return INLINED + 5 * (depth - 1) + register - 6
  }

  private word(slot: number): number {
    return this.image.words[slot * 2]!
  }

  private imm(slot: number): number {
    return this.image.words[slot * 2 + 1]!
  }

  private leaves(slot: number): readonly number[] | undefined {
    const word = this.word(slot)
    const cls = word & 7
    if (cls !== 5 && cls !== 6) return undefined
    const operation = (word >> 4) & 15
    if (operation === 8) return undefined
    if (operation === 9) return []
    if (operation === 0) return [slot + 1 + (cls === 5 ? word >> 16 : this.imm(slot))]
    return [slot + 1 + (word >> 16), slot + 1]
  }

  compile(): WasmCode {
    const { code } = this
    code
      .u32(2)
      .u32(ADDRESS - R0)
      .op(I64)
      .u32(FRAME - ADDRESS + 1)
      .op(I32)
    if (this.frame === undefined) code.get(FP).op(Op.i32_wrap_i64).i32(FRAME_BYTES).op(Op.i32_sub).set(FRAME)
    this.tree(0)
    code.op(Op.unreachable, Op.end)
    return code
  }

  /** Compiles a small subprogram without loops right into this function; false where it is none. */
  private inline(slot: number): boolean {
    if (this.frame === undefined || this.depth >= INLINE_DEPTH) return false
    const root = this.root()
    const callee = new FunctionCompiler(this.program, slot, this.frame + FRAME_BYTES, this)
    const { order, isLoop } = callee.flow
    let slots = 0
    for (const block of order) slots += block.last - block.start + 1
    if (slots > INLINE_SLOTS || root.inlined + slots > INLINE_TOTAL || isLoop.some(each => each)) return false
    root.inlined += slots
    const { code } = this
    code.i64(this.frame + 2 * FRAME_BYTES, 0).set(callee.local(10))
    code.op(Op.block, VOID)
    callee.contexts.push({ kind: 'block', target: INLINE_END })
    callee.tree(0)
    code.op(Op.end)
    return true
  }

  private root(): FunctionCompiler {
    return this.into ? this.into.root() : this
  }

  /** Ends the function with the result that is on the operand stack. */
  private leave(): void {
    if (!this.into) this.code.op(Op.return)
    else this.code.set(R0).op(Op.br).u32(this.label('block', INLINE_END))
  }

  /** Depth of the label that leads to a block. */
  private label(kind: 'loop' | 'block', target: number): number {
    for (let depth = 0; depth < this.contexts.length; depth++) {
      const context = this.contexts[this.contexts.length - 1 - depth]!
      if (context.kind === kind && context.target === target) return depth
    }
    throw new NotCompilable('a jump leaves the nesting')
  }

  private tree(index: number): void {
    const merges = this.flow.dominated[index]!.filter(child => this.flow.isMerge[child])
    if (!this.flow.isLoop[index]) {
      this.within(index, merges, 0)
      return
    }
    this.code.op(Op.loop, VOID)
    this.contexts.push({ kind: 'loop', target: index })
    if (this.program.counting) this.charge(index)
    this.within(index, merges, 0)
    this.contexts.pop()
    this.code.op(Op.end)
  }

  /** Instructions of a loop, from its first block to the last that jumps back to it. */
  private weight(index: number): number {
    const { order, position } = this.flow
    let last = index
    for (let at = index; at < order.length; at++) if (order[at]!.successors.some(slot => position.get(slot) === index)) last = at
    let instructions = 0
    for (let at = index; at <= last; at++) instructions += order[at]!.last - order[at]!.start + 1
    return Math.min(instructions, SHARE)
  }

  /**
   * One round of a loop: its instructions come off the share; a share that is used up is replaced by one of the budget, and where
   * there is none left the code stops.
   */
  private charge(index: number): void {
    const { code } = this
    code.get(FUEL).i32(this.weight(index)).op(Op.i32_sub).tee(FUEL).i32(0).op(Op.i32_lt_s, Op.if, VOID)
    code.i32(0).memory(Op.i32_load, BUDGET_CELL).tee(ADDRESS).op(Op.i32_eqz, Op.if, VOID)
    code.i32(0).i32(-1).memory(Op.i32_store, BUDGET_CELL).op(Op.unreachable, Op.end)
    // the share, or what there is
    code.get(ADDRESS).i32(SHARE).get(ADDRESS).i32(SHARE).op(Op.i32_lt_u, Op.select).set(KEY_HASH)
    code.i32(0).get(ADDRESS).get(KEY_HASH).op(Op.i32_sub).memory(Op.i32_store, BUDGET_CELL)
    code.get(FUEL).get(KEY_HASH).op(Op.i32_add).set(FUEL)
    code.op(Op.end)
  }

  /** At the end of a function with loops, what is left of its share goes back. */
  private refund(): void {
    if (!this.program.counting || !this.flow.isLoop.some(each => each)) return
    const { code } = this
    code.i32(0).i32(0).memory(Op.i32_load, BUDGET_CELL).get(FUEL).op(Op.i32_add).memory(Op.i32_store, BUDGET_CELL)
  }

  private within(index: number, merges: readonly number[], from: number): void {
    const follower = merges[from]
    if (follower === undefined) {
      this.block(index)
      return
    }
    this.code.op(Op.block, VOID)
    this.contexts.push({ kind: 'block', target: follower })
    this.within(index, merges, from + 1)
    this.contexts.pop()
    this.code.op(Op.end)
    this.tree(follower)
  }

  /** The label of a jump that needs no code of its own; undefined where the target's code goes right here. */
  private plain(from: number, to: number): number | undefined {
    if (to <= from) return this.label('loop', to)
    return this.flow.isMerge[to] ? this.label('block', to) : undefined
  }

  private jump(from: number, to: number): void {
    const label = this.plain(from, to)
    if (label === undefined) this.tree(to)
    else this.code.op(Op.br).u32(label)
  }

  private block(index: number): void {
    const block = this.flow.order[index]!
    this.handles.clear()
    for (let slot = block.start; slot <= block.last; slot += (this.word(slot) & 0xff) === 0x18 ? 2 : 1)
      if (slot !== block.last || this.leaves(slot) === undefined) this.instruction(slot)
    this.terminator(index, block)
  }

  private terminator(index: number, block: Block): void {
    const { code } = this
    if (this.leaves(block.last) !== undefined && block.successors.length === 0) {
      this.refund()
      code.get(R0)
      this.leave()
      return
    }
    const targets = block.successors.map(slot => this.flow.position.get(slot)!)
    if (targets.length === 1) {
      this.jump(index, targets[0]!)
      return
    }
    const [taken, next] = targets as [number, number]
    this.condition(block.last)
    const label = this.plain(index, taken)
    if (label !== undefined) {
      code.op(Op.br_if).u32(label)
      this.jump(index, next)
      return
    }
    const otherwise = this.plain(index, next)
    if (otherwise !== undefined) {
      code.op(Op.i32_eqz, Op.br_if).u32(otherwise)
      this.jump(index, taken)
      return
    }
    code.op(Op.if, VOID)
    this.contexts.push({ kind: 'if' })
    this.jump(index, taken)
    code.op(Op.else)
    this.jump(index, next)
    this.contexts.pop()
    code.op(Op.end)
  }

  private condition(slot: number): void {
    const { code } = this
    const word = this.word(slot)
    const operation = (word >> 4) & 15
    const wide = (word & 7) === 5
    if (operation === 14) {
      code.get(LOOPS).i64(1, 0).op(Op.i64_add).tee(LOOPS).i64(MAX_LOOPS, 0).op(Op.i64_gt_u)
      return
    }
    this.operand(this.local((word >> 8) & 15), wide)
    this.source(slot, wide)
    if (operation !== 4) code.op(wide ? JUMP64[operation]! : JUMP32[operation]!)
    else if (wide) code.op(Op.i64_and).i64(0, 0).op(Op.i64_ne)
    else code.op(Op.i32_and)
  }

  private operand(register: number, wide: boolean): void {
    this.code.get(register)
    if (!wide) this.code.op(Op.i32_wrap_i64)
  }

  /** The second operand: a register or the immediate. */
  private source(slot: number, wide: boolean): void {
    const word = this.word(slot)
    if (word & 8) this.operand(this.local((word >> 12) & 15), wide)
    else if (wide) this.code.i64(this.imm(slot), this.imm(slot) >> 31)
    else this.code.i32(this.imm(slot))
  }

  private instruction(slot: number): void {
    const word = this.word(slot)
    const d = (word >> 8) & 15
    switch (word & 7) {
      case 7:
      case 4:
        this.handles.delete(d)
        this.arithmetic(slot, (word & 7) === 7)
        return
      case 0:
        if ((word & 0xff) !== 0x18) throw new NotCompilable('packet loads (LD_ABS, LD_IND)')
        this.code.i64(this.imm(slot), this.image.words[slot * 2 + 3]!).set(this.local(d))
        this.handles.delete(d)
        if (this.image.words[slot * 2 + 3] === MAP_HANDLE) this.handles.set(d, this.imm(slot) >>> 16)
        return
      case 1:
        this.handles.delete(d)
        this.load(slot)
        return
      case 2:
        this.store(slot, () => this.code.i64(this.imm(slot), this.imm(slot) >> 31))
        return
      case 3:
        if ((word & 0xe0) === 0xc0) this.atomic(slot)
        else this.store(slot, () => this.code.get(this.local((word >> 12) & 15)))
        return
      default:
        this.call(slot)
    }
  }

  /** Pushes a 32-bit address, and returns the offset that is left to the access itself. */
  private address(register: number, offset: number): number {
    const { code } = this
    if (register === 10 && offset >= -FRAME_BYTES) {
      if (this.frame !== undefined) code.i32(this.frame)
      else code.get(FRAME)
      return offset + FRAME_BYTES
    }
    code.get(this.local(register)).op(Op.i32_wrap_i64)
    if (offset >= 0) return offset
    code.i32(offset).op(Op.i32_add)
    return 0
  }

  private store(slot: number, value: () => void): void {
    const word = this.word(slot)
    const offset = this.address((word >> 8) & 15, word >> 16)
    value()
    this.code.memory(STORES[(word >> 3) & 3]!, offset)
  }

  private load(slot: number): void {
    const { code } = this
    const word = this.word(slot)
    const d = this.local((word >> 8) & 15)
    const s = (word >> 12) & 15
    const opcode = ((word & 0xe0) === 0x80 ? LOADS_SX : LOADS)[(word >> 3) & 3]!
    const offset = word >> 16
    if (!this.image.probing || s === 10) {
      code.memory(opcode, this.address(s, offset)).set(d)
      return
    }
    // A bad pointer reads as 0: below the first address or beyond 32 bits.
    code
      .get(this.local(s))
      .i64(offset, offset >> 31)
      .op(Op.i64_add)
      .tee(SCRATCH)
      .i64(BASE_ADDRESS, 0)
      .op(Op.i64_sub)
    code
      .i64(-BASE_ADDRESS - 8, 0)
      .op(Op.i64_lt_u)
      .op(Op.if, I64)
    code.get(SCRATCH).op(Op.i32_wrap_i64).memory(opcode, 0)
    code.op(Op.else).i64(0, 0).op(Op.end).set(d)
  }

  private arithmetic(slot: number, wide: boolean): void {
    const { code } = this
    const word = this.word(slot)
    const operation = (word >> 4) & 15
    const d = this.local((word >> 8) & 15)
    const off = word >> 16
    if (operation === 13) {
      this.swap(d, this.imm(slot), wide || (word & 8) !== 0)
      return
    }
    if (operation === 11) {
      // what compiled code writes to pages of an arena that are not there would stay
      if (wide && off === 1) throw new NotCompilable('arenas')
      this.source(slot, wide)
      if (off === 8) code.op(wide ? Op.i64_extend8_s : Op.i32_extend8_s)
      else if (off === 16) code.op(wide ? Op.i64_extend16_s : Op.i32_extend16_s)
      else if (off === 32) code.op(Op.i64_extend32_s)
    } else if (operation === 8) {
      if (wide) code.i64(0, 0)
      else code.i32(0)
      this.operand(d, wide)
      code.op(wide ? Op.i64_sub : Op.i32_sub)
    } else if (operation === 3 || operation === 9) this.division(slot, wide, operation === 9, off === 1)
    else {
      this.operand(d, wide)
      this.source(slot, wide)
      code.op(wide ? ALU64[operation]! : ALU32[operation]!)
    }
    if (!wide) code.op(Op.i64_extend_i32_u)
    code.set(d)
  }

  /** Division by 0 gives 0, its remainder the dividend; the least number by -1 does not trap. */
  private division(slot: number, wide: boolean, remainder: boolean, signed: boolean): void {
    const { code } = this
    const word = this.word(slot)
    const d = this.local((word >> 8) & 15)
    const type = wide ? I64 : I32
    const zero = () => (wide ? code.i64(0, 0) : code.i32(0))
    this.source(slot, wide)
    code.op(wide ? Op.i64_eqz : Op.i32_eqz).op(Op.if, type)
    if (remainder) this.operand(d, wide)
    else zero()
    code.op(Op.else)
    if (signed) {
      this.source(slot, wide)
      if (wide) code.i64(-1, -1).op(Op.i64_eq)
      else code.i32(-1).op(Op.i32_eq)
      code.op(Op.if, type)
      zero()
      if (!remainder) {
        this.operand(d, wide)
        code.op(wide ? Op.i64_sub : Op.i32_sub)
      }
      code.op(Op.else)
    }
    this.operand(d, wide)
    this.source(slot, wide)
    const opcodes = wide
      ? [Op.i64_div_u, Op.i64_rem_u, Op.i64_div_s, Op.i64_rem_s]
      : [Op.i32_div_u, Op.i32_rem_u, Op.i32_div_s, Op.i32_rem_s]
    code.op(opcodes[(signed ? 2 : 0) + (remainder ? 1 : 0)]!)
    if (signed) code.op(Op.end)
    code.op(Op.end)
  }

  /** Swaps the low 32 bits on the stack (i32). */
  private swap32(): void {
    const { code } = this
    code.set(ADDRESS)
    code.get(ADDRESS).i32(8).op(Op.i32_rotl).i32(0x00ff00ff).op(Op.i32_and)
    code
      .get(ADDRESS)
      .i32(24)
      .op(Op.i32_rotl)
      .i32(0xff00ff00 | 0)
      .op(Op.i32_and)
      .op(Op.i32_or)
  }

  private swap(d: number, bits: number, swaps: boolean): void {
    const { code } = this
    if (!swaps) {
      if (bits === 64) return
      if (bits === 16) code.get(d).i64(0xffff, 0).op(Op.i64_and).set(d)
      else code.get(d).i64(-1, 0).op(Op.i64_and).set(d)
      return
    }
    if (bits === 16) {
      code.get(d).op(Op.i32_wrap_i64)
      this.swap32()
      code.i32(16).op(Op.i32_shr_u, Op.i64_extend_i32_u).set(d)
    } else if (bits === 32) {
      code.get(d).op(Op.i32_wrap_i64)
      this.swap32()
      code.op(Op.i64_extend_i32_u).set(d)
    } else {
      code.get(d).op(Op.i32_wrap_i64)
      this.swap32()
      code.op(Op.i64_extend_i32_u).i64(32, 0).op(Op.i64_shl)
      code.get(d).i64(32, 0).op(Op.i64_shr_u, Op.i32_wrap_i64)
      this.swap32()
      code.op(Op.i64_extend_i32_u, Op.i64_or).set(d)
    }
  }

  private atomic(slot: number): void {
    const { code } = this
    const word = this.word(slot)
    const size = (word >> 3) & 3
    const wide = size === 3
    const imm = this.imm(slot)
    const [d, s] = [(word >> 8) & 15, (word >> 12) & 15]
    const offset = word >> 16
    if (imm === 0x100) {
      this.handles.delete(d)
      code.memory(LOADS[size]!, this.address(s, offset)).set(this.local(d))
      return
    }
    const at = this.address(d, offset)
    code.tee(ADDRESS)
    if (imm === 0x110) {
      code.get(this.local(s)).memory(STORES[size]!, at)
      return
    }
    code.get(ADDRESS).memory(LOADS[size]!, at).set(SCRATCH)
    if ((imm & 0xf0) === 0xf0) {
      // store what belongs there either way, then hand the old value back
      code.get(this.local(s)).get(SCRATCH).get(SCRATCH).get(R0)
      if (!wide) code.i64(-1, 0).op(Op.i64_and)
      code.op(Op.i64_eq, Op.select).memory(STORES[size]!, at)
      code.get(SCRATCH).set(R0)
      this.handles.delete(0)
      return
    }
    if ((imm & 0xf0) === 0xe0) code.get(this.local(s))
    else
      code
        .get(SCRATCH)
        .get(this.local(s))
        .op(ALU64[(imm >> 4) & 15]!)
    code.memory(STORES[size]!, at)
    if (imm & 1) {
      this.handles.delete(s)
      code.get(SCRATCH).set(this.local(s))
    }
  }

  private call(slot: number): void {
    const { code } = this
    const word = this.word(slot)
    const kind = (word >> 12) & 15
    if (word & 8) throw new NotCompilable('calls through registers')
    if (kind === 1) {
      const target = slot + 1 + this.imm(slot)
      if (!this.inline(target)) {
        for (let register = 1; register <= 5; register++) code.get(this.local(register))
        code.get(this.local(10)).i64(FRAME_BYTES, 0).op(Op.i64_add)
        code
          .op(Op.call)
          .u32(IMPORTS + this.program.indexOf(target))
          .set(R0)
      }
      this.forget()
      return
    }
    if (kind === 0 && this.mapHelper(slot)) {
      code.set(R0)
      this.forget()
      return
    }
    if (kind === 0 && (this.imm(slot) === GET_SMP_PROCESSOR_ID || this.imm(slot) === KTIME_GET_NS)) {
      if (this.imm(slot) === KTIME_GET_NS) code.i32(0).memory(Op.i64_load, TIME_CELL).set(R0)
      else code.i32(0).memory(Op.i64_load32_u, CPU_CELL).set(R0)
      this.forget()
      return
    }
    this.callOut(slot)
    // a tail call ran the rest of the program
    code.op(Op.if, VOID)
    this.contexts.push({ kind: 'if' })
    code.i32(0).memory(Op.i64_load, REGISTER_CELLS)
    this.leave()
    this.contexts.pop()
    code.op(Op.end)
    code.i32(0).memory(Op.i64_load, REGISTER_CELLS).set(R0)
    this.forget()
  }

  /** Calls a helper or kfunc through JavaScript; whether the function is to return is left on the operand stack. */
  private callOut(slot: number): void {
    const { code } = this
    for (let register = 1; register <= 5; register++)
      code
        .i32(0)
        .get(this.local(register))
        .memory(Op.i64_store, REGISTER_CELLS + register * 8)
    code.i32(slot).op(Op.call).u32(IMPORT_CALL)
  }

  /** Emits a helper of a map whose kind is known, which leaves the result on the operand stack; false where it is none to compile in. */
  private mapHelper(slot: number): boolean {
    const { code } = this
    const helper = this.imm(slot)
    const map = this.program.maps[this.handles.get(1) ?? -1]
    const key = this.local(2)
    if (helper === MAP_LOOKUP_ELEM && map instanceof ArrayMap) {
      arrayLookup(code, map.layout, key, MAP_LOCALS)
      return true
    }
    const layout = map instanceof HashMap ? map.layout : undefined
    if (!layout || layout.keySize % 4 !== 0 || layout.keySize > 64) return false
    if (helper === MAP_LOOKUP_ELEM) {
      hashLookup(code, layout, key, MAP_LOCALS)
      return true
    }
    if (helper !== MAP_UPDATE_ELEM || !layout.plainValue || layout.valueSize > COPIED_BYTES) return false
    hashUpdate(code, layout, [key, this.local(3), this.local(4)], MAP_LOCALS, () => {
      this.callOut(slot)
      code.op(Op.drop).i32(0).memory(Op.i64_load, REGISTER_CELLS)
    })
    return true
  }

  private forget(): void {
    for (let register = 0; register <= 5; register++) this.handles.delete(register)
  }
}

/** The exported function: its parameter says how often the program is run, each time with the same registers 1 to 5 and the same budget. */
function batch(stack: number): WasmCode {
  const [count, register1, budget] = [0, 1, 6]
  const code = new WasmCode().u32(2).u32(5).op(I64).u32(1).op(I32)
  for (let register = 1; register <= 5; register++)
    code
      .i32(0)
      .memory(Op.i64_load, REGISTER_CELLS + register * 8)
      .set(register1 + register - 1)
  code.i32(0).memory(Op.i32_load, BUDGET_CELL).set(budget)
  code.op(Op.loop, VOID).i32(0).get(budget).memory(Op.i32_store, BUDGET_CELL).i32(0)
  for (let register = 1; register <= 5; register++) code.get(register1 + register - 1)
  code
    .i64(stack + FRAME_BYTES, 0)
    .op(Op.call)
    .u32(IMPORTS)
    .memory(Op.i64_store, REGISTER_CELLS)
  return code.get(count).i32(1).op(Op.i32_sub).tee(count).op(Op.br_if, 0, Op.end, Op.end)
}

/**
 * The module of a program. Exports `run` (see `batch`), which takes registers 1 to 5 from their cells and leaves register 0 in its own; imports
 * `m.memory` and `m.call`. `stack` is the address of the first frame.
 */
export function compileProgram(
  image: ProgramImage,
  maps: readonly VmMap[],
  stack: number,
  counting: boolean,
): Uint8Array<ArrayBuffer> {
  if ([...image.kfuncs.values()].includes('bpf_throw')) throw new NotCompilable('exceptions (bpf_throw)')
  const entries = [0]
  const indexOf = (slot: number) => {
    let index = entries.indexOf(slot)
    if (index < 0) {
      index = entries.length
      entries.push(slot)
    }
    return index
  }
  const bodies: WasmCode[] = []
  const program = { image, maps, indexOf, counting }
  for (let index = 0; index < entries.length; index++)
    bodies.push(new FunctionCompiler(program, entries[index]!, index === 0 ? stack : undefined).compile())
  const module = new WasmCode().op(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
  module.section(
    1,
    new WasmCode().u32(3).op(0x60, 1, I32, 1, I32).op(0x60, 6, I64, I64, I64, I64, I64, I64, 1, I64).op(0x60, 1, I32, 0),
  )
  module.section(2, new WasmCode().u32(2).text('m').text('call').op(0, 0).text('m').text('memory').op(2, 0, 1))
  const start = batch(stack)
  const functions = new WasmCode().u32(bodies.length + 1)
  for (const _ of bodies) functions.u32(1)
  functions.u32(2)
  module.section(3, functions)
  module.section(
    7,
    new WasmCode()
      .u32(1)
      .text('run')
      .op(0)
      .u32(IMPORTS + bodies.length),
  )
  const code = new WasmCode().u32(bodies.length + 1)
  for (const body of [...bodies, start]) code.u32(body.length).append(body)
  module.section(10, code)
  return module.finish()
}
