/** `bpfc explain`: a verifier log that a kernel printed, in terms of C. */
import { readFileSync } from 'node:fs'
import { ExitCode } from '../../base/outcome.js'
import { prepareObject } from '../../linker/object/prepare.js'
import type { PreparedObject, PreparedProgram } from '../../linker/object/prepared.js'
import type { Explanation } from '../../runtime/verifier/explain/explanation.js'
import { explainRejection } from '../../runtime/verifier/explain/explain.js'
import { renderExplanation } from '../../runtime/verifier/explain/explanation-text.js'
import { calleesOfLog, programFor, programOfLog } from '../../runtime/verifier/explain/log-program.js'
import { findLogs, type FoundLog } from '../../runtime/verifier/explain/log-source.js'
import { readTrace } from '../../runtime/verifier/explain/trace.js'
import type { Subcommand } from '../commands.js'
import { readInput } from '../read-input.js'
import type { CliContext } from '../context.js'
import { kernelBtf } from '../kernel-btf.js'
import { checkFormats, type CheckResult } from '../report/check-formats.js'
import { objectInput } from './object-input.js'
import { addCompileFlags, readCompileFlags } from './shared-flags.js'

interface ExplainFlags {
  obj?: string
  prog?: string
  format: string
}

export const explainCommand: Subcommand = {
  name: 'explain',
  register(program, context, exit) {
    const command = program
      .command('explain')
      .summary('say in terms of C what a verifier log means')
      .description(
        'Reads a log that a kernel (5.x or later) printed, alone or within the output of libbpf, bpftool, cilium/ebpf or another\nloader, and says what is wrong, how the program got there and what would help. With the object it knows types, columns and\nsections; without it, what the C lines of the log tell.',
      )
      .argument('<log>', 'the file with the log; - for standard input')
      .option('--obj <file>', 'the object that was loaded, or the C source it is made of')
      .option('--prog <name>', 'only the log of this program')
      .option('--format <format>', 'text; json: one object a line; sarif, junit or github for CI', 'text')
    addCompileFlags(command).addHelpText(
      'after',
      '\nExamples:\n  bpfc explain verifier.log --obj prog.bpf.o\n  bpftool prog load prog.bpf.o /sys/fs/bpf/prog 2>&1 | bpfc explain - --obj prog.bpf.o',
    )
    command.action((path: string, values: ExplainFlags) => {
      const format = checkFormats.get(values.format)
      if (values.format !== 'text' && values.format !== 'json' && !format)
        command.error(`error: --format ${values.format}: must be text, json, ${[...checkFormats.keys()].join(', ')}`, {
          exitCode: ExitCode.usage,
        })
      const bytes = path === '-' ? readFileSync(0) : readInput(path, context)
      if (typeof bytes === 'number') return exit(bytes)
      let object: PreparedObject | undefined
      if (values.obj !== undefined) {
        const request = readCompileFlags(values)
        const input = objectInput(values.obj, request, context, values.format !== 'text')
        if (typeof input === 'number') return exit(input)
        object = prepareObject(input.object, { kernelBtf: kernelBtf(request.flags.btf).set })
      }
      const logs = findLogs(new TextDecoder().decode(bytes)).filter(
        each => values.prog === undefined || each.program === undefined || each.program === values.prog,
      )
      const results: CheckResult[] = []
      for (const log of logs) {
        const result = explainLog(log, values.prog ?? log.program, path, object, context)
        if (result) results.push(result)
      }
      if (results.length === 0) {
        context.err(
          `error[D0007]: ${path} holds no verifier log of a rejected program\nhelp: have the loader print the whole log (libbpf does so by itself; bpf(2): log_level 1)\n`,
        )
        return exit(ExitCode.rejected)
      }
      if (format) context.out(format(results))
      else for (const result of results) context.out(values.format === 'json' ? jsonLine(result) : text(result, context))
      exit(ExitCode.ok)
    })
  },
}

function text({ explanation, program }: CheckResult, context: CliContext): string {
  return `${renderExplanation(explanation!, program.name, context.colour)}\n`
}

function jsonLine({ path, program, verdict, explanation }: CheckResult): string {
  const { name, section } = program
  return `${JSON.stringify({ log: path, program: name, section, verdict: verdict.verdict, message: verdict.message, explanation })}\n`
}

/** Undefined for the log of a program that was accepted. */
function explainLog(
  { log, program: said }: FoundLog,
  name: string | undefined,
  path: string,
  object: PreparedObject | undefined,
  context: CliContext,
): CheckResult | undefined {
  const alone = programOfLog(log, name ?? said ?? 'program')
  if (readTrace(log, alone.program.insns).complaint.length === 0) return undefined
  let from: { object: PreparedObject; program: PreparedProgram } | undefined
  if (object) {
    const program = programFor(log, object.programs, name)
    if (program) from = { object, program }
    else
      context.err(
        `warning[D0008]: ${name === undefined ? 'no program' : `program ${name}`} of ${object.path} has the instructions of the log: another build of it? Explained without the object\n`,
      )
  }
  const { object: whole, program } = from ?? alone
  const explanation: Explanation = explainRejection({ object: whole, program, log, callees: calleesOfLog(log) })
  return {
    path,
    program,
    kernel: { version: 'of the log' },
    verdict: { verdict: 'rejected', message: explanation.kernelWords },
    ms: 0,
    explanation,
  }
}
