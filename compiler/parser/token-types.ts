/**
 * The terminals of the grammar. They are coarser than spellings: everything the grammar treats alike is one terminal (`int` and
 * `long` are both `BasicType`, `/` and `<<` both `Operator`), which keeps the grammar's tables small and its start quick. Categories
 * group terminals that one place takes alike.
 */
import type { TokenType } from 'chevrotain'
import { Keyword, keywordCount, Punct, plainKeyword } from '../preprocessor/names.js'
import { TokenKind } from '../preprocessor/tokens.js'

/**
 * A terminal or category. `number` is ours, from 1 up: chevrotain's own numbers are shared by all grammars of a process, so
 * they neither stay small nor stay the same.
 */
export interface Terminal extends TokenType {
  readonly number: number
}

let lastNumber = 0
/** Terminals in each category. */
const membersOf = new Map<TokenType, Terminal[]>()

const category = (name: string): Terminal => ({ name, number: ++lastNumber })

const terminal = (name: string, ...categories: Terminal[]): Terminal => {
  const type = category(name)
  for (const parent of categories) membersOf.set(parent, [...(membersOf.get(parent) ?? []), type])
  return type
}

/** Any identifier or keyword: names of attributes. */
const Word = category('Word')
/** An identifier, whether it names a type or not: members, labels, declared names. */
const Name = category('Name')
/** Everything that stands between two operands, by precedence; the conditional operator and assignments are apart. */
const BinaryOperator = category('BinaryOperator')
const UnaryOperator = category('UnaryOperator')
const AssignmentOperator = category('AssignmentOperator')
const MemberAccess = category('MemberAccess')

/** The terminals and categories, by name. */
export const T = {
  Word,
  Name,
  BinaryOperator,
  UnaryOperator,
  AssignmentOperator,
  MemberAccess,
  Identifier: terminal('Identifier', Name, Word),
  /** An identifier that names a type where it stands; told apart by the parser's scopes. */
  TypedefName: terminal('TypedefName', Name, Word),
  Number: terminal('Number'),
  Char: terminal('Char'),
  String: terminal('String'),
  /** A byte or punctuator that no C grammar has a use for. */
  Stray: terminal('Stray'),

  StorageClass: terminal('StorageClass', Word),
  FunctionSpecifier: terminal('FunctionSpecifier', Word),
  Qualifier: terminal('Qualifier', Word),
  Atomic: terminal('Atomic', Word),
  BasicType: terminal('BasicType', Word),
  BitInt: terminal('BitInt', Word),
  StructOrUnion: terminal('StructOrUnion', Word),
  Enum: terminal('Enum', Word),
  Typeof: terminal('Typeof', Word),
  AutoType: terminal('AutoType', Word),
  Alignas: terminal('Alignas', Word),
  Attribute: terminal('Attribute', Word),
  Nullability: terminal('Nullability', Word),
  StaticAssert: terminal('StaticAssert', Word),
  Extension: terminal('Extension', UnaryOperator, Word),
  RealImag: terminal('RealImag', UnaryOperator, Word),
  Alignof: terminal('Alignof', Word),
  Sizeof: terminal('Sizeof', Word),
  Generic: terminal('Generic', Word),
  Offsetof: terminal('Offsetof', Word),
  TypesCompatible: terminal('TypesCompatible', Word),
  ChooseExpr: terminal('ChooseExpr', Word),
  VaArg: terminal('VaArg', Word),
  Asm: terminal('Asm', Word),
  LocalLabel: terminal('LocalLabel', Word),
  Break: terminal('Break', Word),
  Continue: terminal('Continue', Word),
  Case: terminal('Case', Word),
  Default: terminal('Default', Word),
  Do: terminal('Do', Word),
  Else: terminal('Else', Word),
  For: terminal('For', Word),
  Goto: terminal('Goto', Word),
  If: terminal('If', Word),
  Return: terminal('Return', Word),
  Switch: terminal('Switch', Word),
  While: terminal('While', Word),

  LSquare: terminal('LSquare'),
  RSquare: terminal('RSquare'),
  LParen: terminal('LParen'),
  RParen: terminal('RParen'),
  LBrace: terminal('LBrace'),
  RBrace: terminal('RBrace'),
  Dot: terminal('Dot', MemberAccess),
  Arrow: terminal('Arrow', MemberAccess),
  /** `++` and `--`. */
  IncDec: terminal('IncDec', UnaryOperator),
  Amp: terminal('Amp', UnaryOperator, BinaryOperator),
  Star: terminal('Star', UnaryOperator, BinaryOperator),
  /** `+` and `-`. */
  Sign: terminal('Sign', UnaryOperator, BinaryOperator),
  /** `~` and `!`. */
  Not: terminal('Not', UnaryOperator),
  /** Operators that are only ever binary. */
  Operator: terminal('Operator', BinaryOperator),
  AmpAmp: terminal('AmpAmp', BinaryOperator),
  Comma: terminal('Comma', BinaryOperator),
  Question: terminal('Question'),
  Colon: terminal('Colon'),
  Semicolon: terminal('Semicolon'),
  Ellipsis: terminal('Ellipsis'),
  Equal: terminal('Equal', AssignmentOperator),
  AssignOp: terminal('AssignOp', AssignmentOperator),
} as const

