/** Statements (C11 6.8) with GNU's additions. */
import type { IOrAlt } from 'chevrotain'
import { Keyword, plainKeyword } from '../preprocessor/names.js'
import type { Atom, TokenIndex } from '../preprocessor/tokens.js'
import type {
  AsmOperand,
  AsmStmt,
  Attribute,
  CompoundStmt,
  Declaration,
  Declarator,
  Expr,
  LoopHints,
  Stmt,
  StringExpr,
} from './ast.js'
import type { Rule } from './expression-rules.js'
import { none } from './parser-core.js'
import { RecordRules } from './record-rules.js'
import { literalText } from './literal-text.js'
import { Precedence, T, typeSet } from './token-types.js'

const noHints: LoopHints = { unroll: undefined }
const loops = typeSet(T.For, T.While, T.Do)
const comma: [number] = [Precedence.comma]

/** A label or `case` waiting for its statement. */
type Labelled = (body: Stmt) => Stmt

export abstract class StatementRules extends RecordRules {
  readonly compoundStatement: Rule<[], CompoundStmt> = this.RULE('compoundStatement', (): CompoundStmt => {
    this.scopes.enter()
    const block = this.SUBRULE(this.block)
    this.scopes.leave()
    return block
  })

  /** A function's body: its parameters are names in it. */
  readonly functionBody: Rule<[Declarator], CompoundStmt> = this.RULE('functionBody', (declarator: Declarator): CompoundStmt => {
    if (!this.RECORDING_PHASE) {
      this.scopes.enter()
      const chunk = declarator.chunks[0]
      if (chunk?.kind === 'function')
        for (const { declarator: param } of chunk.params) if (param.name !== undefined) this.scopes.declare(param.name, false)
    }
    const block = this.SUBRULE(this.block)
    this.scopes.leave()
    return block
  })

  readonly block: Rule<[], CompoundStmt> = this.RULE('block', (): CompoundStmt => {
    this.enter()
    const token = this.take(T.LBrace)
    const body: Stmt[] = []
    const add = (): void => {
      body.push(this.SUBRULE(this.statement, { ARGS: [true] }))
    }
    if (this.RECORDING_PHASE) this.MANY(add)
    else while (!this.isNext(T.RBrace) && !this.atEnd) this.attempt(add, 'block')
    this.close(T.RBrace, token)
    this.depth--
    return { kind: 'compound', first: token, last: this.last, token, body }
  })

  /**
   * A statement with its labels; `inBlock` allows declarations. Labels are collected, so that many `case`s in a row need no stack.
   */
  readonly statement: Rule<[boolean], Stmt> = this.RULE('statement', (inBlock: boolean): Stmt => {
    this.enter()
    if (!this.RECORDING_PHASE && this.pragmas.hasHints) this.checkHints()
    let labels: Labelled[] | undefined
    this.MANY({
      GATE: () => (!this.isNext(T.Identifier) && !this.isNext(T.TypedefName)) || this.isAt(1, T.Colon),
      DEF: () => {
        const label = this.SUBRULE(this.label)
        ;(labels ??= []).push(label)
      },
    })
    let body =
      labels && !this.RECORDING_PHASE && this.isNext(T.RBrace)
        ? this.nothing()
        : this.SUBRULE(this.unlabelled, { ARGS: [inBlock || labels !== undefined] })
    if (labels && !this.RECORDING_PHASE) for (let i = labels.length - 1; i >= 0; i--) body = labels[i]!(body)
    this.depth--
    return body
  })

  /** A label right before `}`: clang takes it as C23 does. */
  private nothing(): Stmt {
    this.report.warning('S0021', this.next, 'label at end of compound statement is a C23 extension', 'c23-extensions', {
      hint: "write ';' after the label",
    })
    return { kind: 'null_stmt', first: this.last, last: this.last, token: this.last, attributes: none }
  }

