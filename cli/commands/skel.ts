/** `bpfc skel`: a module or header that gives an object's maps, globals and programs names and types. */
import { ExitCode } from '../../base/outcome.js'
import { cSkeleton } from '../../linker/skeleton/c-skeleton.js'
import { tsSkeleton } from '../../linker/skeleton/ts-skeleton.js'
import type { Subcommand } from '../commands.js'
import { reportFaults, writeOutput } from '../input-faults.js'
import { objectInput } from './object-input.js'
import { addCompileFlags, readCompileFlags } from './shared-flags.js'

/** `x/exec-audit.bpf.o` to `exec_audit`, as bpftool names it. */
export function skeletonName(path: string): string {
  const stem = path
    .split('/')
    .pop()!
    .replace(/\.(o|c|i)$/, '')
    .replace(/\.bpf$/, '')
  const name = stem.replace(/[^A-Za-z0-9_]/g, '_')
  return /^[0-9]/.test(name) ? `_${name}` : name
}

export const skelCommand: Subcommand = {
  name: 'skel',
  register(program, context, exit) {
    const command = program
      .command('skel')
      .summary('make typed bindings of an object')
      .description(
        "Makes a C header for libbpf, in place of bpftool's skeleton, or a TypeScript module with typed maps, globals and programs.",
      )
      .argument('<file>', 'a BPF object or C source')
      .requiredOption('--lang <language>', 'c or ts')
      .option('--name <name>', 'prefix of what the header declares (default: from the file name)')
      .option('-o, --output <file>', 'write there (default: standard output)', '-')
    addCompileFlags(command).addHelpText(
      'after',
      '\nExamples:\n  bpfc skel prog.bpf.o --lang c -o prog.skel.h\n  bpfc skel prog.bpf.o --lang ts -o prog.skel.ts',
    )
    command.action((path: string, values: { lang: string; name?: string; output: string }) => {
      const usage = (message: string) => command.error(`error: ${message}`, { exitCode: ExitCode.usage })
      if (values.lang !== 'c' && values.lang !== 'ts') usage(`--lang ${values.lang}: must be c or ts`)
      if (values.name !== undefined && !/^[A-Za-z_]\w*$/.test(values.name))
        usage(`--name ${values.name}: must be an identifier of C`)
      const input = objectInput(path, readCompileFlags(values), context)
      if (typeof input === 'number') {
        exit(input)
        return
      }
      const name = values.name ?? skeletonName(path)
      const make = values.lang === 'c' ? cSkeleton : tsSkeleton
      exit(reportFaults(path, context, () => writeOutput(values.output, make(input.object, input.bytes, name), context)))
    })
  },
}
