/**
 * The intermediate representation: SSA with block parameters in place of phi nodes. A module holds globals and functions; a function
 * blocks; a block its parameters, instructions and one terminator. docs/ir.md describes the text form (print.ts writes it,
 * read.ts reads it back), validate.ts says what must hold between passes.
 *
 * Pointers are opaque; arithmetic on them is `ptradd` with a byte offset. Integers have no sign, operations do. There are no use lists:
 * a pass that needs uses counts them once (uses.ts).
 */
import type { Loc } from '../../base/source.js'
import type { FunctionDecl, VarDecl } from '../typecheck/typed-ast.js'
import type { CType } from '../typecheck/types.js'

export type IrType = 'void' | 'i1' | 'i8' | 'i16' | 'i32' | 'i64' | 'ptr'

export type BinaryOp = 'add' | 'sub' | 'mul' | 'udiv' | 'sdiv' | 'urem' | 'srem' | 'and' | 'or' | 'xor' | 'shl' | 'lshr' | 'ashr'
export type CastOp = 'zext' | 'sext' | 'trunc' | 'ptrtoint' | 'inttoptr' | 'addrspacecast'
export type Predicate = 'eq' | 'ne' | 'ult' | 'ule' | 'ugt' | 'uge' | 'slt' | 'sle' | 'sgt' | 'sge'

/**
 * What a value is. Leaves (`const`, `undef`, `global`, `func`, `param`) belong to no block and may be shared within a function;
 * `blockparam` stands in `Block.params`; all others stand in `Block.insts`.
 */
export type Op =
  /** `value`, as an unsigned number of the type's width (ptr: 64 bits). */
  | 'const'
  | 'undef'
  /** Address of `global` plus `offset` bytes. */
  | 'global'
  /** Address of `func` (a callback). */
  | 'func'
  /** Parameter number `index` of the function. */
  | 'param'
  | 'blockparam'
  /** Stack object of `size` bytes, aligned to `align`; only in the entry block. */
  | 'alloca'
  /**
   * args: an alloca. Its life begins (again): what it held before is lost, as C says of an object whose declaration is passed. Only the sharing
   * of stack places and the removal of dead stores make use of it; it may be left out anywhere.
   */
  | 'begin'
  /** args: pointer. The address is args[0] + `offset`. */
  | 'load'
  /** args: pointer, value. */
  | 'store'
  /** args: pointer, i64 byte offset. */
  | 'ptradd'
  | BinaryOp
  /** `predicate`; args of one type, integers or pointers; result i1. */
  | 'icmp'
  | CastOp
  /** Reverses the bytes of an i16, i32 or i64. */
  | 'bswap'
  /** args: i1, then, else. Never made of pointers by an optimisation. */
  | 'select'
  /** args: arguments. `func` is called directly. */
  | 'call'
  /** args: arguments; helper number `helper`. */
  | 'callhelper'
  /** args: target pointer, arguments. (`callx`; refused by codegen unless the target becomes known.) */
  | 'callindirect'
  /** `atomic` says which; args: pointer, value (cmpxchg: pointer, expected, desired). Result: old contents, or void without fetch. */
  | 'atomicrmw'
  | 'cmpxchg'
  /** `order`; also plain compiler barriers. */
  | 'fence'
  /** args: destination, source; `size` bytes. Before inlining a third operand may stand for a size not known yet. */
  | 'memcpy'
  | 'memmove'
  /** args: destination, i8 value; `size` bytes. */
  | 'memset'
  /** args: a, b; `size` bytes; result i32 as C's memcmp. */
  | 'memcmp'
  /** args: pointer to a string; result i64. Stands until passes know the string; none reaches code generation. */
  | 'strlen'
  /** args: a, b and, for strncmp, the most bytes to compare (i64); result i32 as C's strcmp. As `strlen`. */
  | 'strcmp'
  /** CO-RE: an i64 (or i32) known only at load time; `core` says which. `value` is the local type's answer. */
  | 'core'
  /** args: skb context pointer in the first, i32 offset in the second; `size` 1, 2, 4. Result i64 (LD_ABS, LD_IND). */
  | 'loadskb'
  /** Inline assembly: `asm`; args are the inputs. One output is the result; more are taken with `asmresult`. */
  | 'asm'
  /** args: the asm value; `index` of the output. */
  | 'asmresult'
  /** An identity that optimisations may not look through (keeps a check and a use apart or together). args: one value. */
  | 'opaque'
  /** `__builtin_constant_p`: i1, whether args[0] is a constant. Settled by passes once inlining is done; none reaches code generation. */
  | 'isconst'
  /** `__builtin_trap`: control must not come here, and that it cannot is to be shown by passes. An error in code generation. */
  | 'trap'