  readonly label: Rule<[], Labelled> = this.RULE(
    'label',
    (): Labelled =>
      this.OR<Labelled>([
        { ALT: () => this.SUBRULE(this.caseLabel) },
        {
          ALT: () => {
            const token = this.take(T.Default)
            this.labelColon("after 'default'")
            this.CONSUME(T.Colon)
            return body => ({ kind: 'default', first: token, last: body.last, token, body })
          },
        },
        {
          ALT: () => {
            const token = this.take(T.Name)
            this.CONSUME1(T.Colon)
            let attributes: readonly Attribute[] = none
            // `fallthrough` belongs to the empty statement behind it
            this.MANY({
              GATE: () => this.isNext(T.Attribute) && !this.isFallthrough(),
              DEF: () => {
                attributes = this.joined(attributes, this.SUBRULE(this.attributeSpecifier))
              },
            })
            const name = this.atomOf(token)
            return body => ({ kind: 'label', first: token, last: body.last, token, name, attributes, body })
          },
        },
      ]),
  )

  private labelColon(where: string): void {
    if (!this.RECORDING_PHASE && !this.isNext(T.Colon)) throw this.faultBehind(`expected ':' ${where}`)
  }

  private isFallthrough(): boolean {
    return this.isAt(2, T.LParen) && /^(__)?fallthrough(__)?$/.test(this.names.text(this.atomOf(this.tokenAt(3))))
  }

  readonly caseLabel: Rule<[], Labelled> = this.RULE('caseLabel', (): Labelled => {
    const token = this.take(T.Case)
    const ARGS: [number] = [Precedence.conditional]
    const value = this.SUBRULE(this.expression, { ARGS })
    let to: Expr | undefined
    this.OPTION(() => {
      this.CONSUME(T.Ellipsis)
      to = this.SUBRULE1(this.expression, { ARGS })
    })
    this.labelColon("after 'case'")
    this.CONSUME(T.Colon)
    return body => ({ kind: 'case', first: token, last: body.last, token, value, to, body })
  })

  private unlabelledAlternatives: { DEF: IOrAlt<Stmt>[]; ERR_MSG: string } | undefined
  private declarationsAllowed = true

  readonly unlabelled: Rule<[boolean], Stmt> = this.RULE('unlabelled', (inBlock: boolean): Stmt => {
    this.declarationsAllowed = inBlock
    return this.OR((this.unlabelledAlternatives ??= this.makeUnlabelledAlternatives()))
  })

  private makeUnlabelledAlternatives(): { DEF: IOrAlt<Stmt>[]; ERR_MSG: string } {
    return {
      DEF: [
        { GATE: () => !this.declares(), ALT: () => this.SUBRULE(this.expressionStatement) },
        { GATE: () => this.declares(), ALT: () => this.SUBRULE(this.declarationStatement) },
        { ALT: () => this.SUBRULE(this.ifStatement) },
        { ALT: () => this.SUBRULE(this.returnStatement) },
        { ALT: () => this.SUBRULE(this.compoundStatement) },
        { ALT: () => this.SUBRULE(this.forStatement) },
        { ALT: () => this.SUBRULE(this.jumpStatement) },
        { ALT: () => this.SUBRULE(this.nullStatement) },
        { ALT: () => this.SUBRULE(this.switchStatement) },
        { ALT: () => this.SUBRULE(this.whileStatement) },
        { ALT: () => this.SUBRULE(this.doStatement) },
        { ALT: () => this.SUBRULE(this.gotoStatement) },
        { ALT: () => this.SUBRULE(this.asmStatement) },
        { ALT: () => this.SUBRULE(this.attributedStatement) },
        { ALT: () => this.SUBRULE(this.localLabels) },
      ],
      ERR_MSG: 'expected statement',
    }
  }

  /** Whether what begins here, which could begin an expression too, is a declaration. */
  private declares(): boolean {
    if (this.isNext(T.Identifier)) return this.isAt(1, T.Identifier) && !this.isAt(1, T.Colon)
    if (!this.isNext(T.Extension)) return this.declarationStartsAt(0)
    let ahead = 1
    while (this.isAt(ahead, T.Extension)) ahead++
    return this.declarationStartsAt(ahead)
  }

  readonly expressionStatement: Rule<[], Stmt> = this.RULE('expressionStatement', (): Stmt => {
    const first = this.next
    const expr = this.SUBRULE(this.expression, { ARGS: comma })
    this.semicolon('after expression')
    return { kind: 'expression_stmt', first, last: this.last, token: first, expr, attributes: none }
  })

