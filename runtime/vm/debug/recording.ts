/**
 * A run recorded step by step, so that a debugger can go anywhere in it. What is kept of each instruction is where it was; the whole state
 * before it (registers, memory, maps) comes back by running again up to there, which gives the same because a VM is deterministic.
 */
import { LimitReached, NotImplemented } from '../../../base/outcome.js'
import type { LineInfo } from '../../../linker/object/bpf-object.js'
import type { PreparedFunction, PreparedProgram } from '../../../linker/object/prepared.js'
import type { FaultReport } from '../fault.js'
import { bigOf } from '../long.js'
import type { RunInput } from '../programs/table.js'
import type { Vm } from '../vm.js'

/** A fresh VM, as it is before the run, with the program and what it runs on. */
export interface DebugTarget {
  readonly vm: Vm
  readonly program: string
  readonly input: RunInput
}

/** How the run ended. */
export type Ending =
  | { readonly kind: 'returned'; readonly retval: number }
  | { readonly kind: 'fault'; readonly fault: FaultReport }
  | { readonly kind: 'limit' | 'not-implemented'; readonly message: string }

/** Instructions that a recording holds, about 10 bytes each, unless told otherwise. */
export const DEFAULT_STEPS = 5_000_000

const STOP = 1
const ENTRY = 2

const EXIT = 0x95
const CALL = 0x85

/** Thrown out of a run that has come far enough. */
class Paused extends Error {}

class NumberList {
  values = new Int32Array(1024)

  set(index: number, value: number): void {
    if (index >= this.values.length) {
      const more = new Int32Array(this.values.length * 2)
      more.set(this.values)
      this.values = more
    }
    this.values[index] = value
  }
}

/** A program that ran, with its source lines numbered by slot; 0 is none. */
interface Traced {
  readonly program: PreparedProgram
  readonly lineOf: Int32Array
}

export class Recording {
  /** Instructions that ran. */
  length = 0
  ending: Ending = { kind: 'returned', retval: 0 }
  private readonly slots = new NumberList()
  /** Program number and depth. */
  private readonly places = new NumberList()
  private readonly flags = new NumberList()
  private readonly traced: Traced[] = []
  private readonly numbers = new Map<string, number>()
  private readonly lines: LineInfo[] = []
  private readonly lineIds = new Map<string, number>()
  /** Registers 1 to 5 where a function was entered, by step. */
  private readonly entryRegisters = new Map<number, BigUint64Array>()
  private reached: { readonly index: number; readonly vm: Vm } | undefined

  /** Runs the program to its end. Throws what the target's maker throws; how the run ends is in `ending`. */
  constructor(
    private readonly make: () => DebugTarget,
    /** Instructions to record; a longer run ends there. */
    limit = DEFAULT_STEPS,
  ) {
    const { vm, program, input } = make()
    const { machine } = vm
    const lastLine: number[] = []
    let before = { number: -1, slot: -1, depth: -1 }
    try {
      const result = vm.program(program).run({
        ...input,
        repeat: 1,
        onStep: step => {
          if (this.length >= limit) throw new LimitReached('instructions recorded', limit)
          const number = this.numberOf(vm, step.program)
          const { slot } = step
          const depth = machine.frameDepth
          const { lineOf, program: running } = this.traced[number]!
          const last = before.number < 0 ? 0 : this.traced[before.number]!.program.insns.code[before.slot]!
          const entry =
            depth > before.depth ||
            (depth === before.depth && (number !== before.number || last === EXIT || (last === CALL && slot === 0)))
          if (entry) {
            lastLine[depth] = 0
            const registers = new BigUint64Array(5)
            for (let i = 0; i < 5; i++) registers[i] = bigOf(machine.lo[i + 1]!, machine.hi[i + 1]!)
            this.entryRegisters.set(this.length, registers)
          }
          const line = lineOf[slot]!
          const stop = running.lineInfo.length === 0 || (line !== 0 && line !== lastLine[depth])
          if (line !== 0) lastLine[depth] = line
          this.slots.set(this.length, slot)
          this.places.set(this.length, (number << 16) | depth)
          this.flags.set(this.length, (stop ? STOP : 0) | (entry ? ENTRY : 0))
          this.length++
          before = { number, slot, depth }
        },
      })
      this.ending = result.fault ? { kind: 'fault', fault: result.fault } : { kind: 'returned', retval: result.retval }
    } catch (error) {
      if (!(error instanceof LimitReached || error instanceof NotImplemented)) throw error
      this.ending = { kind: error instanceof LimitReached ? 'limit' : 'not-implemented', message: error.message }
    }
    this.reached = { index: this.length, vm }
  }

