/**
 * The typed tree: every name resolved, every conversion written out, every constant folded that C calls constant. What lowering
 * needs and nothing it would have to ask the syntax for again. Made by the type checker, read only after.
 *
 * Rules of the tree
 * - An expression of kind `var`, `deref`, `member`, `index`, `string` or `compound_literal` denotes an object (an lvalue). Its value is taken by
 *   a `load` around it; without one it is only ever the operand of `address`, `assign`, `compound_assign`, `incdec`, `member`, `decay`, or an asm
 *   memory operand. A `member` of a record value (a call's result) is the exception: its base is not an lvalue.
 * - Arithmetic operands have the operation's type already. Conditions (`if`, loops, `!`, `&&`, `||`, `?:`) are scalars of any type, compared with zero.
 * - `_Bool` values are 0 or 1 after a `to_bool` conversion.
 */
import type { SectionNames } from '../preprocessor/section-pragma.js'
import type { Atom, TokenIndex } from '../preprocessor/tokens.js'
import type { CType, Field, FunctionType, IntType, RecordType } from './types.js'

/** Places of a node: the token a caret belongs to, and the range; indexes into the token buffer. */
export interface TypedNode {
  readonly token: TokenIndex
  readonly first: TokenIndex
  readonly last: TokenIndex
}

// --- declarations ---

export type Linkage = 'none' | 'internal' | 'external'

export interface VarDecl {
  readonly kind: 'var'
  /** As in the source; undefined for a nameless parameter. */
  readonly name: string
  type: CType
  readonly linkage: Linkage
  /** Automatic (on the frame), or with the program's lifetime; parameters are automatic. */
  readonly storage: 'automatic' | 'static'
  readonly isParam: boolean
  /** Declared but not defined in this unit. */
  isExtern: boolean
  /** `SEC(...)`; undefined for the default sections. */
  section: string | undefined
  weak: boolean
  /** Where `#pragma clang section` puts it, if it has no section of its own. */
  sections: SectionNames
  hidden: boolean
  used: boolean
  unused: boolean
  /** Bytes asked for by `aligned`/`_Alignas`; 0 for the type's own. */
  align: number
  /** `asm("…")` after the declarator, in place of the name. */
  asmLabel: string | undefined
  /** Undefined where there is none (for a static object: zeros). */
  init: InitValue | undefined
  declTags: readonly string[]
  /** `__attribute__((cleanup(f)))`. */
  cleanup: FunctionDecl | undefined
  /** Whether its address is taken anywhere (`&`, decay, captured by asm "m"). */
  addressTaken: boolean
  /** Whether it may live where its function's result is wanted; undefined while no `return` has been seen in its scope. */
  namedResult?: boolean
  /** The function a static local belongs to, for its unique symbol name `function.name`. */
  readonly owner: FunctionDecl | undefined
  readonly token: TokenIndex
}

export interface FunctionDecl {
  readonly kind: 'function'
  readonly name: string
  type: FunctionType
  linkage: Linkage
  section: string | undefined
  inline: boolean
  alwaysInline: boolean
  /** The body only serves calls of this unit, as one of a static function; the symbol is another unit's. */
  inlineOnly: boolean
  noInline: boolean
  naked: boolean
  noReturn: boolean
  weak: boolean
  hidden: boolean
  used: boolean
  /** `unused`: no warning if nobody calls it. */
  unused?: boolean
  optnone: boolean
  asmLabel: string | undefined
  /** `format(printf, …)`: the format's argument and the first it prints, from 0; without `first` none stand in the call. */
  format?: { readonly format: number; readonly first?: number }
  declTags: readonly string[]
  /** Parameters of the definition, empty without one. */
  params: VarDecl[]
  /** Undefined where it is only declared: a kfunc, a ksym, an extern subprogram, or one never used. */
  body: CompoundStmt | undefined
  /** Labels of the body, by name. */
  labels: Map<string, Label>
  readonly token: TokenIndex
  /** The closing brace; the place of the implicit return. */
  endToken: TokenIndex
}

export interface Label {
  readonly name: string
  readonly token: TokenIndex
}

/**
 * An initialiser with its designators resolved: what is stored where. Bytes no item covers are zero. Items are in order of evaluation and do
 * not overlap, but for one case: an item that initialises a whole record by a value, followed by overriding items.
 */
