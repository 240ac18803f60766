/**
 * Runs the rules of the grammar. They are written in chevrotain's terms, and chevrotain records, checks and analyses them in a test
 * (grammar-analysis.ts), which gives the decision tables; here they run without what its own engine loads and keeps for recovery, trees and
 * content assistance, none of which bpfc uses: in a cold process that took longer than the rules themselves.
 */
import type {
  AtLeastOneSepMethodOpts,
  ConsumeMethodOpts,
  DSLMethodOpts,
  DSLMethodOptsWithErr,
  GrammarAction,
  IOrAlt,
  ManySepMethodOpts,
  OrMethodOpts,
  ParserMethod,
  SubruleMethodOpts,
  TokenType,
} from 'chevrotain'
import type { Decisions } from './decision-tables.js'
import { typeNumber } from './token-types.js'

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

type Content<R> = GrammarAction<R> | DSLMethodOpts<R>
type Alternatives<R> = IOrAlt<R>[] | OrMethodOpts<R>

/** Takes the place of an engine's methods while chevrotain records the rules. */
export interface GrammarRecorder {
  attach(engine: object): void
}

export abstract class Engine {
  /** chevrotain records the rules: there are no tokens. */
  protected readonly RECORDING_PHASE: boolean
  /** Position of the next token. */
  protected pos = 0
  /** Key of the rule being run. */
  protected rule = 0
  private rules = FIRST_RULE
  /** What each decision rests on, by key. */
  private readonly tables = new Map<number, readonly string[]>()

  /** With `recorder`, rules are only recorded. */
  constructor(recorder?: GrammarRecorder) {
    this.RECORDING_PHASE = recorder !== undefined
    recorder?.attach(this)
  }

  /** Number of the next token's terminal. */
  abstract peekType(): number
  /** Throws a fault where the next token begins none of the alternatives. */
  protected abstract noAlternative(message: string | undefined): never
  /** Takes the next token where it is a terminal or of a category; else throws a fault. */
  protected abstract consumeType(type: TokenType, message?: string): void

  /** Takes the tables of all decisions from an earlier analysis of the same rules. */
  protected loadDecisions(decisions: Decisions): void {
    for (const [key, ...sets] of decisions) this.tables.set(key, sets)
    // V8 keeps objects with so many properties fast only as prototypes
    Object.create(this)
  }

  protected RULE<F extends (...args: never[]) => unknown>(_name: string, action: F): ParserMethod<Parameters<F>, ReturnType<F>> {
    const key = this.rules++ << RULE_SHIFT
    const rule = (...args: Parameters<F>): ReturnType<F> => {
      this.rule = key
      return action(...(args as never[])) as ReturnType<F>
    }
    return Object.assign(rule, { key, action }) as unknown as ParserMethod<Parameters<F>, ReturnType<F>>
  }

  // --- what rules are written with; a number in a name or a first argument tells uses of one thing in one rule apart ---

  protected CONSUME(type: TokenType, options?: ConsumeMethodOpts): void {
    this.consumeType(type, options?.ERR_MSG)
  }
  protected CONSUME1(type: TokenType): void {
    this.consumeType(type)
  }
  protected CONSUME2(type: TokenType): void {
    this.consumeType(type)
  }
  protected CONSUME3(type: TokenType): void {
    this.consumeType(type)
  }
  protected consume(_index: number, type: TokenType, options?: ConsumeMethodOpts): void {
    this.consumeType(type, options?.ERR_MSG)
  }

  // A fault leaves `rule` as it is: whoever catches it puts it back.
  protected SUBRULE<A extends unknown[], R>(rule: ParserMethod<A, R>, options?: SubruleMethodOpts<A>): R {
    const { key, action } = rule as unknown as RunnableRule
    const outer = this.rule
    this.rule = key
    const result = options?.ARGS === undefined ? action() : action(...options.ARGS)
    this.rule = outer
    return result as R
  }
  protected SUBRULE1<A extends unknown[], R>(rule: ParserMethod<A, R>, options?: SubruleMethodOpts<A>): R {
    return this.SUBRULE(rule, options)
  }
  protected SUBRULE2<A extends unknown[], R>(rule: ParserMethod<A, R>, options?: SubruleMethodOpts<A>): R {
    return this.SUBRULE(rule, options)
  }
  protected SUBRULE3<A extends unknown[], R>(rule: ParserMethod<A, R>, options?: SubruleMethodOpts<A>): R {
    return this.SUBRULE(rule, options)
  }
  protected SUBRULE4<A extends unknown[], R>(rule: ParserMethod<A, R>, options?: SubruleMethodOpts<A>): R {
    return this.SUBRULE(rule, options)
  }
  protected subrule<A extends unknown[], R>(_index: number, rule: ParserMethod<A, R>, options?: SubruleMethodOpts<A>): R {
    return this.SUBRULE(rule, options)
  }

