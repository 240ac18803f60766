/** The subcommands, in the order help shows them. Each is one file that states its flags and does its work. */
import type { Command } from 'commander'
import type { CliContext } from './context.js'
import { asmCommand } from './commands/asm.js'
import { btfCommand } from './commands/btf.js'
import { buildCommand } from './commands/build.js'
import { checkCommand } from './commands/check.js'
import { coreCommand } from './commands/core.js'
import { dumpCommand } from './commands/dump.js'
import { explainCommand } from './commands/explain.js'
import { linkCommand } from './commands/link.js'
import { loadCommand } from './commands/load.js'
import { runCommand } from './commands/run.js'
import { testCommand } from './commands/test.js'
import { vmlinuxCommand } from './commands/vmlinux.js'
import { skelCommand } from './commands/skel.js'
import { stripCommand } from './commands/strip.js'

export interface Subcommand {
  readonly name: string
  /** Adds the command with its arguments, flags and help; the action reports the exit code through `exit`. */
  register(program: Command, context: CliContext, exit: (code: number) => void): void
}

export const subcommands: readonly Subcommand[] = [
  buildCommand,
  checkCommand,
  explainCommand,
  runCommand,
  testCommand,
  dumpCommand,
  loadCommand,
  vmlinuxCommand,
  asmCommand,
  linkCommand,
  stripCommand,
  coreCommand,
  btfCommand,
  skelCommand,
]
