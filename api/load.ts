/**
 * What a test starts with: `const { programs, maps } = await load('firewall.bpf.c', { host })`. One call compiles (or opens an
 * object), verifies as several kernels would, and makes a VM with its maps. `bpfc/node` has the same function over the disk.
 */
import { BtfKind, type BtfSet } from '../linker/btf/btf-types.js'
import type { PreparedObject } from '../linker/object/prepared.js'
import { type BtfValue, decodeValue } from '../runtime/vm/btf-values.js'
import type { MapAccess } from '../runtime/vm/map-access.js'
import type { IterateOptions, IteratorItem, IteratorResult } from '../runtime/vm/programs/iterators.js'
import type { RunInput, RunResult } from '../runtime/vm/programs/table.js'
import { Vm, type VmOptions } from '../runtime/vm/vm.js'
import { checkedObject, type CheckedObjectOptions } from './checked-object.js'
import { verdictName } from './verdict-names.js'

/** How to compile and verify, and the world of the VM. */
export interface LoadOptions extends CheckedObjectOptions, VmOptions {}

/** A run's result with its answer by name. */
export interface ProgramRun extends RunResult {
  /** `XDP_DROP`, `TC_ACT_OK`, `SK_PASS`…; the number as text for types whose answers have no names. */
  readonly verdict: string
}

export interface LoadedProgram {
  readonly name: string
  /** Runs once on a packet (its bytes from the Ethernet header) or on another input. A fault is part of the result; limits and what is not implemented are thrown. */
  run(input?: Uint8Array | RunInput): ProgramRun
  /** Iterators: once for each item (or object of the VM), at last without one; with the text that the program wrote. */
  iterate(items?: readonly IteratorItem[], options?: IterateOptions): IteratorResult
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
  /** User ring buffers: adds a record for a program to drain. */
  produce(record: Uint8Array): void
  /** The same map in bytes. */
  readonly raw: MapAccess
}

export interface Loaded {
  readonly programs: Readonly<Record<string, LoadedProgram>>
  readonly maps: Readonly<Record<string, LoadedMap>>
  readonly vm: Vm
}

/**
 * Loads a path of the host, C source text (anything with a line break), or the bytes of an object. Throws an Error with the
 * diagnostics when it does not compile, a VerifierError when a kernel rejects it, NotImplemented and FormatError as they come.
 */
export async function load(input: string | Uint8Array, options: LoadOptions = {}): Promise<Loaded> {
  const { prepared } = checkedObject(input, options)
  const vm = new Vm(prepared, options)
  return { programs: programsOf(vm, prepared), maps: mapsOf(vm, prepared), vm }
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
      iterate: (items, options) => vm.program(name).iterate(items, options),
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
    produce: record => raw.produce(record),
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