/** CO-RE information a value stands for. */
export interface CoreAccess {
  /** `CoreReloKind` of linker/object/bpf-object.ts. */
  readonly kind: number
  /** The root type, as BTF gets it (sugar kept: a typedef'd anonymous struct is named by its typedef). */
  readonly type: CType
  /** `0:1:2`. */
  readonly access: string
}

export interface AsmInfo {
  /** Template with `$0`-free numbering: `%0`, `%[name]` already replaced by `%N`; `%l[label]` by `%lN`; `%=` kept; `%%` kept. */
  readonly template: string
  readonly volatile: boolean
  /** One a result; `r`, `+` and early clobber taken apart. `tied` operands give the input that shares the register. */
  readonly outputs: readonly { readonly type: IrType; readonly earlyClobber: boolean; readonly memory: boolean }[]
  /** One an argument: which class it must be in, or the output it is tied to. */
  readonly inputs: readonly { readonly constraint: 'r' | 'i' | 'm' | 'ri'; readonly tiedTo: number | undefined }[]
  /** Registers by number; memory clobber apart. */
  readonly clobbers: readonly number[]
  readonly clobbersMemory: boolean
}

const noDetails: Details = {
  signed: false,
  atomic: undefined,
  fetch: false,
  order: 0,
  global: undefined,
  func: undefined,
  helper: 0,
  core: undefined,
  asm: undefined,
}

export class Value {
  /** Unique in the function; names it in the text form. */
  id: number
  op: Op
  type: IrType
  args: Value[]
  loc: Loc
  /** const: the value. core: the local answer. */
  value = 0n
  /** load, store, global: byte offset. param, asmresult: index. */
  offset = 0
  /** alloca, memcpy & co., loadskb: bytes. */
  size = 0
  /** alloca, load, store, memcpy: alignment in bytes (0 where unknown means 1). */
  align = 0
  volatile = false
  predicate: Predicate = 'eq'
  /** load, store: the objects, by their C types, that the access is to, where others cannot be meant (lower/access-type.ts). */
  accessedAs: readonly string[] | undefined = undefined
  /** alloca and blockparam: the variable's name, for people. */
  name: string | undefined = undefined
  /** What few values have; never changed, so that copies can share it. */
  private details = noDetails

  constructor(id: number, op: Op, type: IrType, args: Value[] = [], loc: Loc = 0) {
    this.id = id
    this.op = op
    this.type = type
    this.args = args
    this.loc = loc
  }

  /** load of less than 64 bits: sign-extending form wanted (set by codegen's selection only). */
  get signed(): boolean {
    return this.details.signed
  }
  set signed(signed: boolean) {
    this.details = { ...this.details, signed }
  }

  get atomic(): Details['atomic'] {
    return this.details.atomic
  }
  set atomic(atomic: Details['atomic']) {
    this.details = { ...this.details, atomic }
  }

  /** atomicrmw: whether the old value is wanted. */
  get fetch(): boolean {
    return this.details.fetch
  }
  set fetch(fetch: boolean) {
    this.details = { ...this.details, fetch }
  }

  /** C11 memory order of atomics and fences. */
  get order(): number {
    return this.details.order
  }
  set order(order: number) {
    this.details = { ...this.details, order }
  }

  get global(): Global | undefined {
    return this.details.global
  }
  set global(global: Global | undefined) {
    this.details = { ...this.details, global }
  }

  get func(): Func | undefined {
    return this.details.func
  }
  set func(func: Func | undefined) {
    this.details = { ...this.details, func }
  }

  /** callhelper: the helper's number. */
  get helper(): number {
    return this.details.helper
  }
  set helper(helper: number) {
    this.details = { ...this.details, helper }
  }

  get core(): CoreAccess | undefined {
    return this.details.core
  }
  set core(core: CoreAccess | undefined) {
    this.details = { ...this.details, core }
  }

  get asm(): AsmInfo | undefined {
    return this.details.asm
  }
  set asm(asm: AsmInfo | undefined) {
    this.details = { ...this.details, asm }
  }