export interface InitValue {
  readonly type: CType
  readonly items: readonly InitItem[]
  /** A scalar or a whole-object value (`struct s a = b;`): one item at offset 0 that covers everything. */
  readonly whole: boolean
}

export interface InitItem {
  /** Bytes from the start of the object (for a bit field: of its record's byte that holds bit 0 of `field.bitOffset`, relative to `recordOffset`). */
  readonly offset: number
  /** Set for a bit field; `recordOffset` is where its record starts. */
  readonly bitField: { readonly field: Field; readonly record: RecordType; readonly recordOffset: number } | undefined
  readonly type: CType
  /** A value of `type`; for a char array also a `string` (not decayed), copied and cut or zero-filled to the array's size. */
  readonly value: Expr
}

export interface TypedUnit {
  /** Everything with a definition or a use, in the order of first declaration. */
  readonly functions: readonly FunctionDecl[]
  /** Objects with static storage, static locals among them. */
  readonly variables: readonly VarDecl[]
  /** `asm("…");` at file scope. */
  readonly fileAsm: readonly string[]
  /** Spelling of an atom. */
  readonly text: (atom: Atom) => string
  /**
   * Makes a record or enum complete whose definition stands in a header nobody asked yet; false where there is none. Records that are only pointed
   * to stay incomplete until somebody needs their members; the BTF writer asks for those it has to describe.
   */
  readonly complete: (type: CType) => boolean
}

// --- statements ---

export type Stmt =
  | CompoundStmt
  | (TypedNode & { readonly kind: 'var'; readonly decl: VarDecl })
  | (TypedNode & { readonly kind: 'expr'; readonly expr: Expr })
  | (TypedNode & { readonly kind: 'if'; readonly condition: Expr; readonly then: Stmt; readonly otherwise: Stmt | undefined })
  | LoopStmt
  | SwitchStmt
  | CaseStmt
  | (TypedNode & { readonly kind: 'label'; readonly label: Label; readonly body: Stmt })
  | (TypedNode & { readonly kind: 'goto'; readonly label: Label })
  | (TypedNode & { readonly kind: 'break'; readonly target: LoopStmt | SwitchStmt })
  | (TypedNode & { readonly kind: 'continue'; readonly target: LoopStmt })
  | (TypedNode & { readonly kind: 'return'; readonly value: Expr | undefined })
  | AsmStmt
  | (TypedNode & { readonly kind: 'null' })

export interface CompoundStmt extends TypedNode {
  readonly kind: 'compound'
  readonly body: readonly Stmt[]
}

/** `while`, `do` and `for`: `init; while (condition) { body; step }`, or the condition last. An absent condition is true. */
export interface LoopStmt extends TypedNode {
  readonly kind: 'loop'
  /** Declarations or an expression, evaluated once, in the loop's own scope. */
  init: readonly Stmt[]
  condition: Expr | undefined
  step: Expr | undefined
  body: Stmt
  /** `do`: the first round is not guarded. */
  readonly testLast: boolean
  readonly unroll: 'full' | 'enable' | 'disable' | number | undefined
}

export interface SwitchStmt extends TypedNode {
  readonly kind: 'switch'
  value: Expr
  body: Stmt
  /** In order of appearance; values converted to the type of `value`. */
  cases: CaseStmt[]
  /** The value is of an enum, and each enumerator has a case. */
  coversEnum: boolean
}

/** `case a:`, `case a ... b:` or `default:` (both undefined). */
export interface CaseStmt extends TypedNode {
  readonly kind: 'case'
  readonly low: bigint | undefined
  readonly high: bigint | undefined
  body: Stmt
}

export interface AsmStmt extends TypedNode {
  readonly kind: 'asm'
  readonly volatile: boolean
  readonly template: string
  readonly outputs: readonly AsmOperand[]
  readonly inputs: readonly AsmOperand[]
  readonly clobbers: readonly string[]
  readonly labels: readonly Label[]
}

export interface AsmOperand extends TypedNode {
  readonly name: string | undefined
  readonly constraint: string
  /** An lvalue for outputs and `m`; a value for other inputs. */
  readonly value: Expr
}

// --- expressions ---

interface ExprBase extends TypedNode {
  readonly type: CType
}

