/**
 * An object that the kernels asked for take: what `load` runs and what a build step ships. One call compiles (or opens an object), prepares and verifies.
 */
import { type Host, MemoryHost } from '../base/host.js'
import { NotImplemented } from '../base/outcome.js'
import type { CompileOptions } from '../compiler/options.js'
import type { CompileResult } from '../compiler/pipeline.js'
import { bundledBtf } from '../linker/btf/bundled-btf.js'
import type { BtfSet } from '../linker/btf/btf-types.js'
import { isElf } from '../linker/elf/read-elf.js'
import { openObject } from '../linker/object/open.js'
import { prepareObject } from '../linker/object/prepare.js'
import type { PreparedObject, PreparedProgram } from '../linker/object/prepared.js'
import type { MachineFacts } from '../runtime/kernel/machine.js'
import { type KernelProfile, kernelProfile, kernelProfiles } from '../runtime/kernel/profile.js'
import { renderExplanation } from '../runtime/verifier/explain/explanation-text.js'
import { type Verdict, verifyProgram } from '../runtime/verifier/verify.js'
import { compileSource, defaultOptions } from './compile-source.js'
import { changedObject, type ObjectChanges } from './object-changes.js'
import { explained } from './verdict-explanation.js'

export interface CheckedObjectOptions extends ObjectChanges {
  /** Where paths are read from. Without one, only source text and object bytes can be taken. */
  readonly host?: Host
  /** Types of the kernel, for vmlinux.h, CO-RE and fixtures. Default: the subset that ships with bpfc, the same on every machine. */
  readonly kernelBtf?: BtfSet
  /**
   * Kernels that must accept every program: versions as `bpfc check --kernel` takes them. Default: 6.1, 6.12 and 6.18, of which one whose
   * rules are not all there (`settled` in its profile) must find nothing against the program.
   */
  readonly kernels?: readonly string[]
  /** What is known of the machines that it will run on, where a verdict hangs on it (lockdown, configuration); nothing by default. */
  readonly machine?: MachineFacts
  /** `false`: take what no kernel was asked about. Default: true. */
  readonly verify?: boolean
  /** Text of a kernel's configuration (`CONFIG_HZ=250`, a line each), for `.kconfig` externs. */
  readonly kconfig?: string
  /** Changes to the compiler's options: include folders, macros, -mcpu. */
  readonly compile?: Partial<CompileOptions>
}

/** What came of it. */
export interface CheckedObject {
  /** The object file. */
  readonly bytes: Uint8Array
  readonly prepared: PreparedObject
  /** The compiler's warnings, one text each, with their places. */
  readonly warnings: readonly string[]
  /** Every file that was read for it, as the host names them. */
  readonly dependencies: readonly string[]
}

/** A kernel will not take a program. The message says which, why, and at which C line. */
export class VerifierError extends Error {
  override readonly name = 'VerifierError'
  constructor(
    message: string,
    readonly program: string,
    readonly kernel: string,
    readonly verdict: Verdict,
  ) {
    super(message)
  }
}

const DEFAULT_KERNELS = ['6.1', '6.12', '6.18']

/**
 * Takes a path of the host, C source text (anything with a line break), or the bytes of an object. Throws an Error with the
 * diagnostics when it does not compile, a VerifierError when a kernel rejects it, NotImplemented and FormatError as they come.
 */
export function checkedObject(input: string | Uint8Array, options: CheckedObjectOptions = {}): CheckedObject {
  const kernelBtf = options.kernelBtf ?? bundledBtf()
  const { name, ...object } = objectBytes(input, kernelBtf, options)
  const prepared = prepareObject(changedObject(openObject(object.bytes, name, { anyLoader: true }), options), {
    kernelBtf,
    anyLoader: true,
    ...(options.kconfig !== undefined && { kconfig: options.kconfig }),
  })
  verifyPrograms(
    prepared,
    prepared.programs.filter(program => program.autoload),
    options,
  )
  return { ...object, prepared }
}

