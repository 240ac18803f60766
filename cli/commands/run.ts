/** `bpfc run`: a program in the bundled VM, on a packet, a capture or a context; then what it did to its maps. */
import { ExitCode, LimitReached, NotImplemented } from '../../base/outcome.js'
import { coverageTable, lcov, type ProgramCoverage, profile } from '../../runtime/vm/coverage.js'
import type { Step } from '../../runtime/vm/trace.js'
import type { BtfValue } from '../../runtime/vm/btf-values.js'
import { type MapAccess, MapError } from '../../runtime/vm/map-access.js'
import type { RunResult } from '../../runtime/vm/programs/table.js'
import { Vm } from '../../runtime/vm/vm.js'
import { type InputFlags, runInputs, setElement, type TimedInput } from '../run-input.js'
import type { Subcommand } from '../commands.js'
import type { CliContext } from '../context.js'
import { painter } from '../../base/colour.js'
import { addChangeFlags } from '../change-flags.js'
import { preparedProgram, type ProgramFlags } from './prepared-program.js'
import { addCompileFlags } from './shared-flags.js'

interface RunFlags extends InputFlags, ProgramFlags {
  repeat: string
  set: string[]
  budget?: string
  memory?: string
  maps: boolean
  coverage?: string | true
  profile?: true
  trace?: true
  summary?: true
  format: string
}

const XDP = 6
const xdpActions = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT']

export const runCommand: Subcommand = {
  name: 'run',
  register(program, context, exit) {
    const command = program
      .command('run')
      .summary('run a program in the bundled VM')
      .description(
        'Runs one program on a packet, on every packet of a capture, or on a context, and shows what it returned and what is in its maps.',
      )
      .argument('<file>', 'a BPF object or C source')
      .option('--prog <name>', 'the program (may be left out when there is only one)')
      .option('--kconfig <file>', 'kernel configuration for .kconfig externs, as /boot/config-6.12.0 or /proc/config.gz')
      .option('--packet <file>', 'a file with the bytes of one packet, from its Ethernet header')
      .option('--pcap <file>', 'a pcap or pcapng capture: the program runs on each packet, at its time')
      .option('--ctx <hex>', 'the bytes of the context')
      .option(
        '--set <map=key:value>',
        'an element to put into a map first, as JSON values of its types',
        (value: string, before: string[]) => [...before, value],
        [],
      )
      .option('--repeat <n>', 'run so many times', '1')
      .option('--budget <n>', 'instructions that a run may take (default: 100000000)')
      .option('--memory <MiB>', 'memory for maps, packets and objects (default: 1024)')
      .option('--coverage [format]', 'count lines and branches of the C source: text (a table, the default) or lcov')
      .option('--profile', 'show which C lines took the most instructions')
      .option('--trace', 'show each C line as it runs')
      .option('--summary', 'count the answers in the place of a line for each run; on a terminal, show how far it is')
      .option('--no-maps', 'do not show the maps')
      .option('--format <format>', 'text or json', 'text')
      .addHelpText(
        'after',
        '\nExamples:\n  bpfc run fw.bpf.c --pcap traffic.pcap --set \'blocked={"length":24,"address":10}:1\'\n  bpfc run prog.bpf.o --prog handle --ctx 0000000000000000',
      )
    addCompileFlags(addChangeFlags(command)).action((path: string, values: RunFlags) => {
      const usage = (message: string) => command.error(`error: ${message}`, { exitCode: ExitCode.usage })
      const repeat = Number(values.repeat)
      if (!Number.isInteger(repeat) || repeat < 1) usage(`--repeat ${values.repeat}: must be a whole number from 1`)
      if (values.coverage !== undefined && ![true, 'text', 'lcov'].includes(values.coverage))
        usage(`--coverage ${values.coverage}: must be text or lcov`)
      const limits = [values.budget, values.memory].map(text => (text === undefined ? undefined : Number(text)))
      const [budget, memory] = limits
      if (limits.some(each => each !== undefined && !(Number.isInteger(each) && each > 0)))
        usage('--budget and --memory take whole numbers from 1')
      const ready = preparedProgram(path, values, context)
      if (typeof ready === 'number') return exit(ready)
      const { prepared, name } = ready
      const options = {
        coverage: values.coverage !== undefined || values.profile === true,
        ...(budget !== undefined && { budget }),
        ...(memory !== undefined && { memoryLimit: memory * 2 ** 20 }),
      }
      let vm: Vm
      try {
        vm = new Vm(prepared, options)
      } catch (error) {
        if (!(error instanceof LimitReached || error instanceof MapError)) throw error
        context.err(`error: ${path}: ${error.message}\n`)
        return exit(error instanceof MapError ? ExitCode.rejected : ExitCode.limit)
      }
      for (const assignment of values.set) {
        const problem = setElement(vm, assignment)
        if (problem) usage(`--set ${assignment}: ${problem}`)
      }
      const inputs = runInputs(values, context)
      if (typeof inputs === 'number') return exit(inputs)
      exit(runAll(vm, name, inputs, repeat, values, context))
    })
  },
}

