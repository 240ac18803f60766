/** What stands before the declarators (C11 6.7.1 to 6.7.5): storage, qualifiers, the words or the one name of a type, alignment, attributes. */
import type { IOrAlt } from 'chevrotain'
import { Keyword, plainKeyword } from '../preprocessor/names.js'
import type { TokenIndex } from '../preprocessor/tokens.js'
import {
  type Attribute,
  type EnumSpecifier,
  type Expr,
  Qualifier,
  type RecordSpecifier,
  type Specifiers,
  type StorageClass,
  type TypeName,
  type TypeSpecifier,
} from './ast.js'
import { AttributeRules } from './attribute-rules.js'
import type { Rule } from './expression-rules.js'
import { none } from './parser-core.js'
import { Precedence, T, typeNumber, typeSet } from './token-types.js'

/** What follows a name when no type was written before it (`main() {…}`), and what does not follow the name of a type. */
const followsDeclaredName = typeSet(T.Semicolon, T.Comma, T.Equal, T.LParen, T.RParen, T.LSquare, T.LBrace, T.Colon, T.Asm)

const typedefName = typeNumber(T.TypedefName)
const identifier = typeNumber(T.Identifier)
const leftSquare = typeNumber(T.LSquare)

/** Words of a type that cannot stand behind another type. */
const startsSecondType = typeSet(T.BasicType, T.StructOrUnion, T.Enum, T.Typeof, T.AutoType, T.BitInt)

/** What may stand before a type as well as behind it. */
const besideType = typeSet(T.StorageClass, T.FunctionSpecifier, T.Qualifier)

/** Specifiers while they are read. */
interface SpecifierParts {
  storage: StorageClass | undefined
  threadLocal: boolean
  inline: boolean
  noreturn: boolean
  qualifiers: number
  alignas: (Expr | TypeName)[]
  attributes: Attribute[]
  type: TypeSpecifier | undefined
  words: string[] | undefined
  firstWord: TokenIndex
  lastWord: TokenIndex
}

const newParts = (): SpecifierParts => ({
  storage: undefined,
  threadLocal: false,
  inline: false,
  noreturn: false,
  qualifiers: 0,
  alignas: [],
  attributes: [],
  type: undefined,
  words: undefined,
  firstWord: 0,
  lastWord: 0,
})

export const qualifierBits = (atom: number): number => {
  const plain = plainKeyword(atom)
  if (plain === Keyword.const) return Qualifier.const
  return plain === Keyword.volatile ? Qualifier.volatile : Qualifier.restrict
}

export abstract class SpecifierRules extends AttributeRules {
  abstract readonly recordSpecifier: Rule<[], RecordSpecifier>
  abstract readonly enumSpecifier: Rule<[], EnumSpecifier>

  protected parts: SpecifierParts = newParts()

  protected override saveState(): () => void {
    const { parts } = this
    return () => {
      this.parts = parts
    }
  }

  /** Everything before the declarators, in any order. */
  readonly specifiers: Rule<[], Specifiers> = this.RULE('specifiers', (): Specifiers => {
    const outer = this.parts
    const parts = (this.parts = newParts())
    const first = this.next
    this.AT_LEAST_ONE({ GATE: this.specifierGoesOn, DEF: this.specifierAction, ERR_MSG: 'expected a type' })
    this.parts = outer
    return this.finishSpecifiers(parts, first)
  })

  private readonly specifierAction = (): void => this.SUBRULE(this.specifier)

  /** A name belongs to the specifiers only while no type was given; after one, it is what is declared. */
  protected readonly specifierGoesOn = (): boolean => {
    const next = this.peekType()
    if (next === leftSquare) return this.isAt(1, T.LSquare)
    const { type, words } = this.parts
    if (next !== typedefName && next !== identifier) return !type || !this.endsWithTag(type)
    return !type && !words && (next === typedefName || this.looksLikeType())
  }

  /** An unknown name where a type should be: one, unless what follows says that it is the thing declared. */
  protected looksLikeType(): boolean {
    return this.isNext(T.Identifier) && !followsDeclaredName[this.peekTypeAt(1)] && !this.isAt(1, T.Attribute)
  }

