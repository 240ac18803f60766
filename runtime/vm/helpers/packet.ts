/** Helpers that read, write and reshape packets, for skb and XDP programs (net/core/filter.c, 6.12). */
import { EFAULT, EINVAL, ENOMEM } from '../errno.js'
import { VmFault } from '../fault.js'
import type { Machine } from '../machine.js'
import type { PacketBuffer } from '../programs/packet-buffer.js'
import { skbState } from '../programs/skb.js'
import { defineHelpers, defineKfuncs } from './table.js'

const EACCES = 13
const ETH_HLEN = 14
/** Bytes at the start of a frame that `struct xdp_frame` needs. */
const XDP_FRAME_BYTES = 40
/** Largest size of a frame's data: a page less skb_shared_info. */
const FRAME_END = 4096 - 320

export function packetOf(m: Machine): PacketBuffer {
  if (!m.packet) throw new VmFault('a packet helper in a program without a packet')
  return m.packet
}

/** Address of a part of the packet, or 0. */
function part(m: Machine, offset: number, size: number): number {
  const packet = packetOf(m)
  return offset < 0 || offset + size > packet.length ? 0 : packet.data + offset
}

function loadBytes(m: Machine, origin = 0): void {
  const size = m.u32(4)
  const to = m.writable(3, size)
  const at = m.s32(2) < 0 ? 0 : part(m, m.s32(2) + origin, size)
  if (at === 0 || size === 0) {
    m.memory.bytes.fill(0, to, to + size)
    m.ret(at === 0 ? -EFAULT : 0)
    return
  }
  m.memory.bytes.copyWithin(to, at, at + size)
  m.ret(0)
}

/** bpf_skb_load_bytes_relative: from the link-layer (0) or network (1) header, which may lie before the data. */
function loadRelative(m: Machine): void {
  const kind = m.u32(5)
  if (kind > 1) {
    m.ret(-EINVAL)
    return
  }
  const { macOffset, header } = skbState(m) ?? { macOffset: 0, header: new Uint8Array(0) }
  const origin = macOffset + (kind === 0 ? 0 : ETH_HLEN)
  const start = m.u32(2) + origin
  if (start >= 0) {
    loadBytes(m, origin)
    return
  }
  const size = m.u32(4)
  const to = m.writable(3, size)
  const packet = packetOf(m)
  m.memory.bytes.fill(0, to, to + size)
  if (start + size > packet.length) m.ret(-EFAULT)
  else {
    const before = header.subarray(start - macOffset, start - macOffset + size)
    m.memory.write(to, before)
    m.memory.bytes.copyWithin(to + before.length, packet.data, packet.data + size - before.length)
    m.ret(0)
  }
}

function storeBytes(m: Machine): void {
  const size = m.u32(4)
  const from = m.readable(3, size)
  if (m.u64(5) & ~3n) m.ret(-EINVAL)
  else {
    const at = m.s32(2) < 0 ? 0 : part(m, m.s32(2), size)
    if (at === 0) m.ret(-EFAULT)
    else {
      m.memory.bytes.copyWithin(at, from, from + size)
      m.ret(0)
    }
  }
}

/** Adds numbers as 16-bit ones' complement. */
function fold(sum: number): number {
  let value = sum
  while (value > 0xffff) value = (value & 0xffff) + Math.floor(value / 0x10000)
  return value
}

const halves = (value: number) => (value & 0xffff) + (value >>> 16)

/** The checksum after `from` was replaced by `to` in what it covers. */
function replaced(sum: number, from: number, to: number): number {
  return ~fold((~sum & 0xffff) + halves(~from >>> 0) + halves(to)) & 0xffff
}

