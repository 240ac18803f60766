/** The one grammar: statements and external declarations on top of expression-rules.ts and declaration-rules.ts. */
import type { ParserMethod } from 'chevrotain'
import type { Atom, TokenIndex } from '../preprocessor/tokens.js'
import type {
  AsmOperand,
  AsmStmt,
  Attribute,
  CompoundStmt,
  Declaration,
  Expr,
  LoopHints,
  SimpleDeclaration,
  Specifiers,
  Stmt,
  StringExpr,
} from './ast.js'
import { DeclarationRules } from './declaration-rules.js'
import { type ParseInput, SyntaxFault } from './token-parser.js'
import { T } from './token-types.js'

type Rule<R, A extends unknown[] = []> = ParserMethod<A, R>

export class CGrammar extends DeclarationRules {
  constructor(skipValidations = true) {
    super(skipValidations)
    this.performSelfAnalysis()
  }

  /** Parses declarations until the end of `order[0..end)`; faults are reported and skipped. */
  parseDeclarations(input: ParseInput, order: Int32Array, end: number): Declaration[] {
    return this.suspended(() => {
      this.start(input, order, end)
      const list: Declaration[] = []
      const scopes = input.typeNames.depth
      while (!this.atEnd) {
        const before = this.getLexerPosition()
        try {
          list.push(this.externalDeclaration())
        } catch (error) {
          input.typeNames.restore(scopes)
          this.reset_()
          this.recover(error, false)
        }
        if (this.getLexerPosition() === before) this.consumeToken()
      }
      return list
    })
  }

  /** Puts chevrotain's own stacks back after a fault went through them. */
  private reset_(): void {
    const at = this.exportLexerState()
    this.reset()
    this.importLexerState(at)
  }

  private recover(error: unknown, stopAtBrace: boolean): void {
    if (error instanceof RangeError && /call stack/i.test(error.message)) {
      this.input_!.report(
        new SyntaxFault(
          'S0002',
          'the source is nested too deeply',
          this.nextIndex,
          this.lastIndex,
          'split the expression or the block',
        ),
      )
      this.resynchronise(stopAtBrace)
      return
    }
    if (!(error instanceof SyntaxFault)) throw error
    this.input_!.report(error)
    this.resynchronise(stopAtBrace)
  }

  // --- external declarations ---

  readonly externalDeclaration: Rule<Declaration> = this.RULE('externalDeclaration', () =>
    this.OR<Declaration>({
      DEF: [
        { ALT: () => this.SUBRULE(this.staticAssert) },
        {
          ALT: () => {
            const first = this.index(this.CONSUME(T.Semicolon))
            return this.node(first, first, { kind: 'empty' })
          },
        },
        { GATE: () => !this.is(T.Extension), ALT: () => this.SUBRULE(this.fileAsm) },
        { ALT: () => this.SUBRULE(this.declarationOrFunction) },
      ],
      IGNORE_AMBIGUITIES: true,
      ERR_MSG: 'expected a declaration',
    }),
  )

  readonly fileAsm: Rule<Declaration> = this.RULE('fileAsm', () => {
    const first = this.index(this.CONSUME(T.Asm))
    this.MANY(() => this.CONSUME(T.Qualifier))
    this.CONSUME(T.LParen)
    const text = this.SUBRULE(this.stringLiteral)
    this.CONSUME(T.RParen)
    this.OPTION(() => this.CONSUME(T.Semicolon))
    return this.node(first, first, { kind: 'file_asm', text })
  })

  readonly declarationOrFunction: Rule<Declaration> = this.RULE('declarationOrFunction', () => {
    const first = this.nextIndex
    const specifiers = this.SUBRULE(this.specifiers)
    return this.OR<Declaration>({
      DEF: [
        {
          ALT: () => {
            this.CONSUME(T.Semicolon)
            return this.node(first, specifiers?.token ?? first, { kind: 'declaration', specifiers, declarators: [] })
          },
        },
        {
          ALT: () => {
            const declarators = this.SUBRULE(this.initDeclarators, { ARGS: [specifiers] })
            return this.OR2<Declaration>({
              DEF: [
                {
                  ALT: () => {
                    this.CONSUME2(T.Semicolon)
                    return this.node(first, declarators[0]?.declarator.token ?? first, {
                      kind: 'declaration',
                      specifiers,
                      declarators,
                    })
                  },
                },
                { ALT: () => this.SUBRULE(this.functionBody, { ARGS: [first, specifiers, declarators] }) },
              ],
              ERR_MSG: "expected ';' after top level declarator",
            })
          },
        },
      ],
      IGNORE_AMBIGUITIES: true,
    })
  })

