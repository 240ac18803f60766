/** Reads a command line, runs one subcommand, turns whatever happens into an exit code. */
import { writeFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { ExitCode, FormatError, LimitReached, NotImplemented } from '../base/outcome.js'
import type { SubcommandEntry } from './commands.js'
import { normaliseWords } from './clang-words.js'
import { type CliContext, nodeContext } from './context.js'

declare const BPFC_VERSION: string

export const version = typeof BPFC_VERSION === 'string' ? BPFC_VERSION : '0.0.0'

/** What the launcher hands over, so that the build can store V8's code cache. */
export interface Launch {
  readonly script: { createCachedData(): Uint8Array }
  readonly cache: string
  /** Command lines to run before that; undefined in ordinary use. */
  readonly warm: readonly (readonly string[])[] | undefined
}

export async function runCommand(
  words: readonly string[],
  subcommands: readonly SubcommandEntry[],
  context: CliContext,
): Promise<number> {
  let code: number = ExitCode.ok
  const program = new Command('bpfc')
    .description(
      'Compiles restricted C to eBPF, and says whether each kernel you support will accept it: no clang, no root, no kernel.',
    )
    .version(version, '-V, --version')
    .configureOutput({ writeOut: text => context.out(text), writeErr: text => context.err(text) })
    .configureHelp({ showGlobalOptions: false })
    .helpCommand('help [command]', 'explain a command')
    .showHelpAfterError('(bpfc help explains the commands)')
    .addHelpText(
      'after',
      '\nExit codes: 0 fine, 1 rejected or errors in the input, 2 usage, 3 limit reached, 4 not implemented, 70 a bug of bpfc.\n\nStart here:\n  bpfc check prog.bpf.c --kernel 6.12,6.18\n  bpfc build prog.bpf.c -o prog.bpf.o',
    )
    .exitOverride()
  // One that is asked for by name is loaded alone; help and misspellings need all of them.
  const asked = subcommands.filter(({ name }) => name === words[0])
  for (const entry of asked.length > 0 ? asked : subcommands) {
    const subcommand = await entry.load()
    subcommand.register(program, context, made => {
      code = made
    })
  }
  for (const command of program.commands)
    command.exitOverride().configureOutput({ writeOut: text => context.out(text), writeErr: text => context.err(text) })
  if (words.length === 0) {
    context.out(program.helpInformation())
    return ExitCode.usage
  }
  try {
    await program.parseAsync(normaliseWords(words), { from: 'user' })
  } catch (error) {
    if (error instanceof InvalidArgumentError) {
      context.err(`error: ${error.message}\n`)
      return ExitCode.usage
    }
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage
    throw error
  }
  return code
}

/** No stack trace reaches a user unless it is a bug of ours, and then with a word on how to report it. */
export async function guarded(context: CliContext, work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FormatError) {
      context.err(`error[${error.code}]: ${error.message}${error.offset >= 0 ? ` (at byte ${error.offset})` : ''}\n`)
      return ExitCode.rejected
    }
    if (error instanceof NotImplemented) {
      context.err(`error: ${error.message}\n`)
      return ExitCode.notImplemented
    }
    if (error instanceof LimitReached) {
      context.err(`error: ${error.message}\n`)
      return ExitCode.limit
    }
    const fault = error as Error
    context.err(
      `internal error: ${fault.message}\nThis is a bug in bpfc ${version}. Please report it with the input that caused it and these lines:\n${fault.stack ?? ''}\n`,
    )
    return ExitCode.internal
  }
}

/** Runs command lines that go through what a use needs, with nothing written, and stores the compiled code beside the bundle. */
export async function makeCodeCache(
  launch: Launch,
  run: (words: readonly string[], silent: CliContext) => Promise<number>,
): Promise<number> {
  for (const words of launch.warm!) {
    await run(words, {
      ...nodeContext(),
      out: () => undefined,
      outBytes: () => undefined,
      err: () => undefined,
      write: () => undefined,
    })
  }
  writeFileSync(launch.cache, launch.script.createCachedData())
  return ExitCode.ok
}