function replaceChecksum(m: Machine, l4: boolean): void {
  const offset = m.u32(2)
  const flags = m.u32(5)
  if (m.hi[5] !== 0 || flags & ~(l4 ? 0x7f : 0xf)) {
    m.ret(-EINVAL)
    return
  }
  const at = offset > 0xffff || offset & 1 ? 0 : part(m, offset, 2)
  if (at === 0) {
    m.ret(-EFAULT)
    return
  }
  const { view } = m.memory
  const old = view.getUint16(at, true)
  if (l4 && flags & 0x20 && !(flags & 0x40) && old === 0) {
    m.ret(0)
    return
  }
  const size = flags & 0xf
  let sum: number
  if (size === 0) {
    if (m.u64(3) !== 0n) {
      m.ret(-EINVAL)
      return
    }
    sum = ~fold((~old & 0xffff) + halves(m.u32(4))) & 0xffff
  } else if (size === 2) sum = replaced(old, m.u32(3) & 0xffff, m.u32(4) & 0xffff)
  else if (size === 4) sum = replaced(old, m.u32(3), m.u32(4))
  else {
    m.ret(-EINVAL)
    return
  }
  if (l4 && flags & 0x20 && sum === 0) sum = 0xffff
  view.setUint16(at, sum, true)
  m.ret(0)
}

/** Sum of 32-bit words, as ones' complement, not folded below 32 bits. */
function sumWords(m: Machine, at: number, size: number, invert: boolean): number {
  let sum = 0
  for (let i = 0; i < size; i += 4) {
    const word = m.memory.view.getUint32(at + i, true)
    sum += invert ? ~word >>> 0 : word
  }
  return sum
}

function checksumDifference(m: Machine): void {
  const fromSize = m.u32(2)
  const toSize = m.u32(4)
  if ((fromSize | toSize) & 3) {
    m.ret(-EINVAL)
    return
  }
  const from = fromSize ? m.readable(1, fromSize) : 0
  const to = toSize ? m.readable(3, toSize) : 0
  // Both zeros of one's complement are told apart as the kernel does: without `to` the sum is taken of the complement and turned around.
  const onlyFrom = fromSize > 0 && toSize === 0
  let sum = onlyFrom
    ? (~m.u32(5) >>> 0) + sumWords(m, from, fromSize, false)
    : m.u32(5) + sumWords(m, from, fromSize, true) + sumWords(m, to, toSize, false)
  while (sum > 0xffff_ffff) sum = (sum % 0x1_0000_0000) + Math.floor(sum / 0x1_0000_0000)
  m.retAddress(fold(halves(onlyFrom ? ~sum >>> 0 : sum)))
}

function changeTail(m: Machine): void {
  const packet = packetOf(m)
  const length = m.u32(2)
  if (m.u64(3) !== 0n || length < ETH_HLEN || length > 0xffff) m.ret(-EINVAL)
  else m.ret(packet.move(packet.meta, packet.data, packet.data + length) ? 0 : -ENOMEM)
}

function changeHead(m: Machine): void {
  const packet = packetOf(m)
  const room = m.u32(2)
  if (m.u64(3) !== 0n || packet.length + room > 0xffff) {
    m.ret(-EINVAL)
    return
  }
  if (!packet.move(packet.data - room, packet.data - room, packet.end)) {
    m.ret(-ENOMEM)
    return
  }
  m.memory.bytes.fill(0, packet.data, packet.data + room)
  m.ret(0)
}

/** Makes room of `count` zero bytes at an offset, or takes bytes away there (count < 0); false where that cannot be. */
export function resizeAt(m: Machine, offset: number, count: number): boolean {
  const packet = packetOf(m)
  const { bytes } = m.memory
  const old = packet.data
  if (count < 0 && offset - count > packet.length) return false
  if (!packet.move(old - count, old - count, packet.end)) return false
  if (count > 0) {
    bytes.copyWithin(packet.data, old, old + offset)
    bytes.fill(0, packet.data + offset, packet.data + offset + count)
  } else bytes.copyWithin(packet.data, old, old + offset)
  return true
}

/** bpf_skb_adjust_room(skb, len_diff, mode, flags): room behind the network header (mode 0) or before it (1). */
function adjustRoom(m: Machine): void {
  const difference = m.s32(2)
  const mode = m.u32(3)
  const proto = m.memory.view.getUint16(m.context + 16, false)
  const network = skbState(m)?.macOffset === 0 ? ETH_HLEN : 0
  const header = proto === 0x0800 ? 20 : proto === 0x86dd ? 40 : 0
  if (Math.abs(difference) > 0xfff || mode > 1 || m.u64(4) & ~0xffffn) {
    m.ret(Math.abs(difference) > 0xfff ? -EFAULT : -EINVAL)
    return
  }
  if (header === 0) {
    m.ret(-524)
    return
  }
  const offset = network + (mode === 0 ? header : 0)
  m.ret(resizeAt(m, offset, difference) ? 0 : -ENOMEM)
}