  /** Takes over all that another value of the same operation says besides its operands. */
  copyFrom(of: Value): void {
    this.value = of.value
    this.offset = of.offset
    this.size = of.size
    this.align = of.align
    this.volatile = of.volatile
    this.predicate = of.predicate
    this.accessedAs = of.accessedAs
    this.name = of.name
    this.details = of.details
  }
}

interface Details {
  readonly signed: boolean
  readonly atomic: 'add' | 'sub' | 'and' | 'or' | 'xor' | 'xchg' | undefined
  readonly fetch: boolean
  readonly order: number
  readonly global: Global | undefined
  readonly func: Func | undefined
  readonly helper: number
  readonly core: CoreAccess | undefined
  readonly asm: AsmInfo | undefined
}

/** An edge of the control-flow graph: the arguments go into the target's parameters. */
export interface Edge {
  block: Block
  args: Value[]
}

export type UnrollHint = 'full' | 'enable' | 'disable' | number

/**
 * How a block ends. Every field is there in every one of a kind, in this order: what walks over all blocks is compiled for few forms of
 * object, and `br` is best made by `jump`.
 */
export type Terminator =
  | { kind: 'br'; to: Edge; loc: Loc /** Of a loop's back edge. */; unroll: UnrollHint | undefined }
  | {
      kind: 'condbr'
      condition: Value
      then: Edge
      otherwise: Edge
      loc: Loc /** `__builtin_expect`. */
      likely: boolean | undefined
      /** The side that machine code falls into, where that is settled (order-branches). */
      first: 'then' | 'otherwise' | undefined
    }
  | { kind: 'switch'; value: Value; cases: { low: bigint; high: bigint; to: Edge }[]; otherwise: Edge; loc: Loc }
  | { kind: 'ret'; value: Value | undefined; loc: Loc }
  | { kind: 'unreachable'; loc: Loc }
  /** `asm goto`: falls through to `next`, or jumps to one of `labels` (no edge arguments on those; results live on `next`). */
  | { kind: 'asmgoto'; asm: AsmInfo; args: Value[]; results: Value[]; next: Edge; labels: Edge[]; loc: Loc }

/** Registers that carry arguments: r1 to r5. */
export const MAX_ARGS = 5

export class Block {
  id: number
  params: Value[] = []
  insts: Value[] = []
  /** Set before the function is complete. */
  terminator: Terminator = { kind: 'unreachable', loc: 0 }
  name: string | undefined

  constructor(id: number, name?: string) {
    this.id = id
    this.name = name
  }
}

export function jump(to: Edge, loc: Loc, unroll?: UnrollHint): Terminator {
  return { kind: 'br', to, loc, unroll }
}

/** All edges out of a block, in order; the objects themselves, so that they can be changed. */
export function successors(block: Block): Edge[] {
  const terminator = block.terminator
  switch (terminator.kind) {
    case 'br':
      return [terminator.to]
    case 'condbr':
      return [terminator.then, terminator.otherwise]
    case 'switch':
      return [...terminator.cases.map(entry => entry.to), terminator.otherwise]
    case 'asmgoto':
      return [terminator.next, ...terminator.labels]
    default:
      return []
  }
}

/** The edge out of a block at a position among its `successors`; undefined past the last. For walks that should not make lists. */
export function successorAt(block: Block, index: number): Edge | undefined {
  const terminator = block.terminator
  switch (terminator.kind) {
    case 'br':
      return index === 0 ? terminator.to : undefined
    case 'condbr':
      return index === 0 ? terminator.then : index === 1 ? terminator.otherwise : undefined
    case 'switch':
      return index === terminator.cases.length ? terminator.otherwise : terminator.cases[index]?.to
    case 'asmgoto':
      return index === 0 ? terminator.next : terminator.labels[index - 1]
    default:
      return undefined
  }
}

/** Values a terminator reads, edge arguments not included. */
export function terminatorOperands(terminator: Terminator): Value[] {
  switch (terminator.kind) {
    case 'condbr':
      return [terminator.condition]
    case 'switch':
      return [terminator.value]
    case 'ret':
      return terminator.value ? [terminator.value] : []
    case 'asmgoto':
      return terminator.args
    default:
      return []
  }
}

export type SymbolBinding = 'local' | 'global' | 'weak'

