/** `bpfc asm`: assembly, as `clang -S` writes it, to objects. */
import { ExitCode } from '../../base/outcome.js'
import { assembleObject } from '../assembly-object.js'
import { readInput } from '../read-input.js'
import type { Subcommand } from '../commands.js'
import { writeOutput } from '../input-faults.js'
import { diagnosticJson, renderDiagnostic } from '../report/diagnostic-text.js'

/** Where an object goes when nobody said: into the working folder, `x.s` to `x.o`. */
const defaultOutput = (path: string): string =>
  `${path
    .split('/')
    .pop()!
    .replace(/\.[sS]$/, '')}.o`

export const asmCommand: Subcommand = {
  name: 'asm',
  register(program, context, exit) {
    const command = program
      .command('asm')
      .summary('assemble to BPF objects')
      .description('Assembles what clang -target bpf takes and writes with -S: sections, labels, symbols, data and instructions.')
      .argument('<files...>', 'assembly files')
      .option('-o, --output <file>', 'the object (one file only; default: FILE with .o, in the current folder)')
      .option('--big-endian', 'for big-endian machines')
      .option('--format <format>', 'how faults are reported: text or json (one a line)', 'text')
      .addHelpText(
        'after',
        '\nExamples:\n  bpfc asm prog.s -o prog.o\n  clang -target bpf -g -O2 -S prog.c -o prog.s && bpfc asm prog.s',
      )
    command.action((paths: string[], values: { output?: string; bigEndian?: boolean; format: string }) => {
      const usage = (message: string) => command.error(`error: ${message}`, { exitCode: ExitCode.usage })
      if (values.output !== undefined && paths.length > 1) usage('-o takes one file')
      if (values.format !== 'text' && values.format !== 'json') usage(`--format ${values.format}: must be text or json`)
      let code: number = ExitCode.ok
      for (const path of paths) {
        const bytes = readInput(path, context)
        if (typeof bytes === 'number') {
          code = Math.max(code, bytes)
          continue
        }
        const { object, diagnostics, sources } = assembleObject(path, bytes, !values.bigEndian)
        for (const diagnostic of diagnostics) {
          if (values.format === 'json') context.out(`${JSON.stringify({ diagnostic: diagnosticJson(diagnostic, sources) })}\n`)
          else context.err(renderDiagnostic(diagnostic, sources, context.colour))
        }
        code = Math.max(code, object ? writeOutput(values.output ?? defaultOutput(path), object, context) : ExitCode.rejected)
      }
      exit(code)
    })
  },
}
