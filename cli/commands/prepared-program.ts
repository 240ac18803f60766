/** What `run` and `debug` start from: an object or a C file made ready for the VM, and which of its programs is meant. */
import { ExitCode } from '../../base/outcome.js'
import { prepareObject } from '../../linker/object/prepare.js'
import type { PreparedObject } from '../../linker/object/prepared.js'
import type { CliContext } from '../context.js'
import { changedByFlags, type ChangeFlags } from '../change-flags.js'
import { kernelBtf } from '../kernel-btf.js'
import { readKernelConfig } from '../kernel-config.js'
import { objectInput } from './object-input.js'
import { readCompileFlags } from './shared-flags.js'

export interface ProgramFlags extends ChangeFlags {
  kconfig?: string
  prog?: string
}

/** The object and the name of its program, or an exit code after saying why there is none. */
export function preparedProgram(
  path: string,
  flags: ProgramFlags,
  context: CliContext,
): { readonly prepared: PreparedObject; readonly name: string } | number {
  const request = readCompileFlags(flags)
  const input = objectInput(path, request, context, false, { anyLoader: true })
  if (typeof input === 'number') return input
  const object = changedByFlags(input.object, flags)
  if (typeof object === 'string') {
    context.err(`error[D0006]: ${path}: ${object}\n`)
    return ExitCode.usage
  }
  const prepared = prepareObject(object, {
    anyLoader: true,
    kernelBtf: kernelBtf(request.flags.btf).set,
    ...(flags.kconfig === undefined ? {} : { kconfig: readKernelConfig(flags.kconfig) }),
  })
  const name = chosenProgram(path, prepared, flags.prog, context)
  return typeof name === 'number' ? name : { prepared, name }
}

/** The program that a command runs: the one named, or the only one there is; an exit code after saying why there is none. */
function chosenProgram(
  path: string,
  { programs }: PreparedObject,
  wanted: string | undefined,
  context: CliContext,
): string | number {
  const name = wanted ?? (programs.length === 1 ? programs[0]!.name : undefined)
  if (name !== undefined && programs.some(each => each.name === name)) return name
  const list = programs.map(each => each.name).join(', ')
  context.err(
    `error[D0006]: ${name === undefined ? 'say which program with --prog' : `no program ${name}`}; ${path} has ${list || 'none'}\n`,
  )
  return name === undefined ? ExitCode.usage : ExitCode.rejected
}
