/** `bpfc build --for-kernel`: compiles a file so that the kernels asked for accept it, and says what it took, or why it cannot be. */
import { compileForKernels } from '../api/compile-for-kernels.js'
import { painter } from '../base/colour.js'
import { ExitCode } from '../base/outcome.js'
import { careNames } from '../compiler/care.js'
import type { KernelProfile } from '../runtime/kernel/profile.js'
import { renderExplanation } from '../runtime/verifier/explain/explanation-text.js'
import type { CompileRequest } from './commands/shared-flags.js'
import { type CompiledFile, reportResult } from './compile-file.js'
import { toCompileOptions } from './compile-options.js'
import { compilerHost } from './compiler-host.js'
import type { CliContext } from './context.js'
import { codeOf, worst } from './exit-codes.js'
import { kernelBtf } from './kernel-btf.js'
import { chooseKernels } from './kernel-choice.js'
import { readInput } from './read-input.js'
import { explained } from '../api/verdict-explanation.js'

/** The kernels that `--for-kernel` names, or a sentence on why not. */
export const chosenKernels = (text: string): KernelProfile[] | string => chooseKernels('--for-kernel', text)

export function compileFileForKernels(
  path: string,
  request: CompileRequest,
  context: CliContext,
  kernels: readonly KernelProfile[],
): CompiledFile {
  const input = readInput(path, context)
  if (typeof input === 'number') return { result: undefined, code: input }
  const { set } = kernelBtf(request.flags.btf)
  const options = toCompileOptions(request.flags, context.cwd)
  const settings = { warnings: request.warnings, shared: context.shared }
  const made = compileForKernels(compilerHost(context.host), path, options, settings, { kernels, kernelBtf: set })
  const code = reportResult(path, made.result, context)
  if (code !== ExitCode.ok || !made.prepared) return { result: made.result, code }
  const paint = painter(context.colour)
  const stuck = new Set(made.open.map(answer => answer.program.name))
  for (const [name, { kernel, verdict }] of made.refusedFirst)
    if (!stuck.has(name))
      context.err(
        `${paint('cyan', 'note')}: ${name}: kernel ${kernel.version} refuses the usual code (${verdict.message}); compiled with ${careNames[made.care.get(name)!]}, it accepts\n`,
      )
  const codes = made.open.map(({ program, kernel, verdict }) => {
    const tried = made.care.has(program.name) ? `, tried with ${careNames.join('; ')}` : ''
    const explanation = explained(made.prepared!, program, verdict, { kernel })
    context.err(
      explanation
        ? renderExplanation(explanation, `${program.name}, ${kernel.version}${tried}`, context.colour)
        : `${paint('yellow', verdict.verdict)}: ${program.name}, ${kernel.version}: ${verdict.message}${tried}\n`,
    )
    return codeOf(verdict)
  })
  return { result: made.result, code: worst(codes) }
}
