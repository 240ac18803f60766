/** `bpfc link`: several objects into one, in place of `bpftool gen object`. */
import { ExitCode } from '../../base/outcome.js'
import { type LinkInput, linkObjects } from '../../linker/merge.js'
import { readInput } from '../read-input.js'
import type { Subcommand } from '../commands.js'
import { firstThatFails, reportFaults, writeOutput } from '../input-faults.js'

export const linkCommand: Subcommand = {
  name: 'link',
  register(program, context, exit) {
    program
      .command('link')
      .summary('link BPF objects into one')
      .description(
        'Links objects statically: symbols are resolved, maps and externs checked for the same types, BTF merged without duplicates.\nObjects of bpfc, clang and gcc go together.',
      )
      .argument('<objects...>', 'BPF objects')
      .requiredOption('-o, --output <file>', 'the linked object')
      .option('--json', 'say what was written as JSON')
      .addHelpText('after', '\nExamples:\n  bpfc link -o app.bpf.o maps.bpf.o progs.bpf.o')
      .action((paths: string[], values: { output: string; json?: boolean }) => {
        const inputs: LinkInput[] = []
        for (const path of paths) {
          const bytes = readInput(path, context)
          if (typeof bytes === 'number') {
            exit(bytes)
            return
          }
          inputs.push({ path, bytes })
        }
        const link = () => {
          const linked = linkObjects(inputs)
          const code = writeOutput(values.output, linked, context)
          if (values.json && code === ExitCode.ok)
            context.out(`${JSON.stringify({ output: values.output, inputs: paths, bytes: linked.length })}\n`)
          return code
        }
        const culprit = () =>
          firstThatFails(inputs, input => linkObjects([input]))?.path ?? inputs.map(({ path }) => path).join(', ')
        exit(reportFaults(culprit, context, link))
      })
  },
}
