/** Expressions (C11 6.5) with GNU's additions: one rule climbs precedences, one takes prefix operators and casts, one suffixes. */
import type { IOrAlt, ParserMethod } from 'chevrotain'
import { Keyword } from '../preprocessor/names.js'
import type { Atom, TokenIndex } from '../preprocessor/tokens.js'
import type { AssignOp, BinaryOp, CompoundStmt, Designator, Expr, InitializerList, StringExpr, TypeName, UnaryOp } from './ast.js'
import { ParserCore } from './parser-core.js'
import { Precedence, precedenceOfAtom, T, typeSet } from './token-types.js'

export type Rule<Args extends unknown[], R> = ParserMethod<Args, R>

const operators = typeSet(T.BinaryOperator, T.Question, T.AssignmentOperator)
const suffixes = typeSet(T.LSquare, T.LParen, T.MemberAccess, T.IncDec)

/** `a ? b :` waiting for what comes after. */
interface PendingConditional {
  readonly condition: Expr
  readonly token: TokenIndex
  readonly then: Expr | undefined
}

export abstract class ExpressionRules extends ParserCore {
  abstract readonly typeName: Rule<[], TypeName>
  abstract readonly compoundStatement: Rule<[], CompoundStmt>
  abstract readonly initializerList: Rule<[], InitializerList>
  abstract readonly designator: Rule<[], Designator>

  /** An expression of operators that bind at least as tightly as `least` (`Precedence`). */
  readonly expression: Rule<[number], Expr> = this.RULE('expression', (least: number): Expr => {
    this.enter()
    let left = this.SUBRULE(this.prefixed)
    if (this.RECORDING_PHASE || this.binding(least)) {
      let conditionals: PendingConditional[] | undefined
      this.MANY({
        GATE: () => this.binding(least) > 0,
        DEF: () => {
          const token = this.next
          const spelling = this.names.text(this.atomOf(token))
          this.OR([
            {
              ALT: () => {
                this.CONSUME(T.BinaryOperator)
                const right = this.SUBRULE1(this.expression, { ARGS: [precedenceOfAtom[this.atomOf(token)]! + 1] })
                left = { kind: 'binary', ...this.across(left, token), op: spelling as BinaryOp, left, right }
              },
            },
            {
              ALT: () => {
                this.CONSUME(T.AssignmentOperator)
                const right = this.SUBRULE2(this.expression, { ARGS: [Precedence.assignment] })
                left = { kind: 'assign', ...this.across(left, token), op: spelling as AssignOp, left, right }
              },
            },
            {
              ALT: () => {
                this.CONSUME(T.Question)
                let then: Expr | undefined
                this.OPTION(() => {
                  then = this.SUBRULE3(this.expression, { ARGS: [Precedence.comma] })
                })
                if (!this.RECORDING_PHASE && !this.isNext(T.Colon))
                  throw this.fault("expected ':'", { notes: [this.matchNote(token)] })
                this.CONSUME(T.Colon)
                const otherwise = this.SUBRULE4(this.expression, { ARGS: [Precedence.lowestBinary] })
                // a chain `a ? b : c ? d : e` nests to the right; collected here, so that a long one needs no stack
                ;(conditionals ??= []).push({ condition: left, token, then })
                left = otherwise
                if (this.precedenceOfNext() === Precedence.conditional) return
                for (let pending = conditionals.pop(); pending; pending = conditionals.pop())
                  left = { kind: 'conditional', ...this.across(pending.condition, pending.token), ...pending, otherwise: left }
              },
            },
          ])
        },
      })
    }
    this.depth--
    return left
  })

  /** Prefix operators and casts before an operand. */
  readonly prefixed: Rule<[], Expr> = this.RULE('prefixed', (): Expr => this.OR(this.prefixedAlternatives()))
  private prefixedCache: IOrAlt<Expr>[] | undefined
  private prefixedAlternatives(): { DEF: IOrAlt<Expr>[]; ERR_MSG: string } {
    this.prefixedCache ??= [
      { ALT: () => this.SUBRULE(this.primary) },
      { ALT: () => this.SUBRULE(this.parenthesized) },
      { ALT: () => this.SUBRULE(this.unary) },
      { ALT: () => this.SUBRULE(this.measured) },
      { ALT: () => this.SUBRULE(this.labelAddress) },
    ]
    return { DEF: this.prefixedCache, ERR_MSG: 'expected expression' }
  }

