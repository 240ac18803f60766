/** The `bpfc` command and `bpfc-clang`. */
import { subcommands } from './commands.js'
import { type CliContext, nodeContext } from './context.js'
import { guarded, type Launch, makeCodeCache, runCommand, version } from './run-command.js'

export async function main(words: readonly string[], launch?: Launch, context: CliContext = nodeContext()): Promise<number> {
  if (words[0] === '--make-code-cache' && launch) return makeCodeCache(launch, silent => warm(words[1]!, words[2]!, silent))
  return guarded(context, () => runCommand(words, subcommands, context))
}

export async function clangMain(
  words: readonly string[],
  _launch?: Launch,
  context: CliContext = nodeContext(),
): Promise<number> {
  return guarded(context, async () => (await import('./clang/driver.js')).clangMain(words, context, version))
}

/** Goes through what `use`, the name of a subcommand, needs for a C source. */
async function warm(use: string, source: string, silent: CliContext): Promise<void> {
  if (!silent.host.exists(source)) return
  await guarded(silent, () => runCommand([use, source], subcommands, silent))
  if (use === 'build') await clangMain(['-target', 'bpf', '-g', '-O2', '-c', source, '-o', 'unwritten.o'], undefined, silent)
}
