/** Declarators (C11 6.7.6) and type names: from the name outwards, arrays and parameters behind it, pointers before it. */
import { Keyword } from '../preprocessor/names.js'
import type { TokenIndex } from '../preprocessor/tokens.js'
import {
  type Attribute,
  type Declarator,
  type DeclaratorChunk,
  type Expr,
  type ParamDeclaration,
  Qualifier,
  type StringExpr,
  type TypeName,
} from './ast.js'
import type { Rule } from './expression-rules.js'
import { none } from './parser-core.js'
import { qualifierBits, SpecifierRules } from './specifier-rules.js'
import { Precedence, T, typeSet } from './token-types.js'

/** Which declarators a place takes: with a name, without, or either. */
export type DeclaratorForm = 'named' | 'abstract' | 'either'

/** What may stand between a `*` and what it belongs to. */
const followsStar = typeSet(T.Qualifier, T.Atomic, T.Nullability, T.Attribute, T.LSquare)
const isName = typeSet(T.Name)
const opensAttribute = typeSet(T.Attribute, T.LSquare)
const opensSuffix = typeSet(T.LSquare, T.LParen)
const opensTail = typeSet(T.Asm, T.Attribute, T.LSquare)

export abstract class DeclaratorRules extends SpecifierRules {
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
    // Each construct that is not there costs closures: a declarator is most often a name.
    const { RECORDING_PHASE } = this
    if (RECORDING_PHASE || opensAttribute[this.peekType()])
      this.MANY1({
        GATE: () => this.isNext(T.Attribute) || this.isAt(1, T.LSquare),
        DEF: () => {
          attributes = this.joined(attributes, this.SUBRULE(this.attributeSpecifier))
        },
      })
    if (RECORDING_PHASE || this.isNext(T.Star))
      this.MANY(() => {
        const pointer = this.SUBRULE(this.pointer)
        ;(pointers ??= []).push(pointer)
      })
    if (!RECORDING_PHASE && form !== 'abstract' && isName[this.peekType()]) {
      token = this.take(T.Name)
      name = this.atomOf(token)
    } else
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
    if (RECORDING_PHASE || opensSuffix[this.peekType()])
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
      if (this.isOldStyle()) return this.parameterNames(token)
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
    if (!this.RECORDING_PHASE && !params.length && !variadic && !this.isNext(T.RParen))
      throw this.fault('expected parameter declarator')
    this.close(T.RParen, token)
    this.scopes.leave()
    const unprototyped = params.length === 0 && !variadic
    return { kind: 'function', first: token, last: this.last, token, params, variadic, unprototyped, oldStyle: false }
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

  /** `f(a, b) int a, b; {`: names without types, and a declaration or body behind the parentheses. */
  private isOldStyle(): boolean {
    let ahead = 0
    for (;;) {
      if (!this.isAt(ahead, T.Identifier)) return false
      if (this.isAt(ahead + 1, T.RParen)) break
      if (!this.isAt(ahead + 1, T.Comma)) return false
      ahead += 2
    }
    ahead += 2
    if (this.isAt(ahead, T.LBrace) || this.isAt(ahead, T.StorageClass)) return true
    return this.typeStartsAt(ahead) && !this.isAt(ahead, T.Attribute)
  }

  /** The names of a K&R definition, of which nothing else is known yet. */
  private parameterNames(token: TokenIndex): DeclaratorChunk {
    const params: ParamDeclaration[] = []
    do {
      const name = this.next
      this.pos++
      const node = { first: name, last: name, token: name }
      const declarator: Declarator = { ...node, name: this.atomOf(name), chunks: [], attributes: none, asmLabel: undefined }
      params.push({ ...node, specifiers: this.noSpecifiers(name), declarator })
    } while (this.isNext(T.Comma) && this.pos++ >= 0)
    this.close(T.RParen, token)
    this.scopes.leave()
    return {
      kind: 'function',
      first: token,
      last: this.last,
      token,
      params,
      variadic: false,
      unprototyped: false,
      oldStyle: true,
    }
  }

  /** A declarator with the `asm("…")` and attributes that may follow it. */
  readonly tailed: Rule<[DeclaratorForm], Declarator> = this.RULE('tailed', (form: DeclaratorForm): Declarator => {
    const declarator = this.SUBRULE(this.declarator, { ARGS: [form] })
    if (!this.RECORDING_PHASE && !opensTail[this.peekType()]) return declarator
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
}
