/** Declarations (C11 6.7, 6.9) and initialisers: what may stand at file scope and in blocks. */
import type { Atom, TokenIndex } from '../preprocessor/tokens.js'
import type {
  Attribute,
  CompoundStmt,
  Declaration,
  Declarator,
  Designator,
  Expr,
  FileAsm,
  InitDeclarator,
  Initializer,
  InitializerList,
  ParamDeclaration,
  Specifiers,
  StaticAssertDeclaration,
  StringExpr,
} from './ast.js'
import { DeclaratorRules } from './declarator-rules.js'
import type { Rule } from './expression-rules.js'
import { none } from './parser-core.js'
import { Precedence, T } from './token-types.js'

/** Where a declaration stands: at file scope, in a block, or in the head of a `for`. */
export type DeclarationContext = 'file' | 'block' | 'for'

export abstract class DeclarationRules extends DeclaratorRules {
  abstract readonly functionBody: Rule<[Declarator], CompoundStmt>

  /** One declaration at file scope: functions too. */
  readonly externalDeclaration: Rule<[], Declaration> = this.RULE('externalDeclaration', (): Declaration => {
    this.MANY(() => this.CONSUME(T.Extension))
    return this.OR<Declaration>({
      DEF: [
        { ALT: () => this.SUBRULE(this.staticAssert) },
        { ALT: () => this.SUBRULE(this.fileAsm) },
        { ALT: () => this.SUBRULE(this.declaration, { ARGS: ['file', none] }) },
      ],
      ERR_MSG: 'expected a declaration',
    })
  })

  /** Specifiers, declarators and `;`, or a function with its body. `before` are attributes read already. */
  readonly declaration: Rule<[DeclarationContext, readonly Attribute[]], Declaration> = this.RULE(
    'declaration',
    (context: DeclarationContext, before: readonly Attribute[]): Declaration => {
      const first = this.RECORDING_PHASE ? 0 : (before[0]?.first ?? this.next)
      // a declaration within specifiers (`typeof(({ int x; x; })) y`) leaves theirs alone
      const outer = this.parts
      let specifiers = this.noSpecifiers(first)
      // without a type (`main() {…}`): the type checker says what that means
      this.OPTION({
        GATE: this.specifierGoesOn,
        DEF: () => {
          specifiers = this.SUBRULE(this.specifiers)
        },
      })
      this.parts = outer
      if (!this.RECORDING_PHASE && before.length)
        specifiers = { ...specifiers, first, attributes: [...before, ...specifiers.attributes] }
      const declarators: InitDeclarator[] = []
      if (this.endsWithTag(specifiers.type)) return this.finishDeclaration(first, specifiers, declarators, context)
      return this.OR<Declaration>({
        DEF: [
          {
            GATE: () => this.isNext(T.Semicolon),
            ALT: () => this.finishDeclaration(first, specifiers, declarators, context),
          },
          {
            ALT: () => {
              let declarator = this.SUBRULE(this.tailed, { ARGS: ['named'] })
              this.declareName(declarator, specifiers)
              const chunk = this.RECORDING_PHASE ? undefined : declarator.chunks[0]
              const oldStyle = chunk?.kind === 'function' && chunk.oldStyle
              const types: ParamDeclaration[] = []
              if (oldStyle) this.scopes.enter()
              this.MANY({
                GATE: () => oldStyle && !this.isNext(T.LBrace),
                DEF: () => this.SUBRULE(this.parameterTypes, { ARGS: [types] }),
              })
              if (oldStyle) {
                this.scopes.leave()
                declarator = this.withParameterTypes(declarator, types)
              }
              let definition: Declaration | undefined
              this.OPTION1({
                GATE: () => declarator.chunks[0]?.kind === 'function',
                DEF: () => {
                  definition = this.functionDefinition(first, specifiers, declarator, context)
                },
              })
              if (definition && !this.RECORDING_PHASE) return definition
              this.SUBRULE(this.initDeclarators, { ARGS: [specifiers, declarator, declarators] })
              return this.finishDeclaration(first, specifiers, declarators, context, 1)
            },
          },
        ],
        ERR_MSG: "expected identifier or '('",
      })
    },
  )

