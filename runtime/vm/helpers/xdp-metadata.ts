/** What a device says of a packet beside its bytes (net/core/xdp.c, 6.12), from the run's `metadata`, and linear data of XDP (6.18). */
import { EINVAL, EOPNOTSUPP } from '../errno.js'
import type { Machine } from '../machine.js'
import { packetOf } from './packet.js'
import { defineKfuncs } from './table.js'

/** Left out is what the device does not tell: the kfunc answers -EOPNOTSUPP. */
export interface DeviceMetadata {
  /** Nanoseconds. */
  readonly timestamp?: bigint
  readonly hash?: number
  /** `enum xdp_rss_hash_type`. */
  readonly hashType?: number
  readonly vlan?: { readonly proto: number; readonly tci: number }
}

const METADATA = 'device metadata'

/** For this run, or for none. */
export function setDeviceMetadata(m: Machine, metadata: DeviceMetadata | undefined): void {
  m.extras.set(METADATA, metadata)
}

const metadata = (m: Machine): DeviceMetadata => (m.extras.get(METADATA) as DeviceMetadata | undefined) ?? {}

defineKfuncs({
  bpf_xdp_metadata_rx_timestamp: m => {
    const { timestamp } = metadata(m)
    if (timestamp !== undefined) m.memory.view.setBigUint64(m.writable(2, 8), BigInt.asUintN(64, timestamp), true)
    m.ret(timestamp === undefined ? -EOPNOTSUPP : 0)
  },
  bpf_xdp_metadata_rx_hash: m => {
    const { hash, hashType = 0 } = metadata(m)
    if (hash !== undefined) {
      m.memory.view.setUint32(m.writable(2, 4), hash, true)
      m.memory.view.setUint32(m.writable(3, 4), hashType, true)
    }
    m.ret(hash === undefined ? -EOPNOTSUPP : 0)
  },
  bpf_xdp_metadata_rx_vlan_tag: m => {
    const { vlan } = metadata(m)
    if (vlan) {
      m.memory.view.setUint16(m.writable(2, 2), vlan.proto, false)
      m.memory.view.setUint16(m.writable(3, 2), vlan.tci, true)
    }
    m.ret(vlan ? 0 : -EOPNOTSUPP)
  },
  // Packets are in one piece here.
  bpf_xdp_pull_data: m => m.ret(m.u32(2) <= packetOf(m).length ? 0 : -EINVAL),
})