  private numberOf(vm: Vm, name: string): number {
    let number = this.numbers.get(name)
    if (number === undefined) {
      const program = vm.prepared.programs.find(each => each.name === name)!
      const lineOf = new Int32Array(program.insns.length)
      let next = 0
      let current = 0
      for (let slot = 0; slot < lineOf.length; slot++) {
        for (; next < program.lineInfo.length && program.lineInfo[next]!.slot <= slot; next++)
          current = this.lineId(program.lineInfo[next]!)
        lineOf[slot] = current
      }
      number = this.traced.length
      this.traced.push({ program, lineOf })
      this.numbers.set(name, number)
    }
    return number
  }

  private lineId(line: LineInfo): number {
    const key = `${line.path}:${line.line}`
    let id = this.lineIds.get(key)
    if (id === undefined) {
      this.lines.push(line)
      id = this.lines.length
      this.lineIds.set(key, id)
    }
    return id
  }

  program(index: number): PreparedProgram {
    return this.traced[this.places.values[index]! >> 16]!.program
  }

  slot(index: number): number {
    return this.slots.values[index]!
  }

  /** Frames at a step; 1 in the program itself. */
  depth(index: number): number {
    return this.places.values[index]! & 0xffff
  }

  line(index: number): LineInfo | undefined {
    const { lineOf } = this.traced[this.places.values[index]! >> 16]!
    return this.lines[lineOf[this.slot(index)]! - 1]
  }

  /** The function of the program that a step is in. */
  function(index: number): PreparedFunction | undefined {
    const slot = this.slot(index)
    return this.program(index).functions.findLast(each => each.slot <= slot)
  }

  /** Whether a step is the first on its line since its frame was on another; each instruction where there are no lines. */
  isStop(index: number): boolean {
    return (this.flags.values[index]! & STOP) !== 0
  }

  /** Whether a step is the first of a function's call (or of a program that was tail-called). */
  isEntry(index: number): boolean {
    return (this.flags.values[index]! & ENTRY) !== 0
  }

  /** The step at which the frame of a step was entered. */
  entryOf(index: number): number {
    const depth = this.depth(index)
    let at = index
    while (at > 0 && !(this.isEntry(at) && this.depth(at) === depth)) at--
    return at
  }

  /** The step that called the frame of a step; -1 for the program itself. */
  callerOf(index: number): number {
    const depth = this.depth(index)
    let at = index
    while (at >= 0 && this.depth(at) >= depth) at--
    return at
  }

  /** Register 1 to 5 as they were when the frame of a step was entered. */
  argument(index: number, register: number): bigint {
    return this.entryRegisters.get(this.entryOf(index))![register - 1]!
  }

  /** The VM as it was before a step, or after the run at `length`. The caller may read it, and must say so (`forget`) if it changes it. */
  at(index: number): Vm {
    if (this.reached?.index === index) return this.reached.vm
    const { vm, program, input } = this.make()
    let step = 0
    try {
      vm.program(program).run({
        ...input,
        repeat: 1,
        onStep: ({ slot }) => {
          if (step === index) throw new Paused()
          if (slot !== this.slot(step)) throw new Error(`the run is not the same again: instruction ${slot} at step ${step}`)
          step++
        },
      })
    } catch (error) {
      const same =
        error instanceof Paused || (step === this.length && (error instanceof LimitReached || error instanceof NotImplemented))
      if (!same) throw error
    }
    this.reached = { index, vm }
    return vm
  }

  /** Runs everything once more; before each step `at` gives its state to `visit` without running again. */
  replay(visit: (index: number) => void): void {
    const { vm, program, input } = this.make()
    let step = 0
    const onStep = () => {
      if (step >= this.length) throw new Paused()
      this.reached = { index: step, vm }
      visit(step++)
    }
    try {
      vm.program(program).run({ ...input, repeat: 1, onStep })
    } catch (error) {
      if (!(error instanceof Paused || error instanceof LimitReached || error instanceof NotImplemented)) throw error
    }
    this.reached = undefined
  }

  /** The VM that `at` gave was changed: make it anew next time. */
  forget(): void {
    this.reached = undefined
  }
}
