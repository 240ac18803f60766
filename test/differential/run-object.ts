/** Runs the programs of an object made from a batch: in the VM's two engines. */
import { LimitReached } from '../../base/outcome.js'
import { openObject } from '../../linker/object/open.js'
import { prepareObject } from '../../linker/object/prepare.js'
import type { PreparedObject } from '../../linker/object/prepared.js'
import { markAccepted } from '../../runtime/kernel/accepted.js'
import { Vm } from '../../runtime/vm/vm.js'
import { inputs } from './batch.js'

export const prepare = (object: Uint8Array): PreparedObject => prepareObject(openObject(object, 'batch.o'), {})

/** The variable `io` has a section, and so a map, of its own. */
export const ioMap = (prepared: PreparedObject): number => prepared.maps.findIndex(map => map.data?.section === '.data.io')

/** The bytes of `io` before a run. */
export function ioBytes([a, b]: readonly [bigint, bigint]): Uint8Array {
  const bytes = new Uint8Array(24)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, a, true)
  view.setBigUint64(8, b, true)
  return bytes
}

/** The result, in hexadecimal, of the bytes of `io` after a run. */
export const ioResult = (bytes: Uint8Array): string =>
  new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(16, true).toString(16)

/** Frames start with this in each byte: what a program reads without having written it must not happen to be zero. */
const UNCLEAN = 0xaa

export type Results = Map<string, string>

/** `SEED` to the results in hexadecimal, or to the fault's message. */
export function runInVm(
  prepared: PreparedObject,
  engine: 'checked' | 'compiled',
  /** Instructions a run may take in the interpreter; a program that takes more has no result. */
  budget = 20_000_000,
  /** Compiled programs know no budget: those that are not in here are left out. */
  known?: Results,
): Results {
  const results: Results = new Map()
  // Generated programs are compiled whatever a verifier would say: they do nothing wild by their making.
  for (const program of prepared.programs) markAccepted(prepared, program)
  const vm = new Vm(prepared, { engine, budget, stackFill: UNCLEAN })
  const map = vm.maps[prepared.maps[ioMap(prepared)]!.name]!
  const key = new Uint8Array(4)
  for (const { name } of prepared.programs) {
    const words: string[] = []
    if (known && !known.has(name.replace('prog_', ''))) continue
    try {
      const program = vm.program(name)
      for (const input of inputs) {
        map.set(key, ioBytes(input))
        const { fault } = program.run({ packet: new Uint8Array(64) })
        if (fault) throw new Error(fault.message)
        words.push(ioResult(map.get(key)!))
      }
      results.set(name.replace('prog_', ''), words.join(' '))
    } catch (error) {
      if (!(error instanceof LimitReached)) results.set(name.replace('prog_', ''), `fault: ${(error as Error).message}`)
    }
  }
  return results
}
