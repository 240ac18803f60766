/** Maps as tests see them: keys and values as bytes, or as JavaScript values where BTF says what they are. */
import type { BtfSet } from '../../linker/btf/btf-types.js'
import { decodeValue, encodeValue, type BtfValue } from './btf-values.js'
import { BPF_ANY, type VmMap } from './maps/map.js'
import { PerfEventArray, type PerfEvent } from './maps/perf-event-array.js'
import { QueueMap } from './maps/queue-stack.js'
import { RingBuffer } from './maps/ringbuf.js'
import { withoutSpecialFields } from './maps/special-fields.js'
import { UserRingBuffer } from './maps/user-ringbuf.js'
import {
  type BatchOptions,
  type BatchResult,
  deleteBatch,
  type LookupBatch,
  type LookupBatchResult,
  lookupBatch,
  updateBatch,
} from './map-batch.js'

/** An operation that the kernel would answer with an error. */
export class MapError extends Error {
  override readonly name = 'MapError'
  constructor(
    message: string,
    /** The positive errno. */
    readonly errno: number,
  ) {
    super(`${message} (errno ${errno})`)
  }
}

export class MapAccess {
  constructor(
    readonly map: VmMap,
    private readonly btf: BtfSet | undefined,
  ) {}

  get name(): string {
    return this.map.def.name
  }

  private checked(key: Uint8Array): Uint8Array {
    if (key.length !== this.map.def.keySize)
      throw new RangeError(`keys of ${this.name} have ${this.map.def.keySize} bytes, this one has ${key.length}`)
    return key
  }

  /** What is the kernel's in values (locks, timers, pointers to its objects…) is zero when seen from here. */
  private outside(values: readonly Uint8Array[]): Uint8Array[] {
    return withoutSpecialFields(this.btf, this.map.def.valueType, values)
  }

  /** A copy of the value (of CPU 0 in per-CPU maps), or undefined. */
  get(key: Uint8Array): Uint8Array | undefined {
    return this.getPerCpu(key)?.[0]
  }

  /** Copies of the value on every CPU. */
  getPerCpu(key: Uint8Array): Uint8Array[] | undefined {
    const values = this.map.valuesOf(this.checked(key))
    return values && this.outside(values)
  }

  /** Sets a value; a per-CPU map takes a list, or one value for all CPUs. Throws MapError as the kernel would refuse. */
  set(key: Uint8Array, value: Uint8Array | readonly Uint8Array[], flags = BPF_ANY): void {
    const values = value instanceof Uint8Array ? [value] : value
    for (const each of values)
      if (each.length !== this.map.def.valueSize)
        throw new RangeError(`values of ${this.name} have ${this.map.def.valueSize} bytes, this one has ${each.length}`)
    const result = this.map.setFromOutside(this.checked(key), this.outside(values), flags)
    if (result < 0) throw new MapError(`cannot set a value of ${this.name}`, -result)
  }

  /** Removes a key; false where it was not there. */
  delete(key: Uint8Array): boolean {
    return this.map.remove(this.map.scratchKey(this.checked(key))) === 0
  }

  *keys(): Iterable<Uint8Array> {
    yield* this.map.keys()
  }

  *entries(): Iterable<readonly [Uint8Array, Uint8Array]> {
    for (const key of this.map.keys()) {
      const value = this.map.valuesOf(key)
      if (value) yield [key, this.outside(value)[0]!]
    }
  }

  /** BPF_MAP_LOOKUP_BATCH: up to `count` elements, from the start or after an earlier batch. */
  lookupBatch(request: LookupBatch): LookupBatchResult {
    return lookupBatch(this.map, this.btf, request)
  }

  /** BPF_MAP_LOOKUP_AND_DELETE_BATCH: the same, and the elements are gone. */
  lookupAndDeleteBatch(request: LookupBatch): LookupBatchResult {
    return lookupBatch(this.map, this.btf, request, true)
  }

