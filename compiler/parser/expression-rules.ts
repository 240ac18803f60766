/** Expressions. Binary operators are one rule that climbs by precedence (`precedence` in token-types.ts). */
import type { ParserMethod } from 'chevrotain'
import type { TokenIndex } from '../preprocessor/tokens.js'
import type { AssignOp, BinaryOp, CompoundStmt, Designator, Expr, InitializerList, StringExpr, TypeName, UnaryOp } from './ast.js'
import { type CToken, TokenParser } from './token-parser.js'
import { precedence, T } from './token-types.js'

type Rule<R, A extends unknown[] = []> = ParserMethod<A, R>

export abstract class ExpressionRules extends TokenParser {
  abstract typeName: Rule<TypeName>
  abstract initializerList: Rule<InitializerList>
  abstract compound: Rule<CompoundStmt, [boolean?]>

  /** Whether the next tokens begin a type name. */
  protected startsType(ahead = 1): boolean {
    switch (this.next(ahead)) {
      case T.TypeName:
      case T.BuiltinType:
      case T.StructUnion:
      case T.Enum:
      case T.Typeof:
      case T.AutoType:
      case T.Qualifier:
      case T.Atomic:
      case T.Alignas:
      case T.Attribute:
        return true
      case T.Extension:
        return this.startsType(ahead + 1)
      default:
        return false
    }
  }

  /** `a, b`. */
  readonly expression: Rule<Expr> = this.RULE('expression', () => {
    const first = this.nextIndex
    let left = this.SUBRULE(this.assignment)
    this.MANY(() => {
      const token = this.index(this.CONSUME(T.Comma))
      const right = this.SUBRULE2(this.assignment)
      left = this.node(first, token, { kind: 'binary', op: ',' as BinaryOp, left, right })
    })
    return left
  })

  readonly assignment: Rule<Expr> = this.RULE('assignment', () => {
    const first = this.nextIndex
    const left = this.SUBRULE(this.conditional)
    let result = left
    this.OPTION(() => {
      const operator = this.OR([{ ALT: () => this.CONSUME(T.Assign) }, { ALT: () => this.CONSUME(T.OpAssign) }])
      const right = this.nested(() => this.SUBRULE(this.assignment))
      result = this.node(first, this.index(operator), {
        kind: 'assign',
        op: this.text(this.atom(operator)) as AssignOp,
        left,
        right,
      })
    })
    return result
  })

  readonly conditional: Rule<Expr> = this.RULE('conditional', () => {
    const first = this.nextIndex
    const condition = this.SUBRULE(this.binary, { ARGS: [1] })
    let result = condition
    this.OPTION(() => {
      const token = this.index(this.CONSUME(T.Question))
      let then: Expr | undefined
      this.OPTION2({
        GATE: () => !this.is(T.Colon),
        DEF: () => {
          then = this.SUBRULE(this.expression)
        },
      })
      this.CONSUME(T.Colon)
      const otherwise = this.nested(() => this.SUBRULE(this.conditional))
      result = this.node(first, token, { kind: 'conditional', condition, then, otherwise })
    })
    return result
  })

  /** Operators that bind at least as strongly as `least`. */
  readonly binary: Rule<Expr, [number]> = this.RULE('binary', (least: number) => {
    const first = this.nextIndex
    let left = this.SUBRULE(this.unary)
    this.MANY({
      GATE: () => precedence[this.nextAtom()]! >= least && this.next() !== T.Identifier && this.next() !== T.TypeName,
      DEF: () => {
        const operator = this.OR([
          { ALT: () => this.CONSUME(T.Binary) },
          { ALT: () => this.CONSUME(T.Star) },
          { ALT: () => this.CONSUME(T.Sign) },
          { ALT: () => this.CONSUME(T.Amp) },
          { ALT: () => this.CONSUME(T.AmpAmp) },
        ])
        const right = this.SUBRULE(this.binary, { ARGS: [(precedence[this.atom(operator)] ?? 0) + 1] })
        left = this.node(first, this.index(operator), {
          kind: 'binary',
          op: this.text(this.atom(operator)) as BinaryOp,
          left,
          right,
        })
      },
    })
    return left
  })

