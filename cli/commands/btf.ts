/** `bpfc btf`: types of an object or a kernel as text, JSON or C, and what changed between two of them. */
import type { Command } from 'commander'
import { ExitCode } from '../../base/outcome.js'
import type { BtfFile } from '../../linker/btf/btf-file.js'
import { btfToCBytes } from '../../linker/btf/c-dump.js'
import { diffBtf, type TypeChange } from '../../linker/btf/diff.js'
import { validateBtf } from '../../linker/btf/validate.js'
import { dumpJsonBytes, dumpRawBytes } from '../../linker/btf/raw-dump.js'
import { readBtfInput } from '../btf-input.js'
import type { Subcommand } from '../commands.js'
import type { CliContext } from '../context.js'
import { reportFaults, writeOutput } from '../input-faults.js'

const formats = ['raw', 'json', 'c'] as const
const FILE = 'raw BTF, an ELF file with a .BTF section, or the word bundled'

export const btfCommand: Subcommand = {
  name: 'btf',
  register(program, context, exit) {
    const group = program
      .command('btf')
      .summary('show or compare BTF')
      .description('Shows and checks types, and compares those of two kernels.')
    for (const command of [addDump(group, context, exit), addDiff(group, context, exit), addCheck(group, context, exit)])
      command.exitOverride().configureOutput({ writeOut: text => context.out(text), writeErr: text => context.err(text) })
  },
}

function addDump(group: Command, context: CliContext, exit: (code: number) => void): Command {
  const command = group
    .command('dump')
    .summary('types as text, JSON or C')
    .argument('<file>', FILE)
    .option('--format <format>', `${formats.join(', ')}: bpftool's text, bpftool's JSON, or a C header`, 'raw')
    .option('--base <file>', 'what a split BTF (a kernel module) builds on; only its own types are shown')
    .option('-o, --output <file>', 'write there (default: standard output)', '-')
    .addHelpText(
      'after',
      '\nExamples:\n  bpfc btf dump prog.bpf.o\n  bpfc btf dump /sys/kernel/btf/vmlinux --format c -o vmlinux.h\n  bpfc btf dump /sys/kernel/btf/nf_nat --base /sys/kernel/btf/vmlinux',
    )
  return command.action((path: string, values: { format: string; base?: string; output: string }) => {
    if (!(formats as readonly string[]).includes(values.format))
      command.error(`error: --format ${values.format}: must be one of ${formats.join(', ')}`, { exitCode: ExitCode.usage })
    exit(
      reportFaults(path, context, () => {
        const base = values.base === undefined ? undefined : readBtfInput(values.base, context)
        if (typeof base === 'number') return base
        const btf = readBtfInput(path, context, base)
        if (typeof btf === 'number') return btf
        const { firstId } = btf
        if (values.format === 'c') return writeOutput(values.output, btfToCBytes(btf, { from: firstId }), context)
        const text = values.format === 'json' ? dumpJsonBytes(btf, firstId) : dumpRawBytes(btf, firstId)
        return writeOutput(values.output, text, context)
      }),
    )
  })
}

interface DiffValues {
  readonly base?: string
  readonly type?: string
  readonly exitCode?: boolean
  readonly format: string
}

function addDiff(group: Command, context: CliContext, exit: (code: number) => void): Command {
  const command = group
    .command('diff')
    .summary('what changed from one to the other')
    .description(
      'Lists types that were added, removed or changed, by name; places of members are in bits. The exit code is 0 whether or not there are any.',
    )
    .argument('<before>', FILE)
    .argument('<after>', FILE)
    .option(
      '--base <files>',
      'what split BTFs (kernel modules) build on: one file, or BEFORE,AFTER; only their own types are compared',
    )
    .option('--type <names>', 'only these types, comma-separated')
    .option('--exit-code', 'exit with 1 if anything differs')
    .option('--format <format>', 'text or json (one change a line)', 'text')
    .addHelpText(
      'after',
      '\nExamples:\n  bpfc btf diff 6.1.btf 6.12.btf --type task_struct,sock\n  bpfc btf diff old.bpf.o new.bpf.o --exit-code\n  bpfc btf diff 6.1/nf_nat 6.12/nf_nat --base 6.1/vmlinux,6.12/vmlinux',
    )
  return command.action((before: string, after: string, values: DiffValues) => {
    if (values.format !== 'text' && values.format !== 'json')
      command.error(`error: --format ${values.format}: must be text or json`, { exitCode: ExitCode.usage })
    let changes: readonly TypeChange[] = []
    const bases = values.base?.split(',') ?? []
    if (bases.length > 2) command.error('error: --base takes one file, or two', { exitCode: ExitCode.usage })
    const read = (path: string, base: BtfFile | undefined, then: (btf: BtfFile) => number) =>
      reportFaults(path, context, () => {
        const btf = readBtfInput(path, context, base)
        return typeof btf === 'number' ? btf : then(btf)
      })
    const readOver = (path: string, base: string | undefined, then: (btf: BtfFile) => number) =>
      base === undefined ? read(path, undefined, then) : read(base, undefined, types => read(path, types, then))
    const code = readOver(before, bases[0], old =>
      readOver(after, bases[1] ?? bases[0], now => {
        changes = diffBtf(old, now)
        return ExitCode.ok
      }),
    )
    if (code !== ExitCode.ok) {
      exit(code)
      return
    }
    if (values.type !== undefined) {
      const names = new Set(values.type.split(','))
      changes = changes.filter(change => names.has(change.name))
    }
    const signs = { added: '+', removed: '-', changed: '~' } as const
    for (const change of changes) {
      if (values.format === 'json') context.out(`${JSON.stringify(change)}\n`)
      else
        context.out(
          `${signs[change.change]} ${change.kind} ${change.name}\n${change.details.map(detail => `    ${detail}\n`).join('')}`,
        )
    }
    exit(values.exitCode && changes.length > 0 ? ExitCode.rejected : ExitCode.ok)
  })
}

function addCheck(group: Command, context: CliContext, exit: (code: number) => void): Command {
  const command = group
    .command('check')
    .summary('whether types are well-formed')
    .description(
      'Checks every type by the rules of the kernel; the exit code is 1 if one breaks them, which is named with its offset.',
    )
    .argument('<files...>', FILE)
    .option('--base <file>', 'what split BTFs (kernel modules) build on')
  return command.action((paths: string[], values: { base?: string }) => {
    const base = values.base === undefined ? undefined : readBtfInput(values.base, context)
    if (typeof base === 'number') {
      exit(base)
      return
    }
    let code: number = ExitCode.ok
    for (const path of paths) {
      const result = reportFaults(path, context, () => {
        const btf = readBtfInput(path, context, base)
        if (typeof btf === 'number') return btf
        validateBtf(btf)
        context.out(`${path}: ${btf.count - btf.firstId} types, well-formed\n`)
        return ExitCode.ok
      })
      code = Math.max(code, result)
    }
    exit(code)
  })
}
