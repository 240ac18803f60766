/** Watching a run instruction by instruction. */
import type { LineInfo } from '../../linker/object/bpf-object.js'
import { bigOf } from './long.js'
import type { Machine } from './machine.js'
import type { ProgramImage } from './program-image.js'

export interface Step {
  readonly program: string
  readonly slot: number
  /** Source line, when the object has line information. */
  readonly line: LineInfo | undefined
  /** Register 0 to 10 before the instruction, unsigned. */
  register(number: number): bigint
  /** A copy of memory at an address, or undefined where a program could not read. */
  read(address: bigint, size: number): Uint8Array | undefined
}

/** Makes the interpreter's hook of a test's callback. */
export function watcher(m: Machine, onStep: (step: Step) => void): (image: ProgramImage, slot: number) => void {
  return (image, slot) =>
    onStep({
      program: image.name,
      slot,
      get line() {
        return image.lineOf(slot)
      },
      register: number => bigOf(m.lo[number]!, m.hi[number]!),
      read: (address, size) => {
        const at = Number(BigInt.asUintN(32, address))
        if (!m.memory.access(Number(BigInt.asIntN(32, address >> 32n)), at, size, false)) return undefined
        return m.memory.bytes.slice(at, at + size)
      },
    })
}
