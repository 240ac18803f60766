/** `bpfc debug`: steps through a run of a program in the bundled VM, forward and back. */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { ExitCode, LimitReached } from '../../base/outcome.js'
import { Debugger } from '../../runtime/vm/debug/debugger.js'
import type { DebugTarget } from '../../runtime/vm/debug/recording.js'
import { MapError } from '../../runtime/vm/map-access.js'
import { Vm } from '../../runtime/vm/vm.js'
import type { Subcommand } from '../commands.js'
import type { CliContext } from '../context.js'
import { type DebugSession, debugHelp, describePosition, isQuit, repeats, runDebugCommand } from '../debug-commands.js'
import { type InputFlags, runInputs, setElement } from '../run-input.js'
import { isTerminal } from '../standard-streams.js'
import { addChangeFlags } from '../change-flags.js'
import { preparedProgram, type ProgramFlags } from './prepared-program.js'
import { addCompileFlags } from './shared-flags.js'

interface DebugFlags extends InputFlags, ProgramFlags {
  set: string[]
  run: string
  budget?: string
  steps?: string
  command: string[]
}

const PROMPT = '(bpfc) '

const collect = (value: string, before: string[]): string[] => [...before, value]

export const debugCommand: Subcommand = {
  name: 'debug',
  register(program, context, exit) {
    const command = program
      .command('debug')
      .summary('step through a run of a program, forward and back')
      .description(
        'Runs one program in the bundled VM as bpfc run does, records the run, and steps through it by C line or instruction,\nforward and back. Commands come from the terminal, from --command, or from standard input, one a line.',
      )
      .argument('<file>', 'a BPF object or C source')
      .option('--prog <name>', 'the program (may be left out when there is only one)')
      .option('--kconfig <file>', 'kernel configuration for .kconfig externs, as /boot/config-6.12.0 or /proc/config.gz')
      .option('--packet <file>', 'a file with the bytes of one packet, from its Ethernet header')
      .option('--pcap <file>', 'a pcap or pcapng capture')
      .option('--run <n>', 'with --pcap: debug the run on packet n, after the runs on those before it', '1')
      .option('--ctx <hex>', 'the bytes of the context')
      .option('--set <map=key:value>', 'an element to put into a map first, as JSON values of its types', collect, [])
      .option('--budget <n>', 'instructions that a run may take (default: 100000000)')
      .option('--steps <n>', 'instructions to record, about 10 bytes each (default: 5000000)')
      .option('--command <commands>', 'commands to run, separated by semicolons, in place of standard input', collect, [])
      .addHelpText(
        'after',
        `\nCommands:\n${debugHelp()}\nExamples:\n  bpfc debug fw.bpf.c --pcap traffic.pcap --run 3\n  bpfc debug fw.bpf.c --packet syn.bin --command 'break 12; continue; print key; back; registers'`,
      )
    addCompileFlags(addChangeFlags(command)).action(async (path: string, values: DebugFlags) => {
      const usage = (message: string) => command.error(`error: ${message}`, { exitCode: ExitCode.usage })
      const whole = (flag: string, text: string | undefined): number | undefined => {
        if (text === undefined) return undefined
        const number = Number(text)
        if (!Number.isInteger(number) || number < 1) usage(`${flag} ${text}: must be a whole number from 1`)
        return number
      }
      const budget = whole('--budget', values.budget)
      const steps = whole('--steps', values.steps)
      const chosen = whole('--run', values.run)!
      const ready = preparedProgram(path, values, context)
      if (typeof ready === 'number') return exit(ready)
      const { prepared, name } = ready
      const inputs = runInputs(values, context)
      if (typeof inputs === 'number') return exit(inputs)
      if ([...inputs()].length < chosen) usage(`--run ${chosen}: there are not so many packets`)

      const make = (): DebugTarget => {
        const vm = new Vm(prepared, budget === undefined ? {} : { budget })
        for (const assignment of values.set) {
          const problem = setElement(vm, assignment)
          if (problem) usage(`--set ${assignment}: ${problem}`)
        }
        const start = vm.env.ktime
        let number = 0
        for (const { input: each, time } of inputs()) {
          if (time !== undefined) vm.env.ktime = start + time
          if (++number === chosen) return { vm, program: name, input: each }
          vm.program(name).run(each)
        }
        throw new RangeError(`there is no run ${chosen}`)
      }
      let debug: Debugger
      try {
        debug = new Debugger(make, prepared, steps)
      } catch (error) {
        if (!(error instanceof LimitReached || error instanceof MapError)) throw error
        context.err(`error: ${path}: ${error.message}\n`)
        return exit(error instanceof MapError ? ExitCode.rejected : ExitCode.limit)
      }
      const session: DebugSession = {
        debug,
        source: file => {
          const bytes = context.host.read(file)
          return bytes && new TextDecoder().decode(bytes).split('\n')
        },
      }
      context.out(describePosition(session))
      if (values.command.length > 0)
        runScript(
          session,
          values.command.flatMap(each => each.split(';')),
          context,
        )
      else if (isTerminal(0)) await converse(session, context)
      else runScript(session, new TextDecoder().decode(readFileSync(0)).split('\n'), context)
      exit(ExitCode.ok)
    })
  },
}

/** Runs commands one after the other and shows each before its answer. Lines that begin with # are left out. */
function runScript(session: DebugSession, lines: readonly string[], context: CliContext): void {
  for (const line of lines) {
    const command = line.trim()
    if (command === '' || command.startsWith('#')) continue
    context.out(`${PROMPT}${command}\n`)
    if (isQuit(command)) return
    context.out(runDebugCommand(session, command))
  }
}

/** On a terminal: an empty line repeats the last move. */
async function converse(session: DebugSession, context: CliContext): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: PROMPT })
  let last = ''
  // What is written goes out at the end of a turn of the event loop; the prompt comes behind it.
  const written = () => new Promise(resolve => setImmediate(resolve))
  await written()
  terminal.prompt()
  for await (const line of terminal) {
    const command = line.trim() === '' && repeats(last) ? last : line
    if (isQuit(command)) break
    last = command
    context.out(runDebugCommand(session, command))
    await written()
    terminal.prompt()
  }
  terminal.close()
}
