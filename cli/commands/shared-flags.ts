/** Flags that several subcommands share: how to compile a C file, which kernel's BTF, which output format. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { CompileOptions } from '../../compiler/options.js'
import { neededPasses, passNames } from '../../compiler/passes/pass-list.js'
import { type CompileFlags, defaultFlags, parseCpu, targetArch } from '../compile-options.js'

const collect = (value: string, before: string[]): string[] => [...before, value]

function collectPass(value: string, before: string[]): string[] {
  const names = passNames().filter(name => !neededPasses.has(name))
  if (neededPasses.has(value)) throw new InvalidArgumentError('Code generation cannot do without it.')
  if (!names.includes(value)) throw new InvalidArgumentError(`The passes are ${names.join(', ')}.`)
  return [...before, value]
}

/** Adds the compile flags in their own help group. */
export function addCompileFlags(command: Command): Command {
  return command
    .optionsGroup('Compiling:')
    .option('-I <dir>', 'look for headers here (before the shipped ones)', collect, [])
    .option('-D <name[=value]>', 'define a macro', collect, [])
    .option('-U <name>', 'undefine a macro', collect, [])
    .option('--isystem <dir>', 'look for system headers here', collect, [])
    .option('--include <file>', 'include a file first', collect, [])
    .option('--mcpu <version>', 'instruction set: v1, v2, v3 or v4', 'v3')
    .option('-O, --optimize <level>', '0, 1, 2 or s', '2')
    .option('--no-strict-aliasing', 'objects may be accessed as any type (-fno-strict-aliasing)')
    .option('--big-endian', 'for big-endian machines')
    .option('--arch <name>', 'machine whose registers kprobes read (__TARGET_ARCH_<name>)', targetArch(process.arch))
    .option('--btf <file>', 'kernel BTF that vmlinux.h is made of (default: the running kernel, else a bundled subset)')
    .option('-W <warning>', 'switch a warning on (-Wname), off (-Wno-name), or make it an error (-Werror)', collect, [])
    .addOption(
      new Option('--disable-pass <name>', 'leave out an optimisation, for bisecting')
        .argParser(collectPass)
        .default([])
        .hideHelp(),
    )
    .addOption(new Option('--time-report', 'how long each stage took, to standard error').hideHelp())
    .addOption(new Option('--no-debug', 'no BTF').hideHelp())
}

interface ParsedCompileFlags {
  I: string[]
  D: string[]
  U: string[]
  W: string[]
  isystem: string[]
  include: string[]
  mcpu: string
  optimize: string
  strictAliasing: boolean
  bigEndian?: boolean
  arch: string
  btf?: string
  disablePass: string[]
  debug: boolean
  timeReport?: boolean
}

export interface CompileRequest {
  readonly flags: CompileFlags
  readonly warnings: readonly string[]
  readonly timeReport: boolean
}

/** What the flags of `addCompileFlags` say. Throws commander's `InvalidArgumentError` for values out of range. */
export function readCompileFlags(values: object): CompileRequest {
  const given = values as ParsedCompileFlags
  const cpu = parseCpu(given.mcpu)
  if (!cpu) throw new InvalidArgumentError(`--mcpu ${given.mcpu}: must be v1, v2, v3 or v4`)
  if (!['0', '1', '2', '3', 's'].includes(given.optimize))
    throw new InvalidArgumentError(`-O ${given.optimize}: must be 0, 1, 2 or s`)
  const optimize = (given.optimize === '3' ? '2' : given.optimize) as CompileOptions['optimize']
  const flags = defaultFlags()
  flags.cpu = cpu
  flags.optimize = optimize
  flags.noStrictAliasing = !given.strictAliasing
  flags.little = !given.bigEndian
  flags.debug = given.debug
  flags.user = given.I
  flags.system = given.isystem
  flags.disabledPasses = given.disablePass
  flags.predefines = [
    { kind: 'define', text: `__TARGET_ARCH_${given.arch}` },
    ...given.D.map(text => ({ kind: 'define' as const, text })),
    ...given.U.map(name => ({ kind: 'undef' as const, name })),
    ...given.include.map(path => ({ kind: 'include' as const, path })),
  ]
  if (given.btf !== undefined) flags.btf = { kind: 'file', path: given.btf }
  return { flags, warnings: given.W.map(name => `-W${name}`), timeReport: given.timeReport === true }
}
