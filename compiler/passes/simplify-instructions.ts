/**
 * Folds constants and puts instructions into simpler forms, operand by operand. Verifier-aware: a form is only changed where the value that
 * a program may have checked stays the value that is used. So sums are regrouped only when the inner one has no other use (it may be
 * what was compared with a bound), and masks are never removed for being redundant in C.
 */
import { commutative, divisions, sumsAndBits } from '../ir/op-groups.js'
import { reversePostorder } from '../ir/cfg.js'
import { foldBinary, foldByteSwap, foldCast, foldCompare, inverted, swapped } from '../ir/fold.js'
import {
  type BinaryOp,
  bitsOf,
  type CastOp,
  type Func,
  type Global,
  type IrType,
  type Op,
  type Predicate,
  type Value,
  wrap,
} from '../ir/ir.js'
import { knownBits } from '../ir/known-bits.js'
import { countUses } from '../ir/uses.js'
import { constantBytes, constantString, integerFrom } from './expand-memory.js'
import type { FunctionPass } from './pass.js'
import { Replacements } from './rewrite.js'

export const simplifyInstructions: FunctionPass = {
  kind: 'function',
  name: 'simplify-instructions',
  run(func, _module, options) {
    let changed = false
    for (let round = 0; round < 4; round++) {
      if (!new Simplifier(func, options.target.little).run()) break
      changed = true
    }
    return changed
  },
}

const binaryOps: ReadonlySet<Op> = new Set<Op>([...sumsAndBits, 'mul', ...divisions])
/** Whose low bits depend on low bits only. */
const carriesUp: ReadonlySet<Op> = new Set<Op>(['add', 'sub', 'mul', 'and', 'or', 'xor'])

const unsignedForm: Readonly<Record<Predicate, Predicate>> = {
  eq: 'eq',
  ne: 'ne',
  ult: 'ult',
  ule: 'ule',
  ugt: 'ugt',
  uge: 'uge',
  slt: 'ult',
  sle: 'ule',
  sgt: 'ugt',
  sge: 'uge',
}

class Simplifier {
  private readonly replacements = new Replacements()
  private readonly uses: Int32Array
  private changed = false
  /** New instructions that go before the one looked at. */
  private before: Value[] = []
  private at: Value | undefined

  constructor(
    private readonly func: Func,
    private readonly little: boolean,
  ) {
    this.uses = countUses(func)
  }

  run(): boolean {
    for (const block of reversePostorder(this.func)) {
      /** The block's instructions as they become; undefined while all stay. */
      let out: Value[] | undefined
      const { insts } = block
      for (let at = 0; at < insts.length; at++) {
        const inst = insts[at]!
        if (!this.replacements.empty)
          for (let i = 0; i < inst.args.length; i++) inst.args[i] = this.replacements.resolve(inst.args[i]!)
        if (this.before.length > 0) this.before = []
        this.at = inst
        const by = this.simplify(inst)
        const replaced = by !== undefined && by !== inst
        if (replaced || this.before.length > 0) {
          out ??= insts.slice(0, at)
          for (const made of this.before) out.push(made)
        }
        if (replaced) {
          this.replacements.set(inst, by)
          this.changed = true
        } else out?.push(inst)
      }
      if (out) block.insts = out
    }
    this.replacements.apply(this.func)
    return this.changed
  }

  // --- making values ---

  private make(op: Op, type: IrType, args: Value[]): Value {
    const value = this.func.value(op, type, args, this.at!.loc)
    this.before.push(value)
    return value
  }

  private const(type: IrType, value: bigint): Value {
    return this.func.const(type, value)
  }

  private single(value: Value): boolean {
    // Values made in this round are past the table: they have the one use they were made for.
    return value.id >= this.uses.length || this.uses[value.id] === 1
  }

  // --- rules: each gives the value to use instead, or undefined ---

