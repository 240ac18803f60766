/** `bpfc vmlinux`: a kernel's types as a C header. */
import { ExitCode } from '../../base/outcome.js'
import type { Subcommand } from '../commands.js'
import { vmlinuxHeader } from '../kernel-btf.js'

export const vmlinuxCommand: Subcommand = {
  name: 'vmlinux',
  register(program, context, exit) {
    program
      .command('vmlinux')
      .summary("print vmlinux.h: a kernel's types as C")
      .description(
        'Writes the types of a kernel as a C header. `#include "vmlinux.h"` works without: this is for other compilers and for reading.',
      )
      .option('--btf <file>', 'kernel BTF, raw or in an ELF file (default: the running kernel, else a bundled subset)')
      .option('-o, --output <file>', 'the header (default: standard output)')
      .addHelpText('after', '\nExamples:\n  bpfc vmlinux -o vmlinux.h\n  bpfc vmlinux --btf vmlinux-6.1.btf | less')
      .action((values: { btf?: string; output?: string }) => {
        const bytes = vmlinuxHeader(values.btf === undefined ? { kind: 'default' } : { kind: 'file', path: values.btf })
        if (values.output === undefined) {
          context.out(new TextDecoder().decode(bytes))
          return
        }
        const problem = context.write(values.output, bytes)
        if (problem) context.err(`error[D0005]: ${problem}\n`)
        exit(problem ? ExitCode.rejected : ExitCode.ok)
      })
  },
}
