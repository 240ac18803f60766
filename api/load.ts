/**
 * What a test starts with: `const { programs, maps } = await load('firewall.bpf.c', { host })`. One call compiles (or opens an
 * object), verifies as several kernels would, and makes a VM with its maps. `bpfc/node` has the same function over the disk.
 */
import { BtfKind, type BtfSet } from '../linker/btf/btf-types.js'
import { type BtfValue, decodeValue } from '../runtime/vm/btf-values.js'
import type { MapAccess } from '../runtime/vm/map-access.js'
import { mapTypeName } from '../runtime/vm/maps/map.js'
import type { IterateOptions, IteratorItem, IteratorResult } from '../runtime/vm/programs/iterators.js'
import type { RunInput, RunResult } from '../runtime/vm/programs/table.js'
import { Vm, type VmOptions } from '../runtime/vm/vm.js'
import { checkedObject, type CheckedObjectOptions, verifyPrograms } from './checked-object.js'
import { globalsOf, type LoadedGlobal } from './globals.js'
import type { MapChange, MapTypeName } from './object-changes.js'
import { verdictName } from './verdict-names.js'

/** How to compile and verify, what to change before loading, and the world of the VM. */
export interface LoadOptions extends Omit<CheckedObjectOptions, 'maps'>, Omit<VmOptions, 'reuse'> {
  /** Sizes and the like by name; or a map of another object that was loaded, to be used in its place (both are then in one VM's world). */
  readonly maps?: Readonly<Record<string, MapChange | LoadedMap>>
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
  /** The VM that it is in. */
  readonly vm: Vm
}

export interface Loaded {
  readonly programs: Readonly<Record<string, LoadedProgram>>
  readonly maps: Readonly<Record<string, LoadedMap>>
  /** Global variables by name. */
  readonly globals: Readonly<Record<string, LoadedGlobal>>
  readonly vm: Vm
}

/**
 * Loads a path of the host, C source text (anything with a line break), or the bytes of an object. Throws an Error with the
 * diagnostics when it does not compile, a VerifierError when a kernel rejects it, NotImplemented and FormatError as they come.
 */
export async function load(input: string | Uint8Array, options: LoadOptions = {}): Promise<Loaded> {
  const { changes, reuse, beside } = reusedMaps(options.maps ?? {}, options.beside)
  // Types of the world come with it.
  const kernelBtf = options.kernelBtf ?? beside?.prepared.kernelBtf
  const checks: CheckedObjectOptions = { ...options, maps: changes, ...(kernelBtf && { kernelBtf }) }
  const { prepared } = checkedObject(input, checks)
  const vm = new Vm(prepared, { ...options, reuse, ...(beside && { beside }) })
  return { programs: programsOf(vm, checks), maps: mapsOf(vm), globals: globalsOf(vm), vm }
}

/** Maps that another VM has are parted from those to be changed; the object's definition becomes as they are (bpf_map__reuse_fd). */
function reusedMaps(maps: NonNullable<LoadOptions['maps']>, world: Vm | undefined) {
  const changes: Record<string, MapChange> = {}
  const reuse: Record<string, MapAccess> = {}
  let beside = world
  for (const [name, given] of Object.entries(maps)) {
    if (!('raw' in given)) {
      changes[name] = given
      continue
    }
    beside ??= given.vm
    const { type, maxEntries, keySize, valueSize, flags, mapExtra } = given.raw.map.def
    changes[name] = { type: mapTypeName(type) as MapTypeName, maxEntries, keySize, valueSize, flags, mapExtra }
    reuse[name] = given.raw
  }
  return { changes, reuse, beside }
}

function programsOf(vm: Vm, checks: CheckedObjectOptions): Record<string, LoadedProgram> {
  const { prepared } = vm
  const programs: Record<string, LoadedProgram> = {}
  for (const each of prepared.programs) {
    const { name, type } = each
    let loaded = each.autoload
    const load = () => {
      if (checks.programs?.[name]?.autoload === false)
        throw new RangeError(`${name} was not loaded: autoload is false in the options`)
      // Loaders leave a section `?…` out until they are told otherwise, which a run does.
      verifyPrograms(prepared, [each], checks)
      loaded = true
    }
    programs[name] = {
      name,
      run(input = {}) {
        if (!loaded) load()
        const result = vm.program(name).run(input instanceof Uint8Array ? { packet: input } : input)
        return { ...result, verdict: verdictName(type, result.retval) }
      },
      iterate(items, options) {
        if (!loaded) load()
        return vm.program(name).iterate(items, options)
      },
    }
  }
  return programs
}

function mapsOf(vm: Vm): Record<string, LoadedMap> {
  const maps: Record<string, LoadedMap> = {}
  for (const [name, raw] of Object.entries(vm.maps)) maps[name] = loadedMap(name, raw, vm)
  return maps
}

function loadedMap(name: string, raw: MapAccess, vm: Vm): LoadedMap {
  function consume(): Uint8Array[]
  function consume(struct: string): BtfValue[]
  function consume(struct?: string): Uint8Array[] | BtfValue[] {
    const records = raw.consume()
    return struct === undefined ? records : decodeRecords(vm.prepared.btf, struct, records)
  }
  return {
    name,
    raw,
    vm,
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