  private simplify(inst: Value): Value | undefined {
    // What is most frequent comes first.
    switch (inst.op) {
      case 'load':
        this.address(inst)
        return this.constantLoad(inst) ?? this.loadOutside(inst)
      case 'store':
        this.address(inst)
        return undefined
      case 'ptradd':
        return this.ptradd(inst)
      case 'icmp':
        return this.compare(inst)
      case 'zext':
      case 'sext':
      case 'trunc':
      case 'ptrtoint':
      case 'inttoptr':
        return this.cast(inst)
      case 'addrspacecast':
        return inst.args[0]!.op === 'const' && inst.args[0]!.value === 0n ? inst.args[0] : undefined
      case 'bswap': {
        const arg = inst.args[0]!
        if (arg.op === 'const') return this.const(inst.type, foldByteSwap(inst.type, arg.value))
        if (arg.op === 'bswap') return arg.args[0]
        return undefined
      }
      case 'select':
        return this.select(inst)
      case 'isconst':
        return inst.args[0]!.op === 'const' ? this.const('i1', 1n) : undefined
      case 'callindirect':
        this.knownCall(inst)
        return undefined
      case 'memcpy':
      case 'memmove':
      case 'memset':
      case 'memcmp':
        if (inst.args.length > 2 && inst.args[2]!.op === 'const') {
          inst.size = Number(inst.args.pop()!.value)
          this.changed = true
        }
        return undefined
      case 'strlen':
        return this.stringLength(inst)
      case 'strcmp':
        return this.stringCompare(inst)
      default:
        return binaryOps.has(inst.op) ? this.binary(inst) : undefined
    }
  }

  private stringLength(inst: Value): Value | undefined {
    const text = constantString(inst.args[0]!)
    return text && this.const('i64', BigInt(text.length))
  }

  private stringCompare(inst: Value): Value | undefined {
    const [left, right, most] = inst.args as [Value, Value, Value | undefined]
    if (left === right || (most?.op === 'const' && most.value === 0n)) return this.const('i32', 0n)
    const a = constantString(left)
    const b = constantString(right)
    if (!a || !b || (most && most.op !== 'const')) return undefined
    const limit = most && most.value < BigInt(a.length) ? Number(most.value) : a.length + 1
    for (let i = 0; i < limit; i++) {
      const difference = (a[i] ?? 0) - (b[i] ?? 0)
      if (difference !== 0) return this.const('i32', difference < 0 ? -1n : 1n)
    }
    return this.const('i32', 0n)
  }

  /** Constants added to the address go into the access's own offset: `ctx + 8` then never exists as a value. */
  private address(inst: Value): void {
    const pointer = inst.args[0]!
    if (pointer.op === 'ptradd' && pointer.args[1]!.op === 'const') {
      const offset = inst.offset + Number(BigInt.asIntN(64, pointer.args[1]!.value))
      if (offset >= -0x8000 && offset <= 0x7fff - 8) {
        inst.args[0] = pointer.args[0]!
        inst.offset = offset
        this.changed = true
      }
    } else if (pointer.op === 'global' && inst.offset !== 0) {
      const moved = this.func.value('global', 'ptr', [], pointer.loc)
      moved.global = pointer.global
      moved.offset = pointer.offset + inst.offset
      inst.args[0] = moved
      inst.offset = 0
      this.changed = true
    }
  }

  /** What stands in constant memory is known. */
  private constantLoad(inst: Value): Value | undefined {
    if (inst.volatile || inst.args[0]!.op !== 'global') return undefined
    const size = bitsOf(inst.type) / 8
    const bytes = constantBytes(inst.args[0]!, inst.offset, size)
    return bytes && this.const(inst.type, integerFrom(bytes, 0, size, this.little))
  }

  /** What stands beside a stack object is nobody's: whatever is read there serves, but not the address, which may be above the frame. */
  private loadOutside(inst: Value): Value | undefined {
    const object = inst.args[0]!
    if (inst.volatile || object.op !== 'alloca') return undefined
    const within = inst.offset < object.size && inst.offset + bitsOf(inst.type) / 8 > 0
    return within ? undefined : this.func.value('undef', inst.type, [], inst.loc)
  }

