/** `bpfc core`: what every CO-RE relocation of an object becomes on each kernel, for people and for CI; and minimal BTF. */
import { ExitCode } from '../../base/outcome.js'
import { minimizeBtf } from '../../linker/core/minimize.js'
import { type CoreReportRow, coreReport } from '../../linker/core/report.js'
import type { BpfObject } from '../../linker/object/bpf-object.js'
import { type KernelTypes, readKernels } from '../btf-input.js'
import type { Subcommand } from '../commands.js'
import type { CliContext } from '../context.js'
import { firstThatFails, reportFaults, writeOutput } from '../input-faults.js'
import { painter } from '../../base/colour.js'
import { objectInput } from './object-input.js'
import { addCompileFlags, readCompileFlags } from './shared-flags.js'

interface CoreValues {
  kernelBtf?: string[]
  btf?: string
  minimize?: boolean
  allowMissing?: boolean
  output?: string
  format: string
}

const RUNNING = '/sys/kernel/btf'

export const coreCommand: Subcommand = {
  name: 'core',
  register(program, context, exit) {
    const command = program
      .command('core')
      .summary("show what an object's CO-RE relocations become")
      .description(
        'Shows, per relocation and kernel, the C line, the access and its value there, or why it fails.\nThe exit code is 1 if any fails on any kernel.',
      )
      .argument('<files...>', 'BPF objects or C sources')
      .option('--allow-missing', 'what a kernel lacks is no failure: the program asks before it uses it')
      .option('--minimize', 'write only the types that these objects need of one kernel, with -o')
      .option('-o, --output <file>', 'the minimal BTF')
      .option('--format <format>', 'text or json (one relocation and kernel a line)', 'text')
    addCompileFlags(command).addHelpText(
      'after',
      `
--btf takes a BTF file, a folder of them (one a kernel; with a file vmlinux in it: one kernel and its modules), or the word bundled; several separated by commas.

Examples:
  bpfc core prog.bpf.o --btf btfs/
  bpfc core prog.bpf.o --btf 5.15.btf,6.12.btf --format json
  bpfc core a.bpf.o b.bpf.o --btf 5.15.btf --minimize -o 5.15.min.btf`,
    )
    command.action((paths: string[], values: CoreValues) => {
      const usage = (message: string) => command.error(`error: ${message}`, { exitCode: ExitCode.usage })
      if (values.format !== 'text' && values.format !== 'json') usage(`--format ${values.format}: must be text or json`)
      if (values.minimize && values.output === undefined) usage('--minimize needs -o FILE')
      if (!values.minimize && values.output !== undefined) usage('-o goes with --minimize')
      const places = values.btf?.split(',') ?? [RUNNING]
      // The compiler takes its vmlinux.h from one file; a folder of kernels is only for the report.
      const { btf: _, ...compileValues } = values
      const request = readCompileFlags(compileValues)
      exit(
        reportFaults(places.join(', '), context, () => {
          const kernels = readKernels(places, context)
          if (typeof kernels === 'number') return kernels
          if (kernels.length === 0) {
            context.err(`error[D0001]: no BTF files in ${places.join(', ')}\n`)
            return ExitCode.rejected
          }
          if (values.minimize && kernels.length > 1) usage('--minimize takes the BTF of one kernel')
          const objects: { path: string; object: BpfObject }[] = []
          for (const path of paths) {
            const input = objectInput(path, request, context, values.format === 'json', { tolerant: true })
            if (typeof input === 'number') return input
            objects.push({ path, object: input.object })
          }
          if (values.minimize) {
            const [{ vmlinux }] = kernels as [KernelTypes]
            const minimal = (chosen: readonly { object: BpfObject }[]) =>
              minimizeBtf(
                chosen.map(({ object }) => object),
                vmlinux,
              ).finish(vmlinux.little)
            return reportFaults(
              () => firstThatFails(objects, one => minimal([one]))?.path ?? places[0]!,
              context,
              () => writeOutput(values.output!, minimal(objects), context),
            )
          }
          let code: number = ExitCode.ok
          for (const { path, object } of objects)
            code = Math.max(
              code,
              reportFaults(path, context, () => report(path, object, kernels, values, context)),
            )
          return code
        }),
      )
    })
  },
}

/** Prints one object's table; the exit code says whether all is well. */
function report(
  path: string,
  object: BpfObject,
  kernels: readonly KernelTypes[],
  values: CoreValues,
  context: CliContext,
): number {
  const reports = kernels.map(kernel => coreReport(object, kernel))
  const bad = (row: CoreReportRow) => row.outcome === 'fault' || (row.outcome === 'poison' && !values.allowMissing)
  const failing = reports.map(rows => rows.filter(bad).length)
  if (values.format === 'json') {
    // 64-bit values as text: a number of JSON cannot hold them all.
    for (const [at, rows] of reports.entries())
      for (const { original, value, ...row } of rows)
        context.out(
          `${JSON.stringify({ object: path, kernel: kernels[at]!.name, ...row, original: `${original}`, value: value === undefined ? null : `${value}` })}\n`,
        )
  } else {
    const paint = painter(context.colour)
    const width = Math.max(...kernels.map(kernel => kernel.name.length))
    const first = reports[0]!
    context.out(`${paint('bold', path)}: ${first.length} relocation${first.length === 1 ? '' : 's'}\n`)
    for (const [index, row] of first.entries()) {
      const place = row.path === undefined ? '' : `${row.path}:${row.line}: `
      context.out(`\n${paint('bold', `${place}${row.access}`)} (${row.kind}), ${row.function} instruction ${row.slot}\n`)
      if (row.text?.trim()) context.out(paint('dim', `    ${row.text.trim()}`).concat('\n'))
      for (const [at, kernel] of kernels.entries()) {
        const here = reports[at]![index]!
        const outcome =
          here.outcome === 'ok'
            ? `${here.original} -> ${here.value}`
            : paint(bad(here) ? 'red' : 'dim', `${here.outcome === 'fault' ? 'fails' : 'missing'}: ${here.reason}`)
        context.out(`  ${kernel.name.padEnd(width)}  ${outcome}\n`)
      }
    }
    context.out('\n')
    for (const [at, kernel] of kernels.entries())
      context.out(
        `${kernel.name.padEnd(width)}  ${failing[at] === 0 ? 'all fit' : paint('red', `${failing[at]} of ${first.length} fail`)}\n`,
      )
  }
  return failing.some(count => count > 0) ? ExitCode.rejected : ExitCode.ok
}