  readonly functionBody: Rule<Declaration, [TokenIndex, Specifiers, SimpleDeclaration['declarators']]> = this.RULE(
    'functionBody',
    (first: TokenIndex, specifiers: Specifiers, declarators: SimpleDeclaration['declarators']) => {
      const declarator = declarators?.[0]?.declarator
      if (!this.RECORDING_PHASE) {
        const chunk = declarator?.chunks[0]
        if (declarators.length !== 1 || declarators[0]!.init !== undefined || chunk?.kind !== 'function')
          throw this.fault("expected ';' after top level declarator")
        const names = this.input_!.typeNames
        names.push()
        for (const parameter of chunk.params)
          if (parameter.declarator.name !== undefined) names.declare(parameter.declarator.name, false)
      }
      const body = this.SUBRULE(this.compound, { ARGS: [false] })
      if (!this.RECORDING_PHASE) this.input_!.typeNames.pop()
      return this.node(first, declarator?.token ?? first, { kind: 'function', specifiers, declarator: declarator!, body })
    },
  )

  // --- statements ---

  readonly compound: Rule<CompoundStmt, [boolean?]> = this.RULE('compound', (scope = true) => {
    const first = this.index(this.CONSUME(T.LBrace))
    const body: Stmt[] = []
    const names = this.RECORDING_PHASE ? undefined : this.input_!.typeNames
    if (scope) names?.push()
    const depth = names?.depth ?? 0
    this.MANY({
      GATE: () => !this.is(T.RBrace) && !this.atEnd,
      DEF: () => {
        if (this.RECORDING_PHASE) {
          body.push(this.SUBRULE(this.statement))
          return
        }
        const stacks = this.saveStacks()
        const before = this.getLexerPosition()
        try {
          body.push(this.SUBRULE(this.statement))
        } catch (error) {
          names!.restore(depth)
          this.restoreStacks(stacks)
          this.recover(error, true)
          if (this.getLexerPosition() === before && !this.is(T.RBrace)) this.consumeToken()
        }
      },
    })
    if (scope) names?.pop()
    this.CONSUME(T.RBrace, { ERR_MSG: "expected '}'" })
    return this.node(first, first, { kind: 'compound', body })
  })

  /** Nesting counters survive a fault because rules unwind them; only ours need care. */
  private saveStacks(): number {
    return (this as unknown as { depth: number }).depth
  }

  private restoreStacks(depth: number): void {
    ;(this as unknown as { depth: number }).depth = depth
  }

  /** A declaration begins here, and not a label that is spelled like a type. */
  private startsDeclaration(): boolean {
    switch (this.next()) {
      case T.Storage:
      case T.ThreadLocal:
      case T.Inline:
      case T.Noreturn:
      case T.StaticAssert:
        return true
      case T.TypeName:
        return !this.is(T.Colon, 2)
      case T.Attribute:
        // `__attribute__((fallthrough));` is a statement.
        return !this.attributeStatement()
      case T.Extension: {
        let ahead = 2
        while (this.is(T.Extension, ahead)) ahead++
        const after = this.next(ahead)
        return this.startsType(ahead) || after === T.Storage || after === T.Inline
      }
      default:
        return this.startsType()
    }
  }

  /** Whether attributes here stand before a `;` or a statement. */
  private attributeStatement(): boolean {
    let ahead = 1
    while (this.is(T.Attribute, ahead)) {
      let depth = 0
      ahead++
      do {
        if (this.is(T.LParen, ahead)) depth++
        else if (this.is(T.RParen, ahead)) depth--
        ahead++
        if (ahead > 4096) return false
      } while (depth > 0)
    }
    return this.is(T.Semicolon, ahead)
  }

