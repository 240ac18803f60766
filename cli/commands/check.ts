/** `bpfc check`: the verdict of each kernel on each program, and the reason where one refuses. */
import { ExitCode } from '../../base/outcome.js'
import { prepareObject } from '../../linker/object/prepare.js'
import { kernelVersion, type PrepareOptions } from '../../linker/object/prepare-options.js'
import type { BtfSet } from '../../linker/btf/btf-types.js'
import type { BpfObject } from '../../linker/object/bpf-object.js'
import type { PreparedProgram } from '../../linker/object/prepared.js'
import { ALL_PRIVILEGES, NO_PRIVILEGES, type Privileges } from '../../runtime/kernel/privileges.js'
import { type KernelProfile, kernelProfiles } from '../../runtime/kernel/profile.js'
import { costOf } from '../../runtime/verifier/cost.js'
import { type Verdict, verifyProgram } from '../../runtime/verifier/verify.js'
import type { Subcommand } from '../commands.js'
import type { CliContext } from '../context.js'
import { addChangeFlags, changedByFlags, type ChangeFlags } from '../change-flags.js'
import { deferredKernelBtf, kernelBtf } from '../kernel-btf.js'
import { machineFor } from '../machine.js'
import { type CostResult, costKey, costsOf, costText, growth, type OldCost, type Target } from '../report/cost-text.js'
import { checkFormats, type CheckResult } from '../report/check-formats.js'
import { type Paint, painter, type Style } from '../../base/colour.js'
import { renderExplanation } from '../../runtime/verifier/explain/explanation-text.js'
import { codeOf, worst } from '../exit-codes.js'
import { explained } from '../../api/verdict-explanation.js'
import { chooseKernels } from '../kernel-choice.js'
import { defaultOutput } from '../compile-file.js'
import { objectInput } from './object-input.js'
import { addCompileFlags, type CompileRequest, readCompileFlags } from './shared-flags.js'

/** A clock that need not be loaded, as `performance` must. */
const milliseconds = (): number => Number(process.hrtime.bigint()) / 1e6

/** Without `--kernel`: every version whose rules are all there. Others can be asked for, but never say `accepted`. */
const DEFAULT_KERNELS = kernelProfiles
  .filter(profile => profile.settled)
  .map(profile => profile.version)
  .join(',')

interface CheckFlags extends ChangeFlags {
  kernel: string
  machine?: string
  prog?: string
  attachProg?: string
  format: string
  logLevel?: string
  unprivileged?: boolean
  capabilities?: string
  output?: string
  object: boolean
  cost?: boolean
  against?: string
  maxGrowth?: string
}

interface Row extends CheckResult, CostResult {
  readonly program: PreparedProgram
  readonly kernel: KernelProfile
  readonly verdict: Verdict
  readonly ms: number
}

const words: Readonly<Record<Verdict['verdict'], Style>> = {
  accepted: 'green',
  rejected: 'red',
  invalid: 'red',
  limit: 'yellow',
  'not-implemented': 'yellow',
}