  /** A call through a pointer that turned out to be a number (a helper) or a function. */
  private knownCall(inst: Value): void {
    const target = inst.args[0]!
    if (target.op === 'const') {
      inst.op = 'callhelper'
      inst.helper = Number(target.value)
    } else if (target.op === 'func' && inst.args.length - 1 === target.func!.params.length) {
      if (inst.type !== target.func!.result && inst.type !== 'void') return
      if (target.func!.params.some((param, i) => param.type !== inst.args[i + 1]!.type)) return
      inst.op = 'call'
      inst.func = target.func
    } else return
    inst.args = inst.args.slice(1)
    this.changed = true
  }

  private ptradd(inst: Value): Value | undefined {
    const pointer = inst.args[0]!
    const offset = inst.args[1]!
    if (offset.op === 'const') {
      if (offset.value === 0n) return pointer
      // offsetof written by hand: a member of address 0.
      if (pointer.op === 'const') return this.const('ptr', pointer.value + offset.value)
      if (pointer.op === 'global') {
        const moved = this.func.value('global', 'ptr', [], inst.loc)
        moved.global = pointer.global
        moved.offset = pointer.offset + Number(BigInt.asIntN(64, offset.value))
        return moved
      }
      if (pointer.op === 'ptradd' && pointer.args[1]!.op === 'const')
        return this.make('ptradd', 'ptr', [pointer.args[0]!, this.const('i64', pointer.args[1]!.value + offset.value)])
      return undefined
    }
    // p + (x + c) is (p + x) + c, so that c can become the offset of an access.
    if (offset.op === 'add' && offset.args[1]!.op === 'const' && this.single(offset)) {
      const inner = this.make('ptradd', 'ptr', [pointer, offset.args[0]!])
      return this.make('ptradd', 'ptr', [inner, offset.args[1]!])
    }
    return undefined
  }

  private select(inst: Value): Value | undefined {
    const [condition, then, otherwise] = inst.args as [Value, Value, Value]
    if (condition.op === 'const') return condition.value ? then : otherwise
    if (then === otherwise) return then
    if (then.op === 'const' && otherwise.op === 'const') {
      if (then.value === otherwise.value) return then
      if (inst.type === 'i1') return then.value === 1n ? condition : this.make('xor', 'i1', [condition, this.const('i1', 1n)])
      if (inst.type !== 'ptr' && then.value === 1n && otherwise.value === 0n) return this.make('zext', inst.type, [condition])
    }
    return undefined
  }

  private cast(inst: Value): Value | undefined {
    const op = inst.op as CastOp
    const arg = inst.args[0]!
    const to = inst.type
    if (arg.op === 'const') return this.const(to, foldCast(op, arg.type, to, arg.value))
    if (arg.op === 'undef') return this.func.value('undef', to)
    if (op === 'trunc') {
      if (arg.op === 'zext' || arg.op === 'sext') {
        const from = arg.args[0]!
        if (from.type === to) return from
        return this.make(bitsOf(from.type) > bitsOf(to) ? 'trunc' : arg.op, to, [from])
      }
      if (arg.op === 'trunc') return this.make('trunc', to, [arg.args[0]!])
      const narrow = this.narrowed(arg, to)
      if (narrow) return narrow
    }
    // A field that was masked is cut to its type's width for nothing.
    if (op === 'zext' && arg.op === 'trunc' && arg.args[0]!.type === to) {
      const beyond = ((1n << BigInt(bitsOf(to))) - 1n) & ~((1n << BigInt(bitsOf(arg.type))) - 1n)
      if ((beyond & ~knownBits(arg.args[0]!).zero) === 0n) return arg.args[0]
    }
    if (op === 'zext' && arg.op === 'zext') return this.make('zext', to, [arg.args[0]!])
    if (op === 'sext' && (arg.op === 'zext' || arg.op === 'sext')) return this.make(arg.op, to, [arg.args[0]!])
    if (op === 'ptrtoint' && arg.op === 'inttoptr') return arg.args[0]
    if (op === 'inttoptr') {
      if (arg.op === 'ptrtoint') return arg.args[0]
      // (T *)((long)p + x) is p + x.
      if (arg.op === 'add') {
        const [a, b] = arg.args as [Value, Value]
        if (a.op === 'ptrtoint') return this.make('ptradd', 'ptr', [a.args[0]!, b])
        if (b.op === 'ptrtoint') return this.make('ptradd', 'ptr', [b.args[0]!, a])
      }
    }
    return undefined
  }

