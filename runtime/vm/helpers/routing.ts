/** Packets between routes and devices: MTUs, time stamps, lightweight tunnels, IPsec (net/core/filter.c, lwt_bpf.c; 6.12). */
import { EINVAL, ENODEV, ENOMEM, EOPNOTSUPP } from '../errno.js'
import type { Machine } from '../machine.js'
import { packetOf, resizeAt } from './packet.js'
import { pushSegments } from './segment-routing.js'
import { defineHelpers } from './table.js'

const BPF_PROG_TYPE_XDP = 6
const BPF_PROG_TYPE_LWT_XMIT = 12
const ETH_HLEN = 14
const DEFAULT_MTU = 1500
const BPF_MTU_CHK_SEGS = 1n
const BPF_MTU_CHK_RET_FRAG_NEEDED = 1

/** bpf_check_mtu(ctx, ifindex, mtu_len, len_diff, flags). */
function checkMtu(m: Machine): void {
  const xdp = m.programType === BPF_PROG_TYPE_XDP
  const at = m.writable(3, 4)
  const { view } = m.memory
  const flags = m.u64(5)
  const asked = view.getUint32(at, true)
  const difference = m.s32(4)
  if (flags & ~(xdp ? 0n : BPF_MTU_CHK_SEGS) || (flags && (difference !== 0 || asked !== 0))) {
    m.ret(-EINVAL)
    return
  }
  const ifindex = m.u32(2) || view.getUint32(m.context + (xdp ? 12 : 40), true)
  const device = m.env.devices.size === 0 ? { mtu: DEFAULT_MTU } : m.env.devices.get(ifindex)
  if (!device) {
    m.ret(-ENODEV)
    return
  }
  const length = (asked ? asked + ETH_HLEN : packetOf(m).length) + difference
  view.setUint32(at, device.mtu, true)
  const gso = !xdp && view.getUint32(m.context + 176, true) !== 0
  m.ret(length > device.mtu + ETH_HLEN && !gso ? BPF_MTU_CHK_RET_FRAG_NEEDED : 0)
}

const ETH_P_IP = 0x0008
const ETH_P_IPV6 = 0xdd86

/** bpf_skb_set_tstamp(skb, tstamp, type): the time, and on which clock it is. */
function setTimestamp(m: Machine): void {
  const { view } = m.memory
  const protocol = view.getUint32(m.context + 16, true)
  const type = m.u32(3)
  if (protocol !== ETH_P_IP && protocol !== ETH_P_IPV6) m.ret(-EOPNOTSUPP)
  else if (type > 2 || (type !== 0 && m.u64(2) === 0n)) m.ret(-EINVAL)
  else {
    view.setBigUint64(m.context + 152, m.u64(2), true)
    view.setUint8(m.context + 180, type)
    m.ret(0)
  }
}

const BPF_LWT_ENCAP_SEG6_INLINE = 1
const BPF_LWT_ENCAP_IP = 2
const MAX_HEADROOM = 256
const IPPROTO_UDP = 17

/** Length that a header of a tunnel must have at least; undefined for one that is no IP header. */
function tunnelHeader(header: Uint8Array): number | undefined {
  const version = header[0]! >> 4
  if (version === 4) return (header[0]! & 15) * 4 + (header[9] === IPPROTO_UDP ? 8 : 0)
  return version === 6 ? 40 + (header[6] === IPPROTO_UDP ? 8 : 0) : undefined
}

/** bpf_lwt_push_encap(skb, type, hdr, len): an outer header before the packet's own. */
function pushEncap(m: Machine): void {
  const type = m.u32(2)
  const size = m.u32(4)
  const from = m.readable(3, size)
  if (type !== BPF_LWT_ENCAP_IP) {
    const segments = m.memory.bytes.slice(from, from + size)
    if (type > BPF_LWT_ENCAP_IP || m.programType === BPF_PROG_TYPE_LWT_XMIT) m.ret(-EINVAL)
    else m.ret(pushSegments(m, segments, type === BPF_LWT_ENCAP_SEG6_INLINE))
    return
  }
  const header = m.memory.bytes.slice(from, from + size)
  const least = size < 20 || size > MAX_HEADROOM ? undefined : tunnelHeader(header)
  if (least === undefined || size < least) {
    m.ret(-EINVAL)
    return
  }
  if (!resizeAt(m, 0, size)) {
    m.ret(-ENOMEM)
    return
  }
  const at = packetOf(m).data
  const { view } = m.memory
  m.memory.write(at, header)
  const four = header[0]! >> 4 === 4
  if (four && view.getUint16(at + 10, true) === 0) {
    let sum = 0
    for (let offset = 0; offset < (header[0]! & 15) * 4; offset += 2) sum += view.getUint16(at + offset, false)
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
    view.setUint16(at + 10, ~sum & 0xffff, false)
  }
  view.setUint32(m.context + 16, four ? ETH_P_IP : ETH_P_IPV6, true)
  m.ret(0)
}

function noIpsec(m: Machine): void {
  const size = m.u32(4)
  const to = m.writable(3, size)
  m.memory.bytes.fill(0, to, to + size)
  m.ret(-EINVAL)
}

defineHelpers([
  { id: 66, name: 'bpf_skb_get_xfrm_state', run: noIpsec, partial: 'packets come without IPsec state: -EINVAL' },
  { id: 73, name: 'bpf_lwt_push_encap', run: pushEncap, partial: 'the outer source address of segment routing is ::' },
  { id: 163, name: 'bpf_check_mtu', run: checkMtu, partial: 'packets with gso_size pass without a look at their segments' },
  { id: 192, name: 'bpf_skb_set_tstamp', run: setTimestamp },
])