function objectBytes(
  input: string | Uint8Array,
  kernelBtf: BtfSet,
  options: CheckedObjectOptions,
): Omit<CheckedObject, 'prepared'> & { readonly name: string } {
  if (typeof input !== 'string') return { name: 'object', bytes: input, warnings: [], dependencies: [] }
  const isText = input.includes('\n')
  const name = isText ? 'source.bpf.c' : input
  if (!isText) {
    if (!options.host)
      throw new Error(`cannot read ${input}: give load a host that has it, or use load from 'bpfc/node', which reads the disk`)
    const bytes = options.host.read(input)
    if (!bytes) throw new Error(`no such file: ${input}`)
    if (isElf(bytes)) return { name, bytes, warnings: [], dependencies: [input] }
  }
  const host = isText ? withSource(name, input, options.host) : options.host!
  const result = compileSource(host, name, defaultOptions(kernelBtf, options.compile))
  if (result.notImplemented) throw new NotImplemented(result.notImplemented.replace(/^not implemented: /, ''), name)
  if (!result.object) throw new Error(`${name} does not compile\n${diagnosticTexts(result, 'error').join('\n')}`)
  return {
    name,
    bytes: result.object,
    warnings: diagnosticTexts(result, 'warning'),
    dependencies: result.dependencies.map(dependency => dependency.path),
  }
}

function withSource(name: string, text: string, host: Host | undefined): Host {
  const own = new MemoryHost({ [name]: text })
  return {
    read: path => own.read(path) ?? host?.read(path),
    exists: path => own.exists(path) || (host?.exists(path) ?? false),
  }
}

function diagnosticTexts(result: CompileResult, severity: 'error' | 'warning'): string[] {
  return result.diagnostics
    .filter(diagnostic => diagnostic.severity === severity)
    .map(diagnostic => {
      const at = diagnostic.span && result.sources.presumed(diagnostic.span.start)
      const where = at ? `${at.path}:${at.line}:${at.column}: ` : ''
      return `${where}${severity}[${diagnostic.code}]: ${diagnostic.message}${diagnostic.hint ? `\n  help: ${diagnostic.hint}` : ''}`
    })
}

/**
 * Asks the kernels of the options about these programs of an object, unless `verify` is false. Throws a VerifierError for the first
 * refusal. `unsettled`: a kernel whose rules are not all there only has to find nothing against a program.
 */
export function verifyPrograms(
  prepared: PreparedObject,
  programs: readonly PreparedProgram[],
  options: CheckedObjectOptions,
): void {
  if (options.verify === false) return
  const unsettled = options.kernels === undefined
  const kernels = (options.kernels ?? DEFAULT_KERNELS).map(version => {
    const profile = kernelProfile(version)
    if (!profile) throw new RangeError(`kernel ${version}: must be of ${kernelProfiles.map(each => each.version).join(', ')}`)
    return profile
  })
  for (const program of programs)
    for (const kernel of kernels) {
      const ask = (logLevel: number) =>
        verifyProgram(prepared, program, { kernel, logLevel, unsettled, ...(options.machine && { machine: options.machine }) })
      if (ask(0).verdict === 'accepted') continue
      // What is refused is walked again with its log, which the others need not write.
      const verdict = ask(1)
      throw new VerifierError(explanation(prepared, program, kernel, verdict), program.name, kernel.version, verdict)
    }
}

function explanation(prepared: PreparedObject, program: PreparedProgram, kernel: KernelProfile, verdict: Verdict): string {
  const { verdict: what, message } = verdict
  const who = `${program.name} (${program.section})`
  if (what === 'not-implemented') return `${who}: kernel ${kernel.version} cannot be asked, not implemented: ${message}`
  if (what === 'limit') return `${who}: no answer for kernel ${kernel.version}: ${message}`
  if (what === 'invalid') return `${who} is invalid: ${message}`
  return `kernel ${kernel.version} rejects ${who}\n${renderExplanation(explained(prepared, program, verdict, { kernel, logLevel: 1 })!)}`
}
