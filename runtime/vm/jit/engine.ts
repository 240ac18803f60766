/** Runs compiled programs on a machine. A program that cannot be compiled stays with the interpreter, and says why. */
import { LimitReached } from '../../../base/outcome.js'
import { VmFault } from '../fault.js'
import { execute, FRAME_BYTES, MAX_FRAMES } from '../interpreter.js'
import type { Machine } from '../machine.js'
import { FUNC_HANDLE } from '../memory.js'
import { type ProgramImage, TAIL_CALL } from '../program-image.js'
import { BUDGET_CELL, CPU_CELL, REGISTER_CELLS, TIME_CELL } from './cells.js'
import { compileProgram } from './compile.js'
import { NotCompilable } from './flow.js'
import { wasm } from './wasm-api.js'

/** Frames of the stack that compiled code uses; the verifier allows 8 a call chain, tail calls start anew. */
const STACK_FRAMES = 512

/** Largest budget that compiled code can count down. */
const MAX_BUDGET = 0x7fff_ffff

export interface Compiled {
  /** Why the program stays with the interpreter; undefined when it is compiled. */
  readonly refused: string | undefined
  /** Runs the program `count` times with the registers as they are; between runs, as between those of a kernel, its stack stays as it was left. */
  run(m: Machine, count: number): void
}

/** Address of the stack of compiled code, made once a machine. */
function stackOf(m: Machine): number {
  let stack = m.extras.get('compiled stack') as number | undefined
  if (stack === undefined) {
    stack = m.memory.region('stack', STACK_FRAMES * FRAME_BYTES).start
    m.extras.set('compiled stack', stack)
  }
  return stack
}

/** Runs something again and again, each time with the same registers and the same budget. */
export function repeat(m: Machine, count: number, run: () => void): void {
  const { lo, hi } = m
  const registers = [1, 2, 3, 4, 5].map(register => [register, lo[register]!, hi[register]!] as const)
  const budget = m.remaining
  for (let left = count; left > 0; left--) {
    m.remaining = budget
    m.tailCalls = 0
    for (const [register, low, high] of registers) {
      lo[register] = low
      hi[register] = high
    }
    run()
  }
}

/** Whether helpers run code of the interpreter (callbacks, tail calls), which counts against the machine's own budget. */
function reenters({ words }: ProgramImage): boolean {
  for (let slot = 0; slot * 2 < words.length; slot++) {
    const code = words[slot * 2]! & 0xff
    if (code === 0x85 && words[slot * 2]! >> 12 === 0 && words[slot * 2 + 1] === TAIL_CALL) return true
    if (code !== 0x18) continue
    if (words[slot * 2 + 3] === FUNC_HANDLE) return true
    slot++
  }
  return false
}

/** Compiles an image for a machine. */
export function compile(m: Machine, image: ProgramImage): Compiled {
  const stack = stackOf(m)
  let bytes: Uint8Array<ArrayBuffer>
  try {
    bytes = compileProgram(image, m.maps, stack, m.options.budget !== Number.POSITIVE_INFINITY)
  } catch (error) {
    const stay = (refused: string): Compiled => ({
      refused,
      run: (machine, count) => repeat(machine, count, () => execute(machine, image, 0)),
    })
    if (error instanceof NotCompilable) return stay(error.message)
    // Code nested too deeply for the recursion of the compiler.
    if (error instanceof RangeError) return stay('the control flow is nested too deeply')
    throw error
  }
  const call = (slot: number) => callOut(m, image, slot)
  const instance = new wasm.Instance(new wasm.Module(bytes), { m: { call, memory: m.memory.wasm } })
  const start = instance.exports['run']!
  const alone = reenters(image)
  let time = -1n
  return {
    refused: undefined,
    run(machine, count) {
      if (alone && count > 1) {
        repeat(machine, count, () => this.run(machine, 1))
        return
      }
      const { lo, hi, memory, env } = machine
      machine.image = image
      const cells = memory.i32
      cells[CPU_CELL >> 2] = env.cpu
      if (env.ktime !== time) {
        time = env.ktime
        memory.view.setBigInt64(TIME_CELL, time, true)
      }
      for (let register = 1; register <= 5; register++) {
        cells[(REGISTER_CELLS >> 2) + register * 2] = lo[register]!
        cells[(REGISTER_CELLS >> 2) + register * 2 + 1] = hi[register]!
      }
      // Deeper frames are left as the last call left them; a run that is to show reads of what was never written starts with all of them filled.
      const { stackFill } = machine.options
      memory.bytes.fill(stackFill, stack, stack + FRAME_BYTES * (stackFill ? MAX_FRAMES : 1))
      cells[BUDGET_CELL >> 2] = Math.min(machine.remaining, MAX_BUDGET)
      try {
        start(count)
      } catch (error) {
        if (error instanceof VmFault && error.slot < 0) {
          error.slot = machine.pc
          error.program = machine.image.name
        }
        if (error instanceof wasm.RuntimeError && machine.memory.i32[BUDGET_CELL >> 2]! < 0)
          throw new LimitReached('instructions executed', machine.remaining)
        if (error instanceof wasm.RuntimeError)
          throw new VmFault(`compiled code stopped: ${error.message}`, machine.pc, image.name)
        throw error
      }
      lo[0] = machine.memory.i32[REGISTER_CELLS >> 2]!
      hi[0] = machine.memory.i32[(REGISTER_CELLS >> 2) + 1]!
    },
  }
}

/** A helper or kfunc call from compiled code; 1 when a tail call ran the rest of the program. */
function callOut(m: Machine, image: ProgramImage, slot: number): number {
  const { lo, hi } = m
  const before = m.memory.i32
  for (let register = 1; register <= 5; register++) {
    lo[register] = before[(REGISTER_CELLS >> 2) + register * 2]!
    hi[register] = before[(REGISTER_CELLS >> 2) + register * 2 + 1]!
  }
  m.image = image
  m.pc = slot
  const kfunc = image.kfuncs.get(slot)
  if (kfunc !== undefined) m.callKfunc(kfunc)
  else m.callHelper(image.words[slot * 2 + 1]!)
  const target = m.tailCall
  if (target) {
    m.tailCall = undefined
    execute(m, target, 0)
    m.image = image
  }
  const after = m.memory.i32
  after[REGISTER_CELLS >> 2] = lo[0]!
  after[(REGISTER_CELLS >> 2) + 1] = hi[0]!
  return target ? 1 : 0
}