/** bpf_skb_change_proto: between IPv4 and IPv6, by the 20 bytes their headers differ. */
function changeProto(m: Machine): void {
  const to = ((m.u32(2) & 0xff) << 8) | ((m.u32(2) >> 8) & 0xff)
  const from = m.memory.view.getUint16(m.context + 16, false)
  const step = from === 0x0800 && to === 0x86dd ? 20 : from === 0x86dd && to === 0x0800 ? -20 : 0
  if (m.u64(3) !== 0n || (step === 0 && from !== to)) {
    m.ret(m.u64(3) !== 0n ? -EINVAL : -524)
    return
  }
  if (!resizeAt(m, skbState(m)?.macOffset === 0 ? ETH_HLEN : 0, step)) m.ret(-ENOMEM)
  else {
    m.memory.view.setUint16(m.context + 16, to, false)
    m.ret(0)
  }
}

function xdpAdjustHead(m: Machine): void {
  const packet = packetOf(m)
  const offset = m.s32(2)
  const metaBytes = packet.data - packet.meta
  const data = packet.data + offset
  if (data < packet.data - packet.headroom + XDP_FRAME_BYTES + metaBytes || data > packet.end - ETH_HLEN) {
    m.ret(-EINVAL)
    return
  }
  const meta = data - metaBytes
  m.memory.bytes.copyWithin(meta, packet.meta, packet.data)
  m.ret(packet.move(meta, data, packet.end) ? 0 : -EINVAL)
}

function xdpAdjustMeta(m: Machine): void {
  const packet = packetOf(m)
  const meta = packet.meta + m.s32(2)
  const size = packet.data - meta
  if (meta < packet.data - packet.headroom + XDP_FRAME_BYTES || meta > packet.data) m.ret(-EINVAL)
  else if (size & 3 || size > 252) m.ret(-EACCES)
  else m.ret(packet.move(meta, packet.data, packet.end) ? 0 : -EINVAL)
}

function xdpAdjustTail(m: Machine): void {
  const packet = packetOf(m)
  const end = packet.end + m.s32(2)
  const hardEnd = Math.max(packet.data - packet.headroom + FRAME_END, packet.data + packet.capacity)
  if (end > hardEnd || end < packet.data + ETH_HLEN) m.ret(-EINVAL)
  else m.ret(packet.move(packet.meta, packet.data, end) ? 0 : -EINVAL)
}

function pull(m: Machine): void {
  m.ret(m.u32(2) > packetOf(m).length ? -ENOMEM : 0)
}

/** A hash of the packet's flow: some number that is never 0. */
function flowHash(m: Machine): void {
  const { view } = m.memory
  let hash = view.getUint32(m.context + 68, true)
  if (hash === 0) {
    hash = 0x811c9dc5
    for (const byte of packetOf(m).bytes().subarray(0, 64)) hash = Math.imul(hash ^ byte, 0x01000193)
    hash = hash >>> 0 || 1
    view.setUint32(m.context + 68, hash, true)
  }
  m.retAddress(hash)
}

/** Marks congestion in the IP header (INET_ECN_set_ce); 1 where it could. */
function setCongestion(m: Machine): void {
  const proto = m.memory.view.getUint16(m.context + 16, false)
  const at = packetOf(m).data + (skbState(m)?.macOffset === 0 ? ETH_HLEN : 0)
  const { bytes, view } = m.memory
  if (proto === 0x0800 && at + 20 <= packetOf(m).end) {
    const tos = bytes[at + 1]!
    if ((tos & 3) === 0) m.ret(0)
    else {
      if ((tos & 3) !== 3) {
        bytes[at + 1] = tos | 3
        view.setUint16(at + 10, replaced(view.getUint16(at + 10, true), tos << 8, (tos | 3) << 8), true)
      }
      m.ret(1)
    }
  } else if (proto === 0x86dd && at + 40 <= packetOf(m).end) {
    const low = bytes[at + 1]! & 0x30
    if (low === 0) m.ret(0)
    else {
      bytes[at + 1] = bytes[at + 1]! | 0x30
      m.ret(1)
    }
  } else m.ret(0)
}

