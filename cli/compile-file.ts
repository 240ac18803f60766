/** Compiles one file for a subcommand and reports what there is to report. */
import { ExitCode } from '../base/outcome.js'
import { type CompileResult, compile, type Emit } from '../compiler/pipeline.js'
import { toCompileOptions } from './compile-options.js'
import { compilerHost } from './compiler-host.js'
import { type CliContext, MAX_INPUT_BYTES, NodeHost } from './context.js'
import type { CompileRequest } from './commands/shared-flags.js'
import { diagnosticJson, renderDiagnostic } from './report/diagnostic-text.js'
import { TimeReport } from './time-report.js'

export interface CompiledFile {
  readonly result: CompileResult | undefined
  readonly code: number
}

/** The file's bytes, or an exit code after saying why not. */
export function readInput(path: string, context: CliContext): Uint8Array | number {
  const fail = (code: number, name: string, message: string, hint?: string): number => {
    context.err(`error[${name}]: ${message}\n${hint ? `help: ${hint}\n` : ''}`)
    return code
  }
  if (context.host instanceof NodeHost) {
    const size = context.host.size(path)
    if (size === undefined) return fail(ExitCode.rejected, 'D0001', `no such file: ${path}`)
    if (size > MAX_INPUT_BYTES)
      return fail(
        ExitCode.limit,
        'D0002',
        `${path} has ${Math.round(size / 2 ** 20)} MB; inputs over ${MAX_INPUT_BYTES >> 20} MB are not read`,
      )
  }
  const bytes = context.host.read(path)
  if (!bytes)
    return fail(
      ExitCode.rejected,
      'D0001',
      `cannot read ${path}`,
      context.host.exists(path) ? undefined : 'it is a directory, or may not be read',
    )
  return bytes
}

export function compileFile(path: string, request: CompileRequest, context: CliContext, emit: Emit, json = false): CompiledFile {
  const input = readInput(path, context)
  if (typeof input === 'number') return { result: undefined, code: input }
  const options = toCompileOptions(request.flags, context.cwd)
  const report = request.timeReport ? new TimeReport(path) : undefined
  const result = compile(compilerHost(context.host), path, options, {
    emit,
    warnings: request.warnings,
    shared: context.shared,
    ...(report ? { stageDone: report.stageDone } : {}),
  })
  if (report) context.err(report.text())
  for (const diagnostic of result.diagnostics) {
    if (json) context.out(`${JSON.stringify({ diagnostic: diagnosticJson(diagnostic, result.sources) })}\n`)
    else context.err(renderDiagnostic(diagnostic, result.sources, context.colour))
  }
  if (result.notImplemented) {
    context.err(`error[D0003]: ${path}: ${result.notImplemented}\n`)
    return { result, code: ExitCode.notImplemented }
  }
  return { result, code: result.errors > 0 ? ExitCode.rejected : ExitCode.ok }
}
