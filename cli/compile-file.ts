/** Compiles one file for a subcommand and reports what there is to report. */
import { ExitCode } from '../base/outcome.js'
import { type CompileResult, compile, type Emit } from '../compiler/pipeline.js'
import { toCompileOptions } from './compile-options.js'
import { compilerHost } from './compiler-host.js'
import type { CliContext } from './context.js'
import { readInput } from './read-input.js'
import { sharedState } from './shared-compilations.js'
import type { CompileRequest } from './commands/shared-flags.js'
import { diagnosticJson, renderDiagnostic } from './report/diagnostic-text.js'
import { TimeReport } from './time-report.js'

export interface CompiledFile {
  readonly result: CompileResult | undefined
  readonly code: number
}

export function compileFile(path: string, request: CompileRequest, context: CliContext, emit: Emit, json = false): CompiledFile {
  const input = readInput(path, context)
  if (typeof input === 'number') return { result: undefined, code: input }
  const options = toCompileOptions(request.flags, context.cwd)
  const report = request.timeReport ? new TimeReport(path) : undefined
  const result = compile(compilerHost(context.host), path, options, {
    emit,
    warnings: request.warnings,
    shared: sharedState(context),
    ...(report ? { stageDone: report.stageDone } : {}),
  })
  if (report) context.err(report.text())
  return { result, code: reportResult(path, result, context, json) }
}

/** Prints what the compiler has to say; the exit code that comes of it. */
export function reportResult(path: string, result: CompileResult, context: CliContext, json = false): number {
  for (const diagnostic of result.diagnostics) {
    if (json) context.out(`${JSON.stringify({ diagnostic: diagnosticJson(diagnostic, result.sources) })}\n`)
    else context.err(renderDiagnostic(diagnostic, result.sources, context.colour))
  }
  if (result.notImplemented) {
    context.err(`error[D0003]: ${path}: ${result.notImplemented}\n`)
    return ExitCode.notImplemented
  }
  return result.errors > 0 ? ExitCode.rejected : ExitCode.ok
}

/** Where the object of a source goes without `-o`: into the folder one is in. */
export const defaultOutput = (path: string): string => `${path.split('/').pop()!.replace(/\.c$/, '')}.o`
