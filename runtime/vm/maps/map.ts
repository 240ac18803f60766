/**
 * What every map type offers: to programs, addresses of values in the VM's memory; to tests, bytes. Each type is one file that
 * adds itself to the table below; `maps/all.ts` names them. Limits, flags and errors are those of kernel/bpf (6.12).
 */
import { NotImplemented } from '../../../base/outcome.js'
import type { BtfSet } from '../../../linker/btf/btf-types.js'
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { MapType as uapiMapType } from '../../../linker/object/uapi.js'
import type { Machine } from '../machine.js'
import { type SpecialField, specialFields } from './special-fields.js'

export const BPF_ANY = 0
export const BPF_NOEXIST = 1
export const BPF_EXIST = 2
export const BPF_F_LOCK = 4

/** Flags of a map's definition. */
export const BPF_F_NO_PREALLOC = 1
export const BPF_F_RDONLY_PROG = 1 << 7
export const BPF_F_WRONLY_PROG = 1 << 8

const { UNSPEC: _none, ...mapTypes } = uapiMapType

/** `enum bpf_map_type`, the types that a map can have. */
export const MapType = mapTypes

const TYPE_NAMES = new Map<number, string>(Object.entries(MapType).map(([name, type]) => [type, name.toLowerCase()]))

export function mapTypeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `type ${type}`
}

/** What a map needs of the VM while it is made. */
export interface MapScope {
  readonly machine: Machine
  /** Its number among the machine's maps. */
  readonly index: number
  /** Types of the object that it comes from. */
  readonly btf: BtfSet | undefined
}

/**
 * A map. Addresses are of the VM's memory and were checked by the caller (`keySize` readable bytes at `key`, and so on); results
 * are 0 or a negated errno.
 */
export abstract class VmMap {
  /** Name, type, sizes and flags as in the object; `maxEntries` may have been rounded. */
  readonly def: MapDef
  protected readonly m: Machine
  readonly index: number
  private readonly btf: BtfSet | undefined

  constructor(def: MapDef, scope: MapScope) {
    this.def = def
    this.m = scope.machine
    this.index = scope.index
    this.btf = scope.btf
  }

  /** Address of the value of a key on the current CPU, 0 if there is none. What bpf_map_lookup_elem returns. */
  lookup(_key: number): number {
    return this.missing('lookup')
  }

  update(_key: number, _value: number, _flags: number): number {
    return this.missing('update')
  }

  remove(_key: number): number {
    return this.missing('delete')
  }

  /** Copies of all values of a key, one a CPU for per-CPU maps; undefined if there is none. */
  valuesOf(key: Uint8Array): Uint8Array[] | undefined {
    const address = this.lookup(this.scratchKey(key))
    return address === 0 ? undefined : [this.m.memory.bytes.slice(address, address + this.def.valueSize)]
  }

  /** Sets a key from outside, as bpf(BPF_MAP_UPDATE_ELEM) does; per-CPU maps take one value for each CPU. Returns 0 or -errno. */
  setFromOutside(key: Uint8Array, values: readonly Uint8Array[], flags: number): number {
    const at = this.scratchKey(key)
    return this.update(at, this.scratchValue(values[0]!), flags)
  }

  /** Bytes of all keys, in the map's own order. */
  keys(): Iterable<Uint8Array> {
    return this.missing('iteration')
  }

  /** Address of the first value, for maps of global data. */
  valueBase(): number {
    return this.missing('direct access to values')
  }

  /** Whether each CPU has its own values. */
  get perCpu(): boolean {
    return false
  }

  /** CPUs that per-CPU values are of. */
  get cpuCount(): number {
    return this.m.env.cpus
  }

  private ownFields: readonly SpecialField[] | undefined

  /** Fields of values that are the kernel's own. */
  get specialFields(): readonly SpecialField[] {
    this.ownFields ??= specialFields(this.btf, this.def.valueType)
    return this.ownFields
  }

  /** Flags of an update that no map takes, or that ask for the lock of values that have none. */
  protected badFlags(flags: number): boolean {
    return (flags & ~BPF_F_LOCK) > BPF_EXIST || ((flags & BPF_F_LOCK) !== 0 && !this.hasLock)
  }

  /** Whether values hold a lock for BPF_F_LOCK. */
  get hasLock(): boolean {
    return this.specialFields.some(field => field.isLock)
  }

  /** Replaces a value: what is the kernel's own in it is given back and empty afterwards (copy_map_value, bpf_obj_free_fields). */
  protected writeValue(at: number, from: number, keepsLocks: boolean): void {
    const { bytes } = this.m.memory
    const fields = this.specialFields
    if (fields.length === 0) {
      bytes.copyWithin(at, from, from + this.def.valueSize)
      return
    }
    const locks = keepsLocks
      ? fields
          .filter(field => field.isLock)
          .map(field => ({ field, held: bytes.slice(at + field.offset, at + field.offset + field.size) }))
      : []
    bytes.copyWithin(at, from, from + this.def.valueSize)
    this.freeFields(at)
    for (const { field, held } of locks) bytes.set(held, at + field.offset)
  }

  /** What is the kernel's own in a value is given back: timers do not fire any more, pointers are gone. */
  protected freeFields(at: number): void {
    for (const { offset, size } of this.specialFields) {
      this.m.memory.bytes.fill(0, at + offset, at + offset + size)
      this.m.timers.delete(at + offset)
    }
  }

  protected missing(what: string): never {
    throw new NotImplemented(`${what} on a ${mapTypeName(this.def.type)} map`, this.def.name)
  }

  private scratch = 0

  /** Room for a key and a value handed in from outside, in memory that no program can touch. */
  scratchKey(key: Uint8Array): number {
    if (this.scratch === 0) this.scratch = this.m.memory.reserve(this.def.keySize + this.def.valueSize + 32)
    this.m.memory.write(this.scratch, key)
    return this.scratch
  }

  scratchValue(value: Uint8Array): number {
    if (this.scratch === 0) this.scratch = this.m.memory.reserve(this.def.keySize + this.def.valueSize + 32)
    const at = this.scratch + ((this.def.keySize + 15) & ~7)
    this.m.memory.write(at, value)
    return at
  }
}

export type MapFactory = (def: MapDef, scope: MapScope) => VmMap

export const mapFactories = new Map<number, MapFactory>()

/** Adds map types to the table. */
export function defineMap(types: readonly number[], make: MapFactory): void {
  for (const type of types) mapFactories.set(type, make)
}

/** Makes a map; a type that is not there yet is made as a map whose every use says so. */
export function makeMap(def: MapDef, scope: MapScope): VmMap {
  const make = mapFactories.get(def.type)
  return make ? make(def, scope) : new MissingMap(def, scope)
}

class MissingMap extends VmMap {
  protected override missing(): never {
    throw new NotImplemented(`map type ${TYPE_NAMES.get(this.def.type) ?? this.def.type}`, this.def.name)
  }
}
