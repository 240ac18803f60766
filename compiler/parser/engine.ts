/**
 * chevrotain's parser with a short way through its rules. Rules are written in chevrotain's terms, and chevrotain records, checks and analyses
 * them in a test; here they run without what its engine keeps for recovery, trees and content assistance, none of which bpfc uses: in a
 * cold process those took longer than the rules themselves.
 */
import {
  type AtLeastOneSepMethodOpts,
  type ConsumeMethodOpts,
  type DSLMethodOpts,
  type DSLMethodOptsWithErr,
  EmbeddedActionsParser,
  type GrammarAction,
  type ILookaheadStrategy,
  type IOrAlt,
  type IToken,
  type ManySepMethodOpts,
  type OrMethodOpts,
  type ParserMethod,
  type SubruleMethodOpts,
  type TokenType,
} from 'chevrotain'
import type { Decisions } from './decision-tables.js'
import { T, typeNumber } from './token-types.js'

/** chevrotain's keys of decisions: number of the rule, kind of the construct, its number among those of the rule. */
const RULE_SHIFT = 12
const FIRST_RULE = 256
const KIND = { or: 0x100, option: 0x200, many: 0x300, atLeastOne: 0x400, manySep: 0x500, atLeastOneSep: 0x600 } as const

/** A rule as it is called from others. */
interface RunnableRule {
  readonly key: number
  readonly action: (...args: unknown[]) => unknown
}

const NO = 48
const YES = 49
const FIRST_ALTERNATIVE = 97

export abstract class Engine extends EmbeddedActionsParser {
  /** Position of the next token. */
  protected pos = 0
  /** Key of the rule being run. */
  protected rule = 0
  private rules = FIRST_RULE
  /** What each decision rests on, by key. */
  private readonly tables = new Map<number, readonly string[]>()

  /** With `analysis`, rules are only recorded and analysed. */
  constructor(private readonly analysis: ILookaheadStrategy | undefined) {
    super(Object.values(T), {
      maxLookahead: 1,
      skipValidations: analysis === undefined,
      recoveryEnabled: false,
      ...(analysis && { lookaheadStrategy: analysis }),
    })
  }

  /** Number of the next token's terminal. */
  abstract peekType(): number
  /** Throws a fault where the next token begins none of the alternatives. */
  protected abstract noAlternative(message: string | undefined): never
  protected abstract consumeInternal(type: TokenType, index: number, options?: ConsumeMethodOpts): IToken

  /** Takes the tables of all decisions from an earlier analysis of the same rules. */
  protected loadDecisions(decisions: Decisions): void {
    for (const [key, ...sets] of decisions) this.tables.set(key, sets)
    // V8 keeps objects with so many properties fast only as prototypes
    Object.create(this)
  }

  protected override RULE<F extends (...args: never[]) => unknown>(
    name: string,
    action: F,
  ): ParserMethod<Parameters<F>, ReturnType<F>> {
    if (this.analysis) return super.RULE(name, action as never) as unknown as ParserMethod<Parameters<F>, ReturnType<F>>
    const key = this.rules++ << RULE_SHIFT
    const rule = (...args: Parameters<F>): ReturnType<F> => {
      this.rule = key
      return action(...(args as never[])) as ReturnType<F>
    }
    return Object.assign(rule, { key, action }) as unknown as ParserMethod<Parameters<F>, ReturnType<F>>
  }

  // A fault leaves `rule` as it is: whoever catches it puts it back.
  private call<R>(called: unknown, options: { readonly ARGS?: readonly unknown[] } | undefined): R {
    const { key, action } = called as RunnableRule
    const outer = this.rule
    this.rule = key
    const result = options?.ARGS === undefined ? action() : action(...options.ARGS)
    this.rule = outer
    return result as R
  }

  protected override SUBRULE<A extends unknown[], R>(rule: ParserMethod<A, R>, options?: SubruleMethodOpts<A>): R {
    return this.call(rule, options)
  }

  /** Of `SUBRULE1` and so on. */
  protected subruleInternal<A extends unknown[], R>(rule: ParserMethod<A, R>, _index: number, options?: SubruleMethodOpts<A>): R {
    return this.call(rule, options)
  }

  /** The next token begins what stands in a construct. */
  private begins(table: string): boolean {
    return table.charCodeAt(this.peekType()) === YES
  }

  private table(kind: number, occurrence: number): string {
    return this.tables.get(this.rule | kind | occurrence)![0]!
  }

  protected orInternal<R>(alternatives: IOrAlt<R>[] | OrMethodOpts<R>, occurrence: number): R {
    const list = 'DEF' in alternatives ? alternatives.DEF : alternatives
    const sets = this.tables.get(this.rule | KIND.or | occurrence)!
    const type = this.peekType()
    if (sets.length === 1) {
      const chosen = sets[0]!.charCodeAt(type)
      if (chosen !== NO) return list[chosen - FIRST_ALTERNATIVE]!.ALT.call(this)
    } else
      for (let i = 0; i < sets.length; i++) {
        if (sets[i]!.charCodeAt(type) !== YES) continue
        const alternative = list[i]!
        if (alternative.GATE === undefined || alternative.GATE.call(this)) return alternative.ALT.call(this)
      }
    return this.noAlternative('DEF' in alternatives ? (alternatives as OrMethodOpts<R>).ERR_MSG : undefined)
  }

  protected optionInternal<R>(content: GrammarAction<R> | DSLMethodOpts<R>, occurrence: number): R | undefined {
    if (!this.begins(this.table(KIND.option, occurrence))) return undefined
    if (typeof content === 'function') return content.call(this)
    return content.GATE === undefined || content.GATE.call(this) ? content.DEF.call(this) : undefined
  }

  protected manyInternal(occurrence: number, content: GrammarAction<unknown> | DSLMethodOpts<unknown>): void {
    this.repeat(this.table(KIND.many, occurrence), content)
  }

  protected atLeastOneInternal(occurrence: number, content: GrammarAction<unknown> | DSLMethodOptsWithErr<unknown>): void {
    if (this.repeat(this.table(KIND.atLeastOne, occurrence), content) === 0)
      this.noAlternative(typeof content === 'function' ? undefined : content.ERR_MSG)
  }

  /** How often. Ends at a repetition that takes no token too. */
  private repeat(table: string, content: GrammarAction<unknown> | DSLMethodOpts<unknown>): number {
    const action = typeof content === 'function' ? content : content.DEF
    const gate = typeof content === 'function' ? undefined : content.GATE
    let times = 0
    for (let before = -1; this.pos > before && this.begins(table) && (gate === undefined || gate.call(this)); times++) {
      before = this.pos
      action.call(this)
    }
    return times
  }

  protected manySepFirstInternal(occurrence: number, { DEF, SEP }: ManySepMethodOpts<unknown>): void {
    if (this.begins(this.table(KIND.manySep, occurrence))) this.separated(DEF, SEP)
  }

  protected atLeastOneSepFirstInternal(occurrence: number, options: AtLeastOneSepMethodOpts<unknown>): void {
    if (!this.begins(this.table(KIND.atLeastOneSep, occurrence))) this.noAlternative(options.ERR_MSG)
    this.separated(options.DEF, options.SEP)
  }

  private separated(action: GrammarAction<unknown>, separator: TokenType): void {
    action.call(this)
    for (const number = typeNumber(separator); this.peekType() === number; ) {
      this.pos++
      action.call(this)
    }
  }
}
