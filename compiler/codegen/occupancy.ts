/**
 * Who has which register where: one column of positions a register. Questions stop at the first conflict that decides them, and pass
 * over stretches without any owner, so they cost little in practice.
 */
import type { Segments } from './intervals.js'

const REGISTERS = 10
const FREE = 0
/** Taken by the machine itself: calls, arguments, results. */
const FIXED = -1
const STRETCH = 64

export class Occupancy {
  /** Owners: FREE, FIXED, or a virtual register (they start at 16). */
  private readonly columns: Int32Array[]
  /** Positions taken in each stretch of 64. */
  private readonly counts: Uint8Array[]

  constructor(positions: number) {
    this.columns = Array.from({ length: REGISTERS }, () => new Int32Array(positions))
    this.counts = Array.from({ length: REGISTERS }, () => new Uint8Array(positions / STRETCH + 1))
  }

  fix(register: number, start: number, end: number): void {
    if (register >= REGISTERS) return
    const column = this.columns[register]!
    for (let at = start; at < end; at++) {
      if (column[at] === FREE) this.counts[register]![Math.floor(at / STRETCH)]!++
      column[at] = FIXED
    }
  }

  isFree(register: number, segments: Segments): boolean {
    const column = this.columns[register]!
    const counts = this.counts[register]!
    for (let i = 0; i < segments.length; i += 2) {
      const end = segments[i + 1]!
      for (let at = segments[i]!; at < end; ) {
        if (counts[Math.floor(at / STRETCH)] === 0) {
          at = (Math.floor(at / STRETCH) + 1) * STRETCH
          continue
        }
        if (column[at] !== FREE) return false
        at++
      }
    }
    return true
  }

  /** Owners in the way, if all of them weigh less than `limit`. */
  victims(register: number, segments: Segments, limit: number, weightOf: (owner: number) => number): number[] | undefined {
    const column = this.columns[register]!
    const counts = this.counts[register]!
    const found = new Set<number>()
    let last = FREE
    for (let i = 0; i < segments.length; i += 2) {
      const end = segments[i + 1]!
      for (let at = segments[i]!; at < end; ) {
        if (counts[Math.floor(at / STRETCH)] === 0) {
          at = (Math.floor(at / STRETCH) + 1) * STRETCH
          continue
        }
        const owner = column[at++]!
        if (owner === last || owner === FREE) continue
        if (owner === FIXED || weightOf(owner) >= limit) return undefined
        last = owner
        found.add(owner)
      }
    }
    return [...found]
  }

  take(register: number, segments: Segments, owner: number): void {
    this.fill(register, segments, owner, 1)
  }

  release(register: number, segments: Segments): void {
    this.fill(register, segments, FREE, -1)
  }

  private fill(register: number, segments: Segments, owner: number, change: number): void {
    const column = this.columns[register]!
    const counts = this.counts[register]!
    for (let i = 0; i < segments.length; i += 2) {
      const start = segments[i]!
      const end = segments[i + 1]!
      column.fill(owner, start, end)
      for (let at = start; at < end; ) {
        const stop = Math.min(end, (Math.floor(at / STRETCH) + 1) * STRETCH)
        counts[Math.floor(at / STRETCH)]! += change * (stop - at)
        at = stop
      }
    }
  }
}
