/** Declarations (C11 6.7): specifiers, declarators, initialisers, what may stand at file scope. Records, enums and attributes are apart. */
import type { IOrAlt } from 'chevrotain'
import { Keyword, plainKeyword } from '../preprocessor/names.js'
import type { TokenIndex } from '../preprocessor/tokens.js'
import {
  type Attribute,
  type CompoundStmt,
  type Declaration,
  type Declarator,
  type DeclaratorChunk,
  type Designator,
  type EnumSpecifier,
  type Expr,
  type FileAsm,
  type InitDeclarator,
  type Initializer,
  type InitializerList,
  type ParamDeclaration,
  Qualifier,
  type RecordSpecifier,
  type Specifiers,
  type StaticAssertDeclaration,
  type StorageClass,
  type StringExpr,
  type TypeName,
  type TypeSpecifier,
} from './ast.js'
import type { Rule } from './expression-rules.js'
import { AttributeRules } from './attribute-rules.js'
import { Precedence, T, typeNumber, typeSet } from './token-types.js'

/** Which declarators a place takes: with a name, without, or either. */
export type DeclaratorForm = 'named' | 'abstract' | 'either'

/** What follows a name when no type was written before it (`main() {…}`), and what does not follow the name of a type. */
const followsDeclaredName = typeSet(T.Semicolon, T.Comma, T.Equal, T.LParen, T.RParen, T.LSquare, T.LBrace, T.Colon, T.Asm)

const typedefName = typeNumber(T.TypedefName)
const identifier = typeNumber(T.Identifier)
const leftSquare = typeNumber(T.LSquare)

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

const none: readonly never[] = []

/** What may stand between a `*` and what it belongs to. */
const followsStar = typeSet(T.Qualifier, T.Atomic, T.Nullability, T.Attribute, T.LSquare)

export abstract class DeclarationRules extends AttributeRules {
  abstract override readonly compoundStatement: Rule<[], CompoundStmt>
  abstract readonly functionBody: Rule<[Declarator], CompoundStmt>
  abstract readonly recordSpecifier: Rule<[], RecordSpecifier>
  abstract readonly enumSpecifier: Rule<[], EnumSpecifier>

  // --- specifiers ---

  private parts: SpecifierParts = newParts()

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
  private readonly specifierGoesOn = (): boolean => {
    const next = this.peekType()
    if (next === leftSquare) return this.isAt(1, T.LSquare)
    if (next !== typedefName && next !== identifier) return true
    const { type, words } = this.parts
    return !type && !words && (next === typedefName || this.looksLikeType())
  }