  readonly declarationStatement: Rule<[], Stmt> = this.RULE('declarationStatement', (): Stmt => {
    const first = this.next
    if (!this.RECORDING_PHASE && !this.declarationsAllowed) throw this.misplacedDeclaration()
    this.MANY({ GATE: () => this.isNext(T.Extension), DEF: () => this.CONSUME(T.Extension) })
    const declaration = this.OR<Declaration>([
      { ALT: () => this.SUBRULE(this.staticAssert) },
      { ALT: () => this.SUBRULE(this.declaration, { ARGS: ['block', none] }) },
    ])
    return { kind: 'declaration_stmt', first, last: this.last, token: first, declaration }
  })

  private misplacedDeclaration() {
    return this.fault(
      'expected statement: a declaration cannot be the body of a control statement',
      { hint: "put it in '{ }'" },
      'S0020',
    )
  }

  /** Attributes before a statement or declaration: `__attribute__((fallthrough));`. */
  readonly attributedStatement: Rule<[], Stmt> = this.RULE('attributedStatement', (): Stmt => {
    const first = this.next
    let attributes: readonly Attribute[] = none
    this.AT_LEAST_ONE(() => {
      attributes = this.joined(attributes, this.SUBRULE(this.attributeSpecifier))
    })
    return this.OR<Stmt>([
      {
        IGNORE_AMBIGUITIES: true,
        ALT: () => {
          this.CONSUME(T.Semicolon)
          return { kind: 'null_stmt', ...this.node(first, first), attributes }
        },
      },
      {
        GATE: () => this.declarationStartsAt(0) || (this.isNext(T.Extension) && this.declares()),
        ALT: () => {
          const declaration = this.SUBRULE(this.declaration, { ARGS: ['block', attributes] })
          return { kind: 'declaration_stmt', first, last: this.last, token: first, declaration }
        },
      },
      {
        ALT: () => {
          const statement = this.SUBRULE(this.statement, { ARGS: [false] })
          return statement.kind === 'expression_stmt' ? { ...statement, first, attributes } : statement
        },
      },
    ])
  })

  readonly nullStatement: Rule<[], Stmt> = this.RULE('nullStatement', (): Stmt => {
    const token = this.take(T.Semicolon)
    return { kind: 'null_stmt', first: token, last: token, token, attributes: none }
  })

  /** `(condition)` behind `if`, `while`, `switch`. */
  readonly condition: Rule<[string], Expr> = this.RULE('condition', (keyword: string): Expr => {
    const open = this.take(T.LParen, 0, `expected '(' after '${keyword}'`)
    const condition = this.SUBRULE(this.expression, { ARGS: comma })
    this.close(T.RParen, open)
    return condition
  })

  /** `if`, with its chain of `else if`s collected, so that a long one needs no stack. */
  readonly ifStatement: Rule<[], Stmt> = this.RULE('ifStatement', (): Stmt => {
    const arms: { token: TokenIndex; condition: Expr; then: Stmt }[] = []
    let otherwise: Stmt | undefined
    let token = this.take(T.If)
    let condition = this.SUBRULE(this.condition, { ARGS: ['if'] })
    let then = this.SUBRULE(this.statement, { ARGS: [false] })
    arms.push({ token, condition, then })
    this.MANY({
      GATE: () => this.isAt(1, T.If),
      DEF: () => {
        this.CONSUME(T.Else)
        token = this.take(T.If, 1)
        condition = this.SUBRULE1(this.condition, { ARGS: ['if'] })
        then = this.SUBRULE1(this.statement, { ARGS: [false] })
        arms.push({ token, condition, then })
      },
    })
    this.OPTION(() => {
      this.CONSUME1(T.Else)
      otherwise = this.SUBRULE2(this.statement, { ARGS: [false] })
    })
    const { last } = this
    for (let i = arms.length - 1; i >= 0; i--) {
      const arm = arms[i]!
      otherwise = { kind: 'if', first: arm.token, last, ...arm, otherwise }
    }
    return otherwise!
  })

  readonly switchStatement: Rule<[], Stmt> = this.RULE('switchStatement', (): Stmt => {
    const token = this.take(T.Switch)
    const value = this.SUBRULE(this.condition, { ARGS: ['switch'] })
    const body = this.SUBRULE(this.statement, { ARGS: [false] })
    return { kind: 'switch', ...this.node(token, token), value, body }
  })

