/** Why a program was rejected, for everything that verifies. */
import type { PreparedObject, PreparedProgram } from '../linker/object/prepared.js'
import { explainRejection, pathTells } from '../runtime/verifier/explain/explain.js'
import type { Explanation } from '../runtime/verifier/explain/explanation.js'
import { type Verdict, type VerifyOptions, verifyProgram } from '../runtime/verifier/verify.js'

/** Characters of log that an explanation is made of: some 100,000 instructions, the last ones of the path. */
const PATH_LENGTH = 8 << 20

/** The reason for a verdict that was given under `options`. Only a rejected program is walked again with its path written down. */
export function explained(
  object: PreparedObject,
  program: PreparedProgram,
  verdict: Verdict,
  options: VerifyOptions,
): Explanation | undefined {
  if (verdict.verdict !== 'rejected') return undefined
  const { log, message, faultSlot } =
    ((options.logLevel ?? 0) & 3) !== 0 || !pathTells(verdict.message)
      ? verdict
      : verifyProgram(object, program, { ...options, effort: false, logLevel: 1, limits: { logLength: PATH_LENGTH } })
  const words = message || `(the kernel says nothing: ${verdict.reason ?? 'it gives no reason'})`
  return explainRejection({ object, program, log, message: words, ...(faultSlot !== undefined && { faultSlot }) })
}