  /** `struct s { … }` with a forgotten `;`: another type follows. */
  protected endsWithTag(type: TypeSpecifier | undefined): boolean {
    const body = type?.kind === 'record' ? type.members : type?.kind === 'enum' ? type.enumerators : undefined
    if (body === undefined || this.RECORDING_PHASE) return false
    let ahead = 0
    while (besideType[this.peekTypeAt(ahead)]) ahead++
    const next = this.peekTypeAt(ahead)
    if (next !== typedefName) return startsSecondType[next] === 1
    return this.isAt(ahead + 1, T.Identifier) || this.isAt(ahead + 1, T.TypedefName) || this.isAt(ahead + 1, T.Star)
  }

  private specifierAlternatives: IOrAlt<void>[] | undefined

  readonly specifier: Rule<[], void> = this.RULE('specifier', (): void => {
    this.OR((this.specifierAlternatives ??= this.makeSpecifierAlternatives()))
  })

  private makeSpecifierAlternatives(): IOrAlt<void>[] {
    return [
      {
        ALT: () => {
          const token = this.take(T.BasicType)
          this.addWord(token, this.names.text(plainKeyword(this.atomOf(token))))
        },
      },
      { ALT: () => this.addType(this.namedType(this.take(T.TypedefName))) },
      { ALT: () => this.addType(this.namedType(this.take(T.Identifier))) },
      {
        ALT: () => {
          const token = this.take(T.Qualifier)
          this.parts.qualifiers |= qualifierBits(this.atomOf(token))
        },
      },
      { ALT: () => this.addType(this.SUBRULE(this.recordSpecifier)) },
      { ALT: () => this.addType(this.SUBRULE(this.enumSpecifier)) },
      { ALT: () => this.addStorage(this.take(T.StorageClass)) },
      {
        ALT: () => {
          const token = this.take(T.FunctionSpecifier)
          if (this.atomOf(token) === Keyword._Noreturn) this.parts.noreturn = true
          else this.parts.inline = true
        },
      },
      { ALT: () => this.addAttributes(this.SUBRULE(this.attributeSpecifier)) },
      { ALT: () => this.addType(this.SUBRULE(this.typeofSpecifier)) },
      {
        ALT: () => {
          const token = this.take(T.AutoType)
          this.addType({ kind: 'auto_type', ...this.node(token, token) })
        },
      },
      { ALT: () => this.SUBRULE(this.atomicSpecifier) },
      { ALT: () => this.SUBRULE(this.alignasSpecifier) },
      { ALT: () => this.SUBRULE(this.bitIntSpecifier) },
      { ALT: () => this.CONSUME(T.Nullability) },
      { ALT: () => this.CONSUME(T.Extension) },
    ] as IOrAlt<void>[]
  }

  private namedType(token: TokenIndex): TypeSpecifier {
    return { kind: 'typedef_name', first: token, last: token, token, name: this.atomOf(token) }
  }

  private addAttributes(attributes: readonly Attribute[]): void {
    if (!this.RECORDING_PHASE) this.parts.attributes.push(...attributes)
  }

  private addType(type: TypeSpecifier): void {
    const { parts } = this
    if (!this.RECORDING_PHASE && (parts.type || parts.words)) this.twoTypes(type.first)
    parts.type = type
  }

  private twoTypes(token: TokenIndex): void {
    this.report.error('S0010', token, `cannot combine with previous ${this.typeSoFar()} declaration specifier`, {
      hint: "a ';' may be missing before it, or one of the two types is too much",
    })
  }

  private typeSoFar(): string {
    const { type, words } = this.parts
    if (words) return `'${words.join(' ')}'`
    switch (type?.kind) {
      case 'record':
        return type.union ? "'union'" : "'struct'"
      case 'enum':
        return "'enum'"
      case 'typedef_name':
        return `'${this.names.text(type.name)}'`
      default:
        return 'type'
    }
  }

  private addWord(token: TokenIndex, word: string): void {
    const { parts } = this
    if (this.RECORDING_PHASE) return
    if (parts.type) this.twoTypes(token)
    if (!parts.words) {
      parts.words = []
      parts.firstWord = token
    }
    parts.words.push(word)
    parts.lastWord = token
  }