export type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | '<<' | '>>' | '&' | '|' | '^'
export type CompareOp = '<' | '>' | '<=' | '>=' | '==' | '!='

export type Conversion =
  /** Integer (enum, _Bool) to integer: truncates, or extends by the sign of the source type. */
  | 'int'
  /** Scalar to _Bool: not equal to zero. */
  | 'to_bool'
  | 'pointer_to_int'
  | 'int_to_pointer'
  /** Pointer to pointer, same address space. */
  | 'pointer'
  /** Pointer to pointer between address spaces (arena). */
  | 'address_space'
  | 'to_void'
  /** Same representation: enum to its type, qualifiers, record to itself. */
  | 'same'

export type Expr =
  | (ExprBase & { readonly kind: 'int'; readonly value: bigint })
  | (ExprBase & { readonly kind: 'var'; readonly decl: VarDecl })
  /** A function designator; only under `address` or as a callee. */
  | (ExprBase & { readonly kind: 'function'; readonly decl: FunctionDecl })
  /** A string literal with its terminating zero; an lvalue of array type. */
  | (ExprBase & { readonly kind: 'string'; readonly bytes: Uint8Array; readonly elementSize: number })
  | (ExprBase & { readonly kind: 'compound_literal'; readonly decl: VarDecl })
  | (ExprBase & { readonly kind: 'deref'; readonly pointer: Expr })
  | (ExprBase & {
      readonly kind: 'member'
      readonly base: Expr
      readonly record: RecordType
      readonly field: Field
      /**
       * Written with `->` or `.`; anonymous members in between are members of their own in the tree.
       * Whether CO-RE records it is the record's `preserveAccessIndex`, or an enclosing `preserve_access_index` builtin.
       */
      readonly arrow: boolean
    })
  /** `base[index]` with an array lvalue, or a pointer value, as base; the index is a 64-bit integer. An lvalue. */
  | (ExprBase & { readonly kind: 'index'; readonly base: Expr; readonly index: Expr; readonly baseIsArray: boolean })
  | (ExprBase & { readonly kind: 'load'; readonly object: Expr })
  | (ExprBase & { readonly kind: 'address'; readonly object: Expr })
  /** Array lvalue to pointer to its first element. */
  | (ExprBase & { readonly kind: 'decay'; readonly array: Expr })
  | (ExprBase & { readonly kind: 'convert'; readonly conversion: Conversion; readonly operand: Expr; readonly explicit: boolean })
  | (ExprBase & { readonly kind: 'negate' | 'complement' | 'not'; readonly operand: Expr })
  | (ExprBase & { readonly kind: 'arithmetic'; readonly op: ArithmeticOp; readonly left: Expr; readonly right: Expr })
  /** Result is `int`; operands have one common type (integers or pointers). */
  | (ExprBase & { readonly kind: 'compare'; readonly op: CompareOp; readonly left: Expr; readonly right: Expr })
  /** Pointer plus (or minus) a 64-bit element count. */
  | (ExprBase & {
      readonly kind: 'pointer_add'
      readonly pointer: Expr
      readonly offset: Expr
      readonly subtract: boolean
      readonly elementSize: number
    })
  | (ExprBase & { readonly kind: 'pointer_diff'; readonly left: Expr; readonly right: Expr; readonly elementSize: number })
  | (ExprBase & { readonly kind: 'logical'; readonly op: '&&' | '||'; readonly left: Expr; readonly right: Expr })
  /** `then` undefined: GNU `a ?: b`; `condition` is evaluated once and is the value, converted to `type`. */
  | (ExprBase & {
      readonly kind: 'conditional'
      readonly condition: Expr
      readonly then: Expr | undefined
      readonly otherwise: Expr
    })
  | (ExprBase & { readonly kind: 'comma'; readonly left: Expr; readonly right: Expr })
  /** The value is that of `target` after the assignment (not an lvalue). */
  | (ExprBase & { readonly kind: 'assign'; readonly target: Expr; readonly value: Expr })
  /**
   * `target op= value` for integers: the target's value is converted to `computation`, combined with `value` (already of that type; for shifts of its
   * own promoted type), converted back. For pointers `computation` is the pointer type, `value` a 64-bit element count.
   */
  | (ExprBase & {
      readonly kind: 'compound_assign'
      readonly op: ArithmeticOp
      readonly target: Expr
      readonly value: Expr
      readonly computation: CType
      /** Bytes of what a pointer target points to; 0 for integers. */
      readonly elementSize: number
    })
  | (ExprBase & {
      readonly kind: 'incdec'
      readonly target: Expr
      readonly increment: boolean
      readonly prefix: boolean
      readonly elementSize: number
    })
  | (ExprBase & {
      readonly kind: 'call'
      /** A `function` node for direct calls, else a value of pointer-to-function type. */
      readonly callee: Expr
      readonly functionType: FunctionType
      readonly args: readonly Expr[]
    })
  | (ExprBase & {
      readonly kind: 'statement_expr'
      readonly body: CompoundStmt /** The last expression's value, if it has one. */
      readonly result: Expr | undefined
    })
  | (ExprBase & { readonly kind: 'builtin'; readonly name: BuiltinName; readonly args: readonly Expr[] })
  /** `__atomic_*` and `__sync_*`, brought to one form. */
  | (ExprBase & {
      readonly kind: 'atomic'
      readonly op: 'load' | 'store' | 'exchange' | 'compare_exchange' | 'add' | 'sub' | 'and' | 'or' | 'xor' | 'nand'
      readonly pointer: Expr
      /** Operand, new value; for compare_exchange the desired value. */
      readonly value: Expr | undefined
      /** compare_exchange: the expected value (`__sync_val/bool`), or with `expectedIsPointer` a pointer to it (`__atomic_compare_exchange_n`). */
      readonly expected: Expr | undefined
      readonly expectedIsPointer: boolean
      /** What the expression's value is: old or new contents, success of a compare_exchange, or nothing used (void). */
      readonly result: 'old' | 'new' | 'success' | 'none'
      /** C11 memory order of the operation: 0 relaxed, 2 acquire, 3 release, 4 acq_rel, 5 seq_cst. */
      readonly order: number
      readonly valueType: CType
    })
  /** Value of CO-RE information; see linker/object/bpf-object.ts for kinds. Folded from the `__builtin_preserve_*` family and `__builtin_btf_type_id`. */
  | (ExprBase & {
      readonly kind: 'core_field'
      readonly info: number /** The lvalue whose last member is asked about. */
      readonly object: Expr
    })
  | (ExprBase & { readonly kind: 'core_type'; readonly info: number; readonly of: CType })
  | (ExprBase & {
      readonly kind: 'core_enum'
      readonly info: number
      readonly of: CType
      readonly constant: number
      readonly value: bigint
    })
  /** `__builtin_preserve_access_index(e)`: member and index accesses within are recorded for CO-RE whatever their records say. */
  | (ExprBase & { readonly kind: 'preserve_access'; readonly operand: Expr })

