/**
 * Sockets and cgroups of packets, and lookups among the sockets that the test put into the network (net/core/filter.c, 6.12). Where
 * the test gave none, nobody is found, as on a machine where nobody listens.
 */
import { EAFNOSUPPORT, EEXIST, EINVAL, ENETUNREACH, EOPNOTSUPP, EPROTOTYPE, ESOCKTNOSUPPORT } from '../errno.js'
import { VmFault } from '../fault.js'
import type { Machine } from '../machine.js'
import { skbState } from '../programs/skb.js'
import { AF_INET, AF_INET6, AF_UNIX, IPPROTO_TCP, IPPROTO_UDP, TCP_CLOSE, type VmSocket } from '../sockets.js'
import { defineHelpers, defineKfuncs } from './table.js'

const BPF_PROG_TYPE_SCHED_ACT = 4
const BPF_PROG_TYPE_SCHED_CLS = 3
const BPF_SK_LOOKUP_F_REPLACE = 1
const BPF_SK_LOOKUP_F_NO_REUSEPORT = 2

const none = (m: Machine) => m.retAddress(0)

/** The socket an argument points to; NULL gives undefined. */
export function socketAt(m: Machine, register: number): VmSocket | undefined {
  if (m.isNull(register)) return undefined
  const socket = m.hi[register] === 0 ? m.sockets.at(m.u32(register)) : undefined
  if (!socket) throw new VmFault(`argument ${register} is no socket: give the run one (fixture \`socket\`)`)
  return socket
}

/** The socket that an argument stands for: a socket itself, or a context, which stands for the run's. */
export function socketOf(m: Machine, register: number): VmSocket | undefined {
  return (m.hi[register] === 0 ? m.sockets.at(m.u32(register)) : undefined) ?? m.socket
}

/** A lookup by `struct bpf_sock_tuple`; helpers for one protocol. */
function lookup(protocol: number) {
  return (m: Machine): void => {
    const size = m.u32(3)
    const netns = m.s32(4)
    if ((size !== 12 && size !== 36) || m.u64(5) !== 0n || (netns >= 0 && m.hi[4] !== 0)) {
      m.retAddress(0)
      return
    }
    const at = m.readable(2, size)
    const { view, bytes } = m.memory
    const width = size === 12 ? 4 : 16
    const found = m.sockets.find(
      {
        family: width === 4 ? AF_INET : AF_INET6,
        protocol,
        remote: { address: bytes.slice(at, at + width), port: view.getUint16(at + 2 * width, false) },
        local: { address: bytes.slice(at + width, at + 2 * width), port: view.getUint16(at + 2 * width + 2, false) },
      },
      netns < 0 ? undefined : netns,
    )
    m.retAddress(found?.address ?? 0)
  }
}

/** Casts to the kernel's own structs; the socket must be of that kind. */
function cast(fits: (socket: VmSocket) => boolean) {
  return (m: Machine): void => {
    const socket = socketAt(m, 1)
    m.retAddress(socket && fits(socket) ? socket.kernel() : 0)
  }
}

/** bpf_sk_assign in tc programs: the socket a packet is handed to. */
function assignToPacket(m: Machine): void {
  const socket = socketAt(m, 2)
  if (!socket || m.u64(3) !== 0n) m.ret(-EINVAL)
  else if (socket.fixture.netns !== undefined) m.ret(-ENETUNREACH)
  else if (socket.isUdp ? socket.local.port === 0 : socket.state === TCP_CLOSE) m.ret(-EOPNOTSUPP)
  else choose(m, socket, 0n)
}

function choose(m: Machine, socket: VmSocket | undefined, flags: bigint): void {
  m.selected = socket
  if (socket) m.redirects.push({ kind: 'assign', ifindex: 0, flags, socket })
  m.ret(0)
}

/** bpf_sk_assign in sk_lookup programs (bpf_sk_lookup_assign); NULL takes a choice back. */
function assignLookup(m: Machine): void {
  const socket = socketAt(m, 2)
  const flags = m.u64(3)
  const { view } = m.memory
  const family = view.getUint32(m.context + 8, true)
  const protocol = view.getUint32(m.context + 12, true)
  if (flags & ~BigInt(BPF_SK_LOOKUP_F_REPLACE | BPF_SK_LOOKUP_F_NO_REUSEPORT)) m.ret(-EINVAL)
  else if (socket && (socket.isTcp ? !socket.isListening : socket.isUdp && socket.state !== TCP_CLOSE)) m.ret(-ESOCKTNOSUPPORT)
  else if (socket && socket.protocol !== protocol) m.ret(-EPROTOTYPE)
  else if (socket && socket.family !== family && socket.family === AF_INET) m.ret(-EAFNOSUPPORT)
  else if (m.selected && !(flags & BigInt(BPF_SK_LOOKUP_F_REPLACE))) m.ret(-EEXIST)
  else {
    choose(m, socket, flags)
    m.memory.writePointer(m.context, socket?.address ?? 0)
  }
}

