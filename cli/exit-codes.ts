/** From outcomes to the command's exit code. */
import { ExitCode } from '../base/outcome.js'
import type { Verdict } from '../runtime/verifier/verify.js'

/** What one verdict alone exits with. */
export function codeOf(verdict: Verdict): number {
  switch (verdict.verdict) {
    case 'accepted':
      return ExitCode.ok
    case 'limit':
      return ExitCode.limit
    case 'not-implemented':
      return ExitCode.notImplemented
    default:
      return ExitCode.rejected
  }
}

/** A rejection outweighs what is not known. */
export function worst(codes: readonly number[]): number {
  for (const code of [ExitCode.internal, ExitCode.usage, ExitCode.rejected, ExitCode.notImplemented, ExitCode.limit])
    if (codes.includes(code)) return code
  return ExitCode.ok
}