/**
 * Builtins that reach lowering. What folds to a constant (offsetof, types_compatible_p, choose_expr, strlen of a literal, constant_p once known,
 * object_size) does not; `constant_p` stays where the answer depends on inlining.
 */
export type BuiltinName =
  | 'memcpy'
  | 'memset'
  | 'memmove'
  | 'memcmp'
  | 'strlen'
  | 'strcmp'
  | 'strncmp'
  | 'expect'
  | 'unreachable'
  | 'trap'
  | 'assume'
  | 'constant_p'
  | 'bswap16'
  | 'bswap32'
  | 'bswap64'
  | 'clz'
  | 'clzll'
  | 'ctz'
  | 'ctzll'
  | 'ffs'
  | 'ffsll'
  | 'popcount'
  | 'popcountll'
  | 'parity'
  | 'parityll'
  | 'abs'
  | 'add_overflow'
  | 'sub_overflow'
  | 'mul_overflow'
  | 'fence'
  | 'frame_address'
  | 'return_address'
  /** asm-labelled `llvm.bpf.load.byte/half/word(skb, offset)`: LD_ABS/LD_IND. */
  | 'load_byte'
  | 'load_half'
  | 'load_word'

/** A constant as static initialisers have it. */
export type ConstantValue =
  | { readonly kind: 'int'; readonly value: bigint; readonly type: IntType }
  | { readonly kind: 'address'; readonly base: VarDecl | FunctionDecl | (Expr & { kind: 'string' }); readonly offset: number }