  readonly unary: Rule<Expr> = this.RULE('unary', () =>
    this.nested(() =>
      this.OR<Expr>({
        DEF: [
          { GATE: () => this.startsType(2), ALT: () => this.SUBRULE(this.castOrLiteral) },
          { ALT: () => this.SUBRULE(this.postfix) },
          { ALT: () => this.prefixed(this.CONSUME(T.Star) as CToken, () => this.SUBRULE(this.unary)) },
          { ALT: () => this.prefixed(this.CONSUME(T.Amp) as CToken, () => this.SUBRULE2(this.unary)) },
          { ALT: () => this.prefixed(this.CONSUME(T.Sign) as CToken, () => this.SUBRULE3(this.unary)) },
          { ALT: () => this.prefixed(this.CONSUME(T.Negation) as CToken, () => this.SUBRULE4(this.unary)) },
          { ALT: () => this.prefixed(this.CONSUME(T.IncDec) as CToken, () => this.SUBRULE5(this.unary)) },
          { ALT: () => this.prefixed(this.CONSUME(T.Extension) as CToken, () => this.SUBRULE6(this.unary)) },
          { ALT: () => this.prefixed(this.CONSUME(T.RealImag) as CToken, () => this.SUBRULE7(this.unary)) },
          { ALT: () => this.SUBRULE(this.labelAddress) },
          { ALT: () => this.SUBRULE(this.sizeofOrAlignof) },
        ],
        IGNORE_AMBIGUITIES: true,
        ERR_MSG: 'expected expression',
      }),
    ),
  )

  private prefixed(operator: CToken, operand: () => Expr): Expr {
    const value = operand()
    return this.node(operator.index, operator.index, { kind: 'unary', op: this.text(operator.atom) as UnaryOp, operand: value })
  }

  readonly labelAddress: Rule<Expr> = this.RULE('labelAddress', () => {
    const token = this.index(this.CONSUME(T.AmpAmp))
    const label = this.atom(this.CONSUME(T.Identifier))
    return this.node(token, token, { kind: 'label_address', label })
  })

  /** `(type) e`, `(type){ … }` and what may follow that. */
  readonly castOrLiteral: Rule<Expr> = this.RULE('castOrLiteral', () => {
    const first = this.nextIndex
    this.CONSUME(T.LParen)
    const type = this.SUBRULE(this.typeName)
    this.CONSUME(T.RParen)
    return this.OR<Expr>([
      {
        ALT: () => {
          const init = this.SUBRULE(this.initializerList)
          return this.SUBRULE(this.postfixTail, {
            ARGS: [this.node(first, first, { kind: 'compound_literal', type, init }), first],
          })
        },
      },
      {
        ALT: () => {
          const operand = this.SUBRULE(this.unary)
          return this.node(first, first, { kind: 'cast', type, operand })
        },
      },
    ])
  })

  readonly sizeofOrAlignof: Rule<Expr> = this.RULE('sizeofOrAlignof', () => {
    const operator = this.OR([{ ALT: () => this.CONSUME(T.Sizeof) }, { ALT: () => this.CONSUME(T.Alignof) }])
    const token = this.index(operator)
    const kind = operator.tokenType === T.Alignof ? 'alignof' : 'sizeof'
    const operand = this.OR2<Expr | TypeName>({
      DEF: [
        {
          GATE: () => this.startsType(2),
          ALT: () => {
            const first = this.nextIndex
            this.CONSUME(T.LParen)
            const type = this.SUBRULE(this.typeName)
            this.CONSUME(T.RParen)
            let result: Expr | TypeName = type
            // sizeof (type){ … } is the size of the literal.
            this.OPTION(() => {
              const init = this.SUBRULE(this.initializerList)
              result = this.SUBRULE(this.postfixTail, {
                ARGS: [this.node(first, first, { kind: 'compound_literal', type, init }), first],
              })
            })
            return result
          },
        },
        { ALT: () => this.SUBRULE(this.unary) },
      ],
      IGNORE_AMBIGUITIES: true,
    })
    return this.node(token, token, { kind: kind as 'sizeof' | 'alignof', operand })
  })

