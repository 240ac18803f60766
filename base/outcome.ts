/**
 * The four outcomes that are never mixed, as error classes for code that cannot go on, and the exit codes of the CLI.
 * Invalid C is a `Diagnostic` (diagnostics.ts), a rejection is a verdict (runtime/verifier): neither is thrown.
 */

/** A malformed binary or text format: says what and at which byte. */
export class FormatError extends Error {
  override readonly name = 'FormatError'
  constructor(
    /** Catalogue code, `F….`. */
    readonly code: string,
    message: string,
    /** Byte offset in the input at which the fault was noticed; -1 where there is none. */
    readonly offset: number,
  ) {
    super(message)
  }
}

/** A valid input that asks for something bpfc does not have yet. Never reads as accepted. */
export class NotImplemented extends Error {
  override readonly name = 'NotImplemented'
  constructor(
    /** What is missing, as a noun phrase: "helper bpf_sk_assign". */
    readonly feature: string,
    /** Where it was asked for, if that is known: an instruction index, a line. */
    readonly where = '',
  ) {
    super(`not implemented: ${feature}${where ? ` (${where})` : ''}`)
  }
}

/** A setting's limit was reached (time, memory, instructions): the answer is unknown, not negative. */
export class LimitReached extends Error {
  override readonly name = 'LimitReached'
  constructor(
    readonly limit: string,
    readonly value: number,
  ) {
    super(`limit reached: ${limit} (${value})`)
  }
}

/** A broken invariant of ours: a bug in bpfc. */
export class InternalError extends Error {
  override readonly name = 'InternalError'
}

/** Throws an `InternalError` when an invariant does not hold. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InternalError(message)
}

/** Exit codes of every subcommand, documented in docs/cli.md. */
export const ExitCode = {
  ok: 0,
  /** A program was rejected, or the input had errors. */
  rejected: 1,
  usage: 2,
  limit: 3,
  notImplemented: 4,
  internal: 70,
} as const
