/**
 * Which programs a verifier accepted: ours (`verifyProgram`) or a running kernel's. Compiled code has no checks of its own, so the VM makes it only of
 * these. The mark is of one program in one object; a copy, or the same program with other maps, has to be asked about again.
 */
import type { PreparedObject, PreparedProgram } from '../../linker/object/prepared.js'

const objects = new WeakMap<PreparedProgram, WeakSet<PreparedObject>>()

/** For whoever has a verdict. */
export function markAccepted(object: PreparedObject, program: PreparedProgram): void {
  const known = objects.get(program)
  if (known) known.add(object)
  else objects.set(program, new WeakSet([object]))
}

export function isAccepted(object: PreparedObject, program: PreparedProgram): boolean {
  return objects.get(program)?.has(object) ?? false
}