const cgroupOf = (m: Machine, register: number) =>
  socketOf(m, register)?.fixture.cgroupId ?? skbState(m)?.cgroupId ?? m.env.task.cgroupId

const ancestorOf = (m: Machine, register: number, level: number) =>
  (socketOf(m, register)?.fixture.cgroupAncestors ?? m.env.task.cgroupAncestors)[level] ?? 0n

defineHelpers([
  { id: 17, name: 'bpf_get_cgroup_classid', run: m => m.retAddress(m.env.task.classId) },
  { id: 24, name: 'bpf_get_route_realm', run: m => m.retAddress(m.env.routeRealm) },
  { id: 46, name: 'bpf_get_socket_cookie', run: m => m.ret64(socketOf(m, 1)?.cookie ?? 1n) },
  { id: 47, name: 'bpf_get_socket_uid', run: m => m.retAddress(m.socket?.uid ?? m.env.task.uid) },
  { id: 79, name: 'bpf_skb_cgroup_id', run: m => m.ret64(cgroupOf(m, 1)) },
  { id: 83, name: 'bpf_skb_ancestor_cgroup_id', run: m => m.ret64(ancestorOf(m, 1, m.u32(2))) },
  { id: 84, name: 'bpf_sk_lookup_tcp', run: lookup(IPPROTO_TCP) },
  { id: 85, name: 'bpf_sk_lookup_udp', run: lookup(IPPROTO_UDP) },
  { id: 86, name: 'bpf_sk_release', run: m => m.ret(0) },
  { id: 95, name: 'bpf_sk_fullsock', run: m => m.retAddress(m.u32(1)) },
  { id: 96, name: 'bpf_tcp_sock', run: m => m.retAddress(socketOf(m, 1)?.tcp() ?? 0) },
  { id: 98, name: 'bpf_get_listener_sock', run: m => m.retAddress(socketAt(m, 1)?.isListening ? m.u32(1) : 0) },
  { id: 99, name: 'bpf_skc_lookup_tcp', run: lookup(IPPROTO_TCP), partial: 'there are no request and time-wait sockets' },
  { id: 122, name: 'bpf_get_netns_cookie', run: m => m.ret64(BigInt((m.socket?.fixture.netns ?? 0) + 1)) },
  {
    id: 124,
    name: 'bpf_sk_assign',
    run: m =>
      m.programType === BPF_PROG_TYPE_SCHED_CLS || m.programType === BPF_PROG_TYPE_SCHED_ACT
        ? assignToPacket(m)
        : assignLookup(m),
  },
  { id: 128, name: 'bpf_sk_cgroup_id', run: m => m.ret64(cgroupOf(m, 1)) },
  { id: 129, name: 'bpf_sk_ancestor_cgroup_id', run: m => m.ret64(ancestorOf(m, 1, m.u32(2))) },
  { id: 136, name: 'bpf_skc_to_tcp6_sock', run: cast(({ isTcp, family }) => isTcp && family === AF_INET6) },
  { id: 137, name: 'bpf_skc_to_tcp_sock', run: cast(({ isTcp }) => isTcp) },
  { id: 138, name: 'bpf_skc_to_tcp_timewait_sock', run: none, partial: 'there are no time-wait sockets' },
  { id: 139, name: 'bpf_skc_to_tcp_request_sock', run: none, partial: 'there are no request sockets' },
  { id: 140, name: 'bpf_skc_to_udp6_sock', run: cast(({ isUdp, family }) => isUdp && family === AF_INET6) },
  { id: 151, name: 'bpf_skb_cgroup_classid', run: m => m.retAddress(m.env.task.classId) },
  { id: 178, name: 'bpf_skc_to_unix_sock', run: cast(({ family }) => family === AF_UNIX) },
  { id: 196, name: 'bpf_skc_to_mptcp_sock', run: none, partial: 'there are no MPTCP sockets' },
])

/** bpf_sock_destroy(sock): closed as by the kernel, so that lookups have it no more. */
defineKfuncs({
  bpf_sock_destroy: m => {
    const socket = socketOf(m, 1)
    socket?.close()
    m.ret(socket ? 0 : -EOPNOTSUPP)
  },
})
