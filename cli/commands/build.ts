/** `bpfc build`: C to objects, or to the text of a stage. */
import { ExitCode } from '../../base/outcome.js'
import type { Emit } from '../../compiler/pipeline.js'
import { compileFile, defaultOutput } from '../compile-file.js'
import type { Subcommand } from '../commands.js'
import { stackUsage } from '../report/stack-usage.js'
import { sourceMap } from '../source-map.js'
import { addCompileFlags, readCompileFlags } from './shared-flags.js'

const emits = ['tokens', 'ast', 'ir', 'asm', 'btf', 'obj'] as const

/** Where an object goes when nobody said: beside the working directory, `x.bpf.c` to `x.bpf.o`. */
interface BuildFlags {
  output?: string
  emit: string
  sourceMap?: boolean
  forKernel?: string
  stackUsage?: boolean | string
}

export const buildCommand: Subcommand = {
  name: 'build',
  register(program, context, exit) {
    const command = program
      .command('build')
      .summary('compile C to BPF objects')
      .description('Compiles restricted C to ELF objects with BTF that libbpf-style loaders take.')
      .argument('<files...>', 'C sources')
      .option('-o, --output <file>', 'the object (one source only; default: FILE with .o, in the current folder)')
      .option('--emit <stage>', `what to write: ${emits.join(', ')}; texts go to standard output unless -o is given`, 'obj')
      .option(
        '--for-kernel <versions>',
        'verify for these kernels (comma-separated, or all); what one refuses is compiled again more carefully, and fails when that does not help',
      )
      .option('--stack-usage [format]', 'stack of each function and of the deepest chain of calls from it, as text or json')
      .option('--source-map', 'write OBJECT.map too: Source Map v3, line = instruction')
    addCompileFlags(command).addHelpText(
      'after',
      '\nExamples:\n  bpfc build prog.bpf.c -o prog.bpf.o\n  bpfc build -I include -D DEBUG=1 --mcpu v2 *.bpf.c\n  bpfc build prog.bpf.c --emit asm',
    )
    command.action(async (files: string[], values: BuildFlags) => {
      const usage = (message: string) => command.error(`error: ${message}`, { exitCode: ExitCode.usage })
      if (!(emits as readonly string[]).includes(values.emit)) usage(`--emit ${values.emit}: must be one of ${emits.join(', ')}`)
      if (values.output !== undefined && files.length > 1) usage('-o takes one source file')
      if (values.sourceMap && values.emit !== 'obj') usage('--source-map goes with objects, not with --emit')
      const emit = values.emit as Emit
      const stackFormat = values.stackUsage === true ? 'text' : values.stackUsage
      if (stackFormat && stackFormat !== 'text' && stackFormat !== 'json')
        usage(`--stack-usage ${stackFormat}: must be text or json`)
      if (stackFormat && emit !== 'obj') usage('--stack-usage goes with objects, not with --emit')
      const kernels =
        values.forKernel === undefined ? undefined : (await import('../for-kernels.js')).chosenKernels(values.forKernel)
      if (typeof kernels === 'string') return usage(kernels)
      if (kernels && emit !== 'obj') usage('--for-kernel goes with objects, not with --emit')
      const request = readCompileFlags(values)
      let code: number = ExitCode.ok
      for (const file of files) {
        const compiled = kernels
          ? (await import('../for-kernels.js')).compileFileForKernels(file, request, context, kernels)
          : compileFile(file, request, context, emit)
        code = Math.max(code, compiled.code)
        if (compiled.code !== ExitCode.ok || !compiled.result) continue
        if (stackFormat) context.out(stackUsage(file, compiled.result, stackFormat === 'json', context.colour))
        const content = emit === 'obj' ? compiled.result.object! : compiled.result.text!
        if (emit !== 'obj' && values.output === undefined) {
          context.out(content as string)
          continue
        }
        const output = values.output ?? defaultOutput(file)
        const problem =
          context.write(output, content) ??
          (values.sourceMap
            ? context.write(`${output}.map`, sourceMap(content as Uint8Array, output.split('/').pop()!))
            : undefined)
        if (problem) {
          context.err(`error[D0005]: ${problem}\n`)
          code = Math.max(code, ExitCode.rejected)
        }
      }
      exit(code)
    })
  },
}