  readonly postfix: Rule<Expr> = this.RULE('postfix', () => {
    const first = this.nextIndex
    const base = this.SUBRULE(this.primary)
    return this.SUBRULE(this.postfixTail, { ARGS: [base, first] })
  })

  readonly postfixTail: Rule<Expr, [Expr, TokenIndex]> = this.RULE('postfixTail', (start: Expr, first: TokenIndex) => {
    let base = start
    this.MANY(() => {
      this.OR([
        {
          ALT: () => {
            const token = this.index(this.CONSUME(T.LBracket))
            const index = this.SUBRULE(this.expression)
            this.CONSUME(T.RBracket)
            base = this.node(first, token, { kind: 'index', base, index })
          },
        },
        {
          ALT: () => {
            const token = this.index(this.CONSUME(T.LParen))
            const args: (Expr | TypeName)[] = []
            this.MANY_SEP({
              SEP: T.Comma,
              DEF: () => {
                args.push(this.SUBRULE(this.argument))
              },
            })
            this.CONSUME(T.RParen)
            base = this.node(first, token, { kind: 'call', callee: base, args })
          },
        },
        {
          ALT: () => {
            const operator = this.OR2([{ ALT: () => this.CONSUME(T.Dot) }, { ALT: () => this.CONSUME(T.Arrow) }])
            const name = this.SUBRULE(this.name)
            base = this.node(first, this.lastIndex, { kind: 'member', base, arrow: operator.tokenType === T.Arrow, name })
          },
        },
        {
          ALT: () => {
            const operator = this.CONSUME(T.IncDec)
            base = this.node(first, this.index(operator), {
              kind: 'postfix',
              op: this.text(this.atom(operator)) as '++' | '--',
              operand: base,
            })
          },
        },
      ])
    })
    return base
  })

  /** An argument; a few builtins take type names. */
  readonly argument: Rule<Expr | TypeName> = this.RULE('argument', () =>
    this.OR<Expr | TypeName>({
      DEF: [
        { GATE: () => this.startsType(), ALT: () => this.SUBRULE(this.typeName) },
        { ALT: () => this.SUBRULE(this.assignment) },
      ],
      IGNORE_AMBIGUITIES: true,
    }),
  )

  /** A name where types and objects share no space: members, labels, tags. */
  readonly name: Rule<number> = this.RULE('name', () =>
    this.OR([{ ALT: () => this.atom(this.CONSUME(T.Identifier)) }, { ALT: () => this.atom(this.CONSUME(T.TypeName)) }]),
  )

  readonly primary: Rule<Expr> = this.RULE('primary', () =>
    this.OR<Expr>({
      DEF: [
        { ALT: () => this.leaf(this.CONSUME(T.Identifier) as CToken, 'identifier') },
        { ALT: () => this.leaf(this.CONSUME(T.Number) as CToken, 'number') },
        { ALT: () => this.leaf(this.CONSUME(T.Char) as CToken, 'char') },
        { ALT: () => this.SUBRULE(this.stringLiteral) },
        { ALT: () => this.SUBRULE(this.parenthesised) },
        { ALT: () => this.SUBRULE(this.generic) },
        { ALT: () => this.SUBRULE(this.offsetof) },
        { ALT: () => this.SUBRULE(this.typesCompatible) },
        { ALT: () => this.SUBRULE(this.chooseExpr) },
        { ALT: () => this.SUBRULE(this.vaArg) },
      ],
      ERR_MSG: 'expected expression',
    }),
  )

  private leaf(token: CToken, kind: 'identifier' | 'number' | 'char'): Expr {
    const { index, atom } = token
    return this.node(index, index, kind === 'identifier' ? { kind, name: atom } : { kind, text: atom })
  }

  readonly stringLiteral: Rule<StringExpr> = this.RULE('stringLiteral', () => {
    const first = this.nextIndex
    const parts: number[] = []
    this.AT_LEAST_ONE(() => {
      parts.push(this.atom(this.CONSUME(T.String)))
    })
    return this.node(first, first, { kind: 'string', parts })
  })