  private addStorage(token: TokenIndex): void {
    const { parts } = this
    const atom = plainKeyword(this.atomOf(token))
    if (atom === Keyword._Thread_local) {
      parts.threadLocal = true
      return
    }
    const storage = this.names.text(atom) as StorageClass
    if (parts.storage === storage && !this.RECORDING_PHASE)
      this.report.warning('S0011', token, `duplicate '${storage}' declaration specifier`, 'duplicate-decl-specifier')
    else if (parts.storage)
      this.report.error('S0010', token, `cannot combine with previous '${parts.storage}' declaration specifier`)
    parts.storage = storage
  }

  private finishSpecifiers(parts: SpecifierParts, first: TokenIndex): Specifiers {
    const { storage, threadLocal, inline, noreturn, qualifiers, alignas, attributes, words } = parts
    const type: TypeSpecifier | undefined =
      words && !parts.type
        ? { kind: 'builtin', first: parts.firstWord, last: parts.lastWord, token: parts.firstWord, words }
        : parts.type
    return {
      first,
      last: this.last,
      token: first,
      storage,
      threadLocal,
      inline,
      noreturn,
      qualifiers,
      alignas: alignas.length ? alignas : none,
      attributes: attributes.length ? attributes : none,
      type,
      sections: this.RECORDING_PHASE ? {} : this.pragmas.sectionsAt(this.pos),
    }
  }

  readonly typeofSpecifier: Rule<[], TypeSpecifier> = this.RULE('typeofSpecifier', (): TypeSpecifier => {
    const token = this.take(T.Typeof)
    const atom = plainKeyword(this.atomOf(token))
    const open = this.take(T.LParen, 0, "expected '(' after 'typeof'")
    let operand!: Expr | TypeName
    this.OR([
      {
        IGNORE_AMBIGUITIES: true,
        ALT: () => {
          operand = this.SUBRULE(this.expression, { ARGS: [Precedence.comma] })
        },
      },
      {
        ALT: () => {
          operand = this.SUBRULE(this.typeName)
        },
      },
    ])
    this.close(T.RParen, open)
    return { kind: 'typeof', ...this.node(token, token), operand, unqualified: atom === Keyword.typeof_unqual }
  })

  /** `_Atomic(type)`, or `_Atomic` as a qualifier. */
  readonly atomicSpecifier: Rule<[], void> = this.RULE('atomicSpecifier', (): void => {
    const token = this.take(T.Atomic)
    let type: TypeName | undefined
    this.OPTION(() => {
      const open = this.take(T.LParen)
      type = this.SUBRULE(this.typeName)
      this.close(T.RParen, open)
    })
    if (type) this.addType({ kind: 'atomic', ...this.node(token, token), type })
    else this.parts.qualifiers |= Qualifier.atomic
  })

  readonly alignasSpecifier: Rule<[], void> = this.RULE('alignasSpecifier', (): void => {
    this.CONSUME(T.Alignas)
    const open = this.take(T.LParen)
    this.OR([
      {
        IGNORE_AMBIGUITIES: true,
        ALT: () => {
          this.parts.alignas.push(this.SUBRULE(this.expression, { ARGS: [Precedence.comma] }))
        },
      },
      {
        ALT: () => {
          this.parts.alignas.push(this.SUBRULE(this.typeName))
        },
      },
    ])
    this.close(T.RParen, open)
  })

  /** `_BitInt(N)`: parsed so that the type checker can say that it is not supported. */
  readonly bitIntSpecifier: Rule<[], void> = this.RULE('bitIntSpecifier', (): void => {
    const token = this.take(T.BitInt)
    const open = this.take(T.LParen)
    this.SUBRULE(this.expression, { ARGS: [Precedence.comma] })
    this.close(T.RParen, open)
    this.addWord(token, '_BitInt')
  })

  /** Those of a declaration without any. */
  protected noSpecifiers(token: TokenIndex): Specifiers {
    this.parts = newParts()
    return { ...this.finishSpecifiers(this.parts, token), last: token }
  }

  /** Takes the next name as a type. */
  protected unknownType(): Specifiers {
    const token = this.next
    this.pos++
    return this.finishSpecifiers({ ...newParts(), type: this.namedType(token) }, token)
  }
}
