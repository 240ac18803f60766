/** `bpfc strip`: takes DWARF out of an object, in place of `llvm-strip -g`. */
import { Option } from 'commander'
import { stripObject } from '../../linker/strip.js'
import { readInput } from '../read-input.js'
import type { Subcommand } from '../commands.js'
import { reportFaults, writeOutput } from '../input-faults.js'

export const stripCommand: Subcommand = {
  name: 'strip',
  register(program, context, exit) {
    const command = program
      .command('strip')
      .summary('take DWARF out of objects')
      .description('Removes DWARF sections and labels from objects; BTF, maps and programs stay as they are.')
      .argument('<objects...>', 'BPF objects; rewritten in place unless -o is given')
      .option('-o, --output <file>', 'where the stripped object goes (one object only)')
      // What build files say to llvm-strip; debug information is all that is ever taken out.
      .option('-g, --strip-debug', 'as always: accepted for build files made for llvm-strip')
      .addOption(new Option('-d').hideHelp())
      .addOption(new Option('-S').hideHelp())
      .option('--json', 'say what was written as JSON, an object a line')
      .addHelpText('after', '\nExamples:\n  bpfc strip prog.bpf.o\n  bpfc strip prog.bpf.o -o small.bpf.o')
    command.action((paths: string[], values: { output?: string; json?: boolean }) => {
      if (values.output !== undefined && paths.length > 1) command.error('error: -o takes one object', { exitCode: 2 })
      let code = 0
      for (const path of paths) {
        const bytes = readInput(path, context)
        const made =
          typeof bytes === 'number'
            ? bytes
            : reportFaults(path, context, () => {
                const stripped = stripObject(bytes)
                const output = values.output ?? path
                const written = writeOutput(output, stripped, context)
                if (values.json && written === 0)
                  context.out(`${JSON.stringify({ object: path, output, before: bytes.length, bytes: stripped.length })}\n`)
                return written
              })
        code = Math.max(code, made)
      }
      exit(code)
    })
  },
}
