/**
 * Programs on what goes through sockets in a sockmap: sk_msg on messages to send, sk_skb on what came in. The input's `packet` is the
 * payload, without headers; the ends of the connection come from the input's socket.
 */
import type { Machine } from '../machine.js'
import type { VmSocket } from '../sockets.js'
import { MessageBuffer } from './message-buffer.js'
import { type SkbState, skBuffFields } from './skb.js'
import { type ContextField, defineProgramKind, scratchRegion, writeFields } from './table.js'
import { packetBuffer } from './xdp.js'

const SK_MSG_BYTES = 80
const SK_BUFF_BYTES = 192

/** Offsets of the fields that say who talks to whom; ports of the far end stand in network order in four bytes. */
export interface EndFields {
  readonly family: number
  readonly remoteIp4: number
  readonly localIp4: number
  readonly remoteIp6: number
  readonly localIp6: number
  readonly remotePort: number
  readonly localPort: number
}

export function writeEnds(m: Machine, address: number, fields: EndFields, socket: VmSocket): void {
  const { view } = m.memory
  const { local, remote } = socket
  view.setUint32(address + fields.family, socket.family, true)
  m.memory.write(address + (remote.address.length === 16 ? fields.remoteIp6 : fields.remoteIp4), remote.address)
  m.memory.write(address + (local.address.length === 16 ? fields.localIp6 : fields.localIp4), local.address)
  view.setUint32(address + fields.remotePort, remote.port, false)
  view.setUint32(address + fields.localPort, local.port, true)
}

const messageEnds: EndFields = {
  family: 16,
  remoteIp4: 20,
  localIp4: 24,
  remoteIp6: 28,
  localIp6: 44,
  remotePort: 60,
  localPort: 64,
}

const messageFields: readonly ContextField[] = [
  { name: 'family', offset: 16, size: 4 },
  { name: 'remote_ip4', offset: 20, size: 4 },
  { name: 'local_ip4', offset: 24, size: 4 },
  { name: 'remote_ip6', offset: 28, size: 4, count: 4 },
  { name: 'local_ip6', offset: 44, size: 4, count: 4 },
  { name: 'remote_port', offset: 60, size: 4 },
  { name: 'local_port', offset: 64, size: 4 },
]

/** The machine's message, made anew when one is longer than all before. */
function messageBuffer(m: Machine, address: number, length: number): MessageBuffer {
  let buffer = m.extras.get('message') as MessageBuffer | undefined
  if (!buffer || buffer.capacity < length) {
    const capacity = Math.max(2048, 2 ** Math.ceil(Math.log2(Math.max(1, length))))
    buffer = new MessageBuffer(m, address, { data: 0, dataEnd: 8, dataMeta: -1, len: 68 }, capacity)
    m.extras.set('message', buffer)
  }
  return buffer
}

defineProgramKind({
  types: [16],
  setUp(m, _program, input) {
    const address = scratchRegion(m, 'sk_msg_md', SK_MSG_BYTES)
    const message = input.packet ?? new Uint8Array(0)
    const buffer = messageBuffer(m, address, message.length)
    m.packet = buffer
    buffer.fill(message, input.fragments ?? (message.length === 0 ? [] : [message.length]))
    if (m.socket) {
      writeEnds(m, address, messageEnds, m.socket)
      m.memory.writePointer(address + 72, m.socket.address)
    }
    if (input.ctx && !(input.ctx instanceof Uint8Array)) writeFields(m, address, messageFields, input.ctx, 'sk_msg_md')
    m.setArg(1, address)
    return { address, size: SK_MSG_BYTES }
  },
  resultAfter(m) {
    const { applyBytes, corkBytes } = m.packet as MessageBuffer
    return { message: { applyBytes, corkBytes } }
  },
})

export const skbEnds: EndFields = {
  family: 88,
  remoteIp4: 92,
  localIp4: 96,
  remoteIp6: 100,
  localIp6: 116,
  remotePort: 132,
  localPort: 136,
}

defineProgramKind({
  types: [14],
  setUp(m, _program, input) {
    const address = scratchRegion(m, '__sk_buff', SK_BUFF_BYTES)
    const payload = input.packet ?? new Uint8Array(0)
    m.packet = packetBuffer(m, 'sk_skb', address, { data: 76, dataEnd: 80, dataMeta: -1, len: 0 }, payload.length)
    m.packet.load(payload)
    const state: SkbState = { macOffset: 0, header: new Uint8Array(0), cgroupId: m.env.task.cgroupId }
    m.extras.set('skb', state)
    if (m.socket) {
      writeEnds(m, address, skbEnds, m.socket)
      m.memory.writePointer(address + 168, m.socket.address)
    }
    if (input.ctx && !(input.ctx instanceof Uint8Array)) writeFields(m, address, skBuffFields, input.ctx, '__sk_buff')
    m.setArg(1, address)
    return { address, size: SK_BUFF_BYTES }
  },
})
