/**
 * Programs that choose the socket a packet goes to: sk_lookup (no socket known yet) and sk_reuseport (one of a group of sockets that
 * share an address). The result's `socket` is what they chose.
 */
import { AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP } from '../sockets.js'
import { type ContextField, defineProgramKind, scratchRegion, writeFields } from './table.js'
import { packetBuffer } from './xdp.js'

const SK_LOOKUP_BYTES = 72
const SK_REUSEPORT_BYTES = 56
const ETH_HLEN = 14

const lookupFields: readonly ContextField[] = [
  { name: 'cookie', offset: 0, size: 8 },
  { name: 'family', offset: 8, size: 4 },
  { name: 'protocol', offset: 12, size: 4 },
  { name: 'remote_ip4', offset: 16, size: 4 },
  { name: 'remote_ip6', offset: 20, size: 4, count: 4 },
  { name: 'remote_port', offset: 36, size: 2 },
  { name: 'local_ip4', offset: 40, size: 4 },
  { name: 'local_ip6', offset: 44, size: 4, count: 4 },
  { name: 'local_port', offset: 60, size: 4 },
  { name: 'ingress_ifindex', offset: 64, size: 4 },
]

/** Ends of a TCP or UDP packet, from its Ethernet header on; undefined for others. */
export function endsOf(packet: Uint8Array) {
  const type = (packet[12]! << 8) | packet[13]!
  const long = type === 0x86dd
  if (!long && type !== 0x0800) return undefined
  const ports = ETH_HLEN + (long ? 40 : (packet[ETH_HLEN]! & 15) * 4)
  const protocol = packet[ETH_HLEN + (long ? 6 : 9)]!
  if ((protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) || packet.length < ports + 4) return undefined
  const from = ETH_HLEN + (long ? 8 : 12)
  const size = long ? 16 : 4
  return {
    family: long ? AF_INET6 : AF_INET,
    protocol,
    remote: { address: packet.slice(from, from + size), port: (packet[ports]! << 8) | packet[ports + 1]! },
    local: { address: packet.slice(from + size, from + 2 * size), port: (packet[ports + 2]! << 8) | packet[ports + 3]! },
  }
}

defineProgramKind({
  types: [30],
  setUp(m, _program, input) {
    const address = scratchRegion(m, 'bpf_sk_lookup', SK_LOOKUP_BYTES)
    const { view } = m.memory
    const ends = input.packet && endsOf(input.packet)
    if (input.packet && !ends) throw new RangeError('sk_lookup programs are asked about TCP and UDP packets only')
    if (ends) {
      view.setUint32(address + 8, ends.family, true)
      view.setUint32(address + 12, ends.protocol, true)
      m.memory.write(address + (ends.family === AF_INET6 ? 20 : 16), ends.remote.address)
      view.setUint16(address + 36, ends.remote.port, false)
      m.memory.write(address + (ends.family === AF_INET6 ? 44 : 40), ends.local.address)
      view.setUint32(address + 60, ends.local.port, true)
      view.setUint32(address + 64, 1, true)
    } else view.setUint32(address + 8, AF_INET, true)
    if (input.ctx && !(input.ctx instanceof Uint8Array)) writeFields(m, address, lookupFields, input.ctx, 'bpf_sk_lookup')
    m.setArg(1, address)
    return { address, size: SK_LOOKUP_BYTES }
  },
})

const reuseportFields: readonly ContextField[] = [
  { name: 'eth_protocol', offset: 20, size: 4 },
  { name: 'ip_protocol', offset: 24, size: 4 },
  { name: 'bind_inany', offset: 28, size: 4 },
  { name: 'hash', offset: 32, size: 4 },
]

/** The data starts at the transport header: bytes before it are for bpf_skb_load_bytes_relative. */
defineProgramKind({
  types: [21],
  setUp(m, _program, input) {
    const address = scratchRegion(m, 'sk_reuseport_md', SK_REUSEPORT_BYTES)
    const { view } = m.memory
    const whole = input.packet ?? new Uint8Array(64)
    const ends = endsOf(whole)
    const at = !ends ? ETH_HLEN : ETH_HLEN + (ends.family === AF_INET6 ? 40 : (whole[ETH_HLEN]! & 15) * 4)
    m.packet = packetBuffer(m, 'reuseport', address, { data: 0, dataEnd: 8, dataMeta: -1, len: 16 }, whole.length)
    m.packet.load(whole.subarray(at), false)
    m.extras.set('skb', { macOffset: -at, header: whole.slice(0, at), cgroupId: m.env.task.cgroupId })
    m.memory.write(address + 20, whole.subarray(12, 14))
    view.setUint32(address + 24, ends?.protocol ?? 0, true)
    if (m.socket) {
      view.setUint32(address + 28, m.socket.local.address.every(byte => byte === 0) ? 1 : 0, true)
      m.memory.writePointer(address + 40, m.socket.address)
    }
    if (input.ctx && !(input.ctx instanceof Uint8Array)) writeFields(m, address, reuseportFields, input.ctx, 'sk_reuseport_md')
    m.setArg(1, address)
    return { address, size: SK_REUSEPORT_BYTES }
  },
})
