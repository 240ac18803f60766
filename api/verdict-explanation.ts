/** Why a program was rejected, for everything that verifies. */
import type { PreparedObject, PreparedProgram } from '../linker/object/prepared.js'
import type { MachineFacts } from '../runtime/kernel/machine.js'
import { ALL_PRIVILEGES, type Privileges } from '../runtime/kernel/privileges.js'
import type { KernelProfile } from '../runtime/kernel/profile.js'
import { explainRejection, pathTells } from '../runtime/verifier/explain/explain.js'
import type { Explanation } from '../runtime/verifier/explain/explanation.js'
import { type Verdict, verifyProgram } from '../runtime/verifier/verify.js'

/** Characters of log that an explanation is made of: some 100,000 instructions, the last ones of the path. */
const PATH_LENGTH = 8 << 20

/** Only a rejected program is walked again with its path written down: the others need no log. */
export function explained(
  object: PreparedObject,
  program: PreparedProgram,
  kernel: KernelProfile,
  verdict: Verdict,
  logLevel: number,
  machine: MachineFacts = {},
  privileges: Privileges = ALL_PRIVILEGES,
): Explanation | undefined {
  if (verdict.verdict !== 'rejected') return undefined
  const { log, message, faultSlot } =
    (logLevel & 3) !== 0 || !pathTells(verdict.message)
      ? verdict
      : verifyProgram(object, program, { kernel, logLevel: 1, machine, privileges, limits: { logLength: PATH_LENGTH } })
  const words = message || `(the kernel says nothing: ${verdict.reason ?? 'it gives no reason'})`
  return explainRejection({ object, program, log, message: words, ...(faultSlot !== undefined && { faultSlot }) })
}
