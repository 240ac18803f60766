/**
 * The ring buffer (kernel/bpf/ringbuf.c): records of an 8-byte header and data, a power-of-two ring of `max_entries` bytes. The area
 * is reserved twice in a row, so that a record that wraps stays in one piece, as the kernel's double mapping does.
 */
import type { MapDef } from '../../../linker/object/bpf-object.js'
import { EAGAIN, ENOTSUPP } from '../errno.js'
import type { Region } from '../memory.js'
import { defineMap, type MapScope, MapType, VmMap } from './map.js'

const HEADER = 8
const BUSY = 0x8000_0000
const DISCARD = 0x4000_0000

export class RingBuffer extends VmMap {
  private readonly region: Region
  private produced = 0
  private consumed = 0
  /** Wakeups that were asked for or due; a user of epoll would have woken so often. */
  wakeups = 0

  constructor(def: MapDef, scope: MapScope) {
    super(def, scope)
    this.region = scope.machine.memory.region(`record of ring buffer ${def.name}`, def.maxEntries * 2)
  }

  private place(position: number): number {
    return this.region.start + (position % this.def.maxEntries)
  }

  /** Address of `size` bytes to fill, or 0 when the ring has no room. */
  reserve(size: number): number {
    const length = (size + HEADER + 7) & ~7
    if (length > this.def.maxEntries || this.produced + length - this.consumed > this.def.maxEntries) return 0
    const at = this.place(this.produced)
    const { view } = this.m.memory
    view.setUint32(at, size | BUSY, true)
    view.setUint32(at + 4, 0, true)
    this.produced += length
    return at + HEADER
  }

  /** Hands a reserved record over, or drops it. */
  commit(address: number, discard: boolean): void {
    const { view } = this.m.memory
    const at = address - HEADER
    const size = view.getUint32(at, true) & ~BUSY
    view.setUint32(at, size | (discard ? DISCARD : 0), true)
    if (!discard) this.wakeups++
  }

  /** Whether an address is that of a record of this ring's that is not handed over yet. */
  isReserved(address: number): boolean {
    const at = address - HEADER
    return at >= this.region.start && at < this.region.end && (this.m.memory.view.getUint32(at, true) & BUSY) !== 0
  }

  output(data: Uint8Array): number {
    const at = this.reserve(data.length)
    if (at === 0) return -EAGAIN
    this.m.memory.write(at, data)
    this.commit(at, false)
    return 0
  }

  /** Bytes not consumed yet, size, consumer and producer position: what bpf_ringbuf_query answers. */
  query(flag: number): number {
    return flag === 0
      ? this.produced - this.consumed
      : flag === 1
        ? this.def.maxEntries
        : flag === 2
          ? this.consumed
          : flag === 3
            ? this.produced
            : 0
  }

  /** Takes all records that were handed over, oldest first, and makes their room free. Stops at one still being filled. */
  consume(): Uint8Array[] {
    const records: Uint8Array[] = []
    const { view, bytes } = this.m.memory
    while (this.consumed < this.produced) {
      const at = this.place(this.consumed)
      const head = view.getUint32(at, true)
      if (head & BUSY) break
      const size = head & ~(BUSY | DISCARD)
      if (!(head & DISCARD)) records.push(bytes.slice(at + HEADER, at + HEADER + size))
      this.consumed += (size + HEADER + 7) & ~7
    }
    return records
  }

  override update(): number {
    return -ENOTSUPP
  }

  override remove(): number {
    return -ENOTSUPP
  }
}

defineMap([MapType.RINGBUF], (def, scope) => new RingBuffer(def, scope))
