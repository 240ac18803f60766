/** Where packets go: redirects to devices and through maps, recorded in the run's result; VLAN tags and tunnel keys of skbs. */
import { EINVAL, EPROTONOSUPPORT } from '../errno.js'
import { VmFault } from '../fault.js'
import { RedirectMap } from '../maps/object-arrays.js'
import type { Machine, Redirect } from '../machine.js'
import { packetOf, resizeAt } from './packet.js'
import { defineHelpers } from './table.js'

const XDP_ABORTED = 0
const XDP_REDIRECT = 4
const TC_ACT_SHOT = 2
const TC_ACT_REDIRECT = 7
const BPF_PROG_TYPE_XDP = 6
const BPF_F_BROADCAST = 8

function record(m: Machine, redirect: Redirect): void {
  m.redirects.push(redirect)
}

/** bpf_redirect(ifindex, flags). */
function redirect(m: Machine): void {
  const flags = m.u64(2)
  if (m.programType === BPF_PROG_TYPE_XDP) {
    if (flags !== 0n) {
      m.ret(XDP_ABORTED)
      return
    }
  } else if (flags & ~1n) {
    m.ret(TC_ACT_SHOT)
    return
  }
  record(m, { kind: 'ifindex', ifindex: m.u32(1), flags })
  m.ret(m.programType === BPF_PROG_TYPE_XDP ? XDP_REDIRECT : TC_ACT_REDIRECT)
}

function cloneRedirect(m: Machine): void {
  const flags = m.u64(3)
  if (flags & ~1n) {
    m.ret(-EINVAL)
    return
  }
  const { devices } = m.env
  if (m.u32(2) === 0 || (devices.size > 0 && !devices.has(m.u32(2)))) {
    m.ret(-EINVAL)
    return
  }
  record(m, { kind: 'clone', ifindex: m.u32(2), flags, packet: packetOf(m).bytes() })
  m.ret(0)
}

/** bpf_redirect_map(map, key, flags): the low two bits of the flags are the verdict for a key that is not there. */
function redirectMap(m: Machine): void {
  const map = m.map(1)
  if (!(map instanceof RedirectMap)) throw new VmFault(`map ${map.def.name} holds nothing to redirect to`)
  const flags = m.u32(3)
  const key = m.u32(2)
  const broadcast = (flags & BPF_F_BROADCAST) !== 0
  const target = broadcast ? 0 : map.atIndex(key)
  if (flags & ~0x1f) m.ret(XDP_ABORTED)
  else if (target === undefined) m.ret(flags & 3)
  else {
    record(m, { kind: 'map', ifindex: target, map: map.def.name, key, flags: BigInt(flags) })
    m.ret(XDP_REDIRECT)
  }
}

function tcRedirect(m: Machine, kind: 'peer' | 'neigh', flags: bigint): void {
  if (flags !== 0n) {
    m.ret(TC_ACT_SHOT)
    return
  }
  record(m, { kind, ifindex: m.u32(1), flags })
  m.ret(TC_ACT_REDIRECT)
}

const VLAN_PRESENT = 20
const VLAN_TCI = 24
const VLAN_PROTO = 28

/** bpf_skb_vlan_push(skb, proto, tci): the tag stays beside the packet; one that was there goes into it. */
function vlanPush(m: Machine): void {
  const { view } = m.memory
  const proto = m.u32(2) & 0xffff
  if (proto !== 0x0081 && proto !== 0xa888) {
    m.ret(-EPROTONOSUPPORT)
    return
  }
  if (view.getUint32(m.context + VLAN_PRESENT, true)) {
    if (!resizeAt(m, 12, 4)) {
      m.ret(-EINVAL)
      return
    }
    const at = packetOf(m).data + 12
    view.setUint16(at, view.getUint32(m.context + VLAN_PROTO, true), true)
    view.setUint16(at + 2, view.getUint32(m.context + VLAN_TCI, true), false)
  }
  view.setUint32(m.context + VLAN_PRESENT, 1, true)
  view.setUint32(m.context + VLAN_TCI, m.u32(3) & 0xffff, true)
  view.setUint32(m.context + VLAN_PROTO, proto, true)
  m.ret(0)
}

function vlanPop(m: Machine): void {
  const { view } = m.memory
  if (view.getUint32(m.context + VLAN_PRESENT, true)) {
    for (const field of [VLAN_PRESENT, VLAN_TCI, VLAN_PROTO]) view.setUint32(m.context + field, 0, true)
    m.ret(0)
    return
  }
  const at = packetOf(m).data + 12
  const type = view.getUint16(at, false)
  if (packetOf(m).length >= 18 && (type === 0x8100 || type === 0x88a8)) resizeAt(m, 12, -4)
  m.ret(0)
}

/** Tunnel keys and options are kept as the bytes the program gave. */
function setTunnel(m: Machine, what: string): void {
  const size = m.u32(3)
  const at = m.readable(2, size)
  m.extras.set(what, m.memory.bytes.slice(at, at + size))
  m.ret(0)
}

function getTunnel(m: Machine, what: string): void {
  const size = m.u32(3)
  const to = m.writable(2, size)
  const kept = m.extras.get(what) as Uint8Array | undefined
  m.memory.bytes.fill(0, to, to + size)
  if (!kept) m.ret(-EINVAL)
  else {
    m.memory.write(to, kept.subarray(0, size))
    m.ret(what === 'tunnel options' ? kept.length : 0)
  }
}

const tunnel = 'the key is what the program or the test set, not read from a tunnel device'

defineHelpers([
  { id: 13, name: 'bpf_clone_redirect', run: cloneRedirect },
  { id: 18, name: 'bpf_skb_vlan_push', run: vlanPush },
  { id: 19, name: 'bpf_skb_vlan_pop', run: vlanPop },
  { id: 20, name: 'bpf_skb_get_tunnel_key', run: m => getTunnel(m, 'tunnel key'), partial: tunnel },
  { id: 21, name: 'bpf_skb_set_tunnel_key', run: m => setTunnel(m, 'tunnel key'), partial: tunnel },
  { id: 23, name: 'bpf_redirect', run: redirect },
  { id: 29, name: 'bpf_skb_get_tunnel_opt', run: m => getTunnel(m, 'tunnel options'), partial: tunnel },
  { id: 30, name: 'bpf_skb_set_tunnel_opt', run: m => setTunnel(m, 'tunnel options'), partial: tunnel },
  { id: 51, name: 'bpf_redirect_map', run: redirectMap, partial: 'devices, CPUs and sockets are numbers' },
  { id: 152, name: 'bpf_redirect_neigh', run: m => tcRedirect(m, 'neigh', m.u64(4)) },
  { id: 155, name: 'bpf_redirect_peer', run: m => tcRedirect(m, 'peer', m.u64(2)) },
])