  readonly statement: Rule<Stmt> = this.RULE('statement', () =>
    this.nested(() =>
      this.OR<Stmt>({
        DEF: [
          { GATE: () => this.is(T.Colon, 2), ALT: () => this.SUBRULE(this.labelled) },
          { GATE: () => this.startsDeclaration(), ALT: () => this.SUBRULE(this.declarationStmt) },
          { ALT: () => this.SUBRULE(this.compound) },
          { ALT: () => this.SUBRULE(this.nullOrAttributed) },
          { ALT: () => this.SUBRULE(this.ifStmt) },
          { ALT: () => this.SUBRULE(this.whileStmt) },
          { ALT: () => this.SUBRULE(this.doStmt) },
          { ALT: () => this.SUBRULE(this.forStmt) },
          { ALT: () => this.SUBRULE(this.switchStmt) },
          { ALT: () => this.SUBRULE(this.caseStmt) },
          { ALT: () => this.SUBRULE(this.defaultStmt) },
          { ALT: () => this.SUBRULE(this.jumpStmt) },
          { ALT: () => this.SUBRULE(this.returnStmt) },
          { ALT: () => this.SUBRULE(this.gotoStmt) },
          { ALT: () => this.SUBRULE(this.asmStmt) },
          { ALT: () => this.SUBRULE(this.localLabels) },
          { ALT: () => this.SUBRULE(this.expressionStmt) },
        ],
        IGNORE_AMBIGUITIES: true,
        ERR_MSG: 'expected expression',
      }),
    ),
  )

  readonly declarationStmt: Rule<Stmt> = this.RULE('declarationStmt', () => {
    const first = this.nextIndex
    const declaration = this.OR<Declaration>([
      { ALT: () => this.SUBRULE(this.staticAssert) },
      { ALT: () => this.SUBRULE(this.simpleDeclaration) },
    ])
    return this.node(first, declaration?.token ?? first, { kind: 'declaration_stmt', declaration })
  })

  readonly simpleDeclaration: Rule<SimpleDeclaration> = this.RULE('simpleDeclaration', () => {
    const first = this.nextIndex
    const specifiers = this.SUBRULE(this.specifiers)
    let declarators: SimpleDeclaration['declarators'] = []
    this.OPTION({
      GATE: () => !this.is(T.Semicolon),
      DEF: () => {
        declarators = this.SUBRULE(this.initDeclarators, { ARGS: [specifiers] })
      },
    })
    this.CONSUME(T.Semicolon, { ERR_MSG: "expected ';' at end of declaration" })
    return this.node(first, declarators[0]?.declarator.token ?? first, { kind: 'declaration', specifiers, declarators })
  })

  readonly labelled: Rule<Stmt> = this.RULE('labelled', () => {
    const first = this.nextIndex
    const name = this.SUBRULE(this.name)
    this.CONSUME(T.Colon)
    let attributes: Attribute[] = []
    this.OPTION({
      GATE: () => this.attributeStatement() || this.is(T.Attribute),
      DEF: () => {
        attributes = this.SUBRULE(this.attributes)
      },
    })
    const body = this.SUBRULE(this.statementAfterLabel)
    return this.node(first, first, { kind: 'label', name, attributes, body })
  })

  /** A label may stand at the end of a block. */
  readonly statementAfterLabel: Rule<Stmt> = this.RULE('statementAfterLabel', () => {
    let body: Stmt | undefined
    this.OPTION({
      GATE: () => !this.is(T.RBrace),
      DEF: () => {
        body = this.SUBRULE(this.statement)
      },
    })
    const at = this.lastIndex
    return body ?? this.node(at, at, { kind: 'null_stmt' as const, attributes: [] })
  })

  readonly nullOrAttributed: Rule<Stmt> = this.RULE('nullOrAttributed', () => {
    const first = this.nextIndex
    let attributes: Attribute[] = []
    this.OPTION(() => {
      attributes = this.SUBRULE(this.attributes)
    })
    this.CONSUME(T.Semicolon)
    return this.node(first, first, { kind: 'null_stmt', attributes })
  })

  readonly expressionStmt: Rule<Stmt> = this.RULE('expressionStmt', () => {
    const first = this.nextIndex
    const expr = this.SUBRULE(this.expression)
    this.CONSUME(T.Semicolon, { ERR_MSG: "expected ';' after expression" })
    return this.node(first, expr?.token ?? first, { kind: 'expression_stmt', expr, attributes: [] })
  })

  readonly ifStmt: Rule<Stmt> = this.RULE('ifStmt', () => {
    const first = this.index(this.CONSUME(T.If))
    this.CONSUME(T.LParen, { ERR_MSG: "expected '(' after 'if'" })
    const condition = this.SUBRULE(this.expression)
    this.CONSUME(T.RParen)
    const then = this.SUBRULE(this.statement)
    let otherwise: Stmt | undefined
    this.OPTION(() => {
      this.CONSUME(T.Else)
      otherwise = this.SUBRULE2(this.statement)
    })
    return this.node(first, first, { kind: 'if', condition, then, otherwise })
  })

  private hints(first: TokenIndex): LoopHints {
    return this.RECORDING_PHASE ? { unroll: undefined } : { unroll: this.input_!.pragmas.unrollBefore(first) }
  }

