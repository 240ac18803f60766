/** Reads one input file for a subcommand, within the bound on its size, and says why where that fails. */
import { ExitCode } from '../base/outcome.js'
import { type CliContext, MAX_INPUT_BYTES, NodeHost } from './context.js'

/** The file's bytes, or an exit code after saying why not. */
export function readInput(path: string, context: CliContext): Uint8Array | number {
  const fail = (code: number, name: string, message: string, hint?: string): number => {
    context.err(`error[${name}]: ${message}\n${hint ? `help: ${hint}\n` : ''}`)
    return code
  }
  if (context.host instanceof NodeHost) {
    const size = context.host.size(path)
    if (size === undefined) return fail(ExitCode.rejected, 'D0001', `no such file: ${path}`)
    if (size > MAX_INPUT_BYTES)
      return fail(
        ExitCode.limit,
        'D0002',
        `${path} has ${Math.round(size / 2 ** 20)} MB; inputs over ${MAX_INPUT_BYTES >> 20} MB are not read`,
      )
  }
  const bytes = context.host.read(path)
  if (!bytes)
    return fail(
      ExitCode.rejected,
      'D0001',
      `cannot read ${path}`,
      context.host.exists(path) ? undefined : 'it is a directory, or may not be read',
    )
  return bytes
}
