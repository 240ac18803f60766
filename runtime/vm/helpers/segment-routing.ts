/** IPv6 segment routing (SRv6) of lightweight tunnel programs: headers pushed, changed and acted on (net/core/filter.c, net/ipv6/seg6*.c; 6.12). */
import { EBADMSG, EFAULT, EINVAL, ENETUNREACH, ENOMEM } from '../errno.js'
import type { Machine } from '../machine.js'
import { packetOf, resizeAt } from './packet.js'
import { defineHelpers } from './table.js'

const IPV6_HEADER = 40
const NEXT_HOP_BY_HOP = 0
const NEXT_IPV6 = 41
const NEXT_ROUTING = 43
const NEXT_FRAGMENT = 44
const NEXT_DESTINATION = 60
/** Type of the routing header, and where its fields are. */
const SRCRT_TYPE_4 = 4
const SEGMENTS = 8
const ADDRESS = 16

interface SegmentHeader {
  /** Offset from the packet's start. */
  readonly at: number
  /** Behind the segments, and behind the whole header. */
  readonly options: number
  readonly end: number
}

/** The segment routing header of an IPv6 packet. */
function segmentHeader(m: Machine): SegmentHeader | undefined {
  const packet = packetOf(m)
  const { bytes } = m.memory
  if (packet.length < IPV6_HEADER + SEGMENTS || bytes[packet.data]! >> 4 !== 6 || bytes[packet.data + 6] !== NEXT_ROUTING)
    return undefined
  const at = IPV6_HEADER
  const end = at + (bytes[packet.data + at + 1]! + 1) * 8
  return { at, options: at + SEGMENTS + (bytes[packet.data + at + 4]! + 1) * ADDRESS, end }
}

/** seg6_validate_srh: type, length, segments, and options that end where the header does. */
function isValid(header: Uint8Array): boolean {
  const [, words, type, left, last] = header
  if (header.length < SEGMENTS || type !== SRCRT_TYPE_4 || (words! + 1) * 8 !== header.length || left! > last!) return false
  let at = SEGMENTS + (last! + 1) * ADDRESS
  if (at > header.length) return false
  while (at < header.length) {
    if (at + 2 > header.length) return false
    at += 2 + header[at + 1]!
  }
  return at === header.length
}

function hasValidHeader(m: Machine): boolean {
  const header = segmentHeader(m)
  const { data } = packetOf(m)
  return header !== undefined && isValid(m.memory.bytes.subarray(data + header.at, data + header.end))
}

/** bpf_lwt_seg6_store_bytes(skb, offset, from, len): flags and tag (bytes 5 to 7 of the header), or what follows the segments. */
function store(m: Machine): void {
  const [offset, size] = [m.u32(2), m.u32(4)]
  const from = m.readable(3, size)
  const header = segmentHeader(m)
  if (!header) m.ret(-EINVAL)
  else {
    const { at, options, end } = header
    const inOptions = offset >= options && offset + size <= end
    const inFlags = offset >= at + 5 && offset + size <= at + 8
    if (!inOptions && !inFlags) m.ret(-EFAULT)
    else {
      const { data } = packetOf(m)
      m.memory.bytes.copyWithin(data + offset, from, from + size)
      m.ret(0)
    }
  }
}

/** bpf_lwt_seg6_adjust_srh(skb, offset, delta): room behind the segments; the header's length follows where it stays a multiple of 8. */
function adjust(m: Machine): void {
  const [offset, by] = [m.u32(2), m.s32(3)]
  const header = segmentHeader(m)
  if (!header) {
    m.ret(-EINVAL)
    return
  }
  const { at, options, end } = header
  if (offset < options || offset > end || (by < 0 && offset - by > end)) {
    m.ret(-EFAULT)
    return
  }
  if (!resizeAt(m, offset, by)) {
    m.ret(-ENOMEM)
    return
  }
  payloadLength(m)
  const { data } = packetOf(m)
  if (by % 8 === 0) m.memory.bytes[data + at + 1] = (end - at + by) / 8 - 1
  m.ret(0)
}

function payloadLength(m: Machine): void {
  const packet = packetOf(m)
  m.memory.view.setUint16(packet.data + 4, packet.length - IPV6_HEADER, false)
}

/**
 * A routing header goes into the packet: `inline` behind its IPv6 header (whose destination becomes the last segment), else with an IPv6 header of its
 * own before it. 0, or a negated errno.
 */
