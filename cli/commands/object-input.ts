/** What `check`, `run` and `load` start from: a BPF object on disk, or a C file compiled on the spot. */
import { ExitCode } from '../../base/outcome.js'
import type { BpfObject } from '../../linker/object/bpf-object.js'
import { isElf } from '../../linker/elf/read-elf.js'
import { type OpenOptions, openObject } from '../../linker/object/open.js'
import { compileFile } from '../compile-file.js'
import { readInput } from '../read-input.js'
import { reportFaults } from '../input-faults.js'
import type { CliContext } from '../context.js'
import type { CompileRequest } from './shared-flags.js'

export interface ObjectInput {
  readonly object: BpfObject
  readonly bytes: Uint8Array
  /** Compiled from C here. */
  readonly compiled: boolean
}

/** The opened object, or an exit code after saying why there is none. */
export function objectInput(
  path: string,
  request: CompileRequest,
  context: CliContext,
  json = false,
  open: OpenOptions = {},
): ObjectInput | number {
  let bytes: Uint8Array
  const compiled = /\.[ci]$/.test(path)
  if (compiled) {
    const made = compileFile(path, request, context, 'obj', json)
    if (made.code !== ExitCode.ok) return made.code
    bytes = made.result!.object!
  } else {
    const read = readInput(path, context)
    if (typeof read === 'number') return read
    if (!isElf(read)) {
      context.err(
        `error[D0004]: ${path} is neither C source (.c) nor an ELF object\nhelp: compile it first, or give the source\n`,
      )
      return ExitCode.rejected
    }
    bytes = read
  }
  let object: BpfObject | undefined
  const fault = reportFaults(path, context, () => {
    object = openObject(bytes, path, open)
    return ExitCode.ok
  })
  return object ? { object, bytes, compiled } : fault
}
