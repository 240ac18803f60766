/**
 * The syntax tree: what was written, before names and types mean anything. Nodes know their tokens by index (`token` is where a caret
 * belongs, `first`..`last` the whole range, inclusive). Names are atoms.
 */
import type { SectionNames } from '../preprocessor/section-pragma.js'
import type { Atom, TokenIndex } from '../preprocessor/tokens.js'

export interface Node {
  readonly first: TokenIndex
  readonly last: TokenIndex
  /** The token to point at: an operator, a name. */
  readonly token: TokenIndex
}

// --- attributes ---

/** `__attribute__((name(args)))`, `[[name]]` or a keyword that acts as one. Names come without leading and trailing `__`. */
export interface Attribute extends Node {
  readonly name: string
  /** Expressions; a bare identifier is an `identifier` expression. */
  readonly args: readonly Expr[]
  readonly type: TypeName | undefined
}

// --- declarations ---

export type Declaration = SimpleDeclaration | FunctionDefinition | StaticAssertDeclaration | FileAsm | EmptyDeclaration

export interface SimpleDeclaration extends Node {
  readonly kind: 'declaration'
  readonly specifiers: Specifiers
  readonly declarators: readonly InitDeclarator[]
}

export interface FunctionDefinition extends Node {
  readonly kind: 'function'
  readonly specifiers: Specifiers
  readonly declarator: Declarator
  readonly body: CompoundStmt
}

export interface StaticAssertDeclaration extends Node {
  readonly kind: 'static_assert'
  readonly condition: Expr
  readonly message: StringExpr | undefined
}

export interface FileAsm extends Node {
  readonly kind: 'file_asm'
  readonly text: StringExpr
}

export interface EmptyDeclaration extends Node {
  readonly kind: 'empty'
}

export interface InitDeclarator {
  readonly declarator: Declarator
  readonly init: Initializer | undefined
}

export type StorageClass = 'typedef' | 'extern' | 'static' | 'auto' | 'register'

export interface Specifiers extends Node {
  readonly storage: StorageClass | undefined
  readonly threadLocal: boolean
  readonly inline: boolean
  readonly noreturn: boolean
  readonly qualifiers: Qualifiers
  readonly alignas: readonly (Expr | TypeName)[]
  readonly attributes: readonly Attribute[]
  /** Undefined where none was written (implicit int: an error the type checker reports). */
  readonly type: TypeSpecifier | undefined
  /** What `#pragma clang section` says of definitions here. */
  readonly sections: SectionNames
}

/** Bits of `Qualifiers`. */
export const Qualifier = { const: 1, volatile: 2, restrict: 4, atomic: 8 } as const
export type Qualifiers = number

export type TypeSpecifier =
  /** `unsigned long int` and its kind: the words as written; includes `_Bool`, `__int128`, `float`, `double`, `_Complex`, `void`, … */
  | (Node & { readonly kind: 'builtin'; readonly words: readonly string[] })
  | RecordSpecifier
  | EnumSpecifier
  | (Node & { readonly kind: 'typedef_name'; readonly name: Atom })
  | (Node & { readonly kind: 'typeof'; readonly operand: Expr | TypeName; readonly unqualified: boolean })
  | (Node & { readonly kind: 'auto_type' })
  | (Node & { readonly kind: 'atomic'; readonly type: TypeName })

export interface RecordSpecifier extends Node {
  readonly kind: 'record'
  readonly union: boolean
  readonly name: Atom | undefined
  readonly members: readonly (MemberDeclaration | StaticAssertDeclaration)[] | undefined
  readonly attributes: readonly Attribute[]
  /** `#pragma pack` in force at the body; 0 for none. */
  readonly pack: number
  /** A `preserve_access_index` pushed by `#pragma clang attribute` covers it. */
  readonly preserveAccessIndex: boolean
}

export interface MemberDeclaration extends Node {
  readonly kind: 'member'
  readonly specifiers: Specifiers
  /** Empty for an anonymous struct or union member. */
  readonly declarators: readonly { readonly declarator: Declarator; readonly bits: Expr | undefined }[]
}

export interface EnumSpecifier extends Node {
  readonly kind: 'enum'
  readonly name: Atom | undefined
  readonly enumerators: readonly Enumerator[] | undefined
  readonly attributes: readonly Attribute[]
  /** C23 `enum E : type`. */
  readonly underlying: TypeName | undefined
}