export const checkCommand: Subcommand = {
  name: 'check',
  register(program, context, exit) {
    const command = program
      .command('check')
      .summary('say whether kernels will accept a program, and why not')
      .description(
        "Verifies every program as each kernel's own verifier would, without root and without a kernel.\nTakes C sources (which are compiled, and the object written) and objects of bpfc, clang and gcc.",
      )
      .argument('<files...>', 'C sources or BPF objects')
      .option(
        '--kernel <versions>',
        `comma-separated, or all: ${kernelProfiles.map(profile => profile.version).join(', ')}`,
        DEFAULT_KERNELS,
      )
      .option(
        '--machine <file>',
        "facts about the machine that decide verdicts: a kernel's configuration, JSON, or `this` (the default for the running version)",
      )
      .option('--prog <name>', 'only this program')
      .option('--attach-prog <object:program>', 'the program that freplace programs are for; it must be accepted itself')
      .option(
        '--format <format>',
        'text; json: one object a line for each program and kernel; sarif, junit or github for CI',
        'text',
      )
      .option('--log-level <n>', "print the verifier's log as that kernel would: 1, 2 or 4, added up")
      .option('--capabilities <list>', 'what the loader may do: bpf, perfmon, net_admin, comma-separated; all by default')
      .option('--unprivileged', 'as loaded without any capability, where the machine lets such programs in')
      .option('--cost', "where the verifier's effort goes: instructions processed, states and time by function and C line")
      .option('--against <object>', 'compare with what the programs of another object or source cost (implies --cost)')
      .option('--max-growth <percent>', 'with --against: exit code 1 if a program takes so much more to verify', '10')
      .option('-o, --output <file>', 'where the object goes that was compiled (one source only)')
      .option('--no-object', 'do not write the object')
    addCompileFlags(addChangeFlags(command)).addHelpText(
      'after',
      '\nExamples:\n  bpfc check prog.bpf.c\n  bpfc check --kernel 6.1 --log-level 1 prog.bpf.o\n  bpfc check --format json *.bpf.o\n  bpfc check --cost --against released.bpf.o --max-growth 20 prog.bpf.o',
    )
    command.action((paths: string[], values: CheckFlags) => {
      const usage = (message: string) => command.error(`error: ${message}`, { exitCode: ExitCode.usage })
      const kernels = chooseKernels('--kernel', values.kernel)
      if (typeof kernels === 'string') return usage(kernels)
      const format = checkFormats.get(values.format)
      if (values.format !== 'text' && values.format !== 'json' && !format)
        return usage(`--format ${values.format}: must be text, json, ${[...checkFormats.keys()].join(', ')}`)
      if (values.logLevel !== undefined && !/^[0-7]$/.test(values.logLevel))
        return usage(`--log-level ${values.logLevel}: must be 0 to 7`)
      if (format && values.logLevel !== undefined) return usage('--log-level goes with --format text or json')
      const privileges = privilegesOf(values)
      if (typeof privileges === 'string') return usage(privileges)
      const maxGrowth = Number(values.maxGrowth)
      if (!(maxGrowth >= 0)) return usage(`--max-growth ${values.maxGrowth}: must be a percentage`)
      if (format && (values.cost || values.against !== undefined)) return usage('--cost goes with --format text or json')
      if (values.output !== undefined && paths.length > 1) usage('-o takes one source file')
      const request = readCompileFlags(values)
      const json = values.format !== 'text'
      const rows: Row[] = []
      const codes: number[] = []
      const started = milliseconds()
      const extended = values.attachProg === undefined ? undefined : extendedObject(values.attachProg, request, context, json)
      if (typeof extended === 'string') return usage(extended)
      if (typeof extended === 'number') return exit(extended)
      const targetsOf = (object: BpfObject, set: BtfSet): Target[] =>
        kernels.map(kernel => {
          const machine = machineFor(values.machine, kernel.version)
          const [major, minor] = kernel.version.split('.').map(Number)
          const options: PrepareOptions = {
            kernelBtf: set,
            kernelVersion: kernelVersion(major!, minor!),
            anyLoader: true,
            get kconfig() {
              return machine.kconfig
            },
          }
          const facts = machine.facts
          if (!extended) return { kernel, prepared: prepareObject(object, options), facts }
          const whole = prepareObject(extended.object, options)
          const program = whole.programs.find(each => each.name === extended.program)!
          const prepared = prepareObject(object, whole.btf ? { ...options, attachProgram: whole.btf } : options)
          return { kernel, prepared, facts, extends: { object: whole, program } }
        })
      let old: ReadonlyMap<string, OldCost> | undefined
      if (values.against !== undefined) {
        const input = objectInput(values.against, request, context, json, { anyLoader: true })
        if (typeof input === 'number') return exit(input)
        old = costsOf(targetsOf(input.object, deferredKernelBtf(request.flags.btf)))
      }
      for (const path of paths) {
        const input = objectInput(path, request, context, json, { anyLoader: true })
        if (typeof input === 'number') {
          codes.push(input)
          continue
        }
        const object = changedByFlags(input.object, values)
        if (typeof object === 'string') return usage(`${path}: ${object}`)
        const targets = targetsOf(object, deferredKernelBtf(request.flags.btf))
        const { prepared } = targets[0]!
        const programs = prepared.programs.filter(each => values.prog === undefined || each.name === values.prog)
        if (programs.length === 0) {
          context.err(`error[D0006]: ${path} has no program${values.prog === undefined ? 's' : ` ${values.prog}`}\n`)
          codes.push(ExitCode.rejected)
        }
        for (const each of programs) rows.push(...checkOne(path, each, targets, values, privileges, context, old))
        if (input.compiled && values.object) {
          const { from } = kernelBtf(request.flags.btf)
          codes.push(writeObject(path, input.bytes, programs, values, json, from, context))
        }
      }
      if (format) context.out(format(rows))
      else if (!json && rows.length > 0) report(rows, (milliseconds() - started) / 1000, context)
      if (!json && (values.cost || old)) for (const row of rows) context.out(costText(row, values.against, context.colour))
      for (const row of rows) codes.push(codeOf(row.verdict))
      for (const row of rows.filter(each => growth(each) > maxGrowth)) {
        const name = `${row.program.name}, kernel ${row.kernel.version}`
        context.err(
          `error[D0009]: ${name}: takes ${growth(row).toFixed(1)} % more to verify than in ${values.against}, and ${maxGrowth} % is allowed\n`,
        )
        codes.push(ExitCode.rejected)
      }
      exit(worst(codes))
    })
  },
}

