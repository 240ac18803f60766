/** Sockets in maps: redirects of messages and packets to them, and the messages themselves (net/core/sock_map.c, filter.c; 6.12). */
import { EBADFD, EINVAL, ENOENT, EOPNOTSUPP, EPROTOTYPE, EAFNOSUPPORT } from '../errno.js'
import { VmFault } from '../fault.js'
import type { Machine } from '../machine.js'
import { ReuseportArray, SocketMap } from '../maps/socket-maps.js'
import { MessageBuffer } from '../programs/message-buffer.js'
import { TCP_ESTABLISHED, TCP_LISTEN, type VmSocket } from '../sockets.js'
import { defineHelpers } from './table.js'

const SK_DROP = 0
const SK_PASS = 1
const BPF_F_INGRESS = 1n

function socketMap(m: Machine, register: number): SocketMap {
  const map = m.map(register)
  if (!(map instanceof SocketMap)) throw new VmFault(`map ${map.def.name} holds no sockets`)
  return map
}

/** sock_map_redirect_allowed. */
const takesData = ({ isTcp, state }: VmSocket) => (isTcp ? state !== TCP_LISTEN : state === TCP_ESTABLISHED)

function redirect(m: Machine, hash: boolean, message: boolean): void {
  const map = socketMap(m, 2)
  const flags = m.u64(4)
  const key = hash ? m.readable(3, map.def.keySize) : indexKey(m)
  const socket = flags & ~BPF_F_INGRESS ? undefined : map.socketAt(key)
  if (!socket || !takesData(socket) || (message && !(flags & BPF_F_INGRESS) && !socket.isTcp)) {
    m.ret(SK_DROP)
    return
  }
  const numeric = map.def.keySize === 4 ? { key: m.memory.view.getUint32(key, true) } : {}
  m.redirects.push({ kind: 'socket', ifindex: 0, map: map.def.name, ...numeric, flags, socket })
  m.ret(SK_PASS)
}

/** An index given as a number, in memory. */
function indexKey(m: Machine): number {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, m.u32(3), true)
  return m.map(2).scratchKey(bytes)
}

/** Operations of sock_ops in which the socket may go into a map (sock_map_op_okay). */
const MAY_ADD = [4, 5, 11]

function add(m: Machine): void {
  const map = socketMap(m, 2)
  if (!m.socket) throw new VmFault('the run has no socket: give it one (fixture `socket`)')
  if (!m.socket.isTcp || !MAY_ADD.includes(m.memory.view.getUint32(m.context, true))) m.ret(-EOPNOTSUPP)
  else m.ret(map.put(m.readable(3, map.def.keySize), m.socket, m.hi[4] === 0 ? m.u32(4) : 0xffff_ffff))
}

function message(m: Machine): MessageBuffer {
  if (!(m.packet instanceof MessageBuffer)) throw new VmFault('a helper of messages in a program without one')
  return m.packet
}

/** bpf_sk_select_reuseport(reuse, map, key, flags): one of the group that the run's socket belongs to. */
function selectReuseport(m: Machine): void {
  const map = socketMap(m, 2)
  const chosen = map.socketAt(m.readable(3, map.def.keySize))
  if (!chosen) {
    m.ret(-ENOENT)
    return
  }
  const group = chosen.fixture.reuseport
  const asked = m.socket
  if (group === undefined) m.ret(map instanceof ReuseportArray ? -ENOENT : -EINVAL)
  else if (asked && asked.fixture.reuseport !== group) {
    if (asked.protocol !== chosen.protocol) m.ret(-EPROTOTYPE)
    else m.ret(asked.family !== chosen.family ? -EAFNOSUPPORT : -EBADFD)
  } else {
    m.selected = chosen
    m.ret(0)
  }
}

defineHelpers([
  { id: 52, name: 'bpf_sk_redirect_map', run: m => redirect(m, false, false) },
  { id: 53, name: 'bpf_sock_map_update', run: add },
  { id: 60, name: 'bpf_msg_redirect_map', run: m => redirect(m, false, true) },
  {
    id: 61,
    name: 'bpf_msg_apply_bytes',
    run: m => {
      message(m).applyBytes = m.u32(2)
      m.ret(0)
    },
  },
  {
    id: 62,
    name: 'bpf_msg_cork_bytes',
    run: m => {
      message(m).corkBytes = m.u32(2)
      m.ret(0)
    },
  },
  {
    id: 63,
    name: 'bpf_msg_pull_data',
    run: m => m.ret(m.u64(4) !== 0n ? -EINVAL : message(m).pull(m.u32(2), m.u32(3))),
  },
  { id: 70, name: 'bpf_sock_hash_update', run: add },
  { id: 71, name: 'bpf_msg_redirect_hash', run: m => redirect(m, true, true) },
  { id: 72, name: 'bpf_sk_redirect_hash', run: m => redirect(m, true, false) },
  { id: 82, name: 'bpf_sk_select_reuseport', run: selectReuseport },
  {
    id: 90,
    name: 'bpf_msg_push_data',
    run: m => m.ret(m.u64(4) !== 0n ? -EINVAL : message(m).push(m.u32(2), m.u32(3))),
  },
  {
    id: 91,
    name: 'bpf_msg_pop_data',
    run: m => m.ret(m.u64(4) !== 0n ? -EINVAL : message(m).pop(m.u32(2), m.u32(3))),
  },
])