  /** Words added as 64 bits, of which 32 are kept, are added as words: what the operands were extended by does not matter then. */
  private narrowed(sum: Value, to: IrType): Value | undefined {
    if (to !== 'i32' || !this.single(sum) || !carriesUp.has(sum.op)) return undefined
    const [a, b] = sum.args as [Value, Value]
    const extended = (value: Value) => (value.op === 'zext' || value.op === 'sext') && bitsOf(value.args[0]!.type) <= 32
    if (!extended(a) && !extended(b)) return undefined
    const half = (value: Value): Value => (value.op === 'const' ? this.const(to, value.value) : this.make('trunc', to, [value]))
    return this.make(sum.op, to, [half(a), half(b)])
  }

  private compare(inst: Value): Value | undefined {
    let a = inst.args[0]!
    let b = inst.args[1]!
    if (a.op === 'const' && b.op === 'const')
      return this.const('i1', foldCompare(inst.predicate, a.type, a.value, b.value) ? 1n : 0n)
    if (a.op === 'const') {
      inst.args = [b, a]
      inst.predicate = swapped[inst.predicate]
      this.changed = true
      a = inst.args[0]!
      b = inst.args[1]!
    }
    if (a === b) {
      const holds = inst.predicate === 'eq' || inst.predicate.endsWith('e')
      return this.const('i1', inst.predicate !== 'ne' && holds ? 1n : 0n)
    }
    const narrowed = this.narrowCompare(inst, a, b)
    if (narrowed) return narrowed
    if (b.op !== 'const') return undefined
    const equality = inst.predicate === 'eq' || inst.predicate === 'ne'
    if (equality && a.type !== 'ptr') {
      const known = knownBits(a)
      if ((known.one & ~b.value) !== 0n || (known.zero & b.value) !== 0n)
        return this.const('i1', inst.predicate === 'ne' ? 1n : 0n)
    }
    if (b.value === 0n && inst.predicate === 'ult') return this.const('i1', 0n)
    if (b.value === 0n && inst.predicate === 'uge') return this.const('i1', 1n)
    // Widened truth values compared with zero or one.
    if (equality && (b.value === 0n || b.value === 1n)) {
      const bit = a.type === 'i1' ? a : a.op === 'zext' && a.args[0]!.type === 'i1' ? a.args[0]! : undefined
      if (bit) return (inst.predicate === 'ne') === (b.value === 0n) ? bit : this.not(bit)
    }
    // An address of an object of ours is never null.
    if (
      equality &&
      b.value === 0n &&
      (a.op === 'alloca' || (a.op === 'func' && !a.func!.isDeclaration) || (a.op === 'global' && !a.global!.isExtern))
    )
      return this.const('i1', inst.predicate === 'ne' ? 1n : 0n)
    if (equality && b.value === 0n && (a.op === 'ptrtoint' || a.op === 'inttoptr')) {
      const from = a.args[0]!
      const value = this.make('icmp', 'i1', [from, this.const(from.type, 0n)])
      value.predicate = inst.predicate
      return value
    }
    // A bit asked for after a shift is asked for where it is.
    if (equality && b.value === 0n && a.op === 'and' && a.args[1]!.op === 'const' && this.single(a)) {
      const shifted = a.args[0]!
      const by = shifted.args[1]
      if (shifted.op === 'lshr' && by?.op === 'const' && by.value < BigInt(bitsOf(a.type))) {
        const mask = a.args[1]!.value << by.value
        const whole = (1n << BigInt(bitsOf(a.type))) - 1n
        if (mask <= whole && (mask <= 0x7fff_ffffn || a.type === 'i32')) {
          const masked = this.make('and', a.type, [shifted.args[0]!, this.const(a.type, mask)])
          const value = this.make('icmp', 'i1', [masked, b])
          value.predicate = inst.predicate
          return value
        }
      }
    }
    // Whether anything is left after a shift is a bound, and of the value itself: a loop that folds a checksum ends by it.
    if (equality && b.value === 0n && a.op === 'lshr' && a.args[1]!.op === 'const' && a.args[1]!.value < 31n) {
      const value = this.make('icmp', 'i1', [a.args[0]!, this.const(a.type, 1n << a.args[1]!.value)])
      value.predicate = inst.predicate === 'eq' ? 'ult' : 'uge'
      return value
    }
    // x - y == 0 and x ^ y == 0 are x == y; the difference is not what anybody checked.
    if (equality && b.value === 0n && (a.op === 'sub' || a.op === 'xor') && this.single(a)) {
      const value = this.make('icmp', 'i1', [a.args[0]!, a.args[1]!])
      value.predicate = inst.predicate
      return value
    }
    return undefined
  }

