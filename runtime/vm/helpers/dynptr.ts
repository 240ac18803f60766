/**
 * Dynamic pointers (kernel/bpf/helpers.c, bpf_dynptr_*): 16 bytes in the program's stack, `data, size | type | read-only, offset`.
 * Packets are in one piece here, so a slice is always the packet itself.
 */
import { ProgType } from '../../../linker/object/uapi.js'
import { E2BIG, EINVAL, ERANGE } from '../errno.js'
import { VmFault } from '../fault.js'
import { RingBuffer } from '../maps/ringbuf.js'
import type { Machine } from '../machine.js'
import { packetOf } from './packet.js'
import { defineHelpers, defineKfuncs } from './table.js'

const READ_ONLY = 0x8000_0000
const SIZE_MASK = 0xff_ffff
const RINGBUF = 2 << 28
const PACKET = 3 << 28
const LOCAL = 1 << 28

/** Types that may write packets directly (may_access_direct_pkt_data of the verifier, 6.12): others get read-only dynptrs. */
const WRITE_PACKETS: ReadonlySet<number> = new Set([
  ProgType.SCHED_CLS,
  ProgType.SCHED_ACT,
  ProgType.XDP,
  ProgType.LWT_XMIT,
  ProgType.SK_SKB,
  ProgType.SK_MSG,
])

export interface Dynptr {
  /** Address of its first byte; 0 for a null dynptr. */
  readonly data: number
  readonly size: number
  readonly flags: number
}

function readAt(m: Machine, at: number): Dynptr {
  const { view } = m.memory
  const word = view.getUint32(at + 8, true)
  const offset = view.getUint32(at + 12, true)
  const data = view.getUint32(at, true)
  return { data: data === 0 ? 0 : data + offset, size: word & SIZE_MASK, flags: word & ~SIZE_MASK }
}

/** The dynptr that an argument points to. */
export const dynptrAt = (m: Machine, register: number): Dynptr => readAt(m, m.readable(register, 16))

/** Writes a dynptr over memory of the VM. */
export function localDynptr(m: Machine, at: number, data: number, size: number): void {
  put(m, at, data, size, LOCAL)
}

function put(m: Machine, at: number, data: number, size: number, flags: number): void {
  const { view } = m.memory
  m.memory.writePointer(at, data)
  view.setUint32(at + 8, size | flags, true)
  view.setUint32(at + 12, 0, true)
}

function fromMemory(m: Machine): void {
  const size = m.u32(2)
  const to = m.writable(4, 16)
  if (size > SIZE_MASK || m.u64(3) !== 0n) {
    put(m, to, 0, 0, 0)
    m.ret(size > SIZE_MASK ? -E2BIG : -EINVAL)
    return
  }
  put(m, to, m.writable(1, size), size, LOCAL)
  m.ret(0)
}

function reserve(m: Machine): void {
  const map = m.map(1)
  if (!(map instanceof RingBuffer)) throw new VmFault(`map ${map.def.name} is no ring buffer`)
  const size = m.u32(2)
  const to = m.writable(4, 16)
  const data = m.u64(3) !== 0n || size > SIZE_MASK ? 0 : map.reserve(size)
  put(m, to, data, data === 0 ? 0 : size, data === 0 ? 0 : RINGBUF)
  m.ret(data !== 0 ? 0 : size > SIZE_MASK ? -E2BIG : -EINVAL)
}

function finish(m: Machine, discard: boolean): void {
  const at = m.readable(1, 16)
  const { data } = readAt(m, at)
  if (data === 0) return
  for (const map of m.maps)
    if (map instanceof RingBuffer && map.isReserved(data)) {
      map.commit(data, discard)
      put(m, at, 0, 0, 0)
      return
    }
  throw new VmFault('this dynptr holds no record of a ring buffer')
}

function read(m: Machine): void {
  const size = m.u32(2)
  const to = m.writable(1, size)
  const from = dynptrAt(m, 3)
  const offset = m.u32(4)
  if (from.data === 0 || m.u64(5) !== 0n) m.ret(-EINVAL)
  else if (offset + size > from.size) m.ret(-E2BIG)
  else {
    m.memory.bytes.copyWithin(to, from.data + offset, from.data + offset + size)
    m.ret(0)
  }
}

function write(m: Machine): void {
  const to = dynptrAt(m, 1)
  const offset = m.u32(2)
  const size = m.u32(4)
  const from = m.readable(3, size)
  if (to.data === 0 || to.flags & READ_ONLY || m.u64(5) !== 0n) m.ret(-EINVAL)
  else if (offset + size > to.size) m.ret(-E2BIG)
  else {
    m.memory.bytes.copyWithin(to.data + offset, from, from + size)
    m.ret(0)
  }
}