export interface Enumerator extends Node {
  readonly name: Atom
  readonly value: Expr | undefined
  readonly attributes: readonly Attribute[]
}

/** A declarator: the name, and what stands around it from the name outwards (`int *a[3]`: array, then pointer). */
export interface Declarator extends Node {
  readonly name: Atom | undefined
  readonly chunks: readonly DeclaratorChunk[]
  /** Attributes after the declarator and beside its name. */
  readonly attributes: readonly Attribute[]
  /** `asm("…")` after it. */
  readonly asmLabel: StringExpr | undefined
}

export type DeclaratorChunk =
  | (Node & { readonly kind: 'pointer'; readonly qualifiers: Qualifiers; readonly attributes: readonly Attribute[] })
  | (Node & {
      readonly kind: 'array'
      readonly size: Expr | undefined
      readonly isStatic: boolean
      readonly star: boolean
      readonly qualifiers: Qualifiers
    })
  | (Node & {
      readonly kind: 'function'
      readonly params: readonly ParamDeclaration[]
      readonly variadic: boolean
      /** `()`: no prototype. */
      readonly unprototyped: boolean
      /** K&R `(a, b)`: names alone, which get their types from the declarations before the body. */
      readonly oldStyle: boolean
    })

export interface ParamDeclaration extends Node {
  readonly specifiers: Specifiers
  readonly declarator: Declarator
}

/** A type without a name: casts, sizeof, typeof. */
export interface TypeName extends Node {
  readonly kind: 'type_name'
  readonly specifiers: Specifiers
  readonly declarator: Declarator
}

export type Initializer = Expr | InitializerList

export interface InitializerList extends Node {
  readonly kind: 'init_list'
  readonly items: readonly { readonly designators: readonly Designator[]; readonly value: Initializer }[]
}

export type Designator =
  | (Node & { readonly kind: 'field'; readonly name: Atom })
  /** `[index]`, GNU `[index ... to]`. */
  | (Node & { readonly kind: 'index'; readonly index: Expr; readonly to: Expr | undefined })

// --- statements ---

export type Stmt =
  | CompoundStmt
  | (Node & { readonly kind: 'declaration_stmt'; readonly declaration: Declaration })
  | (Node & { readonly kind: 'expression_stmt'; readonly expr: Expr; readonly attributes: readonly Attribute[] })
  | (Node & { readonly kind: 'null_stmt'; readonly attributes: readonly Attribute[] })
  | (Node & { readonly kind: 'if'; readonly condition: Expr; readonly then: Stmt; readonly otherwise: Stmt | undefined })
  | (Node & { readonly kind: 'while'; readonly condition: Expr; readonly body: Stmt; readonly hints: LoopHints })
  | (Node & { readonly kind: 'do'; readonly body: Stmt; readonly condition: Expr; readonly hints: LoopHints })
  | (Node & {
      readonly kind: 'for'
      readonly init: Declaration | Expr | undefined
      readonly condition: Expr | undefined
      readonly step: Expr | undefined
      readonly body: Stmt
      readonly hints: LoopHints
    })
  | (Node & { readonly kind: 'switch'; readonly value: Expr; readonly body: Stmt })
  | (Node & { readonly kind: 'case'; readonly value: Expr; readonly to: Expr | undefined; readonly body: Stmt })
  | (Node & { readonly kind: 'default'; readonly body: Stmt })
  | (Node & { readonly kind: 'label'; readonly name: Atom; readonly attributes: readonly Attribute[]; readonly body: Stmt })
  | (Node & { readonly kind: 'goto'; readonly label: Atom })
  | (Node & { readonly kind: 'goto_computed'; readonly target: Expr })
  | (Node & { readonly kind: 'break' | 'continue' })
  | (Node & { readonly kind: 'return'; readonly value: Expr | undefined })
  | AsmStmt
  /** `__label__ a, b;` */
  | (Node & { readonly kind: 'local_labels'; readonly names: readonly Atom[] })

export interface CompoundStmt extends Node {
  readonly kind: 'compound'
  readonly body: readonly Stmt[]
}