  /** `int a, *b;` before the body of a K&R definition. */
  readonly parameterTypes: Rule<[ParamDeclaration[]], void> = this.RULE('parameterTypes', (found: ParamDeclaration[]): void => {
    const first = this.next
    const specifiers = this.SUBRULE(this.specifiers)
    const add = (declarator: Declarator): void => {
      if (!this.RECORDING_PHASE) found.push({ first, last: declarator.last, token: declarator.token, specifiers, declarator })
    }
    add(this.SUBRULE(this.tailed, { ARGS: ['named'] }))
    this.MANY(() => {
      this.CONSUME(T.Comma)
      add(this.SUBRULE1(this.tailed, { ARGS: ['named'] }))
    })
    this.semicolon('at end of declaration')
  })

  /** A K&R definition's declarator, with its parameters as the declarations before the body have them: from here on it is a prototype's. */
  private withParameterTypes(declarator: Declarator, types: readonly ParamDeclaration[]): Declarator {
    const [chunk, ...outer] = declarator.chunks
    if (chunk?.kind !== 'function') return declarator
    this.report.warning(
      'S0013',
      declarator.token,
      'a function definition without a prototype is deprecated in all versions of C and is not supported in C23',
      'deprecated-non-prototype',
    )
    const declared = new Map<Atom, ParamDeclaration>()
    for (const own of types) {
      const { name, token } = own.declarator
      if (!chunk.params.some(param => param.declarator.name === name))
        this.report.error('S0013', token, `parameter named '${this.names.text(name!)}' is missing`)
      else if (declared.has(name!)) this.report.error('S0013', token, `redefinition of parameter '${this.names.text(name!)}'`)
      else declared.set(name!, own)
    }
    const params = chunk.params.map(param => {
      const own = declared.get(param.declarator.name!)
      if (own) return own
      const name = this.names.text(param.declarator.name!)
      this.report.error(
        'S0013',
        param.token,
        `parameter '${name}' was not declared, defaults to 'int'; ISO C99 and later do not support implicit int`,
        { hint: `write its type: '(int ${name})'` },
      )
      const { first, last, token } = param
      return {
        ...param,
        specifiers: { ...param.specifiers, type: { kind: 'builtin' as const, first, last, token, words: ['int'] } },
      }
    })
    return { ...declarator, chunks: [{ ...chunk, params }, ...outer] }
  }

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
    context: DeclarationContext,
    index = 0,
  ): Declaration {
    const empty = !this.RECORDING_PHASE && this.isNext(T.Semicolon) && this.next === first
    if (this.RECORDING_PHASE || this.isNext(T.Semicolon)) this.take(T.Semicolon, index)
    else this.missingEnd(specifiers, declarators, context)
    if (empty) return { kind: 'empty', ...this.node(first, first) }
    return { kind: 'declaration', ...this.node(first, first), specifiers, declarators }
  }

  private missingEnd(specifiers: Specifiers, declarators: readonly InitDeclarator[], context: DeclarationContext): void {
    if (context === 'for') this.forSemicolon()
    if (!declarators.length) {
      const { type } = specifiers
      if (type?.kind === 'record') return this.missingSemicolon(type.union ? 'after union' : 'after struct')
      if (type?.kind === 'enum') return this.missingSemicolon('after enum')
    }
    if (context === 'block') return this.missingSemicolon('at end of declaration')
    const only = declarators.length === 1 ? declarators[0]! : undefined
    if (only && !only.init && only.declarator.chunks[0]?.kind === 'function' && !this.startsLine())
      throw this.fault('expected function body after function declarator')
    this.missingSemicolon('after top level declarator')
  }

  /** In the head of a `for` nothing can be skipped: what is missing there breaks the statement. */
  protected forSemicolon(): void {
    if (!this.RECORDING_PHASE && !this.isNext(T.Semicolon)) throw this.fault("expected ';' in 'for' statement specifier")
  }

  private functionDefinition(
    first: TokenIndex,
    specifiers: Specifiers,
    declarator: Declarator,
    context: DeclarationContext,
  ): Declaration {
    if (!this.RECORDING_PHASE && context !== 'file')
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
}
