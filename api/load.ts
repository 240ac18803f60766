/**
 * What a test starts with: `const { programs, maps } = await load('firewall.bpf.c', { host })`. One call compiles (or opens an
 * object), verifies as several kernels would, and makes a VM with its maps. `bpfc/node` has the same function over the disk.
 */
import { type Host, MemoryHost } from '../base/host.js'
import { NotImplemented } from '../base/outcome.js'
import type { CompileOptions } from '../compiler/options.js'
import type { CompileResult } from '../compiler/pipeline.js'
import { bundledBtf } from '../linker/btf/bundled-btf.js'
import { BtfKind, type BtfSet } from '../linker/btf/btf-types.js'
import { isElf } from '../linker/elf/read-elf.js'
import { openObject } from '../linker/object/open.js'
import { prepareObject } from '../linker/object/prepare.js'
import type { PreparedObject, PreparedProgram } from '../linker/object/prepared.js'
import { type KernelProfile, kernelProfile, kernelProfiles } from '../runtime/kernel/profile.js'
import { type Verdict, verifyProgram } from '../runtime/verifier/verify.js'
import { type BtfValue, decodeValue } from '../runtime/vm/btf-values.js'
import type { MapAccess } from '../runtime/vm/map-access.js'
import type { RunInput, RunResult } from '../runtime/vm/programs/table.js'
import { Vm, type VmOptions } from '../runtime/vm/vm.js'
import { compileSource, defaultOptions } from './compile-source.js'
import { verdictName } from './verdict-names.js'

export interface LoadOptions extends VmOptions {
  /** Where paths are read from. Without one, only source text and object bytes can be loaded. */
  readonly host?: Host
  /** Types of the kernel, for vmlinux.h, CO-RE and fixtures. Default: the subset that ships with bpfc, the same on every machine. */
  readonly kernelBtf?: BtfSet
  /**
   * Kernels that must accept every program: versions as `bpfc check --kernel` takes them. Default: 6.1, 6.12 and 6.18, of which one whose
   * rules are not all there (`settled` in its profile) must find nothing against the program.
   */
  readonly kernels?: readonly string[]
  /** `false`: run what no kernel was asked about. Default: true. */
  readonly verify?: boolean
  /** Changes to the compiler's options: include folders, macros, -mcpu. */
  readonly compile?: Partial<CompileOptions>
}

/** A run's result with its answer by name. */
export interface ProgramRun extends RunResult {
  /** `XDP_DROP`, `TC_ACT_OK`, `SK_PASS`…; the number as text for types whose answers have no names. */
  readonly verdict: string
}

export interface LoadedProgram {
  readonly name: string
  /** Runs once on a packet (its bytes from the Ethernet header) or on another input. A fault is part of the result; limits and what is not implemented are thrown. */
  run(input?: Uint8Array | RunInput): ProgramRun
}

/** A map in JavaScript values, by its BTF; see `BtfValue`. An IPv4 address may be written `'10.0.0.1'` where the type has 4 bytes, IPv6 where it is 16 bytes. */
export interface LoadedMap {
  readonly name: string
  get(key: BtfValue): BtfValue | undefined
  /** The value on each CPU. */
  getPerCpu(key: BtfValue): BtfValue[] | undefined
  /** Throws MapError where the kernel would refuse. */
  set(key: BtfValue, value: BtfValue): void
  /** False where the key was not there. */
  delete(key: BtfValue): boolean
  entries(): Iterable<readonly [BtfValue, BtfValue]>
  /**
   * Takes the records of a ring buffer or perf event array, the elements of a queue or stack: as bytes, or decoded as a struct that
   * the program's BTF knows by this name (`'event'`).
   */
  consume(): Uint8Array[]
  consume(struct: string): BtfValue[]
  /** The same map in bytes. */
  readonly raw: MapAccess
}

