/**
 * bpf_fib_lookup over the routes and neighbours that the test gives (net/core/filter.c, bpf_ipv4_fib_lookup, 6.12): the longest prefix
 * decides. Without routes no packet is forwarded, as on a machine that has none.
 */
import type { NeighbourFixture, RouteFixture } from '../environment.js'
import { EAFNOSUPPORT, EINVAL, ENODEV } from '../errno.js'
import type { Machine } from '../machine.js'
import { ipBytes, macBytes } from '../packets/addresses.js'
import { AF_INET, AF_INET6 } from '../sockets.js'
import { packetOf } from './packet.js'
import { defineHelpers } from './table.js'

const BPF_PROG_TYPE_XDP = 6
const PARAMS_BYTES = 64
const SKIP_NEIGH = 4
const SOURCE = 16
const ALL_FLAGS = 63
const ETH_HLEN = 14
const DEFAULT_MTU = 1500

const Result = {
  SUCCESS: 0,
  BLACKHOLE: 1,
  UNREACHABLE: 2,
  PROHIBIT: 3,
  NOT_FWDED: 4,
  NO_NEIGH: 7,
  FRAG_NEEDED: 8,
  NO_SRC_ADDR: 9,
}
const refusals = { blackhole: Result.BLACKHOLE, unreachable: Result.UNREACHABLE, prohibit: Result.PROHIBIT }

/** Offsets in `struct bpf_fib_lookup`. */
const FAMILY = 0
const TOT_LEN = 6
const IFINDEX = 8
const METRIC = 12
const SRC = 16
const DST = 32
const VLAN = 48
const SMAC = 52
const DMAC = 58

function matches(route: RouteFixture, address: Uint8Array): number {
  const [text = '', length] = route.destination.split('/')
  const prefix = ipBytes(text)
  const bits = length === undefined ? prefix.length * 8 : Number(length)
  if (prefix.length !== address.length || !(bits >= 0 && bits <= prefix.length * 8)) return -1
  for (let bit = 0; bit < bits; bit++) if (((prefix[bit >> 3]! ^ address[bit >> 3]!) >> (7 - (bit & 7))) & 1) return -1
  return bits
}

function bestRoute(routes: readonly RouteFixture[], address: Uint8Array): RouteFixture | undefined {
  let best: RouteFixture | undefined
  let longest = -1
  for (const route of routes) {
    const bits = matches(route, address)
    if (bits > longest) {
      longest = bits
      best = route
    }
  }
  return best
}

const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, index) => byte === b[index])

function neighbourOf(neighbours: readonly NeighbourFixture[], address: Uint8Array): NeighbourFixture | undefined {
  return neighbours.find(each => same(ipBytes(each.address), address))
}

function lookup(m: Machine): void {
  const size = m.u32(3)
  const flags = m.u32(4)
  if (size < PARAMS_BYTES || flags & ~ALL_FLAGS) {
    m.ret(-EINVAL)
    return
  }
  const at = m.writable(2, PARAMS_BYTES)
  const family = m.memory.bytes[at + FAMILY]
  if (family !== AF_INET && family !== AF_INET6) m.ret(-EAFNOSUPPORT)
  else m.ret(forward(m, at, family === AF_INET ? 4 : 16, flags))
}

/** Fills the parameters in; the answer is one of BPF_FIB_LKUP_RET_. */
function forward(m: Machine, at: number, width: number, flags: number): number {
  const { view, bytes } = m.memory
  const { routes, neighbours, devices } = m.env
  const mtuOf = (ifindex: number) => devices.get(ifindex)?.mtu ?? DEFAULT_MTU
  if (devices.size > 0 && !devices.has(view.getUint32(at + IFINDEX, true))) return -ENODEV
  const route = bestRoute(routes, bytes.slice(at + DST, at + DST + width))
  if (!route) return Result.NOT_FWDED
  if (route.type !== undefined) return refusals[route.type]
  const length = view.getUint16(at + TOT_LEN, true)
  const mtu = route.mtu ?? mtuOf(route.ifindex)
  if (length > mtu) {
    view.setUint16(at + TOT_LEN, mtu, true)
    return Result.FRAG_NEEDED
  }
  view.setUint32(at + METRIC, route.metric ?? 0, true)
  view.setUint32(at + IFINDEX, route.ifindex, true)
  if (flags & SOURCE) {
    if (route.source === undefined) return Result.NO_SRC_ADDR
    m.memory.write(at + SRC, ipBytes(route.source))
  }
  let next = bytes.slice(at + DST, at + DST + width)
  if (route.gateway !== undefined) {
    next = Uint8Array.from(ipBytes(route.gateway))
    if (next.length !== width) bytes[at + FAMILY] = AF_INET6
    m.memory.write(at + DST, next)
  }
  if (!(flags & SKIP_NEIGH)) {
    const neighbour = neighbourOf(neighbours, next)
    if (!neighbour) return Result.NO_NEIGH
    m.memory.write(at + DMAC, macBytes(neighbour.mac))
    m.memory.write(at + SMAC, macBytes(devices.get(route.ifindex)?.mac ?? '00:00:00:00:00:00'))
  }
  view.setUint32(at + VLAN, 0, true)
  if (length > 0) view.setUint16(at + TOT_LEN, mtu, true)
  else if (m.programType !== BPF_PROG_TYPE_XDP && m.packet) {
    view.setUint16(at + TOT_LEN, mtuOf(route.ifindex), true)
    if (packetOf(m).length > mtuOf(route.ifindex) + ETH_HLEN) return Result.FRAG_NEEDED
  }
  return Result.SUCCESS
}

defineHelpers([{ id: 69, name: 'bpf_fib_lookup', run: lookup, partial: 'one routing table, without rules and paths of several' }])
