/**
 * Terminals of the grammar: which chevrotain token type a token of the preprocessor is. Words and punctuators that stand in the
 * same places share a type, so that the grammar stays small and one token of lookahead decides.
 */
import { createToken, EOF, Lexer, type TokenType } from 'chevrotain'
import { Keyword, keywordCount, Punct, plainKeyword } from '../preprocessor/names.js'

const terminal = (name: string, label: string): TokenType => createToken({ name, label, pattern: Lexer.NA })

export const T = {
  Identifier: terminal('Identifier', 'an identifier'),
  /** An identifier that names a type where it stands. */
  TypeName: terminal('TypeName', 'a type name'),
  Number: terminal('Number', 'a number'),
  Char: terminal('Char', 'a character constant'),
  String: terminal('String', 'a string literal'),
  Stray: terminal('Stray', 'a stray character'),
  Storage: terminal('Storage', 'a storage class'),
  ThreadLocal: terminal('ThreadLocal', "'_Thread_local'"),
  Inline: terminal('Inline', "'inline'"),
  Noreturn: terminal('Noreturn', "'_Noreturn'"),
  Qualifier: terminal('Qualifier', 'a qualifier'),
  Atomic: terminal('Atomic', "'_Atomic'"),
  BuiltinType: terminal('BuiltinType', 'a type'),
  StructUnion: terminal('StructUnion', "'struct' or 'union'"),
  Enum: terminal('Enum', "'enum'"),
  Typeof: terminal('Typeof', "'typeof'"),
  AutoType: terminal('AutoType', "'__auto_type'"),
  Alignas: terminal('Alignas', "'_Alignas'"),
  Alignof: terminal('Alignof', "'_Alignof'"),
  Sizeof: terminal('Sizeof', "'sizeof'"),
  Attribute: terminal('Attribute', "'__attribute__'"),
  Extension: terminal('Extension', "'__extension__'"),
  Nullability: terminal('Nullability', 'a nullability qualifier'),
  StaticAssert: terminal('StaticAssert', "'_Static_assert'"),
  Asm: terminal('Asm', "'asm'"),
  Generic: terminal('Generic', "'_Generic'"),
  RealImag: terminal('RealImag', "'__real__' or '__imag__'"),
  LocalLabel: terminal('LocalLabel', "'__label__'"),
  Offsetof: terminal('Offsetof', "'__builtin_offsetof'"),
  TypesCompatible: terminal('TypesCompatible', "'__builtin_types_compatible_p'"),
  ChooseExpr: terminal('ChooseExpr', "'__builtin_choose_expr'"),
  VaArg: terminal('VaArg', "'__builtin_va_arg'"),
  If: terminal('If', "'if'"),
  Else: terminal('Else', "'else'"),
  While: terminal('While', "'while'"),
  Do: terminal('Do', "'do'"),
  For: terminal('For', "'for'"),
  Switch: terminal('Switch', "'switch'"),
  Case: terminal('Case', "'case'"),
  Default: terminal('Default', "'default'"),
  Break: terminal('Break', "'break'"),
  Continue: terminal('Continue', "'continue'"),
  Return: terminal('Return', "'return'"),
  Goto: terminal('Goto', "'goto'"),
  LParen: terminal('LParen', "'('"),
  RParen: terminal('RParen', "')'"),
  LBracket: terminal('LBracket', "'['"),
  RBracket: terminal('RBracket', "']'"),
  LBrace: terminal('LBrace', "'{'"),
  RBrace: terminal('RBrace', "'}'"),
  Semicolon: terminal('Semicolon', "';'"),
  Comma: terminal('Comma', "','"),
  Colon: terminal('Colon', "':'"),
  ColonColon: terminal('ColonColon', "'::'"),
  Question: terminal('Question', "'?'"),
  Dot: terminal('Dot', "'.'"),
  Arrow: terminal('Arrow', "'->'"),
  Ellipsis: terminal('Ellipsis', "'...'"),
  Assign: terminal('Assign', "'='"),
  /** `+=` and its kind. */
  OpAssign: terminal('OpAssign', 'an assignment operator'),
  IncDec: terminal('IncDec', "'++' or '--'"),
  Star: terminal('Star', "'*'"),
  Amp: terminal('Amp', "'&'"),
  AmpAmp: terminal('AmpAmp', "'&&'"),
  /** `+` and `-`. */
  Sign: terminal('Sign', "'+' or '-'"),
  /** `!` and `~`. */
  Negation: terminal('Negation', "'!' or '~'"),
  /** Operators that are only ever binary. */
  Binary: terminal('Binary', 'a binary operator'),
  /** A word or punctuator that has no place in C as we take it. */
  Other: terminal('Other', 'an unexpected token'),
} as const

