/**
 * The kernel's own view of a context (bpf_cast_to_kern_ctx): `struct xdp_buff`, `struct sk_buff`, `struct bpf_sock_addr_kern`, laid out by the
 * kernel's BTF and filled from what the run was given. The view is of the moment of the call.
 */
import { NotImplemented } from '../../../base/outcome.js'
import { ProgType } from '../../../linker/object/uapi.js'
import type { FixtureValue } from '../kernel-objects.js'
import type { Machine } from '../machine.js'
import { skbState } from '../programs/skb.js'
import { objectsOf } from './files.js'
import { defineKfuncs } from './table.js'

type Fields = Readonly<Record<string, FixtureValue>>

/** The object of a kind that all runs share: programs keep no pointer to a context. */
function view(m: Machine, struct: string, fields: Fields): number {
  const objects = objectsOf(m)
  if (!objects.has(struct))
    throw new NotImplemented(`struct ${struct} is not in the kernel BTF that is loaded (option kernelBtf)`)
  const key = `view ${struct}`
  const known = m.extras.get(key) as number | undefined
  const address = known ?? objects.build({ struct, fields: {} })
  m.extras.set(key, address)
  objects.updateKnown(address, struct, fields)
  return address
}

/** The device of an index, made once. Loopback is called lo, as where test runs find themselves. */
function device(m: Machine, ifindex: number): number {
  const objects = objectsOf(m)
  if (ifindex === 0 || !objects.has('net_device')) return 0
  const key = `net_device ${ifindex}`
  const known = m.extras.get(key) as number | undefined
  if (known !== undefined) return known
  const fields = {
    ifindex,
    name: ifindex === 1 ? 'lo' : `eth${ifindex - 2}`,
    mtu: m.env.devices.get(ifindex)?.mtu ?? 1500,
  }
  const address = objects.build({ struct: 'net_device' })
  objects.updateKnown(address, 'net_device', fields)
  m.extras.set(key, address)
  return address
}

function xdpBuffer(m: Machine): number {
  const { meta, data, end, first } = m.packet!
  const word = (at: number) => m.memory.view.getUint32(m.context + at, true)
  const rxq = objectsOf(m).has('xdp_rxq_info') ? view(m, 'xdp_rxq_info', { dev: device(m, word(12)), queue_index: word(16) }) : 0
  const fields = { data, data_end: end, data_meta: meta, data_hard_start: first, rxq, frame_sz: m.packet!.room }
  return view(m, 'xdp_buff', fields)
}

function socketBuffer(m: Machine): number {
  const packet = m.packet!
  const word = (at: number) => m.memory.view.getUint32(m.context + at, true)
  const { first, data, end } = packet
  const { macOffset } = skbState(m) ?? { macOffset: 0 }
  const network = data - first + (macOffset === 0 ? 14 : 0)
  // skb_shared_info lies behind the packet's room, where `head + end` points.
  const shared = objectsOf(m).has('skb_shared_info') ? view(m, 'skb_shared_info', {}) : first + packet.room
  return view(m, 'sk_buff', {
    len: packet.length,
    head: first,
    data,
    tail: end - first,
    end: shared - first,
    mac_header: data - first + macOffset,
    network_header: network,
    dev: device(m, word(40)),
    skb_iif: word(36),
    mark: word(8),
    queue_mapping: word(12),
    protocol: word(16),
    vlan_proto: word(28),
    vlan_tci: word(24),
    priority: word(32),
    hash: word(68),
    cb: m.memory.bytes.slice(m.context + 48, m.context + 68),
    sk: m.socket?.kernel() ?? 0,
  })
}

function socketAddress(m: Machine): number {
  const path = m.extras.get('socket path') as Uint8Array | undefined
  const uaddr = objectsOf(m).has('sockaddr_un')
    ? view(m, 'sockaddr_un', { sun_family: m.memory.view.getUint32(m.context, true), sun_path: path ?? new Uint8Array(108) })
    : 0
  return view(m, 'bpf_sock_addr_kern', { sk: m.socket?.kernel() ?? 0, uaddr, uaddrlen: 2 + (path?.length ?? 0) })
}

/** Types whose programs get the kernel's own context from the start. */
const SAME: ReadonlySet<number> = new Set([
  ProgType.KPROBE,
  ProgType.TRACING,
  ProgType.LSM,
  ProgType.STRUCT_OPS,
  ProgType.NETFILTER,
])

const VIEWS: ReadonlyMap<number, (m: Machine) => number> = new Map([
  [ProgType.XDP, xdpBuffer],
  ...[ProgType.SOCKET_FILTER, ProgType.SCHED_CLS, ProgType.SCHED_ACT, ProgType.CGROUP_SKB].map(
    type => [type, socketBuffer] as const,
  ),
  ...[ProgType.LWT_IN, ProgType.LWT_OUT, ProgType.LWT_XMIT, ProgType.LWT_SEG6LOCAL].map(type => [type, socketBuffer] as const),
  [ProgType.CGROUP_SOCK_ADDR, socketAddress],
])

const UNIX_PATH_MAX = 108

defineKfuncs({
  bpf_cast_to_kern_ctx: m => {
    const make = VIEWS.get(m.programType)
    if (make) m.retAddress(make(m))
    else if (SAME.has(m.programType)) m.retAddress(m.u32(1))
    else throw new NotImplemented(`bpf_cast_to_kern_ctx in programs of type ${m.programType}`, m.where())
  },
  /** bpf_sock_addr_set_sun_path(sa_kern, sun_path, len): the run's result has it as `socketPath`. */
  bpf_sock_addr_set_sun_path: m => {
    const length = m.u32(3)
    const at = m.readable(2, length)
    const family = m.memory.view.getUint32(m.context, true)
    if (family !== 1 || length === 0 || length > UNIX_PATH_MAX) m.ret(-22)
    else {
      m.extras.set('socket path', m.memory.bytes.slice(at, at + length))
      m.ret(0)
    }
  },
})
