/**
 * Directives that decide which statements there are: conditions (`.ifc` … `.else` … `.endif` and the like) and repetitions
 * (`.rept` … `.endr`), as LLVM's AsmParser takes them. All other statements pass through, and are read before the next is looked at.
 */
import { type AsmCursor, AsmSyntaxError, type AsmToken } from './asm-tokens.js'

/** What the expansion needs of the assembler that runs the statements. */
export interface AsmConditionHost {
  /** A cursor over a statement's tokens, in the assembler's scope. */
  cursor(tokens: readonly AsmToken[], index: number): AsmCursor
  /** Takes a fault of one directive; the expansion goes on behind it. */
  fault(error: AsmSyntaxError): void
}

/** Statements that repetitions of one text may make in all. */
const MAX_REPEATED = 1 << 20

interface Statement {
  readonly tokens: readonly AsmToken[]
  /** Offset of the statement's end in the text. */
  readonly end: number
}

interface Condition {
  /** The group being read is left out. */
  skips: boolean
  /** A group was taken, or the whole condition stands in text that is left out: no other group is taken. */
  done: boolean
  sawElse: boolean
  readonly at: number
}

const NUMERIC: Readonly<Record<string, (value: bigint) => boolean>> = {
  '.if': value => value !== 0n,
  '.ifne': value => value !== 0n,
  '.ifeq': value => value === 0n,
  '.ifgt': value => value > 0n,
  '.ifge': value => value >= 0n,
  '.iflt': value => value < 0n,
  '.ifle': value => value <= 0n,
}

const TEXTUAL = new Set(['.ifc', '.ifnc', '.ifb', '.ifnb'])
const REPEATS = new Set(['.rept', '.rep'])
const BODIES = new Set(['.rept', '.rep', '.irp', '.irpc'])

/** Splits tokens into statements, without their ends. */
function split(tokens: readonly AsmToken[]): Statement[] {
  const statements: Statement[] = []
  let start = 0
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i]!.kind !== 'end') continue
    if (i > start) statements.push({ tokens: tokens.slice(start, i), end: tokens[i]!.at })
    start = i + 1
  }
  return statements
}

/** How many tokens of labels (`name:`, `1:`) a statement starts with. */
function labelTokens(tokens: readonly AsmToken[]): number {
  let index = 0
  for (;;) {
    const colon = tokens[index + 1]
    if (!colon || colon.kind !== 'punct' || colon.text !== ':') return index
    const { kind } = tokens[index]!
    if (kind !== 'word' && kind !== 'number') return index
    index += 2
  }
}

const wordAt = (tokens: readonly AsmToken[], index: number): string => {
  const token = tokens[index]
  return token?.kind === 'word' ? token.text : ''
}

class Expansion {
  private readonly statements: readonly Statement[]
  private readonly conditions: Condition[] = []
  private repeated = 0

  constructor(
    private readonly text: string,
    tokens: readonly AsmToken[],
    private readonly host: AsmConditionHost,
  ) {
    this.statements = split(tokens)
  }

  *run(): Generator<readonly AsmToken[]> {
    yield* this.range(0, this.statements.length, false)
    for (const { at } of this.conditions) this.host.fault(new AsmSyntaxError('this condition has no .endif', at))
  }

  private *range(from: number, to: number, repeats: boolean): Generator<readonly AsmToken[]> {
    for (let i = from; i < to; i++) {
      const statement = this.statements[i]!
      const { tokens } = statement
      if (repeats && ++this.repeated > MAX_REPEATED)
        throw new AsmSyntaxError(`repetitions make more than ${MAX_REPEATED} statements`, tokens[0]!.at)
      // Left out text is looked at for conditions only, and those stand first in their statement.
      const first = this.skips ? 0 : labelTokens(tokens)
      const name = wordAt(tokens, first)
      if (this.isCondition(name)) {
        if (first > 0) yield tokens.slice(0, first)
        this.guarded(() => this.condition(name, statement, first))
      } else if (this.skips) continue
      else if (REPEATS.has(name)) {
        if (first > 0) yield tokens.slice(0, first)
        const close = this.closing(i + 1, to)
        let count = 0n
        this.guarded(() => {
          if (close < 0) throw new AsmSyntaxError(`${name} has no .endr`, tokens[first]!.at)
          const cursor = this.host.cursor(tokens, first + 1)
          count = cursor.integer(`the count of ${name}`)
          cursor.expectEnd()
          if (count < 0n) throw new AsmSyntaxError(`the count of ${name} is negative`, tokens[first]!.at)
        })
        if (close < 0) return
        if (close > i + 1) for (let n = 0n; n < count; n++) yield* this.range(i + 1, close, true)
        i = close
      } else if (name === '.endr') this.host.fault(new AsmSyntaxError('.endr without .rept', tokens[first]!.at))
      else yield tokens
    }
  }