/** The object of `OBJECT:PROGRAM` and the program's name; what is wrong with the option, or an exit code after saying why there is none. */
function extendedObject(text: string, request: CompileRequest, context: CliContext, json: boolean) {
  const colon = text.lastIndexOf(':')
  if (colon < 1) return `--attach-prog ${text}: must be OBJECT:PROGRAM`
  const [path, program] = [text.slice(0, colon), text.slice(colon + 1)]
  const input = objectInput(path, request, context, json, { anyLoader: true })
  if (typeof input === 'number') return input
  const { object } = input
  const names = object.programs.map(each => each.name)
  if (!names.includes(program)) return `--attach-prog ${text}: ${path} has no program ${program}; it has ${names.join(', ')}`
  return { object, program }
}

/** The loader's capabilities, or what is wrong with the options. */
function privilegesOf({ unprivileged, capabilities }: CheckFlags): Privileges | string {
  if (capabilities === undefined) return unprivileged ? NO_PRIVILEGES : ALL_PRIVILEGES
  if (unprivileged) return '--unprivileged and --capabilities exclude each other'
  const names = capabilities.split(',').map(name => name.toLowerCase().replace(/^cap_/, ''))
  const unknown = names.find(name => !['bpf', 'perfmon', 'net_admin', 'sys_admin'].includes(name))
  if (unknown !== undefined) return `--capabilities ${unknown}: must be of bpf, perfmon, net_admin, sys_admin`
  const has = (name: string) => names.includes(name) || names.includes('sys_admin')
  return { bpf: has('bpf'), perfmon: has('perfmon'), netAdmin: has('net_admin') }
}

function checkOne(
  path: string,
  program: PreparedProgram,
  targets: readonly Target[],
  values: CheckFlags,
  privileges: Privileges,
  context: CliContext,
  old: ReadonlyMap<string, OldCost> | undefined,
): Row[] {
  const effort = values.cost === true || old !== undefined
  return targets.map(({ kernel, prepared, facts, extends: extended }) => {
    const own = prepared.programs.find(each => each.name === program.name) ?? program
    const before = milliseconds()
    const logLevel = Number(values.logLevel ?? 0)
    const options = { kernel, logLevel, machine: facts, privileges, effort, ...(extended && { extends: extended }) }
    const verdict = verifyProgram(prepared, own, options)
    const ms = milliseconds() - before
    const row: Row = {
      path,
      program,
      kernel,
      verdict,
      ms,
      explanation: explained(prepared, own, verdict, options),
      cost: verdict.effort && costOf(own, verdict.effort),
      old: old?.get(costKey(program, kernel)),
    }
    if (values.format === 'json') {
      context.out(
        `${JSON.stringify({
          object: path,
          program: program.name,
          section: program.section,
          kernel: kernel.version,
          verdict: verdict.verdict,
          message: verdict.message,
          ...(!row.kernel.settled && { basis: 'documentation' }),
          processed: verdict.processed,
          states: verdict.totalStates,
          ms: Number(row.ms.toFixed(1)),
          ...(row.cost && { limit: kernel.insnLimit, peakStates: verdict.peakStates, cost: row.cost }),
          ...(old && {
            against: row.old ? { object: values.against, ...row.old, growth: Number(growth(row).toFixed(1)) } : null,
          }),
          ...(row.explanation && { explanation: row.explanation }),
          ...(values.logLevel !== undefined && { log: verdict.log }),
        })}\n`,
      )
    } else if (values.logLevel !== undefined) context.out(`--- ${program.name}, kernel ${kernel.version}\n${verdict.log}`)
    return row
  })
}

