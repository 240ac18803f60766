/** Why a program was rejected, for the commands that verify. */
import type { PreparedObject, PreparedProgram } from '../linker/object/prepared.js'
import type { MachineFacts } from '../runtime/kernel/machine.js'
import type { KernelProfile } from '../runtime/kernel/profile.js'
import { explainRejection } from '../runtime/verifier/explain/explain.js'
import type { Explanation } from '../runtime/verifier/explain/explanation.js'
import { type Verdict, verifyProgram } from '../runtime/verifier/verify.js'

/** Only a rejected program is walked again with its path written down: the others need no log. */
export function explained(
  object: PreparedObject,
  program: PreparedProgram,
  kernel: KernelProfile,
  verdict: Verdict,
  logLevel: number,
  machine: MachineFacts = {},
): Explanation | undefined {
  if (verdict.verdict !== 'rejected') return undefined
  const { log, message, faultSlot } =
    (logLevel & 3) !== 0 ? verdict : verifyProgram(object, program, { kernel, logLevel: 1, machine })
  return explainRejection({ object, program, log, message, ...(faultSlot !== undefined && { faultSlot }) })
}