  /** A run of prefix operators; collected, so that a long one needs no stack. */
  readonly unary: Rule<[], Expr> = this.RULE('unary', (): Expr => {
    const tokens: TokenIndex[] = []
    this.AT_LEAST_ONE(() => {
      tokens.push(this.next)
      this.CONSUME(T.UnaryOperator)
    })
    let operand = this.SUBRULE(this.prefixed)
    for (let i = tokens.length - 1; i >= 0; i--) {
      const token = tokens[i]!
      operand = { kind: 'unary', ...this.node(token, token), op: this.unaryOp(token), operand }
    }
    return operand
  })

  private unaryOp(token: TokenIndex): UnaryOp {
    const atom = this.atomOf(token)
    if (atom === Keyword.__real) return '__real__'
    if (atom === Keyword.__imag) return '__imag__'
    return this.names.text(atom) as UnaryOp
  }

  /** `sizeof` and `_Alignof`. */
  readonly measured: Rule<[], Expr> = this.RULE('measured', (): Expr => {
    const token = this.next
    const kind = this.isNext(T.Sizeof) ? 'sizeof' : 'alignof'
    this.OR([{ ALT: () => this.CONSUME(T.Sizeof) }, { ALT: () => this.CONSUME(T.Alignof) }])
    let operand: Expr | TypeName
    this.OR1([
      {
        GATE: () => this.typeStartsAt(1),
        ALT: () => {
          const open = this.take(T.LParen)
          const type = this.SUBRULE(this.typeName)
          this.close(T.RParen, open)
          operand = type
          this.OPTION(() => {
            operand = this.SUBRULE(this.compoundLiteral, { ARGS: [open, type] })
          })
        },
      },
      {
        ALT: () => {
          operand = this.SUBRULE(this.prefixed)
        },
      },
    ])
    return { kind, ...this.node(token, token), operand: operand! }
  })

  /** GNU `&&label`. */
  readonly labelAddress: Rule<[], Expr> = this.RULE('labelAddress', (): Expr => {
    const token = this.take(T.AmpAmp)
    const label = this.take(T.Name)
    return { kind: 'label_address', ...this.node(token, token), label: this.atomOf(label) }
  })

  /** What begins with `(`: a cast, a compound literal, a statement expression, an expression in parentheses. */
  readonly parenthesized: Rule<[], Expr> = this.RULE('parenthesized', (): Expr => {
    const open = this.take(T.LParen)
    return this.OR({
      DEF: [
        {
          // a name or `__extension__` here begins an expression; the type's alternative has them for names nobody declared
          IGNORE_AMBIGUITIES: true,
          ALT: (): Expr => {
            const inner = this.SUBRULE(this.expression, { ARGS: [Precedence.comma] })
            this.close(T.RParen, open)
            return this.suffixed(inner)
          },
        },
        {
          ALT: (): Expr => {
            const type = this.SUBRULE(this.typeName)
            this.close(T.RParen, open, 1)
            return this.OR1([
              { ALT: (): Expr => this.SUBRULE(this.compoundLiteral, { ARGS: [open, type] }) },
              {
                ALT: (): Expr => {
                  this.enter()
                  const operand = this.SUBRULE(this.prefixed)
                  this.depth--
                  return { kind: 'cast', ...this.node(open, open), type, operand }
                },
              },
            ])
          },
        },
        {
          ALT: (): Expr => {
            const body = this.SUBRULE(this.compoundStatement)
            this.close(T.RParen, open, 2)
            return this.suffixed({ kind: 'statement_expr', ...this.node(open, open), body }, 1)
          },
        },
      ],
      ERR_MSG: 'expected expression',
    })
  })

  /** The `{…}` of `(T){…}`, and suffixes. */
  readonly compoundLiteral: Rule<[TokenIndex, TypeName], Expr> = this.RULE(
    'compoundLiteral',
    (open: TokenIndex, type: TypeName): Expr => {
      const init = this.SUBRULE(this.initializerList)
      return this.suffixed({ kind: 'compound_literal', ...this.node(open, open), type, init })
    },
  )

