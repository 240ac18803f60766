/**
 * Appends instructions to a block. Folds what is constant and drops what is an identity as it goes, so that the IR starts small; it
 * looks at operands only, never at the block.
 */
import type { Loc } from '../../base/source.js'
import { foldBinary, foldByteSwap, foldCast, foldCompare, inverted } from './fold.js'
import {
  type BinaryOp,
  type Block,
  bitsOf,
  type CastOp,
  type Edge,
  type Func,
  type Global,
  type IrType,
  jump,
  type Op,
  type Predicate,
  type Terminator,
  type Value,
} from './ir.js'

export class IrBuilder {
  /** Where instructions go; undefined after a terminator: code there is unreachable and is built into a block that is thrown away. */
  block: Block
  /** Given to every instruction made. */
  loc: Loc = 0
  private allocas = 0

  constructor(readonly func: Func) {
    this.block = func.block('entry')
    func.blocks.push(this.block)
  }

  // --- blocks ---

  /** A new block, not yet placed. */
  newBlock(name?: string): Block {
    return this.func.block(name)
  }

  /** Puts the block behind the others and goes on in it. */
  place(block: Block): void {
    this.func.blocks.push(block)
    this.block = block
    this.closed = false
  }

  private closed = false

  /** Where the builder stands, to come back to. */
  leave(): { readonly block: Block; readonly closed: boolean } {
    return { block: this.block, closed: this.closed }
  }

  resume(mark: { readonly block: Block; readonly closed: boolean }): void {
    this.block = mark.block
    this.closed = mark.closed
  }

  /** Whether the current block has its terminator; what follows cannot be reached. */
  get terminated(): boolean {
    return this.closed
  }

  terminate(terminator: Terminator): void {
    if (this.closed) return
    this.block.terminator = terminator
    this.closed = true
  }

  br(to: Block, args: Value[] = []): void {
    this.terminate(jump({ block: to, args }, this.loc))
  }

  condbr(condition: Value, then: Block, otherwise: Block, likely?: boolean): void {
    if (condition.op === 'const') {
      this.br(condition.value ? then : otherwise)
      return
    }
    const edge = (block: Block): Edge => ({ block, args: [] })
    this.terminate({
      kind: 'condbr',
      condition,
      then: edge(then),
      otherwise: edge(otherwise),
      loc: this.loc,
      likely,
      first: undefined,
    })
  }

  // --- leaves ---

  const(type: IrType, value: bigint | number): Value {
    return this.func.const(type, value)
  }

  undef(type: IrType): Value {
    return this.func.value('undef', type)
  }

  global(global: Global, offset = 0): Value {
    const value = this.func.value('global', 'ptr', [], this.loc)
    value.global = global
    value.offset = offset
    return value
  }

  funcAddress(target: Func): Value {
    const value = this.func.value('func', 'ptr', [], this.loc)
    value.func = target
    return value
  }

  // --- instructions ---

  /** Appends any instruction; in unreachable places it goes nowhere. */
  inst(op: Op, type: IrType, args: Value[] = []): Value {
    const value = this.func.value(op, type, args, this.loc)
    if (!this.closed) this.block.insts.push(value)
    return value
  }

  /** A stack object; goes to the head of the entry block wherever the builder stands. */
  alloca(size: number, align: number, name?: string): Value {
    const value = this.func.value('alloca', 'ptr', [], this.loc)
    value.size = Math.max(1, size)
    value.align = align
    value.name = name
    this.func.entry.insts.splice(this.allocas++, 0, value)
    return value
  }

  /** What the object held before is lost from here on. */
  begin(object: Value): void {
    this.inst('begin', 'void', [object])
  }

  load(type: IrType, pointer: Value, offset = 0, align = 1, isVolatile = false): Value {
    const value = this.inst('load', type, [pointer])
    value.offset = offset
    value.align = align
    value.volatile = isVolatile
    return value
  }

  store(pointer: Value, stored: Value, offset = 0, align = 1, isVolatile = false): Value {
    const value = this.inst('store', 'void', [pointer, stored])
    value.offset = offset
    value.align = align
    value.volatile = isVolatile
    return value
  }

  /** `pointer + offset` bytes; constants are gathered. */
  ptradd(pointer: Value, offset: Value): Value {
    if (offset.op === 'const') return this.ptraddConst(pointer, Number(BigInt.asIntN(64, offset.value)))
    return this.inst('ptradd', 'ptr', [pointer, offset])
  }