  private get skips(): boolean {
    return this.conditions.at(-1)?.skips ?? false
  }

  private guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof AsmSyntaxError)) throw error
      this.host.fault(error)
    }
  }

  private isCondition(name: string): boolean {
    return Object.hasOwn(NUMERIC, name) || TEXTUAL.has(name) || name === '.elseif' || name === '.else' || name === '.endif'
  }

  private condition(name: string, statement: Statement, first: number): void {
    const { tokens } = statement
    const { at } = tokens[first]!
    if (Object.hasOwn(NUMERIC, name) || TEXTUAL.has(name)) {
      const condition: Condition = { skips: true, done: true, sawElse: false, at }
      const outer = this.skips
      this.conditions.push(condition)
      if (outer) return
      const holds = TEXTUAL.has(name) ? this.compares(name, statement, first) : NUMERIC[name]!(this.value(name, tokens, first))
      condition.skips = !holds
      condition.done = holds
      return
    }
    const condition = this.conditions.at(-1)
    if (!condition) throw new AsmSyntaxError(`${name} without .if`, at)
    if (name === '.endif') {
      this.conditions.pop()
      this.host.cursor(tokens, first + 1).expectEnd()
      return
    }
    if (condition.sawElse) throw new AsmSyntaxError(`${name} behind .else`, at)
    const open = !condition.done
    condition.skips = true
    if (name === '.else') {
      condition.sawElse = true
      condition.skips = !open
      this.host.cursor(tokens, first + 1).expectEnd()
    } else if (open) {
      const holds = this.value(name, tokens, first) !== 0n
      condition.skips = !holds
      condition.done = holds
    }
  }

  private value(name: string, tokens: readonly AsmToken[], first: number): bigint {
    const cursor = this.host.cursor(tokens, first + 1)
    const value = cursor.integer(`the condition of ${name}`)
    cursor.expectEnd()
    return value
  }

  /** Conditions on the text of their operands: `.ifc a, b` holds where both are the same characters. */
  private compares(name: string, { tokens, end }: Statement, first: number): boolean {
    const directive = tokens[first]!
    const start = directive.at + name.length
    // A comment is no token, but may stand before the statement's end.
    const operands = tokens.length > first + 1 ? this.text.slice(start, end).replace(/(?:#|\/\/|\/\*).*$/s, '') : ''
    if (name === '.ifb' || name === '.ifnb') return (operands.trim() === '') === (name === '.ifb')
    const comma = operands.indexOf(',')
    if (comma < 0) throw new AsmSyntaxError(`${name} compares two texts: expected a comma`, directive.at)
    const same = operands.slice(0, comma).trim() === operands.slice(comma + 1).trim()
    return same === (name === '.ifc')
  }

  /** The statement with the `.endr` of a body that starts here; -1 if there is none. */
  private closing(from: number, to: number): number {
    let depth = 0
    for (let i = from; i < to; i++) {
      const { tokens } = this.statements[i]!
      const name = wordAt(tokens, 0)
      if (BODIES.has(name)) depth++
      else if (name === '.endr' && depth-- === 0) return i
    }
    return -1
  }
}

/**
 * The statements of a text to assemble, in order, without their ends; each is to be assembled before the next is asked for.
 * Faults of single directives go to the host; throws AsmSyntaxError where repetitions make too many statements.
 */
export function expandStatements(
  text: string,
  tokens: readonly AsmToken[],
  host: AsmConditionHost,
): Generator<readonly AsmToken[]> {
  return new Expansion(text, tokens, host).run()
}
