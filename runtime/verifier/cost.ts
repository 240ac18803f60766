/** Where the effort of a verification went: counted by instruction while the program is walked, added up by C line and function. */
import type { PreparedProgram } from '../../linker/object/prepared.js'

/** Instructions between two looks at the clock: time is a sample, and looking costs more than checking one. */
const SAMPLE = 32

/** By slot of the program. */
export class Effort {
  readonly processed: Uint32Array
  /** States remembered there. */
  readonly states: Uint32Array
  readonly milliseconds: Float64Array
  private last = performance.now()

  constructor(slots: number) {
    this.processed = new Uint32Array(slots)
    this.states = new Uint32Array(slots)
    this.milliseconds = new Float64Array(slots)
  }

  /** An instruction is about to be checked, the `count`th of all. */
  at(slot: number, count: number): void {
    this.processed[slot]!++
    if (count % SAMPLE !== 0) return
    const now = performance.now()
    this.milliseconds[slot]! += now - this.last
    this.last = now
  }
}

export interface CostRow {
  readonly processed: number
  readonly states: number
  readonly ms: number
}

export interface LineCost extends CostRow {
  readonly path: string
  readonly line: number
  readonly text: string
  readonly function: string
}

export interface FunctionCost extends CostRow {
  readonly name: string
}

/** The most expensive first. */
export interface ProgramCost {
  readonly functions: readonly FunctionCost[]
  /** Empty where the object has no line info. */
  readonly lines: readonly LineCost[]
}

type Open<T> = { -readonly [K in keyof T]: T[K] }

export function costOf(program: PreparedProgram, effort: Effort): ProgramCost {
  const functions = new Map<string, Open<FunctionCost>>()
  const lines = new Map<string, Open<LineCost>>()
  let at = -1
  let inFunction = 0
  for (let slot = 0; slot < program.insns.length; slot++) {
    while (at + 1 < program.lineInfo.length && program.lineInfo[at + 1]!.slot <= slot) at++
    while (inFunction + 1 < program.functions.length && program.functions[inFunction + 1]!.slot <= slot) inFunction++
    const processed = effort.processed[slot]!
    if (processed === 0) continue
    const name = program.functions[inFunction]?.name ?? program.name
    const more = { processed, states: effort.states[slot]!, ms: effort.milliseconds[slot]! }
    add(functions, name, () => ({ name, processed: 0, states: 0, ms: 0 }), more)
    const place = program.lineInfo[at]
    if (!place) continue
    const { path, line, text } = place
    add(lines, `${path}:${line}:${name}`, () => ({ path, line, text, function: name, processed: 0, states: 0, ms: 0 }), more)
  }
  const dearest = <T extends CostRow>(rows: Iterable<T>): T[] =>
    [...rows].map(row => ({ ...row, ms: Number(row.ms.toFixed(3)) })).sort((a, b) => b.processed - a.processed)
  return { functions: dearest(functions.values()), lines: dearest(lines.values()) }
}

function add<T extends Open<CostRow>>(rows: Map<string, T>, key: string, make: () => T, more: CostRow): void {
  let row = rows.get(key)
  if (!row) rows.set(key, (row = make()))
  row.processed += more.processed
  row.states += more.states
  row.ms += more.ms
}