  /** An unknown name where a type should be: one, unless what follows says that it is the thing declared. */
  protected looksLikeType(): boolean {
    return this.isNext(T.Identifier) && !followsDeclaredName[this.peekTypeAt(1)] && !this.isAt(1, T.Attribute)
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

  // --- declarators ---

  readonly typeName: Rule<[], TypeName> = this.RULE('typeName', (): TypeName => {
    const first = this.next
    const specifiers = this.SUBRULE(this.specifiers)
    const declarator = this.SUBRULE(this.declarator, { ARGS: ['abstract'] })
    return { kind: 'type_name', first, last: this.last, token: first, specifiers, declarator }
  })

  readonly declarator: Rule<[DeclaratorForm], Declarator> = this.RULE('declarator', (form: DeclaratorForm): Declarator => {
    const first = this.next
    let pointers: DeclaratorChunk[] | undefined
    let token = first
    let name: number | undefined
    let inner: Declarator | undefined
    let chunks: DeclaratorChunk[] | undefined
    let attributes: readonly Attribute[] = none
    this.MANY1({
      GATE: () => this.isNext(T.Attribute) || this.isAt(1, T.LSquare),
      DEF: () => {
        attributes = this.joined(attributes, this.SUBRULE(this.attributeSpecifier))
      },
    })
    this.MANY(() => {
      const pointer = this.SUBRULE(this.pointer)
      ;(pointers ??= []).push(pointer)
    })
    this.OR([
      {
        GATE: () => form !== 'abstract',
        ALT: () => {
          token = this.take(T.Name)
          name = this.atomOf(token)
        },
      },
      {
        GATE: () => this.declaratorNests(form),
        ALT: () => {
          this.enter()
          const open = this.take(T.LParen)
          inner = this.SUBRULE(this.declarator, { ARGS: [form] })
          this.MANY2(() => {
            attributes = this.joined(attributes, this.SUBRULE1(this.attributeSpecifier))
          })
          this.close(T.RParen, open)
          this.depth--
        },
      },
      {
        ALT: () => {
          token = this.next
          if (form === 'named' && !this.RECORDING_PHASE) throw this.noDeclarator(pointers !== undefined)
        },
      },
    ])
    if (inner) {
      token = inner.token
      name = inner.name
    }
    this.MANY3({
      GATE: () => !this.isAt(1, T.LSquare) || !this.isNext(T.LSquare),
      DEF: () => {
        this.OR1([
          { ALT: () => (chunks ??= []).push(this.SUBRULE(this.arraySuffix)) },
          { ALT: () => (chunks ??= []).push(this.SUBRULE(this.parameters)) },
        ])
      },
    })
    if (pointers) chunks = chunks ? [...chunks, ...pointers.reverse()] : pointers.reverse()
    if (inner?.chunks?.length) chunks = chunks ? [...inner.chunks, ...chunks] : [...inner.chunks]
    if (inner) attributes = this.joined(inner.attributes, attributes)
    return {
      first,
      last: this.last,
      token,
      name,
      chunks: chunks ?? none,
      attributes,
      asmLabel: undefined,
    }
  })

  private noDeclarator(afterPointer: boolean) {
    if (this.isNext(T.Semicolon) && !afterPointer) return this.fault("expected identifier or '('")
    return this.fault("expected identifier or '('")
  }

  /** Whether the `(` here begins a declarator in parentheses, rather than the parameters of a function without a name. */
  private declaratorNests(form: DeclaratorForm): boolean {
    if (form === 'named') return true
    let ahead = 1
    while (this.isAt(ahead, T.Attribute)) ahead = this.behindParentheses(ahead + 1)
    if (ahead > 1) return this.isAt(ahead, T.Star) || this.isAt(ahead, T.LParen) || this.isAt(ahead, T.Identifier)
    if (this.typeStartsAt(1) || this.isAt(1, T.RParen) || this.isAt(1, T.Ellipsis) || this.isAt(1, T.StorageClass)) return false
    return form === 'either' || !this.isAt(1, T.Identifier)
  }

  /** How far ahead the token behind a group of parentheses is. */
  private behindParentheses(ahead: number): number {
    const limit = ahead + 1000
    let depth = 0
    for (let at = ahead; at < limit; at++) {
      if (this.isAt(at, T.LParen)) depth++
      else if (this.isAt(at, T.RParen) && --depth === 0) return at + 1
      else if (depth === 0) return at
    }
    return ahead
  }

  /** A `[` here begins an array, a `[[` an attribute. */
  private readonly noArrayHere = (): boolean => !this.isNext(T.LSquare) || this.isAt(1, T.LSquare)

  readonly pointer: Rule<[], DeclaratorChunk> = this.RULE('pointer', (): DeclaratorChunk => {
    const token = this.take(T.Star)
    let qualifiers = 0
    let attributes: readonly Attribute[] = none
    if (!this.RECORDING_PHASE && !followsStar[this.peekType()])
      return { kind: 'pointer', first: token, last: token, token, qualifiers, attributes: none }
    this.MANY({
      GATE: this.noArrayHere,
      DEF: () => {
        this.OR([
          {
            ALT: () => {
              qualifiers |= qualifierBits(this.atomOf(this.take(T.Qualifier)))
            },
          },
          {
            ALT: () => {
              this.CONSUME(T.Atomic)
              qualifiers |= Qualifier.atomic
            },
          },
          { ALT: () => this.CONSUME(T.Nullability) },
          {
            ALT: () => {
              attributes = this.joined(attributes, this.SUBRULE(this.attributeSpecifier))
            },
          },
        ])
      },
    })
    return { kind: 'pointer', first: token, last: this.last, token, qualifiers, attributes }
  })

  readonly arraySuffix: Rule<[], DeclaratorChunk> = this.RULE('arraySuffix', (): DeclaratorChunk => {
    const token = this.take(T.LSquare)
    let size: Expr | undefined
    let isStatic = false
    let star = false
    let qualifiers = 0
    this.MANY(() => {
      this.OR([
        {
          ALT: () => {
            qualifiers |= qualifierBits(this.atomOf(this.take(T.Qualifier)))
          },
        },
        {
          ALT: () => {
            const storage = this.take(T.StorageClass)
            if (!this.RECORDING_PHASE && this.atomOf(storage) !== Keyword.static)
              this.report.error('S0012', storage, "only 'static' and qualifiers can stand before an array parameter's size")
            isStatic = true
          },
        },
      ])
    })
    this.OPTION(() => {
      this.OR1([
        {
          GATE: () => this.isAt(1, T.RSquare),
          ALT: () => {
            this.CONSUME(T.Star)
            star = true
          },
        },
        {
          ALT: () => {
            size = this.SUBRULE(this.expression, { ARGS: [Precedence.assignment] })
          },
        },
      ])
    })
    this.close(T.RSquare, token)
    return { kind: 'array', first: token, last: this.last, token, size, isStatic, star, qualifiers }
  })

  /** `(…)` behind a declarator. */
  readonly parameters: Rule<[], DeclaratorChunk> = this.RULE('parameters', (): DeclaratorChunk => {
    const token = this.take(T.LParen)
    const params: ParamDeclaration[] = []
    let variadic = false
    if (!this.RECORDING_PHASE) {
      this.scopes.enter()
      if (this.isOldStyle()) throw this.oldStyle()
    }
    this.OPTION(() => {
      this.OR([
        {
          ALT: () => {
            this.CONSUME(T.Ellipsis)
            variadic = true
          },
        },
        {
          ALT: () => {
            params.push(this.SUBRULE(this.parameter))
            this.MANY({
              GATE: () => !variadic,
              DEF: () => {
                this.CONSUME(T.Comma)
                this.OR1({
                  DEF: [
                    {
                      ALT: () => {
                        this.CONSUME1(T.Ellipsis)
                        variadic = true
                      },
                    },
                    { ALT: () => params.push(this.SUBRULE1(this.parameter)) },
                  ],
                  ERR_MSG: 'expected parameter declarator',
                })
              },
            })
          },
        },
      ])
    })
    this.close(T.RParen, token)
    this.scopes.leave()
    const unprototyped = params.length === 0 && !variadic
    return { kind: 'function', first: token, last: this.last, token, params, variadic, unprototyped }
  })

  readonly parameter: Rule<[], ParamDeclaration> = this.RULE('parameter', (): ParamDeclaration => {
    const first = this.next
    // an unknown name alone can only have been meant as a type
    const specifiers = this.unknownTypeAlone() ? this.unknownType() : this.SUBRULE(this.specifiers)
    const declarator = this.SUBRULE(this.tailed, { ARGS: ['either'] })
    if (declarator.name !== undefined) this.scopes.declare(declarator.name, false)
    return { first, last: this.last, token: declarator.token, specifiers, declarator }
  })

  private unknownTypeAlone(): boolean {
    return !this.RECORDING_PHASE && this.isNext(T.Identifier) && (this.isAt(1, T.Comma) || this.isAt(1, T.RParen))
  }

  private noSpecifiers(token: TokenIndex): Specifiers {
    this.parts = newParts()
    return { ...this.finishSpecifiers(this.parts, token), last: token }
  }

  private unknownType(): Specifiers {
    const token = this.next
    this.pos++
    return this.finishSpecifiers({ ...newParts(), type: this.namedType(token) }, token)
  }

  /** `f(a, b) int a, b; {`: names without types, and a declaration or body behind the parentheses. */
  private isOldStyle(): boolean {
    let ahead = 0
    for (;;) {
      if (!this.isAt(ahead, T.Identifier)) return false
      if (this.isAt(ahead + 1, T.RParen)) break
      if (!this.isAt(ahead + 1, T.Comma)) return false
      ahead += 2
    }
    return this.isAt(ahead + 2, T.LBrace) || (this.typeStartsAt(ahead + 2) && !this.isAt(ahead + 2, T.Attribute))
  }

  private oldStyle() {
    const names: string[] = []
    for (let ahead = 0; this.isAt(ahead, T.Identifier) && names.length < 8; ahead += 2)
      names.push(`int ${this.names.text(this.atomOf(this.tokenAt(ahead)))}`)
    return this.fault(
      'old-style (K&R) function definitions are not supported',
      { hint: `write the types inside the parentheses: '(${names.join(', ')})'` },
      'S0013',
    )
  }

  /** A declarator with the `asm("…")` and attributes that may follow it. */
  readonly tailed: Rule<[DeclaratorForm], Declarator> = this.RULE('tailed', (form: DeclaratorForm): Declarator => {
    const declarator = this.SUBRULE(this.declarator, { ARGS: [form] })
    let asmLabel: StringExpr | undefined
    let attributes: readonly Attribute[] = none
    this.MANY(() => {
      this.OR([
        {
          ALT: () => {
            this.CONSUME(T.Asm)
            const open = this.take(T.LParen)
            asmLabel = this.SUBRULE(this.string)
            this.close(T.RParen, open)
          },
        },
        {
          ALT: () => {
            attributes = this.joined(attributes, this.SUBRULE(this.attributeSpecifier))
          },
        },
      ])
    })
    if (!asmLabel && !attributes.length) return declarator
    return { ...declarator, last: this.last, attributes: this.joined(declarator.attributes, attributes), asmLabel }
  })

  // --- initialisers ---

  readonly initializer: Rule<[], Initializer> = this.RULE(
    'initializer',
    (): Initializer =>
      this.OR<Initializer>({
        DEF: [
          { ALT: () => this.SUBRULE(this.expression, { ARGS: [Precedence.assignment] }) },
          { ALT: () => this.SUBRULE(this.initializerList) },
        ],
        ERR_MSG: 'expected expression',
      }),
  )

  readonly initializerList: Rule<[], InitializerList> = this.RULE('initializerList', (): InitializerList => {
    this.enter()
    const token = this.take(T.LBrace)
    const items: { designators: Designator[]; value: Initializer }[] = []
    let more = true
    this.MANY({
      GATE: () => more,
      DEF: () => {
        items.push(this.SUBRULE(this.initializerItem))
        more = false
        this.OPTION(() => {
          this.CONSUME(T.Comma)
          more = true
        })
      },
    })
    this.close(T.RBrace, token)
    this.depth--
    return { kind: 'init_list', first: token, last: this.last, token, items }
  })

  readonly initializerItem: Rule<[], { designators: Designator[]; value: Initializer }> = this.RULE('initializerItem', () => {
    const designators: Designator[] = []
    this.OR([
      {
        // GNU `field: value`
        GATE: () => this.isAt(1, T.Colon),
        ALT: () => {
          const name = this.take(T.Name)
          designators.push({ kind: 'field', first: name, last: name, token: name, name: this.atomOf(name) })
          const colon = this.take(T.Colon)
          if (!this.RECORDING_PHASE) {
            const field = this.names.text(this.atomOf(name))
            this.report.warning('S0014', colon, 'use of GNU old-style field designator extension', 'gnu-designator', {
              hint: `write '.${field} = '`,
            })
          }
        },
      },
      {
        ALT: () => {
          this.AT_LEAST_ONE(() => designators.push(this.SUBRULE(this.designator)))
          this.OR1({
            DEF: [
              { ALT: () => this.CONSUME(T.Equal) },
              // GNU `[index] value`
              { GATE: () => designators.length === 1 && designators[0]!.kind === 'index', ALT: () => undefined },
            ],
            ERR_MSG: "expected '=' or another designator",
          })
        },
      },
      { ALT: () => undefined },
    ])
    const value = this.SUBRULE(this.initializer)
    return { designators, value }
  })

  readonly designator: Rule<[], Designator> = this.RULE('designator', (): Designator => {
    const token = this.next
    return this.OR([
      {
        ALT: (): Designator => {
          this.CONSUME(T.Dot)
          const name = this.take(T.Name, 0, "expected a field designator, such as '.field = 4'")
          return { kind: 'field', first: token, last: name, token: name, name: this.atomOf(name) }
        },
      },
      {
        ALT: (): Designator => {
          this.CONSUME(T.LSquare)
          const ARGS: [number] = [Precedence.conditional]
          const index = this.SUBRULE(this.expression, { ARGS })
          let to: Expr | undefined
          this.OPTION(() => {
            this.CONSUME(T.Ellipsis)
            to = this.SUBRULE1(this.expression, { ARGS })
          })
          this.close(T.RSquare, token)
          return { kind: 'index', first: token, last: this.last, token, index, to }
        },
      },
    ])
  })

  // --- declarations ---

  /** One declaration at file scope: functions too. */
  readonly externalDeclaration: Rule<[], Declaration> = this.RULE('externalDeclaration', (): Declaration => {
    this.MANY({ GATE: () => !this.RECORDING_PHASE && this.isNext(T.Extension), DEF: () => this.CONSUME(T.Extension) })
    return this.OR<Declaration>({
      DEF: [
        { ALT: () => this.SUBRULE(this.staticAssert) },
        { ALT: () => this.SUBRULE(this.fileAsm) },
        { ALT: () => this.SUBRULE(this.declaration, { ARGS: [true, none] }) },
      ],
      ERR_MSG: 'expected a declaration',
    })
  })

  /** Specifiers, declarators and `;`, or a function with its body. `before` are attributes read already. */
  readonly declaration: Rule<[boolean, readonly Attribute[]], Declaration> = this.RULE(
    'declaration',
    (atFileScope: boolean, before: readonly Attribute[]): Declaration => {
      const first = this.RECORDING_PHASE ? 0 : (before[0]?.first ?? this.next)
      let specifiers = this.noSpecifiers(first)
      // without a type (`main() {…}`): the type checker says what that means
      this.OPTION({
        GATE: this.specifierGoesOn,
        DEF: () => {
          specifiers = this.SUBRULE(this.specifiers)
        },
      })
      if (!this.RECORDING_PHASE && before.length)
        specifiers = { ...specifiers, first, attributes: [...before, ...specifiers.attributes] }
      const declarators: InitDeclarator[] = []
      return this.OR<Declaration>([
        {
          GATE: () => this.isNext(T.Semicolon),
          ALT: () => this.finishDeclaration(first, specifiers, declarators, atFileScope),
        },
        {
          ALT: () => {
            const declarator = this.SUBRULE(this.tailed, { ARGS: ['named'] })
            this.declareName(declarator, specifiers)
            return this.OR1<Declaration>([
              {
                GATE: () => this.isNext(T.LBrace) && declarator.chunks[0]?.kind === 'function',
                ALT: () => this.functionDefinition(first, specifiers, declarator, atFileScope),
              },
              {
                ALT: () => {
                  this.SUBRULE(this.initDeclarators, { ARGS: [specifiers, declarator, declarators] })
                  return this.finishDeclaration(first, specifiers, declarators, atFileScope, 1)
                },
              },
            ])
          },
        },
      ])
    },
  )

  /** What follows the first declarator: initialisers and more declarators. */
  readonly initDeclarators: Rule<[Specifiers, Declarator, InitDeclarator[]], void> = this.RULE(
    'initDeclarators',
    (specifiers: Specifiers, firstDeclarator: Declarator, declarators: InitDeclarator[]): void => {
      let declarator = firstDeclarator
      let init: Initializer | undefined
      this.OPTION(() => {
        this.CONSUME(T.Equal)
        init = this.SUBRULE(this.initializer)
      })
      if (!this.RECORDING_PHASE) declarators.push({ declarator, init })
      this.MANY(() => {
        this.CONSUME(T.Comma)
        declarator = this.SUBRULE(this.tailed, { ARGS: ['named'] })
        this.declareName(declarator, specifiers)
        init = undefined
        this.OPTION1(() => {
          this.CONSUME1(T.Equal)
          init = this.SUBRULE1(this.initializer)
        })
        if (!this.RECORDING_PHASE) declarators.push({ declarator, init })
      })
    },
  )

  private declareName(declarator: Declarator, specifiers: Specifiers): void {
    if (!this.RECORDING_PHASE && declarator.name !== undefined)
      this.scopes.declare(declarator.name, specifiers.storage === 'typedef')
  }

  private finishDeclaration(
    first: TokenIndex,
    specifiers: Specifiers,
    declarators: readonly InitDeclarator[],
    atFileScope: boolean,
    index = 0,
  ): Declaration {
    const empty = !this.RECORDING_PHASE && this.isNext(T.Semicolon) && this.next === first
    if (!this.RECORDING_PHASE && !this.isNext(T.Semicolon)) this.missingDeclarationEnd(specifiers, declarators)
    this.semicolon(this.declarationEnd(specifiers, declarators, atFileScope), index)
    if (empty) return { kind: 'empty', ...this.node(first, first) }
    return { kind: 'declaration', ...this.node(first, first), specifiers, declarators }
  }

  private declarationEnd(specifiers: Specifiers, declarators: readonly InitDeclarator[], atFileScope: boolean): string {
    if (this.RECORDING_PHASE) return ''
    if (!declarators.length) {
      if (specifiers.type?.kind === 'record') return specifiers.type.union ? 'after union' : 'after struct'
      if (specifiers.type?.kind === 'enum') return 'after enum'
    }
    return atFileScope ? 'after top level declarator' : 'at end of declaration'
  }

  /** Errors that deserve better than "expected ';'". */
  private missingDeclarationEnd(_specifiers: Specifiers, declarators: readonly InitDeclarator[]): void {
    const last = declarators.at(-1)
    if (
      last &&
      !last.init &&
      last.declarator.chunks[0]?.kind === 'function' &&
      this.declarationStartsAt(0) &&
      this.isAt(0, T.TypedefName)
    )
      throw this.fault('expected function body after function declarator')
  }

  private functionDefinition(
    first: TokenIndex,
    specifiers: Specifiers,
    declarator: Declarator,
    atFileScope: boolean,
  ): Declaration {
    if (!this.RECORDING_PHASE && !atFileScope)
      throw this.fault('function definition is not allowed here', { hint: "a '}' may be missing before it" }, 'S0015')
    const body = this.SUBRULE(this.functionBody, { ARGS: [declarator] })
    return { kind: 'function', ...this.node(first, declarator?.token ?? 0), specifiers, declarator, body }
  }

  readonly staticAssert: Rule<[], StaticAssertDeclaration> = this.RULE('staticAssert', (): StaticAssertDeclaration => {
    const token = this.take(T.StaticAssert)
    const open = this.take(T.LParen)
    const condition = this.SUBRULE(this.expression, { ARGS: [Precedence.conditional] })
    let message: StringExpr | undefined
    this.OPTION(() => {
      this.CONSUME(T.Comma)
      message = this.SUBRULE(this.string)
    })
    this.close(T.RParen, open)
    this.semicolon("after '_Static_assert'")
    return { kind: 'static_assert', ...this.node(token, token), condition, message }
  })

  /** `asm("…");` at file scope. */
  readonly fileAsm: Rule<[], FileAsm> = this.RULE('fileAsm', (): FileAsm => {
    const token = this.take(T.Asm)
    const open = this.take(T.LParen)
    const text = this.SUBRULE(this.string)
    this.close(T.RParen, open)
    this.semicolon('after top-level asm block')
    return { kind: 'file_asm', ...this.node(token, token), text }
  })
}