  /** A name, a constant, a string or a builtin with a syntax of its own, with its suffixes. */
  readonly primary: Rule<[], Expr> = this.RULE(
    'primary',
    (): Expr => this.suffixed(this.OR((this.primaryAlternatives ??= this.makePrimaryAlternatives()))),
  )
  private primaryAlternatives: IOrAlt<Expr>[] | undefined
  private makePrimaryAlternatives(): IOrAlt<Expr>[] {
    return [
      {
        ALT: (): Expr => {
          const token = this.take(T.Identifier)
          return { kind: 'identifier', first: token, last: token, token, name: this.atomOf(token) }
        },
      },
      {
        ALT: (): Expr => {
          const token = this.take(T.Number)
          return { kind: 'number', first: token, last: token, token, text: this.atomOf(token) }
        },
      },
      {
        ALT: (): Expr => {
          const token = this.take(T.Char)
          return { kind: 'char', first: token, last: token, token, text: this.atomOf(token) }
        },
      },
      { ALT: () => this.SUBRULE(this.string) },
      { ALT: () => this.SUBRULE(this.generic) },
      { ALT: () => this.SUBRULE(this.offsetof) },
      { ALT: () => this.SUBRULE(this.typesCompatible) },
      { ALT: () => this.SUBRULE(this.chooseExpr) },
      { ALT: () => this.SUBRULE(this.vaArg) },
    ]
  }

  readonly string: Rule<[], StringExpr> = this.RULE('string', (): StringExpr => {
    const first = this.next
    const parts: Atom[] = []
    this.AT_LEAST_ONE({
      DEF: () => {
        const token = this.take(T.String)
        parts.push(this.atomOf(token))
      },
      ERR_MSG: 'expected string literal',
    })
    return { kind: 'string', ...this.node(first, first), parts }
  })

  private suffixed(base: Expr, index = 0): Expr {
    if (!this.RECORDING_PHASE && !suffixes[this.peekType()]) return base
    return this.subrule(index, this.suffixes, { ARGS: [base] })
  }

  /** `[…]`, `(…)`, `.name`, `->name`, `++`, `--` behind an operand. */
  readonly suffixes: Rule<[Expr], Expr> = this.RULE('suffixes', (base: Expr): Expr => {
    let left = base
    this.MANY(() => {
      const token = this.next
      this.OR([
        {
          ALT: () => {
            this.CONSUME(T.LSquare)
            const index = this.SUBRULE(this.expression, { ARGS: [Precedence.comma] })
            this.close(T.RSquare, token)
            left = { kind: 'index', ...this.across(left, token), base: left, index }
          },
        },
        {
          ALT: () => {
            this.CONSUME(T.LParen)
            const takesTypes = this.isBuiltin(left)
            const args: (Expr | TypeName)[] = []
            this.MANY_SEP({
              SEP: T.Comma,
              DEF: () => {
                this.OR1({
                  DEF: [
                    { ALT: () => args.push(this.SUBRULE1(this.expression, { ARGS: [Precedence.assignment] })) },
                    { GATE: () => takesTypes, ALT: () => args.push(this.SUBRULE(this.typeName)) },
                  ],
                  ERR_MSG: 'expected expression',
                })
              },
            })
            this.close(T.RParen, token)
            left = { kind: 'call', ...this.across(left, token), callee: left, args }
          },
        },
        {
          ALT: () => {
            const arrow = this.isNext(T.Arrow)
            this.CONSUME(T.MemberAccess)
            const name = this.take(T.Name)
            left = { kind: 'member', ...this.across(left, name), base: left, arrow, name: this.atomOf(name) }
          },
        },
        {
          ALT: () => {
            this.CONSUME(T.IncDec)
            const op = this.names.text(this.atomOf(token)) as '++' | '--'
            left = { kind: 'postfix', ...this.across(left, token), op, operand: left }
          },
        },
      ])
    })
    return left
  })

