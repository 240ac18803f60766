/**
 * Flow dissectors: they fill `struct bpf_flow_keys` from a packet. The result's `packet` is those keys, as BPF_PROG_TEST_RUN gives
 * them (net/bpf/test_run.c, bpf_prog_test_run_flow_dissector; 6.12). `ctx` may set `flags`.
 */
import type { Machine } from '../machine.js'
import { defineProgramKind, scratchRegion, writeFields } from './table.js'
import { packetBuffer } from './xdp.js'

const SK_BUFF_BYTES = 192
const FLOW_KEYS_BYTES = 56
const FLOW_KEYS = 144
const ETH_HLEN = 14

const keys = (m: Machine) => m.memory.view.getUint32(m.context + FLOW_KEYS, true)

defineProgramKind({
  types: [22],
  setUp(m, _program, input) {
    const address = scratchRegion(m, '__sk_buff', SK_BUFF_BYTES)
    const flow = scratchRegion(m, 'bpf_flow_keys', FLOW_KEYS_BYTES)
    const packet = input.packet ?? new Uint8Array(64)
    if (packet.length < ETH_HLEN) throw new RangeError(`a packet has at least ${ETH_HLEN} bytes, this one has ${packet.length}`)
    m.packet = packetBuffer(m, 'flow dissector', address, { data: 76, dataEnd: 80, dataMeta: -1, len: 0 }, packet.length)
    m.packet.load(packet, false)
    m.extras.set('skb', undefined)
    m.memory.writePointer(address + FLOW_KEYS, flow)
    const { view } = m.memory
    view.setUint16(flow, ETH_HLEN, true)
    view.setUint16(flow + 2, ETH_HLEN, true)
    m.memory.write(flow + 10, packet.subarray(12, 14))
    if (input.ctx instanceof Uint8Array)
      view.setUint32(flow + 48, new DataView(input.ctx.buffer, input.ctx.byteOffset).getUint32(48, true), true)
    else if (input.ctx) writeFields(m, flow, [{ name: 'flags', offset: 48, size: 4 }], input.ctx, 'bpf_flow_keys')
    m.setArg(1, address)
    return { address, size: SK_BUFF_BYTES }
  },
  packetAfter(m) {
    const flow = keys(m)
    const { view } = m.memory
    const end = Math.min(m.packet!.length, 0xffff)
    const clamp = (value: number, low: number) => Math.min(Math.max(value, low), end)
    const nhoff = clamp(view.getUint16(flow, true), ETH_HLEN)
    view.setUint16(flow, nhoff, true)
    view.setUint16(flow + 2, clamp(view.getUint16(flow + 2, true), nhoff), true)
    return m.memory.bytes.slice(flow, flow + FLOW_KEYS_BYTES)
  },
})