  readonly whileStmt: Rule<Stmt> = this.RULE('whileStmt', () => {
    const first = this.index(this.CONSUME(T.While))
    this.CONSUME(T.LParen, { ERR_MSG: "expected '(' after 'while'" })
    const condition = this.SUBRULE(this.expression)
    this.CONSUME(T.RParen)
    const body = this.SUBRULE(this.statement)
    return this.node(first, first, { kind: 'while', condition, body, hints: this.hints(first) })
  })

  readonly doStmt: Rule<Stmt> = this.RULE('doStmt', () => {
    const first = this.index(this.CONSUME(T.Do))
    const body = this.SUBRULE(this.statement)
    this.CONSUME(T.While, { ERR_MSG: "expected 'while' in do/while loop" })
    this.CONSUME(T.LParen)
    const condition = this.SUBRULE(this.expression)
    this.CONSUME(T.RParen)
    this.CONSUME(T.Semicolon, { ERR_MSG: "expected ';' after do/while statement" })
    return this.node(first, first, { kind: 'do', body, condition, hints: this.hints(first) })
  })

  readonly forStmt: Rule<Stmt> = this.RULE('forStmt', () => {
    const first = this.index(this.CONSUME(T.For))
    const names = this.RECORDING_PHASE ? undefined : this.input_!.typeNames
    names?.push()
    this.CONSUME(T.LParen, { ERR_MSG: "expected '(' after 'for'" })
    const init = this.OR<Declaration | Expr | undefined>({
      DEF: [
        { GATE: () => this.startsDeclaration(), ALT: () => this.SUBRULE(this.simpleDeclaration) },
        {
          ALT: () => {
            let value: Expr | undefined
            this.OPTION(() => {
              value = this.SUBRULE(this.expression)
            })
            this.CONSUME(T.Semicolon)
            return value
          },
        },
      ],
      IGNORE_AMBIGUITIES: true,
    })
    let condition: Expr | undefined
    this.OPTION2(() => {
      condition = this.SUBRULE2(this.expression)
    })
    this.CONSUME2(T.Semicolon)
    let step: Expr | undefined
    this.OPTION3(() => {
      step = this.SUBRULE3(this.expression)
    })
    this.CONSUME(T.RParen)
    const body = this.SUBRULE(this.statement)
    names?.pop()
    return this.node(first, first, { kind: 'for', init, condition, step, body, hints: this.hints(first) })
  })

  readonly switchStmt: Rule<Stmt> = this.RULE('switchStmt', () => {
    const first = this.index(this.CONSUME(T.Switch))
    this.CONSUME(T.LParen, { ERR_MSG: "expected '(' after 'switch'" })
    const value = this.SUBRULE(this.expression)
    this.CONSUME(T.RParen)
    const body = this.SUBRULE(this.statement)
    return this.node(first, first, { kind: 'switch', value, body })
  })

  readonly caseStmt: Rule<Stmt> = this.RULE('caseStmt', () => {
    const first = this.index(this.CONSUME(T.Case))
    const value = this.SUBRULE(this.conditional)
    let to: Expr | undefined
    this.OPTION(() => {
      this.CONSUME(T.Ellipsis)
      to = this.SUBRULE2(this.conditional)
    })
    this.CONSUME(T.Colon, { ERR_MSG: "expected ':' after 'case'" })
    const body = this.SUBRULE(this.statementAfterLabel)
    return this.node(first, first, { kind: 'case', value, to, body })
  })

  readonly defaultStmt: Rule<Stmt> = this.RULE('defaultStmt', () => {
    const first = this.index(this.CONSUME(T.Default))
    this.CONSUME(T.Colon, { ERR_MSG: "expected ':' after 'default'" })
    const body = this.SUBRULE(this.statementAfterLabel)
    return this.node(first, first, { kind: 'default', body })
  })

  readonly jumpStmt: Rule<Stmt> = this.RULE('jumpStmt', () => {
    const token = this.OR([{ ALT: () => this.CONSUME(T.Break) }, { ALT: () => this.CONSUME(T.Continue) }])
    const kind = token.tokenType === T.Break ? 'break' : 'continue'
    this.CONSUME(T.Semicolon, { ERR_MSG: `expected ';' after ${kind} statement` })
    return this.node(this.index(token), this.index(token), { kind: kind as 'break' | 'continue' })
  })