/** `#pragma unroll`, `#pragma clang loop …` before a loop. */
export interface LoopHints {
  readonly unroll: 'full' | 'enable' | 'disable' | number | undefined
}

export interface AsmOperand extends Node {
  /** `[name]`. */
  readonly name: Atom | undefined
  readonly constraint: string
  readonly value: Expr
}

export interface AsmStmt extends Node {
  readonly kind: 'asm'
  readonly volatile: boolean
  readonly template: StringExpr
  readonly outputs: readonly AsmOperand[]
  readonly inputs: readonly AsmOperand[]
  readonly clobbers: readonly string[]
  /** Labels of `asm goto`. */
  readonly labels: readonly Atom[]
}

// --- expressions ---

export type UnaryOp = '+' | '-' | '~' | '!' | '*' | '&' | '++' | '--' | '__extension__' | '__real__' | '__imag__'
export type BinaryOp =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '<<'
  | '>>'
  | '<'
  | '>'
  | '<='
  | '>='
  | '=='
  | '!='
  | '&'
  | '|'
  | '^'
  | '&&'
  | '||'
  | ','
export type AssignOp = '=' | '+=' | '-=' | '*=' | '/=' | '%=' | '<<=' | '>>=' | '&=' | '|=' | '^='

export type Expr =
  | (Node & { readonly kind: 'identifier'; readonly name: Atom })
  /** A preprocessing number, not yet taken apart. */
  | (Node & { readonly kind: 'number'; readonly text: Atom })
  | (Node & { readonly kind: 'char'; readonly text: Atom })
  | StringExpr
  | (Node & { readonly kind: 'unary'; readonly op: UnaryOp; readonly operand: Expr })
  | (Node & { readonly kind: 'postfix'; readonly op: '++' | '--'; readonly operand: Expr })
  | (Node & { readonly kind: 'binary'; readonly op: BinaryOp; readonly left: Expr; readonly right: Expr })
  | (Node & { readonly kind: 'assign'; readonly op: AssignOp; readonly left: Expr; readonly right: Expr })
  /** `a ? b : c`; GNU `a ?: c` has no `then`. */
  | (Node & { readonly kind: 'conditional'; readonly condition: Expr; readonly then: Expr | undefined; readonly otherwise: Expr })
  | (Node & { readonly kind: 'cast'; readonly type: TypeName; readonly operand: Expr })
  | (Node & { readonly kind: 'compound_literal'; readonly type: TypeName; readonly init: InitializerList })
  | (Node & { readonly kind: 'call'; readonly callee: Expr; readonly args: readonly (Expr | TypeName)[] })
  | (Node & { readonly kind: 'index'; readonly base: Expr; readonly index: Expr })
  | (Node & { readonly kind: 'member'; readonly base: Expr; readonly arrow: boolean; readonly name: Atom })
  | (Node & { readonly kind: 'sizeof' | 'alignof'; readonly operand: Expr | TypeName })
  | (Node & { readonly kind: 'statement_expr'; readonly body: CompoundStmt })
  | (Node & { readonly kind: 'label_address'; readonly label: Atom })
  | (Node & {
      readonly kind: 'generic'
      readonly selector: Expr | TypeName
      readonly associations: readonly { readonly type: TypeName | undefined; readonly value: Expr }[]
    })
  /** Builtins whose arguments are not all expressions. */
  | (Node & { readonly kind: 'offsetof'; readonly type: TypeName; readonly path: readonly Designator[] })
  | (Node & { readonly kind: 'types_compatible'; readonly left: TypeName; readonly right: TypeName })
  | (Node & { readonly kind: 'choose_expr'; readonly condition: Expr; readonly then: Expr; readonly otherwise: Expr })
  | (Node & { readonly kind: 'va_arg'; readonly list: Expr; readonly type: TypeName })

/** Adjacent string literals, each with quotes and prefix. */
export interface StringExpr extends Node {
  readonly kind: 'string'
  readonly parts: readonly Atom[]
}

/** Gives the type checker the trees of declarations that are parsed on demand. */
export interface DeclarationSource {
  /** Trees of the declarations that may declare this ordinary identifier, in order; a tree is parsed once and the same object after. */
  ordinary(name: Atom): readonly Declaration[]
  tag(name: Atom): readonly Declaration[]
}
