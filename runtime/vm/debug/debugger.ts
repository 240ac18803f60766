/** A place in a recorded run, and the moves of a debugger: each of them forward and back. Knows nothing of how it is shown. */
import type { LineInfo } from '../../../linker/object/bpf-object.js'
import type { PreparedObject } from '../../../linker/object/prepared.js'
import type { Vm } from '../vm.js'
import { type DebugTarget, type Ending, Recording } from './recording.js'

export type Direction = 'forward' | 'back'

export interface Breakpoint {
  readonly number: number
  /** `fw.bpf.c:12`, `count`, `instruction 7`. */
  readonly place: string
}

interface Placed extends Breakpoint {
  matches(index: number): boolean
}

/** A frame of the call stack. */
export interface FrameInfo {
  readonly index: number
  readonly function: string
  readonly slot: number
  readonly line: LineInfo | undefined
}

/** A breakpoint for which there is no place. */
export class NoSuchPlace extends Error {
  override readonly name = 'NoSuchPlace'
}

export class Debugger {
  readonly recording: Recording
  /** The next step to run: 0 before the first instruction, `recording.length` after the last. */
  position = 0
  /** The breakpoint that the last move ended at. */
  hit: Breakpoint | undefined
  private readonly placed: Placed[] = []
  private made = 0

  /** Records the run; `make` is called again for each place that is looked at, and must give the same each time. */
  constructor(
    make: () => DebugTarget,
    readonly prepared: PreparedObject,
    limit?: number,
  ) {
    this.recording = new Recording(make, limit)
  }

  get atEnd(): boolean {
    return this.position === this.recording.length
  }

  get ending(): Ending {
    return this.recording.ending
  }

  /** The state at the position. */
  get vm(): Vm {
    return this.recording.at(this.position)
  }

  get breakpoints(): readonly Breakpoint[] {
    return this.placed
  }

  /** To the next (or last) step that fits, else to the end (or start). */
  private move(direction: Direction, fits: (index: number) => boolean): void {
    const { length } = this.recording
    this.hit = undefined
    let at = this.position
    if (direction === 'forward') {
      do at++
      while (at < length && !fits(at))
      this.position = Math.min(at, length)
    } else {
      do at--
      while (at > 0 && !fits(at))
      this.position = Math.max(at, 0)
    }
  }

  private get depth(): number {
    return this.atEnd ? 0 : this.recording.depth(this.position)
  }

  /** One instruction. */
  stepInstruction(direction: Direction): void {
    this.move(direction, () => true)
  }

  /** To another line, into functions. */
  step(direction: Direction): void {
    this.move(direction, at => this.recording.isStop(at))
  }

  /** To another line of this function or of one that called it. */
  stepOver(direction: Direction): void {
    // From behind the end, the program's own lines count.
    const depth = Math.max(this.depth, 1)
    this.move(direction, at => this.isBreak(at) || (this.recording.isStop(at) && this.recording.depth(at) <= depth))
  }

  /** Forward: to where the function returns to. Back: to the call of it. */
  stepOut(direction: Direction): void {
    const depth = Math.max(this.depth, 1)
    this.move(direction, at => this.isBreak(at) || this.recording.depth(at) < depth)
  }

  /** To a breakpoint, else to the end or start of the run. */
  resume(direction: Direction): void {
    this.move(direction, at => this.isBreak(at))
  }

  goTo(position: number): void {
    this.hit = undefined
    this.position = Math.min(Math.max(position, 0), this.recording.length)
  }

  private isBreak(index: number): boolean {
    const found = this.placed.find(each => each.matches(index))
    if (found) this.hit = found
    return found !== undefined
  }

  /** `12`, `file.c:12`, a function, or `*7` for an instruction of the program. Throws NoSuchPlace. */
  addBreakpoint(where: string): Breakpoint {
    const { place, matches } = this.resolve(where)
    const breakpoint = { number: ++this.made, place, matches }
    this.placed.push(breakpoint)
    return breakpoint
  }

  /** Stops where what `value` says of the position changes: before the instruction that follows the one that changed it. */
  addWatch(what: string, value: () => string): Breakpoint {
    const { position } = this
    const changes = new Set<number>()
    let last: string | undefined
    this.recording.replay(index => {
      this.position = index
      const now = value()
      if (last !== undefined && now !== last) changes.add(index)
      last = now
    })
    this.position = position
    const watch = { number: ++this.made, place: `changes of ${what}`, matches: (at: number) => changes.has(at) }
    this.placed.push(watch)
    return watch
  }

  /** False where there is no breakpoint of that number. */
  deleteBreakpoint(number: number): boolean {
    const at = this.placed.findIndex(each => each.number === number)
    if (at >= 0) this.placed.splice(at, 1)
    return at >= 0
  }

  private resolve(where: string): Pick<Placed, 'place' | 'matches'> {
    const { recording } = this
    const instruction = /^\*(\d+)$/.exec(where)
    if (instruction) {
      const slot = Number(instruction[1])
      const first = recording.length > 0 ? recording.program(0) : undefined
      if (!first || slot >= first.insns.length) throw new NoSuchPlace(`there is no instruction ${slot}`)
      return { place: `instruction ${slot}`, matches: at => recording.slot(at) === slot && recording.program(at) === first }
    }
    const line = /^(?:(.+):)?(\d+)$/.exec(where)
    if (line) return this.resolveLine(line[1], Number(line[2]))
    if (!this.prepared.programs.some(({ functions }) => functions.some(({ name }) => name === where)))
      throw new NoSuchPlace(`there is no function ${where}`)
    return { place: where, matches: at => recording.isEntry(at) && recording.function(at)?.name === where }
  }

  /** A line without code stands for the next one that has some. */
  private resolveLine(file: string | undefined, number: number): Pick<Placed, 'place' | 'matches'> {
    const { recording } = this
    // Without a file's name: that of the program that runs.
    const path = file ?? (recording.length > 0 ? recording.line(0)?.path : undefined)
    const isMeant = (each: LineInfo) =>
      each.line >= number && path !== undefined && (each.path === path || each.path.endsWith(`/${path}`))
    let found: LineInfo | undefined
    for (const { lineInfo } of this.prepared.programs)
      for (const each of lineInfo) if (isMeant(each) && (!found || each.line < found.line)) found = each
    if (!found) throw new NoSuchPlace(`there is no code at or behind line ${number}${file ? ` of ${file}` : ''}`)
    const wanted = found
    return {
      place: `${wanted.path}:${wanted.line}`,
      matches: at => {
        if (!recording.isStop(at)) return false
        const here = recording.line(at)
        return here?.line === wanted.line && here.path === wanted.path
      },
    }
  }

  /** The frames from the innermost out; none at the end. */
  frames(): FrameInfo[] {
    const frames: FrameInfo[] = []
    if (this.atEnd) return frames
    for (let index = this.position; index >= 0; index = this.recording.callerOf(index))
      frames.push({
        index,
        function: this.recording.function(index)?.name ?? this.recording.program(index).name,
        slot: this.recording.slot(index),
        line: this.recording.line(index),
      })
    return frames
  }
}