  readonly returnStmt: Rule<Stmt> = this.RULE('returnStmt', () => {
    const first = this.index(this.CONSUME(T.Return))
    let value: Expr | undefined
    this.OPTION(() => {
      value = this.SUBRULE(this.expression)
    })
    this.CONSUME(T.Semicolon, { ERR_MSG: "expected ';' after return statement" })
    return this.node(first, first, { kind: 'return', value })
  })

  readonly gotoStmt: Rule<Stmt> = this.RULE('gotoStmt', () => {
    const first = this.index(this.CONSUME(T.Goto))
    const made = this.OR<Stmt>([
      {
        ALT: () => {
          this.CONSUME(T.Star)
          const target = this.SUBRULE(this.expression)
          return this.node(first, first, { kind: 'goto_computed', target })
        },
      },
      {
        ALT: () => {
          const label = this.SUBRULE(this.name)
          return this.node(first, this.lastIndex, { kind: 'goto', label })
        },
      },
    ])
    this.CONSUME(T.Semicolon, { ERR_MSG: "expected ';' after goto statement" })
    return made
  })

  readonly localLabels: Rule<Stmt> = this.RULE('localLabels', () => {
    const first = this.index(this.CONSUME(T.LocalLabel))
    const names: Atom[] = []
    this.AT_LEAST_ONE_SEP({ SEP: T.Comma, DEF: () => names.push(this.SUBRULE(this.name)) })
    this.CONSUME(T.Semicolon)
    return this.node(first, first, { kind: 'local_labels', names })
  })

  /** Sections are counted by colons: outputs, inputs, clobbers, labels. `::` closes two at once. */
  readonly asmStmt: Rule<AsmStmt> = this.RULE('asmStmt', () => {
    const first = this.index(this.CONSUME(T.Asm))
    let volatile = false
    this.MANY(() =>
      this.OR([
        {
          ALT: () => {
            this.CONSUME(T.Qualifier)
            volatile = true
          },
        },
        { ALT: () => this.CONSUME(T.Goto) },
        { ALT: () => this.CONSUME(T.Inline) },
      ]),
    )
    this.CONSUME(T.LParen)
    const template = this.SUBRULE(this.stringLiteral)
    const outputs: AsmOperand[] = []
    const inputs: AsmOperand[] = []
    const clobbers: string[] = []
    const labels: Atom[] = []
    let section = 0
    this.MANY2(() =>
      this.OR2([
        {
          ALT: () => {
            this.CONSUME(T.Colon)
            section++
          },
        },
        {
          ALT: () => {
            this.CONSUME(T.ColonColon)
            section += 2
          },
        },
        { ALT: () => this.CONSUME(T.Comma) },
        {
          ALT: () => {
            const label = this.SUBRULE(this.name)
            if (!this.RECORDING_PHASE && section < 4) throw this.fault('expected string literal in asm operand')
            labels.push(label)
          },
        },
        {
          ALT: () => {
            const operand = this.SUBRULE(this.asmOperand, { ARGS: [section] })
            if (this.RECORDING_PHASE) return
            if (typeof operand === 'string') clobbers.push(operand)
            else if (section === 1) outputs.push(operand)
            else inputs.push(operand)
          },
        },
      ]),
    )
    this.CONSUME(T.RParen)
    this.CONSUME(T.Semicolon, { ERR_MSG: "expected ';' after asm" })
    return this.node(first, first, { kind: 'asm', volatile, template, outputs, inputs, clobbers, labels })
  })

  /** `[name] "constraint" (value)`, or a clobber's string in the third section. */
  readonly asmOperand: Rule<AsmOperand | string, [number]> = this.RULE('asmOperand', (section: number) => {
    const first = this.nextIndex
    let name: Atom | undefined
    this.OPTION(() => {
      this.CONSUME(T.LBracket)
      name = this.SUBRULE(this.name)
      this.CONSUME(T.RBracket)
    })
    const constraint = this.plain(this.SUBRULE(this.stringLiteral))
    let value: Expr | undefined
    this.OPTION2(() => {
      this.CONSUME(T.LParen)
      value = this.SUBRULE(this.expression)
      this.CONSUME(T.RParen)
    })
    if (this.RECORDING_PHASE || section === 3) return constraint
    if (!value) throw this.fault("expected '(' in asm operand")
    return this.operandNode(first, name, constraint, value)
  })

  /** The characters of string literals that hold no escapes. */
  private plain(literal: StringExpr): string {
    return this.RECORDING_PHASE ? '' : literal.parts.map(part => this.text(part).slice(1, -1)).join('')
  }
}