  /**
   * Words widened for a comparison alone are compared as words: the bound then holds for the word that is used afterwards, not for a copy. Where
   * the wide copy is used too, the bound is for it. Extensions keep the order: zeros the unsigned one (and what is compared is then never
   * negative), signs both.
   */
  private narrowCompare(inst: Value, a: Value, b: Value): Value | undefined {
    if (a.op !== 'zext' && a.op !== 'sext') return undefined
    const word = a.args[0]!
    if (word.type !== 'i32') return this.narrowEquality(inst, a, b)
    if (!this.single(a)) return undefined
    let other: Value
    if (b.op === 'const') {
      const back = a.op === 'zext' ? BigInt.asUintN(32, b.value) : BigInt.asUintN(64, BigInt.asIntN(32, b.value))
      if (back !== b.value) return undefined
      other = this.const('i32', b.value)
    } else if (b.op === a.op && b.args[0]!.type === 'i32') other = b.args[0]!
    else return undefined
    const value = this.make('icmp', 'i1', [word, other])
    value.predicate = a.op === 'zext' ? unsignedForm[inst.predicate] : inst.predicate
    return value
  }

  /** Bytes and halves with their sign are as equal as without it. */
  private narrowEquality(inst: Value, a: Value, b: Value): Value | undefined {
    const part = a.args[0]!
    if (a.op !== 'sext' || part.type === 'i1' || (inst.predicate !== 'eq' && inst.predicate !== 'ne')) return undefined
    let other: Value
    if (b.op === 'const') {
      const bits = bitsOf(part.type)
      const kept = BigInt.asUintN(bits, b.value)
      if (BigInt.asUintN(bitsOf(a.type), BigInt.asIntN(bits, kept)) !== b.value)
        return this.const('i1', inst.predicate === 'ne' ? 1n : 0n)
      other = this.const(part.type, kept)
    } else if (b.op === 'sext' && b.args[0]!.type === part.type) other = b.args[0]!
    else return undefined
    const value = this.make('icmp', 'i1', [part, other])
    value.predicate = inst.predicate
    return value
  }

  private not(bit: Value): Value {
    if (bit.op === 'icmp') {
      const value = this.make('icmp', 'i1', bit.args.slice())
      value.predicate = inverted[bit.predicate]
      return value
    }
    return this.make('xor', 'i1', [bit, this.const('i1', 1n)])
  }

  /** Bits cut out of what is known to hold nothing else there, and out of a part of a word. */
  private masked(inst: Value, a: Value, mask: bigint): Value | undefined {
    const known = knownBits(a)
    if ((mask & ~(known.zero | known.one)) === 0n) return this.const(inst.type, mask & known.one)
    if (a.op === 'or' && a.args[1]!.op === 'const' && (a.args[1]!.value & mask) === 0n)
      return this.make('and', inst.type, [a.args[0]!, inst.args[1]!])
    if (a.op !== 'zext' || a.args[0]!.op !== 'trunc') return undefined
    const word = a.args[0]!.args[0]!
    return word.type === inst.type && mask >> BigInt(bitsOf(a.args[0]!.type)) === 0n
      ? this.make('and', inst.type, [word, inst.args[1]!])
      : undefined
  }

