/**
 * Sockets and cgroups of packets. The VM's network has no sockets but the one a packet came with, so lookups find nothing, as on a
 * machine where nobody listens.
 */
import { EINVAL } from '../errno.js'
import type { Machine } from '../machine.js'
import { skbState } from '../programs/skb.js'
import { defineHelpers } from './table.js'

const none = (m: Machine) => m.retAddress(0)
const noSockets = 'there are no sockets to find'

/** A made-up but lasting cookie for the socket of the context. */
const cookie = (m: Machine) => m.ret64(1n)

/** BPF_FIB_LKUP_RET_NOT_FWDED: the answer of a machine without routes. */
const NOT_FORWARDED = 4

defineHelpers([
  {
    id: 69,
    name: 'bpf_fib_lookup',
    run: m => m.ret(m.u32(3) < 64 || m.u32(4) & ~0x3f ? -EINVAL : NOT_FORWARDED),
    partial: 'there are no routes',
  },
  { id: 17, name: 'bpf_get_cgroup_classid', run: none },
  { id: 24, name: 'bpf_get_route_realm', run: none },
  { id: 46, name: 'bpf_get_socket_cookie', run: cookie, partial: 'every packet has the same socket' },
  { id: 47, name: 'bpf_get_socket_uid', run: m => m.retAddress(m.env.task.uid) },
  { id: 79, name: 'bpf_skb_cgroup_id', run: m => m.ret64(skbState(m)?.cgroupId ?? m.env.task.cgroupId) },
  {
    id: 83,
    name: 'bpf_skb_ancestor_cgroup_id',
    run: m => m.ret64(m.env.task.cgroupAncestors[m.u32(2)] ?? 0n),
  },
  { id: 84, name: 'bpf_sk_lookup_tcp', run: none, partial: noSockets },
  { id: 85, name: 'bpf_sk_lookup_udp', run: none, partial: noSockets },
  { id: 86, name: 'bpf_sk_release', run: m => m.ret(0) },
  { id: 95, name: 'bpf_sk_fullsock', run: m => m.retAddress(m.u32(1)) },
  { id: 96, name: 'bpf_tcp_sock', run: none, partial: 'packets have no TCP sockets' },
  { id: 98, name: 'bpf_get_listener_sock', run: none, partial: noSockets },
  { id: 99, name: 'bpf_skc_lookup_tcp', run: none, partial: noSockets },
  { id: 122, name: 'bpf_get_netns_cookie', run: m => m.ret64(1n) },
  { id: 128, name: 'bpf_sk_cgroup_id', run: m => m.ret64(m.env.task.cgroupId) },
  { id: 129, name: 'bpf_sk_ancestor_cgroup_id', run: m => m.ret64(m.env.task.cgroupAncestors[m.u32(2)] ?? 0n) },
  { id: 136, name: 'bpf_skc_to_tcp6_sock', run: none, partial: 'packets have no TCP sockets' },
  { id: 137, name: 'bpf_skc_to_tcp_sock', run: none, partial: 'packets have no TCP sockets' },
  { id: 138, name: 'bpf_skc_to_tcp_timewait_sock', run: none, partial: 'packets have no TCP sockets' },
  { id: 139, name: 'bpf_skc_to_tcp_request_sock', run: none, partial: 'packets have no TCP sockets' },
  { id: 140, name: 'bpf_skc_to_udp6_sock', run: none, partial: 'packets have no UDP sockets' },
  { id: 151, name: 'bpf_skb_cgroup_classid', run: none },
])
