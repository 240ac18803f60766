/** `__attribute__((…))` and `[[…]]`, which may stand nearly anywhere in a declaration and before statements. */
import type { Attribute, Expr, TypeName } from './ast.js'
import { ExpressionRules, type Rule } from './expression-rules.js'
import { Precedence, T } from './token-types.js'

/** `__packed__` and `packed` are the same attribute. */
const plainName = (name: string): string => (/^__.+__$/.test(name) ? name.slice(2, -2) : name)

export abstract class AttributeRules extends ExpressionRules {
  /** One `__attribute__((a, b))` or `[[a, b]]`. */
  readonly attributeSpecifier: Rule<[], readonly Attribute[]> = this.RULE('attributeSpecifier', (): readonly Attribute[] => {
    const attributes: Attribute[] = []
    this.OR([
      {
        ALT: () => {
          this.CONSUME(T.Attribute)
          const outer = this.take(T.LParen, 0, "expected '(' after 'attribute'")
          const open = this.take(T.LParen, 1, "expected '(' after '('")
          this.attributeItem(attributes, 0)
          this.MANY(() => {
            this.CONSUME(T.Comma)
            this.attributeItem(attributes, 1)
          })
          this.close(T.RParen, open)
          this.close(T.RParen, outer, 1)
        },
      },
      {
        ALT: () => {
          const outer = this.take(T.LSquare)
          const open = this.take(T.LSquare, 1)
          this.attributeItem(attributes, 2)
          this.MANY1(() => {
            this.CONSUME1(T.Comma)
            this.attributeItem(attributes, 3)
          })
          this.close(T.RSquare, open)
          this.close(T.RSquare, outer, 1)
        },
      },
    ])
    return attributes
  })

  /** An attribute, or nothing: lists may have empty places. */
  private attributeItem(attributes: Attribute[], index: number): void {
    this.option(index, () => {
      const attribute = this.subrule(index, this.attribute)
      attributes.push(attribute)
    })
  }

  readonly attribute: Rule<[], Attribute> = this.RULE('attribute', (): Attribute => {
    const first = this.take(T.Word)
    let token = first
    let prefix = ''
    // `gnu::name`; the scanner's `::` counts as two colons
    this.OPTION(() => {
      this.CONSUME(T.Colon)
      this.CONSUME1(T.Colon)
      prefix = plainName(this.names.text(this.atomOf(token)))
      token = this.take(T.Word, 1)
    })
    const own = plainName(this.names.text(this.atomOf(token)))
    const name = !prefix || prefix === 'gnu' || prefix === 'clang' || prefix === '_Clang' ? own : `${prefix}::${own}`
    const args: Expr[] = []
    let type: TypeName | undefined
    this.OPTION1(() => {
      const open = this.take(T.LParen)
      this.MANY_SEP({
        SEP: T.Comma,
        DEF: () => {
          this.OR([
            {
              // a lone name is a name, even if there is a type of that name: `mode(byte)`
              GATE: () => this.isAt(1, T.Comma) || this.isAt(1, T.RParen),
              ALT: () => {
                const word = this.take(T.Name)
                args.push({ kind: 'identifier', ...this.node(word, word), name: this.atomOf(word) })
              },
            },
            { IGNORE_AMBIGUITIES: true, ALT: () => args.push(this.SUBRULE(this.expression, { ARGS: [Precedence.assignment] })) },
            {
              ALT: () => {
                type = this.SUBRULE(this.typeName)
              },
            },
          ])
        },
      })
      this.close(T.RParen, open)
    })
    return { ...this.node(first, token), name, args, type }
  })
}