function data(m: Machine): void {
  const { data: start, size, flags } = dynptrAt(m, 1)
  const offset = m.u32(2)
  const packet = (flags & 0x7000_0000) === PACKET
  if (start === 0 || flags & READ_ONLY || packet || offset + m.u32(3) > size) m.retAddress(0)
  else m.retAddress(start + offset)
}

/** bpf_dynptr_slice(ptr, offset, buffer, size). */
function slice(m: Machine, writable: boolean): void {
  const { data: start, size, flags } = dynptrAt(m, 1)
  const offset = m.u32(2)
  if (start === 0 || (writable && flags & READ_ONLY) || offset + m.u32(4) > size) m.retAddress(0)
  else m.retAddress(start + offset)
}

/** `metadata`: of the bytes before the packet (skb metadata) in the place of the packet. */
function fromPacket(m: Machine, metadata: boolean): void {
  const packet = packetOf(m)
  const to = m.writable(3, 16)
  if (m.u64(2) !== 0n) {
    put(m, to, 0, 0, 0)
    m.ret(-EINVAL)
    return
  }
  const [start, size] = metadata ? [packet.meta, packet.data - packet.meta] : [packet.data, packet.length]
  put(m, to, start, size, WRITE_PACKETS.has(m.programType) ? PACKET : PACKET | READ_ONLY)
  m.ret(0)
}

function adjust(m: Machine): void {
  const at = m.writable(1, 16)
  const { data: start, size, flags } = readAt(m, at)
  const from = m.u32(2)
  const to = m.u32(3)
  if (start === 0 || from > to) m.ret(-EINVAL)
  else if (from > size || to > size) m.ret(-ERANGE)
  else {
    put(m, at, start + from, to - from, flags)
    m.ret(0)
  }
}

defineHelpers([
  { id: 197, name: 'bpf_dynptr_from_mem', run: fromMemory },
  { id: 198, name: 'bpf_ringbuf_reserve_dynptr', run: reserve },
  { id: 199, name: 'bpf_ringbuf_submit_dynptr', run: m => finish(m, false) },
  { id: 200, name: 'bpf_ringbuf_discard_dynptr', run: m => finish(m, true) },
  { id: 201, name: 'bpf_dynptr_read', run: read },
  { id: 202, name: 'bpf_dynptr_write', run: write },
  { id: 203, name: 'bpf_dynptr_data', run: data },
])

/** bpf_dynptr_copy(to, offset, from, offset, size). */
function copy(m: Machine): void {
  const [to, from] = [dynptrAt(m, 1), dynptrAt(m, 3)]
  const [toOffset, fromOffset, size] = [m.u32(2), m.u32(4), m.u32(5)]
  if (to.data === 0 || from.data === 0 || to.flags & READ_ONLY) m.ret(-EINVAL)
  else if (toOffset + size > to.size || fromOffset + size > from.size) m.ret(-E2BIG)
  else {
    m.memory.bytes.copyWithin(to.data + toOffset, from.data + fromOffset, from.data + fromOffset + size)
    m.ret(0)
  }
}

/** bpf_dynptr_memset(to, offset, size, byte). */
function fill(m: Machine): void {
  const to = dynptrAt(m, 1)
  const [offset, size] = [m.u32(2), m.u32(3)]
  if (to.data === 0 || to.flags & READ_ONLY) m.ret(-EINVAL)
  else if (offset + size > to.size) m.ret(-E2BIG)
  else {
    m.memory.bytes.fill(m.u32(4) & 0xff, to.data + offset, to.data + offset + size)
    m.ret(0)
  }
}

defineKfuncs({
  bpf_dynptr_copy: copy,
  bpf_dynptr_memset: fill,
  bpf_dynptr_from_skb: m => fromPacket(m, false),
  bpf_dynptr_from_xdp: m => fromPacket(m, false),
  bpf_dynptr_from_skb_meta: m => fromPacket(m, true),
  bpf_dynptr_slice: m => slice(m, false),
  bpf_dynptr_slice_rdwr: m => slice(m, true),
  bpf_dynptr_adjust: adjust,
  bpf_dynptr_is_null: m => m.ret(dynptrAt(m, 1).data === 0 ? 1 : 0),
  bpf_dynptr_is_rdonly: m => m.ret(dynptrAt(m, 1).flags & READ_ONLY ? 1 : 0),
  bpf_dynptr_size: m => {
    const { data: start, size } = dynptrAt(m, 1)
    m.ret(start === 0 ? -EINVAL : size)
  },
  bpf_dynptr_clone: m => {
    const from = m.readable(1, 16)
    const to = m.writable(2, 16)
    m.memory.bytes.copyWithin(to, from, from + 16)
    m.ret(readAt(m, from).data === 0 ? -EINVAL : 0)
  },
})