function runAll(
  vm: Vm,
  name: string,
  inputs: () => Iterable<TimedInput>,
  repeat: number,
  values: RunFlags,
  context: CliContext,
): number {
  const paint = painter(context.colour)
  const program = vm.program(name)
  const json = values.format === 'json'
  const isXdp = program.prepared.type === XDP
  const say = (retval: number) => (isXdp ? `${retval} (${xdpActions[retval] ?? 'unknown action'})` : String(retval))
  const start = vm.env.ktime
  let code: number = ExitCode.ok
  let number = 0
  const counts = new AnswerCounts()
  for (let round = 0; round < repeat; round++) {
    for (const { input, time, done } of inputs()) {
      if (time !== undefined) vm.env.ktime = start + time
      let result: RunResult
      try {
        result = program.run(values.trace ? { ...input, onStep: lineTrace(context) } : input)
      } catch (error) {
        if (!(error instanceof LimitReached || error instanceof NotImplemented)) throw error
        context.err(`error: ${name}: ${error.message}\n`)
        return error instanceof LimitReached ? ExitCode.limit : ExitCode.notImplemented
      }
      number++
      if (values.summary) {
        counts.add(result.fault ? 'fault' : say(result.retval))
        if (number % PROGRESS_RUNS === 0) counts.show(context, done ?? number / repeat)
      } else if (json) {
        context.out(
          `${JSON.stringify({ run: number, program: name, retval: result.retval, insns: result.insns, fault: result.fault, trace: result.trace })}\n`,
        )
      } else {
        const what = input.packet ? `packet ${number}, ${input.packet.length} bytes` : `run ${number}`
        context.out(
          `${what}: ${result.fault ? paint('red', 'fault') : paint('bold', say(result.retval))}  ${result.insns} instructions\n`,
        )
        for (const line of result.trace) context.out(`    ${line.trimEnd()}\n`)
      }
      if (result.fault) {
        const { line } = result.fault
        context.err(
          `error: ${result.fault.message}, at instruction ${result.fault.slot}${line ? ` (${line.path}:${line.line}: ${line.text.trim()})` : ''}\n`,
        )
        code = ExitCode.rejected
      }
    }
  }
  if (values.summary) counts.print(json, context)
  if (values.maps) for (const map of Object.values(vm.maps)) showMap(map, json, context)
  if (values.coverage !== undefined || values.profile) showCounts(program.coverage, values, context)
  return code
}

/** Runs between two looks at the progress. */
const PROGRESS_RUNS = 10_000
const BAR_WIDTH = 40

/** How often programs gave which answer. */
class AnswerCounts {
  private readonly counts = new Map<string, number>()
  private all = 0
  private shown = false

  add(answer: string): void {
    this.all++
    this.counts.set(answer, (this.counts.get(answer) ?? 0) + 1)
  }