  ptraddConst(pointer: Value, offset: number): Value {
    if (offset === 0) return pointer
    if (pointer.op === 'global') return this.global(pointer.global!, pointer.offset + offset)
    if (pointer.op === 'ptradd' && pointer.args[1]!.op === 'const') {
      const sum = this.const('i64', pointer.args[1]!.value + BigInt(offset))
      return sum.value === 0n ? pointer.args[0]! : this.inst('ptradd', 'ptr', [pointer.args[0]!, sum])
    }
    return this.inst('ptradd', 'ptr', [pointer, this.const('i64', BigInt(offset))])
  }

  binary(op: BinaryOp, a: Value, b: Value): Value {
    if (a.op === 'const' && b.op === 'const') return this.const(a.type, foldBinary(op, a.type, a.value, b.value))
    if (b.op === 'const') {
      if (
        b.value === 0n &&
        (op === 'add' || op === 'sub' || op === 'or' || op === 'xor' || op === 'shl' || op === 'lshr' || op === 'ashr')
      )
        return a
      if (b.value === 1n && (op === 'mul' || op === 'udiv' || op === 'sdiv')) return a
    }
    return this.inst(op, a.type, [a, b])
  }

  icmp(predicate: Predicate, a: Value, b: Value): Value {
    if (a.op === 'const' && b.op === 'const') return this.const('i1', foldCompare(predicate, a.type, a.value, b.value) ? 1 : 0)
    // A comparison's 0 or 1, widened and compared with zero again: what C's conditions look like.
    if ((predicate === 'ne' || predicate === 'eq') && b.op === 'const' && b.value === 0n) {
      const bit = a.op === 'zext' && a.args[0]!.type === 'i1' ? a.args[0]! : a.type === 'i1' ? a : undefined
      if (bit) return predicate === 'ne' ? bit : this.not(bit)
    }
    const value = this.inst('icmp', 'i1', [a, b])
    value.predicate = predicate
    return value
  }

  /** The other truth value of an i1. */
  not(bit: Value): Value {
    if (bit.op === 'const') return this.const('i1', bit.value ^ 1n)
    if (bit.op === 'icmp') {
      const value = this.inst('icmp', 'i1', bit.args.slice())
      value.predicate = inverted[bit.predicate]
      return value
    }
    return this.inst('xor', 'i1', [bit, this.const('i1', 1)])
  }

  cast(op: CastOp, value: Value, to: IrType): Value {
    if (value.type === to && op !== 'addrspacecast') return value
    // Null is null in every address space.
    if (op === 'addrspacecast' && value.op === 'const' && value.value === 0n) return value
    if (value.op === 'const' && op !== 'addrspacecast') return this.const(to, foldCast(op, value.type, to, value.value))
    if (op === 'trunc' && (value.op === 'zext' || value.op === 'sext')) {
      const from = value.args[0]!
      if (bitsOf(from.type) === bitsOf(to)) return from
      if (bitsOf(from.type) > bitsOf(to)) return this.cast('trunc', from, to)
      return this.cast(value.op, from, to)
    }
    if ((op === 'ptrtoint' && value.op === 'inttoptr') || (op === 'inttoptr' && value.op === 'ptrtoint')) {
      const from = value.args[0]!
      if (from.type === to) return from
    }
    return this.inst(op, to, [value])
  }

  /** Integer to another width, extending by sign where asked. */
  resize(value: Value, to: IrType, isSigned: boolean): Value {
    const from = bitsOf(value.type)
    const wanted = bitsOf(to)
    return from === wanted
      ? value
      : from > wanted
        ? this.cast('trunc', value, to)
        : this.cast(isSigned ? 'sext' : 'zext', value, to)
  }

  bswap(value: Value): Value {
    if (value.op === 'const') return this.const(value.type, foldByteSwap(value.type, value.value))
    return this.inst('bswap', value.type, [value])
  }

  select(condition: Value, then: Value, otherwise: Value): Value {
    if (condition.op === 'const') return condition.value ? then : otherwise
    return this.inst('select', then.type, [condition, then, otherwise])
  }

  memory(op: 'memcpy' | 'memmove' | 'memset', to: Value, from: Value, size: number, align: number): Value {
    const value = this.inst(op, 'void', [to, from])
    value.size = size
    value.align = align
    return value
  }
}
