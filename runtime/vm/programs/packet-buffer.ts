/**
 * A packet in the VM's memory, with room before and after, and the fields of the context that point to its ends. XDP and skb
 * programs share it; addresses fit the 32-bit fields of their contexts.
 */
import type { Machine } from '../machine.js'
import type { Region } from '../memory.js'

/** XDP_PACKET_HEADROOM of the kernel. */
export const HEADROOM = 256
/** Bytes that bpf_xdp_adjust_tail may add: a page less headroom and skb_shared_info, as in BPF_PROG_TEST_RUN. */
const TAILROOM = 4096

/** Offsets in the context at which the packet's ends are kept; -1 where the context has no such field. */
export interface PacketFields {
  readonly data: number
  readonly dataEnd: number
  readonly dataMeta: number
  /** Length of the packet. */
  readonly len: number
}

export class PacketBuffer {
  private readonly region: Region
  /** First byte of the reserved room and one past the last. */
  readonly first: number
  protected readonly last: number
  meta = 0
  data = 0
  end = 0

  constructor(
    protected readonly m: Machine,
    private readonly context: number,
    private readonly fields: PacketFields,
    /** Packets longer than this are refused. */
    readonly capacity: number,
  ) {
    this.region = m.memory.region('packet', HEADROOM + capacity + TAILROOM, { closed: true })
    this.first = this.region.start
    this.last = this.first + HEADROOM + capacity + TAILROOM
  }

  /** Puts a packet in, with the usual headroom. */
  load(packet: Uint8Array, writable = true): void {
    this.m.memory.bytes.fill(0, this.first, this.first + HEADROOM)
    this.region.writable = writable
    this.data = this.meta = this.first + HEADROOM
    this.end = this.data + packet.length
    this.m.memory.write(this.data, packet)
    this.sync()
  }

  get length(): number {
    return this.end - this.data
  }

  /** Bytes of packet, headroom and tailroom together. */
  get room(): number {
    return this.last - this.first
  }

  get headroom(): number {
    return this.data - this.first
  }

  get tailroom(): number {
    return this.last - this.end
  }

  /** A copy of the packet as it is now. */
  bytes(): Uint8Array {
    return this.m.memory.bytes.slice(this.data, this.end)
  }

  /** Moves the ends; false where there is no room. Bytes that come in at the tail are zero. */
  move(meta: number, data: number, end: number): boolean {
    if (meta < this.first || data < meta || end < data || end > this.last) return false
    if (end > this.end) this.m.memory.bytes.fill(0, this.end, end)
    this.meta = meta
    this.data = data
    this.end = end
    this.sync()
    return true
  }

  protected sync(): void {
    const { view } = this.m.memory
    const { data, dataEnd, dataMeta, len } = this.fields
    if (data >= 0) view.setUint32(this.context + data, this.data, true)
    if (dataEnd >= 0) view.setUint32(this.context + dataEnd, this.end, true)
    if (dataMeta >= 0) view.setUint32(this.context + dataMeta, this.meta, true)
    if (len >= 0) view.setUint32(this.context + len, this.length, true)
    this.region.start = this.meta
    this.region.end = this.end
  }
}
