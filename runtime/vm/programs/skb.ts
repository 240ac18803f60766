/**
 * Programs on socket buffers: their context is `struct __sk_buff`. Socket filters and cgroup_skb programs see the packet from its
 * network header on, traffic control from its Ethernet header on, as in BPF_PROG_TEST_RUN (bpf_prog_test_run_skb, 6.12).
 */
import type { Machine } from '../machine.js'
import { type ContextField, defineProgramKind, scratchRegion, writeFields } from './table.js'
import { packetBuffer } from './xdp.js'

const SK_BUFF_BYTES = 192
const BPF_SOCK_BYTES = 80
const ETH_HLEN = 14

/** Types of programs that see the Ethernet header: sched_cls and sched_act. */
const L2 = new Set([3, 4])

export const skBuffFields: readonly ContextField[] = [
  { name: 'len', offset: 0, size: 4 },
  { name: 'pkt_type', offset: 4, size: 4 },
  { name: 'mark', offset: 8, size: 4 },
  { name: 'queue_mapping', offset: 12, size: 4 },
  { name: 'protocol', offset: 16, size: 4 },
  { name: 'vlan_present', offset: 20, size: 4 },
  { name: 'vlan_tci', offset: 24, size: 4 },
  { name: 'vlan_proto', offset: 28, size: 4 },
  { name: 'priority', offset: 32, size: 4 },
  { name: 'ingress_ifindex', offset: 36, size: 4 },
  { name: 'ifindex', offset: 40, size: 4 },
  { name: 'tc_index', offset: 44, size: 4 },
  { name: 'cb', offset: 48, size: 4, count: 5 },
  { name: 'hash', offset: 68, size: 4 },
  { name: 'tc_classid', offset: 72, size: 4 },
  { name: 'napi_id', offset: 84, size: 4 },
  { name: 'family', offset: 88, size: 4 },
  { name: 'remote_ip4', offset: 92, size: 4 },
  { name: 'local_ip4', offset: 96, size: 4 },
  { name: 'remote_ip6', offset: 100, size: 4, count: 4 },
  { name: 'local_ip6', offset: 116, size: 4, count: 4 },
  { name: 'remote_port', offset: 132, size: 4 },
  { name: 'local_port', offset: 136, size: 4 },
  { name: 'tstamp', offset: 152, size: 8 },
  { name: 'wire_len', offset: 160, size: 4 },
  { name: 'gso_segs', offset: 164, size: 4 },
  { name: 'gso_size', offset: 176, size: 4 },
  { name: 'tstamp_type', offset: 180, size: 1 },
  { name: 'hwtstamp', offset: 184, size: 8 },
]

/** Facts about the socket buffer that its context does not show. */
export interface SkbState {
  /** Offset of the Ethernet header from the data the program sees: 0 or -14. */
  readonly macOffset: number
  /** The header that a program without L2 access does not see. */
  readonly header: Uint8Array
  /** Ids that cgroup helpers answer for the packet's socket. */
  cgroupId: bigint
}

export function skbState(m: Machine): SkbState | undefined {
  return m.extras.get('skb') as SkbState | undefined
}

/** pkt_type as eth_type_trans sets it for a device with address 00:00:00:00:00:00. */
function packetType(packet: Uint8Array): number {
  const target = packet.subarray(0, 6)
  if (target.every(byte => byte === 0xff)) return 1
  if (target[0]! & 1) return 2
  return target.every(byte => byte === 0) ? 0 : 3
}

const ETH_P_802_3_MIN = 0x600
const ETH_P_802_3 = 1
const ETH_P_802_2 = 4

/** The protocol as eth_type_trans finds it: a length where the type should be means a frame of IEEE 802.3. */
function etherType(packet: Uint8Array): number {
  const type = (packet[12]! << 8) | packet[13]!
  if (type >= ETH_P_802_3_MIN) return type
  return packet[14] === 0xff && packet[15] === 0xff ? ETH_P_802_3 : ETH_P_802_2
}

const networkOrder = (value: number) => ((value & 0xff) << 8) | (value >> 8)

defineProgramKind({
  types: [1, 3, 4, 8, 10, 11, 12, 19],
  setUp(m, program, input) {
    const address = scratchRegion(m, '__sk_buff', SK_BUFF_BYTES)
    const whole = input.packet ?? new Uint8Array(64)
    if (whole.length < ETH_HLEN) throw new RangeError(`a packet has at least ${ETH_HLEN} bytes, this one has ${whole.length}`)
    const l2 = L2.has(program.type)
    const { view } = m.memory
    m.packet = packetBuffer(m, 'skb', address, { data: 76, dataEnd: 80, dataMeta: 140, len: 0 }, whole.length)
    m.packet.load(l2 ? whole : whole.subarray(ETH_HLEN))
    const state: SkbState = { macOffset: l2 ? 0 : -ETH_HLEN, header: whole.slice(0, ETH_HLEN), cgroupId: m.env.task.cgroupId }
    m.extras.set('skb', state)
    const proto = (whole[12]! << 8) | whole[13]!
    view.setUint32(address + 4, packetType(whole), true)
    view.setUint32(address + 16, networkOrder(etherType(whole)), true)
    view.setUint32(address + 40, 1, true)
    view.setUint32(address + 160, m.packet.length, true)
    const sock = scratchRegion(m, 'bpf_sock', BPF_SOCK_BYTES)
    m.memory.writePointer(address + 168, sock)
    if (proto === 0x0800 && whole.length >= ETH_HLEN + 20) {
      view.setUint32(address + 88, 2, true)
      view.setUint32(sock + 4, 2, true)
      m.memory.write(sock + 24, whole.subarray(ETH_HLEN + 12, ETH_HLEN + 16))
      m.memory.write(sock + 52, whole.subarray(ETH_HLEN + 16, ETH_HLEN + 20))
      m.memory.write(address + 96, whole.subarray(ETH_HLEN + 12, ETH_HLEN + 16))
      m.memory.write(address + 92, whole.subarray(ETH_HLEN + 16, ETH_HLEN + 20))
    } else if (proto === 0x86dd && whole.length >= ETH_HLEN + 40) {
      view.setUint32(address + 88, 10, true)
      view.setUint32(sock + 4, 10, true)
      m.memory.write(sock + 28, whole.subarray(ETH_HLEN + 8, ETH_HLEN + 24))
      m.memory.write(sock + 56, whole.subarray(ETH_HLEN + 24, ETH_HLEN + 40))
      m.memory.write(address + 116, whole.subarray(ETH_HLEN + 8, ETH_HLEN + 24))
      m.memory.write(address + 100, whole.subarray(ETH_HLEN + 24, ETH_HLEN + 40))
    }
    if (input.ctx && !(input.ctx instanceof Uint8Array)) writeFields(m, address, skBuffFields, input.ctx, '__sk_buff')
    m.setArg(1, address)
    return { address, size: SK_BUFF_BYTES }
  },
  packetAfter(m) {
    const state = skbState(m)!
    const seen = m.packet!.bytes()
    if (state.macOffset === 0) return seen
    const whole = new Uint8Array(ETH_HLEN + seen.length)
    whole.set(state.header)
    whole.set(seen, ETH_HLEN)
    return whole
  },
})
