/** The `bpfc` command with all its subcommands. */
import { subcommands } from './commands.js'
import { type CliContext, nodeContext } from './context.js'
import { guarded, type Launch, makeCodeCache, runCommand } from './run-command.js'

export async function main(words: readonly string[], launch?: Launch, context: CliContext = nodeContext()): Promise<number> {
  if (launch?.warm) return makeCodeCache(launch, runWords)
  return runWords(words, context)
}

const runWords = (words: readonly string[], context: CliContext): Promise<number> =>
  guarded(context, () => runCommand(words, subcommands, context))
