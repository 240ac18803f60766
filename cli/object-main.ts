/**
 * The `bpfc` command for subcommands that only read and write objects. A bundle of its own, because loading the compiler and the verifier
 * takes longer than most of what these do.
 */
import { objectSubcommands } from './object-commands.js'
import { type CliContext, nodeContext } from './context.js'
import { guarded, type Launch, makeCodeCache, runCommand } from './run-command.js'

export async function main(words: readonly string[], launch?: Launch, context: CliContext = nodeContext()): Promise<number> {
  if (words[0] === '--make-code-cache' && launch) return makeCodeCache(launch, silent => warm(words[2]!, silent))
  return guarded(context, () => runCommand(words, objectSubcommands, context))
}

async function warm(object: string, silent: CliContext): Promise<void> {
  const each = [
    'dump OBJ',
    'dump OBJ --style bpftool --only btf,programs',
    'btf dump OBJ',
    'btf dump OBJ --format c',
    'link -o unwritten.o OBJ',
    'strip OBJ',
  ]
  for (const words of each)
    await guarded(silent, () =>
      runCommand(
        words.split(' ').map(word => (word === 'OBJ' ? object : word)),
        objectSubcommands,
        silent,
      ),
    )
}
