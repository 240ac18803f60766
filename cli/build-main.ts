/**
 * `bpfc build` and `bpfc-clang`: what compiles and does not verify. A bundle of its own, because a compilation is short, and loading the
 * verifier and the virtual machine takes a good part of it.
 */
import type { SubcommandEntry } from './commands.js'
import { type CliContext, nodeContext } from './context.js'
import { guarded, type Launch, makeCodeCache, runCommand, version } from './run-command.js'

const buildSubcommands: readonly SubcommandEntry[] = [
  { name: 'build', load: async () => (await import('./commands/build.js')).buildCommand },
]

export async function main(words: readonly string[], launch?: Launch, context: CliContext = nodeContext()): Promise<number> {
  if (launch?.warm)
    return makeCodeCache(launch, (line, silent) =>
      line[0] === 'bpfc-clang' ? clangMain(line.slice(1), undefined, silent) : runWords(line, silent),
    )
  return runWords(words, context)
}

const runWords = (words: readonly string[], context: CliContext): Promise<number> =>
  guarded(context, () => runCommand(words, buildSubcommands, context))

export async function clangMain(
  words: readonly string[],
  _launch?: Launch,
  context: CliContext = nodeContext(),
): Promise<number> {
  return guarded(context, async () => (await import('./clang/driver.js')).clangMain(words, context, version))
}
