/**
 * The subcommands, in the order help shows them. Each is one file that states its flags and does its work, and is loaded only when it is
 * asked for: `bpfc dump` does not wait for the compiler and the verifier.
 */
import type { Command } from 'commander'
import type { CliContext } from './context.js'
import { objectSubcommands } from './object-commands.js'

export interface Subcommand {
  readonly name: string
  /** Adds the command with its arguments, flags and help; the action reports the exit code through `exit`. */
  register(program: Command, context: CliContext, exit: (code: number) => void): void
}

export interface SubcommandEntry {
  readonly name: string
  load(): Promise<Subcommand>
}

export const subcommands: readonly SubcommandEntry[] = [
  { name: 'build', load: async () => (await import('./commands/build.js')).buildCommand },
  { name: 'check', load: async () => (await import('./commands/check.js')).checkCommand },
  { name: 'explain', load: async () => (await import('./commands/explain.js')).explainCommand },
  { name: 'run', load: async () => (await import('./commands/run.js')).runCommand },
  { name: 'debug', load: async () => (await import('./commands/debug.js')).debugCommand },
  { name: 'test', load: async () => (await import('./commands/test.js')).testCommand },
  { name: 'load', load: async () => (await import('./commands/load.js')).loadCommand },
  { name: 'vmlinux', load: async () => (await import('./commands/vmlinux.js')).vmlinuxCommand },
  { name: 'core', load: async () => (await import('./commands/core.js')).coreCommand },
  { name: 'skel', load: async () => (await import('./commands/skel.js')).skelCommand },
  ...objectSubcommands,
]
