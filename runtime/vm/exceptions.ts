/**
 * Exceptions of programs (kfunc bpf_throw): all frames of the program end, and what its exception callback makes of the cookie is its
 * result. Without a callback (decl tag `exception_callback:NAME` of the main program) the cookie itself is (bpf_throw and
 * add_hidden_subprog of the kernel).
 */
import { BtfKind } from '../../linker/btf/btf-types.js'
import type { PreparedObject, PreparedProgram } from '../../linker/object/prepared.js'
import { VmFault } from './fault.js'
import { defineKfuncs } from './helpers/table.js'

const TAG = 'exception_callback:'

/** On its way from bpf_throw to the frame in which the program began. A fault where there is no such frame (timers). */
export class ProgramException extends VmFault {
  constructor(
    /** Low and high half. */
    readonly cookie: readonly [number, number],
  ) {
    super('bpf_throw in a callback that no program waits for')
  }
}

/** First slot of the subprogram that a program's exceptions go to; -1 where the cookie is the result. */
export function exceptionCallback({ btf }: PreparedObject, { functions }: PreparedProgram): number {
  const main = functions[0]?.type ?? 0
  if (!btf || main === 0 || functions.length < 2) return -1
  for (let id = 1; id < btf.count; id++) {
    const tag = btf.type(id)
    if (tag.kind !== BtfKind.DeclTag || tag.type !== main || tag.componentIdx !== -1 || !tag.name.startsWith(TAG)) continue
    return functions.find(each => each.name === tag.name.slice(TAG.length))?.slot ?? -1
  }
  return -1
}

defineKfuncs({
  bpf_throw: m => {
    throw new ProgramException([m.lo[1]!, m.hi[1]!])
  },
})
