/** XDP: the context is `struct xdp_md`; defaults are those of BPF_PROG_TEST_RUN (net/bpf/test_run.c). */
import type { Machine } from '../machine.js'
import { PacketBuffer } from './packet-buffer.js'
import { type ContextField, defineProgramKind, scratchRegion, writeFields } from './table.js'

const BPF_PROG_TYPE_XDP = 6
const XDP_MD_BYTES = 24

const fields: readonly ContextField[] = [
  { name: 'ingress_ifindex', offset: 12, size: 4 },
  { name: 'rx_queue_index', offset: 16, size: 4 },
  { name: 'egress_ifindex', offset: 20, size: 4 },
]

/** The machine's packet buffer for a context, made once and made anew when a packet is longer. */
export function packetBuffer(
  m: Machine,
  name: string,
  context: number,
  layout: ConstructorParameters<typeof PacketBuffer>[2],
  length: number,
): PacketBuffer {
  const key = `packet ${name}`
  let buffer = m.extras.get(key) as PacketBuffer | undefined
  if (!buffer || buffer.capacity < length) {
    buffer = new PacketBuffer(m, context, layout, Math.max(2048, 2 ** Math.ceil(Math.log2(Math.max(1, length)))))
    m.extras.set(key, buffer)
  }
  return buffer
}

defineProgramKind({
  types: [BPF_PROG_TYPE_XDP],
  setUp(m, _program, input) {
    const address = scratchRegion(m, 'xdp_md', XDP_MD_BYTES)
    const packet = input.packet ?? new Uint8Array(64)
    m.packet = packetBuffer(m, 'xdp', address, { data: 0, dataEnd: 4, dataMeta: 8, len: -1 }, packet.length)
    m.packet.load(packet)
    m.memory.view.setUint32(address + 12, 1, true)
    if (input.ctx && !(input.ctx instanceof Uint8Array)) writeFields(m, address, fields, input.ctx, 'xdp_md')
    m.setArg(1, address)
    return { address, size: XDP_MD_BYTES }
  },
  resultAfter: m => {
    const { meta, data } = m.packet!
    return meta < data ? { metadata: m.memory.bytes.slice(meta, data) } : {}
  },
})