  /** How far one pointer is behind another, where both come from one: into one object by constants, or the first from the second. */
  private distance(to: Value, from: Value): Value | undefined {
    if (to.op === 'ptradd' && to.args[0] === from) return to.args[1]
    const end = placeOf(to)
    const start = placeOf(from)
    return end.object === start.object ? this.const('i64', end.offset - start.offset) : undefined
  }

  private binary(inst: Value): Value | undefined {
    const type = inst.type
    // What nobody set is zero in machine code; saying so early lets bit fields that are set one by one become a number.
    let a = inst.args[0]!
    let b = inst.args[1]!
    if (a.op === 'undef') a = this.const(type, 0n)
    if (b.op === 'undef') b = this.const(type, 0n)
    const op = inst.op as BinaryOp
    if (a.op === 'const' && b.op === 'const') return this.const(type, foldBinary(op, type, a.value, b.value))
    if (a.op === 'const' && commutative.has(op)) {
      inst.args = [b, a]
      this.changed = true
      a = inst.args[0]!
      b = inst.args[1]!
    }
    if (a === b) {
      if (op === 'sub' || op === 'xor') return this.const(type, 0n)
      if (op === 'and' || op === 'or') return a
    }
    // a - (difference of pointers) and sums with pointers taken as integers stay as they are: the verifier follows them.
    if (b.op !== 'const')
      return op === 'sub' && a.op === 'ptrtoint' && b.op === 'ptrtoint' ? this.distance(a.args[0]!, b.args[0]!) : undefined
    const c = b.value
    switch (op) {
      case 'add':
      case 'sub':
        if (c === 0n) return a
        if (op === 'sub') return this.make('add', type, [a, this.const(type, -c)])
        if (a.op === 'add' && a.args[1]!.op === 'const' && this.single(a))
          return this.make('add', type, [a.args[0]!, this.const(type, a.args[1]!.value + c)])
        break
      case 'mul':
        if (c === 0n) return b
        if (c === 1n) return a
        if ((c & (c - 1n)) === 0n) return this.make('shl', type, [a, this.const(type, log2(c))])
        break
      case 'udiv':
        if (c === 1n) return a
        if (c !== 0n && (c & (c - 1n)) === 0n) return this.make('lshr', type, [a, this.const(type, log2(c))])
        break
      case 'urem':
        if (c === 1n) return this.const(type, 0n)
        if (c !== 0n && (c & (c - 1n)) === 0n) return this.make('and', type, [a, this.const(type, c - 1n)])
        break
      case 'sdiv':
        if (c === 1n) return a
        break
      case 'and':
        if (c === 0n) return b
        if (c === wrap(type, -1n)) return a
        if (a.op === 'and' && a.args[1]!.op === 'const' && this.single(a))
          return this.make('and', type, [a.args[0]!, this.const(type, a.args[1]!.value & c)])
        return this.masked(inst, a, c)
      case 'or':
        if (c === 0n) return a
        if (c === wrap(type, -1n)) return b
        break
      case 'xor':
        if (c === 0n) return a
        if (type === 'i1' && a.op === 'icmp' && this.single(a)) return this.not(a)
        if (type === 'i1' && a.op === 'xor' && a.args[1]!.op === 'const') return a.args[0]
        break
      case 'shl':
      case 'lshr':
      case 'ashr':
        if (c === 0n) return a
        if (a.op === op && a.args[1]!.op === 'const' && this.single(a)) {
          const sum = a.args[1]!.value + c
          if (sum < BigInt(bitsOf(type))) return this.make(op, type, [a.args[0]!, this.const(type, sum)])
        }
        break
    }
    return undefined
  }
}

/** The object an address is in, or the pointer it was counted from, and the constant distance. */
function placeOf(pointer: Value): { object: Value | Global; offset: bigint } {
  if (pointer.op === 'global') return { object: pointer.global!, offset: BigInt(pointer.offset) }
  if (pointer.op !== 'ptradd' || pointer.args[1]!.op !== 'const') return { object: pointer, offset: 0n }
  const { object, offset } = placeOf(pointer.args[0]!)
  return { object, offset: offset + BigInt.asIntN(64, pointer.args[1]!.value) }
}

function log2(power: bigint): bigint {
  return BigInt(power.toString(2).length - 1)
}
