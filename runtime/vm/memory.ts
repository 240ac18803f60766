/**
 * The VM's memory: one buffer that holds contexts, packets, stacks, map values and kernel objects. An eBPF address is an offset
 * into it, so pointers fit 32 bits (as contexts such as `xdp_md` store them) and 0 is never valid: the first 64 KB belong to
 * nobody. What a program may touch is a list of regions; everything else faults.
 */
import { LimitReached } from '../../base/outcome.js'
import { VmFault } from './fault.js'
import { PAGE_BYTES, wasm, type WasmMemory } from './jit/wasm-api.js'

/** High half of values that are handles of maps; the low half is the map's index times HANDLE_STEP, plus an offset into it. */
export const MAP_HANDLE = 0x4d41_5000
/** How far handles of maps are apart: programs may read fields of the `struct bpf_map` behind one. */
export const HANDLE_STEP = 0x1_0000

/** High half of values that are addresses of functions (callbacks); the low half is the slot. */
export const FUNC_HANDLE = 0x4655_4e00

/** First address that can be given out. */
export const BASE_ADDRESS = 0x1_0000

/**
 * A range that programs may access. Memory is reserved once and never moves; `start` and `end` may move inside what was reserved
 * (packets shrink and grow, stack frames come and go), and start = end closes the region.
 */
export interface Region {
  start: number
  end: number
  writable: boolean
  /** 0, or the distance of elements that lie in a row: then an access must stay in `low` to `high` of one element. */
  stride: number
  low: number
  high: number
  /** For messages: `packet`, `stack of frame 1`, `value of map counters`. */
  name: string
}

export interface RegionOptions {
  readonly writable?: boolean
  readonly stride?: number
  readonly low?: number
  readonly high?: number
  /** Reserved but not open yet. */
  readonly closed?: boolean
}

const hex = (value: number) => `0x${value.toString(16)}`

export class VmMemory {
  /** The memory itself, which compiled programs share. */
  readonly wasm: WasmMemory
  bytes: Uint8Array<ArrayBuffer>
  view: DataView<ArrayBuffer>
  i32: Int32Array<ArrayBuffer>
  /** Bytes given out so far, counted from address 0. */
  top = BASE_ADDRESS
  /** In order of address: memory is only ever reserved at the top. */
  private readonly regions: Region[] = []
  /** Gives the address of the `struct bpf_map` of a map; set by the VM where the kernel's BTF is known. */
  mapObject: ((index: number) => number) | undefined
  /** Ranges (arenas and their guards) in which loads that no region allows give 0 and stores are lost, as in the kernel. */
  readonly forgiving: { readonly start: number; readonly end: number }[] = []
  /** Matches no address; what caches start with. */
  readonly nowhere: Region = { start: 1, end: 0, writable: false, stride: 0, low: 0, high: 0, name: 'nothing' }

  constructor(
    /** Bytes; a reservation beyond ends in LimitReached. */
    readonly limit = 1 << 30,
  ) {
    this.wasm = new wasm.Memory({ initial: 16, maximum: 0x1_0000 })
    const { buffer } = this.wasm
    this.bytes = new Uint8Array(buffer)
    this.view = new DataView(buffer)
    this.i32 = new Int32Array(buffer)
  }

  private grow(size: number): void {
    if (size > this.limit) throw new LimitReached('memory of the VM in bytes', this.limit)
    let capacity = this.bytes.length
    while (capacity < size) capacity *= 2
    const pages = Math.ceil(Math.min(capacity, Math.max(this.limit, size)) / PAGE_BYTES)
    this.wasm.grow(pages - this.bytes.length / PAGE_BYTES)
    const { buffer } = this.wasm
    this.bytes = new Uint8Array(buffer)
    this.view = new DataView(buffer)
    this.i32 = new Int32Array(buffer)
  }