function writeObject(
  path: string,
  bytes: Uint8Array,
  programs: readonly PreparedProgram[],
  values: CheckFlags,
  json: boolean,
  from: string,
  context: CliContext,
): number {
  const output = values.output ?? defaultOutput(path)
  const problem = context.write(output, bytes)
  if (problem) {
    context.err(`error[D0005]: ${problem}\n`)
    return ExitCode.rejected
  }
  const insns = programs.reduce((sum, each) => sum + each.insns.length, 0)
  if (!json)
    context.out(
      `${output}: ${bytes.length} bytes, ${programs.length} ${plural(programs.length, 'program')}, ${insns} instructions; kernel types from ${from}\n`,
    )
  return ExitCode.ok
}

const plural = (count: number, word: string): string => (count === 1 ? word : `${word}s`)

/** The verdict; with a star where the kernel is known by documentation only. */
const said = ({ kernel, verdict }: Row): string =>
  verdict.verdict === 'accepted' && !kernel.settled ? 'accepted*' : verdict.verdict

/** A line a program with a verdict for each kernel, then what was wrong. */
function report(rows: readonly Row[], seconds: number, context: CliContext): void {
  const paint = painter(context.colour)
  const byProgram = new Map<PreparedProgram, Row[]>()
  for (const row of rows) byProgram.set(row.program, [...(byProgram.get(row.program) ?? []), row])
  const title = (row: Row) => `${row.path.split('/').pop()}  ${row.program.name} (${row.program.section})`
  const width = Math.max(0, ...[...byProgram.values()].map(group => title(group[0]!).length))
  for (const group of byProgram.values()) {
    const verdicts = group
      .map(row => `${row.kernel.version} ${paint(words[row.verdict.verdict], said(row).padEnd(8))}`)
      .join('   ')
    const processed = Math.max(...group.map(row => row.verdict.processed))
    context.out(
      `${title(group[0]!).padEnd(width)}   ${verdicts.trimEnd()}${processed > 0 ? paint('dim', `   ${group[0]!.program.insns.length} insns, ${processed} processed`) : ''}\n`,
    )
  }
  for (const group of byProgram.values()) explain(group, paint, context)
  if (rows.some(row => said(row).endsWith('*'))) context.out('* by documentation: no kernel of that version was asked\n')
  const accepted = [...byProgram.values()].filter(group => group.every(row => row.verdict.verdict === 'accepted')).length
  const refused = byProgram.size - accepted
  context.out(
    `${byProgram.size} ${plural(byProgram.size, 'program')}, ${accepted} accepted, ${refused} not accepted everywhere (${seconds.toFixed(2)} s)\n`,
  )
}

/** One report for kernels that say the same. */
function explain(group: readonly Row[], paint: Paint, context: CliContext): void {
  const groups = new Map<string, Row[]>()
  for (const row of group) {
    if (row.verdict.verdict === 'accepted') continue
    const key = `${row.verdict.verdict}\n${row.explanation ? `${row.explanation.code} ${row.explanation.message} ${row.explanation.slot}` : row.verdict.message}`
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  for (const same of groups.values()) {
    const { verdict, program, path, explanation } = same[0]!
    const kernels = same.map(row => row.kernel.version).join(', ')
    if (explanation) {
      context.out(`\n${renderExplanation(explanation, `${program.name}, ${kernels}`, context.colour)}`)
      continue
    }
    context.out(
      `\n${paint(words[verdict.verdict], `${verdict.verdict}[${kernels}]`)}${paint('bold', `: ${program.name}: ${verdict.message}`)}\n`,
    )
    context.out(`  --> ${path}, section ${program.section}\n`)
  }
}