export const allTokenTypes: TokenType[] = Object.values(T)
export { EOF }

/** By the atom of a keyword or punctuator. */
const byAtom: TokenType[] = []

function words(type: TokenType, ...spellings: (keyof typeof Keyword)[]): void {
  for (const spelling of spellings) byAtom[Keyword[spelling]] = type
}

function punctuators(type: TokenType, ...spellings: (keyof typeof Punct)[]): void {
  for (const spelling of spellings) byAtom[Punct[spelling]] = type
}

words(T.Storage, 'typedef', 'extern', 'static', 'auto', 'register')
words(T.ThreadLocal, '_Thread_local')
words(T.Inline, 'inline')
words(T.Noreturn, '_Noreturn')
words(T.Qualifier, 'const', 'volatile', 'restrict')
words(T.Atomic, '_Atomic')
words(
  T.BuiltinType,
  'void',
  'char',
  'short',
  'int',
  'long',
  'float',
  'double',
  'signed',
  'unsigned',
  '_Bool',
  '_Complex',
  '__int128',
  '_Float16',
  '__float128',
  '__bf16',
)
words(T.StructUnion, 'struct', 'union')
words(T.Enum, 'enum')
words(T.Typeof, 'typeof', 'typeof_unqual')
words(T.AutoType, '__auto_type')
words(T.Alignas, '_Alignas')
words(T.Alignof, '_Alignof')
words(T.Sizeof, 'sizeof')
words(T.Attribute, '__attribute__')
words(T.Extension, '__extension__')
words(T.Nullability, '_Nonnull', '_Nullable', '_Null_unspecified')
words(T.StaticAssert, '_Static_assert')
words(T.Asm, 'asm')
words(T.Generic, '_Generic')
words(T.RealImag, '__real__', '__imag__')
words(T.LocalLabel, '__label__')
words(T.Offsetof, '__builtin_offsetof')
words(T.TypesCompatible, '__builtin_types_compatible_p')
words(T.ChooseExpr, '__builtin_choose_expr')
words(T.VaArg, '__builtin_va_arg')
words(
  T.Identifier,
  '__func__',
  '__FUNCTION__',
  '__PRETTY_FUNCTION__',
  '__builtin_FILE',
  '__builtin_FUNCTION',
  '__builtin_LINE',
  '__builtin_COLUMN',
  '__builtin_FILE_NAME',
)
words(T.If, 'if')
words(T.Else, 'else')
words(T.While, 'while')
words(T.Do, 'do')
words(T.For, 'for')
words(T.Switch, 'switch')
words(T.Case, 'case')
words(T.Default, 'default')
words(T.Break, 'break')
words(T.Continue, 'continue')
words(T.Return, 'return')
words(T.Goto, 'goto')
punctuators(T.LParen, '(')
punctuators(T.RParen, ')')
punctuators(T.LBracket, '[')
punctuators(T.RBracket, ']')
punctuators(T.LBrace, '{')
punctuators(T.RBrace, '}')
punctuators(T.Semicolon, ';')
punctuators(T.Comma, ',')
punctuators(T.Colon, ':')
punctuators(T.ColonColon, '::')
punctuators(T.Question, '?')
punctuators(T.Dot, '.')
punctuators(T.Arrow, '->')
punctuators(T.Ellipsis, '...')
punctuators(T.Assign, '=')
punctuators(T.OpAssign, '*=', '/=', '%=', '+=', '-=', '<<=', '>>=', '&=', '^=', '|=')
punctuators(T.IncDec, '++', '--')
punctuators(T.Star, '*')
punctuators(T.Amp, '&')
punctuators(T.AmpAmp, '&&')
punctuators(T.Sign, '+', '-')
punctuators(T.Negation, '!', '~')
punctuators(T.Binary, '/', '%', '<<', '>>', '<', '>', '<=', '>=', '==', '!=', '^', '|', '||')

/** The terminal of a keyword (any of its spellings) or punctuator. */
export function terminalOf(atom: number): TokenType {
  return byAtom[atom < keywordCount ? plainKeyword(atom) : atom] ?? T.Other
}

/** Binding strength of binary operators, by atom; 0 for what is none. The comma and assignments are rules of their own. */
export const precedence = new Uint8Array(256)
for (const [level, row] of [
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
].entries())
  for (const spelling of row) precedence[Punct[spelling as keyof typeof Punct]] = level + 1