export function pushSegments(m: Machine, header: Uint8Array, inline: boolean): number {
  if (!isValid(header)) return -EINVAL
  const { bytes, view } = m.memory
  const isIpv6 = bytes[packetOf(m).data]! >> 4 === 6
  if (inline && !isIpv6) return -EBADMSG
  if (!resizeAt(m, inline ? IPV6_HEADER : 0, header.length + (inline ? 0 : IPV6_HEADER))) return -ENOMEM
  const { data } = packetOf(m)
  const at = data + IPV6_HEADER
  m.memory.write(at, header)
  const first = at + SEGMENTS + header[4]! * ADDRESS
  if (inline) {
    bytes[at] = bytes[data + 6]!
    bytes.copyWithin(at + SEGMENTS, data + 24, data + IPV6_HEADER)
  } else {
    const inner = at + header.length
    bytes[at] = isIpv6 ? NEXT_IPV6 : 4
    // Traffic class and hop limit are the inner packet's, the flow label is 0.
    view.setUint32(data, isIpv6 ? view.getUint32(inner, false) & 0xfff0_0000 : 0x6000_0000, false)
    bytes[data + 7] = isIpv6 ? bytes[inner + 7]! : 64
  }
  bytes[data + 6] = NEXT_ROUTING
  bytes.copyWithin(data + 24, first, first + ADDRESS)
  payloadLength(m)
  return route(m)
}

/** seg6_lookup_nexthop: where the packet goes from here is recorded as a redirect. Without routes in the test's network every address is reached. */
function route(m: Machine, to: { readonly nexthop?: Uint8Array; readonly table?: number } = {}): number {
  if (m.env.routes.some(({ type }) => type === 'unreachable')) return -ENETUNREACH
  m.redirects.push({ kind: 'route', ifindex: 0, flags: 0n, ...to })
  return 0
}

/** Offset of the innermost IPv6 header; undefined where there is none behind the first. */
function innerIpv6(m: Machine): number | undefined {
  const { data, length } = packetOf(m)
  const { bytes } = m.memory
  let next = bytes[data + 6]!
  let at = IPV6_HEADER
  while (at + 8 <= length) {
    if (next === NEXT_IPV6) return at
    if (![NEXT_HOP_BY_HOP, NEXT_ROUTING, NEXT_FRAGMENT, NEXT_DESTINATION].includes(next)) return undefined
    const size = next === NEXT_FRAGMENT ? 8 : (bytes[data + at + 1]! + 1) * 8
    next = bytes[data + at]!
    at += size
  }
  return undefined
}

/** enum of include/uapi/linux/seg6_local.h. */
const END_X = 2
const END_T = 3
const END_DT6 = 7
const END_B6 = 9
const END_B6_ENCAP = 10

/** bpf_lwt_seg6_action(skb, action, param, param_len). */
function action(m: Machine): number {
  const [what, size] = [m.u32(2), m.u32(4)]
  const from = m.readable(3, size)
  const param = m.memory.bytes.slice(from, from + size)
  if (what === END_B6 || what === END_B6_ENCAP)
    return segmentHeader(m) && !hasValidHeader(m) ? -EBADMSG : pushSegments(m, param, what === END_B6)
  if (what !== END_X && what !== END_T && what !== END_DT6) return -EINVAL
  if (!hasValidHeader(m)) return -EBADMSG
  if (size !== (what === END_X ? ADDRESS : 4)) return -EINVAL
  if (what === END_X) return route(m, { nexthop: param })
  const table = new DataView(param.buffer).getInt32(0, true)
  if (what === END_DT6) {
    const inner = innerIpv6(m)
    if (inner === undefined || !resizeAt(m, 0, -inner)) return -EBADMSG
  }
  return route(m, { table })
}

defineHelpers([
  { id: 74, name: 'bpf_lwt_seg6_store_bytes', run: store },
  {
    id: 75,
    name: 'bpf_lwt_seg6_adjust_srh',
    run: adjust,
    partial: 'a packet whose header is no multiple of 8 bytes is not dropped when the program is done',
  },
  {
    id: 76,
    name: 'bpf_lwt_seg6_action',
    run: m => m.ret(action(m)),
    partial: 'routes are not looked up: where the packet goes is in `redirects`',
  },
])
