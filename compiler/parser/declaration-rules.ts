/** Declarations: specifiers, declarators, records, enums, initialisers, attributes. */
import type { ParserMethod } from 'chevrotain'
import type { Atom, TokenIndex } from '../preprocessor/tokens.js'
import {
  type AsmOperand,
  type Attribute,
  type Declaration,
  type Declarator,
  type DeclaratorChunk,
  type Designator,
  type EnumSpecifier,
  type Enumerator,
  type Expr,
  type InitDeclarator,
  type Initializer,
  type InitializerList,
  type MemberDeclaration,
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
import { ExpressionRules } from './expression-rules.js'
import type { CToken } from './token-parser.js'
import { T } from './token-types.js'

type Rule<R, A extends unknown[] = []> = ParserMethod<A, R>
type Mutable<X> = { -readonly [K in keyof X]: X[K] extends readonly (infer E)[] ? E[] : X[K] }

const qualifierBits: Readonly<Record<string, number>> = {
  const: Qualifier.const,
  volatile: Qualifier.volatile,
  restrict: Qualifier.restrict,
}
const bare = (word: string): string => word.replace(/^__/, '').replace(/__$/, '')

export abstract class DeclarationRules extends ExpressionRules {
  // --- attributes ---

  readonly attributes: Rule<Attribute[]> = this.RULE('attributes', () => {
    const list: Attribute[] = []
    this.AT_LEAST_ONE(() => {
      this.SUBRULE(this.attributeGroup, { ARGS: [list] })
    })
    return list
  })

  readonly attributeGroup: Rule<void, [Attribute[]]> = this.RULE('attributeGroup', (list: Attribute[]) => {
    this.CONSUME(T.Attribute)
    this.CONSUME(T.LParen)
    this.CONSUME2(T.LParen)
    this.OPTION(() => this.SUBRULE(this.attribute, { ARGS: [list] }))
    this.MANY(() => {
      this.CONSUME(T.Comma)
      this.OPTION2(() => this.SUBRULE2(this.attribute, { ARGS: [list] }))
    })
    this.CONSUME(T.RParen)
    this.CONSUME2(T.RParen)
  })

  /** `[[a, b::c(d)]]`. */
  readonly standardAttributes: Rule<void, [Attribute[]]> = this.RULE('standardAttributes', (list: Attribute[]) => {
    this.CONSUME(T.LBracket)
    this.CONSUME2(T.LBracket)
    this.OPTION(() => this.SUBRULE(this.attribute, { ARGS: [list] }))
    this.MANY(() => {
      this.CONSUME(T.Comma)
      this.OPTION2(() => this.SUBRULE2(this.attribute, { ARGS: [list] }))
    })
    this.CONSUME(T.RBracket)
    this.CONSUME2(T.RBracket)
  })

  /** The name may be any word: `const`, `noreturn`, `aligned`. */
  readonly attribute: Rule<void, [Attribute[]]> = this.RULE('attribute', (list: Attribute[]) => {
    const first = this.nextIndex
    let name = this.text(this.SUBRULE(this.anyWord))
    this.OPTION({
      GATE: () => this.is(T.ColonColon),
      DEF: () => {
        this.CONSUME(T.ColonColon)
        name = this.text(this.SUBRULE2(this.anyWord))
      },
    })
    const args: Expr[] = []
    let type: TypeName | undefined
    this.OPTION2(() => {
      this.CONSUME(T.LParen)
      this.MANY_SEP({
        SEP: T.Comma,
        DEF: () => {
          const argument = this.SUBRULE(this.argument)
          if ((argument as { kind?: string }).kind === 'type_name') type = argument as TypeName
          else args.push(argument as Expr)
        },
      })
      this.CONSUME(T.RParen)
    })
    if (!this.RECORDING_PHASE) list.push(this.node(first, first, { name: bare(name), args, type }))
  })

  readonly anyWord: Rule<Atom> = this.RULE('anyWord', () =>
    this.OR([
      { ALT: () => this.atom(this.CONSUME(T.Identifier)) },
      { ALT: () => this.atom(this.CONSUME(T.TypeName)) },
      { ALT: () => this.atom(this.CONSUME(T.Qualifier)) },
      { ALT: () => this.atom(this.CONSUME(T.Noreturn)) },
      { ALT: () => this.atom(this.CONSUME(T.Inline)) },
      { ALT: () => this.atom(this.CONSUME(T.BuiltinType)) },
      { ALT: () => this.atom(this.CONSUME(T.Storage)) },
      { ALT: () => this.atom(this.CONSUME(T.StructUnion)) },
      { ALT: () => this.atom(this.CONSUME(T.Default)) },
    ]),
  )

  /** While the grammar is recorded rules return nothing that could be walked. */
  private append(list: Attribute[], more: readonly Attribute[]): void {
    if (!this.RECORDING_PHASE) list.push(...more)
  }

  private takeAttributes(list: Attribute[]): void {
    this.OPTION8(() => {
      this.append(list, this.SUBRULE8(this.attributes))
    })
  }

  // --- specifiers ---

  /** `member` and `typeName` have no storage class, but finding one is the type checker's business. */
  readonly specifiers: Rule<Specifiers> = this.RULE('specifiers', () => {
    const first = this.nextIndex
    const made: Mutable<Omit<Specifiers, 'first' | 'last' | 'token'>> = {
      storage: undefined,
      threadLocal: false,
      inline: false,
      noreturn: false,
      qualifiers: 0,
      alignas: [],
      attributes: [],
      type: undefined,
    }
    const words: string[] = []
    let wordsAt = -1
    this.AT_LEAST_ONE({
      // A type name after a type is the name being declared.
      GATE: () =>
        !(this.is(T.TypeName) && (made.type !== undefined || words.length > 0)) &&
        (!this.is(T.LBracket) || this.is(T.LBracket, 2)),
      DEF: () => {
        this.OR([
          {
            ALT: () => {
              const token = this.CONSUME(T.Storage)
              if (made.storage !== undefined && !this.RECORDING_PHASE && made.storage !== this.text(this.atom(token)))
                this.input_!.report(this.fault(`cannot combine with previous '${made.storage}' declaration specifier`, 'S0003'))
              made.storage = this.text(this.atom(token)) as StorageClass
            },
          },
          {
            ALT: () => {
              this.CONSUME(T.ThreadLocal)
              made.threadLocal = true
            },
          },
          {
            ALT: () => {
              this.CONSUME(T.Inline)
              made.inline = true
            },
          },
          {
            ALT: () => {
              this.CONSUME(T.Noreturn)
              made.noreturn = true
            },
          },
          {
            ALT: () => {
              made.qualifiers |= this.qualifier(this.CONSUME(T.Qualifier) as CToken)
            },
          },
          { ALT: () => this.CONSUME(T.Nullability) },
          { ALT: () => this.CONSUME(T.Extension) },
          {
            GATE: () => this.is(T.LParen, 2),
            ALT: () => {
              const at = this.index(this.CONSUME(T.Atomic))
              this.CONSUME(T.LParen)
              const type = this.SUBRULE(this.typeName)
              this.CONSUME(T.RParen)
              made.type = this.node(at, at, { kind: 'atomic', type })
            },
          },
          {
            ALT: () => {
              this.CONSUME2(T.Atomic)
              made.qualifiers |= Qualifier.atomic
            },
          },
          {
            ALT: () => {
              const token = this.CONSUME(T.BuiltinType) as CToken
              if (words.length === 0) wordsAt = token.index
              words.push(
                bare(this.text(token.atom))
                  .replace(/^int128$/, '__int128')
                  .replace(/^float128$/, '__float128')
                  .replace(/^bf16$/, '__bf16'),
              )
            },
          },
          {
            ALT: () => {
              made.type = this.SUBRULE(this.record)
            },
          },
          {
            ALT: () => {
              made.type = this.SUBRULE(this.enumeration)
            },
          },
          {
            ALT: () => {
              const token = this.CONSUME(T.TypeName) as CToken
              made.type = this.node(token.index, token.index, { kind: 'typedef_name', name: token.atom })
            },
          },
          {
            ALT: () => {
              made.type = this.SUBRULE(this.typeof_)
            },
          },
          {
            ALT: () => {
              const token = this.CONSUME(T.AutoType) as CToken
              made.type = this.node(token.index, token.index, { kind: 'auto_type' })
            },
          },
          {
            ALT: () => {
              this.CONSUME(T.Alignas)
              this.CONSUME2(T.LParen)
              made.alignas.push(this.SUBRULE2(this.argument))
              this.CONSUME2(T.RParen)
            },
          },
          { ALT: () => this.SUBRULE2(this.attributeGroup, { ARGS: [made.attributes] }) },
          { ALT: () => this.SUBRULE2(this.standardAttributes, { ARGS: [made.attributes] }) },
        ])
      },
      ERR_MSG: 'type name expected',
    })
    if (words.length > 0) made.type ??= this.node(wordsAt, wordsAt, { kind: 'builtin', words })
    return this.node(first, made.type?.token ?? first, made)
  })

  private qualifier(token: CToken): number {
    return this.RECORDING_PHASE ? 0 : (qualifierBits[bare(this.text(token.atom))] ?? 0)
  }

  readonly typeof_: Rule<TypeSpecifier> = this.RULE('typeof', () => {
    const token = this.CONSUME(T.Typeof) as CToken
    this.CONSUME(T.LParen)
    const operand = this.OR<Expr | TypeName>({
      DEF: [
        { GATE: () => this.startsType(), ALT: () => this.SUBRULE(this.typeName) },
        { ALT: () => this.SUBRULE(this.expression) },
      ],
      IGNORE_AMBIGUITIES: true,
    })
    this.CONSUME(T.RParen)
    return this.node(token.index, token.index, { kind: 'typeof', operand, unqualified: this.text(token.atom).includes('unqual') })
  })

  readonly record: Rule<RecordSpecifier> = this.RULE('record', () => {
    const keyword = this.CONSUME(T.StructUnion) as CToken
    const attributes: Attribute[] = []
    this.OPTION(() => {
      this.append(attributes, this.SUBRULE(this.attributes))
    })
    let name: Atom | undefined
    let token = keyword.index
    this.OPTION2(() => {
      token = this.nextIndex
      name = this.SUBRULE(this.name)
    })
    let members: (MemberDeclaration | StaticAssertDeclaration)[] | undefined
    this.OPTION3(() => {
      this.CONSUME(T.LBrace)
      members = []
      const body = members
      this.nested(() =>
        this.MANY(() => {
          this.OR([
            { ALT: () => body.push(this.SUBRULE(this.staticAssert) as StaticAssertDeclaration) },
            { ALT: () => body.push(this.SUBRULE(this.member)) },
            { ALT: () => this.CONSUME(T.Semicolon) },
          ])
        }),
      )
      this.CONSUME(T.RBrace)
      this.OPTION4(() => {
        this.append(attributes, this.SUBRULE2(this.attributes))
      })
    })
    const pragmas = this.RECORDING_PHASE ? undefined : this.input_!.pragmas
    return this.node(keyword.index, token, {
      kind: 'record',
      union: this.text(keyword.atom) === 'union',
      name,
      members,
      attributes,
      pack: pragmas?.packAt(keyword.index) ?? 0,
      preserveAccessIndex: pragmas?.preserveAccessIndexAt(keyword.index) ?? false,
    })
  })

  readonly member: Rule<MemberDeclaration> = this.RULE('member', () => {
    const first = this.nextIndex
    const specifiers = this.SUBRULE(this.specifiers)
    const declarators: { declarator: Declarator; bits: Expr | undefined }[] = []
    this.MANY_SEP({
      SEP: T.Comma,
      DEF: () => {
        declarators.push(this.SUBRULE(this.memberDeclarator))
      },
    })
    this.CONSUME(T.Semicolon)
    return this.node(first, first, { kind: 'member', specifiers, declarators })
  })

  readonly memberDeclarator: Rule<{ declarator: Declarator; bits: Expr | undefined }> = this.RULE('memberDeclarator', () => {
    let declarator = this.SUBRULE(this.declarator)
    let bits: Expr | undefined
    this.OPTION(() => {
      this.CONSUME(T.Colon)
      bits = this.SUBRULE(this.conditional)
    })
    this.OPTION2(() => {
      const attributes = this.SUBRULE(this.attributes)
      if (!this.RECORDING_PHASE) declarator = { ...declarator, attributes: [...declarator.attributes, ...attributes] }
    })
    return { declarator, bits }
  })

  readonly enumeration: Rule<EnumSpecifier> = this.RULE('enumeration', () => {
    const keyword = this.index(this.CONSUME(T.Enum))
    const attributes: Attribute[] = []
    this.OPTION(() => {
      this.append(attributes, this.SUBRULE(this.attributes))
    })
    let name: Atom | undefined
    let token = keyword
    this.OPTION2(() => {
      token = this.nextIndex
      name = this.SUBRULE(this.name)
    })
    let underlying: TypeName | undefined
    this.OPTION3({
      // `enum e : 3` in a struct is a bit field.
      GATE: () => this.is(T.Colon) && this.startsType(2),
      DEF: () => {
        this.CONSUME(T.Colon)
        underlying = this.SUBRULE(this.typeName)
      },
    })
    let enumerators: Enumerator[] | undefined
    this.OPTION4(() => {
      this.CONSUME(T.LBrace)
      enumerators = []
      const list = enumerators
      list.push(this.SUBRULE(this.enumerator))
      this.MANY({
        GATE: () => !this.is(T.RBrace, 2),
        DEF: () => {
          this.CONSUME(T.Comma)
          list.push(this.SUBRULE2(this.enumerator))
        },
      })
      this.OPTION5(() => this.CONSUME2(T.Comma))
      this.CONSUME(T.RBrace)
      this.OPTION6(() => {
        this.append(attributes, this.SUBRULE2(this.attributes))
      })
    })
    return this.node(keyword, token, { kind: 'enum', name, enumerators, attributes, underlying })
  })

  readonly enumerator: Rule<Enumerator> = this.RULE('enumerator', () => {
    const first = this.nextIndex
    const name = this.SUBRULE(this.name)
    let attributes: Attribute[] = []
    this.OPTION(() => {
      attributes = this.SUBRULE(this.attributes)
    })
    let value: Expr | undefined
    this.OPTION2(() => {
      this.CONSUME(T.Assign)
      value = this.SUBRULE(this.conditional)
    })
    if (!this.RECORDING_PHASE) this.input_!.typeNames.declare(name, false)
    return this.node(first, first, { name, value, attributes })
  })

  // --- declarators ---

  /** A declarator, named or abstract: which of the two was wanted, the type checker knows. */
  readonly declarator: Rule<Declarator> = this.RULE('declarator', () =>
    this.nested(() => {
      const first = this.nextIndex
      const attributes: Attribute[] = []
      const pointers: DeclaratorChunk[] = []
      this.OPTION(() => {
        this.append(attributes, this.SUBRULE(this.attributes))
      })
      this.MANY(() => pointers.push(this.SUBRULE(this.pointer)))
      let name: Atom | undefined
      let token = first
      let inner: Declarator | undefined
      this.OPTION2({
        GATE: () => !this.is(T.LParen) || this.nestsDeclarator(),
        DEF: () =>
          this.OR([
            {
              ALT: () => {
                token = this.nextIndex
                name = this.SUBRULE(this.name)
              },
            },
            {
              ALT: () => {
                this.CONSUME(T.LParen)
                inner = this.SUBRULE(this.declarator)
                this.CONSUME(T.RParen)
              },
            },
          ]),
      })
      const suffixes: DeclaratorChunk[] = []
      this.MANY2(() =>
        this.OR2([
          { GATE: () => this.is(T.LBracket, 2), ALT: () => this.SUBRULE(this.standardAttributes, { ARGS: [attributes] }) },
          { ALT: () => suffixes.push(this.SUBRULE(this.arraySuffix)) },
          { ALT: () => suffixes.push(this.SUBRULE(this.functionSuffix)) },
        ]),
      )
      let asmLabel: StringExpr | undefined
      this.OPTION3(() => {
        this.CONSUME(T.Asm)
        this.CONSUME2(T.LParen)
        asmLabel = this.SUBRULE(this.stringLiteral)
        this.CONSUME2(T.RParen)
      })
      this.takeAttributes(attributes)
      // Suffixes bind before pointers; what stands around a nested declarator comes after it.
      const around = [...suffixes, ...pointers.reverse()]
      if (!inner) return this.node(first, token, { name, chunks: around, attributes, asmLabel })
      return this.node(first, inner.token, {
        name: inner.name,
        chunks: this.RECORDING_PHASE ? [] : [...inner.chunks, ...around],
        attributes: this.RECORDING_PHASE ? [] : [...inner.attributes, ...attributes],
        asmLabel: asmLabel ?? inner.asmLabel,
      })
    }),
  )

  /** Whether a parenthesis opens a nested declarator, and not the parameters of a nameless function. */
  private nestsDeclarator(): boolean {
    const inside = this.next(2)
    if (inside === T.RParen || inside === T.Ellipsis) return false
    if (inside === T.Attribute) return true
    return !this.startsType(2) && inside !== T.Storage && inside !== T.Inline
  }

  readonly pointer: Rule<DeclaratorChunk> = this.RULE('pointer', () => {
    const first = this.index(this.CONSUME(T.Star))
    let qualifiers = 0
    const attributes: Attribute[] = []
    this.MANY(() =>
      this.OR([
        {
          ALT: () => {
            qualifiers |= this.qualifier(this.CONSUME(T.Qualifier) as CToken)
          },
        },
        {
          ALT: () => {
            this.CONSUME(T.Atomic)
            qualifiers |= Qualifier.atomic
          },
        },
        { ALT: () => this.CONSUME(T.Nullability) },
        { ALT: () => this.SUBRULE(this.attributeGroup, { ARGS: [attributes] }) },
      ]),
    )
    return this.node(first, first, { kind: 'pointer', qualifiers, attributes })
  })

  readonly arraySuffix: Rule<DeclaratorChunk> = this.RULE('arraySuffix', () => {
    const first = this.index(this.CONSUME(T.LBracket))
    let qualifiers = 0
    let isStatic = false
    this.MANY(() =>
      this.OR([
        {
          ALT: () => {
            this.CONSUME(T.Storage)
            isStatic = true
          },
        },
        {
          ALT: () => {
            qualifiers |= this.qualifier(this.CONSUME(T.Qualifier) as CToken)
          },
        },
      ]),
    )
    let size: Expr | undefined
    let star = false
    this.OPTION(() =>
      this.OR2({
        DEF: [
          {
            GATE: () => this.is(T.RBracket, 2),
            ALT: () => {
              this.CONSUME(T.Star)
              star = true
            },
          },
          {
            ALT: () => {
              size = this.SUBRULE(this.assignment)
            },
          },
        ],
        IGNORE_AMBIGUITIES: true,
      }),
    )
    this.CONSUME(T.RBracket)
    return this.node(first, first, { kind: 'array', size, isStatic, star, qualifiers })
  })

  readonly functionSuffix: Rule<DeclaratorChunk> = this.RULE('functionSuffix', () => {
    const first = this.index(this.CONSUME(T.LParen))
    const params: ParamDeclaration[] = []
    let variadic = false
    let unprototyped = true
    // Names of parameters are known in the parameters behind them.
    if (!this.RECORDING_PHASE) this.input_!.typeNames.push()
    this.OPTION(() => {
      unprototyped = false
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
              GATE: () => !this.is(T.Ellipsis, 2),
              DEF: () => {
                this.CONSUME(T.Comma)
                params.push(this.SUBRULE2(this.parameter))
              },
            })
            this.OPTION2(() => {
              this.CONSUME2(T.Comma)
              this.CONSUME2(T.Ellipsis)
              variadic = true
            })
          },
        },
      ])
    })
    if (!this.RECORDING_PHASE) this.input_!.typeNames.pop()
    this.CONSUME(T.RParen)
    return this.node(first, first, { kind: 'function', params, variadic, unprototyped })
  })

  readonly parameter: Rule<ParamDeclaration> = this.RULE('parameter', () => {
    const first = this.nextIndex
    const specifiers = this.SUBRULE(this.specifiers)
    const declarator = this.SUBRULE(this.declarator)
    if (!this.RECORDING_PHASE && declarator.name !== undefined) this.input_!.typeNames.declare(declarator.name, false)
    return this.node(first, declarator.token, { specifiers, declarator })
  })

  readonly typeName: Rule<TypeName> = this.RULE('typeName', () => {
    const first = this.nextIndex
    const specifiers = this.SUBRULE(this.specifiers)
    const declarator = this.SUBRULE(this.declarator)
    return this.node(first, first, { kind: 'type_name', specifiers, declarator })
  })

  // --- initialisers ---

  readonly initializer: Rule<Initializer> = this.RULE('initializer', () =>
    this.OR<Initializer>([{ ALT: () => this.SUBRULE(this.initializerList) }, { ALT: () => this.SUBRULE(this.assignment) }]),
  )

  readonly initializerList: Rule<InitializerList> = this.RULE('initializerList', () =>
    this.nested(() => {
      const first = this.index(this.CONSUME(T.LBrace))
      const items: { designators: Designator[]; value: Initializer }[] = []
      this.MANY(() => {
        items.push(this.SUBRULE(this.initializerItem))
        this.OPTION({
          GATE: () => !this.is(T.RBrace),
          DEF: () => this.CONSUME(T.Comma),
        })
      })
      this.CONSUME(T.RBrace)
      return this.node(first, first, { kind: 'init_list', items })
    }),
  )

  readonly initializerItem: Rule<{ designators: Designator[]; value: Initializer }> = this.RULE('initializerItem', () => {
    const designators: Designator[] = []
    this.OPTION({
      MAX_LOOKAHEAD: 2,
      DEF: () =>
        this.OR([
          {
            // GNU: `field: value`.
            ALT: () => {
              const token = this.nextIndex
              const name = this.SUBRULE(this.name)
              this.CONSUME(T.Colon)
              designators.push(this.node(token, token, { kind: 'field', name }))
            },
          },
          {
            ALT: () => {
              this.AT_LEAST_ONE(() => designators.push(this.SUBRULE(this.designator)))
              this.OPTION2(() => this.CONSUME(T.Assign))
            },
          },
        ]),
    })
    const value = this.SUBRULE(this.initializer)
    return { designators, value }
  })

  readonly designator: Rule<Designator> = this.RULE('designator', () => {
    const token = this.nextIndex
    return this.OR<Designator>([
      {
        ALT: () => {
          this.CONSUME(T.Dot)
          const name = this.SUBRULE(this.name)
          return this.node(token, this.lastIndex, { kind: 'field', name })
        },
      },
      {
        ALT: () => {
          this.CONSUME(T.LBracket)
          const index = this.SUBRULE(this.conditional)
          let to: Expr | undefined
          this.OPTION(() => {
            this.CONSUME(T.Ellipsis)
            to = this.SUBRULE2(this.conditional)
          })
          this.CONSUME(T.RBracket)
          return this.node(token, token, { kind: 'index', index, to })
        },
      },
    ])
  })

  // --- whole declarations ---

  readonly staticAssert: Rule<Declaration> = this.RULE('staticAssert', () => {
    const first = this.index(this.CONSUME(T.StaticAssert))
    this.CONSUME(T.LParen)
    const condition = this.SUBRULE(this.conditional)
    let message: StringExpr | undefined
    this.OPTION(() => {
      this.CONSUME(T.Comma)
      message = this.SUBRULE(this.stringLiteral)
    })
    this.CONSUME(T.RParen)
    this.CONSUME(T.Semicolon, { ERR_MSG: "expected ';' after '_Static_assert'" })
    return this.node(first, first, { kind: 'static_assert', condition, message })
  })

  /** Specifiers and declarators up to the `;`, or up to a function's body, which `externalDeclaration` takes. */
  readonly initDeclarators: Rule<InitDeclarator[], [Specifiers]> = this.RULE('initDeclarators', (specifiers: Specifiers) => {
    const list: InitDeclarator[] = []
    const isTypedef = specifiers?.storage === 'typedef'
    this.AT_LEAST_ONE_SEP({
      SEP: T.Comma,
      DEF: () => {
        const declarator = this.SUBRULE(this.declarator)
        if (!this.RECORDING_PHASE) {
          if (declarator.name === undefined) throw this.fault("expected identifier or '('")
          this.input_!.typeNames.declare(declarator.name, isTypedef)
        }
        let init: Initializer | undefined
        this.OPTION(() => {
          this.CONSUME(T.Assign)
          init = this.SUBRULE(this.initializer)
        })
        list.push({ declarator, init })
      },
    })
    return list
  })

  /** Names of operands of inline asm, shared with statements. */
  protected operandNode(first: TokenIndex, name: Atom | undefined, constraint: string, value: Expr): AsmOperand {
    return this.node(first, first, { name, constraint, value })
  }
}