  readonly whileStatement: Rule<[], Stmt> = this.RULE('whileStatement', (): Stmt => {
    const hints = this.hintsHere()
    const token = this.take(T.While)
    const condition = this.SUBRULE(this.condition, { ARGS: ['while'] })
    const body = this.SUBRULE(this.statement, { ARGS: [false] })
    return { kind: 'while', ...this.node(token, token), condition, body, hints }
  })

  readonly doStatement: Rule<[], Stmt> = this.RULE('doStatement', (): Stmt => {
    const hints = this.hintsHere()
    const token = this.take(T.Do)
    const body = this.SUBRULE(this.statement, { ARGS: [false] })
    if (!this.RECORDING_PHASE && !this.isNext(T.While))
      throw this.fault("expected 'while' in do/while loop", { notes: [this.matchNote(token)] })
    this.CONSUME(T.While)
    const condition = this.SUBRULE(this.condition, { ARGS: ['while'] })
    this.semicolon('after do/while statement')
    return { kind: 'do', ...this.node(token, token), body, condition, hints }
  })

  readonly forStatement: Rule<[], Stmt> = this.RULE('forStatement', (): Stmt => {
    const hints = this.hintsHere()
    const token = this.take(T.For)
    const open = this.take(T.LParen, 0, "expected '(' after 'for'")
    let init: Declaration | Expr | undefined
    let condition: Expr | undefined
    let step: Expr | undefined
    this.scopes.enter()
    this.OR({
      DEF: [
        {
          GATE: () => !this.declares(),
          ALT: () => {
            init = this.SUBRULE(this.expression, { ARGS: comma })
            this.forSemicolon()
            this.CONSUME(T.Semicolon)
          },
        },
        { ALT: () => this.CONSUME1(T.Semicolon) },
        {
          GATE: () => this.declares(),
          ALT: () => {
            init = this.SUBRULE(this.declaration, { ARGS: ['for', none] })
          },
        },
      ],
      ERR_MSG: 'expected expression',
    })
    this.OPTION(() => {
      condition = this.SUBRULE1(this.expression, { ARGS: comma })
    })
    this.forSemicolon()
    this.CONSUME2(T.Semicolon)
    this.OPTION1(() => {
      step = this.SUBRULE2(this.expression, { ARGS: comma })
    })
    this.close(T.RParen, open)
    const body = this.SUBRULE(this.statement, { ARGS: [false] })
    this.scopes.leave()
    return { kind: 'for', ...this.node(token, token), init, condition, step, body, hints }
  })

  readonly jumpStatement: Rule<[], Stmt> = this.RULE('jumpStatement', (): Stmt => {
    const token = this.next
    const kind = this.isNext(T.Break) ? 'break' : 'continue'
    this.OR([{ ALT: () => this.CONSUME(T.Break) }, { ALT: () => this.CONSUME(T.Continue) }])
    this.semicolon(`after ${kind} statement`)
    return { kind, first: token, last: this.last, token }
  })

  readonly gotoStatement: Rule<[], Stmt> = this.RULE('gotoStatement', (): Stmt => {
    const token = this.take(T.Goto)
    return this.OR<Stmt>({
      DEF: [
        {
          ALT: () => {
            const name = this.take(T.Name)
            this.semicolon('after goto statement')
            return { kind: 'goto', first: token, last: this.last, token: name, label: this.atomOf(name) }
          },
        },
        {
          ALT: () => {
            this.CONSUME(T.Star)
            const target = this.SUBRULE(this.expression, { ARGS: comma })
            this.semicolon('after goto statement', 1)
            return { kind: 'goto_computed', ...this.node(token, token), target }
          },
        },
      ],
      ERR_MSG: 'expected identifier',
    })
  })

  readonly returnStatement: Rule<[], Stmt> = this.RULE('returnStatement', (): Stmt => {
    const token = this.take(T.Return)
    let value: Expr | undefined
    this.OPTION(() => {
      value = this.SUBRULE(this.expression, { ARGS: comma })
    })
    if (!value && !this.RECORDING_PHASE && !this.endsHere()) throw this.fault('expected expression')
    this.semicolon('after return statement')
    return { kind: 'return', first: token, last: this.last, token, value }
  })

