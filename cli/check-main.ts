/**
 * `bpfc check` of objects: what verifies and does not compile. A bundle of its own, because most programs are verified in less time than
 * loading the compiler takes.
 */
import { checkCommand } from './commands/check.js'
import type { SubcommandEntry } from './commands.js'
import { type CliContext, nodeContext } from './context.js'
import { guarded, type Launch, makeCodeCache, runCommand } from './run-command.js'

const checkSubcommands: readonly SubcommandEntry[] = [{ name: 'check', load: async () => checkCommand }]

export async function main(words: readonly string[], launch?: Launch, context: CliContext = nodeContext()): Promise<number> {
  if (launch?.warm) return makeCodeCache(launch, runWords)
  return runWords(words, context)
}

const runWords = (words: readonly string[], context: CliContext): Promise<number> =>
  guarded(context, () => runCommand(words, checkSubcommands, context))