const zero = (m: Machine) => m.ret(0)

defineHelpers([
  { id: 9, name: 'bpf_skb_store_bytes', run: storeBytes },
  { id: 10, name: 'bpf_l3_csum_replace', run: m => replaceChecksum(m, false) },
  { id: 11, name: 'bpf_l4_csum_replace', run: m => replaceChecksum(m, true) },
  { id: 26, name: 'bpf_skb_load_bytes', run: m => loadBytes(m) },
  { id: 28, name: 'bpf_csum_diff', run: checksumDifference, partial: 'the result is folded to 16 bits, as since 6.13' },
  { id: 31, name: 'bpf_skb_change_proto', run: changeProto },
  {
    id: 32,
    name: 'bpf_skb_change_type',
    run: m => {
      if (m.u32(2) > 3 || m.memory.view.getUint32(m.context + 4, true) > 3) m.ret(-EINVAL)
      else {
        m.memory.view.setUint32(m.context + 4, m.u32(2), true)
        m.ret(0)
      }
    },
  },
  { id: 34, name: 'bpf_get_hash_recalc', run: flowHash, partial: "another hash than the kernel's" },
  { id: 38, name: 'bpf_skb_change_tail', run: changeTail },
  { id: 39, name: 'bpf_skb_pull_data', run: pull },
  { id: 40, name: 'bpf_csum_update', run: m => m.ret(-524), partial: 'packets have no hardware checksum' },
  {
    id: 41,
    name: 'bpf_set_hash_invalid',
    run: m => {
      m.memory.view.setUint32(m.context + 68, 0, true)
      m.ret(0)
    },
  },
  { id: 43, name: 'bpf_skb_change_head', run: changeHead },
  { id: 44, name: 'bpf_xdp_adjust_head', run: xdpAdjustHead },
  {
    id: 48,
    name: 'bpf_set_hash',
    run: m => {
      m.memory.view.setUint32(m.context + 68, m.u32(2), true)
      m.ret(0)
    },
  },
  { id: 50, name: 'bpf_skb_adjust_room', run: adjustRoom, partial: 'encapsulation flags do not change other headers' },
  { id: 54, name: 'bpf_xdp_adjust_meta', run: xdpAdjustMeta },
  { id: 65, name: 'bpf_xdp_adjust_tail', run: xdpAdjustTail },
  { id: 68, name: 'bpf_skb_load_bytes_relative', run: loadRelative },
  { id: 97, name: 'bpf_skb_ecn_set_ce', run: setCongestion },
  { id: 135, name: 'bpf_csum_level', run: zero, partial: 'packets have no hardware checksum' },
  { id: 188, name: 'bpf_xdp_get_buff_len', run: m => m.retAddress(packetOf(m).length) },
  {
    id: 189,
    name: 'bpf_xdp_load_bytes',
    run: m => {
      const size = m.u32(4)
      const to = m.writable(3, size)
      const at = m.s32(2) < 0 ? 0 : part(m, m.s32(2), size)
      if (at === 0) m.ret(-EINVAL)
      else {
        m.memory.bytes.copyWithin(to, at, at + size)
        m.ret(0)
      }
    },
  },
  {
    id: 190,
    name: 'bpf_xdp_store_bytes',
    run: m => {
      const size = m.u32(4)
      const from = m.readable(3, size)
      const at = m.s32(2) < 0 ? 0 : part(m, m.s32(2), size)
      if (at === 0) m.ret(-EINVAL)
      else {
        m.memory.bytes.copyWithin(at, from, from + size)
        m.ret(0)
      }
    },
  },
])

defineKfuncs({ bpf_skb_get_hash: flowHash })