export interface Loaded {
  readonly programs: Readonly<Record<string, LoadedProgram>>
  readonly maps: Readonly<Record<string, LoadedMap>>
  readonly vm: Vm
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
 * Loads a path of the host, C source text (anything with a line break), or the bytes of an object. Throws an Error with the
 * diagnostics when it does not compile, a VerifierError when a kernel rejects it, NotImplemented and FormatError as they come.
 */
export async function load(input: string | Uint8Array, options: LoadOptions = {}): Promise<Loaded> {
  const kernelBtf = options.kernelBtf ?? bundledBtf()
  const { name, bytes } = objectBytes(input, kernelBtf, options)
  const prepared = prepareObject(openObject(bytes, name), { kernelBtf })
  if (options.verify !== false) verifyAll(prepared, options.kernels ?? DEFAULT_KERNELS, options.kernels === undefined)
  const vm = new Vm(prepared, options)
  return { programs: programsOf(vm, prepared), maps: mapsOf(vm, prepared), vm }
}

function objectBytes(
  input: string | Uint8Array,
  kernelBtf: BtfSet,
  options: LoadOptions,
): { readonly name: string; readonly bytes: Uint8Array } {
  if (typeof input !== 'string') return { name: 'object', bytes: input }
  const isText = input.includes('\n')
  const name = isText ? 'source.bpf.c' : input
  if (!isText) {
    if (!options.host)
      throw new Error(`cannot read ${input}: give load a host that has it, or use load from 'bpfc/node', which reads the disk`)
    const bytes = options.host.read(input)
    if (!bytes) throw new Error(`no such file: ${input}`)
    if (isElf(bytes)) return { name, bytes }
  }
  const host = isText ? withSource(name, input, options.host) : options.host!
  const result = compileSource(host, name, defaultOptions(kernelBtf, options.compile))
  if (result.notImplemented) throw new NotImplemented(result.notImplemented.replace(/^not implemented: /, ''), name)
  if (!result.object) throw new Error(errorText(name, result))
  return { name, bytes: result.object }
}

function withSource(name: string, text: string, host: Host | undefined): Host {
  const own = new MemoryHost({ [name]: text })
  return {
    read: path => own.read(path) ?? host?.read(path),
    exists: path => own.exists(path) || (host?.exists(path) ?? false),
  }
}

function errorText(name: string, result: CompileResult): string {
  const lines = result.diagnostics
    .filter(diagnostic => diagnostic.severity === 'error')
    .map(diagnostic => {
      const at = diagnostic.span && result.sources.position(diagnostic.span.start)
      const where = at ? `${at.path}:${at.line}:${at.column}: ` : ''
      return `${where}error[${diagnostic.code}]: ${diagnostic.message}${diagnostic.hint ? `\n  help: ${diagnostic.hint}` : ''}`
    })
  return `${name} does not compile\n${lines.join('\n')}`
}

/** `unsettled`: a kernel whose rules are not all there only has to find nothing against the program. */
function verifyAll(prepared: PreparedObject, versions: readonly string[], unsettled: boolean): void {
  const kernels = versions.map(version => {
    const profile = kernelProfile(version)
    if (!profile) throw new RangeError(`kernel ${version}: must be of ${kernelProfiles.map(each => each.version).join(', ')}`)
    return profile
  })
  for (const program of prepared.programs)
    for (const kernel of kernels) {
      const verdict = verifyProgram(prepared, program, { kernel, logLevel: 1, unsettled })
      if (verdict.verdict !== 'accepted')
        throw new VerifierError(explanation(program, kernel, verdict), program.name, kernel.version, verdict)
    }
}

const LAST_LINES = 12

function explanation(program: PreparedProgram, kernel: KernelProfile, verdict: Verdict): string {
  const { verdict: what, message, faultSlot, log } = verdict
  const who = `${program.name} (${program.section})`
  if (what === 'not-implemented') return `${who}: kernel ${kernel.version} cannot be asked, not implemented: ${message}`
  if (what === 'limit') return `${who}: no answer for kernel ${kernel.version}: ${message}`
  if (what === 'invalid') return `${who} is invalid: ${message}`
  const line = faultSlot === undefined ? undefined : program.lineInfo.filter(each => each.slot <= faultSlot).at(-1)
  const place = line ? `\n  at ${line.path.replace(/^\/\//, '')}:${line.line}: ${line.text.trim()}` : ''
  const path = log
    .trimEnd()
    .split('\n')
    .slice(-LAST_LINES - 1, -1)
  return `kernel ${kernel.version} rejects ${who}: ${message}${place}\n  the end of its log:\n${path.map(text => `    ${text}`).join('\n')}`
}

function programsOf(vm: Vm, prepared: PreparedObject): Record<string, LoadedProgram> {
  const programs: Record<string, LoadedProgram> = {}
  for (const { name, type } of prepared.programs)
    programs[name] = {
      name,
      run(input = {}) {
        const result = vm.program(name).run(input instanceof Uint8Array ? { packet: input } : input)
        return { ...result, verdict: verdictName(type, result.retval) }
      },
    }
  return programs
}

function mapsOf(vm: Vm, prepared: PreparedObject): Record<string, LoadedMap> {
  const maps: Record<string, LoadedMap> = {}
  for (const [name, raw] of Object.entries(vm.maps)) maps[name] = loadedMap(name, raw, prepared)
  return maps
}

function loadedMap(name: string, raw: MapAccess, prepared: PreparedObject): LoadedMap {
  function consume(): Uint8Array[]
  function consume(struct: string): BtfValue[]
  function consume(struct?: string): Uint8Array[] | BtfValue[] {
    const records = raw.consume()
    return struct === undefined ? records : decodeRecords(prepared.btf, struct, records)
  }
  return {
    name,
    raw,
    get: key => raw.typed.get(key),
    getPerCpu: key => raw.typed.getPerCpu(key),
    set: (key, value) => raw.typed.set(key, value),
    delete: key => raw.typed.delete(key),
    entries: () => raw.typed.entries(),
    consume,
  }
}

/** Bytes as a struct of the program's BTF. Throws a RangeError when the BTF does not have it, and says how to get it in. */
export function decodeRecords(btf: BtfSet | undefined, struct: string, records: readonly Uint8Array[]): BtfValue[] {
  const id = btf?.byName(struct).find(each => {
    const { kind } = btf.type(each)
    return kind === BtfKind.Struct || kind === BtfKind.Union || kind === BtfKind.Typedef
  })
  if (!btf || id === undefined)
    throw new RangeError(
      `the object's BTF has no struct ${struct}; a global pointer keeps it: const struct ${struct} *unused __attribute__((unused));`,
    )
  return records.map(bytes => decodeValue(btf, id, bytes))
}