export class Func {
  readonly name: string
  binding: SymbolBinding
  hidden = false
  /** Undefined for `.text` (subprograms). */
  section: string | undefined
  params: Value[] = []
  result: IrType
  /** Empty for what is only declared (kfuncs, extern subprograms). The first is the entry; it has no parameters and no predecessors. */
  blocks: Block[] = []
  alwaysInline = false
  noInline = false
  naked = false
  noReturn = false
  optnone = false
  used = false
  /** For BTF: types, tags, parameter names. Undefined in IR read from text. */
  decl: FunctionDecl | undefined
  /** The closing brace. */
  endLoc: Loc = 0
  private nextValue = 0
  private nextBlock = 0

  constructor(name: string, binding: SymbolBinding, result: IrType, section?: string) {
    this.name = name
    this.binding = binding
    this.result = result
    this.section = section
  }

  get isDeclaration(): boolean {
    return this.blocks.length === 0
  }

  get entry(): Block {
    return this.blocks[0]!
  }

  /** Gives up the body, once there is code for it: a large module's would take much memory to the end. It stays a definition. */
  dropBody(): void {
    this.blocks = [this.block()]
  }

  /** A new value with the next id; put it into a block yourself (builder.ts does). */
  value(op: Op, type: IrType, args: Value[] = [], loc: Loc = 0): Value {
    return new Value(this.nextValue++, op, type, args, loc)
  }

  const(type: IrType, value: bigint | number): Value {
    const constant = this.value('const', type)
    constant.value = wrap(type, BigInt(value))
    return constant
  }

  /** A new block, not yet in `blocks`. */
  block(name?: string): Block {
    return new Block(this.nextBlock++, name)
  }

  /** Keeps a number from being given to a new value; for readers that bring their own. */
  reserve(id: number): void {
    this.nextValue = Math.max(this.nextValue, id + 1)
  }

  reserveBlock(id: number): void {
    this.nextBlock = Math.max(this.nextBlock, id + 1)
  }

  /** One past the largest value id: the size of a table by value. */
  get valueCount(): number {
    return this.nextValue
  }

  get blockCount(): number {
    return this.nextBlock
  }
}

/** A piece of a global's initial contents that is an address, at a byte offset; eight bytes wide. */
export interface GlobalReloc {
  readonly offset: number
  readonly target: Global | Func
  readonly addend: number
}

export class Global {
  readonly name: string
  binding: SymbolBinding
  hidden = false
  /** The section it goes to: `.data`, `.bss`, `.rodata`, `.rodata.str1.1`, `.maps`, `license`, `.kconfig`, `.ksyms`, …; decided by lowering. */
  section: string
  size: number
  align: number
  /** Undefined: all zeros (or extern). Never longer than `size`. */
  bytes: Uint8Array | undefined
  relocs: GlobalReloc[] = []
  readonly: boolean
  isExtern = false
  used = false
  /** Nothing but accesses to it takes its address, in this module and so anywhere (confined-globals). */
  confined = false
  /** For BTF; undefined for string literals and in IR read from text. */
  decl: VarDecl | undefined

  constructor(name: string, binding: SymbolBinding, section: string, size: number, align: number, readonly = false) {
    this.name = name
    this.binding = binding
    this.section = section
    this.size = size
    this.align = align
    this.readonly = readonly
  }
}

export class Module {
  readonly globals: Global[] = []
  readonly funcs: Func[] = []
  /** `asm("…")` at file scope. */
  readonly fileAsm: string[] = []
}

/** Bits of an integer type; pointers have 64. */
export function bitsOf(type: IrType): number {
  switch (type) {
    case 'i1':
      return 1
    case 'i8':
      return 8
    case 'i16':
      return 16
    case 'i32':
      return 32
    case 'i64':
    case 'ptr':
      return 64
    case 'void':
      return 0
  }
}

/** A number cut to the width of a type, unsigned: how constants are kept. */
export function wrap(type: IrType, value: bigint): bigint {
  return BigInt.asUintN(bitsOf(type), value)
}

/** The signed reading of a constant. */
export function signed(type: IrType, value: bigint): bigint {
  return BigInt.asIntN(bitsOf(type), value)
}

/** Operations whose absence a program could notice, whatever becomes of their result. */
export function hasSideEffects(value: Value): boolean {
  if (value.op === 'load') return value.volatile
  if (value.op === 'asm') return value.asm!.volatile || value.asm!.outputs.length === 0
  return effects.has(value.op)
}

const effects: ReadonlySet<Op> = new Set<Op>([
  'begin',
  'store',
  'call',
  'callhelper',
  'callindirect',
  'atomicrmw',
  'cmpxchg',
  'fence',
  'memcpy',
  'memmove',
  'memset',
  'loadskb',
  'trap',
])
