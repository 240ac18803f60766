/**
 * The `bpfc` command for subcommands that only read and write objects. A bundle of its own, because loading the compiler and the verifier
 * takes longer than most of what these do.
 */
import { objectSubcommands } from './object-commands.js'
import { type CliContext, nodeContext } from './context.js'
import { guarded, type Launch, makeCodeCache, runCommand } from './run-command.js'

export async function main(words: readonly string[], launch?: Launch, context: CliContext = nodeContext()): Promise<number> {
  if (launch?.warm) return makeCodeCache(launch, runWords)
  return runWords(words, context)
}

const runWords = (words: readonly string[], context: CliContext): Promise<number> =>
  guarded(context, () => runCommand(words, objectSubcommands, context))
