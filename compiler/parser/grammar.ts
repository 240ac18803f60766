/**
 * The grammar of C as bpfc takes it: C11, GNU's and clang's extensions, a little of C23. The rules are in
 * `expression-rules`, `attribute-rules`, `declaration-rules`, `record-rules` and `statement-rules`, one class on top of the other;
 * here they become a parser. Each decision looks at one token, gates look at a second one where they must, and
 * names of types are told from others by scope (`name-scopes`), before the grammar sees them.
 */
import { decisions } from './decisions.gen.js'
import type { GrammarRecorder } from './engine.js'
import { StatementRules } from './statement-rules.js'
import type { Declaration } from './ast.js'
import { endNumber, T } from './token-types.js'

export class Grammar extends StatementRules {
  /** With `recorder`, chevrotain records the rules (grammar-analysis.ts), and nothing can be parsed. */
  constructor(recorder?: GrammarRecorder) {
    super(recorder)
    if (!recorder) this.loadDecisions(decisions)
  }

  /** All declarations of the tokens it is bound to. Never throws a syntax error; what cannot be parsed is reported and left out. */
  parseAll(): Declaration[] {
    const declarations: Declaration[] = []
    const add = (): void => {
      declarations.push(this.externalDeclaration())
    }
    while (this.peekType() !== endNumber) {
      const { pos } = this
      if (this.isNext(T.RBrace)) this.extraneousBrace()
      else this.attempt(add, 'file')
      if (this.pos === pos) this.pos++
    }
    for (const token of this.pragmas.leftOver()) this.strayHint(token)
    return declarations
  }

  private extraneousBrace(): void {
    this.report.error('S0006', this.next, "extraneous closing brace ('}')")
    this.pos++
  }
}

let instance: Grammar | undefined

/** The parser, made when first needed. */
export const theGrammar = (): Grammar => (instance ??= new Grammar())
