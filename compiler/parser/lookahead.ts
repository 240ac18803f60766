/**
 * One token of lookahead for chevrotain, as tables from FIRST sets: an entry for each terminal, gates asked in order among the
 * alternatives that the token allows. chevrotain's own strategy works out paths of tokens and walks them at each decision. Recording and
 * analysing the rules takes longer than most parses, so the tables are made once, by a test that writes `decisions.gen.ts`, and
 * read from there; each is unpacked when its decision first comes up.
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
import { typeCount, typeSet } from './token-types.js'

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

/** What a decision chooses: whether to go in, one of the alternatives, one of those whose gate lets it. */
const option = 0
const choice = 1
const gatedChoice = 2
type DecisionKind = typeof option | typeof choice | typeof gatedChoice

/** chevrotain's key of a decision, its kind, and the terminals that begin each alternative, as ranges of numbers (`3 7-9`; `*`: all). */
export type Decisions = readonly (readonly [key: number, kind: DecisionKind, ...sets: string[]])[]

/** A decision as chevrotain calls it. */
export interface Decider {
  (this: Lookahead, alternatives: readonly Gated[]): number | boolean | undefined
  /** Kind and packed sets. */
  tables?: () => [kind: DecisionKind, ...sets: string[]]
}

/** The function that decides by packed tables. */
export function decisionFunction([, kind, ...sets]: Decisions[number]): Decider {
  if (kind === option) {
    let types: Uint8Array | undefined
    return function () {
      types ??= unpack(sets[0]!)
      return types[this.peekType()] === 1
    }
  }
  if (kind === choice) {
    let table: (number | undefined)[] | undefined
    return function () {
      table ??= choicesOf(sets).map(([first]) => first)
      return table[this.peekType()]
    }
  }
  let candidates: (readonly number[])[] | undefined
  return function (alternatives) {
    candidates ??= choicesOf(sets)
    const possible = candidates[this.peekType()]!
    for (let i = 0; i < possible.length; i++) {
      const gate = alternatives[possible[i]!]!.GATE
      if (gate === undefined || gate.call(this)) return possible[i]
    }
    return undefined
  }
}

/** For each terminal the alternatives it may begin, in order. */
const choicesOf = (sets: readonly string[]): number[][] => {
  const unpacked = sets.map(unpack)
  return Array.from({ length: typeCount }, (_, type) => unpacked.flatMap((types, index) => (types[type] ? [index] : [])))
}

const withTables = (tables: () => [kind: DecisionKind, ...sets: string[]]): Decider => {
  let decide: Decider | undefined
  const decider: Decider = function (alternatives) {
    decide ??= decisionFunction([0, ...tables()])
    return decide.call(this, alternatives)
  }
  decider.tables = tables
  return decider
}

function pack({ types, nullable }: FirstSet): string {
  if (nullable) return '*'
  const ranges: string[] = []
  for (let type = 0; type < typeCount; type++) {
    if (!types[type]) continue
    const start = type
    while (types[type + 1]) type++
    ranges.push(start === type ? String(start) : `${start}-${type}`)
  }
  return ranges.join(' ')
}

function unpack(set: string): Uint8Array {
  const types = new Uint8Array(typeCount)
  if (set === '*') return types.fill(1)
  for (const range of set.split(' ')) {
    const [start, end = start] = range.split('-').map(Number)
    types.fill(1, start, end! + 1)
  }
  return types
}

export class FirstSetLookahead {
  private readonly firstOfRule = new Map<Rule, FirstSet>()

  /** Only called where the grammar is validated (a test): chevrotain's own checks. */
  validate(options: Parameters<ILookaheadStrategy['validate']>[0]): ReturnType<ILookaheadStrategy['validate']> {
    return new LLkLookaheadStrategy({ maxLookahead: 1 }).validate(options)
  }

  buildLookaheadForAlternation(options: { prodOccurrence: number; rule: Rule; hasPredicates: boolean }): Decider {
    const { prodOccurrence, rule, hasPredicates } = options
    const tables = (): [kind: DecisionKind, ...sets: string[]] => [
      hasPredicates ? gatedChoice : choice,
      ...this.alternatives(rule, prodOccurrence).map(pack),
    ]
    return withTables(tables)
  }

  buildLookaheadForOptional(options: { prodOccurrence: number; prodType: keyof typeof kinds; rule: Rule }): Decider {
    const { prodOccurrence, prodType, rule } = options
    const found = this.find(rule.definition, kinds[prodType], prodOccurrence) as Compound
    return withTables(() => [option, pack({ types: this.firstOfSequence(found.definition).types, nullable: false })])
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