/** The number by which columns and tables know a terminal. */
export const typeNumber = (type: TokenType): number => (type as Terminal).number

/** Ends every range of tokens. */
export const endNumber = 0

/** One more than the largest number of a terminal. */
export const typeCount = lastNumber + 1

/** The members of each category. */
export const categories: ReadonlyMap<TokenType, readonly Terminal[]> = membersOf

const byKeyword: Readonly<Record<string, TokenType>> = {
  auto: T.StorageClass,
  extern: T.StorageClass,
  register: T.StorageClass,
  static: T.StorageClass,
  typedef: T.StorageClass,
  _Thread_local: T.StorageClass,
  inline: T.FunctionSpecifier,
  _Noreturn: T.FunctionSpecifier,
  const: T.Qualifier,
  volatile: T.Qualifier,
  restrict: T.Qualifier,
  _Atomic: T.Atomic,
  void: T.BasicType,
  char: T.BasicType,
  short: T.BasicType,
  int: T.BasicType,
  long: T.BasicType,
  float: T.BasicType,
  double: T.BasicType,
  signed: T.BasicType,
  unsigned: T.BasicType,
  _Bool: T.BasicType,
  _Complex: T.BasicType,
  _Imaginary: T.BasicType,
  _Float16: T.BasicType,
  __float128: T.BasicType,
  __bf16: T.BasicType,
  __int128: T.BasicType,
  _BitInt: T.BitInt,
  struct: T.StructOrUnion,
  union: T.StructOrUnion,
  enum: T.Enum,
  typeof: T.Typeof,
  typeof_unqual: T.Typeof,
  __auto_type: T.AutoType,
  _Alignas: T.Alignas,
  __attribute__: T.Attribute,
  _Nonnull: T.Nullability,
  _Nullable: T.Nullability,
  _Null_unspecified: T.Nullability,
  _Static_assert: T.StaticAssert,
  __extension__: T.Extension,
  __real__: T.RealImag,
  __imag__: T.RealImag,
  _Alignof: T.Alignof,
  sizeof: T.Sizeof,
  _Generic: T.Generic,
  __builtin_offsetof: T.Offsetof,
  __builtin_types_compatible_p: T.TypesCompatible,
  __builtin_choose_expr: T.ChooseExpr,
  __builtin_va_arg: T.VaArg,
  asm: T.Asm,
  __label__: T.LocalLabel,
  break: T.Break,
  continue: T.Continue,
  case: T.Case,
  default: T.Default,
  do: T.Do,
  else: T.Else,
  for: T.For,
  goto: T.Goto,
  if: T.If,
  return: T.Return,
  switch: T.Switch,
  while: T.While,
}