  /** GNU `__label__ a, b;`. */
  readonly localLabels: Rule<[], Stmt> = this.RULE('localLabels', (): Stmt => {
    const token = this.take(T.LocalLabel)
    const names: Atom[] = []
    this.AT_LEAST_ONE_SEP({ SEP: T.Comma, DEF: () => names.push(this.atomOf(this.take(T.Name))), ERR_MSG: 'expected identifier' })
    this.semicolon('after __label__ declaration')
    return { kind: 'local_labels', ...this.node(token, token), names }
  })

  // --- loop hints ---

  private hintsHere(): LoopHints {
    if (this.RECORDING_PHASE || !this.pragmas.hasHints) return noHints
    const hints = this.pragmas.takeHints(this.pos)
    return hints ? { unroll: hints.unroll } : noHints
  }

  private checkHints(): void {
    if (loops[this.peekType()]) return
    const stray = this.pragmas.takeHints(this.pos)
    if (stray) this.strayHint(stray.token, this.next)
  }

  protected strayHint(token: TokenIndex, at = token): void {
    const pragma = this.names.text(this.atomOf(token)).trim().split(/[\s(]/)[0] === 'clang' ? 'clang loop' : 'unroll'
    this.report.error('S0022', at, `expected a for, while, or do-while loop to follow '#pragma ${pragma}'`, {
      notes: at === token ? [] : [this.report.note('the pragma is here', token)],
    })
  }

  // --- inline assembly ---

  readonly asmStatement: Rule<[], AsmStmt> = this.RULE('asmStatement', (): AsmStmt => {
    const token = this.take(T.Asm)
    let volatile = false
    this.MANY(() => {
      this.OR({
        DEF: [
          {
            ALT: () => {
              const qualifier = this.take(T.Qualifier)
              if (plainKeyword(this.atomOf(qualifier)) === Keyword.volatile) volatile = true
            },
          },
          { ALT: () => this.CONSUME(T.Goto) },
          { ALT: () => this.CONSUME(T.FunctionSpecifier) },
        ],
      })
    })
    const open = this.take(T.LParen, 0, "expected '(' after 'asm'")
    const template = this.SUBRULE(this.string)
    let outputs: readonly AsmOperand[] = none
    let inputs: readonly AsmOperand[] = none
    const clobbers: string[] = []
    const labels: Atom[] = []
    this.OPTION(() => {
      this.CONSUME(T.Colon)
      outputs = this.SUBRULE(this.asmOperands)
      this.OPTION1(() => {
        this.CONSUME1(T.Colon)
        inputs = this.SUBRULE1(this.asmOperands)
        this.OPTION2(() => {
          this.CONSUME2(T.Colon)
          this.MANY_SEP({
            SEP: T.Comma,
            DEF: () => {
              const clobber = this.SUBRULE1(this.string)
              if (!this.RECORDING_PHASE) clobbers.push(this.textOf(clobber))
            },
          })
          this.OPTION3(() => {
            this.CONSUME3(T.Colon)
            this.MANY_SEP1({ SEP: T.Comma, DEF: () => labels.push(this.atomOf(this.take(T.Name))) })
          })
        })
      })
    })
    this.close(T.RParen, open)
    this.semicolon('after asm statement')
    return { kind: 'asm', ...this.node(token, token), volatile, template, outputs, inputs, clobbers, labels }
  })

  readonly asmOperands: Rule<[], AsmOperand[]> = this.RULE('asmOperands', (): AsmOperand[] => {
    const operands: AsmOperand[] = []
    this.MANY_SEP({ SEP: T.Comma, DEF: () => operands.push(this.SUBRULE(this.asmOperand)) })
    return operands
  })

  readonly asmOperand: Rule<[], AsmOperand> = this.RULE('asmOperand', (): AsmOperand => {
    const first = this.next
    let name: Atom | undefined
    this.OPTION(() => {
      const open = this.take(T.LSquare)
      name = this.atomOf(this.take(T.Name))
      this.close(T.RSquare, open)
    })
    const constraint = this.SUBRULE(this.string)
    const open = this.take(T.LParen, 0, "expected '(' after 'asm operand'")
    const value = this.SUBRULE(this.expression, { ARGS: comma })
    this.close(T.RParen, open)
    return { ...this.node(first, first), name, constraint: this.RECORDING_PHASE ? '' : this.textOf(constraint), value }
  })

  private textOf(string: StringExpr): string {
    return string.parts.map(part => literalText(this.names.text(part))).join('')
  }
}
