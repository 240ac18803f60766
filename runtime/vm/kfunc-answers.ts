/** Kfuncs that a test answers itself: those of its own modules, those that the VM does not have, and those it wants to answer otherwise. */
import type { Fixture, KernelObjects } from './kernel-objects.js'
import type { Machine } from './machine.js'

/** A call of a kfunc, as the test sees it. */
export interface KfuncCall {
  /** Registers 1 to 5, unsigned; how many are arguments is the kfunc's matter. */
  readonly args: readonly bigint[]
  /** Memory that an argument points to. Throws a VmFault, which ends the run, where there is none. */
  read(address: bigint, size: number): Uint8Array
  write(address: bigint, bytes: Uint8Array): void
}

/** The result: a number, a kernel object to point to (the same fixture is the same object), or nothing for a void function. */
// biome-ignore lint/suspicious/noConfusingVoidType: what a kfunc without result is answered by returns nothing
export type KfuncAnswer = (call: KfuncCall) => number | bigint | Fixture | void

/** What the machine calls in the place of the kfunc. */
export function answeredKfunc(answer: KfuncAnswer, objects: KernelObjects): (m: Machine) => void {
  return m => {
    const { memory } = m
    const range = (address: bigint, size: number, write: boolean) =>
      memory.range(Number(BigInt.asIntN(32, address >> 32n)), Number(BigInt.asIntN(32, address)), size, write)
    const result = answer({
      args: [1, 2, 3, 4, 5].map(register => m.u64(register)),
      read: (address, size) => memory.bytes.slice(range(address, size, false), Number(BigInt.asUintN(32, address)) + size),
      write: (address, bytes) => memory.write(range(address, bytes.length, true), bytes),
    })
    if (typeof result === 'object') m.retAddress(objects.build(result))
    else m.ret64(BigInt(result ?? 0))
  }
}
