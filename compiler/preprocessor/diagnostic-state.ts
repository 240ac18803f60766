/** What `#pragma GCC diagnostic` says where: for each file the places at which the state changes. */
import type { Loc } from '../../base/source.js'

export type PragmaSeverity = 'ignored' | 'warning' | 'error' | 'fatal'

/** Warning group (without `-W`) to what the pragmas in force make of it. */
export type DiagnosticState = ReadonlyMap<string, PragmaSeverity>

const nothing: DiagnosticState = new Map()

export class DiagnosticStates {
  private state = nothing
  private readonly stack: DiagnosticState[] = []
  /** By global offset of the file: where (global offsets, ascending) and what. */
  private readonly changes = new Map<Loc, { readonly at: Loc[]; readonly states: DiagnosticState[] }>()

  push(): void {
    this.stack.push(this.state)
  }

  /** False when nothing was pushed. */
  pop(fileBase: Loc, loc: Loc): boolean {
    const state = this.stack.pop()
    if (!state) return false
    this.change(fileBase, loc, state)
    return true
  }

  set(fileBase: Loc, loc: Loc, group: string, severity: PragmaSeverity): void {
    this.change(fileBase, loc, new Map([...this.state, [group, severity]]))
  }

  private change(fileBase: Loc, loc: Loc, state: DiagnosticState): void {
    this.state = state
    this.enter(fileBase, loc)
  }

  /** A file is entered, or gone on with behind an include: the present state holds from here. */
  enter(fileBase: Loc, loc: Loc): void {
    const entry = this.changes.get(fileBase)
    if (!entry) {
      if (this.state !== nothing || loc !== fileBase) this.changes.set(fileBase, { at: [loc], states: [this.state] })
      return
    }
    if (entry.states.at(-1) === this.state || entry.at.at(-1)! > loc) return
    entry.at.push(loc)
    entry.states.push(this.state)
  }

  /** The state at a place of a file. */
  at(fileBase: Loc, loc: Loc): DiagnosticState {
    const entry = this.changes.get(fileBase)
    if (!entry) return nothing
    let low = 0
    let high = entry.at.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (entry.at[middle]! <= loc) low = middle + 1
      else high = middle
    }
    return low === 0 ? nothing : entry.states[low - 1]!
  }
}