  /** A bar of what is done, from 0 to 1, in one line that is written over. */
  show(context: CliContext, done: number): void {
    if (!context.interactive) return
    this.shown = true
    const bar = '#'.repeat(Math.floor(done * BAR_WIDTH)).padEnd(BAR_WIDTH, '.')
    context.err(`\r[${bar}] ${Math.floor(done * 100)} %  ${this.all.toLocaleString('en')} runs`)
  }

  print(json: boolean, context: CliContext): void {
    if (this.shown) context.err('\r\x1b[K')
    if (json) context.out(`${JSON.stringify({ runs: this.all, answers: Object.fromEntries(this.counts) })}\n`)
    else for (const [answer, count] of this.counts) context.out(`${String(count).padStart(10)}  ${answer}\n`)
  }
}

/** Prints a line of C when a run enters it. Goes to standard error, so that the report stays as it is. */
function lineTrace(context: CliContext): (step: Step) => void {
  let last = ''
  return ({ program, line }) => {
    if (!line) return
    const place = `${line.path}:${line.line}`
    if (place !== last) context.err(`    ${program}  ${place}: ${line.text.trim()}\n`)
    last = place
  }
}

const MAX_PROFILE_LINES = 20

function showCounts(coverage: ProgramCoverage, values: RunFlags, context: CliContext): void {
  // With --format json, standard output holds JSON lines only.
  const out = (text: string) => (values.format === 'json' ? context.err(text) : context.out(text))
  if (values.coverage !== undefined) out(values.coverage === 'lcov' ? lcov([coverage]) : `\n${coverageTable([coverage])}`)
  if (!values.profile) return
  const rows = profile([coverage])
  const all = rows.reduce((sum, row) => sum + row.insns, 0)
  out(`\ninstructions by line (${all})\n`)
  for (const { path, line, insns } of rows.slice(0, MAX_PROFILE_LINES))
    out(`  ${String(insns).padStart(10)}  ${((insns / all) * 100).toFixed(1).padStart(5)} %  ${path}:${line}\n`)
  if (rows.length > MAX_PROFILE_LINES) out(`  and ${rows.length - MAX_PROFILE_LINES} more lines\n`)
}

const MAX_SHOWN = 64

function showMap(map: MapAccess, json: boolean, context: CliContext): void {
  const { def } = map.map
  if (def.data || def.keySize === 0) return
  const rows: { key: BtfValue; value: BtfValue }[] = []
  let all = 0
  try {
    const typed = def.keyType && def.valueType ? map.typed : undefined
    const hex = (bytes: Uint8Array): BtfValue => Buffer.from(bytes).toString('hex')
    const shown = typed?.entries()[Symbol.iterator]()
    for (const [key, value] of map.entries()) {
      const decoded = shown?.next().value
      const perCpu = map.getPerCpu(key)
      // Array maps always have all their elements; those never written tell nothing.
      if (def.keySize === 4 && (perCpu ?? [value]).every(each => each.every(byte => byte === 0))) continue
      if (++all > MAX_SHOWN) continue
      if (!typed || !decoded) rows.push({ key: hex(key), value: hex(value) })
      else rows.push({ key: decoded[0], value: perCpu && perCpu.length > 1 ? typed.getPerCpu(decoded[0])! : decoded[1] })
    }
  } catch (error) {
    if (!(error instanceof NotImplemented) && !(error instanceof RangeError)) throw error
    return
  }
  if (json) {
    context.out(`${JSON.stringify({ map: map.name, entries: rows }, bigAsNumber)}\n`)
    return
  }
  if (rows.length === 0) return
  context.out(`\n${map.name} (${all} ${all === 1 ? 'entry' : 'entries'})\n`)
  for (const row of rows) context.out(`  ${JSON.stringify(row.key, bigAsNumber)}: ${JSON.stringify(row.value, bigAsNumber)}\n`)
  if (all > rows.length) context.out(`  and ${all - rows.length} more\n`)
}

/** JSON has no 64-bit integers: those that fit become numbers, the others strings. */
function bigAsNumber(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= -BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value)
}