  /** Reserves zeroed memory that no program may touch (until a region opens it); 16-byte aligned, a gap after it. */
  reserve(size: number): number {
    const start = this.top
    const next = Math.ceil((start + size) / 16) * 16 + 16
    if (next > this.bytes.length) this.grow(next)
    this.top = next
    return start
  }

  /** Reserves memory and opens it to programs. */
  region(name: string, size: number, options: RegionOptions = {}): Region {
    const start = this.reserve(size)
    return this.open(name, start, size, options)
  }

  /** Opens reserved memory; `start` must lie above every region opened before. */
  open(name: string, start: number, size: number, options: RegionOptions = {}): Region {
    const region: Region = {
      start,
      end: options.closed ? start : start + size,
      writable: options.writable ?? true,
      stride: options.stride ?? 0,
      low: options.low ?? 0,
      high: options.high ?? options.stride ?? 0,
      name,
    }
    this.regions.push(region)
    return region
  }

  /** The open region that holds an address, or undefined. */
  find(address: number): Region | undefined {
    let low = 0
    let high = this.regions.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const region = this.regions[middle]!
      if (address < region.start) high = middle - 1
      else if (address >= region.end && (this.regions[middle + 1]?.start ?? Infinity) <= address) low = middle + 1
      else return address < region.end ? region : undefined
    }
    return undefined
  }

  /** Whether a region allows an access. */
  allows(region: Region, address: number, size: number, write: boolean): boolean {
    if (address < region.start || address + size > region.end || (write && !region.writable)) return false
    if (region.stride === 0) return true
    const within = (address - region.start) % region.stride
    return within >= region.low && within + size <= region.high
  }

  /** The region an access goes to; undefined when it is not allowed. `high` is the upper half of the address. */
  access(high: number, address: number, size: number, write: boolean): Region | undefined {
    if (high !== 0) return undefined
    const region = this.find(address)
    return region && this.allows(region, address, size, write) ? region : undefined
  }

  /** What is wrong with an access, as a fault. */
  fault(high: number, address: number, size: number, write: boolean): VmFault {
    const what = `${write ? 'write' : 'read'} of ${size} byte${size === 1 ? '' : 's'}`
    if (high === MAP_HANDLE) return new VmFault(`${what} through a map handle`)
    if (high !== 0) {
      const full = (BigInt(high >>> 0) << 32n) | BigInt(address >>> 0)
      return new VmFault(`${what} at 0x${full.toString(16)}, which is no address`)
    }
    if (address >= 0 && address < 4096) return new VmFault(`${what} at ${hex(address)}: a null pointer`)
    const region = this.find(address) ?? this.find(address - 1) ?? this.find(address + size)
    if (!region) return new VmFault(`${what} at ${hex(address)}, where there is nothing`)
    if (write && !region.writable && this.allows(region, address, size, false))
      return new VmFault(`${what} to ${region.name}, which may only be read`)
    const at = region.stride ? ((address - region.start) % region.stride) - region.low : address - region.start
    const length = region.stride ? region.high - region.low : region.end - region.start
    return new VmFault(`${what} at offset ${at} of ${region.name}, which has ${length} bytes`)
  }

  /** The region of the range that was last allowed: helpers mostly get the same ones again. */
  private lastRange = this.nowhere

  /** Checks a range on behalf of a helper; throws the fault. Returns the address. */
  range(high: number, address: number, size: number, write: boolean): number {
    const low = address >>> 0
    if (high === 0 && (size === 0 || this.allows(this.lastRange, low, size, write))) return low
    const region = this.access(high, low, size, write)
    if (!region) throw this.fault(high, low, size, write)
    this.lastRange = region
    return low
  }

  /** A window on memory; valid until memory grows. */
  slice(address: number, size: number): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(address, address + size)
  }

  write(address: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, address)
  }

  /** A 64-bit pointer field. */
  writePointer(address: number, pointer: number): void {
    this.view.setUint32(address, pointer, true)
    this.view.setUint32(address + 4, 0, true)
  }
}
