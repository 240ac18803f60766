/**
 * One token of lookahead for chevrotain, from FIRST sets. chevrotain's own strategy works out paths of tokens for every decision
 * when the parser is made and walks them at each decision; this one makes a table the first time a decision comes up, so a
 * short program pays for the part of C it uses. Gates are asked in order among the alternatives the token allows.
 */
import {
  Alternation,
  type ILookaheadStrategy,
  type IProduction,
  type IProductionWithOccurrence,
  LLkLookaheadStrategy,
  NonTerminal,
  Option,
  Repetition,
  RepetitionMandatory,
  RepetitionMandatoryWithSeparator,
  RepetitionWithSeparator,
  type Rule,
  Terminal,
} from 'chevrotain'
import { typeCount } from './token-types.js'

/** What the tables ask of the parser. */
export interface Lookahead {
  /** Number of the next token's terminal. */
  peekType(): number
}

interface FirstSet {
  readonly types: Uint8Array
  nullable: boolean
}

interface Gated {
  readonly GATE?: () => boolean
}

const optionals = [Option, Repetition, RepetitionWithSeparator] as const
const mandatory = [RepetitionMandatory, RepetitionMandatoryWithSeparator] as const

const kinds = {
  Option,
  Repetition,
  RepetitionMandatory,
  RepetitionMandatoryWithSeparator,
  RepetitionWithSeparator,
} as const

interface Compound extends IProduction {
  definition: IProduction[]
}

const definitionOf = (production: object): IProduction[] => (production as Compound).definition

/** A reference to a rule has that rule's definition too, which is not its own. */
const hasDefinition = (production: object): production is Compound =>
  'definition' in production && !(production instanceof NonTerminal)

export class FirstSetLookahead {
  private readonly firstOfRule = new Map<Rule, FirstSet>()

  /** Only called where the grammar is validated (a test): chevrotain's own checks. */
  validate(options: Parameters<ILookaheadStrategy['validate']>[0]): ReturnType<ILookaheadStrategy['validate']> {
    return new LLkLookaheadStrategy({ maxLookahead: 1 }).validate(options)
  }

  buildLookaheadForAlternation(options: {
    prodOccurrence: number
    rule: Rule
    hasPredicates: boolean
  }): (this: Lookahead, alternatives: readonly Gated[]) => number | undefined {
    const { prodOccurrence, rule, hasPredicates } = options
    let table: (number | undefined)[] | undefined
    const buildTable = (): (number | undefined)[] => {
      const built: (number | undefined)[] = new Array(typeCount).fill(undefined)
      this.alternatives(rule, prodOccurrence).forEach(({ types, nullable }, index) => {
        for (let type = 0; type < typeCount; type++) if (types[type] || nullable) built[type] ??= index
      })
      return built
    }
    if (!hasPredicates)
      return function (this: Lookahead) {
        table ??= buildTable()
        return table[this.peekType()]
      }
    let candidates: (readonly number[])[] | undefined
    const buildCandidates = (): (readonly number[])[] => {
      const sets = this.alternatives(rule, prodOccurrence)
      return Array.from({ length: typeCount }, (_, type) =>
        sets.flatMap(({ types, nullable }, index) => (types[type] || nullable ? [index] : [])),
      )
    }
    return function (this: Lookahead, alternatives: readonly Gated[]) {
      candidates ??= buildCandidates()
      const possible = candidates[this.peekType()]!
      for (let i = 0; i < possible.length; i++) {
        const gate = alternatives[possible[i]!]!.GATE
        if (gate === undefined || gate.call(this)) return possible[i]
      }
      return undefined
    }
  }

  buildLookaheadForOptional(options: {
    prodOccurrence: number
    prodType: keyof typeof kinds
    rule: Rule
  }): (this: Lookahead) => boolean {
    const { prodOccurrence, prodType, rule } = options
    let types: Uint8Array | undefined
    const build = (): Uint8Array => {
      const found = this.find(rule.definition, kinds[prodType], prodOccurrence) as Compound
      return this.firstOfSequence(definitionOf(found)).types
    }
    return function (this: Lookahead) {
      types ??= build()
      return types[this.peekType()] === 1
    }
  }

  private alternatives(rule: Rule, occurrence: number): FirstSet[] {
    const found = this.find(rule.definition, Alternation, occurrence) as Alternation
    return found.definition.map(alternative => this.firstOfSequence(definitionOf(alternative)))
  }

  /** The production of that class and occurrence in a rule. */
  private find(
    productions: IProduction[],
    kind: new (...args: never[]) => IProduction,
    occurrence: number,
  ): IProduction | undefined {
    for (const production of productions) {
      if (production instanceof kind && (production as IProductionWithOccurrence).idx === occurrence) return production
      const inner: IProduction | undefined = hasDefinition(production)
        ? this.find(definitionOf(production), kind, occurrence)
        : undefined
      if (inner) return inner
    }
    return undefined
  }

  private firstOfSequence(productions: readonly IProduction[]): FirstSet {
    const result: FirstSet = { types: new Uint8Array(typeCount), nullable: true }
    for (const production of productions) {
      const first = this.first(production)
      for (let type = 0; type < typeCount; type++) if (first.types[type]) result.types[type] = 1
      if (!first.nullable) {
        result.nullable = false
        break
      }
    }
    return result
  }

  private first(production: IProduction): FirstSet {
    if (production instanceof Terminal) {
      const types = new Uint8Array(typeCount)
      types[production.terminalType.tokenTypeIdx!] = 1
      for (const member of production.terminalType.categoryMatches ?? []) types[member] = 1
      return { types, nullable: false }
    }
    if (production instanceof NonTerminal) return this.firstOf(production.referencedRule)
    if (production instanceof Alternation) {
      const result: FirstSet = { types: new Uint8Array(typeCount), nullable: false }
      for (const alternative of production.definition) {
        const first = this.firstOfSequence(definitionOf(alternative))
        for (let type = 0; type < typeCount; type++) if (first.types[type]) result.types[type] = 1
        if (first.nullable) result.nullable = true
      }
      return result
    }
    if (!hasDefinition(production)) throw new TypeError(`no FIRST set of a ${(production as object).constructor.name}`)
    const inner = this.firstOfSequence(definitionOf(production))
    if (optionals.some(kind => production instanceof kind)) return { types: inner.types, nullable: true }
    if (mandatory.some(kind => production instanceof kind)) return inner
    return inner
  }

  private firstOf(rule: Rule): FirstSet {
    const known = this.firstOfRule.get(rule)
    if (known) return known
    const first = this.firstOfSequence(rule.definition)
    this.firstOfRule.set(rule, first)
    return first
  }
}