  /** `_Generic(selector, type: value, default: value)`. */
  readonly generic: Rule<[], Expr> = this.RULE('generic', (): Expr => {
    const token = this.take(T.Generic)
    const open = this.take(T.LParen)
    let selector!: Expr | TypeName
    this.OR([
      {
        IGNORE_AMBIGUITIES: true,
        ALT: () => {
          selector = this.SUBRULE(this.expression, { ARGS: [Precedence.assignment] })
        },
      },
      {
        ALT: () => {
          selector = this.SUBRULE(this.typeName)
        },
      },
    ])
    const associations: { type: TypeName | undefined; value: Expr }[] = []
    this.AT_LEAST_ONE({
      DEF: () => {
        this.CONSUME(T.Comma)
        let type: TypeName | undefined
        this.OR1({
          DEF: [
            { ALT: () => this.CONSUME(T.Default) },
            {
              ALT: () => {
                type = this.SUBRULE1(this.typeName)
              },
            },
          ],
          ERR_MSG: "expected a type or 'default'",
        })
        this.CONSUME(T.Colon)
        const value = this.SUBRULE1(this.expression, { ARGS: [Precedence.assignment] })
        associations.push({ type, value })
      },
      ERR_MSG: "expected ','",
    })
    this.close(T.RParen, open)
    return { kind: 'generic', ...this.node(token, token), selector, associations }
  })

  /** `__builtin_offsetof(type, member.member[index])`. */
  readonly offsetof: Rule<[], Expr> = this.RULE('offsetof', (): Expr => {
    const token = this.take(T.Offsetof)
    const open = this.take(T.LParen)
    const type = this.SUBRULE(this.typeName)
    this.CONSUME(T.Comma)
    const name = this.take(T.Name)
    const path: Designator[] = [{ kind: 'field', ...this.node(name, name), name: this.atomOf(name) }]
    this.MANY(() => path.push(this.SUBRULE(this.designator)))
    this.close(T.RParen, open)
    return { kind: 'offsetof', ...this.node(token, token), type, path }
  })

  readonly typesCompatible: Rule<[], Expr> = this.RULE('typesCompatible', (): Expr => {
    const token = this.take(T.TypesCompatible)
    const open = this.take(T.LParen)
    const left = this.SUBRULE(this.typeName)
    this.CONSUME(T.Comma)
    const right = this.SUBRULE1(this.typeName)
    this.close(T.RParen, open)
    return { kind: 'types_compatible', ...this.node(token, token), left, right }
  })

  readonly chooseExpr: Rule<[], Expr> = this.RULE('chooseExpr', (): Expr => {
    const token = this.take(T.ChooseExpr)
    const open = this.take(T.LParen)
    const ARGS: [number] = [Precedence.assignment]
    const condition = this.SUBRULE(this.expression, { ARGS })
    this.CONSUME(T.Comma)
    const then = this.SUBRULE1(this.expression, { ARGS })
    this.CONSUME1(T.Comma)
    const otherwise = this.SUBRULE2(this.expression, { ARGS })
    this.close(T.RParen, open)
    return { kind: 'choose_expr', ...this.node(token, token), condition, then, otherwise }
  })

  readonly vaArg: Rule<[], Expr> = this.RULE('vaArg', (): Expr => {
    const token = this.take(T.VaArg)
    const open = this.take(T.LParen)
    const list = this.SUBRULE(this.expression, { ARGS: [Precedence.assignment] })
    this.CONSUME(T.Comma)
    const type = this.SUBRULE(this.typeName)
    this.close(T.RParen, open)
    return { kind: 'va_arg', ...this.node(token, token), list, type }
  })

  /** The next token's precedence as an operator between operands; 0 for none. */
  private precedenceOfNext(): number {
    return operators[this.peekType()] ? precedenceOfAtom[this.atomOf(this.next)]! : 0
  }

  /** That precedence if it is at least `least`, else 0. */
  private binding(least: number): number {
    const precedence = this.precedenceOfNext()
    return precedence >= least ? precedence : 0
  }

  /** The range from an expression's start to here. */
  private across(left: Expr, token: TokenIndex): { first: TokenIndex; last: TokenIndex; token: TokenIndex } {
    return { first: this.RECORDING_PHASE ? 0 : left.first, last: this.last, token }
  }

  private isBuiltin(callee: Expr): boolean {
    return !this.RECORDING_PHASE && callee.kind === 'identifier' && this.names.text(callee.name).startsWith('__builtin_')
  }
}