  protected OPTION<R>(content: Content<R>): R | undefined {
    return this.option(0, content)
  }
  protected OPTION1<R>(content: Content<R>): R | undefined {
    return this.option(1, content)
  }
  protected OPTION2<R>(content: Content<R>): R | undefined {
    return this.option(2, content)
  }
  protected OPTION3<R>(content: Content<R>): R | undefined {
    return this.option(3, content)
  }
  protected option<R>(index: number, content: Content<R>): R | undefined {
    if (!this.begins(this.table(KIND.option, index))) return undefined
    if (typeof content === 'function') return content.call(this)
    return content.GATE === undefined || content.GATE.call(this) ? content.DEF.call(this) : undefined
  }

  protected OR<R>(alternatives: Alternatives<R>): R {
    return this.or(0, alternatives)
  }
  protected OR1<R>(alternatives: Alternatives<R>): R {
    return this.or(1, alternatives)
  }
  protected or<R>(index: number, alternatives: Alternatives<R>): R {
    const list = 'DEF' in alternatives ? alternatives.DEF : alternatives
    const sets = this.tables.get(this.rule | KIND.or | index)!
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
    return this.noAlternative('DEF' in alternatives ? alternatives.ERR_MSG : undefined)
  }

  protected MANY(content: Content<unknown>): void {
    this.repeat(this.table(KIND.many, 0), content)
  }
  protected MANY1(content: Content<unknown>): void {
    this.repeat(this.table(KIND.many, 1), content)
  }
  protected MANY2(content: Content<unknown>): void {
    this.repeat(this.table(KIND.many, 2), content)
  }
  protected MANY3(content: Content<unknown>): void {
    this.repeat(this.table(KIND.many, 3), content)
  }

  protected AT_LEAST_ONE(content: GrammarAction<unknown> | DSLMethodOptsWithErr<unknown>): void {
    if (this.repeat(this.table(KIND.atLeastOne, 0), content) === 0)
      this.noAlternative(typeof content === 'function' ? undefined : content.ERR_MSG)
  }

  protected MANY_SEP(options: ManySepMethodOpts<unknown>): void {
    if (this.begins(this.table(KIND.manySep, 0))) this.separated(options)
  }
  protected MANY_SEP1(options: ManySepMethodOpts<unknown>): void {
    if (this.begins(this.table(KIND.manySep, 1))) this.separated(options)
  }

  protected AT_LEAST_ONE_SEP(options: AtLeastOneSepMethodOpts<unknown>): void {
    if (!this.begins(this.table(KIND.atLeastOneSep, 0))) this.noAlternative(options.ERR_MSG)
    this.separated(options)
  }

  /** The next token begins what stands in a construct. */
  private begins(table: string): boolean {
    return table.charCodeAt(this.peekType()) === YES
  }

  private table(kind: number, index: number): string {
    return this.tables.get(this.rule | kind | index)![0]!
  }

  /** How often. Ends at a repetition that takes no token too. */
  private repeat(table: string, content: Content<unknown>): number {
    const action = typeof content === 'function' ? content : content.DEF
    const gate = typeof content === 'function' ? undefined : content.GATE
    let times = 0
    for (let before = -1; this.pos > before && this.begins(table) && (gate === undefined || gate.call(this)); times++) {
      before = this.pos
      action.call(this)
    }
    return times
  }

  private separated({ DEF, SEP }: ManySepMethodOpts<unknown>): void {
    DEF.call(this)
    for (const number = typeNumber(SEP); this.peekType() === number; ) {
      this.pos++
      DEF.call(this)
    }
  }
}
