/**
 * Socket operations: the context is `struct bpf_sock_ops`, filled from the run's socket and from fields by name. For the operations
 * on TCP headers the input's `packet` is the TCP header with its options, and the result's is the header as the program left it.
 */
import type { Machine } from '../machine.js'
import { type ContextField, defineProgramKind, scratchRegion, writeFields } from './table.js'
import { packetBuffer } from './xdp.js'
import { writeEnds } from './socket-messages.js'

const SOCK_OPS_BYTES = 224
const MAX_TCP_OPTIONS = 40
const TCP_HEADER = 20
export const SOCK_OPS_HDR_OPT_LEN_CB = 14
export const SOCK_OPS_WRITE_HDR_OPT_CB = 15

const words = (names: readonly string[], start: number): ContextField[] =>
  names.map((name, index) => ({ name, offset: start + index * 4, size: 4 }))

const fields: readonly ContextField[] = [
  { name: 'op', offset: 0, size: 4 },
  { name: 'args', offset: 4, size: 4, count: 4 },
  ...words(['family', 'remote_ip4', 'local_ip4'], 20),
  { name: 'remote_ip6', offset: 32, size: 4, count: 4 },
  { name: 'local_ip6', offset: 48, size: 4, count: 4 },
  ...words(['remote_port', 'local_port', 'is_fullsock', 'snd_cwnd', 'srtt_us', 'bpf_sock_ops_cb_flags', 'state'], 64),
  ...words(['rtt_min', 'snd_ssthresh', 'rcv_nxt', 'snd_nxt', 'snd_una', 'mss_cache', 'ecn_flags', 'rate_delivered'], 92),
  ...words(['rate_interval_us', 'packets_out', 'retrans_out', 'total_retrans', 'segs_in', 'data_segs_in', 'segs_out'], 124),
  ...words(['data_segs_out', 'lost_out', 'sacked_out', 'sk_txhash'], 152),
  { name: 'bytes_received', offset: 168, size: 8 },
  { name: 'bytes_acked', offset: 176, size: 8 },
  { name: 'skb_tcp_flags', offset: 212, size: 4 },
  { name: 'skb_hwtstamp', offset: 216, size: 8 },
]

const ends = {
  family: 20,
  remoteIp4: 24,
  localIp4: 28,
  remoteIp6: 32,
  localIp6: 48,
  remotePort: 64,
  localPort: 68,
}

/** The TCP header an operation is about, and how many more bytes of options it may get. */
export interface HeaderOptions {
  readonly operation: number
  remaining: number
  /** The connection's SYN, when the test gave it (socket option `saved syn`). */
  readonly syn: Uint8Array | undefined
  header(): Uint8Array
  append(option: Uint8Array): void
}

export function headerOptions(m: Machine): HeaderOptions | undefined {
  return m.extras.get('header options') as HeaderOptions | undefined
}

defineProgramKind({
  types: [13],
  setUp(m, _program, input) {
    const address = scratchRegion(m, 'bpf_sock_ops', SOCK_OPS_BYTES)
    const { view } = m.memory
    const { socket } = m
    m.extras.delete('header options')
    if (socket) {
      writeEnds(m, address, ends, socket)
      view.setUint32(address + 72, 1, true)
      view.setUint32(address + 84, socket.callbacks, true)
      view.setUint32(address + 88, socket.state, true)
      m.memory.writePointer(address + 184, socket.address)
      const tcp = Object.entries(socket.fixture.tcp ?? {}).filter(([name]) => fields.some(field => field.name === name))
      writeFields(m, address, fields, Object.fromEntries(tcp), 'bpf_sock_ops')
    }
    if (input.ctx instanceof Uint8Array) m.memory.write(address, input.ctx.subarray(0, SOCK_OPS_BYTES))
    else if (input.ctx) writeFields(m, address, fields, input.ctx, 'bpf_sock_ops')
    if (input.packet) {
      if (input.packet.length < TCP_HEADER) throw new RangeError(`a TCP header has at least ${TCP_HEADER} bytes`)
      const buffer = packetBuffer(
        m,
        'tcp header',
        address,
        { data: 192, dataEnd: 200, dataMeta: -1, len: 208 },
        input.packet.length,
      )
      m.packet = buffer
      buffer.load(input.packet, false)
      const state: HeaderOptions = {
        operation: view.getUint32(address, true),
        remaining: Math.max(0, MAX_TCP_OPTIONS - (input.packet.length - TCP_HEADER)),
        syn: socket?.options.get('saved syn'),
        header: () => buffer.bytes(),
        append(option) {
          const { end } = buffer
          buffer.move(buffer.meta, buffer.data, end + option.length)
          m.memory.write(end, option)
          this.remaining -= option.length
        },
      }
      m.extras.set('header options', state)
    }
    m.setArg(1, address)
    return { address, size: SOCK_OPS_BYTES }
  },
  resultAfter(m) {
    const state = headerOptions(m)
    return {
      reply: m.memory.view.getUint32(m.context + 4, true),
      ...(state?.operation === SOCK_OPS_HDR_OPT_LEN_CB && {
        reserved: MAX_TCP_OPTIONS - (m.packet!.length - TCP_HEADER) - state.remaining,
      }),
    }
  },
})
