/** Input that is malformed or does not fit together, as a message and an exit code: what every subcommand over binaries does alike. */
import { ExitCode, FormatError } from '../base/outcome.js'
import { LinkFault } from '../linker/link-fault.js'
import type { CliContext } from './context.js'

/** Runs one piece of work on `path` (a function where it takes work to find out). Its result is an exit code; a fault of the input becomes a message and `rejected`. */
export function reportFaults(path: string | (() => string), context: CliContext, work: () => number): number {
  try {
    return work()
  } catch (error) {
    if (error instanceof FormatError)
      context.err(
        `error[${error.code}]: ${typeof path === 'string' ? path : path()}: ${error.message}${error.offset >= 0 ? ` (at byte ${error.offset})` : ''}\n`,
      )
    else if (error instanceof LinkFault) context.err(`error[${error.code}]: ${error.path}: ${error.message}\n`)
    else throw error
    return ExitCode.rejected
  }
}

/** Which input a fault of several is in: the first that does not even work alone. Asked only when there is a fault. */
export function firstThatFails<Input>(inputs: readonly Input[], work: (input: Input) => unknown): Input | undefined {
  return inputs.find(input => {
    try {
      work(input)
      return false
    } catch {
      return true
    }
  })
}

/** Writes an output, whole or not at all; `-` is standard output; bytes that go there are text in UTF-8. */
export function writeOutput(path: string, content: Uint8Array | string, context: CliContext): number {
  if (path === '-') {
    if (typeof content === 'string') context.out(content)
    else if (context.outBytes) context.outBytes(content)
    else context.out(new TextDecoder().decode(content))
    return ExitCode.ok
  }
  const problem = context.write(path, content)
  if (problem === undefined) return ExitCode.ok
  context.err(`error[D0005]: ${problem}\n`)
  return ExitCode.rejected
}