  readonly parenthesised: Rule<Expr> = this.RULE('parenthesised', () => {
    const first = this.nextIndex
    this.CONSUME(T.LParen)
    return this.OR<Expr>({
      DEF: [
        {
          ALT: () => {
            const body = this.SUBRULE(this.compound)
            this.CONSUME(T.RParen)
            return this.node(first, first, { kind: 'statement_expr', body })
          },
        },
        {
          ALT: () => {
            const inner = this.SUBRULE(this.expression)
            this.CONSUME2(T.RParen)
            return inner
          },
        },
      ],
      ERR_MSG: 'expected expression',
    })
  })

  readonly generic: Rule<Expr> = this.RULE('generic', () => {
    const first = this.index(this.CONSUME(T.Generic))
    this.CONSUME(T.LParen)
    const selector = this.SUBRULE(this.argument)
    const associations: { type: TypeName | undefined; value: Expr }[] = []
    this.AT_LEAST_ONE(() => {
      this.CONSUME(T.Comma)
      const type = this.OR<TypeName | undefined>([
        {
          ALT: () => {
            this.CONSUME(T.Default)
            return undefined
          },
        },
        { ALT: () => this.SUBRULE(this.typeName) },
      ])
      this.CONSUME(T.Colon)
      associations.push({ type, value: this.SUBRULE(this.assignment) })
    })
    this.CONSUME(T.RParen)
    return this.node(first, first, { kind: 'generic', selector, associations })
  })

  readonly offsetof: Rule<Expr> = this.RULE('offsetof', () => {
    const first = this.index(this.CONSUME(T.Offsetof))
    this.CONSUME(T.LParen)
    const type = this.SUBRULE(this.typeName)
    this.CONSUME(T.Comma)
    const path: Designator[] = []
    const start = this.nextIndex
    const name = this.SUBRULE(this.name)
    path.push(this.node(start, start, { kind: 'field', name }))
    this.MANY(() => {
      const token = this.nextIndex
      this.OR([
        {
          ALT: () => {
            this.CONSUME(T.Dot)
            const member = this.SUBRULE2(this.name)
            path.push(this.node(token, token, { kind: 'field', name: member }))
          },
        },
        {
          ALT: () => {
            this.CONSUME(T.LBracket)
            const index = this.SUBRULE(this.expression)
            this.CONSUME(T.RBracket)
            path.push(this.node(token, token, { kind: 'index', index, to: undefined }))
          },
        },
      ])
    })
    this.CONSUME(T.RParen)
    return this.node(first, first, { kind: 'offsetof', type, path })
  })

  readonly typesCompatible: Rule<Expr> = this.RULE('typesCompatible', () => {
    const first = this.index(this.CONSUME(T.TypesCompatible))
    this.CONSUME(T.LParen)
    const left = this.SUBRULE(this.typeName)
    this.CONSUME(T.Comma)
    const right = this.SUBRULE2(this.typeName)
    this.CONSUME(T.RParen)
    return this.node(first, first, { kind: 'types_compatible', left, right })
  })

  readonly chooseExpr: Rule<Expr> = this.RULE('chooseExpr', () => {
    const first = this.index(this.CONSUME(T.ChooseExpr))
    this.CONSUME(T.LParen)
    const condition = this.SUBRULE(this.assignment)
    this.CONSUME(T.Comma)
    const then = this.SUBRULE2(this.assignment)
    this.CONSUME2(T.Comma)
    const otherwise = this.SUBRULE3(this.assignment)
    this.CONSUME(T.RParen)
    return this.node(first, first, { kind: 'choose_expr', condition, then, otherwise })
  })

  readonly vaArg: Rule<Expr> = this.RULE('vaArg', () => {
    const first = this.index(this.CONSUME(T.VaArg))
    this.CONSUME(T.LParen)
    const list = this.SUBRULE(this.assignment)
    this.CONSUME(T.Comma)
    const type = this.SUBRULE(this.typeName)
    this.CONSUME(T.RParen)
    return this.node(first, first, { kind: 'va_arg', list, type })
  })
}
