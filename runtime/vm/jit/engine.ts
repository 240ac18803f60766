/** Runs compiled programs on a machine. A program that cannot be compiled stays with the interpreter, and says why. */
import { VmFault } from '../fault.js'
import { execute, FRAME_BYTES } from '../interpreter.js'
import type { Machine } from '../machine.js'
import type { ProgramImage } from '../program-image.js'
import { CPU_CELL, compileProgram, REGISTER_CELLS } from './compile.js'
import { NotCompilable } from './flow.js'
import { wasm } from './wasm-api.js'

/** Frames of the stack that compiled code uses; the verifier allows 8 a call chain, tail calls start anew. */
const STACK_FRAMES = 512

export interface Compiled {
  /** Why the program stays with the interpreter; undefined when it is compiled. */
  readonly refused: string | undefined
  run(m: Machine): void
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

/** Compiles an image for a machine. */
export function compile(m: Machine, image: ProgramImage): Compiled {
  let bytes: Uint8Array<ArrayBuffer>
  try {
    bytes = compileProgram(image, m.maps)
  } catch (error) {
    if (error instanceof NotCompilable) return { refused: error.message, run: machine => execute(machine, image, 0) }
    // Code nested too deeply for the recursion of the compiler.
    if (error instanceof RangeError)
      return { refused: 'the control flow is nested too deeply', run: machine => execute(machine, image, 0) }
    throw error
  }
  const call = (slot: number) => callOut(m, image, slot)
  const instance = new wasm.Instance(new wasm.Module(bytes), { m: { call, memory: m.memory.wasm } })
  const run = instance.exports['run']!
  const stack = stackOf(m)
  return {
    refused: undefined,
    run(machine) {
      const { lo, hi, memory } = machine
      machine.image = image
      memory.i32[CPU_CELL >> 2] = machine.env.cpu
      const argument = (register: number) => (BigInt(hi[register]!) << 32n) | BigInt(lo[register]! >>> 0)
      memory.bytes.fill(0, stack, stack + FRAME_BYTES)
      let result: bigint
      try {
        result = run(argument(1), argument(2), argument(3), argument(4), argument(5), BigInt(stack + FRAME_BYTES))
      } catch (error) {
        if (error instanceof VmFault && error.slot < 0) {
          error.slot = machine.pc
          error.program = machine.image.name
        }
        if (error instanceof wasm.RuntimeError)
          throw new VmFault(`compiled code stopped: ${error.message}`, machine.pc, image.name)
        throw error
      }
      lo[0] = Number(BigInt.asIntN(32, result))
      hi[0] = Number(BigInt.asIntN(32, result >> 32n))
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