const byPunctuator: Readonly<Record<string, TokenType>> = {
  '[': T.LSquare,
  ']': T.RSquare,
  '(': T.LParen,
  ')': T.RParen,
  '{': T.LBrace,
  '}': T.RBrace,
  '.': T.Dot,
  '->': T.Arrow,
  '++': T.IncDec,
  '--': T.IncDec,
  '&': T.Amp,
  '*': T.Star,
  '+': T.Sign,
  '-': T.Sign,
  '~': T.Not,
  '!': T.Not,
  '&&': T.AmpAmp,
  '?': T.Question,
  ':': T.Colon,
  ';': T.Semicolon,
  '...': T.Ellipsis,
  '=': T.Equal,
  ',': T.Comma,
  '#': T.Stray,
  '##': T.Stray,
}

/** Binding strength of binary operators, by atom: higher binds tighter, 0 is no binary operator. */
export const precedenceOfAtom = new Uint8Array(256)
/** What `expression` is asked for: everything with a comma, or less. */
export const Precedence = { comma: 1, assignment: 2, conditional: 3, lowestBinary: 4 } as const

const levels: readonly (readonly string[])[] = [
  [','],
  ['=', '*=', '/=', '%=', '+=', '-=', '<<=', '>>=', '&=', '^=', '|='],
  ['?'],
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '>', '<=', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
]

/** Terminal of a keyword or punctuator, by atom. */
export const typeOfAtom = new Uint8Array(256)

for (const [spelling, atom] of Object.entries(Punct)) {
  const level = levels.findIndex(operators => operators.includes(spelling))
  precedenceOfAtom[atom] = level + 1
  const type = byPunctuator[spelling] ?? (level + 1 === Precedence.assignment ? T.AssignOp : T.Operator)
  typeOfAtom[atom] = typeNumber(type)
}

const keywordSpelling = new Map<number, string>(Object.entries(Keyword).map(([spelling, atom]) => [atom, spelling]))
// Keywords without a terminal of their own (`__func__`, `__builtin_bit_cast`) are names of things the type checker knows.
for (let atom = 1; atom < keywordCount; atom++)
  typeOfAtom[atom] = typeNumber(byKeyword[keywordSpelling.get(plainKeyword(atom))!] ?? T.Identifier)

/** Terminals of the token kinds that have no fixed spelling. */
export const typeOfKind = new Uint8Array(16)
typeOfKind[TokenKind.Identifier] = typeNumber(T.Identifier)
typeOfKind[TokenKind.Number] = typeNumber(T.Number)
typeOfKind[TokenKind.Char] = typeNumber(T.Char)
typeOfKind[TokenKind.String] = typeNumber(T.String)
typeOfKind[TokenKind.Stray] = typeNumber(T.Stray)

/** Whether it is a category, which stands for its members and never for a token of its own. */
export const isCategory = (type: TokenType): boolean => membersOf.has(type)

/** A set of terminals as a table to index with their numbers. */
export function typeSet(...types: TokenType[]): Uint8Array {
  const set = new Uint8Array(typeCount)
  for (const type of types) {
    set[typeNumber(type)] = 1
    for (const member of membersOf.get(type) ?? []) set[member.number] = 1
  }
  return set
}

/** What a type name can begin with. */
export const startsType = typeSet(
  T.TypedefName,
  T.BasicType,
  T.BitInt,
  T.Qualifier,
  T.Atomic,
  T.StructOrUnion,
  T.Enum,
  T.Typeof,
  T.AutoType,
  T.Attribute,
)

/** What only a declaration can begin with (an attribute or `__extension__` may begin a statement too). */
export const startsDeclaration = typeSet(
  T.TypedefName,
  T.BasicType,
  T.BitInt,
  T.Qualifier,
  T.Atomic,
  T.StructOrUnion,
  T.Enum,
  T.Typeof,
  T.AutoType,
  T.StorageClass,
  T.FunctionSpecifier,
  T.Alignas,
  T.StaticAssert,
)
