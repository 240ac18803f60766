/**
 * Makes the decision tables: has chevrotain record and check the rules, and takes FIRST sets of one token from what it recorded. That takes
 * longer than most parses, so it is done once, by a test that writes `decisions.gen.ts`.
 */
import {
  Alternation,
  EmbeddedActionsParser,
  type ILookaheadStrategy,
  type IProduction,
  type IProductionWithOccurrence,
  Lexer,
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
import type { GrammarRecorder } from './engine.js'
import { Grammar } from './grammar.js'
import { categories, T, typeCount, typeSet } from './token-types.js'

interface FirstSet {
  readonly types: Uint8Array
  nullable: boolean
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

/** chevrotain keeps it as the function that decides; only its tables are asked for. */
type Decider = () => readonly string[]

/** One of `1` and `0` for each terminal. */
const yesNo = ({ types, nullable }: FirstSet): string => Array.from(types, member => (member || nullable ? '1' : '0')).join('')

/** The first of the alternatives that each terminal may begin. */
const firstOf = (sets: readonly FirstSet[]): string =>
  Array.from({ length: typeCount }, (_, type) => {
    const index = sets.findIndex(({ types, nullable }) => nullable || types[type])
    return index < 0 ? '0' : String.fromCharCode(97 + index)
  }).join('')

class FirstSetLookahead {
  private readonly firstOfRule = new Map<Rule, FirstSet>()

  /** Only called where the grammar is validated (a test): chevrotain's own checks. */
  validate(options: Parameters<ILookaheadStrategy['validate']>[0]): ReturnType<ILookaheadStrategy['validate']> {
    return new LLkLookaheadStrategy({ maxLookahead: 1 }).validate(options)
  }

  buildLookaheadForAlternation(options: { prodOccurrence: number; rule: Rule; hasPredicates: boolean }): Decider {
    const { prodOccurrence, rule, hasPredicates } = options
    const sets = this.alternatives(rule, prodOccurrence)
    if (sets.length < 2) throw new TypeError(`a choice of one in ${rule.name}`)
    return () => (hasPredicates ? sets.map(yesNo) : [firstOf(sets)])
  }

  buildLookaheadForOptional(options: { prodOccurrence: number; prodType: keyof typeof kinds; rule: Rule }): Decider {
    const { prodOccurrence, prodType, rule } = options
    const found = this.find(rule.definition, kinds[prodType], prodOccurrence) as Compound
    return () => [yesNo({ types: this.firstOfSequence(found.definition).types, nullable: false })]
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
      return { types: typeSet(production.terminalType), nullable: false }
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

/** chevrotain's parser, which has no rules of its own: it records those of a grammar that calls its methods instead of the engine's. */
class Recorder extends EmbeddedActionsParser implements GrammarRecorder {
  constructor() {
    for (const [parent, members] of categories)
      for (const member of members) member.CATEGORIES = [...(member.CATEGORIES ?? []), parent]
    super(
      Object.values(T).map(type => Object.assign(type, { PATTERN: Lexer.NA })),
      { maxLookahead: 1, recoveryEnabled: false, lookaheadStrategy: new FirstSetLookahead() as unknown as ILookaheadStrategy },
    )
  }

  attach(engine: object): void {
    const own = this as unknown as Record<string, (...args: unknown[]) => unknown>
    const constructs = ['CONSUME', 'SUBRULE', 'OPTION', 'OR', 'MANY', 'MANY_SEP', 'AT_LEAST_ONE', 'AT_LEAST_ONE_SEP']
    const numbered = constructs.flatMap(name => ['', 1, 2, 3, 4, 5, 6, 7, 8, 9].map(index => `${name}${index}`))
    // Looked up when called: chevrotain puts others in their place while it records.
    for (const name of ['RULE', 'consume', 'subrule', 'option', 'or', ...numbered])
      Object.defineProperty(engine, name, { value: (...args: unknown[]) => own[name]!(...args) })
  }

  /** The tables of all decisions. Throws where the grammar is ambiguous or wrong. */
  analyse(): ReadonlyMap<number, Decider> {
    this.performSelfAnalysis()
    return (this as unknown as { lookAheadFuncsCache: ReadonlyMap<number, Decider> }).lookAheadFuncsCache
  }
}

/** The text of `decisions.gen.ts`. Throws where chevrotain finds the grammar ambiguous or wrong. */
export function printDecisions(): string {
  const recorder = new Recorder()
  new Grammar(recorder)
  const rows = [...recorder.analyse()].map(
    ([key, tables]) => `  [${[key, ...tables().map(table => `'${table}'`)].join(', ')}],\n`,
  )
  return `/** Lookahead tables of the grammar (decision-tables.ts). Made by \`npx vitest run test/compiler/parser/decisions.test.ts -u\`. */
import type { Decisions } from './decision-tables.js'

export const decisions: Decisions = [
${rows.join('')}]
`
}