  /** BPF_MAP_UPDATE_BATCH; stops at the first element that is refused. */
  updateBatch(keys: readonly Uint8Array[], values: readonly Uint8Array[], options: BatchOptions = {}): BatchResult {
    if (keys.length !== values.length) throw new RangeError(`${keys.length} keys and ${values.length} values`)
    const size = this.map.perCpu ? ((this.map.def.valueSize + 7) & ~7) * this.map.cpuCount : this.map.def.valueSize
    for (const value of values)
      if (value.length !== size) throw new RangeError(`values of ${this.name} have ${size} bytes, this one has ${value.length}`)
    return updateBatch(
      this.map,
      keys.map(key => this.checked(key)),
      values,
      options.flags ?? 0,
    )
  }

  /** BPF_MAP_DELETE_BATCH; stops at the first key that is not there. */
  deleteBatch(keys: readonly Uint8Array[], options: BatchOptions = {}): BatchResult {
    return deleteBatch(
      this.map,
      keys.map(key => this.checked(key)),
      options.flags ?? 0,
    )
  }

  /** User ring buffers: adds a record for a program to drain. Throws MapError when the ring is full. */
  produce(record: Uint8Array): void {
    if (!(this.map instanceof UserRingBuffer)) throw new RangeError(`${this.name} is no user ring buffer`)
    const result = this.map.produce(record)
    if (result < 0) throw new MapError(`cannot add a record to ${this.name}`, -result)
  }

  /** Ring buffers: takes the records handed over so far. Perf event arrays: takes the data of the events so far. */
  consume(): Uint8Array[] {
    if (this.map instanceof RingBuffer) return this.map.consume()
    if (this.map instanceof PerfEventArray) return this.map.consume().map(event => event.data)
    if (this.map instanceof QueueMap) return this.map.all()
    throw new RangeError(`${this.name} is neither ring buffer, perf event array, queue nor stack`)
  }

  /** Perf event arrays: takes the events so far, with their CPUs. */
  events(): PerfEvent[] {
    if (!(this.map instanceof PerfEventArray)) throw new RangeError(`${this.name} is no perf event array`)
    return this.map.consume()
  }

  /** The typed view; needs BTF for the map's keys and values. */
  get typed(): TypedMap {
    if (!this.btf) throw new RangeError(`the object has no BTF, so the types of ${this.name} are not known`)
    return new TypedMap(this, this.btf)
  }
}

/** Keys and values as JavaScript values: numbers, bigints for 64 bits, strings for char arrays, objects for structs, lists for arrays. */
export class TypedMap {
  constructor(
    private readonly access: MapAccess,
    private readonly btf: BtfSet,
  ) {}

  private key(key: BtfValue): Uint8Array {
    const { keyType, keySize } = this.access.map.def
    return encodeValue(this.btf, keyType, key, keySize)
  }

  get(key: BtfValue): BtfValue | undefined {
    const bytes = this.access.get(this.key(key))
    return bytes && this.decode(bytes)
  }

  getPerCpu(key: BtfValue): BtfValue[] | undefined {
    return this.access.getPerCpu(this.key(key))?.map(bytes => this.decode(bytes))
  }

  set(key: BtfValue, value: BtfValue, flags = BPF_ANY): void {
    const { valueType, valueSize } = this.access.map.def
    this.access.set(this.key(key), encodeValue(this.btf, valueType, value, valueSize), flags)
  }

  delete(key: BtfValue): boolean {
    return this.access.delete(this.key(key))
  }

  *entries(): Iterable<readonly [BtfValue, BtfValue]> {
    const { keyType } = this.access.map.def
    for (const [key, value] of this.access.entries()) yield [decodeValue(this.btf, keyType, key), this.decode(value)]
  }

  private decode(bytes: Uint8Array): BtfValue {
    return decodeValue(this.btf, this.access.map.def.valueType, bytes)
  }
}
